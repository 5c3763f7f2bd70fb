package gemm

import (
	"encoding/binary"
	"fmt"
	"sync"
	"unsafe"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
)

// IntA is the left operand of an integer product, m by k: Packed, or else Data.
type IntA struct {
	Packed *PackedIntA
	// Data holds the rows, or those of the transpose, LD elements apart: int8
	// where Signed is true and else uint8 (see [Bytes]).
	Data   []byte
	Signed bool
	LD     int
	Trans  bool
	// Zero are the zero points that are subtracted from the elements: none, one, or
	// one for each row. They are values of the elements' type.
	Zero []int32
}

// IntB is the right operand of an integer product, k by n: Packed, or else Data.
type IntB struct {
	Packed *PackedIntB
	Data   []byte
	Signed bool
	LD     int
	Trans  bool
	// Zero are the zero points: none, one, or one for each column.
	Zero []int32
}

// Bytes returns the memory of s, for an operand.
func Bytes[T int8 | uint8](s []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s))
}

// PackedIntA is a left operand ready for the kernels. It does not change, and may
// be used by several goroutines at once.
type PackedIntA struct {
	kern *intKernel
	m, k int
	intRows
}

// PackedIntB is a right operand ready for the kernels. It does not change, and may
// be used by several goroutines at once.
type PackedIntB struct {
	kern *intKernel
	k, n int
	intPanels
}

// Bytes says how much memory p keeps.
func (p *PackedIntA) Bytes() int { return cap(p.data) + 4*cap(p.zeros) + 4*cap(p.sums) }

// Bytes says how much memory p keeps.
func (p *PackedIntB) Bytes() int { return cap(p.data) + 4*cap(p.zeros) + 4*cap(p.sums) }

// PackIntA packs a, whose Packed is nil, as an m by k operand with its zero points.
//
// It panics where a is too short.
func PackIntA(m, k int, a IntA) *PackedIntA { return packIntA(bestInt, m, k, a) }

// PackIntB packs b, whose Packed is nil, as a k by n operand with its zero points.
//
// It panics where b is too short.
func PackIntB(k, n int, b IntB) *PackedIntB { return packIntB(bestInt, k, n, b) }

func packIntA(kern *intKernel, m, k int, a IntA) *PackedIntA {
	a.check(m, k)
	p := &PackedIntA{kern: kern, m: m, k: k}
	p.prepare(kern, m, k)
	p.pack(kern, &a, 0, m, 0, k)
	return p
}

func packIntB(kern *intKernel, k, n int, b IntB) *PackedIntB {
	b.check(k, n)
	p := &PackedIntB{kern: kern, k: k, n: n}
	p.prepare(kern, k, n)
	p.pack(kern, &b, 0, (n+kern.cols-1)/kern.cols, n, 0, k)
	return p
}

func (a *IntA) check(m, k int) {
	if a.Packed != nil {
		if a.Packed.m != m || a.Packed.k != k {
			panic(fmt.Sprintf("gemm: A was packed as %d by %d and is used as %d by %d", a.Packed.m, a.Packed.k, m, k))
		}
		return
	}
	if a.Trans {
		checkSize("the transpose of A", len(a.Data), k, m, a.LD)
	} else {
		checkSize("A", len(a.Data), m, k, a.LD)
	}
	checkZero("A", a.Zero, m)
}

func (b *IntB) check(k, n int) {
	if b.Packed != nil {
		if b.Packed.k != k || b.Packed.n != n {
			panic(fmt.Sprintf("gemm: B was packed as %d by %d and is used as %d by %d", b.Packed.k, b.Packed.n, k, n))
		}
		return
	}
	if b.Trans {
		checkSize("the transpose of B", len(b.Data), n, k, b.LD)
	} else {
		checkSize("B", len(b.Data), k, n, b.LD)
	}
	checkZero("B", b.Zero, n)
}

func checkZero(name string, zero []int32, n int) {
	if len(zero) > 1 && len(zero) < n {
		panic(fmt.Sprintf("gemm: %s has %d zero points, want none, 1 or %d", name, len(zero), n))
	}
}

// zeroAt returns zero point i of none, one or many.
func zeroAt(zero []int32, i int) int32 {
	switch len(zero) {
	case 0:
		return 0
	case 1:
		return zero[0]
	}
	return zero[i]
}

// intRows are the rows of A for the kernels. Elements are
//
//   - for kernels of quads: uint8, 128 more where they were int8, or, for those that
//     take signed ones, int8, 128 less where they were uint8; zeros and sums hold for
//     each row -(zero point + that shift) and -(sum of its elements);
//   - for others: int16, less their zero point.
type intRows struct {
	data        []byte
	ld          int // bytes from row to row
	zeros, sums []int32
}

func (r *intRows) prepare(kern *intKernel, m, k int) {
	r.ld = (k + kern.group() - 1) / kern.group() * 4
	if r.ld%1024 == 0 {
		r.ld += 64 // rows a large power of two apart compete for few sets of the cache
	}
	r.data = grown(r.data, m*r.ld)
	if kern.quads {
		r.zeros, r.sums = grown(r.zeros, m), grown(r.sums, m)
	}
}

// pack fills rows i0 to i1 with steps k0 to k1 of a.
func (r *intRows) pack(kern *intKernel, a *IntA, i0, i1, k0, k1 int) {
	for i := i0; i < i1; i++ {
		row := r.data[i*r.ld : (i+1)*r.ld]
		zero := zeroAt(a.Zero, i)
		switch {
		case !kern.quads:
			packIntRow(row, a, i, k0, k1, zero)
			continue
		case k0 == k1:
			r.sums[i] = 0
		case a.Trans:
			r.sums[i] = -packColumn(row, a.Data[k0*a.LD+i:], a.LD, k1-k0, shift(a.Signed != kern.signedA), shift(kern.signedA))
		default:
			r.sums[i] = -packBytes(row, a.Data[i*a.LD+k0:][:k1-k0], shift(a.Signed != kern.signedA), shift(kern.signedA))
		}
		clear(row[k1-k0:])
		r.zeros[i] = -zero - int32(shift(a.Signed)) + int32(shift(kern.signedA))
	}
}

// shift is what takes bytes from signed to unsigned or back, added modulo 256.
func shift(changes bool) byte {
	if changes {
		return 128
	}
	return 0
}

// packBytes copies bytes after exclusive or with flip and returns their sum, as
// unsigned ones less bias, which is 128 where they are signed.
func packBytes(to, from []byte, flip, bias byte) (sum int32) {
	const pairs = 0x00ff00ff00ff00ff
	flips, biases := uint64(flip)*0x0101010101010101, uint64(bias)*0x0101010101010101
	to = to[:len(from)]
	sum = -int32(bias) * int32(len(from))
	for len(from) >= 8 {
		x := binary.LittleEndian.Uint64(from) ^ flips
		binary.LittleEndian.PutUint64(to, x)
		x ^= biases
		sum += int32((x&pairs + x>>8&pairs) * 0x0001000100010001 >> 48)
		from, to = from[8:], to[8:]
	}
	for i, x := range from {
		to[i] = x ^ flip
		sum += int32(x ^ flip ^ bias)
	}
	return sum
}

// packColumn is packBytes of bytes that are ld apart.
func packColumn(to, from []byte, ld, k int, flip, bias byte) (sum int32) {
	for p := range k {
		x := from[p*ld] ^ flip
		to[p] = x
		sum += int32(x^bias) - int32(bias)
	}
	return sum
}

func packIntRow(row []byte, a *IntA, i, k0, k1 int, zero int32) {
	out := words(row)
	for p := k0; p < k1; p++ {
		at := i*a.LD + p
		if a.Trans {
			at = p*a.LD + i
		}
		out[p-k0] = word(a.Data[at], a.Signed, zero)
	}
	clear(out[k1-k0:])
}

// word is an element less its zero point.
func word(x byte, signed bool, zero int32) int16 {
	if signed {
		return int16(int32(int8(x)) - zero)
	}
	return int16(int32(x) - zero)
}

func words(b []byte) []int16 {
	return unsafe.Slice((*int16)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/2)
}

// intPanels are the panels of B for the kernels. Elements are
//
//   - for kernels of quads: int8, 128 less where they were uint8, and zeros and sums
//     hold for each column its zero point less that shift, and the sum of its int8
//     less k times that zero point;
//   - for others: int16, less their zero point.
type intPanels struct {
	data        []byte
	panel       int // bytes of one panel
	zeros, sums []int32
}

func (q *intPanels) prepare(kern *intKernel, k, n int) {
	panels := (n + kern.cols - 1) / kern.cols
	q.panel = (k + kern.group() - 1) / kern.group() * 4 * kern.cols
	q.data = grown(q.data, panels*q.panel)
	if kern.quads {
		q.zeros, q.sums = grown(q.zeros, panels*kern.cols), grown(q.sums, panels*kern.cols)
	}
}

// pack fills panels q0 to q1, of n columns in all, with steps k0 to k1 of b.
func (q *intPanels) pack(kern *intKernel, b *IntB, q0, q1, n, k0, k1 int) {
	for i := q0; i < q1; i++ {
		j0 := i * kern.cols
		panel, cols := q.data[i*q.panel:(i+1)*q.panel], min(kern.cols, n-j0)
		if !kern.quads && k1 > k0 {
			packIntPanel(kern, panel, b, j0, cols, k0, k1)
		}
		if !kern.quads {
			continue
		}
		sums, zeros := q.sums[j0:][:kern.cols], q.zeros[j0:][:kern.cols]
		clear(sums)
		clear(zeros)
		if k1 > k0 {
			packBytePanel(kern, panel, sums, b, j0, cols, k0, k1)
		}
		for j := range cols {
			zeros[j] = zeroAt(b.Zero, j0+j) - int32(shift(!b.Signed))
			sums[j] -= int32(k1-k0) * zeros[j]
		}
	}
}

func packBytePanel(kern *intKernel, panel []byte, sums []int32, b *IntB, j0, cols, k0, k1 int) {
	p, flip := k0, shift(!b.Signed)
	if whole := (k1 - k0) &^ 3; whole > 0 && cols == kern.cols && !b.Trans && kern.packQuads != nil {
		from := b.Data[k0*b.LD+j0:][:(whole-1)*b.LD+cols]
		kern.packQuads(&panel[0], &from[0], uintptr(b.LD), uintptr(whole/4), uint32(flip)*0x01010101, &sums[0])
		p += whole
	}
	clear(panel[(p-k0)*kern.cols:])
	if b.Trans {
		for j := range cols {
			row := b.Data[(j0+j)*b.LD:]
			for p := p; p < k1; p++ {
				x := row[p] ^ flip
				panel[((p-k0)>>2*kern.cols+j)<<2+(p-k0)&3] = x
				sums[j] += int32(int8(x))
			}
		}
		return
	}
	for ; p < k1; p++ {
		out := panel[(p-k0)>>2*kern.cols*4+(p-k0)&3:]
		for j, x := range b.Data[p*b.LD+j0:][:cols] {
			x ^= flip
			out[j*4] = x
			sums[j] += int32(int8(x))
		}
	}
}

func packIntPanel(kern *intKernel, panel []byte, b *IntB, j0, cols, k0, k1 int) {
	clear(panel)
	out := words(panel)
	if b.Trans {
		for j := range cols {
			zero := zeroAt(b.Zero, j0+j)
			for p, x := range b.Data[(j0+j)*b.LD:][k0:k1] {
				out[(p>>1*kern.cols+j)<<1+p&1] = word(x, b.Signed, zero)
			}
		}
		return
	}
	var zeros [intColsMost]int32
	for j := range cols {
		zeros[j] = zeroAt(b.Zero, j0+j)
	}
	for p := range k1 - k0 {
		to := out[p>>1*kern.cols*2+p&1:]
		from := b.Data[(k0+p)*b.LD+j0:][:cols]
		if b.Signed {
			for j, x := range from {
				to[2*j] = int16(int32(int8(x)) - zeros[j&(intColsMost-1)])
			}
			continue
		}
		for j, x := range from {
			to[2*j] = int16(int32(x) - zeros[j&(intColsMost-1)])
		}
	}
}

// intColsMost is the most columns of a panel of int16.
const intColsMost = 16

// GemmInt8 computes dst = (A - its zero points) * (B - its zero points) for an m by
// k matrix A and a k by n matrix B of bytes, in int32 that wraps, on the threads of
// p. Rows of dst begin ldd elements apart. With k of 0 the product is 0.
//
// post is called where it is not nil for parts of rows that together are dst, each
// once it is finished, by several goroutines at once; row[0] is element (i, j).
//
// GemmInt8 panics where a slice is too short for the shape, or where operands were
// packed for another one.
func GemmInt8(p *pool.Pool, dst []int32, ldd, m, n, k int, a IntA, b IntB, post func(row []int32, i, j int)) {
	gemmInt8(bestInt, p, dst, ldd, m, n, k, &a, &b, post)
}

func gemmInt8(kern *intKernel, p *pool.Pool, dst []int32, ldd, m, n, k int, a *IntA, b *IntB, post func(row []int32, i, j int)) {
	checkSize("the result", len(dst), m, n, ldd)
	if k < 0 {
		panic(fmt.Sprintf("gemm: k is %d", k))
	}
	a.check(m, k)
	b.check(k, n)
	if m == 0 || n == 0 {
		return
	}
	j := intJobs.Get().(*intJob)
	j.kern, j.pool, j.post = kern, p, post
	j.dst, j.ldd, j.m, j.n = dst, ldd, m, n
	j.a, j.b = *a, *b
	j.run(k)
	*j = intJob{ownA: j.ownA, ownB: j.ownB}
	intJobs.Put(j)
}

// intJob is one call of GemmInt8.
type intJob struct {
	kern   *intKernel
	pool   *pool.Pool
	post   func(row []int32, i, j int)
	dst    []int32
	ldd    int
	m, n   int
	a      IntA
	b      IntB
	k0, k1 int // the steps that are being multiplied
	last   bool

	ownA intRows // where A is not packed beforehand; the memory stays with the job
	ownB intPanels
	rows *intRows
	cols *intPanels

	rowPanels, colPanels, rowBlocks, colBlocks int
}

var intJobs = sync.Pool{New: func() any { return new(intJob) }}

// run multiplies all steps at once, or part after part where both operands would
// take much memory for all of them.
func (j *intJob) run(k int) {
	kern := j.kern
	j.rowPanels = (j.m + kern.rows - 1) / kern.rows
	j.colPanels = (j.n + kern.cols - 1) / kern.cols
	part := k
	if j.a.Packed == nil && j.b.Packed == nil {
		part = min(k, max(4, 4*packedLimit/(j.colPanels*kern.cols*kern.size())&^3))
	}
	for j.k0 = 0; ; j.k0 = j.k1 {
		j.k1 = min(j.k0+part, k)
		j.last = j.k1 == k
		j.part()
		if j.last {
			return
		}
	}
}

func (j *intJob) part() {
	depth := j.k1 - j.k0
	if j.rows = &j.ownA; j.a.Packed != nil {
		j.rows = &j.a.Packed.intRows
	} else {
		j.ownA.prepare(j.kern, j.m, depth)
		j.pool.Run(j.m, grainPack/max(depth, 1), (*packIntRows)(j))
	}
	if j.cols = &j.ownB; j.b.Packed != nil {
		j.cols = &j.b.Packed.intPanels
	} else {
		j.ownB.prepare(j.kern, depth, j.n)
		j.pool.Run(j.colPanels, grainPack/max(j.cols.panel, 1), (*packIntCols)(j))
	}
	const faster = 4 // than float32
	j.rowBlocks, j.colBlocks = cutTasks(j.m*max(depth, 1)/faster*min(j.colPanels*j.kern.cols, j.n), j.pool.Threads(), j.rowPanels, j.colPanels)
	j.pool.Run(j.rowBlocks*j.colBlocks, 1, j)
}

type packIntRows intJob

// Do packs rows lo to hi of A.
func (s *packIntRows) Do(lo, hi int) { s.ownA.pack(s.kern, &s.a, lo, hi, s.k0, s.k1) }

type packIntCols intJob

// Do packs panels lo to hi of B.
func (s *packIntCols) Do(lo, hi int) { s.ownB.pack(s.kern, &s.b, lo, hi, s.n, s.k0, s.k1) }

var intTilePool = sync.Pool{New: func() any { return new(intTile) }}

// Do computes tasks lo to hi of the part.
func (j *intJob) Do(lo, hi int) {
	t := intTilePool.Get().(*intTile)
	for i := lo; i < hi; i++ {
		r, c := i%j.rowBlocks, i/j.rowBlocks
		for q := c * j.colPanels / j.colBlocks; q < (c+1)*j.colPanels/j.colBlocks; q++ {
			for p := r * j.rowPanels / j.rowBlocks; p < (r+1)*j.rowPanels/j.rowBlocks; p++ {
				j.tile(t, p, q)
			}
		}
	}
	*t = intTile{}
	intTilePool.Put(t)
}

// tile computes the tile of row panel p and column panel q.
func (j *intJob) tile(t *intTile, p, q int) {
	kern, group := j.kern, j.kern.group()
	i0, rows := rowPanel(j.m, j.rowPanels, p)
	j0 := q * kern.cols
	cols := min(kern.cols, j.n-j0)
	t.k = uintptr((j.k1 - j.k0 + group - 1) / group)
	t.a, t.aRow = addr(j.rows.data, i0*j.rows.ld), uintptr(j.rows.ld)
	t.b = addr(j.cols.data, q*j.cols.panel)
	t.c, t.cRow = addr(j.dst, i0*j.ldd+j0), uintptr(j.ldd)*4
	t.rows, t.cols = uint32(rows), uint32(cols)
	t.mask, t.maskVec = uint32(1<<cols-1), unsafe.Pointer(&masks[max(16-cols, 0)])
	t.flags = 0
	if cols < kern.cols {
		t.flags |= intMasked
	}
	if j.k0 > 0 {
		t.flags |= intAccumulate
	}
	if kern.quads {
		t.flags |= intCorrect
		t.row0, t.col0 = addr(j.rows.zeros, i0), addr(j.cols.sums, j0)
		t.row1, t.col1 = addr(j.rows.sums, i0), addr(j.cols.zeros, j0)
	}
	if cols < kern.cols && kern.whole {
		j.tileThrough(t, i0, j0, rows, cols)
	} else {
		kern.tiles[rows-1](t)
	}
	if j.post != nil && j.last {
		for i := i0; i < i0+rows; i++ {
			j.post(j.dst[i*j.ldd+j0:i*j.ldd+j0+cols], i, j0)
		}
	}
}

// tileThrough computes a tile of fewer columns than the kernel has, by way of one that
// has all of them.
func (j *intJob) tileThrough(t *intTile, i0, j0, rows, cols int) {
	t.c, t.cRow = unsafe.Pointer(&t.edge), uintptr(j.kern.cols)*4
	t.flags &^= intAccumulate
	j.kern.tiles[rows-1](t)
	for r := range rows {
		from, to := t.edge[r*j.kern.cols:][:cols], j.dst[(i0+r)*j.ldd+j0:][:cols]
		if j.k0 == 0 {
			copy(to, from)
			continue
		}
		for i, v := range from {
			to[i] += v
		}
	}
}
