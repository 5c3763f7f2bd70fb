package nnwit_test

import (
	"context"
	"errors"
	"log"
	"os"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/internal/nntest"
	"github.com/wasinn/wasinn/component/wasinn/nnwit"
	"github.com/wasinn/wasinn/component/wasip2"
)

// A host that runs a program which uses wasi-nn. The engine here is one for
// tests; a host has backends/onnxruntime or another.
func Example() {
	ctx := context.Background()
	wasm, err := os.ReadFile("../../../guests/prebuilt/nncli.component.wasm")
	if err != nil {
		log.Fatal(err)
	}
	service, err := wasinn.New(wasinn.Config{Backends: backends.NewSet(nntest.New())})
	if err != nil {
		log.Fatal(err)
	}

	rt, err := component.NewRuntime(ctx, component.NewConfig())
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close(ctx)
	guest, err := rt.Compile(ctx, wasm)
	if err != nil {
		log.Fatal(err)
	}
	l := component.NewLinker(rt)
	wasi := wasip2.NewConfig().WithStdout(os.Stdout).WithArgs("nncli", "--name", "nobody")
	if err := errors.Join(wasip2.AddToLinker(l, wasi), nnwit.AddToLinker(l, service)); err != nil {
		log.Fatal(err)
	}
	inst, err := l.Instantiate(ctx, guest)
	if err != nil {
		log.Fatal(err)
	}
	defer inst.Close(ctx)

	run, err := inst.Func("wasi:cli/run@0.2.0#run")
	if err != nil {
		log.Fatal(err)
	}
	_, err = run.Call(ctx)
	var exit *component.ExitError
	if errors.As(err, &exit) {
		os.Stdout.WriteString(exit.Error())
	}
	// Output:
	// error load code=not-found data=no graph "nobody": this host has no registry of graphs
	// guest exited with code 1
}
