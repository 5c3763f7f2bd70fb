package testsuite

import (
	"strings"
	"testing"
)

// TestGuestOf2022: a guest that speaks wasi_ephemeral_nn as it was in 2022, with
// five functions and six errnos, prints what today's prints.
func TestGuestOf2022(t *testing.T) {
	engine(t)
	pics := pictures(t)
	run := func(guest string, args ...string) outcome {
		args = append([]string{"run", "--dir-ro", "guests", "--registry", "guests/models", "guests/prebuilt/" + guest}, args...)
		return wasinn(t, args...)
	}
	for _, args := range [][]string{
		append([]string{"bytes", "guests/models/digits/model.onnx"}, pics...),
		append([]string{"batch", "bytes", "guests/models/digits/model.onnx"}, pics...),
		{"bytes", "guests/README.md", "guests/pictures/1.pgm"},
	} {
		t.Run(strings.Join(args[:2], " "), func(t *testing.T) {
			got, want := run("assemblyscript-2022.p1.wasm", args...), run("assemblyscript-digits.p1.wasm", args...)
			if got != want {
				t.Errorf("the guest of 2022 gives\n%+v\nand today's\n%+v", got, want)
			}
		})
	}
}
