package wast_test

import (
	"context"
	"testing"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/testsuite/wast"
)

// TestHost runs a script of our own that uses every function and resource type
// of the host instance but return-hi and resource2.
func TestHost(t *testing.T) {
	s, err := wast.Load("testdata/host/host.json")
	if err != nil {
		t.Fatal(err)
	}
	rt, err := component.NewRuntime(t.Context(), component.NewConfig())
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
