package gemm

// Products with a vector, and with few of them, are as fast as the large operand
// comes from memory. They read it in the order in which it lies there.

const (
	// dotRows is how many rows kernel.dots takes.
	dotRows = 4
	// dotsLeast is the least k for scalar products, which end with a sum across a vector.
	dotsLeast = 16
	// dotsMaxM is up to how many rows of A scalar products beat packing a transposed
	// B, and dotsMaxN up to how many columns of B they beat tiles mostly empty.
	dotsMaxM, dotsMaxN = 4, 2
)

// vectorB makes B of one column plain, however it comes.
func (j *job) vectorB() {
	switch b := &j.b; {
	case b.Packed != nil:
		j.b = B{Data: b.Packed.data, LD: 1}
	case b.Packer != nil && j.k > 0:
		j.vectors = grown(j.vectors, j.k)
		b.Packer.PackPanel(j.vectors[:j.k:j.k], 0, j.k, 0, 1, 1)
		j.b = B{Data: j.vectors, LD: 1}
	case b.Trans:
		j.b = B{Data: b.Data, LD: 1}
	}
}

// swaps says whether a product with one column is better seen as the product of
// one row with the transpose of A, whose rows lie in memory as they do.
func (j *job) swaps() bool {
	if j.n != 1 || j.m == 1 || j.a.Packed == nil && !j.a.Trans {
		return false
	}
	if j.a.Packed != nil && j.kern.whole { // panels of A are not as wide as those of B
		return false
	}
	return j.ldd == 1 && (j.e.C == nil || j.e.LDC == 1)
}

// swap transposes the product, one column by k steps, to one row.
func (j *job) swap() {
	a, b := j.a, j.b
	j.a = A{Data: b.Data, LD: b.LD, Trans: !b.Trans}
	j.b = B{rows: a.Packed, Data: a.Data, LD: a.LD}
	j.m, j.n, j.ldd = 1, j.m, j.m
	j.e.BiasRow, j.e.BiasCol = j.e.BiasCol, j.e.BiasRow
	j.e.LDC = j.n
}

// dots describes a product as scalar products: the rows of a large matrix, which
// are read one behind the other, by each of a few vectors.
type dots struct {
	large   []float32
	largeLD int
	few     []float32
	fewLD   int
	count   int  // of few
	columns bool // the large matrix gives the columns of the result, and not its rows
}

// dotsFit says whether the product is one for scalar products, and prepares them.
func (j *job) dotsFit() bool {
	if j.k < dotsLeast {
		return false
	}
	a, b := &j.a, &j.b
	plainB := b.Packed == nil && b.Packer == nil && b.rows == nil
	switch {
	case plainB && b.Trans && j.m <= min(j.n, dotsMaxM) && a.Packed == nil:
		j.dots = dots{large: b.Data, largeLD: b.LD, count: j.m, columns: true}
		j.setFew(a.Data, a.LD, !a.Trans)
	case plainB && a.Packed == nil && !a.Trans && j.n <= dotsMaxN:
		j.dots = dots{large: a.Data, largeLD: a.LD, count: j.n}
		j.setFew(b.Data, b.LD, b.Trans)
	default:
		return false
	}
	return true
}

// setFew takes the few vectors from the rows of data, or from its columns.
func (j *job) setFew(data []float32, ld int, rows bool) {
	d := &j.dots
	if rows || d.count == 1 && ld == 1 {
		d.few, d.fewLD = data, ld
		return
	}
	j.vectors = grown(j.vectors, d.count*j.k)
	d.few, d.fewLD = j.vectors, j.k
	for i := range d.count {
		for p := range j.k {
			d.few[i*j.k+p] = data[p*ld+i]
		}
	}
}

func (j *job) runDots() {
	rows := j.m
	if j.dots.columns {
		rows = j.n
	}
	j.pool.Run(rows, max(dotRows, grainOps/(j.k*j.dots.count)&^(dotRows-1)), (*dotStep)(j))
}

// dotStep is a job whose body computes scalar products.
type dotStep job

// Do multiplies rows lo to hi of the large matrix by the few vectors.
func (s *dotStep) Do(lo, hi int) {
	j, d := (*job)(s), &s.dots
	w := workers.Get().(*worker)
	t := &w.tile
	j.setEpilogue(t, 0, true, true)
	t.c, t.cRow = at(j.dst, 0), uintptr(j.ldd)*4
	t.res, t.biasCol = at(j.e.C, 0), at(j.e.BiasCol, 0)
	mask := &masks[16-j.k%j.kern.width]
	var sums [dotRows]float32
	for r := lo; r < hi; r += dotRows {
		rows, stride := min(dotRows, hi-r), uintptr(d.largeLD)*4
		for f := range d.count {
			x := (*float32)(at(d.few, f*d.fewLD))
			if rows == dotRows {
				j.kern.dots(&sums[0], (*float32)(at(d.large, r*d.largeLD)), x, stride, uintptr(j.k), mask)
			} else {
				for i := range rows { // four times the same row, for one of its sums
					var same [dotRows]float32
					j.kern.dots(&same[0], (*float32)(at(d.large, (r+i)*d.largeLD)), x, 0, uintptr(j.k), mask)
					sums[i] = same[0]
				}
			}
			for i, x := range sums[:rows] {
				if d.columns {
					t.finish(uintptr(f), uintptr(r+i), x)
				} else {
					t.finish(uintptr(r+i), uintptr(f), x)
				}
			}
		}
	}
	w.tile = tile{}
	workers.Put(w)
	j.postDots(lo, hi)
}

func (j *job) postDots(lo, hi int) {
	switch {
	case j.e.Post == nil:
	case j.dots.columns:
		for i := range j.m {
			j.e.Post(j.dst[i*j.ldd+lo : i*j.ldd+hi])
		}
	default:
		for i := lo; i < hi; i++ {
			j.e.Post(j.dst[i*j.ldd : i*j.ldd+j.n])
		}
	}
}
