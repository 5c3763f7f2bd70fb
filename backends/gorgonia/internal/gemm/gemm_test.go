package gemm

import (
	"fmt"
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"unsafe"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
)

// matrix is a test matrix with gaps between its rows, possibly stored transposed.
type matrix struct {
	rows, cols, ld int
	trans          bool
	data           []float32
}

func newMatrix(rng *rand.Rand, rows, cols int, trans bool) matrix {
	m := matrix{rows: rows, cols: cols, trans: trans}
	stored, length := rows, cols
	if trans {
		stored, length = cols, rows
	}
	m.ld = length + rng.IntN(5)
	if stored > 0 && length > 0 {
		m.data = make([]float32, (stored-1)*m.ld+length) // not one more, so that reading too far shows
	}
	for i := range m.data {
		m.data[i] = rng.Float32()*2 - 1
	}
	return m
}

func (m matrix) index(i, j int) int {
	if m.trans {
		i, j = j, i
	}
	return i*m.ld + j
}

func (m matrix) at(i, j int) float32 { return m.data[m.index(i, j)] }

// packer gives a matrix panel by panel and checks what it is asked for.
type packer struct {
	t *testing.T
	matrix
}

func (p packer) PackPanel(dst []float32, k0, kc, j0, nv, nr int) {
	if len(dst) != kc*nr || j0%nr != 0 || nv < 1 || nv > nr || k0+kc > p.rows || j0+nv > p.cols {
		p.t.Errorf("PackPanel(%d elements, %d, %d, %d, %d, %d) of %d by %d", len(dst), k0, kc, j0, nv, nr, p.rows, p.cols)
		return
	}
	for i := range dst {
		dst[i] = 0
		if i%nr < nv {
			dst[i] = p.at(k0+i/nr, j0+i%nr)
		}
	}
}

// want is the product in float64 and the error that float32 may have.
func want(a, b matrix, e *Epilogue, i, j int, c float32) (x, tolerance float64) {
	var size float64
	for p := range a.cols {
		y := float64(a.at(i, p)) * float64(b.at(p, j))
		x += y
		size += math.Abs(y)
	}
	if e.Scale {
		x *= float64(e.Alpha)
		size *= math.Abs(float64(e.Alpha))
	}
	add := func(y float64) {
		x += y
		size += math.Abs(y)
	}
	if e.BiasRow != nil {
		add(float64(e.BiasRow[i]))
	}
	if e.BiasCol != nil {
		add(float64(e.BiasCol[j]))
	}
	if e.C != nil {
		add(float64(e.Beta) * float64(c))
	}
	switch {
	case e.Activation == ReLU && x < 0:
		x = 0
	case e.Activation == Clip && x < float64(e.Lo):
		x = float64(e.Lo)
	case e.Activation == Clip && x > float64(e.Hi):
		x = float64(e.Hi)
	case e.Activation == LeakyReLU && x < 0:
		x *= float64(e.Slope)
	}
	if e.Post != nil {
		x = 2*x + 1
	}
	return x, size * float64(a.cols+8) * 1e-7
}

func same(got float32, want, tolerance float64) bool {
	if math.IsNaN(want) {
		return got != got
	}
	if math.IsInf(want, 0) {
		return float64(got) == want
	}
	return math.Abs(float64(got)-want) <= tolerance
}

func doubleAndOne(row []float32) {
	for i := range row {
		row[i] = 2*row[i] + 1
	}
}

// randomEpilogue adds what mode's bits say.
func randomEpilogue(rng *rand.Rand, m, n, mode int) (e Epilogue, c matrix) {
	vector := func(n int) []float32 { return newMatrix(rng, 1, n, false).data }
	if mode&1 != 0 {
		e.Scale, e.Alpha = true, rng.Float32()
	}
	if mode&2 != 0 {
		e.BiasRow = vector(m)
	}
	if mode&4 != 0 {
		e.BiasCol = vector(n)
	}
	if mode&8 != 0 {
		c = newMatrix(rng, m, n, false)
		if rng.IntN(4) == 0 {
			c = newMatrix(rng, 1, n, false)
			c.ld = 0
		}
		e.C, e.LDC, e.Beta = c.data, c.ld, rng.Float32()
	}
	e.Activation = Activation(mode >> 4 & 3)
	e.Lo, e.Hi, e.Slope = -0.3, 0.5, 0.1
	if mode&64 != 0 {
		e.Post = doubleAndOne
	}
	return e, c
}

// operand kinds
const (
	plain = iota
	transposed
	packed
	packedTransposed
	fromPacker
)

var kindNames = []string{"plain", "transposed", "packed", "packed transposed", "from a packer"}

func checkProduct(t *testing.T, kern *kernel, p *pool.Pool, rng *rand.Rand, m, n, k, kindA, kindB, mode int, spoil func(a, b matrix)) {
	t.Helper()
	am := newMatrix(rng, m, k, kindA == transposed || kindA == packedTransposed)
	bm := newMatrix(rng, k, n, kindB == transposed || kindB == packedTransposed)
	if spoil != nil {
		spoil(am, bm)
	}
	a := A{Data: am.data, LD: am.ld, Trans: am.trans}
	b := B{Data: bm.data, LD: bm.ld, Trans: bm.trans}
	if kindA >= packed {
		a = A{Packed: packA(kern, m, k, am.data, am.ld, am.trans)}
	}
	if kindB == fromPacker {
		b = B{Packer: packer{t, bm}}
	} else if kindB >= packed {
		b = B{Packed: packB(kern, k, n, bm.data, bm.ld, bm.trans)}
	}
	e, c := randomEpilogue(rng, m, n, mode)
	dst := newMatrix(rng, m, n, false)
	before := append([]float32(nil), dst.data...)
	gemm(kern, p, dst.data, dst.ld, m, n, k, &a, &b, &e)
	for i := range before {
		row, col := i/dst.ld, i%dst.ld
		if col >= n {
			if dst.data[i] != before[i] {
				t.Fatalf("element %d behind row %d was written", col, row)
			}
			continue
		}
		var add float32
		if e.C != nil {
			add = c.at(row, col)
		}
		w, tolerance := want(am, bm, &e, row, col, add)
		if e.Post != nil {
			tolerance *= 2
		}
		if got := dst.data[i]; !same(got, w, tolerance+1e-6) {
			t.Fatalf("%dx%dx%d, A %s, B %s, epilogue %#x: element (%d, %d) is %v, want %v within %v",
				m, n, k, kindNames[kindA], kindNames[kindB], mode, row, col, got, w, tolerance)
		}
	}
}

func forEachKernel(t *testing.T, f func(t *testing.T, kern *kernel)) {
	for _, kern := range kernels() {
		t.Run(kern.name, func(t *testing.T) { f(t, kern) })
	}
}

func TestProductOfEverySmallTile(t *testing.T) {
	forEachKernel(t, func(t *testing.T, kern *kernel) {
		rng := rand.New(rand.NewPCG(1, 2))
		for m := 1; m <= kern.rows; m++ {
			for n := 1; n <= kern.cols; n++ {
				for _, k := range []int{0, 1, 2, 3, 4, 5, 7, 8} {
					checkProduct(t, kern, nil, rng, m, n, k, plain, plain, 0, nil)
				}
				checkProduct(t, kern, nil, rng, m, n, 9, plain, packed, rng.IntN(128), nil)
			}
		}
	})
}

func TestProductOfRandomShapesOperandsAndEpilogues(t *testing.T) {
	p := pool.New(3)
	defer p.Close()
	forEachKernel(t, func(t *testing.T, kern *kernel) {
		rng := rand.New(rand.NewPCG(3, 4))
		for range 500 {
			m, n, k := rng.IntN(71), rng.IntN(71), rng.IntN(71)
			switch rng.IntN(12) {
			case 0:
				m = 1
			case 1:
				n = 1
			case 2:
				k = 200 + rng.IntN(900)
			case 3:
				m, n = rng.IntN(20), 500+rng.IntN(100)
			case 4:
				m, n, k = 100+rng.IntN(50), 100+rng.IntN(50), 100+rng.IntN(50)
			}
			checkProduct(t, kern, []*pool.Pool{nil, p}[rng.IntN(2)], rng, m, n, k, rng.IntN(4), rng.IntN(5), rng.IntN(128), nil)
		}
		checkProduct(t, kern, p, rng, 400, 75, 30, plain, plain, 0, nil) // more rows than read B in place
	})
}

func TestProductWithVectorsAndFewOfThem(t *testing.T) {
	p := pool.New(3)
	defer p.Close()
	forEachKernel(t, func(t *testing.T, kern *kernel) {
		rng := rand.New(rand.NewPCG(15, 16))
		for range 4000 {
			m, n, k := 1+rng.IntN(5), 1+rng.IntN(60), rng.IntN(80)
			if rng.IntN(2) == 0 {
				m, n = n, m
			}
			checkProduct(t, kern, nil, rng, m, n, k, rng.IntN(4), rng.IntN(5), rng.IntN(128), nil)
		}
		checkProduct(t, kern, p, rng, 1, 1000, 700, plain, transposed, 127, nil)
		checkProduct(t, kern, p, rng, 1000, 1, 700, plain, packed, 127, nil)
		checkProduct(t, kern, p, rng, 1000, 1, 700, packed, plain, 127, nil)
	})
}

func TestProductWithMoreStepsThanTheBufferHolds(t *testing.T) {
	forEachKernel(t, func(t *testing.T, kern *kernel) {
		rng := rand.New(rand.NewPCG(5, 6))
		checkProduct(t, kern, nil, rng, 3, kern.cols+1, packedLimit/kern.cols+100, plain, transposed, 2+8+16, nil)
	})
}

func TestNaNAndInfinityPropagate(t *testing.T) {
	special := []float32{float32(math.NaN()), float32(math.Inf(1)), float32(math.Inf(-1)), 0, float32(math.Copysign(0, -1)), math.MaxFloat32}
	forEachKernel(t, func(t *testing.T, kern *kernel) {
		rng := rand.New(rand.NewPCG(7, 8))
		for range 300 {
			m, n, k := 1+rng.IntN(40), 1+rng.IntN(40), 1+rng.IntN(40)
			// Maxima would make the sum of float64 finite where that of float32 is not; one kind alone is exact.
			bad := special[rng.IntN(5)]
			mode := rng.IntN(4) << 4
			checkProduct(t, kern, nil, rng, m, n, k, rng.IntN(4), rng.IntN(5), mode, func(a, b matrix) {
				a.data[a.index(rng.IntN(m), rng.IntN(k))] = bad
				clear(b.data[:rng.IntN(len(b.data)+1)])
				b.data[b.index(rng.IntN(k), rng.IntN(n))] = special[rng.IntN(5)]
			})
		}
	})
}

func TestCMayBeTheResult(t *testing.T) {
	forEachKernel(t, func(t *testing.T, kern *kernel) {
		const m, n, k = 20, 40, 700 // more than one block of k
		rng := rand.New(rand.NewPCG(9, 10))
		a, b, c := newMatrix(rng, m, k, false), newMatrix(rng, k, n, false), newMatrix(rng, m, n, false)
		before := append([]float32(nil), c.data...)
		e := Epilogue{C: c.data, LDC: c.ld, Beta: 0.5, Activation: ReLU}
		gemm(kern, nil, c.data, c.ld, m, n, k, &A{Data: a.data, LD: a.ld}, &B{Data: b.data, LD: b.ld}, &e)
		for i := range m {
			for j := range n {
				w, tolerance := want(a, b, &e, i, j, before[c.index(i, j)])
				if got := c.at(i, j); !same(got, w, tolerance) {
					t.Fatalf("element (%d, %d) is %v, want %v", i, j, got, w)
				}
			}
		}
	})
}

func TestTheResultDoesNotDependOnTheNumberOfThreads(t *testing.T) {
	p := pool.New(5)
	defer p.Close()
	forEachKernel(t, func(t *testing.T, kern *kernel) {
		rng := rand.New(rand.NewPCG(11, 12))
		for _, s := range [][3]int{{1, 700, 300}, {700, 1, 300}, {100, 120, 530}, {33, 700, 64}} {
			m, n, k := s[0], s[1], s[2]
			a, b := newMatrix(rng, m, k, false), newMatrix(rng, k, n, false)
			one, many := make([]float32, m*n), make([]float32, m*n)
			gemm(kern, nil, one, n, m, n, k, &A{Data: a.data, LD: a.ld}, &B{Data: b.data, LD: b.ld}, &Epilogue{})
			gemm(kern, p, many, n, m, n, k, &A{Data: a.data, LD: a.ld}, &B{Data: b.data, LD: b.ld}, &Epilogue{})
			for i := range one {
				if one[i] != many[i] {
					t.Fatalf("%v: element %d is %v on one thread and %v on five", s, i, one[i], many[i])
				}
			}
		}
	})
}

func TestPackedOperandsAreSharedHammer(t *testing.T) {
	p := pool.New(3)
	defer p.Close()
	const m, n, k = 50, 90, 70
	rng := rand.New(rand.NewPCG(13, 14))
	am, bm := newMatrix(rng, m, k, false), newMatrix(rng, k, n, true)
	a, b := PackA(m, k, am.data, am.ld, false), PackB(k, n, bm.data, bm.ld, true)
	first := make([]float32, m*n)
	Gemm(p, first, n, m, n, k, A{Packed: a}, B{Packed: b}, Epilogue{})
	var wg sync.WaitGroup
	for range 6 {
		wg.Go(func() {
			dst := make([]float32, m*n)
			for range 50 {
				Gemm(p, dst, n, m, n, k, A{Packed: a}, B{Data: bm.data, LD: bm.ld, Trans: true}, Epilogue{})
				for i := range dst {
					if dst[i] != first[i] {
						t.Errorf("element %d is %v, and %v the first time", i, dst[i], first[i])
						return
					}
				}
			}
		})
	}
	wg.Wait()
}

func TestOperandsThatAreTooShort(t *testing.T) {
	data := make([]float32, 100)
	huge := math.MaxInt
	for name, f := range map[string]func(){
		"A": func() { Gemm(nil, data, 10, 10, 10, 10, A{Data: data[:99], LD: 10}, B{Data: data, LD: 10}, Epilogue{}) },
		"A transposed": func() {
			Gemm(nil, data, 10, 10, 10, 10, A{Data: data, LD: 11, Trans: true}, B{Data: data, LD: 10}, Epilogue{})
		},
		"B":               func() { Gemm(nil, data, 10, 10, 10, 10, A{Data: data, LD: 10}, B{Data: data[:99], LD: 10}, Epilogue{}) },
		"B transposed":    func() { PackB(10, 10, data, 11, true) },
		"rows of B":       func() { PackB(10, 10, data, 9, false) },
		"the result":      func() { Gemm(nil, data[:99], 10, 10, 10, 10, A{Data: data, LD: 10}, B{Data: data, LD: 10}, Epilogue{}) },
		"C":               func() { Gemm(nil, data, 10, 10, 10, 0, A{}, B{}, Epilogue{C: data[:99], LDC: 10}) },
		"a row of C":      func() { Gemm(nil, data, 10, 10, 10, 0, A{}, B{}, Epilogue{C: data[:9]}) },
		"bias of rows":    func() { Gemm(nil, data, 10, 10, 10, 0, A{}, B{}, Epilogue{BiasRow: data[:9]}) },
		"bias of columns": func() { Gemm(nil, data, 10, 10, 10, 0, A{}, B{}, Epilogue{BiasCol: data[:9]}) },
		"packed A": func() {
			Gemm(nil, data, 10, 9, 10, 10, A{Packed: PackA(10, 10, data, 10, false)}, B{Data: data, LD: 10}, Epilogue{})
		},
		"packed B": func() {
			Gemm(nil, data, 10, 10, 9, 10, A{Data: data, LD: 10}, B{Packed: PackB(10, 10, data, 10, false)}, Epilogue{})
		},
		"a negative size": func() { Gemm(nil, data, 10, -1, 10, 10, A{}, B{}, Epilogue{}) },
		"a negative k":    func() { Gemm(nil, data, 10, 10, 10, -1, A{}, B{}, Epilogue{}) },
		"a huge size":     func() { Gemm(nil, data, huge/2, huge/4, 10, 0, A{}, B{}, Epilogue{}) },
		"a huge stride":   func() { PackA(10, 10, data, huge, false) },
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

func TestBytesOfPackedOperands(t *testing.T) {
	data := make([]float32, 64*64)
	if got := PackA(64, 64, data, 64, false).Bytes(); got < 64*64*4 || got > 64*64*4+64 {
		t.Errorf("64 by 64 as A takes %d bytes", got)
	}
	if got := PackB(64, 64, data, 64, true).Bytes(); got < 64*64*4 || got > 64*64*4+64 {
		t.Errorf("64 by 64 as B takes %d bytes", got)
	}
}

func TestGemmDoesNotAllocate(t *testing.T) {
	p := pool.New(2)
	defer p.Close()
	const n = 96
	data, dst := make([]float32, n*n), make([]float32, n*n)
	got := testing.AllocsPerRun(200, func() {
		Gemm(p, dst, n, n, n, n, A{Data: data, LD: n}, B{Data: data, LD: n, Trans: true}, Epilogue{BiasCol: data, Activation: ReLU})
	})
	if got >= 1 { // the garbage collector may empty the pools now and then
		t.Errorf("%v allocations, want 0", got)
	}
}

func TestRowPanelsAreBalanced(t *testing.T) {
	for m := 1; m < 200; m++ {
		panels, next := kernels()[0].rowPanels(m), 0
		for p := range panels {
			first, rows := rowPanel(m, panels, p)
			if first != next || rows < 1 || rows > kernels()[0].rows {
				t.Fatalf("panel %d of %d rows begins at %d with %d rows, want it at %d", p, m, first, rows, next)
			}
			next += rows
		}
		if next != m {
			t.Fatalf("the panels of %d rows have %d", m, next)
		}
	}
}

// The generator of the assembly has these numbers too.
func TestTheAssemblyKnowsTheTile(t *testing.T) {
	var x tile
	got := []uintptr{unsafe.Offsetof(x.k), unsafe.Offsetof(x.a), unsafe.Offsetof(x.aRow), unsafe.Offsetof(x.aStep), unsafe.Offsetof(x.b),
		unsafe.Offsetof(x.bStep), unsafe.Offsetof(x.c), unsafe.Offsetof(x.cRow), unsafe.Offsetof(x.res), unsafe.Offsetof(x.resRow),
		unsafe.Offsetof(x.biasRow), unsafe.Offsetof(x.biasCol), unsafe.Offsetof(x.maskVec), unsafe.Offsetof(x.mask), unsafe.Offsetof(x.flags),
		unsafe.Offsetof(x.alpha), unsafe.Offsetof(x.beta), unsafe.Offsetof(x.lo), unsafe.Offsetof(x.hi), unsafe.Offsetof(x.slope)}
	want := []uintptr{0, 8, 16, 24, 32, 40, 48, 56, 64, 72, 80, 88, 96, 104, 108, 112, 116, 120, 124, 128}
	if fmt.Sprint(got) != fmt.Sprint(want) && unsafe.Sizeof(uintptr(0)) == 8 {
		t.Errorf("offsets %v, want %v", got, want)
	}
}

func BenchmarkGemm(b *testing.B) {
	for _, s := range []struct {
		m, n, k      int
		kindA, kindB int
	}{
		{512, 512, 512, plain, plain}, {512, 512, 512, plain, packed}, {512, 512, 512, packed, packed},
		{128, 768, 768, plain, packed}, {49, 512, 512, plain, packed}, {3136, 64, 64, plain, packed}, {64, 3136, 64, packed, plain},
		{196, 256, 2304, plain, packed}, {256, 196, 2304, packed, plain}, {128, 128, 64, plain, transposed}, {128, 64, 128, plain, plain},
		{1, 512, 512, plain, plain}, {1, 512, 512, plain, packed}, {1, 1000, 1024, plain, transposed}, {1000, 1, 1024, plain, plain},
		{4, 512, 512, plain, packed}, {8, 512, 512, plain, packed},
	} {
		for _, kern := range kernels() {
			b.Run(fmt.Sprintf("%dx%dx%d/%s/%s/%s", s.m, s.n, s.k, kindNames[s.kindA], kindNames[s.kindB], kern.name), func(b *testing.B) {
				rng := rand.New(rand.NewPCG(1, 2))
				am, bm := randoms(rng, s.m*s.k), randoms(rng, s.k*s.n)
				dst := make([]float32, s.m*s.n)
				x, y := A{Data: am, LD: s.k}, B{Data: bm, LD: s.n}
				if s.kindA == packed {
					x = A{Packed: packA(kern, s.m, s.k, am, s.k, false)}
				}
				switch s.kindB {
				case packed:
					y = B{Packed: packB(kern, s.k, s.n, bm, s.n, false)}
				case transposed:
					y = B{Data: bm, LD: s.k, Trans: true}
				}
				for b.Loop() {
					gemm(kern, nil, dst, s.n, s.m, s.n, s.k, &x, &y, &Epilogue{})
				}
				b.ReportMetric(2*float64(s.m)*float64(s.n)*float64(s.k)*float64(b.N)/float64(b.Elapsed().Nanoseconds()), "GFLOP/s")
			})
		}
	}
}

func randoms(rng *rand.Rand, n int) []float32 {
	s := make([]float32, n)
	for i := range s {
		s[i] = rng.Float32()*2 - 1
	}
	return s
}
