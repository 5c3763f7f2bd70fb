package vec

import (
	"fmt"
	"math/rand/v2"
	"testing"
)

// BenchmarkRows measures some functions over rows that the first-level cache holds
// and over rows that no cache holds.
func BenchmarkRows(b *testing.B) {
	r := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{2048, 4 << 20} {
		x, y, dst := finite(r, n), finite(r, n), make([]float32, n)
		for _, bb := range []struct {
			name string
			f    func()
		}{
			{"Add", func() { Add(dst, x, y) }},
			{"AddScalar", func() { AddScalar(dst, x, 1) }},
			{"Relu", func() { Relu(dst, x) }},
			{"Max", func() { Max(dst, x, y) }},
			{"Div", func() { Div(dst, x, y) }},
			{"Sum", func() { Sum(x) }},
			{"MaxOf", func() { MaxOf(x) }},
			{"Exp", func() { Exp(dst, x) }},
			{"Log", func() { Log(dst, y) }},
			{"Tanh", func() { Tanh(dst, x) }},
			{"Sigmoid", func() { Sigmoid(dst, x) }},
			{"Erf", func() { Erf(dst, x) }},
			{"Gelu", func() { Gelu(dst, x) }},
			{"Softmax", func() { Softmax(dst, x) }},
			{"LayerNorm", func() { LayerNorm(dst, x, y, y, 1e-5) }},
		} {
			b.Run(fmt.Sprintf("%s of %d", bb.name, n), func(b *testing.B) {
				atEachLevelOf(b, func(b *testing.B) {
					for b.Loop() {
						bb.f()
					}
					b.ReportMetric(b.Elapsed().Seconds()*1e9/float64(b.N)/float64(n), "ns/element")
					b.ReportMetric(0, "ns/op")
				})
			})
		}
	}
}
