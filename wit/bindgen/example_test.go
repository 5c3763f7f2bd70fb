package bindgen_test

import (
	"fmt"
	"log"

	"github.com/wasinn/wasinn/wit"
	"github.com/wasinn/wasinn/wit/bindgen"
)

func ExampleGenerate() {
	r, err := wit.Parse(wit.Source{Path: "greet.wit", Text: `
		package example:greet@1.0.0;

		interface hello {
			/// Returns a greeting.
			greet: func(name: string) -> string;
		}
	`})
	if err != nil {
		log.Fatal(err)
	}
	files, err := bindgen.Generate(r, bindgen.Config{Root: "example.com/project/gen"})
	if err != nil {
		log.Fatal(err)
	}
	for _, f := range files {
		fmt.Println(f.Path)
	}
	// Output: example/greet/hello/hello.go
}
