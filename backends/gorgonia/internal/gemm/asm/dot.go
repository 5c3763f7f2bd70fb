package main

import (
	"bytes"
	"fmt"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// emitDots writes the function that multiplies four rows by one vector.
func emitDots(i isa, decl *bytes.Buffer) {
	const rows, sets = 4, 2
	name := "dots" + i.name
	signature := "func(to, rows, x *float32, stride, k uintptr, mask *int32)"
	fmt.Fprintf(decl, "\n// %s writes the scalar products of x and each of 4 rows, stride bytes apart.\n", name)
	fmt.Fprintf(decl, "// mask has ones for the k%%%d elements after whole vectors, and then zeros.\n", i.width)
	fmt.Fprintf(decl, "//\n//go:noescape\nfunc %s%s\n", name, signature[len("func"):])
	TEXT(name, NOSPLIT, signature)
	row, x := Load(Param("rows"), GP64()), Load(Param("x"), GP64())
	stride, k := Load(Param("stride"), GP64()), Load(Param("k"), GP64())
	stride3 := GP64()
	LEAQ(Mem{Base: stride, Index: stride, Scale: 2}, stride3)
	acc := func(set, r int) VecPhysical { return i.regs[set*rows+r] }
	vx, vr := i.regs[rows*sets:rows*sets+sets], i.regs[rows*sets+sets]
	at := func(r, disp int) Mem {
		return []Mem{
			{Base: row, Disp: disp}, {Base: row, Disp: disp, Index: stride, Scale: 1},
			{Base: row, Disp: disp, Index: stride, Scale: 2}, {Base: row, Disp: disp, Index: stride3, Scale: 1},
		}[r]
	}
	for a := range rows * sets {
		(&kernel{isa: i}).zero(i.regs[a])
	}
	bytes := 4 * i.width
	loop := func(sets int, label string) {
		n := GP64()
		MOVQ(k, n)
		if sets == 1 {
			SHRQ(Imm(uint64(log2(i.width))), n)
			ANDQ(Imm(1), n)
		} else {
			SHRQ(Imm(uint64(log2(sets*i.width))), n)
		}
		JZ(LabelRef(label + "End"))
		Label(label)
		for s := range sets {
			VMOVUPS(Mem{Base: x, Disp: s * bytes}, vx[s])
			for r := range rows {
				VFMADD231PS(at(r, s*bytes), vx[s], acc(s, r))
			}
		}
		ADDQ(Imm(uint64(sets*bytes)), x)
		ADDQ(Imm(uint64(sets*bytes)), row)
		DECQ(n)
		JNZ(LabelRef(label))
		Label(label + "End")
	}
	loop(2, "two")
	loop(1, "one")
	rest := GP64()
	MOVQ(k, rest)
	ANDQ(Imm(uint64(i.width-1)), rest)
	JZ(LabelRef("sum"))
	masks := Load(Param("mask"), GP64())
	if i.wide() {
		VMOVUPS(Mem{Base: masks}, vr)
		VPTESTMD(vr, vr, K1)
		VMOVUPS_Z(Mem{Base: x}, K1, vx[0])
		for r := range rows {
			VMOVUPS_Z(at(r, 0), K1, vr)
			VFMADD231PS(vr, vx[0], acc(0, r))
		}
	} else {
		VMOVUPS(Mem{Base: masks}, vx[1])
		VMASKMOVPS(Mem{Base: x}, vx[1], vx[0])
		for r := range rows {
			VMASKMOVPS(at(r, 0), vx[1], vr)
			VFMADD231PS(vr, vx[0], acc(0, r))
		}
	}
	Label("sum")
	for r := range rows {
		VADDPS(acc(1, r), acc(0, r), acc(0, r))
	}
	y := func(r int) VecPhysical { return acc(0, r).AsY().(VecPhysical) }
	xr := func(r int) VecPhysical { return acc(0, r).AsX().(VecPhysical) }
	for r := range rows {
		if i.wide() {
			VEXTRACTF64X4(Imm(1), acc(0, r), vr.AsY())
			VADDPS(vr.AsY(), y(r), y(r))
		}
		VEXTRACTF128(Imm(1), y(r), vr.AsX())
		VADDPS(vr.AsX(), xr(r), xr(r))
	}
	VHADDPS(xr(1), xr(0), xr(0))
	VHADDPS(xr(3), xr(2), xr(2))
	VHADDPS(xr(2), xr(0), xr(0))
	to := Load(Param("to"), GP64())
	VMOVUPS(xr(0), Mem{Base: to})
	VZEROUPPER()
	RET()
}
