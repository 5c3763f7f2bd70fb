package main

import (
	"fmt"
	"math"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
)

// pooling is what a kernel like those of depthwise convolutions does instead of
// multiplying by weights: it takes the largest of what each window sees, or the sum.
type pooling struct {
	name    string
	start   float64 // what is taken of nothing, and in the place of padding
	combine func(m *machine, a, b Op) Op
}

var poolings = []*pooling{
	{"Max", math.Inf(-1), (*machine).max},
	{"Sum", 0, (*machine).add},
}

// poolingShapes are the kernels that there are, by machine.
func poolingShapes(f func(p *pooling, m *machine, size, stride int)) {
	for _, p := range poolings {
		for _, m := range []*machine{avx512, avx2} {
			f(p, m, 2, 2)
			f(p, m, 3, 1)
			f(p, m, 3, 2)
		}
	}
}

func poolingName(p *pooling, m *machine, size, stride, rows int) string {
	return fmt.Sprintf("pool%s%dStride%dRows%d%s", p.name, size, stride, rows, m.name)
}

// emitPooling writes the kernels that pool. They know nothing of NaN but that they
// have seen one, where that matters.
func emitPooling() {
	poolingShapes(func(p *pooling, m *machine, size, stride int) {
		for rows := 1; rows <= depthwiseRows; rows++ {
			d := &depthwise{m: m, size: size, stride: stride, rows: rows, pool: p}
			TEXT(poolingName(p, m, size, stride, rows), attr.NOSPLIT, "func(args *byte)")
			Pragma("noescape")
			d.body()
		}
	})
}

// seesNaN says whether NaN needs to be told.
func (d *depthwise) seesNaN() bool { return d.pool != nil && d.pool.name == "Max" }

// clearNaN readies what remembers that a NaN was seen.
func (d *depthwise) clearNaN() {
	if d.seesNaN() {
		d.nan = d.m.bcast(0)
	}
}

// noteNaN sets the lanes of d.nan in which a or b is no number to something but 0.
func (d *depthwise) noteNaN(a, b Op) {
	if !d.seesNaN() {
		return
	}
	found := d.m.compare(cmpUnord, a, b)
	if d.m.wide {
		VMOVAPS(d.padding, found, d.nan)
	} else {
		VORPS(found, d.nan, d.nan)
	}
}

// tellNaN sets bits of the arguments if one was seen.
func (d *depthwise) tellNaN() {
	if !d.seesNaN() {
		return
	}
	bits := GP32()
	if d.m.wide {
		lanes := K()
		VPTESTMD(d.nan, d.nan, lanes)
		KMOVW(lanes, bits)
	} else {
		VMOVMSKPS(d.nan, bits)
	}
	ORL(bits, Mem{Base: d.args, Disp: argNaN})
}

// loadPadded loads vector v of a row, with what padding counts as in the lanes that are
// not in the input. AVX2 has too few registers to keep masks.
func (d *depthwise) loadPadded(from Mem, v int) Op {
	if d.m.wide {
		if d.pool.start == 0 {
			return d.m.loadMasked(from, d.masks[v])
		}
		x := d.m.copy(d.padding)
		VMOVUPS(from, d.masks[v], x)
		return x
	}
	mask := YMM()
	VMOVUPS(Mem{Base: d.masksAt, Disp: 32 * v}, mask)
	x := d.m.loadMasked(from, mask)
	if d.pool.start == 0 {
		return x
	}
	return d.m.pick(mask, x, d.padding)
}

// meet combines what all taps see of row i, once for each row of output that meets it.
func (d *depthwise) meet(i int) {
	for r, acc := range d.acc {
		if kh := i - r*d.stride; kh >= 0 && kh < d.size {
			VMOVAPS(d.pool.combine(d.m, d.across, acc), acc)
		}
	}
}

// along combines what tap kw sees with the taps before.
func (d *depthwise) along(kw int, x Op) {
	switch {
	case kw == 0:
		d.across = x
		return
	case kw == 1:
		d.noteNaN(d.across, x)
	default:
		d.noteNaN(x, x)
	}
	d.across = d.pool.combine(d.m, d.across, x)
}

// poolingTables is the Go text of the kernels' tables.
func poolingTables() string {
	var b strings.Builder
	poolingShapes(func(p *pooling, m *machine, size, stride int) {
		var names []string
		for rows := 1; rows <= depthwiseRows; rows++ {
			names = append(names, poolingName(p, m, size, stride, rows))
		}
		table := fmt.Sprintf("pool%s%dStride%d%s", p.name, size, stride, m.name)
		fmt.Fprintf(&b, "\n// %s are the kernels by rows of output, less one.\nvar %s = [depthwiseRows]depthwiseFunc{%s}\n", table, table, strings.Join(names, ", "))
	})
	return b.String()
}
