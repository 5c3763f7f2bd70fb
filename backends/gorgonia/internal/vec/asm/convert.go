package main

import (
	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	. "github.com/mmcloughlin/avo/reg"
)

// A conversion changes the width of its elements, eight at a time: the function
// takes a multiple of eight, and Go does the rest.
type conversion struct {
	name     string
	dst, src string // element types in Go
	args     []string
	kernel   func(args []Op) func(from, to Mem)
	dstSize  int
	srcSize  int
}

var conversions = []*conversion{
	{name: "float16ToFloat32", dst: "float32", src: "uint16", dstSize: 4, srcSize: 2,
		kernel: func([]Op) func(from, to Mem) {
			return func(from, to Mem) {
				r := YMM()
				VCVTPH2PS(from, r)
				VMOVUPS(r, to)
			}
		}},
	{name: "float32ToFloat16", dst: "uint16", src: "float32", dstSize: 2, srcSize: 4,
		kernel: func([]Op) func(from, to Mem) {
			return func(from, to Mem) {
				r := YMM()
				VMOVUPS(from, r)
				VCVTPS2PH(U8(0), r, to)
			}
		}},
	{name: "bfloat16ToFloat32", dst: "float32", src: "uint16", dstSize: 4, srcSize: 2,
		kernel: func([]Op) func(from, to Mem) {
			return func(from, to Mem) {
				r := YMM()
				VPMOVZXWD(from, r)
				VPSLLD(U8(16), r, r)
				VMOVUPS(r, to)
			}
		}},
	{name: "float32ToBfloat16", dst: "uint16", src: "float32", dstSize: 2, srcSize: 4,
		kernel: func([]Op) func(from, to Mem) {
			m := avx2
			half, quiet, one := m.bcast(0x7fff), m.bcast(0x00400000), m.bcast(1)
			return func(from, to Mem) {
				x := YMM()
				VMOVUPS(from, x)
				odd := YMM()
				VPSRLD(U8(16), x, odd)
				VPAND(one, odd, odd)
				VPADDD(half, odd, odd)
				VPADDD(x, odd, odd)
				// Rounding could carry the bits of a NaN over to infinity: quieten it instead.
				nan := m.compare(cmpUnord, x, x)
				r := m.pick(nan, m.orRegs(x, quiet), odd)
				VPSRLD(U8(16), r, r)
				packed := YMM()
				VPACKUSDW(r, r, packed)
				VPERMQ(U8(0x08), packed, packed)
				VMOVUPS(packed.AsX(), to)
			}
		}},
	{name: "int32ToFloat32", dst: "float32", src: "int32", dstSize: 4, srcSize: 4,
		kernel: func([]Op) func(from, to Mem) {
			return func(from, to Mem) {
				r := YMM()
				VCVTDQ2PS(from, r)
				VMOVUPS(r, to)
			}
		}},
	dequantize("dequantizeUint8", "uint8", VPMOVZXBD),
	dequantize("dequantizeInt8", "int8", VPMOVSXBD),
	quantize("quantizeUint8", "uint8", VPACKUSWB),
	quantize("quantizeInt8", "int8", VPACKSSWB),
}

func dequantize(name, src string, widen func(...Op)) *conversion {
	return &conversion{name: name, dst: "float32", src: src, dstSize: 4, srcSize: 1, args: []string{"scale", "zero"},
		kernel: func(args []Op) func(from, to Mem) {
			return func(from, to Mem) {
				r := YMM()
				widen(from, r)
				VCVTDQ2PS(r, r)
				VSUBPS(args[1], r, r)
				VMULPS(args[0], r, r)
				VMOVUPS(r, to)
			}
		}}
}

func quantize(name, dst string, pack func(...Op)) *conversion {
	return &conversion{name: name, dst: dst, src: "float32", dstSize: 1, srcSize: 4, args: []string{"scale", "zero", "low", "high"},
		kernel: func(args []Op) func(from, to Mem) {
			m := avx2
			scale, zero, low, high := args[0], args[1], args[2], args[3]
			return func(from, to Mem) {
				x := YMM()
				VMOVUPS(from, x)
				r := m.add(m.round(m.div(x, scale), 0), zero)
				// What is no number becomes low.
				r = m.min(m.max(r, low), high)
				i := YMM()
				VCVTPS2DQ(r, i)
				upper := XMM()
				VEXTRACTI128(U8(1), i, upper)
				VPACKSSDW(upper, i.AsX(), upper)
				pack(upper, upper, upper)
				VMOVQ(upper, to)
			}
		}}
}

func (c *conversion) signature() string {
	s := "func(dst *" + c.dst + ", src *" + c.src + ", n int"
	for _, a := range c.args {
		s += ", " + a + " float32"
	}
	return s + ")"
}

func (c *conversion) emit() {
	TEXT(c.name+"AVX2", attr.NOSPLIT, c.signature())
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	n := Load(Param("n"), GP64())
	var args []Op
	for _, a := range c.args {
		r := YMM()
		p, err := Param(a).Resolve()
		if err != nil {
			panic(err)
		}
		VBROADCASTSS(p.Addr, r)
		args = append(args, r)
	}
	f := c.kernel(args)
	Label("eight")
	CMPQ(n, U8(8))
	JLT(LabelRef("done"))
	f(Mem{Base: src}, Mem{Base: dst})
	ADDQ(U8(8*c.srcSize), src)
	ADDQ(U8(8*c.dstSize), dst)
	SUBQ(U8(8), n)
	JMP(LabelRef("eight"))
	Label("done")
	VZEROUPPER()
	RET()
}

// emitTranspose8x8 writes the function that transposes tiles of 8x8 words along a
// row of tiles.
func emitTranspose8x8() {
	TEXT("transposeTilesAVX2", attr.NOSPLIT, "func(dst, src *uint32, dstStride, srcStride, tiles int)")
	Doc("transposeTilesAVX2 transposes tiles of 8x8 words: tile i is at src+8*i, and goes to dst+8*i*dstStride.")
	Pragma("noescape")
	dst := Load(Param("dst"), GP64())
	src := Load(Param("src"), GP64())
	dstStride := Load(Param("dstStride"), GP64())
	srcStride := Load(Param("srcStride"), GP64())
	tiles := Load(Param("tiles"), GP64())
	SHLQ(U8(2), dstStride)
	SHLQ(U8(2), srcStride)
	Label("tile")
	TESTQ(tiles, tiles)
	JE(LabelRef("done"))
	src4, dst4, srcStride3, dstStride3 := GP64(), GP64(), GP64(), GP64()
	LEAQ(Mem{Base: src, Index: srcStride, Scale: 4}, src4)
	LEAQ(Mem{Base: dst, Index: dstStride, Scale: 4}, dst4)
	LEAQ(Mem{Base: srcStride, Index: srcStride, Scale: 2}, srcStride3)
	LEAQ(Mem{Base: dstStride, Index: dstStride, Scale: 2}, dstStride3)
	row := func(base, stride, stride3 Register, i, disp int) Mem {
		switch i {
		case 0:
			return Mem{Base: base, Disp: disp}
		case 3:
			return Mem{Base: base, Index: stride3, Scale: 1, Disp: disp}
		}
		return Mem{Base: base, Index: stride, Scale: uint8(i), Disp: disp}
	}
	for half := range 2 {
		// Rows i and i+4 share a register, so that no lane is crossed later.
		var a [4]VecVirtual
		for i := range a {
			a[i] = YMM()
			VMOVUPS(row(src, srcStride, srcStride3, i, 16*half), a[i].AsX())
			VINSERTF128(U8(1), row(src4, srcStride, srcStride3, i, 16*half), a[i], a[i])
		}
		t := [4]VecVirtual{YMM(), YMM(), YMM(), YMM()}
		VUNPCKLPS(a[1], a[0], t[0])
		VUNPCKHPS(a[1], a[0], t[1])
		VUNPCKLPS(a[3], a[2], t[2])
		VUNPCKHPS(a[3], a[2], t[3])
		to := dst
		if half == 1 {
			to = dst4
		}
		for i := range 4 {
			pick := U8(0x44)
			if i%2 == 1 {
				pick = 0xEE
			}
			VSHUFPS(pick, t[2+i/2], t[i/2], a[i])
			VMOVUPS(a[i], row(to, dstStride, dstStride3, i, 0))
		}
	}
	ADDQ(U8(32), src)
	LEAQ(Mem{Base: dst, Index: dstStride, Scale: 8}, dst)
	DECQ(tiles)
	JMP(LabelRef("tile"))
	Label("done")
	VZEROUPPER()
	RET()
}
