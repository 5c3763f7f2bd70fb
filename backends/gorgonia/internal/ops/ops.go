// Package ops is the operators of ONNX, a file for each family. How they are written
// is said in package op.
package ops

import (
	"cmp"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
)

// Table finds operators. It does not change once it is made.
type Table struct {
	byName map[name][]*op.Spec // by Since, latest first
}

type name struct{ domain, name string }

// families are the tables of all files.
func families() [][]op.Spec {
	return [][]op.Spec{
		arithmetics(),
		attentions(),
		blockQuantizers(),
		byteRecurrents(),
		casts(),
		comparisons(),
		concats(),
		constants(),
		convolutions(),
		deformables(),
		einsums(),
		fused(),
		fusedAttentions(),
		encoders(),
		gathers(),
		generators(),
		images(),
		intConvolutions(),
		intMatMuls(),
		layouts(),
		learners(),
		loops(),
		losses(),
		matmuls(),
		microsoftOthers(),
		microsofts(),
		normalizations(),
		optionals(),
		pads(),
		poolings(),
		qLinears(),
		quantizers(),
		randoms(),
		recurrents(),
		reductions(),
		resizes(),
		samplings(),
		scaledMatMuls(),
		scatters(),
		selections(),
		sequences(),
		signals(),
		skipNormalizations(),
		slicings(),
		softmaxes(),
		streams(),
		texts(),
		trainers(),
		transposed(),
		transposes(),
		trees(),
		unaries(),
		vectorMachines(),
		views(),
	}
}

// New makes the table of all operators.
func New() *Table {
	t := &Table{byName: map[name][]*op.Spec{}}
	for _, specs := range families() {
		for i := range specs {
			t.add(&specs[i])
		}
	}
	return t
}

func (t *Table) add(s *op.Spec) {
	k := name{s.Domain, s.Name}
	list := append(t.byName[k], s)
	for i := len(list) - 1; i > 0 && list[i].Since > list[i-1].Since; i-- {
		list[i], list[i-1] = list[i-1], list[i]
	}
	t.byName[k] = list
}

// Lookup finds the semantics of an operator in a version of its set, or nil.
func (t *Table) Lookup(domain, operator string, version int) *op.Spec {
	for _, s := range t.byName[name{domain, operator}] {
		if s.Since <= version {
			return s
		}
	}
	return nil
}

// Names lists the operators of a domain.
func (t *Table) Names(domain string) []string {
	var names []string
	for k := range t.byName {
		if k.domain == domain {
			names = append(names, k.name)
		}
	}
	return names
}

// All lists the semantics of all operators, in the order of their domains, names and
// versions.
func All() []*op.Spec {
	var all []*op.Spec
	for _, specs := range families() {
		for i := range specs {
			all = append(all, &specs[i])
		}
	}
	slices.SortFunc(all, func(a, b *op.Spec) int {
		return cmp.Or(cmp.Compare(a.Domain, b.Domain), cmp.Compare(a.Name, b.Name), cmp.Compare(a.Since, b.Since))
	})
	return all
}
