// Command demo does wasinn's main job on real input and checks it: it has the
// digits guests classify the sample pictures, each guest with the model named
// in the registry and with the model handed over as bytes, and prints a table.
// Its exit code is 0 only when every answer is right.
//
// It runs the wasinn binary as a user would, from the top of the repository.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/backends/onnxruntime"
)

const (
	pictureDir  = "guests/pictures"
	registryDir = "guests/models"
	modelFile   = "guests/models/digits/model.onnx"
	prebuiltDir = "guests/prebuilt"
)

// guest is a program to run, and what it speaks.
type guest struct{ file, language, iface string }

var guests = []guest{
	{"c-digits.component.wasm", "C", "component, wasi:nn@0.2.0-rc-2024-10-28"},
	{"c-digits.p1.wasm", "C", "preview 1, wasi_ephemeral_nn"},
	{"rust-digits.component.wasm", "Rust", "component, wasi:nn@0.2.0-rc-2024-10-28"},
	{"rust-digits.p1.wasm", "Rust", "preview 1, wasi_ephemeral_nn"},
}

func main() {
	wasinn := flag.String("wasinn", "bin/wasinn", "the `binary` to run")
	backends := flag.String("backends", "", "engines to run on, separated by `commas`; empty: gorgonia, and onnxruntime when it is here")
	flag.Parse()
	if *backends == "" {
		*backends = engines()
	}
	ok, err := demo(context.Background(), *wasinn, strings.Split(*backends, ","))
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		os.Exit(2)
	}
	if !ok {
		os.Exit(1)
	}
}

// engines are those that need no download: the one in pure Go, and ONNX Runtime where it
// has been set up.
func engines() string {
	if _, _, err := onnxruntime.Locate(onnxruntime.Config{}); err != nil {
		fmt.Fprintln(os.Stderr, "demo: without ONNX Runtime, which `bin/wasinn setup onnxruntime` gets")
		return gorgonia.Name
	}
	return gorgonia.Name + "," + onnxruntime.Name
}

func demo(ctx context.Context, wasinn string, backends []string) (bool, error) {
	pictures, err := filepath.Glob(filepath.Join(pictureDir, "*.pgm"))
	if err != nil || len(pictures) == 0 {
		return false, fmt.Errorf("no pictures in %s: run this from the top of the repository", pictureDir)
	}
	for i := range pictures {
		pictures[i] = filepath.ToSlash(pictures[i])
	}
	t := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, "GUEST\tINTERFACE\tBACKEND\tMODEL\tRIGHT\tANSWER\tTIME")
	var failed []string
	for _, g := range guests {
		for _, backend := range backends {
			for _, how := range []string{"by name", "as bytes"} {
				r := runGuest(ctx, wasinn, g, backend, how, pictures)
				verdict := fmt.Sprintf("%d of %d", r.right, len(pictures))
				fmt.Fprintf(t, "%s (%s)\t%s\t%s\t%s\t%s\t%s\t%s\n", g.file, g.language, g.iface, backend, how, verdict, r.answers, r.took.Round(time.Millisecond))
				if r.err != nil {
					failed = append(failed, fmt.Sprintf("%s, %s, %s: %v", g.file, backend, how, r.err))
				}
			}
		}
	}
	if err := t.Flush(); err != nil {
		return false, err
	}
	for _, f := range failed {
		fmt.Fprintln(os.Stderr, "demo:", f)
	}
	return len(failed) == 0, nil
}

// result is what one run of a guest gave.
type result struct {
	right   int
	answers string // the digits answered, in the order of the pictures
	took    time.Duration
	err     error
}

func runGuest(ctx context.Context, wasinn string, g guest, backend, how string, pictures []string) result {
	args := []string{"run", "--quiet", "--backend", backend, "--dir-ro", "guests"}
	if how == "by name" {
		args = append(args, "--registry", registryDir, filepath.Join(prebuiltDir, g.file), "name", "digits")
	} else {
		args = append(args, filepath.Join(prebuiltDir, g.file), "bytes", modelFile)
	}
	start := time.Now()
	cmd := exec.CommandContext(ctx, wasinn, append(args, pictures...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	r := check(string(out), pictures)
	r.took = time.Since(start)
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		r.err = fmt.Errorf("%w; its output ends with: %s", err, lastLine(string(out)))
	case err != nil:
		r.err = err
	case r.right != len(pictures):
		r.err = fmt.Errorf("%d of %d answers are right", r.right, len(pictures))
	}
	return r
}

// check reads a guest's output: after each picture's line, its first top line
// is the answer. A picture's label is the first character of its file's name.
func check(out string, pictures []string) result {
	var r result
	var picture string
	answer := map[string]string{}
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if p, ok := strings.CutPrefix(line, "picture "); ok {
			picture = p
		}
		if class, ok := strings.CutPrefix(line, "top 1 class="); ok && answer[picture] == "" {
			answer[picture], _, _ = strings.Cut(class, " ")
		}
	}
	var digits strings.Builder
	for _, p := range pictures {
		a := answer[p]
		if a == filepath.Base(p)[:1] {
			r.right++
		}
		if a == "" {
			a = "?"
		}
		digits.WriteString(a)
	}
	r.answers = digits.String()
	return r
}

func lastLine(s string) string {
	lines := strings.Split(strings.TrimSpace(s), "\n")
	return lines[len(lines)-1]
}
