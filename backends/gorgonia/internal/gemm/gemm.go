package gemm

import (
	"fmt"
	"sync"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
)

// A is the left operand of a product, m by k: Packed, or else Data.
type A struct {
	Packed *PackedA
	// Data holds the rows of A, or of its transpose where Trans is true, LD elements apart.
	Data  []float32
	LD    int
	Trans bool
}

// B is the right operand of a product, k by n: Packed, or else Packer, or else Data.
type B struct {
	Packed *PackedB
	Packer Packer
	// Data holds the rows of B, or of its transpose where Trans is true, LD elements apart.
	Data  []float32
	LD    int
	Trans bool

	rows *PackedA // set by job.swap: the transpose of this
}

func (a *A) check(m, k int) {
	switch {
	case a.Packed != nil:
		if a.Packed.m != m || a.Packed.k != k {
			panic(fmt.Sprintf("gemm: A was packed as %d by %d and is used as %d by %d", a.Packed.m, a.Packed.k, m, k))
		}
	case a.Trans:
		checkMatrix("the transpose of A", a.Data, k, m, a.LD)
	default:
		checkMatrix("A", a.Data, m, k, a.LD)
	}
}

func (b *B) check(k, n int) {
	switch {
	case b.Packed != nil:
		if b.Packed.k != k || b.Packed.n != n {
			panic(fmt.Sprintf("gemm: B was packed as %d by %d and is used as %d by %d", b.Packed.k, b.Packed.n, k, n))
		}
	case b.Packer != nil:
	case b.Trans:
		checkMatrix("the transpose of B", b.Data, n, k, b.LD)
	default:
		checkMatrix("B", b.Data, k, n, b.LD)
	}
}

// Activation is a function that the product applies to its elements while they are
// in registers. NaN stays NaN under each.
type Activation uint8

const (
	None      Activation = iota
	ReLU                 // max(x, 0)
	Clip                 // min(max(x, Lo), Hi)
	LeakyReLU            // x, or Slope * x for x < 0
)

// Epilogue is what happens to the product on its way to the result, in the order of
// the fields. The zero Epilogue does nothing.
type Epilogue struct {
	// Scale multiplies the product by Alpha.
	Scale bool
	Alpha float32

	BiasRow []float32 // added to each element of its row: m values, or nil
	BiasCol []float32 // added to each element of its column: n values, or nil

	// C is added Beta times where it is not nil: m by n with rows LDC elements
	// apart, 0 for one row that is added to all. It may be the result itself, and
	// overlaps it in no other way.
	C    []float32
	LDC  int
	Beta float32

	Activation    Activation
	Lo, Hi, Slope float32

	// Post is called last where it is not nil, for parts of rows that together are
	// the result, while they are in the cache, by several goroutines at once.
	Post func(row []float32)
}

func (e *Epilogue) check(m, n int) {
	if e.BiasRow != nil && len(e.BiasRow) < m {
		panic(fmt.Sprintf("gemm: %d values of bias for %d rows", len(e.BiasRow), m))
	}
	if e.BiasCol != nil && len(e.BiasCol) < n {
		panic(fmt.Sprintf("gemm: %d values of bias for %d columns", len(e.BiasCol), n))
	}
	if e.C != nil && e.LDC == 0 {
		checkMatrix("C", e.C, min(m, 1), n, n)
	} else if e.C != nil {
		checkMatrix("C", e.C, m, n, e.LDC)
	}
}

// Gemm computes dst = activation(alpha * A * B + bias + beta * C) for an m by k
// matrix A and a k by n matrix B, on the threads of p. Rows of dst begin ldd
// elements apart; what is between them is not touched. With k of 0 the product is 0.
//
// Sums are taken in float32, in an order that depends on the shapes and the
// processor and not on the number of threads. Every element of A meets its
// elements of B, so that NaN and Inf propagate as IEEE 754 says.
//
// dst overlaps neither A nor B. Gemm panics where a slice is too short for the
// shape, or where operands were packed for another one.
func Gemm(p *pool.Pool, dst []float32, ldd, m, n, k int, a A, b B, e Epilogue) {
	gemm(best, p, dst, ldd, m, n, k, &a, &b, &e)
}

func gemm(kern *kernel, p *pool.Pool, dst []float32, ldd, m, n, k int, a *A, b *B, e *Epilogue) {
	checkMatrix("the result", dst, m, n, ldd)
	if k < 0 {
		panic(fmt.Sprintf("gemm: k is %d", k))
	}
	a.check(m, k)
	b.check(k, n)
	e.check(m, n)
	if m == 0 || n == 0 {
		return
	}
	j := jobs.Get().(*job)
	j.kern, j.pool = kern, p
	j.dst, j.ldd, j.m, j.n, j.k = dst, ldd, m, n, k
	j.a, j.b, j.e = *a, *b, *e
	j.multiply()
	*j = job{packed: j.packed, vectors: j.vectors}
	jobs.Put(j)
}

// The sizes of blocks, in elements unless said otherwise.
const (
	// packedLimit is the size of the buffer for panels of a B that is not packed
	// beforehand. All threads share it.
	packedLimit = 1 << 20
	// grainOps is the least work, in multiplications, for which a thread is asked to help.
	grainOps = 1 << 17
	// grainPack is the least number of elements that a thread is asked to pack.
	grainPack = 1 << 14
)

// worker is what a thread needs to compute tiles. It is recycled, because the
// micro-kernels are called by pointers to functions, with which no argument stays
// on the stack.
type worker struct {
	tile
	a   []float32 // the rows of A that a tile reads, where they are copied
	out []float32 // the sums of a tile that is wider than the result
}

var workers = sync.Pool{New: func() any { return new(worker) }}

// job is one call of Gemm.
type job struct {
	kern      *kernel
	pool      *pool.Pool
	dst       []float32
	ldd       int
	m, n, k   int
	a         A
	b         B
	e         Epilogue
	dots      dots
	rowPanels int
	packing   bool // B is packed on the way
	packTail  bool // the last panel of B is packed on the way, because it is narrow

	// The part of B that is being multiplied: panels q0 to q1 for steps k0 to k1.
	q0, q1, k0, k1 int
	packed         []float32 // that part, where packing; it stays with the job

	vectors []float32 // see vectorB and setFew; it stays too

	rowBlocks, colBlocks int // tasks that the product with that part is cut in
}

var jobs = sync.Pool{New: func() any { return new(job) }}

// multiply chooses between tiles and what suits vectors better.
func (j *job) multiply() {
	if j.n == 1 {
		j.vectorB()
	}
	if j.swaps() {
		j.swap()
	}
	if j.dotsFit() {
		j.runDots()
	} else {
		j.run()
	}
}

// run multiplies part after part of B: all of it at once, unless it is packed on
// the way and does not fit the buffer.
func (j *job) run() {
	kern := j.kern
	j.rowPanels = kern.rowPanels(j.m)
	panels := kern.colPanels(j.n)
	if j.b.rows != nil {
		panels = kern.rowPanels(j.n)
	}
	j.packing = j.needPack()
	j.packTail = kern.whole && !j.packing && j.b.Packed == nil && j.k > 0 && j.n%kern.cols != 0
	kPart, panelsPart := j.k, panels
	if j.packTail {
		kPart = min(j.k, packedLimit/kern.cols)
	}
	if j.packing {
		kPart = min(j.k, packedLimit/kern.cols)
		panelsPart = max(1, packedLimit/(kern.cols*max(kPart, 1)))
	}
	for j.q0 = 0; j.q0 < panels; j.q0 = j.q1 {
		j.q1 = min(j.q0+panelsPart, panels)
		for j.k0 = 0; ; j.k0 = j.k1 {
			j.k1 = min(j.k0+kPart, j.k)
			j.part()
			if j.k1 == j.k {
				break
			}
		}
	}
}

// needPack says whether B is copied to panels before it is multiplied. A plain B
// that few tiles read is cheaper to read where it is, unless its rows compete for
// few sets of the cache.
func (j *job) needPack() bool {
	b := &j.b
	switch {
	case b.Packed != nil || b.rows != nil || j.k == 0 || j.n == 1:
		return false
	case b.Packer != nil || b.Trans:
		return true
	case b.LD%1024 == 0:
		return j.rowPanels > 2
	}
	return j.rowPanels > j.kern.direct
}

func (j *job) part() {
	panels, depth := j.q1-j.q0, j.k1-j.k0
	if j.packing {
		size := depth * j.kern.cols
		j.packed = grown(j.packed, panels*size)
		j.pool.Run(panels, grainPack/max(size, 1), (*packStep)(j))
	}
	if j.packTail && j.q1 == j.kern.colPanels(j.n) {
		j.packed = grown(j.packed, j.kern.cols*depth)
		first, cols := j.colPanel(j.q1 - 1)
		j.b.packPanel(j.kern, j.packed, j.k0, depth, first, cols)
	}
	j.cut(j.m * max(depth, 1) * min(panels*j.kern.cols, j.n))
	j.pool.Run(j.rowBlocks*j.colBlocks, 1, j)
}

// cut chooses the tasks for so many multiplications. Rows are cut first, since each
// task reads the part of B that it needs once for every tile of rows; but where that does
// not stay in the cache from task to task, each thread has columns of its own.
func (j *job) cut(ops int) {
	threads, panels := j.pool.Threads(), j.q1-j.q0
	j.rowBlocks, j.colBlocks = cutTasks(ops, threads, j.rowPanels, panels)
	if tasks := j.rowBlocks * j.colBlocks; tasks > threads && panels >= 2*threads && (j.k1-j.k0)*panels*j.kern.cols > largeB {
		j.rowBlocks, j.colBlocks = min(tasks/threads, j.rowPanels), threads
	}
}

// largeB is how many elements of B are too many for all tasks of a thread to find them in
// its second-level cache.
const largeB = 64 << 10

// cutTasks cuts a product of so many multiplications in blocks of rows and of columns.
func cutTasks(ops, threads, rowPanels, colPanels int) (rowBlocks, colBlocks int) {
	if threads == 1 || ops < 2*grainOps {
		return 1, 1
	}
	tasks := min(4*threads, ops/grainOps)
	rowBlocks = min(tasks, rowPanels)
	return rowBlocks, min((tasks-1)/rowBlocks+1, colPanels)
}

// packStep is a job whose body packs panels of B.
type packStep job

// Do packs panels q0+lo to q0+hi.
func (s *packStep) Do(lo, hi int) {
	cols, depth := s.kern.cols, s.k1-s.k0
	for q := lo; q < hi; q++ {
		j0 := (s.q0 + q) * cols
		s.b.packPanel(s.kern, s.packed[q*cols*depth:][:cols*depth], s.k0, depth, j0, min(cols, s.n-j0))
	}
}

// Do computes tasks lo to hi of the part.
func (j *job) Do(lo, hi int) {
	w := workers.Get().(*worker)
	panels := j.q1 - j.q0
	for i := lo; i < hi; i++ {
		r, c := i%j.rowBlocks, i/j.rowBlocks
		j.block(w,
			r*j.rowPanels/j.rowBlocks, (r+1)*j.rowPanels/j.rowBlocks,
			j.q0+c*panels/j.colBlocks, j.q0+(c+1)*panels/j.colBlocks)
	}
	w.tile = tile{}
	workers.Put(w)
}

// block multiplies row panels p0 to p1 by column panels q0 to q1, for the steps of the part.
func (j *job) block(w *worker, p0, p1, q0, q1 int) {
	group := max(1, j.kern.nc/j.kern.cols)
	for q := q0; q < q1; q += group {
		qEnd := min(q+group, q1)
		for k0 := j.k0; ; {
			depth := j.nextDepth(k0)
			for p := p0; p < p1; p++ {
				j.row(w, p, q, qEnd, k0, depth)
			}
			if k0 += depth; k0 >= j.k1 {
				break
			}
		}
	}
}

// nextDepth returns how many steps the block that begins at k0 has: the rest of
// the part is cut evenly in as few blocks as kc allows.
func (j *job) nextDepth(k0 int) int {
	rest := j.k1 - k0
	kc := j.kern.kc
	if j.rowPanels == 1 {
		kc = max(kc, 4096/j.m)
	}
	blocks := (rest + kc - 1) / kc
	if blocks <= 1 {
		return rest
	}
	return (rest/blocks + 3) &^ 3
}

// row multiplies row panel p by column panels q0 to q1, for depth steps from k0.
func (j *job) row(w *worker, p, q0, q1, k0, depth int) {
	kern, t := j.kern, &w.tile
	i0, rows := rowPanel(j.m, j.rowPanels, p)
	t.k = uintptr(depth)
	t.rows = uint32(rows)
	j.setA(t, i0, rows, k0)
	if q1-q0 >= 4 && j.scatters() {
		w.copyA(&j.a, i0, rows, k0, depth)
	}
	t.cRow = uintptr(j.ldd) * 4
	j.setEpilogue(t, i0, k0 == 0, k0+depth == j.k)
	for q := q0; q < q1; q++ {
		j0, cols := j.colPanel(q)
		t.setCols(kern, cols)
		j.setB(t, q, k0)
		t.c = at(j.dst, i0*j.ldd+j0)
		if t.flags&flagRes != 0 {
			t.res = at(j.e.C, i0*j.e.LDC+j0)
		}
		if t.flags&flagBiasCol != 0 {
			t.biasCol = at(j.e.BiasCol, j0)
		}
		run := kern.tiles[(cols-1)/kern.width][rows-1]
		if kern.whole && cols < kern.cols {
			w.narrow(run, kern.cols)
		} else {
			run(t)
		}
	}
	if j.e.Post != nil && k0+depth == j.k {
		first, _ := j.colPanel(q0)
		last, cols := j.colPanel(q1 - 1)
		for i := i0; i < i0+rows; i++ {
			j.e.Post(j.dst[i*j.ldd+first : i*j.ldd+last+cols])
		}
	}
}

// colPanel returns the first column and the width of panel q of B.
func (j *job) colPanel(q int) (first, cols int) {
	if j.b.rows != nil {
		return rowPanel(j.n, j.kern.rowPanels(j.n), q)
	}
	first = q * j.kern.cols
	return first, min(j.kern.cols, j.n-first)
}

// setA points t at the rows of A from i0, at step k0.
func (j *job) setA(t *tile, i0, rows, k0 int) {
	switch a := &j.a; {
	case a.Packed != nil:
		t.a, t.aRow, t.aStep = at(a.Packed.data, i0*j.k+k0*rows), 4, uintptr(rows)*4
	case a.Trans:
		t.a, t.aRow, t.aStep = at(a.Data, k0*a.LD+i0), 4, uintptr(a.LD)*4
	default:
		t.a, t.aRow, t.aStep = at(a.Data, i0*a.LD+k0), uintptr(a.LD)*4, 4
	}
}

// narrow runs a kernel that has more columns than the result: it writes elsewhere,
// and what the flags say is done in Go.
func (w *worker) narrow(run func(*tile), cols int) {
	t, whole := &w.tile, w.tile
	w.out = grown(w.out, int(t.rows)*cols)
	t.c, t.cRow, t.flags = at(w.out, 0), uintptr(cols)*4, 0
	run(t)
	*t = whole
	for r := range int(t.rows) {
		for c, x := range w.out[r*cols:][:t.cols] {
			t.finish(uintptr(r), uintptr(c), x)
		}
	}
}

// scatters says whether the elements of A that a tile reads compete for few sets
// of the cache, because they are a multiple of a large power of two apart.
func (j *job) scatters() bool {
	return j.a.Packed == nil && (j.a.Trans || j.a.LD%512 == 0) && j.k > 0
}

// copyA copies the elements of A that a tile reads to a place where they do not
// compete for sets of the cache, and points the tile there.
func (w *worker) copyA(a *A, i0, rows, k0, depth int) {
	if a.Trans {
		w.a = grown(w.a, rows*depth)
		packAPanel(w.a, a, i0, rows, k0, depth)
		w.tile.a, w.aRow, w.aStep = at(w.a, 0), 4, uintptr(rows)*4
		return
	}
	const line = 16 // elements of a cache line
	ld := depth + line
	w.a = grown(w.a, rows*ld)
	for r := range rows {
		copy(w.a[r*ld:][:depth], a.Data[(i0+r)*a.LD+k0:])
	}
	w.tile.a, w.aRow = at(w.a, 0), uintptr(ld)*4
}

// setB points t at panel q of B, at step k0.
func (j *job) setB(t *tile, q, k0 int) {
	cols := j.kern.cols
	switch b := &j.b; {
	case j.packTail && q == j.kern.colPanels(j.n)-1:
		t.b, t.bStep = at(j.packed, (k0-j.k0)*cols), uintptr(cols)*4
	case j.packing:
		t.b, t.bStep = at(j.packed, (q-j.q0)*cols*(j.k1-j.k0)+(k0-j.k0)*cols), uintptr(cols)*4
	case b.Packed != nil:
		t.b, t.bStep = at(b.Packed.data, q*cols*j.k+k0*cols), uintptr(cols)*4
	case b.rows != nil:
		first, cols := j.colPanel(q)
		t.b, t.bStep = at(b.rows.data, first*j.k+k0*cols), uintptr(cols)*4
	default:
		t.b, t.bStep = at(b.Data, k0*b.LD+q*cols), uintptr(b.LD)*4
	}
}

// setEpilogue sets what the first and the last block of k do besides adding to
// what the blocks before have left. C comes first of all, since it may be the
// result itself.
func (j *job) setEpilogue(t *tile, i0 int, first, last bool) {
	e := &j.e
	t.flags = 0
	if e.Scale {
		t.flags |= flagAlpha
		t.alpha = e.Alpha
	}
	if !first {
		t.flags |= flagAccumulate
	}
	if first && e.BiasRow != nil {
		t.flags |= flagBiasRow
		t.biasRow = at(e.BiasRow, i0)
	}
	if first && e.BiasCol != nil {
		t.flags |= flagBiasCol
	}
	if first && e.C != nil {
		t.flags |= flagRes
		t.beta, t.resRow = e.Beta, uintptr(e.LDC)*4
	}
	if last {
		t.setActivation(e)
	}
}

func (t *tile) setActivation(e *Epilogue) {
	switch e.Activation {
	case ReLU:
		t.flags |= flagLo
		t.lo = 0
	case Clip:
		t.flags |= flagLo | flagHi
		t.lo, t.hi = e.Lo, e.Hi
	case LeakyReLU:
		t.flags |= flagLeaky
		t.slope = e.Slope
	}
}
