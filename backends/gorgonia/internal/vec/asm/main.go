// Command asm writes the assembly of package vec, the Go declarations of it, and
// the functions that choose between its versions at run time.
//
// It is a module of its own, so that the assembler's generator (avo) is no
// dependency of the project. Run it by go generate in package vec.
package main

import (
	"flag"
	"fmt"
	"os"

	. "github.com/mmcloughlin/avo/build"
)

func main() {
	amd64 := flag.String("dispatch", "dispatch_amd64.go", "where to write the choice between versions")
	other := flag.String("fallback", "dispatch_other.go", "where to write the same names for other machines")

	ConstraintExpr("!purego")
	for _, o := range ops {
		for _, m := range o.machines() {
			o.emit(m)
		}
	}
	for _, c := range conversions {
		c.emit()
	}
	emitTranspose8x8()
	flag.Parse()
	write(*amd64, dispatchAMD64())
	write(*other, dispatchOther())
	Generate()
}

func write(path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
