package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// tileShapes are the largest tiles of a convolution, in rows by vectors: as many
// sums as leave registers for two vectors of input and the weights.
var tileShapes = []struct {
	m             *machine
	rows, vectors int
}{{avx512, 14, 2}, {avx2, 6, 2}}

// emitConv writes the kernels of package conv.
func emitConv() {
	for _, s := range tileShapes {
		for vectors := 1; vectors <= s.vectors; vectors++ {
			for rows := 1; rows <= s.rows; rows++ {
				emitTile(s.m, rows, vectors, along)
				emitTile(s.m, rows, vectors, toOutput)
			}
		}
		emitTile(s.m, 1, 8, along)
		for rows := 1; rows <= s.rows; rows++ {
			emitTile(s.m, rows, s.vectors, across)
		}
		emitFinish(s.m, false)
		emitFinish(s.m, true)
		emitCopyRows(s.m)
	}
	emitDeinterleave()
}

// tileKind says what the vectors of a tile are, and where its sums go.
type tileKind string

const (
	along    tileKind = "tile"   // vectors of columns
	across   tileKind = "across" // vectors of weights; the rows are columns
	toOutput tileKind = "to"     // along, and then all that follows the sums
)

// Offsets in package conv's tileEnd.
const (
	endBias = 8 * iota // a number for each row
	endRes             // what is added, or 0
	endLow
	endHigh = endLow + 4
)

func tileName(m *machine, rows, vectors int, kind tileKind) string {
	return fmt.Sprintf("%s%dx%d%s", kind, rows, vectors, m.name)
}

// emitTile writes the product of rows of weights with vectors of columns, each of
// whose steps is found by an offset from b in bytes.
func emitTile(m *machine, rows, vectors int, kind tileKind) {
	params := "k int, offsets *int32, a, b, c *float32, ldc int"
	if kind == toOutput {
		params += ", end *byte"
	}
	TEXT(tileName(m, rows, vectors, kind), attr.NOSPLIT, "func("+params+")")
	Pragma("noescape")
	k := Load(Param("k"), GP64())
	offsets := Load(Param("offsets"), GP64())
	a := Load(Param("a"), GP64())
	b := Load(Param("b"), GP64())
	acc := make([][]Op, rows)
	var bias reg.Register
	if kind == toOutput {
		bias = Load(Param("end"), GP64())
		MOVQ(Mem{Base: bias, Disp: endBias}, bias)
	}
	for r := range acc {
		for range vectors {
			v := m.reg()
			if kind == toOutput {
				VBROADCASTSS(Mem{Base: bias, Disp: 4 * r}, v)
			} else {
				m.zero(v)
			}
			acc[r] = append(acc[r], v)
		}
	}
	at := GP64()
	Label("step")
	MOVLQSX(Mem{Base: offsets}, at)
	ADDQ(U8(4), offsets)
	// What is loaded as vectors, and where each row's one element is.
	vector := func(v int) Mem { return Mem{Base: b, Index: at, Scale: 1, Disp: v * m.bytes()} }
	element := func(r int) Mem { return Mem{Base: a, Disp: 4 * r} }
	advance := 4 * rows
	if kind == across {
		vector = func(v int) Mem { return Mem{Base: a, Disp: v * m.bytes()} }
		element = func(r int) Mem { return Mem{Base: b, Index: at, Scale: 1, Disp: 4 * r} }
		advance = vectors * m.bytes()
	}
	if rows == 1 {
		w := m.reg()
		VBROADCASTSS(element(0), w)
		for v := range vectors {
			VFMADD231PS(vector(v), w, acc[0][v])
		}
	} else {
		x := make([]Op, vectors)
		for v := range x {
			x[v] = m.reg()
			VMOVUPS(vector(v), x[v])
		}
		for r := range rows {
			w := m.reg()
			VBROADCASTSS(element(r), w)
			for v := range vectors {
				VFMADD231PS(x[v], w, acc[r][v])
			}
		}
	}
	ADDQ(U32(advance), a)
	DECQ(k)
	JNE(LabelRef("step"))
	c := Load(Param("c"), GP64())
	ldc := Load(Param("ldc"), GP64())
	SHLQ(U8(2), ldc)
	if kind == toOutput {
		emitTileEnd(m, acc, ldc)
	}
	for r := range rows {
		for v := range vectors {
			VMOVUPS(acc[r][v], Mem{Base: c, Disp: v * m.bytes()})
		}
		if r < rows-1 {
			ADDQ(ldc, c)
		}
	}
	VZEROUPPER()
	RET()
}

// emitTileEnd adds what is to be added to the sums, and keeps them between the limits.
func emitTileEnd(m *machine, acc [][]Op, ldc reg.Register) {
	end, res := Load(Param("end"), GP64()), GP64()
	MOVQ(Mem{Base: end, Disp: endRes}, res)
	TESTQ(res, res)
	JE(LabelRef("limits"))
	for r, row := range acc {
		for v, a := range row {
			VADDPS(Mem{Base: res, Disp: v * m.bytes()}, a, a)
		}
		if r < len(acc)-1 {
			ADDQ(ldc, res)
		}
	}
	Label("limits")
	low, high := m.reg(), m.reg()
	VBROADCASTSS(Mem{Base: end, Disp: endLow}, low)
	VBROADCASTSS(Mem{Base: end, Disp: endHigh}, high)
	for _, row := range acc {
		for _, a := range row {
			VMAXPS(a, low, a)
			VMINPS(a, high, a)
		}
	}
}

// emitFinish writes what follows the sums of one channel: rows of n sums go to
// rows of the result, with bias and perhaps another tensor added, between two
// limits.
func emitFinish(m *machine, residual bool) {
	name, params := "finish", "dst, src *float32, "
	if residual {
		name, params = "finishAdd", "dst, src, res *float32, "
	}
	TEXT(name+m.name, attr.NOSPLIT, "func("+params+"n, rows, dstStride, srcStride int, bias, low, high float32)")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	res := dst
	if residual {
		res = Load(Param("res"), GP64())
	}
	n := Load(Param("n"), GP64())
	rows := Load(Param("rows"), GP64())
	dstStride := Load(Param("dstStride"), GP64())
	srcStride := Load(Param("srcStride"), GP64())
	SHLQ(U8(2), dstStride)
	SHLQ(U8(2), srcStride)
	var args [3]Op
	for i, p := range []string{"bias", "low", "high"} {
		args[i] = m.reg()
		c, err := Param(p).Resolve()
		if err != nil {
			panic(err)
		}
		VBROADCASTSS(c.Addr, args[i])
	}
	rest, whole := GP64(), GP64()
	MOVQ(n, rest)
	ANDQ(U8(m.lanes-1), rest)
	MOVQ(n, whole)
	SUBQ(rest, whole)
	SHLQ(U8(2), whole)
	mask := m.tailMask(rest)
	value := func(x, r Op) Op {
		x = m.add(x, args[0])
		if r != nil {
			x = m.add(x, r)
		}
		return m.clamp(x, args[1], args[2])
	}
	i := GP64()
	Label("row")
	XORQ(i, i)
	Label("vector")
	CMPQ(i, whole)
	JGE(LabelRef("rest"))
	x := m.reg()
	VMOVUPS(Mem{Base: src, Index: i, Scale: 1}, x)
	var r Op
	if residual {
		r = m.reg()
		VMOVUPS(Mem{Base: res, Index: i, Scale: 1}, r)
	}
	VMOVUPS(value(x, r), Mem{Base: dst, Index: i, Scale: 1})
	ADDQ(U8(m.bytes()), i)
	JMP(LabelRef("vector"))
	Label("rest")
	TESTQ(rest, rest)
	JE(LabelRef("next"))
	x = m.loadMasked(Mem{Base: src, Index: i, Scale: 1}, mask)
	if residual {
		r = m.loadMasked(Mem{Base: res, Index: i, Scale: 1}, mask)
	}
	m.storeMasked(value(x, r), mask, Mem{Base: dst, Index: i, Scale: 1})
	Label("next")
	ADDQ(srcStride, src)
	ADDQ(dstStride, dst)
	if residual {
		ADDQ(dstStride, res)
	}
	DECQ(rows)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()
}

// emitCopyRows writes the function that copies rows of n elements, whose strides are in
// elements. The last vector of a row may meet the one before.
func emitCopyRows(m *machine) {
	TEXT("copyRows"+m.name, attr.NOSPLIT, "func(dst, src *float32, n, rows, dstStride, srcStride int)")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	n := Load(Param("n"), GP64())
	rows := Load(Param("rows"), GP64())
	dstStride := Load(Param("dstStride"), GP64())
	srcStride := Load(Param("srcStride"), GP64())
	SHLQ(U8(2), dstStride)
	SHLQ(U8(2), srcStride)
	move := func(i reg.Register, scale uint8) {
		x := m.reg()
		VMOVUPS(Mem{Base: src, Index: i, Scale: scale}, x)
		VMOVUPS(x, Mem{Base: dst, Index: i, Scale: scale})
	}
	last := GP64()
	MOVQ(n, last)
	SUBQ(U8(m.lanes), last)
	JL(LabelRef("short"))
	i := GP64()
	Label("row")
	XORQ(i, i)
	CMPQ(i, last)
	JGE(LabelRef("rest"))
	Label("vector")
	move(i, 4)
	ADDQ(U8(m.lanes), i)
	CMPQ(i, last)
	JL(LabelRef("vector"))
	Label("rest")
	move(last, 4)
	ADDQ(srcStride, src)
	ADDQ(dstStride, dst)
	DECQ(rows)
	JNE(LabelRef("row"))
	VZEROUPPER()
	RET()

	Label("short")
	mask := m.tailMask(n)
	Label("shortRow")
	m.storeMasked(m.loadMasked(Mem{Base: src}, mask), mask, Mem{Base: dst})
	ADDQ(srcStride, src)
	ADDQ(dstStride, dst)
	DECQ(rows)
	JNE(LabelRef("shortRow"))
	VZEROUPPER()
	RET()
}

// emitDeinterleave writes the function that takes every second element apart.
func emitDeinterleave() {
	TEXT("everySecondAVX2", attr.NOSPLIT, "func(dst, src *float32, n int)")
	Doc("everySecondAVX2 is dst[i] = src[2*i] for a multiple n of 8; it reads src[:2*n].")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	n := Load(Param("n"), GP64())
	Label("eight")
	CMPQ(n, U8(8))
	JLT(LabelRef("done"))
	a, b := YMM(), YMM()
	VMOVUPS(Mem{Base: src}, a)
	VMOVUPS(Mem{Base: src, Disp: 32}, b)
	VSHUFPS(U8(0x88), b, a, a)
	VPERMPD(U8(0xD8), a, a)
	VMOVUPS(a, Mem{Base: dst})
	ADDQ(U8(64), src)
	ADDQ(U8(32), dst)
	SUBQ(U8(8), n)
	JMP(LabelRef("eight"))
	Label("done")
	VZEROUPPER()
	RET()
}

// tileTables is the Go text of the kernels' tables.
func tileTables() string {
	var b strings.Builder
	b.WriteString(strings.Replace(header("!purego"), "package vec", "package conv", 1))
	for _, s := range tileShapes {
		names := func(vectors int, kind tileKind) string {
			var list []string
			for rows := 1; rows <= s.rows; rows++ {
				list = append(list, tileName(s.m, rows, vectors, kind))
			}
			return strings.Join(list, ", ")
		}
		for _, t := range []struct {
			kind      tileKind
			name, typ string
		}{{along, "tiles", "tileFunc"}, {toOutput, "tilesTo", "tileToFunc"}} {
			fmt.Fprintf(&b, "\n// %s%s are the kernels by vectors and rows, each less one.\nvar %s%s = [][]%s{\n", t.name, s.m.name, t.name, s.m.name, t.typ)
			for vectors := 1; vectors <= s.vectors; vectors++ {
				fmt.Fprintf(&b, "\t{%s},\n", names(vectors, t.kind))
			}
			b.WriteString("}\n")
		}
		fmt.Fprintf(&b, "\n// across%s are the kernels whose vectors are channels, by columns, less one.\nvar across%s = []tileFunc{%s}\n", s.m.name, s.m.name, names(s.vectors, across))
	}
	return b.String()
}
