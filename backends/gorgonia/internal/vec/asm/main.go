// Command asm writes the assembly of packages vec and conv, the Go declarations of
// it, and the functions and tables by which it is chosen at run time.
//
// It is a module of its own, so that the assembler's generator (avo) is no
// dependency of the project. Run it by go generate in either package.
package main

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"

	. "github.com/mmcloughlin/avo/build"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/neon"
)

func main() {
	set := flag.String("set", "vec", "what to write: the functions of package vec, or the kernels of conv")
	amd64 := flag.String("dispatch", "", "where to write the choice between versions, in Go")
	other := flag.String("fallback", "", "where to write the same names for other machines, in Go")
	// The flags are parsed before there is anything to generate.
	flag.Parse()

	ConstraintExpr("!purego")
	switch *set {
	case "vec":
		for _, o := range ops {
			for _, m := range o.machines() {
				o.emit(m)
			}
		}
		for _, c := range conversions {
			c.emit()
		}
		emitTranspose8x8()
		write(*amd64, dispatchAMD64())
		write(*other, dispatchOther())
		writeNEON("../vec", "vec", "dispatch", dispatchARM64(), func(file *neon.File) {
			for _, o := range ops {
				o.emitNEON(file)
			}
			for _, c := range conversions {
				c.emitNEON(file)
			}
			emitTransposeTilesNEON(file)
		})
	case "conv":
		emitConv()
		emitDepthwise()
		emitPooling()
		write(*amd64, tileTables()+depthwiseTables()+poolingTables())
		writeNEON("../../conv/kernel", "conv", "tables", tablesNEON(), emitConvNEON)
	default:
		fmt.Fprintf(os.Stderr, "asm: there is no set %q: use vec or conv\n", *set)
		os.Exit(1)
	}
	Generate()
}

// writeNEON writes what arm64 has: the assembly, its declarations and the choice.
func writeNEON(path, pkg, choice, text string, emit func(file *neon.File)) {
	file := neon.NewFile(pkg, "command: go generate")
	emit(file)
	write(path+"_arm64.s", string(file.Assembly()))
	write(path+"_arm64.go", string(file.Stubs()))
	write(filepath.Join(filepath.Dir(path), choice+"_arm64.go"), text)
}

func write(path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
