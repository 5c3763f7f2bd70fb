package onnxfile

import "math"

// parser walks a file once. Each method reads one message of onnx.proto3 and
// has its name. Fields that do not matter here are skipped, as are fields of
// versions to come.
type parser struct {
	model     *Model
	graphs    int // in the model itself, of which there is to be one
	outputs   int // of the graph
	nodes     int // wherever they are
	main      scope
	functions map[functionID]*scope
}

// each calls visit for every field of a message.
func each(message field, visit func(field) error) error {
	r := reader{message.body, message.at}
	for len(r.rest) > 0 {
		f, err := r.next()
		if err != nil {
			return err
		}
		if err := visit(f); err != nil {
			return err
		}
	}
	return nil
}

// want checks a field's wire type.
func want(f field, wire int, name string) error {
	if f.wire == wire {
		return nil
	}
	return garbage(f.at, "%s is %s, expected %s", name, wireNames[f.wire], wireNames[wire])
}

// ints are the values of a repeated integer field, packed or not. They are
// handed to visit one by one.
func ints(f field, name string, visit func(uint64) error) error {
	if f.wire == varint {
		return visit(f.value)
	}
	if err := want(f, bytes, name); err != nil {
		return err
	}
	r := reader{f.body, f.at}
	for len(r.rest) > 0 {
		v, err := r.uvarint()
		if err != nil {
			return err
		}
		if err := visit(v); err != nil {
			return err
		}
	}
	return nil
}

func (p *parser) modelProto(b []byte) error {
	err := each(field{body: b}, func(f field) error {
		switch f.num {
		case 1:
			p.model.IRVersion = int64(f.value)
			return want(f, varint, "ir_version")
		case 7:
			p.graphs++
			p.main.at = f.at
			return p.graphProto(f, &p.main, 0)
		case 8:
			return want(f, bytes, "opset_import")
		case 25:
			return p.functionProto(f)
		}
		return nil
	})
	switch {
	case err != nil:
		return err
	case p.model.IRVersion <= 0 || p.model.IRVersion > math.MaxInt32:
		return garbage(0, "ir_version is %d, which is no version of the ONNX format", p.model.IRVersion)
	case p.graphs == 0:
		return truncated(len(b), "there is no graph")
	case p.graphs > 1:
		return garbage(p.main.at, "there are %d graphs, expected 1", p.graphs)
	case p.outputs == 0:
		return garbage(p.main.at, "the graph has no outputs")
	}
	return nil
}

func (p *parser) graphProto(g field, s *scope, depth int) error {
	if err := want(g, bytes, "a graph"); err != nil {
		return err
	}
	if depth >= MaxDepth {
		return limit(g.at, "graphs are nested more than %d deep", MaxDepth)
	}
	return each(g, func(f field) error {
		switch f.num {
		case 1:
			return p.nodeProto(f, s, depth)
		case 2:
			return want(f, bytes, "the name of a graph")
		case 5:
			return p.tensorProto(f)
		case 12:
			if depth == 0 {
				p.outputs++
			}
			return p.valueInfoProto(f)
		case 11, 13:
			return p.valueInfoProto(f)
		case 15:
			return p.sparseTensorProto(f)
		}
		return nil
	})
}

func (p *parser) functionProto(fn field) error {
	if err := want(fn, bytes, "a function"); err != nil {
		return err
	}
	id, s := functionID{}, &scope{at: fn.at}
	err := each(fn, func(f field) error {
		switch f.num {
		case 1:
			id.name = string(f.body)
			return want(f, bytes, "the name of a function")
		case 7:
			return p.nodeProto(f, s, 0)
		case 10:
			id.domain = string(f.body)
			return want(f, bytes, "the domain of a function")
		case 11:
			return p.attributeProto(f, s, 0)
		case 12:
			return p.valueInfoProto(f)
		case 13:
			id.overload = string(f.body)
			return want(f, bytes, "the overload of a function")
		}
		return nil
	})
	if p.functions == nil {
		p.functions = make(map[functionID]*scope)
	}
	p.functions[id] = s
	return err
}

func (p *parser) nodeProto(n field, s *scope, depth int) error {
	if err := want(n, bytes, "a node"); err != nil {
		return err
	}
	if p.nodes++; p.nodes > MaxNodes {
		return limit(n.at, "there are more than %d nodes", MaxNodes)
	}
	var id functionID
	err := each(n, func(f field) error {
		switch f.num {
		case 1, 2:
			return want(f, bytes, "the input or output of a node")
		case 4:
			id.name = string(f.body)
			return want(f, bytes, "the operator of a node")
		case 5:
			return p.attributeProto(f, s, depth)
		case 7:
			id.domain = string(f.body)
			return want(f, bytes, "the domain of a node")
		case 8:
			id.overload = string(f.body)
			return want(f, bytes, "the overload of a node")
		}
		return nil
	})
	s.add(id)
	return err
}

func (p *parser) attributeProto(a field, s *scope, depth int) error {
	if err := want(a, bytes, "an attribute"); err != nil {
		return err
	}
	return each(a, func(f field) error {
		switch f.num {
		case 1:
			return want(f, bytes, "the name of an attribute")
		case 5, 10:
			return p.tensorProto(f)
		case 6, 11:
			return p.graphProto(f, s, depth+1)
		case 14, 15:
			return p.typeProto(f, 0)
		case 22, 23:
			return p.sparseTensorProto(f)
		}
		return nil
	})
}

func (p *parser) valueInfoProto(v field) error {
	if err := want(v, bytes, "an input or output"); err != nil {
		return err
	}
	return each(v, func(f field) error {
		switch f.num {
		case 1:
			return want(f, bytes, "the name of an input or output")
		case 2:
			return p.typeProto(f, 0)
		}
		return nil
	})
}

// typeProto reads a type: of a tensor (1), sequence (4), map (5), sparse
// tensor (8) or optional (9).
func (p *parser) typeProto(t field, depth int) error {
	if err := want(t, bytes, "a type"); err != nil {
		return err
	}
	if depth >= MaxDepth {
		return limit(t.at, "types are nested more than %d deep", MaxDepth)
	}
	return each(t, func(f field) error {
		switch f.num {
		case 1, 8:
			return p.tensorType(f)
		case 4, 9:
			return p.elementType(f, 1, depth)
		case 5:
			return p.elementType(f, 2, depth)
		}
		return nil
	})
}

// elementType reads the type inside a sequence, optional or map: its field num.
func (p *parser) elementType(t field, num, depth int) error {
	if err := want(t, bytes, "a type"); err != nil {
		return err
	}
	return each(t, func(f field) error {
		if f.num == num && f.wire == bytes {
			return p.typeProto(f, depth+1)
		}
		return nil
	})
}

func (p *parser) tensorType(t field) error {
	if err := want(t, bytes, "a tensor's type"); err != nil {
		return err
	}
	return each(t, func(f field) error {
		switch f.num {
		case 1:
			return want(f, varint, "the type of a tensor's elements")
		case 2:
			return p.tensorShapeProto(f)
		}
		return nil
	})
}

func (p *parser) tensorShapeProto(s field) error {
	if err := want(s, bytes, "a shape"); err != nil {
		return err
	}
	rank := 0
	return each(s, func(f field) error {
		if f.num != 1 {
			return nil
		}
		if rank++; rank > MaxRank {
			return limit(f.at, "a shape has more than %d dimensions", MaxRank)
		}
		return want(f, bytes, "a dimension")
	})
}

func (p *parser) sparseTensorProto(s field) error {
	if err := want(s, bytes, "a sparse tensor"); err != nil {
		return err
	}
	sh := shape{at: s.at, elements: 1}
	return each(s, func(f field) error {
		switch f.num {
		case 1, 2:
			return p.tensorProto(f)
		case 3:
			return ints(f, "the sizes of a sparse tensor", sh.add)
		}
		return nil
	})
}
