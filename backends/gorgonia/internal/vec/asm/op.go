package main

import (
	"fmt"
	"strings"

	"github.com/mmcloughlin/avo/attr"
	. "github.com/mmcloughlin/avo/build"
	. "github.com/mmcloughlin/avo/operand"
	"github.com/mmcloughlin/avo/reg"
)

// An op is one function over rows of float32, element by element.
type op struct {
	name   string   // as in Go, in lower case
	ins    []string // rows that are read
	out    bool     // whether a row dst is written
	args   []string // numbers that hold for the whole row
	unroll int      // vectors in one turn of the loop
	narrow bool     // AVX2 only: measured, AVX-512 gains nothing
	reduce bool     // whether the result is one number
	kernel func(m *machine, args []Op) kernel
}

// A kernel is what an op does, its constants already in registers.
type kernel struct {
	// out is the vector to store, of the vectors loaded.
	out func(in []Op) Op
	// sum makes the op a reduction; out, if any, is passed to it.
	sum *reduction
}

// A reduction combines all elements of the row to one number.
type reduction struct {
	neutral uint32
	value   func(in []Op, out Op) Op
	combine func(acc, v Op)
	// fused does value and combine at once; the lanes behind a row's end read as zero,
	// and must change nothing.
	fused func(acc Op, in []Op)
}

func (o *op) machines() []*machine {
	if o.narrow {
		return []*machine{avx2}
	}
	return []*machine{avx2, avx512}
}

// rows are the names of the rows, dst first.
func (o *op) rows() []string {
	if o.out {
		return append([]string{"dst"}, o.ins...)
	}
	return o.ins
}

func (o *op) signature() string {
	s := "func(" + strings.Join(o.rows(), ", ") + " *float32, n int"
	if len(o.args) > 0 {
		s += ", " + strings.Join(o.args, ", ") + " float32"
	}
	s += ")"
	if o.reduce {
		s += " float32"
	}
	return s
}

// emit writes the op for one machine: a loop of unroll vectors, one of single
// vectors, and a masked rest.
func (o *op) emit(m *machine) {
	TEXT(o.name+m.name, attr.NOSPLIT, o.signature())
	Pragma("noescape")
	pointers := map[string]reg.Register{}
	for _, r := range o.rows() {
		pointers[r] = Load(Param(r), GP64())
	}
	n := Load(Param("n"), GP64())
	var args []Op
	for _, a := range o.args {
		r := m.reg()
		c, err := Param(a).Resolve()
		if err != nil {
			panic(err)
		}
		VBROADCASTSS(c.Addr, r)
		args = append(args, r)
	}
	k := o.kernel(m, args)
	if (k.sum != nil) != o.reduce {
		panic(o.name + ": reduce does not agree with the kernel")
	}
	var accs []Op
	if k.sum != nil {
		for range o.unroll {
			accs = append(accs, m.bcast(k.sum.neutral))
		}
	}
	index := GP64()
	XORQ(index, index)
	at := func(row string, vector int) Mem {
		return Mem{Base: pointers[row], Index: index, Scale: 1, Disp: vector * m.bytes()}
	}
	turn := func(vectors int) {
		for v := range vectors {
			var in []Op
			for _, r := range o.ins {
				x := m.reg()
				VMOVUPS(at(r, v), x)
				in = append(in, x)
			}
			var out Op
			if k.out != nil {
				out = k.out(in)
				VMOVUPS(out, at("dst", v))
			}
			if k.sum == nil {
				continue
			}
			if k.sum.fused != nil {
				k.sum.fused(accs[v], in)
			} else {
				k.sum.combine(accs[v], k.sum.value(in, out))
			}
		}
		ADDQ(U32(vectors*m.bytes()), index)
		SUBQ(U32(vectors*m.lanes), n)
	}
	if o.unroll > 1 {
		Label("many")
		CMPQ(n, U32(o.unroll*m.lanes))
		JLT(LabelRef("one"))
		turn(o.unroll)
		JMP(LabelRef("many"))
	}
	Label("one")
	CMPQ(n, U8(m.lanes))
	JLT(LabelRef("rest"))
	turn(1)
	JMP(LabelRef("one"))

	Label("rest")
	TESTQ(n, n)
	JE(LabelRef("done"))
	mask := m.tailMask(n)
	var in []Op
	for _, r := range o.ins {
		in = append(in, m.loadMasked(at(r, 0), mask))
	}
	var out Op
	if k.out != nil {
		out = k.out(in)
		m.storeMasked(out, mask, at("dst", 0))
	}
	if k.sum != nil {
		if k.sum.fused != nil {
			k.sum.fused(accs[0], in)
		} else {
			v := m.pick(mask, k.sum.value(in, out), m.bcast(k.sum.neutral))
			k.sum.combine(accs[0], v)
		}
	}
	Label("done")
	if k.sum != nil {
		// Pairs, so that the order of adding is that of a tree.
		for step := 1; step < len(accs); step *= 2 {
			for i := 0; i+step < len(accs); i += 2 * step {
				k.sum.combine(accs[i], accs[i+step])
			}
		}
		m.fold(accs[0], k.sum.combine)
		r, err := ReturnIndex(0).Resolve()
		if err != nil {
			panic(err)
		}
		VMOVSS(lane0(accs[0]), r.Addr)
	}
	VZEROUPPER()
	RET()
}

// call is the Go text that calls the op's version for a machine, and says so.
func (o *op) call(m *machine) string {
	var a []string
	for _, r := range o.rows() {
		a = append(a, "unsafe.SliceData("+r+")")
	}
	a = append(a, "len("+o.rows()[0]+")")
	a = append(a, o.args...)
	c := o.name + m.name + "(" + strings.Join(a, ", ") + ")"
	if o.reduce {
		return "return " + c + ", true"
	}
	return c + "\n\t\treturn true"
}

// dispatchAMD64 is the Go text that picks a version of each op by the level.
func dispatchAMD64() string {
	var b strings.Builder
	b.WriteString(header("!purego"))
	for _, o := range ops {
		o.describe(&b)
		no := "return false"
		if o.reduce {
			no = "return 0, false"
		}
		if o.narrow {
			fmt.Fprintf(&b, " {\n\tif level >= levelAVX2 {\n\t\t%s\n\t}\n\t%s\n}\n", o.call(avx2), no)
		} else {
			fmt.Fprintf(&b, " {\n\tswitch level {\n\tcase levelAVX512:\n\t\t%s\n\tcase levelAVX2:\n\t\t%s\n\t}\n\t%s\n}\n", o.call(avx512), o.call(avx2), no)
		}
	}
	return strings.Replace(b.String(), "package vec\n", "package vec\n\nimport \"unsafe\"\n", 1)
}

// dispatchOther is the same for machines without assembly: each name says no.
func dispatchOther() string {
	var b strings.Builder
	b.WriteString(header("!(amd64 || arm64) || purego"))
	for _, o := range ops {
		o.describe(&b)
		if o.reduce {
			b.WriteString(" { return 0, false }\n")
		} else {
			b.WriteString(" { return false }\n")
		}
	}
	return b.String()
}

func header(constraint string) string {
	return "// Code generated by command: go generate. DO NOT EDIT.\n\n//go:build " + constraint + "\n\npackage vec\n"
}

func (o *op) describe(b *strings.Builder) {
	result := "bool"
	if o.reduce {
		result = "(float32, bool)"
	}
	args := ""
	if len(o.args) > 0 {
		args = ", " + strings.Join(o.args, ", ") + " float32"
	}
	fmt.Fprintf(b, "\nfunc %sAsm(%s []float32%s) %s", o.name, strings.Join(o.rows(), ", "), args, result)
}
