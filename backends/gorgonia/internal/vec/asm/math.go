package main

import (
	"math"

	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// The coefficients below are least-squares fits, reweighted until the largest
// error is least, on Chebyshev nodes, in double precision; the error named is
// relative, before rounding to float32.
var (
	// (e^r - 1 - r) / r^2 for |r| <= 0.3475; error of e^r - 1: 1.4e-8.
	expCoefficients = []float64{0.5, 0.16666542, 0.0416662768, 0.00836675614, 0.00139467453}
	// (log(1+f) - f + f^2/2) / f^3 for |f| <= 1/3; error of log(1+f): 4.7e-9.
	logCoefficients = []float64{0.333332151, -0.249997973, 0.200104266, -0.166805133, 0.140054896, -0.12183854, 0.139864802, -0.128936529}
	// erf(x)/x - 1 in x^2 for |x| <= 0.85; error of erf: 6.1e-9.
	erfCoefficients = []float64{0.128379166, -0.376125723, 0.112827174, -0.0268025473, 0.00505109457, -0.000631512725}
	// log(erfc(x)) for 0.85 <= x <= 4; error of erf: 2.1e-9.
	erfcCoefficients = []float64{-0.000104515551, -1.12806106, -0.636518836, -0.104526006, 0.0225190967, -0.00311786588, 0.00020367805}
	// erfc(x) e^(x^2) / u in u = 1/(1 + 0.3275911 x) for 0 <= x <= 10.2; error of erfc: 4.5e-9.
	erfcxCoefficients = []float64{0.184780777, 0.185762718, 0.165884286, 0.204849675, -0.0473331213, 0.495907456, -0.553700209, 0.622729182, -0.31521222, 0.0563315228}
	// (log(1+e)/s - 2) / s^2 in s^2, where s = e/(2+e), for 0 <= e <= 1; error of log(1+e): 4.6e-9.
	log1pCoefficients = []float64{0.666664124, 0.400217623, 0.279979885, 0.280305982}
)

const (
	log2e = 1.44269504088896341
	ln2hi = 0.693145751953125 // 16 bits, so that its product with an exponent is exact
	ln2lo = 1.42860682030941723e-6
)

// exponential holds what e^x needs in registers.
type exponential struct {
	m         *machine
	low, high Op
}

func newExponential(m *machine) exponential {
	return exponential{m: m, low: m.num(-104), high: m.num(89)}
}

// split writes x as n*ln2 + r with |r| <= ln2/2, and returns e^r - 1 and n.
func (m *machine) splitExp(x Op) (expm1, n Op) {
	n = m.round(m.mulc(x, log2e), 0)
	r := m.copy(x)
	m.addToc(r, n, -ln2hi)
	m.addToc(r, n, -ln2lo)
	p := m.poly(r, expCoefficients...)
	rr := m.mul(r, r)
	m.addTo(r, p, rr)
	return r, n
}

// of is e^x: +Inf above 88.73, less and less exact below -87.34 where results are
// denormal, 0 below -104; not a number stays so.
func (e exponential) of(x Op) Op {
	m := e.m
	x = m.clamp(x, e.low, e.high)
	p, n := m.splitExp(x)
	p = m.addc(p, 1)
	return m.scale(p, n)
}

// scale is p * 2^n for whole n from -151 to 129.
func (m *machine) scale(p, n Op) Op {
	if m.wide {
		r := m.reg()
		VSCALEFPS(n, p, r)
		return r
	}
	// Two steps, for neither 2^128 nor 2^-150 is a float32.
	whole := m.toInts(n)
	half := m.sar(whole, 1)
	rest := m.subInts(whole, half)
	p = m.mul(p, m.shl(m.addi(half, 127), 23))
	return m.mul(p, m.shl(m.addi(rest, 127), 23))
}

// expm1 is e^x - 1 for x not above 0, low the least x that it tells from -Inf.
func (m *machine) expm1(x, low Op) Op {
	x = m.max(low, x)
	p, n := m.splitExp(x)
	power := m.shl(m.addi(m.toInts(n), 127), 23)
	less := m.addc(power, -1)
	m.addTo(less, p, power)
	return less
}

// logarithm holds what log x needs in registers.
type logarithm struct {
	m                        *machine
	zero, infinity, smallest Op
}

func newLogarithm(m *machine) logarithm {
	return logarithm{m: m, zero: m.num(0), infinity: m.num(math.Inf(1)), smallest: m.bcast(0x00800000)}
}

// of is log x: -Inf at 0, not a number below.
func (l logarithm) of(x Op) Op {
	m := l.m
	// A denormal is scaled up first, for its exponent field says nothing.
	denormal := m.compare(cmpLT, x, l.smallest)
	y := m.pick(denormal, m.mulc(x, 1<<23), x)
	less := m.pick(denormal, m.num(-23), l.zero)
	// y = 2^e * f, with f from 2/3 to 4/3.
	e := m.and(m.subi(y, 0x3f2aaaab), 0xff800000)
	f := m.addc(m.subInts(y, e), -1)
	n := m.mulc(m.toFloats(e), 1.0/(1<<23))
	n = m.add(n, less)
	p := m.poly(f, logCoefficients...)
	ff := m.mul(f, f)
	fff := m.mul(ff, f)
	r := m.mul(fff, p)
	m.addToc(r, ff, -0.5)
	m.addToc(r, n, ln2lo)
	r = m.add(r, f)
	m.addToc(r, n, ln2hi)
	// +Inf and not a number are their own logarithms.
	r = m.pick(m.compare(cmpNLT, x, l.infinity), x, r)
	r = m.pick(m.compare(cmpLT, x, l.zero), m.bcast(0x7fc00000), r)
	return m.pick(m.compare(cmpEQ, x, l.zero), m.neg(l.infinity), r)
}

// sigmoid is 1/(1+e^-x), by e^-|x|, so that neither side overflows.
func sigmoid(m *machine) func(x Op) Op {
	exp, one, zero := newExponential(m), m.num(1), m.num(0)
	return func(x Op) Op {
		e := exp.of(m.or(x, 0x80000000))
		above := m.pick(m.compare(cmpLT, x, zero), e, one)
		return m.div(above, m.add(e, one))
	}
}

// tanh is -t/(2+t) with t = e^(-2|x|) - 1, with the sign of x.
func tanh(m *machine) func(x Op) Op {
	low := m.num(-40)
	return func(x Op) Op {
		t := m.expm1(m.mulc(m.abs(x), -2), low)
		r := m.div(t, m.addc(t, 2))
		return m.withSign(m.abs(r), m.signOf(x))
	}
}

// erf is an odd polynomial near 0, and 1 less erfc by its logarithm elsewhere.
func erf(m *machine) func(x Op) Op {
	exp, split, top := newExponential(m), m.num(0.85), m.num(4)
	return func(x Op) Op {
		a := m.abs(x)
		small := m.poly(m.mul(x, x), erfCoefficients...)
		small = m.mulAdd(small, a, a)
		big := exp.of(m.poly(m.min(top, a), erfcCoefficients...))
		big = m.sub(m.num(1), big)
		r := m.pick(m.compare(cmpLT, a, split), small, big)
		return m.withSign(r, m.signOf(x))
	}
}

// erfc is erfc |x|.
func erfcAbs(m *machine) func(x Op) Op {
	exp, one, top := newExponential(m), m.num(1), m.num(10.2)
	return func(x Op) Op {
		a := m.min(top, m.abs(x))
		u := m.div(one, m.addc(m.mulc(a, 0.3275911), 1))
		p := m.mul(u, m.poly(u, erfcxCoefficients...))
		return m.mul(p, exp.of(m.neg(m.mul(a, a))))
	}
}

// log1p is log(1+e) for e from 0 to 1, by the series of the area tangent.
func (m *machine) log1p(e Op) Op {
	s := m.div(e, m.addc(e, 2))
	ss := m.mul(s, s)
	p := m.poly(ss, log1pCoefficients...)
	return m.mul(m.times(p, ss, 2), s)
}
