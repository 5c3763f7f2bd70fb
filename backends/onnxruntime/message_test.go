package onnxruntime

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestCleanMessageKeepsWhatAGuestCanUse(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"a plain message stays", "Invalid rank for input: a", "Invalid rank for input: a"},
		{"a place in the source goes, with the signature",
			"/onnxruntime_src/onnxruntime/core/graph/model.cc:181 onnxruntime::Model::Model(onnx::ModelProto&&, const std::function<int(int)>&) Unsupported model IR version: 99",
			"Unsupported model IR version: 99"},
		{"a const method, too",
			"Non-zero status code returned while running Add node. Name:'' Status Message: /src/element_wise_ops.h:540 void onnxruntime::BroadcastIterator::Init(ptrdiff_t, ptrdiff_t) const axis == 1 was false.",
			"Non-zero status code returned while running Add node. Name:'' Status Message: axis == 1 was false."},
		{"two places go", "/a/b.cc:1 x::f() /c/d.h:22 x::g(int) end", "end"},
		{"names with slashes stay", "node '/features/0/Conv' in file model.onnx", "node '/features/0/Conv' in file model.onnx"},
		{"lines become one", "a\n  b\n", "a b"},
		{"the status goes", "[ONNXRuntimeError] : 1 : FAIL : no library", "no library"},
		{"what is not UTF-8 is replaced", "a\xff", "a\uFFFD"},
		{"an unclosed signature stays", "/a/b.cc:1 x::f(int end", "x::f(int end"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if found := cleanMessage(tt.in); found != tt.want {
				t.Errorf("found %q, expected %q", found, tt.want)
			}
		})
	}
	if found := cleanMessage(strings.Repeat("ż", 10000)); len(found) > maxMessage+4 || !utf8.ValidString(found) {
		t.Errorf("a long message has %d bytes, valid: %v", len(found), utf8.ValidString(found))
	}
}

func FuzzCleanMessage(f *testing.F) {
	f.Add("/a/b.cc:1 x::f() const end")
	f.Add("[ONNXRuntimeError] : 1 : FAIL : /c.h:2 a::b((()")
	f.Fuzz(func(t *testing.T, text string) {
		if found := cleanMessage(text); len(found) > maxMessage+4 || !utf8.ValidString(found) {
			t.Errorf("%d bytes, valid: %v", len(found), utf8.ValidString(found))
		}
	})
}
