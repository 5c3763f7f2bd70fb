package component_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/wasinn/wasinn/component"
)

// FuzzComponent checks that no bytes end the process or run on: they are
// refused by one of the stages, with its own type of error, or they compile,
// instantiate and close within the limits.
func FuzzComponent(f *testing.F) {
	seeds, err := filepath.Glob("testdata/*.wasm")
	if err != nil || len(seeds) == 0 {
		f.Fatal(seeds, err)
	}
	// The official suite, where it lies beside the repository, has one of everything.
	suite, err := filepath.Glob("../../shared/suites/component-model/json/*/*/*.wasm")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range append(seeds, suite...) {
		wasm, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wasm)
	}
	ctx := context.Background()
	cfg := component.NewConfig().WithEngine(component.EngineInterpreter).
		WithMemoryLimit(1 << 20).WithTableLimit(1000).WithPlanLimit(1000).WithCoreInstanceLimit(20).WithHandleLimit(100)
	rt, err := component.NewRuntime(ctx, cfg)
	if err != nil {
		f.Fatal(err)
	}
	l := component.NewLinker(rt)
	f.Fuzz(func(t *testing.T, wasm []byte) {
		ctx, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		defer cancel()
		c, err := rt.Compile(ctx, wasm)
		if err != nil {
			var decode *component.DecodeError
			var validate *component.ValidateError
			var link *component.LinkError
			if !errors.As(err, &decode) && !errors.As(err, &validate) && !errors.As(err, &link) && ctx.Err() == nil {
				t.Errorf("%T: %v", err, err)
			}
			return
		}
		defer c.Close(ctx)
		inst, err := l.Instantiate(ctx, c)
		if err != nil {
			return
		}
		for _, e := range c.Exports() {
			if fn, err := inst.Func(e.Name); err == nil && len(fn.Type().Params) == 0 {
				_, _ = fn.Call(ctx)
			}
		}
		if err := inst.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
}
