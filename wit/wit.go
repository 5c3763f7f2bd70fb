// Package wit holds the interface texts that wasinn speaks, and parses WIT.
//
// The texts are those of the standards: the three published versions of
// wasi:nn, side by side, and WASI 0.2. Packages, names, types and their order are
// exactly the standards'; the comments are this project's own.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/WIT.md
package wit

import (
	"embed"
	"fmt"
	"io/fs"

	model "go.bytecodealliance.org/wit"
)

//go:embed wasi/*/*.wit wasi-nn/*/*.wit
var texts embed.FS

// Texts returns the interface texts: wasi/NAME/package.wit and
// wasi-nn/VERSION/wasi-nn.wit, each one package.
func Texts() fs.FS { return texts }

// Load parses all of [Texts].
func Load() (*model.Resolve, error) {
	sources, err := Read(texts)
	if err != nil {
		return nil, err
	}
	return Parse(sources...)
}

// Read returns every file in fsys whose name ends in .wit, in the order of
// their paths.
func Read(fsys fs.FS) ([]Source, error) {
	var sources []Source
	err := fs.WalkDir(fsys, ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !isWIT(path) {
			return err
		}
		text, err := fs.ReadFile(fsys, path)
		sources = append(sources, Source{Path: path, Text: string(text)})
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("read wit texts: %w", err)
	}
	return sources, nil
}
