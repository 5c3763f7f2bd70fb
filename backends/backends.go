// Package backends is the contract between the wasi-nn service and an
// inference engine, and the tensors that pass between them.
//
// An engine is a [Backend]. It loads a model into a [Graph], which many
// goroutines may share; a Graph makes an [ExecutionContext], which belongs to
// one goroutine at a time. What an engine can do beyond that is found by type
// assertion: [Describer], [Checker], [Sniffer], and for what is more than a
// tensor [ValueDescriber] and [ValueComputer].
package backends

import (
	"context"
	"io"
)

// Encoding names a model format by the word wasi-nn uses for it.
type Encoding string

// The encodings of wasi-nn. Their numbers differ between WIT, witx and
// WasmEdge, so nothing here is a number.
const (
	OpenVINO       Encoding = "openvino"
	ONNX           Encoding = "onnx"
	TensorFlow     Encoding = "tensorflow"
	PyTorch        Encoding = "pytorch"
	TensorFlowLite Encoding = "tensorflowlite"
	GGML           Encoding = "ggml"
	Autodetect     Encoding = "autodetect"
)

// Target is the device a graph runs on.
type Target string

// The execution targets of wasi-nn.
const (
	CPU Target = "cpu"
	GPU Target = "gpu"
	TPU Target = "tpu"
)

// TensorInfo describes one input or output of a graph.
type TensorInfo struct {
	Name string
	Type ElementType
	// Dims has one entry per dimension, -1 where the model leaves it open.
	Dims []int64
	// Unranked is set when the model leaves the number of dimensions open too;
	// Dims is then nil, as it is for a scalar.
	Unranked bool
}

// NamedTensor is a tensor under the name the model gives it.
type NamedTensor struct {
	Name   string
	Tensor *Tensor
}

// LoadOptions say how a graph is to be loaded. The zero value leaves every
// choice to the engine.
type LoadOptions struct {
	// Encoding of the parts; never Autodetect by the time an engine sees it.
	Encoding Encoding
	// Target is CPU when empty.
	Target Target
	// IntraOpThreads within one operator, InterOpThreads between operators; 0
	// leaves the engine's default.
	IntraOpThreads, InterOpThreads int
	// Path of the model's file, when it came from the host's registry and not
	// from a guest: external data is looked for beside it, and nowhere else.
	Path string
	// Values lets inputs and outputs be whatever ONNX has: tensors of every
	// [ElementType], sequences, optionals and maps. The graph is then a
	// [ValueDescriber], its contexts are [ValueComputer]s, and an engine without
	// those answers UnsupportedOperation. Without Values, as for guests, a model
	// with inputs or outputs that are not tensors of basic types
	// ([ElementType.Basic]) is refused with UnsupportedOperation.
	Values bool
}

// Backend is an inference engine. Its methods are safe for concurrent use.
type Backend interface {
	// Name is the word users choose the engine by, such as onnxruntime.
	Name() string
	// Encodings that Load accepts.
	Encodings() []Encoding
	// Load makes a graph of a model's parts. It does not keep the parts and
	// does not change them. Errors are *Error.
	Load(ctx context.Context, parts [][]byte, opts LoadOptions) (Graph, error)
}

// Graph is a loaded model. It is safe for concurrent use; Close waits for no
// one, and contexts made before it stay valid until they are closed.
type Graph interface {
	NewContext(ctx context.Context) (ExecutionContext, error)
	io.Closer
}

// ExecutionContext computes. One goroutine may use it at a time.
type ExecutionContext interface {
	// Compute runs the model once. It matches inputs by name and returns all
	// outputs in the model's order. It neither keeps nor changes the inputs; the
	// outputs belong to the caller, who releases them. It stops soon after ctx
	// ends, with code Timeout. Errors are *Error.
	Compute(ctx context.Context, inputs []NamedTensor) ([]NamedTensor, error)
	io.Closer
}

// Describer is a Graph that can say what goes in and out, in model order.
type Describer interface {
	Inputs() []TensorInfo
	Outputs() []TensorInfo
}

// Checker is a Backend that can say whether it can run here, and what to do
// about it when it cannot.
type Checker interface {
	Check(ctx context.Context) error
}

// Sniffer is a Backend that can tell whether bytes are a model it would load.
type Sniffer interface {
	Sniff(parts [][]byte) (Encoding, bool)
}
