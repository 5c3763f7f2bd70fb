package onnxruntime

import "strings"

// GPUError says why models cannot run on a GPU here, and what would help.
type GPUError struct {
	// Reason is what is missing.
	Reason string
	// Err is what ONNX Runtime said; it may be nil.
	Err error
}

// Error holds the reason and what to do.
func (e *GPUError) Error() string {
	return "no GPU: " + e.Reason + "; run `wasinn setup onnxruntime --gpu` for a build with CUDA support, or use --gpu off"
}

// Unwrap returns the cause.
func (e *GPUError) Unwrap() error { return e.Err }

// gpuError tells from ONNX Runtime's words what is missing: it has one code for
// all.
func gpuError(err error) error {
	text := cleanMessage(err.Error())
	for _, c := range []struct{ sign, reason string }{
		{"libonnxruntime_providers_shared", "the library's folder lacks libonnxruntime_providers_shared"},
		{"cannot open shared object file", "a library that CUDA support needs is missing"},
		{"libonnxruntime_providers_cuda", "the library's folder lacks libonnxruntime_providers_cuda, which holds the CUDA support"},
		{"no CUDA-capable device", "CUDA finds no device"},
		{"driver version is insufficient", "the NVIDIA driver is older than the CUDA libraries"},
		{"invalid device ordinal", "there is no CUDA device of this number"},
	} {
		if strings.Contains(text, c.sign) {
			return &GPUError{Reason: c.reason + " (" + text + ")", Err: err}
		}
	}
	return &GPUError{Reason: text, Err: err}
}

// probeModel is out = Identity(in) on a float scalar, the smallest model that a
// provider can be tried with.
var probeModel = []byte("\x08\x08" + // ir_version 8
	"\x3a\x35" + // graph
	"\x0a\x13\x0a\x02in\x12\x03out\x22\x08Identity" + // node
	"\x12\x01g" + // name
	"\x5a\x0c\x0a\x02in\x12\x06\x0a\x04\x08\x01\x12\x00" + // input
	"\x62\x0d\x0a\x03out\x12\x06\x0a\x04\x08\x01\x12\x00" + // output
	"\x42\x02\x10\x0d") // opset 13
