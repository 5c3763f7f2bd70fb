package backends

import (
	"bytes"
	"encoding/binary"
)

// Sniff tells the encoding of a model by the first of its parts, as far as
// formats have marks of their own. It reads each byte at most once and keeps
// nothing.
func Sniff(parts [][]byte) (Encoding, bool) {
	if len(parts) == 0 {
		return "", false
	}
	b := parts[0]
	for _, f := range []struct {
		enc Encoding
		is  func([]byte) bool
	}{
		{GGML, isGGUF}, {TensorFlowLite, isTFLite}, {PyTorch, isTorchScript}, {OpenVINO, isOpenVINO},
		{ONNX, IsONNX}, {TensorFlow, isSavedModel},
	} {
		if f.is(b) {
			return f.enc, true
		}
	}
	return "", false
}

func isGGUF(b []byte) bool { return bytes.HasPrefix(b, []byte("GGUF")) }

func isTFLite(b []byte) bool { return len(b) >= 8 && string(b[4:8]) == "TFL3" }

// isTorchScript looks for a zip archive with a pickle in it.
func isTorchScript(b []byte) bool {
	return bytes.HasPrefix(b, []byte("PK\x03\x04")) && bytes.Contains(b[:min(len(b), 4096)], []byte("data.pkl"))
}

// isOpenVINO looks for the root element of an IR description.
func isOpenVINO(b []byte) bool {
	b = bytes.TrimLeft(bytes.TrimPrefix(b, []byte("\xef\xbb\xbf")), " \t\r\n")
	if !bytes.HasPrefix(b, []byte("<")) {
		return false
	}
	return bytes.Contains(b[:min(len(b), 1024)], []byte("<net "))
}

// Protobuf wire types.
const (
	wireVarint = 0
	wireI64    = 1
	wireLen    = 2
	wireI32    = 5
)

// onnxModelFields are the fields of ONNX's ModelProto and their wire types.
//
// See https://github.com/onnx/onnx/blob/main/onnx/onnx.proto
var onnxModelFields = map[uint64]byte{
	1: wireVarint, 2: wireLen, 3: wireLen, 4: wireLen, 5: wireVarint, 6: wireLen, 7: wireLen, 8: wireLen,
	14: wireLen, 20: wireLen, 25: wireLen, 26: wireLen,
}

// onnxGraphFields are the fields of ONNX's GraphProto; all have bytes.
var onnxGraphFields = map[uint64]byte{
	1: wireLen, 2: wireLen, 5: wireLen, 10: wireLen, 11: wireLen, 12: wireLen, 13: wireLen, 14: wireLen,
	15: wireLen, 16: wireLen,
}

// maxFields bounds the walk over a message that has nothing but tiny fields.
const maxFields = 1 << 20

// IsONNX says whether b is an ONNX ModelProto: known fields only, of their
// wire types, with lengths that fit, and a graph whose first field is one of
// GraphProto's.
func IsONNX(b []byte) bool {
	hasGraph := false
	for n := 0; len(b) > 0; n++ {
		num, wire, payload, rest, ok := nextField(b)
		if want, known := onnxModelFields[num]; !ok || !known || want != wire || n > maxFields {
			return false
		}
		if num == 7 && len(payload) > 0 {
			num, wire, _, _, ok := nextField(payload)
			if want, known := onnxGraphFields[num]; !ok || !known || want != wire {
				return false
			}
			hasGraph = true
		}
		b = rest
	}
	return hasGraph
}

// isSavedModel looks for TensorFlow's SavedModel: a schema version, then
// meta graphs and nothing else.
func isSavedModel(b []byte) bool {
	graphs := 0
	for n := 0; len(b) > 0; n++ {
		num, wire, _, rest, ok := nextField(b)
		isVersion, isGraph := num == 1 && wire == wireVarint, num == 2 && wire == wireLen
		if !ok || !(isVersion || isGraph) || n > maxFields {
			return false
		}
		if isGraph {
			graphs++
		}
		b = rest
	}
	return graphs > 0
}

// nextField reads one field of a protobuf message. payload is empty unless the
// wire type is wireLen.
func nextField(b []byte) (num uint64, wire byte, payload, rest []byte, ok bool) {
	key, n := binary.Uvarint(b)
	if n <= 0 {
		return 0, 0, nil, nil, false
	}
	num, wire, b = key>>3, byte(key&7), b[n:]
	switch wire {
	case wireVarint:
		_, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, 0, nil, nil, false
		}
		return num, wire, nil, b[n:], num != 0
	case wireI64, wireI32:
		size := 8
		if wire == wireI32 {
			size = 4
		}
		if len(b) < size {
			return 0, 0, nil, nil, false
		}
		return num, wire, nil, b[size:], num != 0
	case wireLen:
		length, n := binary.Uvarint(b)
		if n <= 0 || length > uint64(len(b)-n) {
			return 0, 0, nil, nil, false
		}
		return num, wire, b[n : n+int(length)], b[n+int(length):], num != 0
	}
	return 0, 0, nil, nil, false
}
