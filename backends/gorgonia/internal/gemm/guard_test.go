package gemm

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/guard"
)

func TestNothingBeyondOperandsIsTouched(t *testing.T) {
	forEachKernel(t, func(t *testing.T, kern *kernel) {
		rng := rand.New(rand.NewPCG(5, 6))
		for i := range 400 {
			m, n, k := 1+rng.IntN(20), 1+rng.IntN(40), 1+rng.IntN(40)
			side := guard.Side(i%2 == 0)
			am, bm := newMatrix(rng, m, k, i&2 != 0), newMatrix(rng, k, n, i&4 != 0)
			a := A{Data: guard.Copy(t, side, am.data), LD: am.ld, Trans: am.trans}
			b := B{Data: guard.Copy(t, side, bm.data), LD: bm.ld, Trans: bm.trans}
			e, _ := randomEpilogue(rng, m, n, i>>3)
			e.BiasRow, e.BiasCol, e.C = guard.Copy(t, side, e.BiasRow), guard.Copy(t, side, e.BiasCol), guard.Copy(t, side, e.C)
			dst := guard.Slice[float32](t, side, m*n)
			guard.Run(t, fmt.Sprintf("%dx%dx%d, mode %#x", m, n, k, i), func() { gemm(kern, nil, dst, n, m, n, k, &a, &b, &e) })
		}
	})
}

func TestNothingBeyondIntOperandsIsTouched(t *testing.T) {
	forEachIntKernel(t, func(t *testing.T, kern *intKernel) {
		rng := rand.New(rand.NewPCG(7, 8))
		for i := range 400 {
			m, n, k := 1+rng.IntN(20), 1+rng.IntN(40), 1+rng.IntN(40)
			side := guard.Side(i%2 == 0)
			am, bm := newBytes(rng, m, k, i&2 != 0, i&4 != 0, 1), newBytes(rng, k, n, i&8 != 0, i&16 != 0, n)
			a := IntA{Data: guard.Copy(t, side, am.data), Signed: am.signed, LD: am.ld, Trans: am.trans, Zero: am.zero}
			b := IntB{Data: guard.Copy(t, side, bm.data), Signed: bm.signed, LD: bm.ld, Trans: bm.trans, Zero: bm.zero}
			dst := guard.Slice[int32](t, side, m*n)
			guard.Run(t, fmt.Sprintf("%dx%dx%d, mode %#x", m, n, k, i), func() { gemmInt8(kern, nil, dst, n, m, n, k, &a, &b, nil) })
		}
	})
}
