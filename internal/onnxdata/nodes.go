package onnxdata

import (
	"fmt"
	"math"
	"strings"

	"github.com/wasinn/wasinn/backends"
)

// Node is a node of a model's own graph.
type Node struct {
	Name, Op string
	// Domain is "" for ONNX's own operators.
	Domain string
	// Inputs and Outputs are names of values; "" is one that is left out.
	Inputs, Outputs []string
	// Captured are the values that the graphs in its attributes take from around it.
	Captured []string
	// Attributes are written short, as in axis=1, in the file's order.
	Attributes []string

	body []byte // the NodeProto
}

// Nodes reads the nodes of a model's graph, in its order.
func Nodes(model []byte) ([]Node, error) {
	graph, err := graphOf(model)
	if err != nil {
		return nil, err
	}
	var nodes []Node
	err = each(graph, func(f field) error {
		if f.num != 1 {
			return nil
		}
		n, err := node(f, 0)
		nodes = append(nodes, n)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("GraphProto: %w", err)
	}
	return nodes, nil
}

// graphOf is the body of a model's GraphProto.
func graphOf(model []byte) (graph []byte, err error) {
	graphs := 0
	err = each(model, func(f field) error {
		if f.num != 7 {
			return nil
		}
		graphs++
		graph, err = f.message()
		return err
	})
	if err == nil && graphs != 1 {
		err = fmt.Errorf("%d graphs, expected 1", graphs)
	}
	if err != nil {
		return nil, fmt.Errorf("ModelProto: %w", err)
	}
	return graph, nil
}

func node(f field, depth int) (n Node, err error) {
	if n.body, err = f.message(); err != nil {
		return n, err
	}
	err = each(n.body, func(f field) error {
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
			return n.attribute(f, depth)
		case 7:
			n.Domain = domain(string(f.body))
		}
		return nil
	})
	return n, err
}

// attribute reads an AttributeProto.
func (n *Node) attribute(f field, depth int) error {
	body, err := f.message()
	if err != nil {
		return err
	}
	name, list, text := "", []string(nil), ""
	err = each(body, func(f field) (err error) {
		switch f.num {
		case 1:
			name = string(f.body)
		case 2:
			text = fmt.Sprint(math.Float32frombits(uint32(f.number)))
		case 3:
			text = fmt.Sprint(int64(f.number))
		case 4:
			text = fmt.Sprintf("%q", short(string(f.body)))
		case 5:
			text = tensorText(f)
		case 6, 11:
			text, err = n.graph(f, depth+1)
		case 7:
			err = f.numbers(fixed32, func(v uint64) error {
				list = append(list, fmt.Sprint(math.Float32frombits(uint32(v))))
				return nil
			})
		case 8:
			err = f.numbers(varint, func(v uint64) error {
				list = append(list, fmt.Sprint(int64(v)))
				return nil
			})
		case 9:
			list = append(list, fmt.Sprintf("%q", short(string(f.body))))
		}
		return err
	})
	if list != nil {
		const most = 12
		if text = "[" + strings.Join(list[:min(len(list), most)], " ") + "]"; len(list) > most {
			text = fmt.Sprintf("%s, %d in all", text, len(list))
		}
	}
	n.Attributes = append(n.Attributes, short(name)+"="+text)
	return err
}

// short clips a text of a model.
func short(s string) string {
	const most = 60
	if len(s) > most {
		return s[:most] + "..."
	}
	return s
}

// tensorText is the type and shape of a TensorProto.
func tensorText(f field) string {
	var p tensorProto
	err := each(f.body, func(f field) error {
		if f.num == 1 || f.num == 2 {
			return p.field(f)
		}
		return nil
	})
	if err != nil {
		return "a tensor"
	}
	return fmt.Sprintf("%s%v", p.dataType, p.dims)
}

// graph reads a graph in an attribute: it notes what the graph takes from around it, and
// says how large it is.
func (n *Node) graph(f field, depth int) (string, error) {
	if depth > maxDepth {
		return "", fmt.Errorf("graphs are nested more than %d deep", maxDepth)
	}
	body, err := f.message()
	if err != nil {
		return "", err
	}
	nodes := 0
	own, uses := map[string]bool{"": true}, []string(nil)
	err = each(body, func(f field) error {
		switch f.num {
		case 1:
			inner, err := node(f, depth)
			nodes++
			uses = append(append(uses, inner.Inputs...), inner.Captured...)
			for _, out := range inner.Outputs {
				own[out] = true
			}
			return err
		case 5, 11:
			name, err := nameOf(f)
			own[name] = true
			return err
		case 12:
			name, err := nameOf(f)
			uses = append(uses, name)
			return err
		}
		return nil
	})
	for _, name := range n.Captured { // by the graph before this one
		own[name] = true
	}
	for _, name := range uses {
		if !own[name] {
			n.Captured = append(n.Captured, name)
			own[name] = true
		}
	}
	return fmt.Sprintf("a graph of %d nodes", nodes), err
}

// nameOf is the name of a TensorProto or a ValueInfoProto, by their field numbers.
func nameOf(f field) (name string, err error) {
	num := uint64(1)
	if f.num == 5 {
		num = 8
	}
	body, err := f.message()
	if err != nil {
		return "", err
	}
	err = each(body, func(f field) error {
		if f.num == num {
			name = string(f.body)
		}
		return nil
	})
	return name, err
}

// Symbols are the names of a value's open dimensions, by the value's name: one for each
// dimension, "" for those that have none or a size. They are those of inputs and outputs
// that are tensors.
func Symbols(model []byte) (map[string][]string, error) {
	graph, err := graphOf(model)
	if err != nil {
		return nil, err
	}
	all := map[string][]string{}
	err = each(graph, func(f field) error {
		if f.num != 11 && f.num != 12 {
			return nil
		}
		name, err := nameOf(f)
		if err != nil {
			return err
		}
		var dims []string
		err = path(f.body, []uint64{2, 1, 2, 1}, func(dim []byte) error {
			if len(dims) == backends.MaxRank {
				return fmt.Errorf("more than %d dimensions", backends.MaxRank)
			}
			symbol := ""
			err := each(dim, func(f field) error {
				if f.num == 2 {
					symbol = string(f.body)
				}
				return nil
			})
			dims = append(dims, symbol)
			return err
		})
		all[name] = dims
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("GraphProto: %w", err)
	}
	return all, nil
}

// path calls visit for every message that is reached by a path of field numbers.
func path(message []byte, numbers []uint64, visit func([]byte) error) error {
	if len(numbers) == 0 {
		return visit(message)
	}
	return each(message, func(f field) error {
		if f.num != numbers[0] {
			return nil
		}
		body, err := f.message()
		if err != nil {
			return err
		}
		return path(body, numbers[1:], visit)
	})
}
