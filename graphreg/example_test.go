package graphreg_test

import (
	"fmt"
	"log"

	"github.com/wasinn/wasinn/graphreg"
)

// The spellings of this project, wasmtime and WasmEdge.
func ExampleParseGraphFlag() {
	for _, e := range []struct {
		parse func(string) (graphreg.Entry, error)
		flag  string
	}{
		{graphreg.ParseGraphFlag, "digits@1.2=models/digits.onnx,threads=2"},
		{graphreg.ParseWasmtimeGraph, "onnx::models/squeezenet"},
		{graphreg.ParseWasmEdgeGraph, "default:ONNX:CPU:models/digits.onnx"},
	} {
		entry, err := e.parse(e.flag)
		if err != nil {
			log.Fatal(err)
		}
		fmt.Println(entry.FullName(), entry.Files[0].Path)
	}
	// Output:
	// digits@1.2 models/digits.onnx
	// squeezenet models/squeezenet/model.onnx
	// default models/digits.onnx
}
