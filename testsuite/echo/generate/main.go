// Command generate writes the models and the cases of the conformance suite in
// testsuite/echo:
//
//	go run ./testsuite/echo/generate [DIR]
//
// DIR is the suite's folder, by default testsuite/echo. What is no longer made
// is removed from its folders models and broken.
package main

import (
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"github.com/wasinn/wasinn/testsuite/echo"
)

func main() {
	dir := "testsuite/echo"
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	if err := write(dir); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}

func write(dir string) error {
	all, err := files()
	if err != nil {
		return err
	}
	if _, err := os.Stat(dir); err != nil {
		return err
	}
	for _, folder := range []string{"models", "broken"} {
		if err := os.RemoveAll(filepath.Join(dir, folder)); err != nil {
			return err
		}
	}
	total := 0
	for _, name := range slices.Sorted(maps.Keys(all)) {
		path := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, all[name], 0o644); err != nil {
			return err
		}
		total += len(all[name])
	}
	fmt.Printf("%d files, %d bytes\n", len(all), total)
	return nil
}

// files are the suite's, by their paths in its folder.
func files() (map[string][]byte, error) {
	s := &suite{files: map[string][]byte{}}
	s.echoes()
	s.openDims()
	s.structure()
	s.errors()
	if s.err != nil {
		return nil, s.err
	}
	cases, err := marshal(s.cases)
	if err != nil {
		return nil, err
	}
	s.files["cases.json"] = cases
	return s.files, nil
}

// marshal writes one case to a line, which is how people read and compare them.
func marshal(cases []echo.Case) ([]byte, error) {
	text := []byte("[")
	for i, c := range cases {
		line, err := json.Marshal(c)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			text = append(text, ',')
		}
		text = append(append(text, '\n'), line...)
	}
	return append(text, "\n]\n"...), nil
}
