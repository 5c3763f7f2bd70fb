package main

import (
	"bytes"
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// Offsets in type intTile of int_tile.go, which a test there compares with its own.
const (
	offIntK       = 0
	offIntA       = 8
	offIntARow    = 16
	offIntB       = 24
	offIntC       = 32
	offIntCRow    = 40
	offIntRow0    = 48
	offIntCol0    = 56
	offIntRow1    = 64
	offIntCol1    = 72
	offIntMaskVec = 80
	offIntMask    = 88
	offIntFlags   = 92
)

// Bits of intTile.flags.
const (
	flagIntAccumulate = 1 << iota
	flagIntCorrect
	flagIntMasked
)

// emitIntTiles writes the integer kernels of every height, and a table of them by rows less one.
func emitIntTiles(i isa, decl *bytes.Buffer) {
	table := &bytes.Buffer{}
	for rows := 1; rows <= i.rows; rows++ {
		name := fmt.Sprintf("int%s_%dx%d", i.name, rows, i.vecs*i.width)
		emitIntTile(i, rows, name)
		fmt.Fprintf(decl, "\n//go:noescape\nfunc %s(t *intTile)\n", name)
		fmt.Fprintf(table, "%s, ", name)
	}
	fmt.Fprintf(decl, "\nvar ints%s = []func(*intTile){%s}\n", i.name, bytes.TrimSuffix(table.Bytes(), []byte(", ")))
}

// emitIntTile writes a kernel whose steps multiply 4 bytes of each row and column
// (with AVX-512 VNNI), or 2 words (with AVX2).
func emitIntTile(i isa, rows int, name string) {
	k := &kernel{isa: i, rows: rows, vecs: i.vecs, sets: 1}
	for k.sets < 4 && rows*k.vecs*k.sets < 8 && rows*k.vecs*k.sets*2 <= len(i.regs)-4 {
		k.sets *= 2
	}
	free := i.regs[len(i.regs)-4:]
	k.b, k.s = free[:2], free[2:]
	TEXT(name, NOSPLIT, "func(t *byte)") // *intTile in Go
	k.args = Load(Param("t"), GP64())
	k.intProduct()
	k.intEpilogue()
	VZEROUPPER()
	RET()
}

func (k *kernel) intProduct() {
	n, b := GP64(), GP64()
	p := &rowPointers{row: GP64(), row3: GP64(), row5: GP64(), base: []Register{GP64(), GP64()}}
	MOVQ(k.arg(offIntK), n)
	MOVQ(k.arg(offIntA), p.base[0])
	MOVQ(k.arg(offIntARow), p.row)
	MOVQ(k.arg(offIntB), b)
	LEAQ(Mem{Base: p.row, Index: p.row, Scale: 2}, p.row3)
	LEAQ(Mem{Base: p.row, Index: p.row, Scale: 4}, p.row5)
	if k.rows > 7 {
		LEAQ(Mem{Base: p.base[0], Index: p.row3, Scale: 2}, p.base[1])
		ADDQ(p.row, p.base[1])
	}
	for a := range k.sets * k.rows * k.vecs {
		k.zero(k.regs[a])
	}
	step := func(set int) {
		bytes := 4 * k.width
		for v := range k.vecs {
			VMOVUPS(Mem{Base: b, Disp: v * bytes}, k.b[v])
		}
		for r := range k.rows {
			if k.wide() {
				a := k.s[r%2]
				VPBROADCASTD(p.at(r), a)
				for v := range k.vecs {
					VPDPBUSD(k.b[v], a, k.acc(set, r, v))
				}
				continue
			}
			VPBROADCASTD(p.at(r), k.s[0])
			for v := range k.vecs {
				VPMADDWD(k.b[v], k.s[0], k.s[1])
				VPADDD(k.s[1], k.acc(set, r, v), k.acc(set, r, v))
			}
		}
		ADDQ(Imm(4), p.base[0])
		if k.rows > 7 {
			ADDQ(Imm(4), p.base[1])
		}
		ADDQ(U32(uint32(k.vecs*bytes)), b)
	}
	if k.sets > 1 {
		left := GP64()
		MOVQ(n, left)
		SHRQ(Imm(uint64(log2(k.sets))), left)
		JZ(LabelRef("rest"))
		Label("many")
		for set := range k.sets {
			step(set)
		}
		DECQ(left)
		JNZ(LabelRef("many"))
		Label("rest")
		ANDQ(Imm(uint64(k.sets-1)), n)
	} else {
		TESTQ(n, n)
	}
	JZ(LabelRef("summed"))
	Label("one")
	step(0)
	DECQ(n)
	JNZ(LabelRef("one"))
	Label("summed")
	for sets := k.sets; sets > 1; sets /= 2 {
		for a := range sets / 2 * k.rows * k.vecs {
			VPADDD(k.regs[a+sets/2*k.rows*k.vecs], k.regs[a], k.regs[a])
		}
	}
}

func (k *kernel) intEpilogue() {
	flags := GP32()
	MOVL(k.arg(offIntFlags), flags)
	if k.wide() {
		mask := GP32()
		MOVL(k.arg(offIntMask), mask)
		KMOVW(mask, K1)
		SHRL(Imm(16), mask)
		KMOVW(mask, K2)
		k.section(flags, flagIntCorrect, "correct", func() {
			k.rankOne(offIntRow0, offIntCol0)
			k.rankOne(offIntRow1, offIntCol1)
		})
	}
	k.section(flags, flagIntAccumulate, "accumulate", func() {
		k.intMasks()
		k.walk(offIntC, offIntCRow, func(m Mem, acc VecPhysical, v int) {
			k.load(m, v, k.s[0])
			VPADDD(k.s[0], acc, acc)
		})
	})
	if k.wide() {
		k.walk(offIntC, offIntCRow, func(m Mem, acc VecPhysical, v int) { VMOVUPS(acc, mask(v), m) })
		return
	}
	TESTL(U32(flagIntMasked), flags)
	JNZ(LabelRef("storeMasked"))
	k.walk(offIntC, offIntCRow, func(m Mem, acc VecPhysical, v int) { VMOVUPS(acc, m) })
	VZEROUPPER()
	RET()
	Label("storeMasked")
	k.intMasks()
	k.walk(offIntC, offIntCRow, func(m Mem, acc VecPhysical, v int) { VMASKMOVPS(acc, k.b[v], m) })
}

func (k *kernel) intMasks() {
	if k.wide() {
		return
	}
	masks := GP64()
	MOVQ(k.arg(offIntMaskVec), masks)
	for v := range k.vecs {
		VMOVUPS(Mem{Base: masks, Disp: 32 * v}, k.b[v])
	}
}

// rankOne adds the product of a number for each row and one for each column.
func (k *kernel) rankOne(row, col int) {
	r, c := GP64(), GP64()
	MOVQ(k.arg(row), r)
	MOVQ(k.arg(col), c)
	for v := range k.vecs {
		VMOVUPS(Mem{Base: c, Disp: 4 * k.width * v}, k.b[v])
	}
	k.each(func(acc VecPhysical, i, v int) {
		if v == 0 {
			VPBROADCASTD(Mem{Base: r, Disp: 4 * i}, k.s[0])
		}
		VPMULLD(k.b[v], k.s[0], k.s[1])
		VPADDD(k.s[1], acc, acc)
	})
}

// emitPackQuads writes the function that packs 32 columns of B for VPDPBUSD.
func emitPackQuads(decl *bytes.Buffer) {
	fmt.Fprint(decl, "\n// packQuads interleaves 4*quads rows of 32 bytes, src bytes apart, by four, after\n")
	fmt.Fprint(decl, "// exclusive or with flip, and adds each column to its sum as signed bytes.\n")
	fmt.Fprint(decl, "//\n//go:noescape\nfunc packQuads(to, from *byte, src, quads uintptr, flip uint32, sums *int32)\n")
	TEXT("packQuads", NOSPLIT, "func(to, from *byte, src, quads uintptr, flip uint32, sums *int32)")
	to, from := Load(Param("to"), GP64()), Load(Param("from"), GP64())
	src, quads := Load(Param("src"), GP64()), Load(Param("quads"), GP64())
	sums := Load(Param("sums"), GP64())
	flip := Load(Param("flip"), GP32())
	src3 := GP64()
	LEAQ(Mem{Base: src, Index: src, Scale: 2}, src3)
	VPBROADCASTD(flip, Z16)
	ones := GP32()
	MOVL(U32(0x01010101), ones)
	VPBROADCASTD(ones, Z17)
	VMOVUPS(Mem{Base: sums}, Z18)
	VMOVUPS(Mem{Base: sums, Disp: 64}, Z19)
	TESTQ(quads, quads)
	JZ(LabelRef("done"))
	Label("quad")
	VMOVUPS(Mem{Base: from}, Y0)
	VMOVUPS(Mem{Base: from, Index: src, Scale: 1}, Y1)
	VMOVUPS(Mem{Base: from, Index: src, Scale: 2}, Y2)
	VMOVUPS(Mem{Base: from, Index: src3, Scale: 1}, Y3)
	LEAQ(Mem{Base: from, Index: src, Scale: 4}, from)
	VPUNPCKLBW(Y1, Y0, Y4) // columns 0-7 and 16-23 of rows 0 and 1
	VPUNPCKHBW(Y1, Y0, Y5) // columns 8-15 and 24-31
	VPUNPCKLBW(Y3, Y2, Y6)
	VPUNPCKHBW(Y3, Y2, Y7)
	VPUNPCKLWD(Y6, Y4, Y0) // columns 0-3 and 16-19 of all rows
	VPUNPCKHWD(Y6, Y4, Y1) // 4-7, 20-23
	VPUNPCKLWD(Y7, Y5, Y2) // 8-11, 24-27
	VPUNPCKHWD(Y7, Y5, Y3) // 12-15, 28-31
	VPERM2I128(Imm(0x20), Y1, Y0, Y4)
	VPERM2I128(Imm(0x20), Y3, Y2, Y5)
	VPERM2I128(Imm(0x31), Y1, Y0, Y6)
	VPERM2I128(Imm(0x31), Y3, Y2, Y7)
	VINSERTI64X4(Imm(1), Y5, Z4, Z4)
	VINSERTI64X4(Imm(1), Y7, Z6, Z6)
	VPXORD(Z16, Z4, Z4)
	VPXORD(Z16, Z6, Z6)
	VPDPBUSD(Z4, Z17, Z18)
	VPDPBUSD(Z6, Z17, Z19)
	VMOVUPS(Z4, Mem{Base: to})
	VMOVUPS(Z6, Mem{Base: to, Disp: 64})
	ADDQ(U32(128), to)
	DECQ(quads)
	JNZ(LabelRef("quad"))
	Label("done")
	VMOVUPS(Z18, Mem{Base: sums})
	VMOVUPS(Z19, Mem{Base: sums, Disp: 64})
	VZEROUPPER()
	RET()
}
