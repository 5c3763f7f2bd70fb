package main

import (
	"bytes"
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// isa is an instruction set with the largest tile of float32 that its registers
// hold: rows by vecs vectors of accumulators.
type isa struct {
	name       string
	rows, vecs int
	width      int // float32 in a vector
	least      int // vectors of the narrowest kernels
	regs       []VecPhysical
}

var (
	avx512 = isa{name: "512", rows: 14, vecs: 2, width: 16, least: 1, regs: []VecPhysical{
		Z0, Z1, Z2, Z3, Z4, Z5, Z6, Z7, Z8, Z9, Z10, Z11, Z12, Z13, Z14, Z15,
		Z16, Z17, Z18, Z19, Z20, Z21, Z22, Z23, Z24, Z25, Z26, Z27, Z28, Z29, Z30, Z31}}
	avx2 = isa{name: "2", rows: 6, vecs: 2, width: 8, least: 2, regs: []VecPhysical{
		Y0, Y1, Y2, Y3, Y4, Y5, Y6, Y7, Y8, Y9, Y10, Y11, Y12, Y13, Y14, Y15}}
)

func (i isa) wide() bool { return i.width == 16 }

// Offsets in type tile of tile.go, which a test there compares with its own.
const (
	offK       = 0
	offA       = 8
	offARow    = 16
	offAStep   = 24
	offB       = 32
	offBStep   = 40
	offC       = 48
	offCRow    = 56
	offRes     = 64
	offResRow  = 72
	offBiasRow = 80
	offBiasCol = 88
	offMaskVec = 96
	offMask    = 104
	offFlags   = 108
	offAlpha   = 112
	offBeta    = 116
	offLo      = 120
	offHi      = 124
	offSlope   = 128
)

// Bits of tile.flags.
const (
	flagAccumulate = 1 << iota
	flagAlpha
	flagBiasRow
	flagBiasCol
	flagRes
	flagLo
	flagHi
	flagLeaky
	flagMasked
)

// kernel is the state of one function's generation.
type kernel struct {
	isa
	rows, vecs int
	sets       int // of accumulators, which take turns so that short tiles hide the latency of FMA
	args       Register
	b, s       []VecPhysical // vectors of B; scratch
}

func (k *kernel) acc(set, row, vec int) VecPhysical {
	return k.regs[(set*k.rows+row)*k.vecs+vec]
}

func (k *kernel) arg(off int) Mem { return Mem{Base: k.args, Disp: off} }

// emitTiles writes the kernels of every height, and a table of them by vectors
// and rows, each less one.
func emitTiles(i isa, decl *bytes.Buffer) {
	table := &bytes.Buffer{}
	for vecs := 1; vecs <= i.vecs; vecs++ {
		fmt.Fprint(table, "\t{")
		for rows := 1; rows <= i.rows; rows++ {
			// Where vectors are short, the kernel for two of them serves one as well.
			name := tileName(i, rows, max(vecs, i.least))
			if vecs >= i.least {
				emitTile(i, rows, vecs)
				fmt.Fprintf(decl, "\n//go:noescape\nfunc %s(t *tile)\n", name)
			}
			if rows > 1 {
				fmt.Fprint(table, ", ")
			}
			fmt.Fprint(table, name)
		}
		fmt.Fprint(table, "},\n")
	}
	fmt.Fprintf(decl, "\nvar tiles%s = [][]func(*tile){\n%s}\n", i.name, table)
}

func tileName(i isa, rows, vecs int) string {
	return fmt.Sprintf("tile%s_%dx%d", i.name, rows, vecs*i.width)
}

func emitTile(i isa, rows, vecs int) {
	k := &kernel{isa: i, rows: rows, vecs: vecs, sets: 1}
	for k.sets < 4 && rows*vecs*k.sets < 8 && rows*vecs*k.sets*2 <= len(i.regs)-4 {
		k.sets *= 2
	}
	free := i.regs[len(i.regs)-4:]
	k.b, k.s = free[:2], free[2:]

	TEXT(tileName(i, rows, vecs), NOSPLIT, "func(t *byte)") // *tile in Go
	k.args = Load(Param("t"), GP64())
	k.product()
	k.epilogue()
	VZEROUPPER()
	RET()
}

// product leaves the sum over k of a column of A by a row of B in the
// accumulators of set 0.
func (k *kernel) product() {
	n, step := GP64(), GP64()
	p := &rowPointers{row: GP64(), row3: GP64(), row5: GP64(), base: []Register{GP64(), GP64()}}
	b, bStep, ahead := GP64(), GP64(), GP64()
	MOVQ(k.arg(offK), n)
	MOVQ(k.arg(offA), p.base[0])
	MOVQ(k.arg(offARow), p.row)
	MOVQ(k.arg(offAStep), step)
	MOVQ(k.arg(offB), b)
	MOVQ(k.arg(offBStep), bStep)
	LEAQ(Mem{Base: p.row, Index: p.row, Scale: 2}, p.row3)
	LEAQ(Mem{Base: p.row, Index: p.row, Scale: 4}, p.row5)
	if k.streams() {
		MOVQ(bStep, ahead)
		SHLQ(Imm(4), ahead)
	}
	if k.rows > 7 {
		LEAQ(Mem{Base: p.base[0], Index: p.row3, Scale: 2}, p.base[1])
		ADDQ(p.row, p.base[1])
	}
	if k.wide() {
		mask := GP32()
		MOVL(k.arg(offMask), mask)
		KMOVW(mask, K1)
		if k.vecs > 1 {
			SHRL(Imm(16), mask)
			KMOVW(mask, K2)
		}
	}
	for set := range k.sets {
		for r := range k.rows {
			for v := range k.vecs {
				k.zero(k.acc(set, r, v))
			}
		}
	}
	advance := func() {
		if k.streams() {
			for v := 0; v < k.vecs*k.width; v += 16 {
				PREFETCHT0(Mem{Base: b, Index: ahead, Scale: 1, Disp: 4 * v})
			}
		}
		ADDQ(step, p.base[0])
		if k.rows > 7 {
			ADDQ(step, p.base[1])
		}
		ADDQ(bStep, b)
	}
	loops := func(prefix string, load func(from Mem, v int)) {
		loadAll := func(from Mem) {
			for v := range k.vecs {
				from.Disp = 4 * k.width * v
				load(from, v)
			}
		}
		if k.sets > 1 {
			left := GP64()
			MOVQ(n, left)
			SHRQ(Imm(uint64(log2(k.sets))), left)
			JZ(LabelRef(prefix + "Rest"))
			if k.rows == 1 {
				k.quarters(prefix, p.base[0], step, b, bStep, left, loadAll)
			} else {
				Label(prefix + "Many")
				for set := range k.sets {
					loadAll(Mem{Base: b})
					k.multiply(p.at, set)
					advance()
				}
				DECQ(left)
				JNZ(LabelRef(prefix + "Many"))
			}
			Label(prefix + "Rest")
			ANDQ(Imm(uint64(k.sets-1)), n)
		} else {
			TESTQ(n, n)
		}
		JZ(LabelRef("summed"))
		Label(prefix + "One")
		loadAll(Mem{Base: b})
		k.multiply(p.at, 0)
		advance()
		DECQ(n)
		JNZ(LabelRef(prefix + "One"))
	}
	if k.wide() {
		loops("k", func(from Mem, v int) { VMOVUPS_Z(from, mask(v), k.b[v]) })
	} else {
		masks := GP64()
		TESTL(U32(flagMasked), k.arg(offFlags))
		JNZ(LabelRef("masked"))
		loops("k", func(from Mem, v int) { VMOVUPS(from, k.b[v]) })
		JMP(LabelRef("summed"))
		Label("masked")
		MOVQ(k.arg(offMaskVec), masks)
		loops("m", func(from Mem, v int) {
			VMOVUPS(Mem{Base: masks, Disp: 32 * v}, k.b[v])
			VMASKMOVPS(from, k.b[v], k.b[v])
		})
	}
	Label("summed")
	for sets := k.sets; sets > 1; sets /= 2 {
		for set := range sets / 2 {
			for r := range k.rows {
				for v := range k.vecs {
					VADDPS(k.acc(set+sets/2, r, v), k.acc(set, r, v), k.acc(set, r, v))
				}
			}
		}
	}
}

// quarters multiplies one row, which waits for B alone, with four quarters of k
// side by side: the processor reads ahead in four places at once.
func (k *kernel) quarters(prefix string, a, aStep, b, bStep, left Register, load func(from Mem)) {
	a1, a3, b1, b3 := GP64(), GP64(), GP64(), GP64()
	for _, d := range [][3]Register{{aStep, a1, a3}, {bStep, b1, b3}} {
		MOVQ(left, d[1])
		IMULQ(d[0], d[1])
		LEAQ(Mem{Base: d[1], Index: d[1], Scale: 2}, d[2])
	}
	quarter := func(base, one, three Register, set int) Mem {
		return []Mem{{Base: base}, {Base: base, Index: one, Scale: 1}, {Base: base, Index: one, Scale: 2}, {Base: base, Index: three, Scale: 1}}[set]
	}
	Label(prefix + "Many")
	for set := range 4 {
		load(quarter(b, b1, b3, set))
		k.multiply(func(int) Mem { return quarter(a, a1, a3, set) }, set)
	}
	ADDQ(aStep, a)
	ADDQ(bStep, b)
	DECQ(left)
	JNZ(LabelRef(prefix + "Many"))
	ADDQ(a3, a)
	ADDQ(b3, b)
}

// streams says whether the kernel is likely to wait for B from memory, which it
// does where few rows of A share it: it then asks for rows of B well ahead.
func (k *kernel) streams() bool { return k.rows <= 4 }

// multiply adds the product of one column of A and the loaded row of B.
func (k *kernel) multiply(at func(r int) Mem, set int) {
	for r := range k.rows {
		a := k.s[r%2]
		VBROADCASTSS(at(r), a)
		for v := range k.vecs {
			VFMADD231PS(k.b[v], a, k.acc(set, r, v))
		}
	}
}

func (k *kernel) zero(r VecPhysical) {
	if k.wide() {
		VPXORD(r, r, r)
	} else {
		VXORPS(r, r, r)
	}
}

// rowPointers addresses up to 14 rows with one stride: rows 0 to 6 from one
// base, rows 7 to 13 from another.
type rowPointers struct {
	base            []Register
	row, row3, row5 Register
}

func (p *rowPointers) at(r int) Mem {
	base := p.base[r/7]
	switch r % 7 {
	case 1, 2, 4:
		return Mem{Base: base, Index: p.row, Scale: uint8(r % 7)}
	case 3, 6:
		return Mem{Base: base, Index: p.row3, Scale: uint8(r % 7 / 3)}
	case 5:
		return Mem{Base: base, Index: p.row5, Scale: 1}
	}
	return Mem{Base: base}
}

// epilogue scales, adds, clips and stores the accumulators.
func (k *kernel) epilogue() {
	flags := GP32()
	MOVL(k.arg(offFlags), flags)
	if k.wide() {
		TESTL(flags, flags)
	} else {
		TESTL(U32(flagMasked-1), flags)
	}
	JZ(LabelRef("store"))
	k.section(flags, flagAlpha, "alpha", k.scaleAlpha)
	k.section(flags, flagAccumulate, "accumulate", k.accumulate)
	k.section(flags, flagBiasRow, "biasRow", k.biasRow)
	k.section(flags, flagBiasCol, "biasCol", k.biasCol)
	k.section(flags, flagRes, "res", k.residual)
	k.section(flags, flagLo, "lo", func() { k.clip(offLo, VMAXPS) })
	k.section(flags, flagHi, "hi", func() { k.clip(offHi, VMINPS) })
	k.section(flags, flagLeaky, "leaky", k.leaky)
	Label("store")
	k.store(flags)
}

// section emits body, skipped where the flag is not set.
func (k *kernel) section(flags Register, flag int, name string, body func()) {
	end := name + "End"
	TESTL(U32(flag), flags)
	JZ(LabelRef(end))
	body()
	Label(end)
}

func (k *kernel) each(f func(acc VecPhysical, r, v int)) {
	for r := range k.rows {
		for v := range k.vecs {
			f(k.acc(0, r, v), r, v)
		}
	}
}

func (k *kernel) scaleAlpha() {
	VBROADCASTSS(k.arg(offAlpha), k.s[0])
	k.each(func(acc VecPhysical, r, v int) { VMULPS(k.s[0], acc, acc) })
}

// walk calls f with the address of each vector of a matrix of the tile's shape,
// after loading the masks that maskedLoad and store use.
func (k *kernel) walk(ptr, stride int, f func(m Mem, acc VecPhysical, v int)) {
	p, row := GP64(), GP64()
	MOVQ(k.arg(ptr), p)
	MOVQ(k.arg(stride), row)
	for r := range k.rows {
		for v := range k.vecs {
			f(Mem{Base: p, Disp: 4 * k.width * v}, k.acc(0, r, v), v)
		}
		if r < k.rows-1 {
			ADDQ(row, p)
		}
	}
}

// loadMasks puts the masks of the columns in the registers of B, where there are no mask registers.
func (k *kernel) loadMasks() {
	if k.wide() {
		return
	}
	masks := GP64()
	MOVQ(k.arg(offMaskVec), masks)
	for v := range k.vecs {
		VMOVUPS(Mem{Base: masks, Disp: 32 * v}, k.b[v])
	}
}

// load reads a vector of the columns that there are.
func (k *kernel) load(m Mem, v int, to VecPhysical) {
	if k.wide() {
		VMOVUPS_Z(m, mask(v), to)
	} else {
		VMASKMOVPS(m, k.b[v], to)
	}
}

func (k *kernel) accumulate() {
	k.loadMasks()
	k.walk(offC, offCRow, func(m Mem, acc VecPhysical, v int) {
		k.load(m, v, k.s[0])
		VADDPS(k.s[0], acc, acc)
	})
}

func (k *kernel) residual() {
	k.loadMasks()
	VBROADCASTSS(k.arg(offBeta), k.s[1])
	k.walk(offRes, offResRow, func(m Mem, acc VecPhysical, v int) {
		k.load(m, v, k.s[0])
		VFMADD231PS(k.s[0], k.s[1], acc)
	})
}

func (k *kernel) biasRow() {
	p := GP64()
	MOVQ(k.arg(offBiasRow), p)
	for r := range k.rows {
		VBROADCASTSS(Mem{Base: p, Disp: 4 * r}, k.s[r%2])
		for v := range k.vecs {
			VADDPS(k.s[r%2], k.acc(0, r, v), k.acc(0, r, v))
		}
	}
}

func (k *kernel) biasCol() {
	p := GP64()
	k.loadMasks()
	MOVQ(k.arg(offBiasCol), p)
	for v := range k.vecs {
		k.load(Mem{Base: p, Disp: 4 * k.width * v}, v, k.s[0])
		for r := range k.rows {
			VADDPS(k.s[0], k.acc(0, r, v), k.acc(0, r, v))
		}
	}
}

// clip takes the smaller or larger of a bound and each accumulator. The
// accumulator is the second source, which the instruction returns for NaN.
func (k *kernel) clip(bound int, op func(...Op)) {
	VBROADCASTSS(k.arg(bound), k.s[0])
	k.each(func(acc VecPhysical, r, v int) { op(acc, k.s[0], acc) })
}

func (k *kernel) leaky() {
	VBROADCASTSS(k.arg(offSlope), k.s[0])
	if k.wide() {
		const lessThan = 0x11
		k.zero(k.s[1])
		k.each(func(acc VecPhysical, r, v int) {
			VCMPPS(Imm(lessThan), k.s[1], acc, K3)
			VMULPS(k.s[0], acc, K3, acc)
		})
		return
	}
	k.each(func(acc VecPhysical, r, v int) {
		VMULPS(k.s[0], acc, k.s[1])
		VBLENDVPS(acc, k.s[1], acc, acc) // by acc's sign
	})
}

func (k *kernel) store(flags Register) {
	if k.wide() {
		k.walk(offC, offCRow, func(m Mem, acc VecPhysical, v int) { VMOVUPS(acc, mask(v), m) })
		return
	}
	TESTL(U32(flagMasked), flags)
	JNZ(LabelRef("storeMasked"))
	k.walk(offC, offCRow, func(m Mem, acc VecPhysical, v int) { VMOVUPS(acc, m) })
	VZEROUPPER()
	RET()
	Label("storeMasked")
	k.loadMasks()
	k.walk(offC, offCRow, func(m Mem, acc VecPhysical, v int) { VMASKMOVPS(acc, k.b[v], m) })
}

func mask(v int) OpmaskPhysical { return []OpmaskPhysical{K1, K2}[v] }

func log2(n int) (l int) {
	for ; n > 1; n /= 2 {
		l++
	}
	return l
}
