package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
)

// checkOf compares small whole numbers, whose products are exact in every type, and wraps.
func checkOf[T Number](t *testing.T, p *pool.Pool, m, n, k int, value func(rng *rand.Rand) T) {
	t.Helper()
	rng := rand.New(rand.NewPCG(uint64(m), uint64(n*1000+k)))
	fill := func(n int) []T {
		s := make([]T, n)
		for i := range s {
			s[i] = value(rng)
		}
		return s
	}
	for mode := range 16 {
		a := Matrix[T]{fill(m * (k + 1)), k + 1, false}
		b := Matrix[T]{fill(k * (n + 2)), n + 2, false}
		if mode&1 != 0 {
			a = Matrix[T]{fill(k * m), m, true}
		}
		if mode&2 != 0 {
			b = Matrix[T]{fill(n * k), k, true}
		}
		var c []T
		ldc := 0
		if mode&4 != 0 {
			c = fill(m * (n + 1))
			if mode&8 != 0 {
				ldc = n + 1
			}
		}
		alpha, beta := value(rng), value(rng)
		dst := fill(m * n)
		GemmOf(p, dst, n, m, n, k, alpha, a, b, beta, c, ldc)
		aRow, aCol := a.steps()
		bRow, bCol := b.steps()
		for i := range m {
			for j := range n {
				var want T
				for p := range k {
					want += a.Data[i*aRow+p*aCol] * b.Data[p*bRow+j*bCol]
				}
				want *= alpha
				if c != nil {
					want += beta * c[i*ldc+j]
				}
				if dst[i*n+j] != want {
					t.Fatalf("%T, %dx%dx%d, mode %d: element (%d, %d) is %v, want %v", want, m, n, k, mode, i, j, dst[i*n+j], want)
				}
			}
		}
	}
}

func TestGemmOfEveryType(t *testing.T) {
	p := pool.New(3)
	defer p.Close()
	for _, s := range [][3]int{{0, 3, 2}, {3, 0, 2}, {3, 3, 0}, {1, 1, 1}, {4, 4, 4}, {5, 7, 3}, {9, 4, 20}, {31, 33, 35}} {
		small := func(rng *rand.Rand) int { return rng.IntN(17) - 8 }
		checkOf(t, p, s[0], s[1], s[2], func(rng *rand.Rand) float64 { return float64(small(rng)) })
		checkOf(t, p, s[0], s[1], s[2], func(rng *rand.Rand) float32 { return float32(small(rng)) })
		checkOf(t, p, s[0], s[1], s[2], func(rng *rand.Rand) int32 { return int32(rng.Uint32()) })
		checkOf(t, nil, s[0], s[1], s[2], func(rng *rand.Rand) int64 { return int64(rng.Uint64()) })
		checkOf(t, p, s[0], s[1], s[2], func(rng *rand.Rand) uint32 { return rng.Uint32() })
		checkOf(t, p, s[0], s[1], s[2], func(rng *rand.Rand) uint64 { return rng.Uint64() })
	}
}

func TestGemmOfPropagatesNaN(t *testing.T) {
	for _, n := range []int{3, 4} {
		a, b, dst := make([]float64, n*n), make([]float64, n*n), make([]float64, n*n)
		a[0] = math.Inf(1)
		GemmOf(nil, dst, n, n, n, n, 1, Matrix[float64]{a, n, false}, Matrix[float64]{b, n, false}, 0, nil, 0)
		for i, x := range dst {
			if math.IsNaN(x) != (i < n) {
				t.Errorf("%dx%d: element %d is %v; infinity times 0 is in row 0 alone", n, n, i, x)
			}
		}
	}
}

func BenchmarkGemmOf(b *testing.B) {
	const n = 256
	a, c := make([]float64, n*n), make([]float64, n*n)
	for _, trans := range []bool{false, true} {
		b.Run(fmt.Sprintf("float64/%d/transposed=%v", n, trans), func(b *testing.B) {
			for b.Loop() {
				GemmOf(nil, c, n, n, n, n, 1, Matrix[float64]{a, n, false}, Matrix[float64]{a, n, trans}, 0, nil, 0)
			}
			b.ReportMetric(2*n*n*n*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
		})
	}
}
