package backends_test

import (
	"bytes"
	"testing"

	"github.com/wasinn/wasinn/backends"
)

// tinyONNX is a ModelProto: IR version 8, a graph called g, opset 17.
var tinyONNX = []byte("\x08\x08\x3a\x03\x12\x01g\x42\x02\x10\x11")

func TestSniff(t *testing.T) {
	for _, tt := range []struct {
		name string
		in   []byte
		want backends.Encoding
	}{
		{"a tiny ONNX model", tinyONNX, backends.ONNX},
		{"an ONNX model with its graph first", []byte("\x3a\x03\x12\x01g\x08\x08"), backends.ONNX},
		{"an ONNX model cut short", tinyONNX[:len(tinyONNX)-1], ""},
		{"an ONNX model with garbage after it", append(bytes.Clone(tinyONNX), 0xff), ""},
		{"an ONNX model without a graph", []byte("\x08\x08\x42\x02\x10\x11"), ""},
		{"an ONNX model with an empty graph", []byte("\x08\x08\x3a\x00"), ""},
		{"a length beyond 64 bits", []byte("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), ""},
		{"a length that would overflow an int", []byte("\x3a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), ""},
		{"a TensorFlow SavedModel", []byte("\x08\x01\x12\x02\x0a\x00"), backends.TensorFlow},
		{"OpenVINO's description", []byte("<?xml version=\"1.0\"?>\n<net name=\"x\" version=\"11\">"), backends.OpenVINO},
		{"other XML", []byte("<?xml version=\"1.0\"?><html>"), ""},
		{"GGUF", []byte("GGUF\x03\x00\x00\x00"), backends.GGML},
		{"TFLite", []byte("\x1c\x00\x00\x00TFL3\x00"), backends.TensorFlowLite},
		{"TorchScript", []byte("PK\x03\x04............model/data.pkl"), backends.PyTorch},
		{"another zip", []byte("PK\x03\x04............x/y.npy"), ""},
		{"nothing", nil, ""},
		{"zeros", make([]byte, 64), ""},
		{"wasm", []byte("\x00asm\x01\x00\x00\x00"), ""},
	} {
		got, ok := backends.Sniff([][]byte{tt.in, []byte("weights")})
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("%s: %q, %t, want %q", tt.name, got, ok, tt.want)
		}
	}
	if _, ok := backends.Sniff(nil); ok {
		t.Error("no parts are something")
	}
}

// FuzzSniff: sniffing never panics, and ONNX cut by a byte is not ONNX or
// still has its graph.
func FuzzSniff(f *testing.F) {
	f.Add(tinyONNX)
	f.Add([]byte("\x08\x01\x12\x02\x0a\x00"))
	f.Add([]byte("PK\x03\x04"))
	f.Fuzz(func(t *testing.T, b []byte) {
		enc, ok := backends.Sniff([][]byte{b})
		if ok != (enc != "") {
			t.Errorf("%q, %t", enc, ok)
		}
		if backends.IsONNX(b) && backends.IsONNX(append(bytes.Clone(b), 0)) {
			t.Error("a zero tag was taken for a field")
		}
	})
}
