package gemm

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"unsafe"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
)

// bytesMatrix is a matrix of bytes with zero points for rows or columns.
type bytesMatrix struct {
	rows, cols, ld int
	trans, signed  bool
	data           []byte
	zero           []int32
}

func newBytes(rng *rand.Rand, rows, cols int, trans, signed bool, zeros int) bytesMatrix {
	m := bytesMatrix{rows: rows, cols: cols, trans: trans, signed: signed}
	stored, length := rows, cols
	if trans {
		stored, length = cols, rows
	}
	m.ld = length + rng.IntN(5)
	if stored > 0 && length > 0 {
		m.data = make([]byte, (stored-1)*m.ld+length)
	}
	extremes := []byte{0, 127, 128, 255}
	for i := range m.data {
		if m.data[i] = byte(rng.Uint32()); rng.IntN(2) == 0 {
			m.data[i] = extremes[rng.IntN(4)]
		}
	}
	m.zero = make([]int32, zeros)
	for i := range m.zero {
		m.zero[i] = m.value(byte(rng.Uint32()))
	}
	return m
}

func (m bytesMatrix) value(b byte) int32 {
	if m.signed {
		return int32(int8(b))
	}
	return int32(b)
}

func (m bytesMatrix) at(i, j int) int32 {
	if m.trans {
		i, j = j, i
	}
	return m.value(m.data[i*m.ld+j])
}

func forEachIntKernel(t *testing.T, f func(t *testing.T, kern *intKernel)) {
	for _, kern := range intKernels() {
		t.Run(kern.name, func(t *testing.T) { f(t, kern) })
	}
}

func checkInt(t *testing.T, kern *intKernel, p *pool.Pool, rng *rand.Rand, m, n, k, mode int) {
	t.Helper()
	zeros := func(bits, n int) int { return []int{0, 1, n, 1}[bits&3] }
	am := newBytes(rng, m, k, mode&1 != 0, mode&2 != 0, zeros(mode>>2, m))
	bm := newBytes(rng, k, n, mode&16 != 0, mode&32 != 0, zeros(mode>>6, n))
	a := IntA{Data: am.data, Signed: am.signed, LD: am.ld, Trans: am.trans, Zero: am.zero}
	b := IntB{Data: bm.data, Signed: bm.signed, LD: bm.ld, Trans: bm.trans, Zero: bm.zero}
	if mode&256 != 0 {
		a = IntA{Packed: packIntA(kern, m, k, a)}
	}
	if mode&512 != 0 {
		b = IntB{Packed: packIntB(kern, k, n, b)}
	}
	ldd := n + 3
	dst := make([]int32, m*ldd)
	for i := range dst {
		dst[i] = 77
	}
	var post func(row []int32, i, j int)
	if mode&1024 != 0 {
		post = func(row []int32, i, j int) {
			for c := range row {
				row[c] += int32(1000*i + j + c)
			}
		}
	}
	gemmInt8(kern, p, dst, ldd, m, n, k, &a, &b, post)
	for i := range m {
		for j := range ldd {
			want := int32(77)
			if j < n {
				want = 0
				for p := range k {
					want += (am.at(i, p) - zeroAt(am.zero, i)) * (bm.at(p, j) - zeroAt(bm.zero, j))
				}
				if post != nil {
					want += int32(1000*i + j)
				}
			}
			if got := dst[i*ldd+j]; got != want {
				t.Fatalf("%dx%dx%d, mode %#x: element (%d, %d) is %d, want %d", m, n, k, mode, i, j, got, want)
			}
		}
	}
}

func TestIntProductOfRandomShapesAndOperands(t *testing.T) {
	p := pool.New(3)
	defer p.Close()
	forEachIntKernel(t, func(t *testing.T, kern *intKernel) {
		rng := rand.New(rand.NewPCG(1, 2))
		for i := range 800 {
			m, n, k := rng.IntN(71), rng.IntN(71), rng.IntN(71)
			if i < 200 {
				m, n, k = 1+i%20, 1+rng.IntN(40), rng.IntN(12)
			}
			checkInt(t, kern, []*pool.Pool{nil, p}[i&1], rng, m, n, k, rng.IntN(2048))
		}
		checkInt(t, kern, p, rng, 130, 140, 300, 0x4a2)
		checkInt(t, kern, p, rng, 40, 70, 1024, 0x4aa)
	})
}

func TestIntProductWraps(t *testing.T) {
	forEachIntKernel(t, func(t *testing.T, kern *intKernel) {
		rng := rand.New(rand.NewPCG(3, 4))
		for _, mode := range []int{0, 2 | 32, 4 | 64, 256 | 512} {
			checkInt(t, kern, nil, rng, 2, 3, 140000, mode) // 140000 * 255 * 255 is more than 2^33
		}
	})
}

func TestIntOperandsThatAreTooShort(t *testing.T) {
	data, dst := make([]byte, 100), make([]int32, 100)
	whole := IntA{Data: data, LD: 10}
	for name, f := range map[string]func(){
		"A": func() {
			GemmInt8(nil, dst, 10, 10, 10, 10, IntA{Data: data[:99], LD: 10}, IntB{Data: data, LD: 10}, nil)
		},
		"B":            func() { GemmInt8(nil, dst, 10, 10, 10, 10, whole, IntB{Data: data[:99], LD: 10}, nil) },
		"B transposed": func() { PackIntB(10, 10, IntB{Data: data[:99], LD: 10, Trans: true}) },
		"A transposed": func() { PackIntA(10, 10, IntA{Data: data, LD: 9, Trans: true}) },
		"the result":   func() { GemmInt8(nil, dst[:99], 10, 10, 10, 10, whole, IntB{Data: data, LD: 10}, nil) },
		"zero points":  func() { PackIntA(10, 10, IntA{Data: data, LD: 10, Zero: make([]int32, 9)}) },
		"zeros of B":   func() { PackIntB(10, 10, IntB{Data: data, LD: 10, Zero: make([]int32, 9)}) },
		"packed A": func() {
			GemmInt8(nil, dst, 10, 9, 10, 10, IntA{Packed: PackIntA(10, 10, whole)}, IntB{Data: data, LD: 10}, nil)
		},
		"a negative k": func() { GemmInt8(nil, dst, 10, 10, 10, -1, whole, IntB{Data: data, LD: 10}, nil) },
		"A of GemmOf": func() {
			GemmOf(nil, dst, 10, 10, 10, 9, 1, Matrix[int32]{dst[:9], 1, false}, Matrix[int32]{dst, 10, false}, 0, nil, 0)
		},
	} {
		t.Run(name, func(t *testing.T) {
			defer func() {
				if s, ok := recover().(string); !ok || len(s) < 6 || s[:6] != "gemm: " {
					t.Errorf("recovered %q, want a message of this package", s)
				}
			}()
			f()
		})
	}
}

func TestIntPackedBytes(t *testing.T) {
	data := make([]int8, 64*64)
	if got := PackIntA(64, 64, IntA{Data: Bytes(data), Signed: true, LD: 64}).Bytes(); got < 64*64 {
		t.Errorf("A takes %d bytes", got)
	}
	if got := PackIntB(64, 64, IntB{Data: Bytes(data), Signed: true, LD: 64}).Bytes(); got < 64*64 {
		t.Errorf("B takes %d bytes", got)
	}
}

func TestGemmInt8DoesNotAllocate(t *testing.T) {
	const n = 64
	a, b, dst := make([]byte, n*n), make([]byte, n*n), make([]int32, n*n)
	got := testing.AllocsPerRun(200, func() {
		GemmInt8(nil, dst, n, n, n, n, IntA{Data: a, LD: n}, IntB{Data: b, LD: n}, nil)
	})
	if got >= 1 {
		t.Errorf("%v allocations, want 0", got)
	}
}

// The generator of the assembly has these numbers too.
func TestTheAssemblyKnowsTheIntTile(t *testing.T) {
	var x intTile
	got := []uintptr{unsafe.Offsetof(x.k), unsafe.Offsetof(x.a), unsafe.Offsetof(x.aRow), unsafe.Offsetof(x.b), unsafe.Offsetof(x.c), unsafe.Offsetof(x.cRow),
		unsafe.Offsetof(x.row0), unsafe.Offsetof(x.col0), unsafe.Offsetof(x.row1), unsafe.Offsetof(x.col1), unsafe.Offsetof(x.maskVec), unsafe.Offsetof(x.mask), unsafe.Offsetof(x.flags)}
	want := []uintptr{0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 92}
	if fmt.Sprint(got) != fmt.Sprint(want) && unsafe.Sizeof(uintptr(0)) == 8 {
		t.Errorf("offsets %v, want %v", got, want)
	}
}

func BenchmarkGemmInt8(b *testing.B) {
	for _, s := range []struct {
		m, n, k int
		packed  bool
	}{{512, 512, 512, true}, {512, 512, 512, false}, {128, 768, 768, true}, {1, 512, 512, true}, {64, 3136, 576, false}} {
		for _, kern := range intKernels() {
			b.Run(fmt.Sprintf("%dx%dx%d/packed=%v/%s", s.m, s.n, s.k, s.packed, kern.name), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 2))
				am, bm := newBytes(rng, s.m, s.k, false, false, 1), newBytes(rng, s.k, s.n, false, true, 0)
				dst := make([]int32, s.m*s.n)
				x, y := IntA{Data: am.data, LD: am.ld, Zero: am.zero}, IntB{Data: bm.data, LD: bm.ld, Signed: true}
				if s.packed {
					y = IntB{Packed: packIntB(kern, s.k, s.n, y)}
				}
				for b.Loop() {
					gemmInt8(kern, nil, dst, s.n, s.m, s.n, s.k, &x, &y, nil)
				}
				b.ReportMetric(2*float64(s.m)*float64(s.n)*float64(s.k)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GOP/s")
			})
		}
	}
}
