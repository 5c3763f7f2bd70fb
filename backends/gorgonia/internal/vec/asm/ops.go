package main

import (
	"math"
	"strings"

	. "github.com/mmcloughlin/avo/operand"
)

// ops are all functions over rows of float32 that have assembly.
var ops = []*op{
	binary("add", func(m *machine, a, b Op) Op { return m.add(a, b) }),
	binary("sub", func(m *machine, a, b Op) Op { return m.sub(a, b) }),
	binary("mul", func(m *machine, a, b Op) Op { return m.mul(a, b) }),
	binary("div", func(m *machine, a, b Op) Op { return m.div(a, b) }),
	binary("max", func(m *machine, a, b Op) Op { return m.maxNaN(a, b) }),
	binary("min", func(m *machine, a, b Op) Op { return m.minNaN(a, b) }),
	binary("prelu", func(m *machine, x, slope Op) Op {
		return m.pick(m.compare(cmpLT, x, m.num(0)), m.mul(x, slope), x)
	}),
	cheap("addScalar", "s", func(m *machine, a []Op, x Op) Op { return m.add(x, a[0]) }),
	cheap("mulScalar", "s", func(m *machine, a []Op, x Op) Op { return m.mul(x, a[0]) }),
	cheap("scalarSub", "s", func(m *machine, a []Op, x Op) Op { return m.sub(a[0], x) }),
	cheap("divScalar", "s", func(m *machine, a []Op, x Op) Op { return m.div(x, a[0]) }),
	cheap("scalarDiv", "s", func(m *machine, a []Op, x Op) Op { return m.div(a[0], x) }),
	cheap("maxScalar", "s", func(m *machine, a []Op, x Op) Op { return m.maxNaN(a[0], x) }),
	cheap("minScalar", "s", func(m *machine, a []Op, x Op) Op { return m.minNaN(a[0], x) }),
	cheap("scaleShift", "scale shift", func(m *machine, a []Op, x Op) Op { return m.mulAdd(x, a[0], a[1]) }),
	{name: "mulAdd", ins: []string{"a", "b", "c"}, out: true, unroll: 2, narrow: true,
		kernel: func(m *machine, _ []Op) kernel {
			return kernel{out: func(in []Op) Op { return m.mulAdd(in[0], in[1], in[2]) }}
		}},
	{name: "scaleAdd", ins: []string{"x", "y"}, out: true, args: []string{"s"}, unroll: 4, narrow: true,
		kernel: func(m *machine, a []Op) kernel {
			return kernel{out: func(in []Op) Op { return m.mulAdd(in[0], a[0], in[1]) }}
		}},
	{name: "normalise", ins: []string{"x", "scale", "shift"}, out: true, args: []string{"mean", "inv"}, unroll: 2, narrow: true,
		kernel: func(m *machine, a []Op) kernel {
			return kernel{out: func(in []Op) Op {
				return m.mulAdd(m.mul(m.sub(in[0], a[0]), a[1]), in[1], in[2])
			}}
		}},

	cheap("abs", "", func(m *machine, _ []Op, x Op) Op { return m.abs(x) }),
	cheap("neg", "", func(m *machine, _ []Op, x Op) Op { return m.neg(x) }),
	cheap("sqrt", "", func(m *machine, _ []Op, x Op) Op { return m.sqrt(x) }),
	cheap("reciprocal", "", func(m *machine, _ []Op, x Op) Op { return m.div(m.num(1), x) }),
	cheap("floor", "", func(m *machine, _ []Op, x Op) Op { return m.round(x, 1) }),
	cheap("ceil", "", func(m *machine, _ []Op, x Op) Op { return m.round(x, 2) }),
	cheap("round", "", func(m *machine, _ []Op, x Op) Op { return m.round(x, 0) }),
	cheap("relu", "", func(m *machine, _ []Op, x Op) Op { return m.max(m.num(0), x) }),
	cheap("clip", "low high", func(m *machine, a []Op, x Op) Op { return m.clamp(x, a[0], a[1]) }),
	cheap("leakyRelu", "alpha", func(m *machine, a []Op, x Op) Op {
		return m.pick(m.compare(cmpLT, x, m.num(0)), m.mul(x, a[0]), x)
	}),
	cheap("hardSigmoid", "alpha beta", func(m *machine, a []Op, x Op) Op { return m.hardSigmoid(x, a[0], a[1]) }),
	cheap("hardSwish", "", func(m *machine, _ []Op, x Op) Op {
		return m.mul(x, m.hardSigmoid(x, m.num(1.0/6), m.num(0.5)))
	}),
	cheap("softsign", "", func(m *machine, _ []Op, x Op) Op { return m.div(x, m.addc(m.abs(x), 1)) }),

	costly("exp", "", func(m *machine, _ []Op) func(x Op) Op { return newExponential(m).of }),
	costly("log", "", func(m *machine, _ []Op) func(x Op) Op { return newLogarithm(m).of }),
	costly("sigmoid", "", func(m *machine, _ []Op) func(x Op) Op { return sigmoid(m) }),
	costly("tanh", "", func(m *machine, _ []Op) func(x Op) Op { return tanh(m) }),
	costly("erf", "", func(m *machine, _ []Op) func(x Op) Op { return erf(m) }),
	costly("swish", "alpha", func(m *machine, a []Op) func(x Op) Op {
		s := sigmoid(m)
		return func(x Op) Op { return m.mul(x, s(m.mul(x, a[0]))) }
	}),
	costly("gelu", "", func(m *machine, _ []Op) func(x Op) Op {
		erfc, zero := erfcAbs(m), m.num(0)
		return func(x Op) Op {
			tail := erfc(m.mulc(x, math.Sqrt2/2))
			body := m.sub(m.num(2), tail)
			twice := m.pick(m.compare(cmpLT, x, zero), tail, body)
			return m.mul(m.mulc(x, 0.5), twice)
		}
	}),
	costly("geluTanh", "", func(m *machine, _ []Op) func(x Op) Op {
		s := sigmoid(m)
		return func(x Op) Op {
			// (1 + tanh(u)) / 2 is the sigmoid of 2u.
			inner := m.mulc(m.mul(x, x), 0.044715)
			u := m.mul(m.mulc(x, 2*math.Sqrt2/math.SqrtPi), m.addc(inner, 1))
			return m.mul(x, s(u))
		}
	}),
	costly("softplus", "", func(m *machine, _ []Op) func(x Op) Op {
		exp, zero := newExponential(m), m.num(0)
		return func(x Op) Op {
			e := exp.of(m.or(x, 0x80000000))
			return m.add(m.max(zero, x), m.log1p(e))
		}
	}),
	costly("mish", "", func(m *machine, _ []Op) func(x Op) Op {
		exp, zero := newExponential(m), m.num(0)
		return func(x Op) Op {
			// tanh(log(1+t)) is ((1+t)^2-1)/((1+t)^2+1), here in e = e^-|x|, which is t
			// below 0 and 1/t above.
			e := exp.of(m.or(x, 0x80000000))
			ee := m.mul(e, e)
			negative := m.compare(cmpLT, x, zero)
			n := m.pick(negative, ee, m.num(1))
			m.addToc(n, e, 2)
			d := m.add(n, m.pick(negative, m.num(2), m.add(ee, ee)))
			return m.mul(x, m.div(n, d))
		}
	}),
	costly("elu", "alpha", func(m *machine, a []Op) func(x Op) Op {
		low, zero := m.num(-40), m.num(0)
		return func(x Op) Op {
			below := m.mul(a[0], m.expm1(m.min(zero, x), low))
			return m.pick(m.compare(cmpLT, x, zero), below, x)
		}
	}),

	fusedSum("sum", []string{"x"}, func(m *machine, acc Op, in []Op) { m.addInto(acc, in[0]) }),
	fusedSum("sumSquares", []string{"x"}, func(m *machine, acc Op, in []Op) { m.addTo(acc, in[0], in[0]) }),
	fusedSum("sumAbs", []string{"x"}, func(m *machine, acc Op, in []Op) { m.addInto(acc, m.abs(in[0])) }),
	fusedSum("dot", []string{"a", "b"}, func(m *machine, acc Op, in []Op) { m.addTo(acc, in[0], in[1]) }),
	{name: "sumSquaredDiff", ins: []string{"x"}, args: []string{"mean"}, reduce: true, unroll: 4,
		kernel: func(m *machine, a []Op) kernel {
			return kernel{sum: &reduction{combine: m.addInto, value: func(in []Op, _ Op) Op {
				d := m.sub(in[0], a[0])
				return m.mul(d, d)
			}}}
		}},
	{name: "sumExp", ins: []string{"x"}, args: []string{"top"}, reduce: true, unroll: 2,
		kernel: func(m *machine, a []Op) kernel {
			exp := newExponential(m)
			return kernel{sum: &reduction{combine: m.addInto, value: func(in []Op, _ Op) Op {
				return exp.of(m.sub(in[0], a[0]))
			}}}
		}},
	{name: "expAndSum", ins: []string{"x"}, out: true, args: []string{"top"}, reduce: true, unroll: 2,
		kernel: func(m *machine, a []Op) kernel {
			exp := newExponential(m)
			return kernel{
				out: func(in []Op) Op { return exp.of(m.sub(in[0], a[0])) },
				sum: &reduction{combine: m.addInto, value: func(_ []Op, out Op) Op { return out }},
			}
		}},
	extreme("maxOf", math.Inf(-1), func(m *machine, acc, v Op) { m.keepMax(acc, v) }),
	extreme("minOf", math.Inf(1), func(m *machine, acc, v Op) { m.keepMin(acc, v) }),
}

func binary(name string, f func(m *machine, a, b Op) Op) *op {
	return &op{name: name, ins: []string{"a", "b"}, out: true, unroll: 4, narrow: true,
		kernel: func(m *machine, _ []Op) kernel {
			return kernel{out: func(in []Op) Op { return f(m, in[0], in[1]) }}
		}}
}

// cheap is an op that memory bounds: four vectors a turn, AVX2 only.
func cheap(name, args string, f func(m *machine, args []Op, x Op) Op) *op {
	return &op{name: name, ins: []string{"x"}, out: true, args: strings.Fields(args), unroll: 4, narrow: true,
		kernel: func(m *machine, a []Op) kernel {
			return kernel{out: func(in []Op) Op { return f(m, a, in[0]) }}
		}}
}

// costly is an op that arithmetic bounds.
func costly(name, args string, f func(m *machine, args []Op) func(x Op) Op) *op {
	return &op{name: name, ins: []string{"x"}, out: true, args: strings.Fields(args), unroll: 2,
		kernel: func(m *machine, a []Op) kernel {
			g := f(m, a)
			return kernel{out: func(in []Op) Op { return g(in[0]) }}
		}}
}

// fusedSum is a sum in which zero changes nothing.
func fusedSum(name string, ins []string, f func(m *machine, acc Op, in []Op)) *op {
	return &op{name: name, ins: ins, reduce: true, unroll: 4, kernel: func(m *machine, _ []Op) kernel {
		return kernel{sum: &reduction{combine: m.addInto, fused: func(acc Op, in []Op) { f(m, acc, in) }}}
	}}
}

// extreme is the largest or smallest of a row; one that is no number wins.
func extreme(name string, neutral float64, keep func(m *machine, acc, v Op)) *op {
	return &op{name: name, ins: []string{"x"}, reduce: true, unroll: 4, kernel: func(m *machine, _ []Op) kernel {
		return kernel{sum: &reduction{
			neutral: f32(neutral),
			value:   func(in []Op, _ Op) Op { return in[0] },
			combine: func(acc, v Op) { keep(m, acc, v) },
		}}
	}}
}

func (m *machine) hardSigmoid(x, alpha, beta Op) Op {
	return m.clamp(m.mulAdd(x, alpha, beta), m.num(0), m.num(1))
}
