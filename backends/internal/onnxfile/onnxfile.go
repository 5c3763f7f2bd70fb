// Package onnxfile reads the structure of ONNX files: enough of it to tell them
// from other files, and to keep from ONNX Runtime what is known to harm it.
//
// It checks that the bytes are a protobuf message whose known fields have their
// types all the way down, and the limits below. It does not check that the
// graph makes sense: that is ONNX Runtime's work.
//
// See https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
package onnxfile

import "fmt"

// Limits of a file.
const (
	// MaxBytes is the most that protobuf allows.
	MaxBytes = 1<<31 - 1
	// MaxDepth is how deep graphs, types and calls of functions may be nested.
	// ONNX Runtime recurses on them.
	MaxDepth = 32
	// MaxNodes is how many nodes there may be once every model-local function
	// is put in place of its calls, as ONNX Runtime does.
	MaxNodes = 1 << 20
	// MaxRank is how many dimensions a tensor may have.
	MaxRank = 64
	// MaxElements is how many elements the sizes of one tensor may multiply to.
	MaxElements = 1 << 40
)

// Model is what a file holds, as far as this package looks.
type Model struct {
	// Bytes of the file.
	Bytes []byte
	// IRVersion of the file format.
	IRVersion int64
	// External are the tensors whose data are in other files.
	External []External
}

// External says where a tensor's data are.
type External struct {
	Tensor   string
	Location string // a path relative to the model's folder
	Offset   uint64 // bytes
	Length   uint64 // bytes, 0 to the end of the file
}

// Kind of an Error.
type Kind uint8

const (
	// Garbage is what is not ONNX.
	Garbage Kind = iota
	// Truncated is what may have been ONNX before its end was lost.
	Truncated
	// Limit is ONNX beyond one of the limits.
	Limit
)

// Error says what is wrong with a file.
type Error struct {
	Kind   Kind
	Offset int // in the file
	Reason string
}

// Error returns the reason and the offset.
func (e *Error) Error() string { return fmt.Sprintf("%s (at byte %d)", e.Reason, e.Offset) }

func garbage(at int, format string, args ...any) error {
	return &Error{Garbage, at, fmt.Sprintf(format, args...)}
}

func truncated(at int, format string, args ...any) error {
	return &Error{Truncated, at, "cut short: " + fmt.Sprintf(format, args...)}
}

func limit(at int, format string, args ...any) error {
	return &Error{Limit, at, fmt.Sprintf(format, args...)}
}

// Sniff tells whether b is an ONNX file.
func Sniff(b []byte) bool {
	_, err := Parse(b)
	return err == nil
}

// Parse reads an ONNX file. It keeps b. The error is *Error.
func Parse(b []byte) (*Model, error) {
	if len(b) == 0 {
		return nil, garbage(0, "the file is empty")
	}
	if name := foreign(b); name != "" {
		return nil, garbage(0, "this is %s", name)
	}
	p := parser{model: &Model{Bytes: b}}
	if err := p.modelProto(b); err != nil {
		return nil, err
	}
	return p.model, p.checkExpansion()
}

// foreign names the format of a file that is known not to be ONNX, for the sake
// of the error's reader.
func foreign(b []byte) string {
	for _, f := range []struct {
		at          int
		magic, name string
	}{
		{4, "TFL3", "a TensorFlow Lite model"},
		{0, "GGUF", "a GGUF (GGML) model"},
		{0, "PK\x03\x04", "a zip file, such as a PyTorch model"},
		{0, "\x80\x02", "a Python pickle, such as an old PyTorch model"},
		{0, "<?xml", "an XML file, such as an OpenVINO model"},
		{0, "<net", "an OpenVINO model"},
		{4, "ORTM", "a model in ONNX Runtime's own format, expected ONNX"},
		{0, "\x89HDF", "an HDF5 file, such as a Keras model"},
		{0, "\x00asm", "a WebAssembly module"},
		{0, "version https://git-lfs", "a pointer of Git LFS, and not the file that it stands for"},
	} {
		if len(b) >= f.at+len(f.magic) && string(b[f.at:f.at+len(f.magic)]) == f.magic {
			return f.name
		}
	}
	return ""
}
