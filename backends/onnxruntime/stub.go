//go:build !cgo || !(linux || darwin)

package onnxruntime

import (
	"context"
	"errors"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/internal/onnxfile"
	"github.com/wasinn/wasinn/backends/internal/onnxload"
)

// errNotBuilt says why this build has no engine.
var errNotBuilt = errors.New("this wasinn is built without ONNX Runtime: build it with CGO_ENABLED=1 and a C compiler, on Linux or macOS")

// engine is what a build with cgo keeps its library in.
type engine struct{}

func (b *Backend) info(context.Context) (Info, error) { return Info{}, errNotBuilt }

func (b *Backend) check(context.Context) error { return errNotBuilt }

func (b *Backend) load(context.Context, *onnxfile.Model, backends.LoadOptions) (backends.Graph, error) {
	return nil, onnxload.HostError(backends.UnsupportedOperation, errNotBuilt, "this host is built without ONNX Runtime")
}
