// Command generate writes the models and pictures that the guest in
// guests/walk works with:
//
//	go run ./testsuite/walk/generate FOLDER
package main

import (
	"fmt"
	"os"

	"github.com/wasinn/wasinn/testsuite/walk"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: generate FOLDER")
		os.Exit(1)
	}
	if err := walk.Write(os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "generate:", err)
		os.Exit(1)
	}
}
