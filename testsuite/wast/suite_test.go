package wast_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"testing"
	"text/tabwriter"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/testsuite/wast"
)

const suite = "../../../shared/suites/component-model/json"

func suiteDir(t *testing.T) string {
	for _, dir := range []string{os.Getenv("WASINN_SUITE"), "../../../shared/suites/component-model/json", "../../../../shared/suites/component-model/json"} {
		if dir == "" {
			continue
		}
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
	}
	t.Skip("../shared is not here: the official suite is data of this project's workplace")
	return ""
}

func TestSuite(t *testing.T) {
	dir := suiteDir(t)
	files, err := filepath.Glob(filepath.Join(dir, "*/*/*.json"))
	if err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	type count struct{ pass, total int }
	counts := map[[2]string]*count{}
	for _, file := range files {
		s, err := wast.Load(file)
		if err != nil {
			t.Fatal(err)
		}
		folder := filepath.Base(filepath.Dir(filepath.Dir(file)))
		rt, err := component.NewRuntime(ctx, component.NewConfig())
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range wast.NewRunner(rt, component.NewLinker(rt)).Run(ctx, s) {
			k := [2]string{folder, r.Command.Type}
			if counts[k] == nil {
				counts[k] = &count{}
			}
			counts[k].total++
			if r.Err == nil {
				counts[k].pass++
			} else if folder != "async" {
				t.Logf("%s:%d: %s: %v", s.Source, r.Command.Line, r.Command.Type, r.Err)
			}
		}
		rt.Close(ctx)
	}
	var keys [][2]string
	for k := range counts {
		keys = append(keys, k)
	}
	sort.Slice(keys, func(i, j int) bool { return fmt.Sprint(keys[i]) < fmt.Sprint(keys[j]) })
	w := tabwriter.NewWriter(os.Stdout, 0, 8, 1, ' ', 0)
	for _, k := range keys {
		fmt.Fprintf(w, "%s\t%s\t%d/%d\n", k[0], k[1], counts[k].pass, counts[k].total)
	}
	w.Flush()
}
