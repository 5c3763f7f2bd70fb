package main

import (
	"fmt"
	"math"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// A machine is an instruction set that kernels are written for once.
type machine struct {
	instructions
	name  string // what its functions' names end with
	wide  bool   // 16 lanes and mask registers (AVX-512)
	lanes int
}

var (
	avx2   = &machine{name: "AVX2", lanes: 8, instructions: x86{}}
	avx512 = &machine{name: "AVX512", wide: true, lanes: 16, instructions: x86{wide: true}}
)

// instructions emit one operation on whole vectors of float32, each lane by itself. The
// result is in a new register, but for those that change their first operand.
type instructions interface {
	reg() Op
	copy(a Op) Op
	bcast(bits uint32) Op // a constant in every lane
	zero(r Op)

	add(a, b Op) Op
	sub(a, b Op) Op
	mul(a, b Op) Op
	div(a, b Op) Op
	mulAdd(a, b, c Op) Op // a*b + c, rounded once
	sqrt(a Op) Op
	abs(a Op) Op
	neg(a Op) Op
	// The larger, and the smaller, of a and b. Where b is no number it is the result;
	// a is one.
	max(a, b Op) Op
	min(a, b Op) Op
	// The same, and not a number where either is none.
	maxNaN(a, b Op) Op
	minNaN(a, b Op) Op
	round(a Op, mode uint8) Op // 0 to nearest, halves to even; 1 down; 2 up

	addInto(acc, v Op)
	addTo(acc, a, b Op)                  // adds a*b
	addToc(acc, a Op, c float64)         // adds a*c
	times(acc, by Op, plus float64) Op   // acc*by + plus: one step of Horner's rule; acc may change
	keepMax(acc, v Op)                   // the larger, and not a number where either is none
	keepMin(acc, v Op)                   //
	addc(a Op, f float64) Op             // constants in the place of b
	mulc(a Op, f float64) Op             //
	compare(predicate uint8, a, b Op) Op // a mask, by a predicate of VCMPPS
	pick(mask, yes, no Op) Op            // yes where the mask is set

	// Bits and integers.
	and(a Op, bits uint32) Op
	or(a Op, bits uint32) Op
	flip(a Op, bits uint32) Op
	orRegs(a, b Op) Op
	addi(a Op, bits uint32) Op
	subi(a Op, bits uint32) Op
	subInts(a, b Op) Op
	shl(a Op, n uint8) Op
	sar(a Op, n uint8) Op
	toInts(a Op) Op // to nearest, halves to even
	toFloats(a Op) Op
}

// x86 are the instructions of AVX2, or of AVX-512.
type x86 struct{ wide bool }

// Predicates of VCMPPS.
const (
	cmpEQ    = 0x00
	cmpUnord = 0x03
	cmpLT    = 0x11
	cmpNLT   = 0x15
	cmpGE    = 0x1D
)

func (m *machine) bytes() int { return 4 * m.lanes }

func (m x86) reg() Op {
	if m.wide {
		return ZMM()
	}
	return YMM()
}

// constants are the vectors of eight equal words that were asked for so far.
var constants = map[uint32]Mem{}

// word is a constant in memory: eight copies for AVX2, the first of which AVX-512
// broadcasts by itself.
func word(bits uint32) Mem {
	if c, ok := constants[bits]; ok {
		return c
	}
	c := GLOBL(fmt.Sprintf("w%08x", bits), attr.RODATA|attr.NOPTR)
	for i := range 8 {
		DATA(4*i, U32(bits))
	}
	constants[bits] = c
	return c
}

func f32(f float64) uint32 { return math.Float32bits(float32(f)) }

func (m x86) bcast(bits uint32) Op {
	r := m.reg()
	if bits == 0 {
		m.zero(r)
		return r
	}
	VBROADCASTSS(word(bits), r)
	return r
}

func (m *machine) num(f float64) Op { return m.bcast(f32(f)) }

func (m x86) zero(r Op) {
	if m.wide {
		VPXORD(r, r, r)
	} else {
		VXORPS(r, r, r)
	}
}

func (m x86) copy(a Op) Op { r := m.reg(); VMOVAPS(a, r); return r }

func (m x86) add(a, b Op) Op { r := m.reg(); VADDPS(b, a, r); return r }
func (m x86) sub(a, b Op) Op { r := m.reg(); VSUBPS(b, a, r); return r }
func (m x86) mul(a, b Op) Op { r := m.reg(); VMULPS(b, a, r); return r }
func (m x86) div(a, b Op) Op { r := m.reg(); VDIVPS(b, a, r); return r }
func (m x86) sqrt(a Op) Op   { r := m.reg(); VSQRTPS(a, r); return r }

func (m x86) max(a, b Op) Op { r := m.reg(); VMAXPS(b, a, r); return r }

func (m x86) min(a, b Op) Op { r := m.reg(); VMINPS(b, a, r); return r }

func (m x86) addInto(acc, v Op)  { VADDPS(v, acc, acc) }
func (m x86) addTo(acc, a, b Op) { VFMADD231PS(b, a, acc) }

func (m x86) addToc(acc, a Op, c float64) {
	if m.wide {
		VFMADD231PS_BCST(word(f32(c)), a, acc)
	} else {
		VFMADD231PS(word(f32(c)), a, acc)
	}
}

func (m x86) mulAdd(a, b, c Op) Op {
	r := m.copy(a)
	VFMADD213PS(c, b, r)
	return r
}

// withWord is one operation of two registers with a constant in the place of one.
func (m x86) withWord(bits uint32, a Op, plain, bcst func(...Op)) Op {
	r := m.reg()
	if m.wide {
		bcst(word(bits), a, r)
	} else {
		plain(word(bits), a, r)
	}
	return r
}

func (m x86) addc(a Op, f float64) Op { return m.withWord(f32(f), a, VADDPS, VADDPS_BCST) }
func (m x86) mulc(a Op, f float64) Op { return m.withWord(f32(f), a, VMULPS, VMULPS_BCST) }
func (m x86) and(a Op, bits uint32) Op {
	return m.withWord(bits, a, VANDPS, VANDPS_BCST)
}
func (m x86) or(a Op, bits uint32) Op       { return m.withWord(bits, a, VORPS, VORPS_BCST) }
func (m x86) flip(a Op, bits uint32) Op     { return m.withWord(bits, a, VXORPS, VXORPS_BCST) }
func (m x86) addi(a Op, bits uint32) Op     { return m.withWord(bits, a, VPADDD, VPADDD_BCST) }
func (m x86) subi(a Op, bits uint32) Op     { return m.withWord(bits, a, VPSUBD, VPSUBD_BCST) }
func (m x86) subInts(a, b Op) Op            { r := m.reg(); VPSUBD(b, a, r); return r }
func (m x86) shl(a Op, n uint8) Op          { r := m.reg(); VPSLLD(U8(n), a, r); return r }
func (m x86) sar(a Op, n uint8) Op          { r := m.reg(); VPSRAD(U8(n), a, r); return r }
func (m x86) toInts(a Op) Op                { r := m.reg(); VCVTPS2DQ(a, r); return r }
func (m x86) toFloats(a Op) Op              { r := m.reg(); VCVTDQ2PS(a, r); return r }
func (m x86) orRegs(a, b Op) Op             { r := m.reg(); VORPS(b, a, r); return r }
func (m x86) abs(a Op) Op                   { return m.and(a, 0x7fffffff) }
func (m x86) neg(a Op) Op                   { return m.flip(a, 0x80000000) }
func (m *machine) signOf(a Op) Op           { return m.and(a, 0x80000000) }
func (m *machine) withSign(a, sign Op) Op   { return m.orRegs(a, sign) }
func (m *machine) clamp(a, low, high Op) Op { return m.min(high, m.max(low, a)) }

func (m x86) times(acc, by Op, plus float64) Op {
	if m.wide {
		VFMADD213PS_BCST(word(f32(plus)), by, acc)
	} else {
		VFMADD213PS(word(f32(plus)), by, acc)
	}
	return acc
}

// poly is the polynomial in x whose coefficients begin with that of x^0.
func (m *machine) poly(x Op, coefficients ...float64) Op {
	last := len(coefficients) - 1
	r := m.num(coefficients[last])
	for i := last - 1; i >= 0; i-- {
		r = m.times(r, x, coefficients[i])
	}
	return r
}

func (m x86) round(a Op, mode uint8) Op {
	r := m.reg()
	if m.wide {
		VRNDSCALEPS(U8(mode|8), a, r)
	} else {
		VROUNDPS(U8(mode|8), a, r)
	}
	return r
}

func (m x86) compare(predicate uint8, a, b Op) Op {
	var k Op
	if m.wide {
		k = K()
	} else {
		k = YMM()
	}
	VCMPPS(U8(predicate), b, a, k)
	return k
}

func (m x86) pick(mask, yes, no Op) Op {
	r := m.reg()
	if m.wide {
		VBLENDMPS(yes, no, mask, r)
	} else {
		VBLENDVPS(mask, yes, no, r)
	}
	return r
}

func (m x86) maxNaN(a, b Op) Op { return m.pick(m.compare(cmpUnord, a, a), a, m.max(a, b)) }
func (m x86) minNaN(a, b Op) Op { return m.pick(m.compare(cmpUnord, a, a), a, m.min(a, b)) }

func (m x86) keepMax(acc, v Op) { m.keep(acc, v, VMAXPS) }
func (m x86) keepMin(acc, v Op) { m.keep(acc, v, VMINPS) }

func (m x86) keep(acc, v Op, pick func(...Op)) {
	// The instruction keeps acc when either is no number.
	nan := m.compare(cmpUnord, v, v)
	pick(acc, v, acc)
	if m.wide {
		VMOVAPS(v, nan, acc)
	} else {
		VBLENDVPS(nan, v, acc, acc)
	}
}

// fold combines all lanes of acc, so that each lane of acc holds the result.
func (m *machine) fold(acc Op, combine func(acc, v Op)) {
	swapped := m.reg()
	if m.wide {
		VSHUFF32X4(U8(0x4E), acc, acc, swapped)
		combine(acc, swapped)
		VSHUFF32X4(U8(0xB1), acc, acc, swapped)
		combine(acc, swapped)
	} else {
		VPERM2F128(U8(1), acc, acc, swapped)
		combine(acc, swapped)
	}
	VPERMILPS(U8(0x4E), acc, swapped)
	combine(acc, swapped)
	VPERMILPS(U8(0xB1), acc, swapped)
	combine(acc, swapped)
}

// lane0 is the low 128 bits of a register.
func lane0(r Op) reg.Register { return r.(reg.Vec).AsX() }

var avx2Masks *Mem

// tailMask is the mask of the first n lanes.
func (m *machine) tailMask(n reg.Register) Op {
	if m.wide {
		ones := GP32()
		MOVL(U32(0xffff), ones)
		BZHIL(n.(reg.GP).As32(), ones, ones)
		k := K()
		KMOVW(ones, k)
		return k
	}
	if avx2Masks == nil {
		t := GLOBL("masks", attr.RODATA|attr.NOPTR)
		for i := range 16 {
			bits := uint32(0)
			if i < 8 {
				bits = 0xffffffff
			}
			DATA(4*i, U32(bits))
		}
		avx2Masks = &t
	}
	at := GP64()
	LEAQ(avx2Masks.Offset(32), at)
	back := GP64()
	MOVQ(n, back)
	NEGQ(back)
	mask := YMM()
	VMOVDQU(Mem{Base: at, Index: back, Scale: 4}, mask)
	return mask
}

// loadMasked loads the lanes of the mask, and zero into the others.
func (m *machine) loadMasked(from Mem, mask Op) Op {
	r := m.reg()
	if m.wide {
		VMOVUPS_Z(from, mask, r)
	} else {
		VMASKMOVPS(from, mask, r)
	}
	return r
}

func (m *machine) storeMasked(r Op, mask Op, to Mem) {
	if m.wide {
		VMOVUPS(r, mask, to)
	} else {
		VMASKMOVPS(r, mask, to)
	}
}
