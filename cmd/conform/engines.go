package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/backends/onnxruntime"
)

// engines are the engines that cases run on, by name.
var engines = map[string]func() (backends.Backend, error){
	gorgonia.Name:    func() (backends.Backend, error) { return gorgonia.New(gorgonia.Config{}) },
	onnxruntime.Name: func() (backends.Backend, error) { return onnxruntime.New(onnxruntime.Config{}) },
}

// engineEnvironment is what the processes of engines are started with. ONNX
// Runtime refuses operator sets newer than its release knows as final unless it
// is told not to, and reads that when its library is loaded.
var engineEnvironment = []string{"ALLOW_RELEASED_ONNX_OPSET_ONLY=0"}

// newEngine makes an engine and checks that it can run here.
func newEngine(ctx context.Context, name string) (backends.Backend, error) {
	make, ok := engines[name]
	if !ok {
		return nil, fmt.Errorf("--backend %q is not in this build: expected one of %s", name, strings.Join(engineNames(), ", "))
	}
	engine, err := make()
	if err != nil {
		return nil, err
	}
	if c, ok := engine.(backends.Checker); ok {
		if err := c.Check(ctx); err != nil {
			return nil, fmt.Errorf("--backend %s: %w", name, err)
		}
	}
	return engine, nil
}

func engineNames() []string {
	var names []string
	for name := range engines {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
