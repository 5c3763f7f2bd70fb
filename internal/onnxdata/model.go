package onnxdata

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends"
)

// Model is what a runner of test cases wants to know of a model.
type Model struct {
	// IRVersion is the version of the file format.
	IRVersion int64
	// Producer is the tool that made the file, Name what the graph is called; both may be
	// empty.
	Producer, Name string
	// Opsets are the versions of the operators' domains; ONNX's own is "".
	Opsets map[string]int64
	// Inputs and Outputs of the graph, in its order. A Kind of 0 is one that
	// package backends has no values of, such as a sparse tensor.
	Inputs, Outputs []backends.ValueInfo
	// Initialized are the names that have a default: an input of such a name may
	// be left out.
	Initialized map[string]bool
	// Operators are the operators in the graph itself, in its order and each
	// once; Nested those that are only in its subgraphs and in functions. Those
	// of other domains than ONNX's own have it before a dot.
	Operators, Nested []string

	seen map[opAt]bool
}

// opAt is an operator in the graph itself or nested.
type opAt struct {
	op     string
	nested bool
}

// Describe reads a model. It does not check more than it reads.
func Describe(b []byte) (*Model, error) {
	m := &Model{Opsets: map[string]int64{}, Initialized: map[string]bool{}, seen: map[opAt]bool{}}
	graphs := 0
	err := each(b, func(f field) error {
		switch f.num {
		case 1:
			m.IRVersion = int64(f.number)
		case 2:
			m.Producer = string(f.body)
		case 7:
			graphs++
			return m.graph(f, 0)
		case 8:
			return m.opset(f)
		case 25:
			return m.nodes(f, 7, 1)
		}
		return nil
	})
	if err == nil && graphs != 1 {
		err = fmt.Errorf("%d graphs, expected 1", graphs)
	}
	if err != nil {
		return nil, fmt.Errorf("ModelProto: %w", err)
	}
	m.Nested = slices.DeleteFunc(m.Nested, func(op string) bool { return m.seen[opAt{op, false}] })
	m.seen = nil
	return m, nil
}

// domain writes ONNX's own domain as "".
func domain(name string) string {
	if name == "ai.onnx" {
		return ""
	}
	return name
}

func (m *Model) opset(f field) error {
	name, version := "", int64(0)
	body, err := f.message()
	if err != nil {
		return err
	}
	err = each(body, func(f field) error {
		switch f.num {
		case 1:
			name = string(f.body)
		case 2:
			version = int64(f.number)
		}
		return nil
	})
	m.Opsets[domain(name)] = version
	return err
}

// graph reads a GraphProto; depth is 0 for the model's own.
func (m *Model) graph(f field, depth int) error {
	if err := m.nodes(f, 1, depth); err != nil || depth > 0 {
		return err
	}
	return each(f.body, func(f field) (err error) {
		switch f.num {
		case 2:
			m.Name = string(f.body)
		case 5:
			return m.initializer(f)
		case 11:
			m.Inputs, err = appendInfo(m.Inputs, f)
		case 12:
			m.Outputs, err = appendInfo(m.Outputs, f)
		}
		return err
	})
}

func (m *Model) initializer(f field) error {
	body, err := f.message()
	if err != nil {
		return err
	}
	return each(body, func(f field) error {
		if f.num == 8 {
			m.Initialized[string(f.body)] = true
		}
		return nil
	})
}

// nodes takes down the operators of the nodes that field num of a graph or a
// function holds.
func (m *Model) nodes(f field, num uint64, depth int) error {
	if depth > maxDepth {
		return fmt.Errorf("graphs are nested more than %d deep", maxDepth)
	}
	body, err := f.message()
	if err != nil {
		return err
	}
	return each(body, func(f field) error {
		if f.num != num {
			return nil
		}
		return m.node(f, depth)
	})
}

func (m *Model) node(f field, depth int) error {
	body, err := f.message()
	if err != nil {
		return err
	}
	op, dom := "", ""
	err = each(body, func(f field) error {
		switch f.num {
		case 4:
			op = string(f.body)
		case 5:
			return m.attribute(f, depth)
		case 7:
			dom = domain(string(f.body))
		}
		return nil
	})
	if dom != "" {
		op = dom + "." + op
	}
	if at := (opAt{op, depth > 0}); !m.seen[at] {
		m.seen[at] = true
		if at.nested {
			m.Nested = append(m.Nested, op)
		} else {
			m.Operators = append(m.Operators, op)
		}
	}
	return err
}

// attribute reads the subgraphs of an AttributeProto.
func (m *Model) attribute(f field, depth int) error {
	body, err := f.message()
	if err != nil {
		return err
	}
	return each(body, func(f field) error {
		if f.num == 6 || f.num == 11 {
			return m.graph(f, depth+1)
		}
		return nil
	})
}

// appendInfo reads a ValueInfoProto.
func appendInfo(infos []backends.ValueInfo, f field) ([]backends.ValueInfo, error) {
	var info backends.ValueInfo
	body, err := f.message()
	if err != nil {
		return nil, err
	}
	err = each(body, func(f field) (err error) {
		switch f.num {
		case 1:
			info.Name = string(f.body)
		case 2:
			info.ValueType, err = typeProto(f, 0)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("type of %q: %w", info.Name, err)
	}
	return append(infos, info), nil
}

// typeKinds are the fields of TypeProto.
var typeKinds = map[uint64]backends.Kind{1: backends.TensorKind, 4: backends.SequenceKind, 5: backends.MapKind, 9: backends.OptionalKind}

// typeProto reads a TypeProto.
func typeProto(f field, depth int) (ty backends.ValueType, err error) {
	if depth > backends.MaxValueDepth {
		return ty, fmt.Errorf("types are nested more than %d deep", backends.MaxValueDepth)
	}
	body, err := f.message()
	if err != nil {
		return ty, err
	}
	err = each(body, func(f field) error {
		kind, ok := typeKinds[f.num]
		if !ok {
			return nil
		}
		ty = backends.ValueType{Kind: kind, Unranked: kind == backends.TensorKind}
		return typeBody(f, &ty, depth)
	})
	return ty, err
}

// typeBody reads what is inside of a TypeProto.
func typeBody(f field, ty *backends.ValueType, depth int) error {
	body, err := f.message()
	if err != nil {
		return err
	}
	err = each(body, func(f field) error {
		switch {
		case f.num == 1 && (ty.Kind == backends.TensorKind || ty.Kind == backends.MapKind):
			if f.number > math.MaxUint8 {
				return fmt.Errorf("element type %d is not one of ONNX", f.number)
			}
			if ty.Kind == backends.MapKind {
				ty.Key = backends.ElementType(f.number)
			} else {
				ty.Type = backends.ElementType(f.number)
			}
		case f.num == 2 && ty.Kind == backends.TensorKind:
			return shape(f, ty)
		case f.num == 1 || f.num == 2 && ty.Kind == backends.MapKind:
			elem, err := typeProto(f, depth+1)
			ty.Elem = &elem
			return err
		}
		return nil
	})
	if err == nil && ty.Kind != backends.TensorKind && ty.Elem == nil {
		return errors.New("the type of its elements is missing")
	}
	return err
}

// shape reads a TensorShapeProto.
func shape(f field, ty *backends.ValueType) error {
	body, err := f.message()
	if err != nil {
		return err
	}
	ty.Unranked, ty.Dims = false, []int64{}
	return each(body, func(f field) error {
		if f.num != 1 {
			return nil
		}
		if len(ty.Dims) == backends.MaxRank {
			return fmt.Errorf("more than %d dimensions", backends.MaxRank)
		}
		size := int64(-1)
		body, err := f.message()
		if err != nil {
			return err
		}
		err = each(body, func(f field) error {
			if f.num == 1 && f.number <= math.MaxUint32 {
				size = int64(f.number)
			}
			return nil
		})
		ty.Dims = append(ty.Dims, size)
		return err
	})
}
