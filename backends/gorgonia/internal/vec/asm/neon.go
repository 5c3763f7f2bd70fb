package main

import (
	"fmt"
	"strings"

	. "github.com/mmcloughlin/avo/operand"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/neon"
)

// asimd is the instruction set of arm64's vectors of four lanes, which every such
// processor has. Its functions go to a file of their own, for avo knows nothing of it.
var asimd = &machine{name: "NEON", lanes: 4, instructions: arm}

var arm = &arm64{}

// arm64 are its instructions, in the function that is being written.
type arm64 struct{ *neon.Func }

// vector is a register that the methods of a machine gave.
func vector(a Op) neon.V { return a.(neon.V) }

func (m *arm64) reg() Op { return m.Reg() }

func (m *arm64) zero(r Op) { m.Zero(vector(r)) }

func (m *arm64) bcast(bits uint32) Op {
	r := m.Reg()
	if bits == 0 {
		m.Zero(r)
	} else {
		m.Word(r, bits)
	}
	return r
}

func (m *arm64) three(i neon.Inst, a, b Op) Op {
	r := m.Reg()
	m.Three(i, r, vector(a), vector(b))
	return r
}

func (m *arm64) two(i neon.Inst, a Op) Op {
	r := m.Reg()
	m.Two(i, r, vector(a))
	return r
}

func (m *arm64) shift(i neon.Inst, a Op, n uint8) Op {
	r := m.Reg()
	m.Shift(i, r, vector(a), int(n))
	return r
}

func (m *arm64) num(f float64) Op { return m.bcast(f32(f)) }

func (m *arm64) copy(a Op) Op { return m.three(neon.ORR, a, a) }

func (m *arm64) add(a, b Op) Op    { return m.three(neon.FADD, a, b) }
func (m *arm64) sub(a, b Op) Op    { return m.three(neon.FSUB, a, b) }
func (m *arm64) mul(a, b Op) Op    { return m.three(neon.FMUL, a, b) }
func (m *arm64) div(a, b Op) Op    { return m.three(neon.FDIV, a, b) }
func (m *arm64) max(a, b Op) Op    { return m.three(neon.FMAX, a, b) }
func (m *arm64) min(a, b Op) Op    { return m.three(neon.FMIN, a, b) }
func (m *arm64) maxNaN(a, b Op) Op { return m.max(a, b) }
func (m *arm64) minNaN(a, b Op) Op { return m.min(a, b) }
func (m *arm64) sqrt(a Op) Op      { return m.two(neon.FSQRT, a) }
func (m *arm64) abs(a Op) Op       { return m.two(neon.FABS, a) }
func (m *arm64) neg(a Op) Op       { return m.two(neon.FNEG, a) }

func (m *arm64) mulAdd(a, b, c Op) Op {
	r := m.copy(c)
	m.addTo(r, a, b)
	return r
}

func (m *arm64) round(a Op, mode uint8) Op {
	return m.two([]neon.Inst{neon.FRINTN, neon.FRINTM, neon.FRINTP}[mode], a)
}

// into replaces acc by acc op v.
func (m *arm64) into(i neon.Inst, acc, v Op) { m.Three(i, vector(acc), vector(acc), vector(v)) }

func (m *arm64) addInto(acc, v Op)           { m.into(neon.FADD, acc, v) }
func (m *arm64) keepMax(acc, v Op)           { m.into(neon.FMAX, acc, v) }
func (m *arm64) keepMin(acc, v Op)           { m.into(neon.FMIN, acc, v) }
func (m *arm64) addTo(acc, a, b Op)          { m.Three(neon.FMLA, vector(acc), vector(a), vector(b)) }
func (m *arm64) addToc(acc, a Op, c float64) { m.addTo(acc, a, m.num(c)) }
func (m *arm64) addc(a Op, f float64) Op     { return m.add(a, m.num(f)) }
func (m *arm64) mulc(a Op, f float64) Op     { return m.mul(a, m.num(f)) }

// times adds the product to the constant, which is loaded anew each time.
func (m *arm64) times(acc, by Op, plus float64) Op {
	r := m.num(plus)
	m.addTo(r, acc, by)
	return r
}

func (m *arm64) compare(predicate uint8, a, b Op) Op {
	switch predicate {
	case cmpEQ:
		return m.three(neon.FCMEQ, a, b)
	case cmpLT:
		return m.three(neon.FCMGT, b, a)
	case cmpGE:
		return m.three(neon.FCMGE, a, b)
	case cmpNLT:
		return m.two(neon.NOT, m.compare(cmpLT, a, b))
	}
	panic(fmt.Sprintf("asm: predicate %#x is not one of those used", predicate))
}

func (m *arm64) pick(mask, yes, no Op) Op {
	r := m.copy(no)
	m.Three(neon.BIT, vector(r), vector(yes), vector(mask))
	return r
}

func (m *arm64) and(a Op, bits uint32) Op  { return m.three(neon.AND, a, m.bcast(bits)) }
func (m *arm64) or(a Op, bits uint32) Op   { return m.three(neon.ORR, a, m.bcast(bits)) }
func (m *arm64) flip(a Op, bits uint32) Op { return m.three(neon.EOR, a, m.bcast(bits)) }
func (m *arm64) orRegs(a, b Op) Op         { return m.three(neon.ORR, a, b) }
func (m *arm64) addi(a Op, bits uint32) Op { return m.three(neon.ADD, a, m.bcast(bits)) }
func (m *arm64) subi(a Op, bits uint32) Op { return m.three(neon.SUB, a, m.bcast(bits)) }
func (m *arm64) subInts(a, b Op) Op        { return m.three(neon.SUB, a, b) }
func (m *arm64) shl(a Op, n uint8) Op      { return m.shift(neon.SHL, a, n) }
func (m *arm64) sar(a Op, n uint8) Op      { return m.shift(neon.SSHR, a, n) }
func (m *arm64) toInts(a Op) Op            { return m.two(neon.FCVTNS, a) }
func (m *arm64) toFloats(a Op) Op          { return m.two(neon.SCVTF, a) }

// fold combines all lanes of acc, so that each holds the result.
func (m *arm64) fold(acc Op, combine func(acc, v Op)) {
	for _, words := range []int{2, 1} {
		turned := m.Reg()
		m.Ext(turned, vector(acc), vector(acc), words)
		combine(acc, turned)
	}
}

// General registers of the functions over rows.
const (
	rowsLeft = "R8"
	scratch  = "R9"
)

// neonOp writes one op: the same loops as [op.emit] has.
type neonOp struct {
	*op
	does     kernel
	pointers map[string]string
	accs     []Op
}

// vectorsAtOnce is how many vectors a turn of the loop takes. Sums get twice as many as
// those of twice the width have, so that there are as many partial sums.
func (o *neonOp) vectorsAtOnce() int {
	if o.does.sum != nil && o.unroll > 2 {
		return 2 * o.unroll
	}
	return o.unroll
}

func (o *op) emitNEON(file *neon.File) {
	f := file.Func(o.name+asimd.name, o.signature(), "")
	arm.Func = f
	n := &neonOp{op: o, pointers: map[string]string{}}
	for i, r := range o.rows() {
		n.pointers[r] = fmt.Sprintf("R%d", i)
		f.Ins("MOVD %s, R%d", f.Arg(r), i)
	}
	f.Ins("MOVD %s, %s", f.Arg("n"), rowsLeft)
	var args []Op
	for _, a := range o.args {
		r := f.Reg()
		f.Float(r, a)
		args = append(args, r)
	}
	n.does = o.kernel(asimd, args)
	n.loops(f)
	f.Done()
}

func (o *neonOp) loops(f *neon.Func) {
	if sum := o.does.sum; sum != nil {
		for range o.vectorsAtOnce() {
			o.accs = append(o.accs, arm.bcast(sum.neutral))
		}
	}
	loop := func(label, next string, vectors int) {
		f.Ins("CMP $%d, %s", 4*vectors, rowsLeft)
		f.Branch("BLT", next)
		f.Label(label)
		o.turn(f, vectors)
		f.Ins("SUB $%d, %s", 4*vectors, rowsLeft)
		f.Ins("CMP $%d, %s", 4*vectors, rowsLeft)
		f.Branch("BGE", label)
		f.Label(next)
	}
	if many := o.vectorsAtOnce(); many > 1 {
		loop("many", "few", many)
	}
	loop("one", "rest", 1)
	f.Branch("CBZ "+rowsLeft+",", "done")
	o.rest(f)
	f.Label("done")
	if o.accs != nil {
		o.result(f)
	}
	f.Ins("RET")
}

// turn does some vectors, their instructions in turns.
func (o *neonOp) turn(f *neon.Func, vectors int) {
	var parts []func()
	for v := range vectors {
		parts = append(parts, func() {
			var in []Op
			for _, r := range o.ins {
				x := f.Reg()
				f.Load(x, o.pointers[r], 16*v)
				in = append(in, x)
			}
			o.vector(f, v, in, func(out neon.V) { f.Store(out, o.pointers["dst"], 16*v) })
		})
	}
	f.Interleave(parts...)
	for _, r := range o.rows() {
		f.Ins("ADD $%d, %s", 16*vectors, o.pointers[r])
	}
}

// vector does one vector.
func (o *neonOp) vector(f *neon.Func, v int, in []Op, store func(out neon.V)) {
	var out Op
	if o.does.out != nil {
		out = o.does.out(in)
		store(vector(out))
	}
	switch sum := o.does.sum; {
	case sum == nil:
	case sum.fused != nil:
		sum.fused(o.accs[v], in)
	default:
		sum.combine(o.accs[v], sum.value(in, out))
	}
}

// rest does the last one to three elements.
func (o *neonOp) rest(f *neon.Func) {
	var in []Op
	for _, r := range o.ins {
		x := f.Reg()
		f.FirstOf(rowsLeft, func(n int) { f.LoadFirst(x, o.pointers[r], n) })
		in = append(in, x)
	}
	var out Op
	if o.does.out != nil {
		out = o.does.out(in)
		f.FirstOf(rowsLeft, func(n int) { f.StoreFirst(vector(out), o.pointers["dst"], n) })
	}
	switch sum := o.does.sum; {
	case sum == nil:
	case sum.fused != nil:
		sum.fused(o.accs[0], in)
	default:
		mask := f.Reg()
		f.FirstLanes(mask, rowsLeft, scratch)
		sum.combine(o.accs[0], arm.pick(mask, sum.value(in, out), arm.bcast(sum.neutral)))
	}
}

// result combines the vectors of partial results, in pairs, and then their lanes.
func (o *neonOp) result(f *neon.Func) {
	combine := o.does.sum.combine
	for step := 1; step < len(o.accs); step *= 2 {
		for i := 0; i+step < len(o.accs); i += 2 * step {
			combine(o.accs[i], o.accs[i+step])
		}
	}
	arm.fold(o.accs[0], combine)
	f.Ins("FMOVS F%v, %s", neon.In(vector(o.accs[0])), f.Arg("ret"))
}

// neonConversion is what a conversion does with eight elements, from the register R1 to
// R0, its arguments in registers.
var neonConversions = map[string]func(f *neon.Func, args []Op){
	"float16ToFloat32": func(f *neon.Func, _ []Op) {
		h := f.Reg()
		f.Load(h, "R1", 0)
		arm.storePair(arm.two(neon.FCVTL, h), arm.two(neon.FCVTL2, h))
	},
	"float32ToFloat16": func(f *neon.Func, _ []Op) {
		a, b := arm.loadPair()
		h := arm.two(neon.FCVTN, a)
		f.Two(neon.FCVTN2, vector(h), vector(b))
		f.Store(vector(h), "R0", 0)
	},
	"bfloat16ToFloat32": func(f *neon.Func, _ []Op) {
		h := f.Reg()
		f.Load(h, "R1", 0)
		arm.storePair(arm.shift(neon.SHLL, h, 16), arm.shift(neon.SHLL2, h, 16))
	},
	"float32ToBfloat16": func(f *neon.Func, _ []Op) {
		a, b := arm.loadPair()
		h := arm.shift(neon.SHRN, arm.roundedToBfloat16(a), 16)
		f.Shift(neon.SHRN2, vector(h), vector(arm.roundedToBfloat16(b)), 16)
		f.Store(vector(h), "R0", 0)
	},
	"int32ToFloat32": func(f *neon.Func, _ []Op) {
		a, b := arm.loadPair()
		arm.storePair(arm.toFloats(a), arm.toFloats(b))
	},
	"dequantizeUint8": func(f *neon.Func, args []Op) { arm.dequantize(neon.UXTLB, args) },
	"dequantizeInt8":  func(f *neon.Func, args []Op) { arm.dequantize(neon.SXTLB, args) },
	"quantizeUint8":   func(f *neon.Func, args []Op) { arm.quantize(args) },
	"quantizeInt8":    func(f *neon.Func, args []Op) { arm.quantize(args) },
}

func (m *arm64) loadPair() (a, b Op) {
	x, y := m.Reg(), m.Reg()
	m.Load(x, "R1", 0)
	m.Load(y, "R1", 16)
	return x, y
}

func (m *arm64) storePair(a, b Op) {
	m.Store(vector(a), "R0", 0)
	m.Store(vector(b), "R0", 16)
}

// roundedToBfloat16 has the rounded number in the upper half of each lane.
func (m *arm64) roundedToBfloat16(x Op) Op {
	odd := m.and(m.shift(neon.USHR, x, 16), 1)
	rounded := m.three(neon.ADD, m.addi(odd, 0x7fff), x)
	// Rounding could carry the bits of a NaN over to infinity: quieten it instead.
	return m.pick(m.compare(cmpEQ, x, x), rounded, m.or(x, 0x00400000))
}

func (m *arm64) dequantize(widen neon.Inst, args []Op) {
	scale, zero := args[0], args[1]
	b := m.Reg()
	m.Ins("FMOVD (R1), F%v", neon.Out(b))
	h := m.two(widen, b)
	number := func(i Op) Op { return m.mul(m.sub(m.toFloats(i), zero), scale) }
	// The halves are not negative where they were bytes without a sign.
	m.storePair(number(m.two(neon.SXTL, h)), number(m.two(neon.SXTL2, h)))
}

func (m *arm64) quantize(args []Op) {
	scale, zero, low, high := args[0], args[1], args[2], args[3]
	number := func(x Op) Op {
		r := m.add(m.round(m.div(x, scale), 0), zero)
		// What is no number becomes low. None of the narrow integers is beyond its limits.
		r = m.three(neon.FMINNM, m.three(neon.FMAXNM, r, low), high)
		return m.toInts(r)
	}
	a, b := m.loadPair()
	h := m.two(neon.XTN, number(a))
	m.Two(neon.XTN2, vector(h), vector(number(b)))
	m.Ins("FMOVD F%v, (R0)", neon.In(vector(m.two(neon.XTNB, h))))
}

func (c *conversion) emitNEON(file *neon.File) {
	f := file.Func(c.name+asimd.name, c.signature(), "")
	arm.Func = f
	f.Ins("MOVD %s, R0", f.Arg("dst"))
	f.Ins("MOVD %s, R1", f.Arg("src"))
	f.Ins("MOVD %s, %s", f.Arg("n"), rowsLeft)
	var args []Op
	for _, a := range c.args {
		r := f.Reg()
		f.Float(r, a)
		args = append(args, r)
	}
	f.Ins("SUBS $8, %s", rowsLeft)
	f.Branch("BLT", "done")
	f.Label("eight")
	neonConversions[c.name](f, args)
	f.Ins("ADD $%d, R1", 8*c.srcSize)
	f.Ins("ADD $%d, R0", 8*c.dstSize)
	f.Ins("SUBS $8, %s", rowsLeft)
	f.Branch("BGE", "eight")
	f.Label("done")
	f.Ins("RET")
	f.Done()
}

// emitTransposeTilesNEON writes transposeTiles in four parts, of 4x4 words each.
func emitTransposeTilesNEON(file *neon.File) {
	f := file.Func("transposeTilesNEON", "func(dst, src *uint32, dstStride, srcStride, tiles int)",
		"transposeTilesNEON transposes tiles of 8x8 words: tile i is at src+8*i, and goes to dst+8*i*dstStride.")
	const dst, src, dstStride, srcStride, tiles, from, to = "R0", "R1", "R2", "R3", "R4", "R5", "R6"
	for i, a := range []string{"dst", "src", "dstStride", "srcStride", "tiles"} {
		f.Ins("MOVD %s, R%d", f.Arg(a), i)
	}
	f.Ins("LSL $2, %s, %[1]s", dstStride)
	f.Ins("LSL $2, %s, %[1]s", srcStride)
	f.Branch("CBZ "+tiles+",", "done")
	f.Label("tile")
	for part := range 4 {
		right, below := part%2, part/2
		f.Ins("ADD $%d, %s, %s", 16*right, src, from)
		f.Ins("ADD $%d, %s, %s", 16*below, dst, to)
		if below == 1 {
			f.Ins("ADD %s<<2, %s, %[2]s", srcStride, from)
		}
		if right == 1 {
			f.Ins("ADD %s<<2, %s, %[2]s", dstStride, to)
		}
		rows := f.Regs(4)
		for i, r := range rows {
			f.Load(r, from, 0)
			if i < 3 {
				f.Ins("ADD %s, %s", srcStride, from)
			}
		}
		for i, c := range f.Transpose4(rows) {
			f.Store(c, to, 0)
			if i < 3 {
				f.Ins("ADD %s, %s", dstStride, to)
			}
		}
	}
	f.Ins("ADD $32, %s", src)
	f.Ins("ADD %s<<3, %s, %[2]s", dstStride, dst)
	f.Ins("SUB $1, %s", tiles)
	f.Branch("CBNZ "+tiles+",", "tile")
	f.Label("done")
	f.Ins("RET")
	f.Done()
}

// dispatchARM64 is the Go text that takes each op's only version, unless a test wants
// plain Go.
func dispatchARM64() string {
	var b strings.Builder
	b.WriteString(header("!purego"))
	for _, o := range ops {
		o.describe(&b)
		call, no := o.call(asimd), "return false"
		if o.reduce {
			no = "return 0, false"
		}
		fmt.Fprintf(&b, " {\n\tif level >= levelNEON {\n\t\t%s\n\t}\n\t%s\n}\n", call, no)
	}
	return strings.Replace(b.String(), "package vec\n", "package vec\n\nimport \"unsafe\"\n", 1)
}
