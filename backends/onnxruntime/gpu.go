package onnxruntime

import "strings"

// GPUError says why models cannot run on a GPU here, and what would help.
type GPUError struct {
	// Reason is what is missing, Remedy what to do about it.
	Reason, Remedy string
	// Err is what ONNX Runtime said; it may be nil.
	Err error
}

// Error holds the reason and what to do.
func (e *GPUError) Error() string { return "no GPU: " + e.Reason + "; " + e.Remedy }

// Unwrap returns the cause.
func (e *GPUError) Unwrap() error { return e.Err }

const (
	getBuild  = "run `wasinn setup onnxruntime --gpu`, which gets a build with CUDA support for Linux on x86-64"
	getCUDA   = "install CUDA 13 and cuDNN 9, and name their folders in LD_LIBRARY_PATH when the system does not know them"
	getDriver = "install a current NVIDIA driver, and see that nvidia-smi lists the GPU"
)

// gpuError tells from ONNX Runtime's words what is missing: it has one code for
// all.
func gpuError(err error) error {
	text := cleanMessage(err.Error())
	for _, c := range []struct{ sign, reason, remedy string }{
		{sharedProvider + ": cannot open", "this ONNX Runtime comes without " + sharedProvider + ", as builds for the CPU do", getBuild},
		{cudaLibrary + ": cannot open", "this ONNX Runtime comes without " + cudaLibrary + ", as builds for the CPU do", getBuild},
		{"libcuda.so", "the NVIDIA driver's library is missing", getDriver},
		{"cannot open shared object file", "a library of CUDA is missing", getCUDA},
		{"no CUDA-capable device", "CUDA finds no device", getDriver},
		{"driver version is insufficient", "the NVIDIA driver is older than CUDA needs", getDriver},
		{"invalid device ordinal", "CUDA has no device of this number", "choose another device"},
	} {
		if strings.Contains(text, c.sign) {
			return &GPUError{c.reason + " (" + text + ")", c.remedy, err}
		}
	}
	return &GPUError{"CUDA does not start (" + text + ")", getDriver, err}
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
