package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxdata"
)

// onnxModel is what wasinn inspect tells of an ONNX file without an engine.
type onnxModel struct {
	ir              int64
	producer, graph string
	opsets          []string // such as "ai.onnx 17"
	inputs, outputs []tensorRow
	initializers    int
	operators       map[string]int
	nodes           int
}

func readONNX(b []byte) (*onnxModel, error) {
	about, err := onnxdata.Describe(b)
	if err != nil {
		return nil, err
	}
	nodes, err := onnxdata.Nodes(b)
	if err != nil {
		return nil, err
	}
	symbols, err := onnxdata.Symbols(b)
	if err != nil {
		return nil, err
	}
	m := &onnxModel{
		ir: about.IRVersion, producer: clip([]byte(about.Producer)), graph: clip([]byte(about.Name)),
		initializers: len(about.Initialized), operators: map[string]int{}, nodes: len(nodes),
	}
	for _, domain := range slices.Sorted(maps.Keys(about.Opsets)) {
		m.opsets = append(m.opsets, fmt.Sprintf("%s %d", clip([]byte(cmp.Or(domain, "ai.onnx"))), about.Opsets[domain]))
	}
	for _, n := range nodes {
		op := n.Op
		if n.Domain != "" {
			op = n.Domain + "." + op
		}
		m.operators[clip([]byte(op))]++
	}
	for _, in := range about.Inputs {
		if !about.Initialized[in.Name] { // which older files list as inputs too
			m.inputs = append(m.inputs, infoRow(in, symbols))
		}
	}
	for _, out := range about.Outputs {
		m.outputs = append(m.outputs, infoRow(out, symbols))
	}
	return m, nil
}

// infoRow is an input or output as inspect shows it.
func infoRow(v backends.ValueInfo, symbols map[string][]string) tensorRow {
	row := tensorRow{Name: clip([]byte(v.Name)), Type: v.Type.String(), Dims: v.Dims, Symbols: symbolsOf(v.Name, symbols)}
	switch {
	case v.Kind == 0:
		row.Type = "of a type that is not said, or not known"
	case v.Kind != backends.TensorKind:
		row.Type = v.ValueType.String()
	}
	return row
}

// clip makes a name printable and no longer than a line.
func clip(b []byte) string {
	s := strings.ToValidUTF8(string(b[:min(len(b), 200)]), "?")
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return '?'
		}
		return r
	}, s)
}

func (m *onnxModel) write(w io.Writer) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "format\tONNX, IR version %d\n", m.ir)
	if m.producer != "" {
		fmt.Fprintf(t, "producer\t%s\n", m.producer)
	}
	fmt.Fprintf(t, "opsets\t%s\ngraph\t%s\n", strings.Join(m.opsets, ", "), m.graph)
	for _, list := range []struct {
		what string
		rows []tensorRow
	}{{"input", m.inputs}, {"output", m.outputs}} {
		for i, row := range list.rows {
			fmt.Fprintf(t, "%s %d\t%s  %s\n", list.what, i, row.Name, row.text())
		}
	}
	fmt.Fprintf(t, "weights\t%d tensors\nnodes\t%d\n", m.initializers, m.nodes)
	names := slices.SortedFunc(maps.Keys(m.operators), func(a, b string) int {
		return cmp.Or(m.operators[b]-m.operators[a], strings.Compare(a, b))
	})
	for _, name := range names {
		fmt.Fprintf(t, "  %s\t%d\n", name, m.operators[name])
	}
	return t.Flush()
}
