package wast_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"text/tabwriter"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/internal/golden"
	"github.com/wasinn/wasinn/testsuite/wast"
)

// suiteDir is the official suite as JSON, data that lies beside the repository.
const suiteDir = "../../../shared/suites/component-model/json"

// TestSuite runs the official suite. What fails is listed with its reason in
// testdata/expected-failures.txt; a command that fails and is not listed fails
// the test, and so does one that is listed and passes.
func TestSuite(t *testing.T) {
	dir := suiteDir
	if env := os.Getenv("WASINN_SHARED"); env != "" {
		dir = filepath.Join(env, "suites/component-model/json")
	}
	files, err := filepath.Glob(filepath.Join(dir, "*/*/*.json"))
	if err != nil {
		t.Fatal(err)
	}
	if len(files) == 0 {
		t.Skip("the suite is not in ../shared beside the repository; WASINN_SHARED names another place")
	}
	for _, engine := range []component.Engine{component.EngineCompiler, component.EngineInterpreter} {
		t.Run(engine.String(), func(t *testing.T) {
			var failures bytes.Buffer
			counts := map[string][2]int{}
			for _, file := range files {
				runFile(t, engine, file, counts, &failures)
			}
			compare(t, failures.String())
			t.Log("passed, by folder and command:\n" + table(counts))
		})
	}
}

var update = flag.Lookup("update") // of package golden

// compare checks that what failed is what is listed. The reasons are for
// readers; they may be worded anew.
func compare(t *testing.T, failures string) {
	const list = "testdata/expected-failures.txt"
	if update.Value.String() == "true" {
		golden.Equal(t, list, []byte(failures))
		return
	}
	want, err := wast.LoadExpected(list)
	if err != nil {
		t.Fatal(err)
	}
	got, err := wast.ParseExpected(failures)
	if err != nil {
		t.Fatal(err)
	}
	for key, line := range got {
		if want[key] == "" {
			t.Errorf("failed and is not listed: %s", line)
		}
	}
	for key := range want {
		if got[key] == "" {
			t.Errorf("passed and is listed as failing: %s (run with -update)", key)
		}
	}
}

// features are what the suite has beyond the standard. It wants nested names
// refused.
var features = component.Features{FixedLengthLists: true, Threads: true, ErrorContext: true, MoreAsyncBuiltins: true, AsyncStackful: true}

// runFile runs one script, adds what passed to counts (passed, of all) and what failed to failures.
func runFile(t *testing.T, engine component.Engine, file string, counts map[string][2]int, failures *bytes.Buffer) {
	s, err := wast.Load(file)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	rt, err := component.NewRuntime(ctx, component.NewConfig().WithEngine(engine).WithFeatures(features))
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close(context.Background())
	runner := wast.NewRunner(rt, component.NewLinker(rt))
	runner.Engine = engine
	for _, r := range runner.Run(ctx, s) {
		key := strings.Split(s.Source, "/")[0] + "\t" + r.Command.Type
		n := counts[key]
		n[1]++
		var skip *wast.Skip
		switch {
		case r.Err == nil:
			n[0]++
		case errors.As(r.Err, &skip):
		default:
			fmt.Fprintf(failures, "%s: %s\n", wast.Key(s, r.Command), wast.Reason(r.Err))
		}
		counts[key] = n
	}
}

func table(counts map[string][2]int) string {
	var keys []string
	for k := range counts {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	var out strings.Builder
	w := tabwriter.NewWriter(&out, 0, 8, 2, ' ', 0)
	for _, k := range keys {
		fmt.Fprintf(w, "%s\t%d/%d\n", k, counts[k][0], counts[k][1])
	}
	w.Flush()
	return out.String()
}
