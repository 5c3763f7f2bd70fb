// Package onnxload is what every engine that takes ONNX models does alike: it checks
// what is to be loaded before the engine sees it, and the inputs of a computation
// against what the model says.
package onnxload

import (
	"context"
	"errors"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/internal/onnxfile"
)

// MaxThreads bounds the threads that a configuration or a registry can ask for.
const MaxThreads = 1024

// Check checks everything about a load that needs no engine: the options, the number
// and size of the parts, the file's structure, and where it has external data.
//
// engine is its name, maxBytes the most a model may have. The error is
// *backends.Error.
func Check(engine string, maxBytes int, parts [][]byte, opts backends.LoadOptions) (*onnxfile.Model, error) {
	if opts.Encoding != backends.ONNX {
		return nil, backends.Errorf(backends.InvalidEncoding, "encoding %q was asked for, %s loads onnx", opts.Encoding, engine)
	}
	if opts.IntraOpThreads < 0 || opts.InterOpThreads < 0 || opts.IntraOpThreads > MaxThreads || opts.InterOpThreads > MaxThreads {
		return nil, backends.Errorf(backends.InvalidArgument, "%d threads within and %d between operators: expected 0 to %d",
			opts.IntraOpThreads, opts.InterOpThreads, MaxThreads)
	}
	if len(parts) != 1 {
		return nil, backends.Errorf(backends.InvalidArgument, "an ONNX model comes in 1 part, found %d", len(parts))
	}
	if len(parts[0]) > maxBytes {
		return nil, backends.Errorf(backends.TooLarge, "the model has %d bytes, at most %d are allowed", len(parts[0]), maxBytes)
	}
	model, err := onnxfile.Parse(parts[0])
	if err != nil {
		return nil, modelError(err)
	}
	return model, checkExternal(model, opts.Path)
}

// modelError makes the error for a file that does not pass onnxfile.
func modelError(err error) *backends.Error {
	code := backends.InvalidEncoding
	if e, ok := err.(*onnxfile.Error); ok && e.Kind == onnxfile.Limit {
		code = backends.TooLarge
	}
	return backends.Errorf(code, "not a usable ONNX model: %w", err)
}

// HostError is an error whose cause, which may name paths, stays with the host.
func HostError(code backends.Code, cause error, format string, args ...any) *backends.Error {
	e := backends.Errorf(code, format, args...)
	e.Err = cause
	return e
}

// Stopped is the error of what the end of ctx has stopped.
func Stopped(ctx context.Context, what string) *backends.Error {
	cause := context.Cause(ctx)
	if errors.Is(cause, context.DeadlineExceeded) {
		return HostError(backends.Timeout, cause, "%s took longer than is allowed", what)
	}
	return HostError(backends.Timeout, cause, "%s was cancelled", what)
}
