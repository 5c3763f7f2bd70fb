//go:build cgo && (linux || darwin)

package onnxruntime

import (
	"context"
	"errors"
	"path/filepath"
	"strings"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/internal/onnxload"
	"github.com/wasinn/wasinn/backends/onnxruntime/internal/ortshim"
)

// codePair is what a code means while a model is loaded and while it runs.
type codePair struct{ load, run backends.Code }

// codes says what ONNX Runtime's codes mean to wasi-nn.
var codes = map[ortshim.Code]codePair{
	ortshim.Fail:                {backends.InvalidEncoding, backends.RuntimeError},
	ortshim.InvalidArgument:     {backends.InvalidEncoding, backends.InvalidArgument},
	ortshim.NoSuchFile:          {backends.NotFound, backends.NotFound},
	ortshim.NoModel:             {backends.InvalidEncoding, backends.RuntimeError},
	ortshim.EngineError:         {backends.RuntimeError, backends.RuntimeError},
	ortshim.RuntimeException:    {backends.RuntimeError, backends.RuntimeError},
	ortshim.InvalidProtobuf:     {backends.InvalidEncoding, backends.InvalidEncoding},
	ortshim.ModelLoaded:         {backends.RuntimeError, backends.RuntimeError},
	ortshim.NotImplemented:      {backends.UnsupportedOperation, backends.UnsupportedOperation},
	ortshim.InvalidGraph:        {backends.InvalidEncoding, backends.InvalidEncoding},
	ortshim.ProviderFail:        {backends.RuntimeError, backends.RuntimeError},
	ortshim.LoadCanceled:        {backends.Timeout, backends.Timeout},
	ortshim.RequiresCompilation: {backends.UnsupportedOperation, backends.UnsupportedOperation},
	ortshim.NotFound:            {backends.NotFound, backends.NotFound},
}

func codesOf(err error) (codePair, bool) {
	var e *ortshim.Error
	if !errors.As(err, &e) {
		return codePair{}, false
	}
	c, ok := codes[e.Code]
	return c, ok
}

// loadError makes an error of what ONNX Runtime says of a model. path is the
// model's, which is kept from the guest.
func loadError(ctx context.Context, err error, path string) *backends.Error {
	if ctx.Err() != nil {
		return onnxload.Stopped(ctx, "loading")
	}
	text := cleanMessage(err.Error())
	if path != "" {
		text = strings.ReplaceAll(text, filepath.Dir(path)+string(filepath.Separator), "")
	}
	return onnxload.HostError(loadCode(err, text), err, "ONNX Runtime refuses the model: %s", text)
}

func loadCode(err error, text string) backends.Code {
	code := backends.RuntimeError
	if c, ok := codesOf(err); ok {
		code = c.load
	}
	if code == backends.InvalidEncoding && isUnsupported(text) {
		return backends.UnsupportedOperation
	}
	if isNoMemory(text) {
		return backends.TooLarge
	}
	return code
}

// isUnsupported tells, where ONNX Runtime has the same code for both, a model of
// something it lacks from a model that is wrong.
func isUnsupported(text string) bool {
	for _, sign := range []string{"is not a registered function/op", "Unsupported model IR version", "under development and support for this is limited", "No Op registered for", "is not currently registered or supported"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// isNoMemory tells a failed allocation, for which ONNX Runtime has no code.
func isNoMemory(text string) bool {
	for _, sign := range []string{"Failed to allocate memory", "bad_alloc", "Available memory of", "bad allocation", "Integer overflow", "Tensor storage size overflowed"} {
		if strings.Contains(text, sign) {
			return true
		}
	}
	return false
}

// runError makes an error of what ONNX Runtime says of a run.
func runError(ctx context.Context, err error) *backends.Error {
	if ctx.Err() != nil {
		return onnxload.Stopped(ctx, "computing")
	}
	text := cleanMessage(err.Error())
	code := backends.RuntimeError
	if c, ok := codesOf(err); ok {
		code = c.run
	}
	if isNoMemory(text) {
		code = backends.TooLarge
	}
	return onnxload.HostError(code, err, "%s", text)
}

// codeOf is the code of an error that is *backends.Error.
func codeOf(err error) backends.Code {
	var e *backends.Error
	if errors.As(err, &e) {
		return e.Code
	}
	return backends.Unknown
}
