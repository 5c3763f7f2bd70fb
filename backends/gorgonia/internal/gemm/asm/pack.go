package main

import (
	"bytes"
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// emitCopyRows writes the function that copies rows as wide as a tile to one place.
func emitCopyRows(i isa, decl *bytes.Buffer) {
	name := "copyRows" + i.name
	fmt.Fprintf(decl, "\n// %s copies rows of %d elements, src bytes apart, one behind the other.\n", name, i.vecs*i.width)
	fmt.Fprintf(decl, "//\n//go:noescape\nfunc %s(to, from *float32, src, rows uintptr)\n", name)
	TEXT(name, NOSPLIT, "func(to, from *float32, src, rows uintptr)")
	to, from := Load(Param("to"), GP64()), Load(Param("from"), GP64())
	stride, rows := Load(Param("src"), GP64()), Load(Param("rows"), GP64())
	TESTQ(rows, rows)
	JZ(LabelRef("done"))
	Label("row")
	for v := range i.vecs {
		VMOVUPS(Mem{Base: from, Disp: 4 * i.width * v}, i.regs[v])
	}
	PREFETCHT0(Mem{Base: from, Index: stride, Scale: 8})
	for v := range i.vecs {
		VMOVUPS(i.regs[v], Mem{Base: to, Disp: 4 * i.width * v})
	}
	ADDQ(stride, from)
	ADDQ(Imm(uint64(4*i.vecs*i.width)), to)
	DECQ(rows)
	JNZ(LabelRef("row"))
	Label("done")
	VZEROUPPER()
	RET()
}

// emitTranspose8 writes the function that turns eight rows into columns, with AVX.
func emitTranspose8(decl *bytes.Buffer) {
	fmt.Fprint(decl, "\n// transpose8 writes 8*blocks elements of each of 8 rows, src bytes apart, as columns of rows dst bytes apart.\n")
	fmt.Fprint(decl, "//\n//go:noescape\nfunc transpose8(to, from *float32, dst, src, blocks uintptr)\n")
	TEXT("transpose8", NOSPLIT, "func(to, from *float32, dst, src, blocks uintptr)")
	to, from := Load(Param("to"), GP64()), Load(Param("from"), GP64())
	dst, src, blocks := Load(Param("dst"), GP64()), Load(Param("src"), GP64()), Load(Param("blocks"), GP64())
	src3, dst3, lower := GP64(), GP64(), GP64()
	LEAQ(Mem{Base: src, Index: src, Scale: 2}, src3)
	LEAQ(Mem{Base: dst, Index: dst, Scale: 2}, dst3)
	LEAQ(Mem{Base: from, Index: src, Scale: 4}, lower)
	TESTQ(blocks, blocks)
	JZ(LabelRef("done"))
	Label("block")
	row := func(base, stride, stride3 Register, i, disp int) Mem {
		return []Mem{
			{Base: base, Disp: disp}, {Base: base, Disp: disp, Index: stride, Scale: 1},
			{Base: base, Disp: disp, Index: stride, Scale: 2}, {Base: base, Disp: disp, Index: stride3, Scale: 1},
		}[i]
	}
	for half := range 2 {
		x, y := avx2.regs[half*8:half*8+4], avx2.regs[half*8+4:half*8+8]
		for i := range 4 { // rows i and i+4, four elements of each
			VMOVUPS(row(from, src, src3, i, 16*half), x[i].AsX())
			VINSERTF128(Imm(1), row(lower, src, src3, i, 16*half), x[i], x[i])
		}
		VUNPCKLPS(x[1], x[0], y[0])
		VUNPCKHPS(x[1], x[0], y[1])
		VUNPCKLPS(x[3], x[2], y[2])
		VUNPCKHPS(x[3], x[2], y[3])
		VUNPCKLPD(y[2], y[0], x[0])
		VUNPCKHPD(y[2], y[0], x[1])
		VUNPCKLPD(y[3], y[1], x[2])
		VUNPCKHPD(y[3], y[1], x[3])
		for i := range 4 {
			VMOVUPS(x[i], row(to, dst, dst3, i, 0))
		}
		LEAQ(Mem{Base: to, Index: dst, Scale: 4}, to)
	}
	ADDQ(Imm(32), from)
	ADDQ(Imm(32), lower)
	DECQ(blocks)
	JNZ(LabelRef("block"))
	Label("done")
	VZEROUPPER()
	RET()
}
