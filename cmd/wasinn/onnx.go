package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/wasinn/wasinn/backends"
)

// onnxModel is what wasinn inspect tells of an ONNX file without an engine.
//
// See https://github.com/onnx/onnx/blob/main/onnx/onnx.proto3
type onnxModel struct {
	ir              uint64
	producer, graph string
	opsets          []string // such as "ai.onnx 17"
	inputs, outputs []tensorRow
	initializers    int
	constants       map[string]bool // names of initializers, which older files list as inputs too
	operators       map[string]int
	nodes           int
}

// message reads the fields of one protobuf message.
//
// See https://protobuf.dev/programming-guides/encoding/
type message struct{ b []byte }

// wire types.
const (
	wireVarint = 0
	wireI64    = 1
	wireBytes  = 2
	wireI32    = 5
)

var errCut = errors.New("the file ends in the middle of a field")

func (m *message) varint() (uint64, error) {
	var v uint64
	for shift := 0; shift < 64; shift += 7 {
		if len(m.b) == 0 {
			return 0, errCut
		}
		c := m.b[0]
		m.b = m.b[1:]
		v |= uint64(c&0x7f) << shift
		if c < 0x80 {
			return v, nil
		}
	}
	return 0, errors.New("a number has more than 10 bytes")
}

// fields calls f with every field: its number, and its value as a number or, for
// strings and messages, as bytes.
func fields(b []byte, f func(number int, v uint64, data []byte) error) error {
	m := message{b}
	for len(m.b) > 0 {
		key, err := m.varint()
		if err != nil {
			return err
		}
		if key>>3 == 0 || key>>3 > math.MaxInt32 {
			return fmt.Errorf("%d is no field number", key>>3)
		}
		var v uint64
		var data []byte
		skip := uint64(0)
		switch key & 7 {
		case wireVarint:
			v, err = m.varint()
		case wireI64:
			skip = 8
		case wireI32:
			skip = 4
		case wireBytes:
			var n uint64
			if n, err = m.varint(); err == nil && n <= uint64(len(m.b)) {
				data = m.b[:n]
			}
			skip = n
		default:
			return fmt.Errorf("%d is no wire type of protobuf", key&7)
		}
		if err == nil && skip > uint64(len(m.b)) {
			err = errCut
		}
		if err == nil {
			m.b = m.b[skip:]
			err = f(int(key>>3), v, data)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func readONNX(b []byte) (*onnxModel, error) {
	m := &onnxModel{constants: map[string]bool{}, operators: map[string]int{}}
	err := fields(b, func(n int, v uint64, data []byte) error {
		switch n {
		case 1:
			m.ir = v
		case 2:
			m.producer = clip(data)
		case 7:
			return m.readGraph(data)
		case 8:
			return m.readOpset(data)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	m.inputs = slices.DeleteFunc(m.inputs, func(t tensorRow) bool { return m.constants[t.Name] })
	return m, nil
}

func (m *onnxModel) readOpset(b []byte) error {
	domain, version := "", uint64(0)
	err := fields(b, func(n int, v uint64, data []byte) error {
		switch n {
		case 1:
			domain = clip(data)
		case 2:
			version = v
		}
		return nil
	})
	m.opsets = append(m.opsets, fmt.Sprintf("%s %d", cmp.Or(domain, "ai.onnx"), version))
	return err
}

func (m *onnxModel) readGraph(b []byte) error {
	return fields(b, func(n int, v uint64, data []byte) (err error) {
		switch n {
		case 1:
			err = m.readNode(data)
		case 2:
			m.graph = clip(data)
		case 5:
			m.initializers++
			err = fields(data, func(n int, _ uint64, name []byte) error {
				if n == 8 {
					m.constants[clip(name)] = true
				}
				return nil
			})
		case 11, 12:
			var t tensorRow
			if t, err = readValueInfo(data); n == 11 {
				m.inputs = append(m.inputs, t)
			} else {
				m.outputs = append(m.outputs, t)
			}
		}
		return err
	})
}

func (m *onnxModel) readNode(b []byte) error {
	op, domain := "", ""
	err := fields(b, func(n int, _ uint64, data []byte) error {
		switch n {
		case 4:
			op = clip(data)
		case 7:
			domain = clip(data)
		}
		return nil
	})
	if domain != "" && domain != "ai.onnx" {
		op = domain + "." + op
	}
	m.nodes++
	m.operators[op]++
	return err
}

// readValueInfo reads name and type of an input or output.
func readValueInfo(b []byte) (tensorRow, error) {
	var t tensorRow
	err := fields(b, func(n int, _ uint64, data []byte) error {
		switch n {
		case 1:
			t.Name = clip(data)
		case 2:
			return fields(data, func(n int, _ uint64, data []byte) error {
				if n != 1 { // sequences, maps and the like
					t.Type = "no tensor"
					return nil
				}
				return t.readTensorType(data)
			})
		}
		return nil
	})
	return t, err
}

func (t *tensorRow) readTensorType(b []byte) error {
	return fields(b, func(n int, v uint64, data []byte) error {
		switch n {
		case 1:
			t.Type = "unknown"
			if v <= math.MaxUint8 {
				t.Type = backends.ElementType(v).String()
			}
		case 2:
			t.Dims = []int64{}
			return fields(data, func(n int, _ uint64, dim []byte) error {
				if n != 1 {
					return nil
				}
				size, symbol := int64(-1), ""
				err := fields(dim, func(n int, v uint64, name []byte) error {
					switch n {
					case 1:
						size = int64(v)
					case 2:
						symbol = clip(name)
					}
					return nil
				})
				t.Dims = append(t.Dims, size)
				t.Symbols = append(t.Symbols, symbol)
				return err
			})
		}
		return nil
	})
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
			fmt.Fprintf(t, "%s %d\t%s  %s  %s\n", list.what, i, row.Name, row.Type, row.dims())
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
