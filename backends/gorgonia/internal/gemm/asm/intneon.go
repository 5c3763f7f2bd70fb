package main

import (
	"fmt"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/neon"
)

// The integer kernels of arm64, both of 8 by 8: of quads of signed bytes, by the dot
// product that newer processors have, and of pairs of words.

// Registers of vectors in the kernel of words, which loads two at once by their
// numbers, and takes lanes of the first sixteen only.
const (
	neonIntB   neon.V = 0
	neonIntA   neon.V = 2
	neonIntAcc neon.V = 16
)

// intNEON writes one integer kernel.
type intNEON struct {
	asimd
	dot  bool
	sums []neon.V // for each set, row and vector
}

// emitIntNEON writes the integer kernels, and returns their tables in Go.
func emitIntNEON(file *neon.File) (tables string) {
	for _, dot := range []bool{true, false} {
		set := map[bool]string{true: "DOT", false: "NEON"}[dot]
		list := ""
		for rows := 1; rows <= neonRows; rows++ {
			name := fmt.Sprintf("int%s_%dx%d", set, rows, 4*neonVecs)
			w := &intNEON{asimd: asimd{Func: file.Func(name, "func(t *intTile)", ""), rows: rows, sets: 1}, dot: dot}
			w.emit()
			w.Done()
			list += name + ", "
		}
		tables += fmt.Sprintf("\nvar ints%s = []func(*intTile){%s}\n", set, list[:len(list)-2])
	}
	emitPackQuadsNEON(file)
	return tables
}

func (w *intNEON) sum(set, row, vec int) neon.V { return w.sums[(set*w.rows+row)*neonVecs+vec] }

func (w *intNEON) emit() {
	for w.sets < 4 && w.rows*neonVecs*w.sets < 8 {
		w.sets *= 2
	}
	for i := range w.sets * w.rows * neonVecs {
		sum := w.Reg()
		if !w.dot {
			sum = neonIntAcc + neon.V(i)
		}
		w.sums = append(w.sums, sum)
		w.Zero(sum)
	}
	w.ins("MOVD t+0(FP), R0")
	w.ins("MOVD %d(R0), %s", offIntK, neonK)
	w.ins("MOVD %d(R0), %s", offIntA, neonRowPointer(0))
	w.ins("MOVD %d(R0), %s", offIntARow, neonStride)
	w.ins("MOVD %d(R0), %s", offIntB, neonB)
	for r := 1; r < w.rows; r++ {
		w.ins("ADD %s, %s, %s", neonStride, neonRowPointer(r-1), neonRowPointer(r))
	}
	w.ins("LSR $2, %s, %s", neonK, neonMany)
	w.branch("rest", "CBZ %s,", neonMany)
	w.Label("four")
	w.groups(4, "FMOVQ.P 16")
	w.ins("SUB $1, %s", neonMany)
	w.branch("four", "CBNZ %s,", neonMany)
	w.Label("rest")
	w.ins("AND $3, %s", neonK)
	w.branch("summed", "CBZ %s,", neonK)
	w.Label("one")
	w.groups(1, "FMOVS.P 4")
	w.ins("SUB $1, %s", neonK)
	w.branch("one", "CBNZ %s,", neonK)
	w.Label("summed")
	for sets := w.sets; sets > 1; sets /= 2 {
		half := sets / 2 * w.rows * neonVecs
		for i := range half {
			w.Three(neon.ADD, w.sums[i], w.sums[i], w.sums[half+i])
		}
	}
	w.epilogue()
	w.ins("RET")
}

// groups multiplies n groups of each row, which load loads, with as many of B.
func (w *intNEON) groups(n int, load string) {
	a := make([]neon.V, w.rows)
	for r := range a {
		if a[r] = neonIntA + neon.V(r); w.dot {
			a[r] = w.Reg()
		}
		w.Ins("%s(%s), F%v", load, neonRowPointer(r), neon.Out(a[r]))
	}
	for g := range n {
		set := g % w.sets
		if w.dot {
			b := w.Regs(neonVecs)
			w.Ins("FLDPQ.P 32(%s), (F%v, F%v)", neonB, neon.Out(b[0]), neon.Out(b[1]))
			for r := range a {
				for v := range b {
					w.Elem(neon.SDOTElem, w.sum(set, r, v), b[v], a[r], g)
				}
			}
			continue
		}
		w.Ins("VLD2.P 32(%s), [V%v.H8, V%v.H8]", neonB, neon.Out(neonIntB), neon.Out(neonIntB+1))
		for half := range neon.V(2) {
			for r := range a {
				w.Elem(neon.SMLALElem, w.sum(set, r, 0), neonIntB+half, a[r], 2*g+int(half))
				w.Elem(neon.SMLAL2, w.sum(set, r, 1), neonIntB+half, a[r], 2*g+int(half))
			}
		}
	}
}

func (w *intNEON) epilogue() {
	w.ins("MOVWU %d(R0), %s", offIntFlags, neonFlags)
	if w.dot {
		w.section(flagIntCorrect, "correct", func() {
			w.rankOne(offIntRow0, offIntCol0)
			w.rankOne(offIntRow1, offIntCol1)
		})
	}
	rows := func(each func(r int)) {
		w.ins("MOVD %d(R0), %s", offIntC, neonP)
		for r := range w.rows {
			each(r)
			if r < w.rows-1 {
				w.ins("ADD %s, %s", neonStride, neonP)
			}
		}
	}
	w.ins("MOVD %d(R0), %s", offIntCRow, neonStride)
	w.section(flagIntAccumulate, "accumulate", func() {
		x := w.Regs(neonVecs)
		rows(func(r int) {
			w.LoadPair(x[0], x[1], neonP, 0)
			for v := range x {
				w.Three(neon.ADD, w.sum(0, r, v), w.sum(0, r, v), x[v])
			}
		})
	})
	rows(func(r int) {
		for v := range neonVecs {
			w.Store(w.sum(0, r, v), neonP, 16*v)
		}
	})
}

// rankOne adds the product of a number for each row and one for each column.
func (w *intNEON) rankOne(row, col int) {
	w.ins("MOVD %d(R0), %s", col, neonP)
	cols, x := w.Regs(neonVecs), w.Reg()
	w.LoadPair(cols[0], cols[1], neonP, 0)
	w.ins("MOVD %d(R0), %s", row, neonP)
	for r := range w.rows {
		w.Ins("VLD1R.P 4(%s), [V%v.S4]", neonP, neon.Out(x))
		for v := range cols {
			w.Three(neon.MLA, w.sum(0, r, v), cols[v], x)
		}
	}
}

// emitPackQuadsNEON writes the function that packs 8 columns of B for the dot product.
func emitPackQuadsNEON(file *neon.File) {
	f := file.Func("packQuadsNEON", "func(to, from *byte, src, quads uintptr, flip uint32, sums *int32)",
		"packQuadsNEON interleaves 4*quads rows of 8 bytes, src bytes apart, by four, after\nexclusive or with flip, and adds each column to its sum as signed bytes. It takes\nprocessors that have the dot product.")
	for i, a := range []string{"to", "from", "src", "quads", "sums"} {
		f.Ins("MOVD %s, R%d", f.Arg(a), i)
	}
	flip, ones, sums := f.Reg(), f.Reg(), f.Regs(2)
	f.Float(flip, "flip")
	f.Word(ones, 0x01010101)
	f.LoadPair(sums[0], sums[1], "R4", 0)
	f.Branch("CBZ R3,", "done")
	f.Label("quad")
	rows := f.Regs(4)
	for _, r := range rows {
		f.Ins("FMOVD (R1), F%v", neon.Out(r))
		f.Ins("ADD R2, R1")
	}
	f.Three(neon.ZIP1B, rows[0], rows[0], rows[1])
	f.Three(neon.ZIP1B, rows[2], rows[2], rows[3])
	quads := f.Regs(2)
	f.Three(neon.ZIP1H, quads[0], rows[0], rows[2])
	f.Three(neon.ZIP2H, quads[1], rows[0], rows[2])
	for i, q := range quads {
		f.Three(neon.EOR, q, q, flip)
		f.Three(neon.SDOT, sums[i], q, ones)
		f.Store(q, "R0", 16*i)
	}
	f.Ins("ADD $32, R0")
	f.Ins("SUB $1, R3")
	f.Branch("CBNZ R3,", "quad")
	f.Label("done")
	f.Store(sums[0], "R4", 0)
	f.Store(sums[1], "R4", 16)
	f.Ins("RET")
	f.Done()
}

// emitCopiesNEON writes what package gemm packs float32 with.
func emitCopiesNEON(file *neon.File) {
	f := file.Func("copyRowsNEON", "func(to, from *float32, src, rows uintptr)",
		fmt.Sprintf("copyRowsNEON copies rows of %d elements, src bytes apart, one behind the other.", 4*neonVecs))
	for i, a := range []string{"to", "from", "src", "rows"} {
		f.Ins("MOVD %s, R%d", f.Arg(a), i)
	}
	f.Branch("CBZ R3,", "done")
	f.Label("row")
	x := f.Regs(2)
	f.LoadPair(x[0], x[1], "R1", 0)
	f.Ins("ADD R2, R1")
	f.Ins("FSTPQ.P (F%v, F%v), 32(R0)", neon.In(x[0]), neon.In(x[1]))
	f.Ins("SUB $1, R3")
	f.Branch("CBNZ R3,", "row")
	f.Label("done")
	f.Ins("RET")
	f.Done()
	emitTranspose8NEON(file)
}

// emitTranspose8NEON writes the function that turns eight rows into columns, four by
// four elements at once.
func emitTranspose8NEON(file *neon.File) {
	f := file.Func("transpose8NEON", "func(to, from *float32, dst, src, blocks uintptr)",
		"transpose8NEON writes 8*blocks elements of each of 8 rows, src bytes apart, as columns of rows dst bytes apart.")
	for i, a := range []string{"to", "from", "dst", "src", "blocks"} {
		f.Ins("MOVD %s, R%d", f.Arg(a), i)
	}
	const from, to = "R5", "R6"
	f.Ins("LSL $1, R4") // halves of blocks: four elements of each row
	f.Branch("CBZ R4,", "done")
	f.Label("four")
	f.Ins("MOVD R1, %s", from)
	for below := range 2 {
		rows := f.Regs(4)
		for _, r := range rows {
			f.Load(r, from, 0)
			f.Ins("ADD R3, %s", from)
		}
		f.Ins("MOVD R0, %s", to)
		for _, c := range f.Transpose4(rows) {
			f.Store(c, to, 16*below)
			f.Ins("ADD R2, %s", to)
		}
	}
	f.Ins("ADD $16, R1")
	f.Ins("ADD R2<<2, R0, R0")
	f.Ins("SUB $1, R4")
	f.Branch("CBNZ R4,", "four")
	f.Label("done")
	f.Ins("RET")
	f.Done()
}
