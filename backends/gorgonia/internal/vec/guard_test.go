package vec

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/guard"
)

// The functions here are those with loops of their own in assembly; the others share
// theirs with one of them.
func TestNothingBeyondRowsIsTouched(t *testing.T) {
	atEachLevel(t, func(t *testing.T) {
		r := rand.New(rand.NewPCG(15, 16))
		for _, side := range []guard.Side{guard.Before, guard.Behind} {
			const most = 75
			row := func() func(n int) []float32 {
				whole := guard.Copy(t, side, finite(r, most))
				return func(n int) []float32 { return part(whole, side, n) }
			}
			a, b, c, dst := row(), row(), row(), row()
			halves, bytes, words := guard.Slice[uint16](t, side, most), guard.Slice[uint8](t, side, most), guard.Slice[int32](t, side, most)
			for n := 1; n <= most; n++ {
				a, b, c, dst := a(n), b(n), c(n), dst(n)
				halves, bytes, words := part(halves, side, n), part(bytes, side, n), part(words, side, n)
				for name, f := range map[string]func(){
					"Add": func() { Add(dst, a, b) }, "MulAdd": func() { MulAdd(dst, a, b, c) }, "ScaleAdd": func() { ScaleAdd(dst, 2, a, b) },
					"Relu": func() { Relu(dst, a) }, "Clip": func() { Clip(dst, a, 0, 1) }, "Exp": func() { Exp(dst, a) }, "Log": func() { Log(dst, a) },
					"Gelu": func() { Gelu(dst, a) }, "Mish": func() { Mish(dst, a) }, "Sum": func() { Sum(a) }, "Dot": func() { Dot(a, b) }, "MaxOf": func() { MaxOf(a) },
					"Variance": func() { Variance(a, 1) }, "Softmax": func() { Softmax(dst, a) }, "LogSoftmax": func() { LogSoftmax(dst, a) },
					"LayerNorm": func() { LayerNorm(dst, a, b, c, 1) },
					"float16":   func() { Float32ToFloat16(halves, a); Float16ToFloat32(dst, halves) },
					"bfloat16":  func() { Float32ToBfloat16(halves, a); Bfloat16ToFloat32(dst, halves) },
					"int32":     func() { Int32ToFloat32(dst, words) },
					"uint8":     func() { QuantizeUint8(bytes, a, 0.1, 3); DequantizeUint8(dst, bytes, 0.1, 3) },
				} {
					guard.Run(t, fmt.Sprintf("%s of %d", name, n), f)
				}
			}
			for _, size := range [][2]int{{8, 8}, {16, 9}, {24, 25}, {31, 16}} {
				rows, cols := size[0], size[1]
				src, dst := guard.Slice[float32](t, side, rows*cols), guard.Slice[float32](t, side, rows*cols)
				guard.Run(t, fmt.Sprintf("Transpose of %dx%d", rows, cols), func() { Transpose(dst, rows, src, cols, rows, cols) })
			}
		}
	})
}

// part is the end of a slice, or its beginning, that a guard is next to.
func part[T any](s []T, side guard.Side, n int) []T {
	if side == guard.Behind {
		return s[len(s)-n:]
	}
	return s[:n:n]
}
