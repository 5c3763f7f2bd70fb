package onnx

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// maxDepth is how deep messages may be nested.
const maxDepth = 100

// field is one field of a message.
type field struct {
	num   protowire.Number
	typ   protowire.Type
	num64 uint64
	body  []byte
}

// fields calls visit for every field of a message.
func fields(b []byte, visit func(field) error) error {
	for len(b) > 0 {
		num, typ, n := protowire.ConsumeTag(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		f := field{num: num, typ: typ}
		switch typ {
		case protowire.VarintType:
			f.num64, n = protowire.ConsumeVarint(b)
		case protowire.Fixed32Type:
			var v uint32
			v, n = protowire.ConsumeFixed32(b)
			f.num64 = uint64(v)
		case protowire.Fixed64Type:
			f.num64, n = protowire.ConsumeFixed64(b)
		case protowire.BytesType:
			f.body, n = protowire.ConsumeBytes(b)
		default:
			n = protowire.ConsumeFieldValue(num, typ, b)
		}
		if n < 0 {
			return protowire.ParseError(n)
		}
		b = b[n:]
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// varints appends the values of a repeated integer field, packed or not.
func varints(f field, add func(uint64)) error {
	if f.typ != protowire.BytesType {
		add(f.num64)
		return nil
	}
	for b := f.body; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return protowire.ParseError(n)
		}
		add(v)
		b = b[n:]
	}
	return nil
}

// fixed appends the values of a repeated field of 4 or 8 bytes, packed or not.
func fixed(f field, size int, add func(uint64)) error {
	if f.typ != protowire.BytesType {
		add(f.num64)
		return nil
	}
	if len(f.body)%size != 0 {
		return errors.New("packed values have a length that is no multiple of their size")
	}
	for b := f.body; len(b) > 0; b = b[size:] {
		if size == 4 {
			add(uint64(binary.LittleEndian.Uint32(b)))
		} else {
			add(binary.LittleEndian.Uint64(b))
		}
	}
	return nil
}

// Decode reads a model. It keeps nothing of b. The error says where in the
// structure the fault is.
func Decode(b []byte) (*Model, error) {
	m := &Model{Opsets: map[string]int{}, Functions: map[FunctionID]*Function{}}
	d := decoder{}
	err := fields(b, func(f field) error {
		switch f.num {
		case 1:
			m.IRVersion = int64(f.num64)
		case 7:
			g, err := d.graph(f.body, 0)
			if err != nil {
				return fmt.Errorf("graph: %w", err)
			}
			m.Graph = g
		case 8:
			return opset(f.body, m.Opsets)
		case 25:
			fn, err := d.function(f.body)
			if err != nil {
				return fmt.Errorf("function: %w", err)
			}
			m.Functions[fn.ID] = fn
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	if m.Graph == nil {
		return nil, errors.New("there is no graph")
	}
	if _, ok := m.Opsets[""]; !ok && m.IRVersion < 3 {
		m.Opsets[""] = 1 // operator sets came with IR version 3
	}
	return m, nil
}

// decoder reads messages that nest.
type decoder struct {
	denseBytes int // of sparse tensors so far
}

// Domain is a domain's name as this package writes it: ai.onnx is "".
func Domain(name string) string {
	if name == "ai.onnx" {
		return ""
	}
	return name
}

func opset(b []byte, into map[string]int) error {
	domain, version := "", uint64(0)
	err := fields(b, func(f field) error {
		switch f.num {
		case 1:
			domain = Domain(string(f.body))
		case 2:
			version = f.num64
		}
		return nil
	})
	if err == nil && version > math.MaxInt32 {
		return fmt.Errorf("operator set %q has version %d", domain, int64(version))
	}
	into[domain] = int(version)
	return err
}

func (d *decoder) function(b []byte) (*Function, error) {
	fn := &Function{Opsets: map[string]int{}}
	err := fields(b, func(f field) error {
		switch f.num {
		case 1:
			fn.ID.Name = string(f.body)
		case 4:
			fn.Inputs = append(fn.Inputs, string(f.body))
		case 5:
			fn.Outputs = append(fn.Outputs, string(f.body))
		case 6:
			fn.Attributes = append(fn.Attributes, string(f.body))
		case 7:
			n, err := d.node(f.body, 0)
			if err != nil {
				return err
			}
			fn.Nodes = append(fn.Nodes, n)
		case 9:
			return opset(f.body, fn.Opsets)
		case 10:
			fn.ID.Domain = Domain(string(f.body))
		case 11:
			a, err := d.attribute(f.body, 0)
			if err != nil {
				return err
			}
			fn.Defaults = append(fn.Defaults, a)
		case 13:
			fn.ID.Overload = string(f.body)
		}
		return nil
	})
	for _, n := range fn.Nodes {
		n.Opsets = fn.Opsets
	}
	return fn, err
}

func (d *decoder) graph(b []byte, depth int) (*Graph, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("graphs are nested more than %d deep", maxDepth)
	}
	g := &Graph{Initializers: map[string]*Initializer{}}
	err := fields(b, func(f field) error {
		switch f.num {
		case 1:
			n, err := d.node(f.body, depth)
			if err != nil {
				return fmt.Errorf("node %d: %w", len(g.Nodes), err)
			}
			g.Nodes = append(g.Nodes, n)
		case 2:
			g.Name = string(f.body)
		case 5:
			return g.initializer(f.body)
		case 11, 12:
			v, err := valueInfo(f.body)
			if err != nil {
				return err
			}
			if f.num == 11 {
				g.Inputs = append(g.Inputs, v)
			} else {
				g.Outputs = append(g.Outputs, v)
			}
		case 15:
			return d.sparse(g, f.body)
		}
		return nil
	})
	return g, err
}

func (g *Graph) add(name string, in *Initializer) {
	if g.Initializers[name] == nil {
		g.Order = append(g.Order, name)
	}
	g.Initializers[name] = in
}

func (g *Graph) initializer(b []byte) error {
	p, err := parseTensor(b)
	if err != nil {
		return fmt.Errorf("initializer %q: %w", p.name, err)
	}
	if p.external {
		ext, err := p.externalData()
		if err != nil {
			return fmt.Errorf("initializer %q: %w", p.name, err)
		}
		g.add(p.name, &Initializer{External: ext})
		return nil
	}
	t, err := p.tensor()
	if err != nil {
		return fmt.Errorf("initializer %q: %w", p.name, err)
	}
	g.add(p.name, &Initializer{Tensor: t})
	return nil
}

// sparse reads a sparse initializer into a dense one.
func (d *decoder) sparse(g *Graph, b []byte) error {
	name, t, err := d.sparseTensor(b)
	if err != nil {
		return fmt.Errorf("sparse initializer %q: %w", name, err)
	}
	g.add(name, &Initializer{Tensor: t})
	return nil
}

func (d *decoder) node(b []byte, depth int) (*Node, error) {
	n := &Node{}
	err := fields(b, func(f field) error {
		switch f.num {
		case 1:
			n.Inputs = append(n.Inputs, string(f.body))
		case 2:
			n.Outputs = append(n.Outputs, string(f.body))
		case 3:
			n.Name = string(f.body)
		case 4:
			n.Op = string(f.body)
		case 5:
			a, err := d.attribute(f.body, depth)
			if err != nil {
				return fmt.Errorf("attribute: %w", err)
			}
			n.Attributes = append(n.Attributes, a)
		case 7:
			n.Domain = Domain(string(f.body))
		case 8:
			n.Overload = string(f.body)
		}
		return nil
	})
	return n, err
}

func (d *decoder) attribute(b []byte, depth int) (*Attribute, error) {
	a := &Attribute{}
	err := fields(b, func(f field) error {
		var err error
		switch f.num {
		case 1:
			a.Name = string(f.body)
		case 2:
			a.Float = math.Float32frombits(uint32(f.num64))
		case 3:
			a.Int = int64(f.num64)
		case 4:
			a.String = append([]byte{}, f.body...)
		case 5:
			a.Tensor, err = Tensor(f.body)
		case 6:
			a.Graph, err = d.graph(f.body, depth+1)
		case 7:
			err = fixed(f, 4, func(v uint64) { a.Floats = append(a.Floats, math.Float32frombits(uint32(v))) })
		case 8:
			err = varints(f, func(v uint64) { a.Ints = append(a.Ints, int64(v)) })
		case 9:
			a.Strings = append(a.Strings, append([]byte{}, f.body...))
		case 10:
			var t *tensor.Tensor
			t, err = Tensor(f.body)
			a.Tensors = append(a.Tensors, t)
		case 14:
			a.Value, err = typeProto(f.body, 0)
		case 20:
			a.Type = AttributeType(int32(f.num64))
		case 21:
			a.Ref = string(f.body)
		case 22:
			_, a.Tensor, err = d.sparseTensor(f.body)
		}
		return err
	})
	if a.Type == Undefined {
		a.Type = a.guess()
	}
	return a, err
}

// guess is the type of an attribute of IR version 1, which did not say it.
func (a *Attribute) guess() AttributeType {
	switch {
	case a.Graph != nil:
		return GraphAttr
	case a.Tensor != nil:
		return TensorAttr
	case len(a.Floats) > 0:
		return Floats
	case len(a.Ints) > 0:
		return Ints
	case len(a.Strings) > 0:
		return Strings
	case a.String != nil:
		return String
	case a.Float != 0:
		return Float
	case a.Int != 0:
		return Int
	}
	return Undefined
}

func valueInfo(b []byte) (*ValueInfo, error) {
	v := &ValueInfo{}
	err := fields(b, func(f field) error {
		var err error
		switch f.num {
		case 1:
			v.Name = string(f.body)
		case 2:
			v.Type, err = typeProto(f.body, 0)
		}
		return err
	})
	return v, err
}

func typeProto(b []byte, depth int) (*Type, error) {
	if depth > maxDepth {
		return nil, fmt.Errorf("types are nested more than %d deep", maxDepth)
	}
	t := &Type{}
	err := fields(b, func(f field) error {
		switch f.num {
		case 1:
			t.Kind = TensorKind
			return t.tensorType(f.body)
		case 8:
			t.Kind = SparseKind
			return t.tensorType(f.body)
		case 4:
			t.Kind = SequenceKind
			return t.of(f.body, 1, depth)
		case 9:
			t.Kind = OptionalKind
			return t.of(f.body, 1, depth)
		case 5:
			t.Kind = MapKind
			return t.of(f.body, 2, depth)
		}
		return nil
	})
	return t, err
}

// of reads the type that is inside a sequence, optional or map, in field num.
func (t *Type) of(b []byte, num protowire.Number, depth int) error {
	return fields(b, func(f field) error {
		var err error
		switch {
		case f.num == num && f.typ == protowire.BytesType:
			t.Of, err = typeProto(f.body, depth+1)
		case f.num == 1 && f.typ == protowire.VarintType:
			t.Elem, err = elementType(f.num64)
		}
		return err
	})
}

func elementType(v uint64) (tensor.Type, error) {
	if v == 0 {
		return 0, nil
	}
	if v > math.MaxUint8 || !tensor.Known(tensor.Type(v)) {
		return 0, fmt.Errorf("%d is no element type of ONNX", v)
	}
	return tensor.Type(v), nil
}

func (t *Type) tensorType(b []byte) error {
	return fields(b, func(f field) error {
		var err error
		switch f.num {
		case 1:
			t.Elem, err = elementType(f.num64)
		case 2:
			t.HasShape = true
			err = fields(f.body, func(f field) error {
				if f.num != 1 {
					return nil
				}
				dim, err := dimension(f.body)
				t.Dims = append(t.Dims, dim)
				return err
			})
		}
		return err
	})
}

func dimension(b []byte) (Dim, error) {
	d := Dim{Size: -1}
	err := fields(b, func(f field) error {
		switch f.num {
		case 1:
			d.Size = max(int64(f.num64), -1)
		case 2:
			d.Param = string(f.body)
		}
		return nil
	})
	return d, err
}
