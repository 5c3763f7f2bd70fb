package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// depthwiseRows is how many rows of output a depthwise kernel makes at most.
const depthwiseRows = 4

// Offsets in package conv's depthwiseArgs, which goes by the address of its first byte,
// for this module does not know the type.
const (
	argSrc     = 8 * iota // less the padding
	argDst                //
	argRes                // what is added, or 0
	argRows               // a word for each row of input of each block
	argBlocks             // their number, at least 1
	argStride             // from one row of output to the next, in bytes
	argWeights            //
	argMasks              // a record for each strip
	argStrips             // their number, at least 1
	argBias
	argLow  = argBias + 4 // of a pooling, what sums are multiplied by
	argHigh = argBias + 8
	argNaN  = argBias + 12 // set by a pooling that has seen one
)

// maskRecord is how many bytes the masks of one strip take.
func (d *depthwise) maskRecord() int {
	if d.m.wide {
		return 16
	}
	return 256
}

// depthwiseShapes are the kernels that there are, by machine.
func depthwiseShapes(f func(m *machine, size, stride int)) {
	for _, size := range []int{3, 5} {
		f(avx512, size, 1)
		f(avx512, size, 2)
		f(avx2, size, 1)
		f(avx2, size, 2)
	}
}

func depthwiseName(m *machine, size, stride, rows int) string {
	return fmt.Sprintf("depthwise%dStride%dRows%d%s", size, stride, rows, m.name)
}

// depthwise emits one kernel: blocks of rows rows of the output of one channel, each
// strip by strip of as many columns as a vector has lanes.
type depthwise struct {
	m                  *machine
	size, stride, rows int
	args, row          reg.Register
	src                reg.Register // of the strip
	table              reg.Register // of the block's rows of input
	masks              []Op
	masksAt            reg.Register
	acc                []Op
	weights            []Op // in registers, where they fit
	weightsAt          reg.Register
	orders             map[string]Op

	pool    *pooling // what is done instead of multiplying by weights, if anything
	padding Op       // what it takes for padding
	across  Op       // of the row of input
	nan     Op
}

func emitDepthwise() {
	depthwiseShapes(func(m *machine, size, stride int) {
		for rows := 1; rows <= depthwiseRows; rows++ {
			(&depthwise{m: m, size: size, stride: stride, rows: rows}).emit()
		}
	})
}

// offsets are where the vectors that are loaded of a row of input begin, in bytes.
func (d *depthwise) offsets() []int {
	var at []int
	switch {
	case d.stride == 1:
		for kw := range d.size {
			at = append(at, 4*kw)
		}
	case d.m.wide: // twice as many columns as lanes, and those behind
		at = []int{0, 64, 128}[:min(d.size, 3)]
	default: // for each two taps, twice as many columns as lanes
		for pair := range (d.size + 1) / 2 {
			at = append(at, 8*pair, 8*pair+32)
		}
	}
	return at
}

func (d *depthwise) emit() {
	TEXT(depthwiseName(d.m, d.size, d.stride, d.rows), attr.NOSPLIT, "func(args *byte)")
	Pragma("noescape")
	d.body()
}

func (d *depthwise) body() {
	m := d.m
	d.args = Load(Param("args"), GP64())
	arg := func(at int) reg.Register {
		r := GP64()
		MOVQ(Mem{Base: d.args, Disp: at}, r)
		return r
	}
	d.weightsAt = arg(argWeights)
	// AVX-512 broadcasts weights from where they are; AVX2 has too few registers, and
	// reads vectors of eight equal ones.
	if d.pool == nil && m.wide && (d.size == 3 || d.stride == 1) {
		for i := range d.size * d.size {
			w := m.reg()
			VBROADCASTSS(Mem{Base: d.weightsAt, Disp: 4 * i}, w)
			d.weights = append(d.weights, w)
		}
	}
	if d.stride == 2 && m.wide {
		d.loadOrders()
	}
	d.clearNaN()
	if d.pool != nil && d.pool.start != 0 {
		d.padding = m.num(d.pool.start)
	}
	d.table = arg(argRows)
	dst, outRow, blocks := arg(argDst), arg(argStride), arg(argBlocks)
	res := GP64() // from a row of output to that of what is added
	MOVQ(Mem{Base: d.args, Disp: argRes}, res)
	SUBQ(dst, res)
	d.row = GP64()

	Label("block")
	d.src = arg(argSrc)
	masks, strips := arg(argMasks), arg(argStrips)
	d.masksAt = masks
	to := GP64()
	MOVQ(dst, to)
	Label("strip")
	d.masks = nil
	n := len(d.offsets())
	for i := range n {
		if m.wide {
			k := K()
			KMOVW(Mem{Base: masks, Disp: 2 * i}, k)
			d.masks = append(d.masks, k)
		} else if d.pool == nil {
			v := YMM()
			VMOVUPS(Mem{Base: masks, Disp: 32 * i}, v)
			d.masks = append(d.masks, v)
		}
	}
	d.acc = nil
	for range d.rows {
		a := m.reg()
		VBROADCASTSS(Mem{Base: d.args, Disp: argBias}, a)
		d.acc = append(d.acc, a)
	}
	for i := range (d.rows-1)*d.stride + d.size {
		d.inputRow(i)
	}
	var outMask Op
	if m.wide {
		outMask = K()
		KMOVW(Mem{Base: masks, Disp: 2 * n}, outMask)
	} else {
		outMask = YMM()
		VMOVUPS(Mem{Base: masks, Disp: 32 * n}, outMask)
	}
	d.store(to, outRow, res, strips, outMask)
	ADDQ(U32(m.bytes()*d.stride), d.src)
	ADDQ(U8(m.bytes()), to)
	ADDQ(U32(d.maskRecord()), masks)
	DECQ(strips)
	JNE(LabelRef("strip"))

	ADDQ(U8(8*((d.rows-1)*d.stride+d.size)), d.table)
	for range d.rows {
		ADDQ(outRow, dst)
	}
	DECQ(blocks)
	JNE(LabelRef("block"))
	d.tellNaN()
	VZEROUPPER()
	RET()
}

// inputRow adds what row i of the input gives to every row of output that meets it.
// The table holds the offset of the row plus 1, or 0 for a row of padding.
func (d *depthwise) inputRow(i int) {
	next := fmt.Sprintf("row%d", i+1)
	MOVQ(Mem{Base: d.table, Disp: 8 * i}, d.row)
	TESTQ(d.row, d.row)
	JE(LabelRef(next))
	load := func(v int) Op {
		from := Mem{Base: d.src, Index: d.row, Scale: 1, Disp: d.offsets()[v] - 1}
		if d.pool != nil {
			return d.loadPadded(from, v)
		}
		return d.m.loadMasked(from, d.masks[v])
	}
	switch {
	case d.stride == 1:
		for kw := range d.size {
			d.tap(i, kw, load(kw))
		}
	case d.m.wide:
		x := []Op{load(0), load(1), nil}
		if d.size > 2 {
			x[2] = load(2)
		}
		d.everySecond(i, x[0], x[1], x[2])
	default:
		for kw := range d.size {
			if kw%2 == 0 {
				a, b := load(kw), load(kw+1)
				d.tap(i, kw, everySecondOf(a, b, 0x88))
				if kw+1 < d.size {
					d.tap(i, kw+1, everySecondOf(a, b, 0xDD))
				}
			}
		}
	}
	if d.pool != nil {
		d.meet(i)
	}
	Label(next)
}

// everySecondOf takes lanes 0, 2, ... (0x88) or 1, 3, ... (0xDD) of two AVX2 vectors.
func everySecondOf(a, b Op, which uint8) Op {
	r := YMM()
	VSHUFPS(U8(which), b, a, r)
	VPERMPD(U8(0xD8), r, r)
	return r
}

// tap adds x, which tap kw sees of row i, to the rows of output.
func (d *depthwise) tap(i, kw int, x Op) {
	if d.pool != nil {
		d.along(kw, x)
		return
	}
	for r, acc := range d.acc {
		kh := i - r*d.stride
		if kh < 0 || kh >= d.size {
			continue
		}
		n := kh*d.size + kw
		switch {
		case d.weights != nil:
			VFMADD231PS(x, d.weights[n], acc)
		case d.m.wide:
			VFMADD231PS_BCST(Mem{Base: d.weightsAt, Disp: 4 * n}, x, acc)
		default:
			VFMADD231PS(Mem{Base: d.weightsAt, Disp: 32 * n}, x, acc)
		}
	}
}

// loadOrders loads the orders in which two vectors are put together to one.
func (d *depthwise) loadOrders() {
	order := func(name string, f func(lane int) int) {
		c, ok := orderData[name]
		if !ok {
			c = GLOBL("order"+name, attr.RODATA|attr.NOPTR)
			for i := range 16 {
				DATA(4*i, U32(f(i)))
			}
			orderData[name] = c
		}
		r := ZMM()
		VMOVUPS(c, r)
		d.orders[name] = r
	}
	d.orders = map[string]Op{}
	// shifted is the lanes from n on, and then those of the second vector.
	shifted := func(n int, then ...int) func(int) int {
		return func(i int) int {
			if i+n < 16 {
				return i + n
			}
			return 16 + then[i+n-16]
		}
	}
	order("Even", func(i int) int { return 2 * i })
	order("Odd", func(i int) int { return 2*i + 1 })
	if d.size > 2 {
		order("Next", shifted(1, 0))
	}
	if d.size == 5 {
		order("NextOdd", shifted(1, 1))
		order("AfterNext", shifted(2, 0, 2))
	}
}

var orderData = map[string]Mem{}

// everySecond takes the columns of each tap of row i apart, for a stride of 2.
func (d *depthwise) everySecond(i int, x0, x1, behind Op) {
	join := func(a, b Op, order string) Op {
		r := d.m.copy(a)
		VPERMT2PS(b, d.orders[order], r)
		return r
	}
	even, odd := join(x0, x1, "Even"), join(x0, x1, "Odd")
	d.tap(i, 0, even)
	d.tap(i, 1, odd)
	if d.size > 2 {
		d.tap(i, 2, join(even, behind, "Next"))
	}
	if d.size == 5 {
		d.tap(i, 3, join(odd, behind, "NextOdd"))
		d.tap(i, 4, join(even, behind, "AfterNext"))
	}
}

// store writes the rows of output of one strip, with what is added and between the
// limits.
func (d *depthwise) store(to, outRow, res, strips reg.Register, mask Op) {
	m := d.m
	p := d.row
	if d.pool != nil {
		d.scale()
		d.storeRows(to, outRow, strips, mask)
		return
	}
	CMPQ(Mem{Base: d.args, Disp: argRes}, U8(0))
	JE(LabelRef("limits"))
	MOVQ(to, p)
	ADDQ(res, p)
	for r, acc := range d.acc {
		if r > 0 {
			ADDQ(outRow, p)
		}
		x := m.loadMasked(Mem{Base: p}, mask)
		VADDPS(x, acc, acc)
	}
	Label("limits")
	low, high := m.reg(), m.reg()
	VBROADCASTSS(Mem{Base: d.args, Disp: argLow}, low)
	VBROADCASTSS(Mem{Base: d.args, Disp: argHigh}, high)
	for _, acc := range d.acc {
		VMAXPS(acc, low, acc)
		VMINPS(acc, high, acc)
	}
	d.storeRows(to, outRow, strips, mask)
}

// scale makes means of sums.
func (d *depthwise) scale() {
	if d.pool.name != "Sum" {
		return
	}
	by := d.m.reg()
	VBROADCASTSS(Mem{Base: d.args, Disp: argLow}, by)
	for _, acc := range d.acc {
		VMULPS(by, acc, acc)
	}
}

// storeRows writes the rows of output of one strip.
func (d *depthwise) storeRows(to, outRow, strips reg.Register, mask Op) {
	m, p := d.m, d.row
	rows := func(store func(acc Op)) {
		MOVQ(to, p)
		for r, acc := range d.acc {
			if r > 0 {
				ADDQ(outRow, p)
			}
			store(acc)
		}
	}
	if m.wide {
		rows(func(acc Op) { m.storeMasked(acc, mask, Mem{Base: p}) })
		return
	}
	// Masked stores of AVX2 are slow: only the last strip may need them.
	CMPQ(strips, U8(1))
	JE(LabelRef("last"))
	rows(func(acc Op) { VMOVUPS(acc, Mem{Base: p}) })
	JMP(LabelRef("stored"))
	Label("last")
	rows(func(acc Op) { m.storeMasked(acc, mask, Mem{Base: p}) })
	Label("stored")
}

// depthwiseTables is the Go text of the kernels' tables.
func depthwiseTables() string {
	var b strings.Builder
	depthwiseShapes(func(m *machine, size, stride int) {
		fmt.Fprintf(&b, "\n// depthwise%dStride%d%s are the kernels by rows of output, less one.\nvar depthwise%dStride%d%s = [depthwiseRows]depthwiseFunc{",
			size, stride, m.name, size, stride, m.name)
		for rows := 1; rows <= depthwiseRows; rows++ {
			if rows > 1 {
				b.WriteString(", ")
			}
			b.WriteString(depthwiseName(m, size, stride, rows))
		}
		b.WriteString("}\n")
	})
	return b.String()
}
