package wasinn_test

import (
	"context"
	"fmt"
	"log"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/internal/nntest"
)

// A service with one engine, and a guest that computes once. The engine here
// is one for tests; a host has backends/onnxruntime or another.
func ExampleNew() {
	ctx := context.Background()
	engine := nntest.New()
	x := backends.TensorInfo{Name: "x", Type: backends.U8, Dims: []int64{-1}}
	model := engine.Add("identity", engine.Identity(x))

	svc, err := wasinn.New(wasinn.Config{Backends: backends.NewSet(engine)})
	if err != nil {
		log.Fatal(err)
	}
	guest := wasinn.NewSession(svc)
	defer guest.Close()
	graph, err := guest.Load(ctx, [][]byte{model}, backends.Autodetect, backends.CPU)
	if err != nil {
		log.Fatal(err)
	}
	execution, err := graph.NewContext(ctx)
	if err != nil {
		log.Fatal(err)
	}
	tensor, err := backends.NewTensor([]uint32{3}, backends.U8, []byte{1, 2, 3})
	if err != nil {
		log.Fatal(err)
	}
	outputs, err := execution.Compute(ctx, []backends.NamedTensor{{Name: "x", Tensor: tensor}})
	if err != nil {
		log.Fatal(err)
	}
	defer guest.Release(outputs...)
	fmt.Println(outputs[0].Name, outputs[0].Tensor.Data())
	// Output: out_x [1 2 3]
}
