package wast_test

import (
	"context"
	"path"
	"testing"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/testsuite/wast"
)

// TestScripts runs scripts of our own: host uses every function and resource type
// of the host instance but return-hi and resource2; linked has definitions
// that import from other instances of the script; proposals what is not standard yet.
func TestScripts(t *testing.T) {
	for _, script := range []string{"testdata/host/host.json", "testdata/linked/linked.json", "testdata/proposals/proposals.json"} {
		t.Run(path.Base(script), func(t *testing.T) { runScript(t, script) })
	}
}

func runScript(t *testing.T, script string) {
	s, err := wast.Load(script)
	if err != nil {
		t.Fatal(err)
	}
	rt, err := component.NewRuntime(t.Context(), component.NewConfig().WithFeatures(component.Features{FixedLengthLists: true, NestedNames: true}))
	if err != nil {
		t.Fatal(err)
	}
	defer rt.Close(context.Background())
	l := component.NewLinker(rt)
	if err := wast.DefineHost(l); err != nil {
		t.Fatal(err)
	}
	for _, r := range wast.NewRunner(rt, l).Run(t.Context(), s) {
		if r.Err != nil {
			t.Errorf("%s: %v", wast.Key(s, r.Command), r.Err)
		}
	}
}
