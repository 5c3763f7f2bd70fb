// Package wast runs WebAssembly test scripts in the JSON form that
// wasm-tools json-from-wast writes: a list of commands, with the modules and
// components that they name as files beside it.
package wast

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Script is one test script.
type Script struct {
	// Source is the .wast file that it was made of.
	Source   string    `json:"source_filename"`
	Commands []Command `json:"commands"`
	// Dir is where the files are that commands name.
	Dir string `json:"-"`
}

// Command is one command of a script. Which fields are set depends on Type.
type Command struct {
	Type       string  `json:"type"`
	Line       int     `json:"line"`
	Name       string  `json:"name"`            // of the module that a command defines
	Filename   string  `json:"filename"`        // in Script.Dir
	ModuleType string  `json:"module_type"`     // binary or text
	Binary     string  `json:"binary_filename"` // the binary of a text module, when it has one
	Instance   string  `json:"instance"`        // that module_instance makes
	Module     string  `json:"module"`          // that module_instance instantiates; empty for the last
	Action     *Action `json:"action"`
	Expected   []Value `json:"expected"`
	Text       string  `json:"text"` // of the error that is expected
	As         string  `json:"as"`   // the name that register gives
}

// Action is a call of an exported function (invoke), or the value of an exported global (get).
type Action struct {
	Type   string  `json:"type"`
	Module string  `json:"module"` // the instance; empty for the last
	Field  string  `json:"field"`
	Args   []Value `json:"args"`
}

// Load reads a script.
func Load(path string) (*Script, error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	s := &Script{Dir: filepath.Dir(path)}
	if err := json.Unmarshal(b, s); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return s, nil
}
