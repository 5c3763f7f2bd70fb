package main

import (
	"fmt"
	"os"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/neon"
)

// The tile of NEON: 16 accumulators of the 32 registers.
const neonRows, neonVecs = 8, 2

// asimd writes a kernel for arm64's vectors.
type asimd struct {
	*neon.Func
	rows, sets int
}

// ins appends an instruction that names no vectors.
func (w *asimd) ins(format string, args ...any) { w.Ins(format, args...) }

// branch appends one that may go to a label.
func (w *asimd) branch(label, format string, args ...any) {
	w.Branch(fmt.Sprintf(format, args...), label)
}

// load2 and store2 move two vectors.
func (w *asimd) load2(p string, a neon.V) {
	w.Ins("VLD1 (%s), [V%v.S4, V%v.S4]", p, neon.Out(a), neon.Out(a+1))
}

// load2After leaves p behind what it loads.
func (w *asimd) load2After(p string, a neon.V) {
	w.Ins("VLD1.P 32(%s), [V%v.S4, V%v.S4]", p, neon.Out(a), neon.Out(a+1))
}

func (w *asimd) store2(p string, a neon.V) {
	w.Ins("VST1 [V%v.S4, V%v.S4], (%s)", neon.In(a), neon.In(a+1), p)
}

// splat loads a word into every lane.
func (w *asimd) splat(p string, a neon.V) { w.Ins("VLD1R (%s), [V%v.S4]", p, neon.Out(a)) }

// Registers.
const (
	neonK, neonB, neonBStep, neonAStep = "R1", "R2", "R3", "R4"
	neonFlags, neonP, neonStride       = "R14", "R15", "R16"
	neonMany                           = "R17"
)

// First registers of B, of A, of scratch.
const neonVB, neonVA, neonVS neon.V = 16, 18, 26

func neonRowPointer(r int) string { return fmt.Sprintf("R%d", 5+r) }

func (w *asimd) acc(set, row, vec int) neon.V { return neon.V((set*w.rows+row)*neonVecs + vec) }

// emitNEON writes the kernels for arm64, and their declarations and tables.
func emitNEON(asm, stubs string) error {
	file := neon.NewFile("gemm", "gemm/asm")
	tables := ""
	for rows := 1; rows <= neonRows; rows++ {
		name := fmt.Sprintf("tileNEON_%dx%d", rows, 4*neonVecs)
		emitTileNEON(file, name, rows)
		tables += name + ", "
	}
	tables = fmt.Sprintf("\nvar tilesNEON = [][]func(*tile){{%s}}\n", tables[:len(tables)-2])
	emitDotsNEON(file)
	emitCopiesNEON(file)
	tables += emitIntNEON(file)
	if err := os.WriteFile(asm, file.Assembly(), 0o644); err != nil {
		return err
	}
	return os.WriteFile(stubs, append(file.Stubs(), tables...), 0o644)
}

func emitTileNEON(file *neon.File, name string, rows int) {
	w := &asimd{Func: file.Func(name, "func(t *tile)", ""), rows: rows}
	w.tile()
	w.Done()
}

func (w *asimd) tile() {
	rows := w.rows
	w.sets = 1
	for w.sets < 4 && rows*neonVecs*w.sets < 8 {
		w.sets *= 2
	}
	w.ins("MOVD t+0(FP), R0")
	w.ins("MOVD %d(R0), %s", offK, neonK)
	w.ins("MOVD %d(R0), %s", offA, neonRowPointer(0))
	w.ins("MOVD %d(R0), %s", offARow, neonStride)
	w.ins("MOVD %d(R0), %s", offAStep, neonAStep)
	w.ins("MOVD %d(R0), %s", offB, neonB)
	w.ins("MOVD %d(R0), %s", offBStep, neonBStep)
	for r := 1; r < rows; r++ {
		w.ins("ADD %s, %s, %s", neonStride, neonRowPointer(r-1), neonRowPointer(r))
	}
	for a := range w.sets * rows * neonVecs {
		w.Zero(neon.V(a))
	}
	if w.sets > 1 {
		w.ins("LSR $%d, %s, %s", log2(w.sets), neonK, neonMany)
		w.branch("rest", "CBZ %s,", neonMany)
		w.Label("many")
		for set := range w.sets {
			w.step(set)
		}
		w.ins("SUB $1, %s", neonMany)
		w.branch("many", "CBNZ %s,", neonMany)
		w.Label("rest")
		w.ins("AND $%d, %s", w.sets-1, neonK)
	}
	w.branch("summed", "CBZ %s,", neonK)
	w.Label("one")
	w.step(0)
	w.ins("SUB $1, %s", neonK)
	w.branch("one", "CBNZ %s,", neonK)
	w.Label("summed")
	for sets := w.sets; sets > 1; sets /= 2 {
		for a := range sets / 2 * rows * neonVecs {
			w.Three(neon.FADD, neon.V(a), neon.V(a), neon.V(a+sets/2*rows*neonVecs))
		}
	}
	w.epilogue()
	w.ins("RET")
}

// step adds the products of one k.
func (w *asimd) step(set int) {
	w.load2(neonB, neonVB)
	w.ins("ADD %s, %s", neonBStep, neonB)
	for r := range w.rows {
		w.splat(neonRowPointer(r), neonVA+neon.V(r))
		w.ins("ADD %s, %s", neonAStep, neonRowPointer(r))
	}
	for r := range w.rows {
		for v := range neonVecs {
			w.Three(neon.FMLA, w.acc(set, r, v), neonVA+neon.V(r), neonVB+neon.V(v))
		}
	}
}

func (w *asimd) section(flag int, name string, body func()) {
	w.ins("TST $%d, %s", flag, neonFlags)
	w.branch(name+"End", "BEQ")
	body()
	w.Label(name + "End")
}

// number broadcasts a field of the tile.
func (w *asimd) number(off int, reg neon.V) {
	w.ins("ADD $%d, R0, %s", off, neonP)
	w.splat(neonP, reg)
}

func (w *asimd) each(f func(acc neon.V)) {
	for a := range w.rows * neonVecs {
		f(neon.V(a))
	}
}

// walk calls f for each row of a matrix of the tile's shape, with a pointer to it in neonP.
func (w *asimd) walk(ptr, stride int, f func(acc neon.V)) {
	w.ins("MOVD %d(R0), %s", ptr, neonP)
	w.ins("MOVD %d(R0), %s", stride, neonStride)
	for r := range w.rows {
		f(w.acc(0, r, 0))
		if r < w.rows-1 {
			w.ins("ADD %s, %s", neonStride, neonP)
		}
	}
}

func (w *asimd) epilogue() {
	s, u := neonVS, neonVS+2
	w.ins("MOVWU %d(R0), %s", offFlags, neonFlags)
	w.section(flagAlpha, "alpha", func() {
		w.number(offAlpha, s)
		w.each(func(acc neon.V) { w.Three(neon.FMUL, acc, acc, s) })
	})
	w.section(flagAccumulate, "accumulate", func() {
		w.walk(offC, offCRow, func(acc neon.V) {
			w.load2(neonP, s)
			w.Three(neon.FADD, acc, acc, s)
			w.Three(neon.FADD, acc+1, acc+1, s+1)
		})
	})
	w.section(flagBiasRow, "biasRow", func() {
		w.ins("MOVD %d(R0), %s", offBiasRow, neonP)
		for r := range w.rows {
			w.Ins("VLD1R.P 4(%s), [V%v.S4]", neonP, neon.Out(s))
			w.Three(neon.FADD, w.acc(0, r, 0), w.acc(0, r, 0), s)
			w.Three(neon.FADD, w.acc(0, r, 1), w.acc(0, r, 1), s)
		}
	})
	w.section(flagBiasCol, "biasCol", func() {
		w.ins("MOVD %d(R0), %s", offBiasCol, neonP)
		w.load2(neonP, s)
		w.each(func(acc neon.V) { w.Three(neon.FADD, acc, acc, s+acc%2) })
	})
	w.section(flagRes, "res", func() {
		w.number(offBeta, u)
		w.walk(offRes, offResRow, func(acc neon.V) {
			w.load2(neonP, s)
			w.Three(neon.FMLA, acc, u, s)
			w.Three(neon.FMLA, acc+1, u, s+1)
		})
	})
	w.section(flagLo, "lo", func() {
		w.number(offLo, s)
		w.each(func(acc neon.V) { w.Three(neon.FMAX, acc, acc, s) })
	})
	w.section(flagHi, "hi", func() {
		w.number(offHi, s)
		w.each(func(acc neon.V) { w.Three(neon.FMIN, acc, acc, s) })
	})
	w.section(flagLeaky, "leaky", func() {
		w.number(offSlope, s)
		w.Zero(u)
		w.each(func(acc neon.V) { // max(x, 0) + slope*min(x, 0)
			w.Three(neon.FMIN, s+1, acc, u)
			w.Three(neon.FMAX, acc, acc, u)
			w.Three(neon.FMLA, acc, s, s+1)
		})
	})
	w.walk(offC, offCRow, func(acc neon.V) {
		w.store2(neonP, acc)
	})
}

// emitDotsNEON writes the function that multiplies four rows by one vector: eight
// elements at a time, then one.
func emitDotsNEON(file *neon.File) {
	w := &asimd{Func: file.Func("dotsNEON", "func(to, rows, x *float32, stride, k uintptr, mask *int32)",
		"dotsNEON writes the scalar products of x and each of 4 rows, stride bytes apart.")}
	const x, row, sum neon.V = 16, 18, 0
	for i, a := range []string{"to", "k", "x", "stride"} {
		w.ins("MOVD %s, R%d", w.Arg(a), i)
	}
	w.ins("MOVD %s, R5", w.Arg("rows"))
	for r := 1; r < 4; r++ {
		w.ins("ADD R3, R%d, R%d", 4+r, 5+r)
	}
	for a := range neon.V(8) {
		w.Zero(a)
	}
	w.ins("LSR $3, R1, R17")
	w.branch("rest", "CBZ R17,")
	w.Label("eight")
	w.load2After("R2", x)
	for r := range neon.V(4) {
		w.load2After(fmt.Sprintf("R%d", 5+r), row+2*r)
	}
	for r := range neon.V(4) {
		w.Three(neon.FMLA, sum+2*r, row+2*r, x)
		w.Three(neon.FMLA, sum+2*r+1, row+2*r+1, x+1)
	}
	w.ins("SUB $1, R17")
	w.branch("eight", "CBNZ R17,")
	w.Label("rest")
	for r := range neon.V(4) {
		w.Three(neon.FADD, sum+2*r, sum+2*r, sum+2*r+1)
	}
	// The sums across the vectors: pairwise, twice.
	w.Three(neon.FADDP, sum, sum, sum+2)
	w.Three(neon.FADDP, sum+4, sum+4, sum+6)
	w.Three(neon.FADDP, sum, sum, sum+4)
	w.Store(sum, "R0", 0)
	w.ins("AND $7, R1")
	w.branch("done", "CBZ R1,")
	for r := range 4 {
		w.ins("FMOVS %d(R0), F%d", 4*r, r)
	}
	w.Label("one")
	w.ins("FMOVS.P 4(R2), F16")
	for r := range 4 {
		w.ins("FMOVS.P 4(R%d), F17", 5+r)
		w.ins("FMADDS F16, F%d, F17, F%d", r, r)
	}
	w.ins("SUB $1, R1")
	w.branch("one", "CBNZ R1,")
	for r := range 4 {
		w.ins("FMOVS F%d, %d(R0)", r, 4*r)
	}
	w.Label("done")
	w.ins("RET")
	w.Done()
}
