package component_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
)

// A guest that greets whom the host names: its import is a Go function, its
// export is called by name.
func Example() {
	ctx := context.Background()
	wasm, err := os.ReadFile("testdata/greeter.wasm")
	if err != nil {
		log.Fatal(err)
	}
	rt, err := component.NewRuntime(ctx, component.NewConfig().WithMemoryLimit(64<<20))
	if err != nil {
		log.Fatal(err)
	}
	defer rt.Close(ctx)
	greeter, err := rt.Compile(ctx, wasm)
	if err != nil {
		log.Fatal(err)
	}

	l := component.NewLinker(rt)
	err = l.DefineFunc("example:greeter/host@0.1.0", "name", abi.FuncType(abi.None, abi.String),
		abi.CanonLower(abi.None, abi.String, func(c *abi.Call, _ abi.Unit) (string, error) {
			return "Gopher", nil
		}))
	if err != nil {
		log.Fatal(err)
	}
	inst, err := l.Instantiate(ctx, greeter)
	if err != nil {
		log.Fatal(err)
	}
	defer inst.Close(ctx)

	greet, err := inst.Func("example:greeter/greeter@0.1.0#greet")
	if err != nil {
		log.Fatal(err)
	}
	greeting, err := greet.Call(ctx)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(greeting)
	// Output: Hello, Gopher
}
