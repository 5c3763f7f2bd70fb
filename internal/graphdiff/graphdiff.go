// Package graphdiff runs an ONNX model on two engines and finds the first node where they
// part.
//
// Every value that a node makes becomes an output of the graph, some at a time, is
// computed by both engines and compared. What graphs in attributes (If, Loop, Scan) and
// functions compute inside is not seen: the node that holds them stands for it. Engines
// put nodes together when nobody looks at what is between them, so the model is also run
// as it is.
package graphdiff

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxdata"
	"github.com/wasinn/wasinn/internal/valuediff"
)

// Config says what is compared, and how.
type Config struct {
	// Found is the engine in question; Want is the one that it is measured by, which also
	// finds the types of values.
	Found, Want backends.Backend
	// Path of the model's file, for data in files beside it; it may be empty.
	Path string
	valuediff.Tolerance
	// Chunk is the most nodes whose values are looked at in one run, and MaxBytes the most
	// bytes of these, as far as sizes are known beforehand. 0 means 64 nodes, 256 MiB.
	Chunk    int
	MaxBytes uint64
	// Expected are outputs that are known to be right; both engines' are compared with
	// them. It may be empty.
	Expected []backends.NamedValue
	// Progress is told how many of all nodes are done; it may be nil.
	Progress func(done, all int)
}

// Defaults of [Config].
const (
	DefaultChunk    = 64
	DefaultMaxBytes = 256 << 20
)

// Status says what came of a value.
type Status string

// What may come of a value.
const (
	// Agrees: within tolerance.
	Agrees Status = "agrees"
	// Parts: beyond it.
	Parts Status = "parts"
	// Constant: an initializer, or a Constant's.
	Constant Status = "constant"
	// Given: an input of the model.
	Given Status = "input"
	// Random: it depends on a node that draws random numbers.
	Random Status = "random"
	// Unknown: it could not be compared.
	Unknown Status = "unknown"
)

// Value is one value and what came of it.
type Value struct {
	Name   string
	Status Status
	// Type of the value that was wanted, with its sizes.
	Type       string
	Difference valuediff.Difference
	// Reason says why Status is Unknown.
	Reason string
	// Node is the index of the node that makes it.
	Node int
}

// Node is where engines part.
type Node struct {
	onnxdata.Node
	// Index in the graph, and Version of the operator's set.
	Index   int
	Version int64
	// Takes and Makes are the node's inputs, with those that its graphs take from around
	// it, and its outputs.
	Takes, Makes []Value
	// Alone is what came of the node as a model of its own, fed the values that Want
	// computed for its inputs. Names are those of Makes.
	Alone []Value
}

// Report is what was found.
type Report struct {
	Found, Want string // names of the engines
	Nodes       int
	// Values are those that nodes make, in the graph's order.
	Values []Value
	// First is the first node whose outputs part although its inputs agree; Others are
	// the indices of more such nodes. First is nil when there is none.
	First  *Node
	Others []int
	// Outputs are those of the model as it is, with all that engines put together.
	Outputs []Value
	// FoundWhole and WantWhole say for each of Outputs how an engine's own two runs
	// differ: as the model is, and with every value looked at. They are made only when
	// Outputs part and no node does.
	FoundWhole, WantWhole []Value
	// Expected says how each engine's outputs compare with those that are known.
	Expected []Expectation
	// Operators are those of all nodes, with their domain where it is not ONNX's own.
	Operators []string
}

// Expectation is how an output of one engine compares with what is known to be right.
type Expectation struct {
	Engine string
	Value
}

// Equal says whether the engines agree on all that could be compared.
func (r *Report) Equal() bool {
	parts := func(v Value) bool { return v.Status == Parts }
	return !slices.ContainsFunc(r.Values, parts) && !slices.ContainsFunc(r.Outputs, parts)
}

// EngineError says that an engine did not compute the model at all.
type EngineError struct {
	Engine string
	Err    error
	// Other is what the other engine made of it: nil where it computes the model.
	Other error
}

// Error names the engine.
func (e *EngineError) Error() string {
	if e.Other != nil {
		return fmt.Sprintf("no engine computes this: %v", errors.Join(fmt.Errorf("%s: %w", e.Engine, e.Err), e.Other))
	}
	return fmt.Sprintf("%s does not compute this, the other engine does: %v", e.Engine, e.Err)
}

// Unwrap returns what the engine said.
func (e *EngineError) Unwrap() error { return e.Err }

// Run compares the engines on one model and its inputs. The error is about the model's
// structure, an *[EngineError], or the end of ctx.
func Run(ctx context.Context, model []byte, inputs []backends.NamedValue, cfg Config) (*Report, error) {
	d, err := newDiff(model, inputs, cfg)
	if err != nil {
		return nil, err
	}
	whole, err := d.whole(ctx)
	defer whole.release()
	if err != nil {
		return nil, err
	}
	d.compareOutputs(whole)
	d.compareExpected(whole)
	if err := d.compareNodes(ctx); err != nil {
		return nil, err
	}
	defer d.kept.release()
	d.findFirst()
	switch {
	case d.report.First != nil:
		d.alone(ctx)
	case slices.ContainsFunc(d.report.Outputs, func(v Value) bool { return v.Status == Parts }):
		d.compareWholes(whole)
	}
	return d.report, ctx.Err()
}

// diff is a comparison under way.
type diff struct {
	cfg    Config
	model  []byte
	about  *onnxdata.Model
	nodes  []onnxdata.Node
	inputs []backends.NamedValue
	types  []backends.ValueInfo // of inputs that are tensors, with their sizes

	status map[string]Status
	values map[string]int // index in report.Values
	report *Report
	// kept are the model's outputs with every value looked at, by both engines.
	kept pair
}

// pair is what both engines computed, by name.
type pair struct{ found, want map[string]backends.Value }

func newPair() pair { return pair{map[string]backends.Value{}, map[string]backends.Value{}} }

func (p pair) release() {
	for _, side := range []map[string]backends.Value{p.found, p.want} {
		for _, v := range side {
			v.Release()
		}
	}
}

func newDiff(model []byte, inputs []backends.NamedValue, cfg Config) (*diff, error) {
	about, err := onnxdata.Describe(model)
	if err != nil {
		return nil, err
	}
	nodes, err := onnxdata.Nodes(model)
	if err != nil {
		return nil, err
	}
	if cfg.Chunk <= 0 {
		cfg.Chunk = DefaultChunk
	}
	if cfg.MaxBytes == 0 {
		cfg.MaxBytes = DefaultMaxBytes
	}
	d := &diff{cfg: cfg, model: model, about: about, nodes: nodes, inputs: inputs, kept: newPair(), status: map[string]Status{}, values: map[string]int{}}
	d.report = &Report{Found: cfg.Found.Name(), Want: cfg.Want.Name(), Nodes: len(nodes)}
	for _, in := range inputs {
		d.status[in.Name] = Given
		if ty := in.Value.ValueType(); ty.Kind == backends.TensorKind {
			d.types = append(d.types, backends.ValueInfo{Name: in.Name, ValueType: ty})
		}
	}
	for name := range about.Initialized {
		if d.status[name] == "" {
			d.status[name] = Constant
		}
	}
	for i, n := range nodes {
		d.report.Operators = append(d.report.Operators, Operator(n))
		d.foresee(i, n)
	}
	return d, nil
}

// Operator is the name of a node's operator, behind its domain where that is not ONNX's
// own.
func Operator(n onnxdata.Node) string {
	if n.Domain == "" {
		return n.Op
	}
	return n.Domain + "." + n.Op
}

// draws are the operators whose outputs are random numbers.
var draws = []string{"RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike", "Multinomial", "Bernoulli"}

// foresee settles what is known of a node's outputs before anything runs, and makes their
// places in the report.
func (d *diff) foresee(i int, n onnxdata.Node) {
	status := Status("")
	switch {
	case n.Op == "Constant" && n.Domain == "":
		status = Constant
	case n.Domain == "" && slices.Contains(draws, n.Op), slices.ContainsFunc(d.takes(n), func(name string) bool { return d.status[name] == Random }):
		status = Random
	}
	for _, name := range n.Outputs {
		if name == "" {
			continue
		}
		d.status[name] = status
		if status != Constant {
			d.values[name] = len(d.report.Values)
			d.report.Values = append(d.report.Values, Value{Name: name, Status: status, Node: i})
		}
	}
}

// takes are the names of all values that a node reads.
func (d *diff) takes(n onnxdata.Node) []string {
	return slices.DeleteFunc(slices.Concat(n.Inputs, n.Captured), func(name string) bool { return name == "" })
}

// value is what is known of a value by its name.
func (d *diff) value(name string) Value {
	if i, ok := d.values[name]; ok {
		return d.report.Values[i]
	}
	return Value{Name: name, Status: d.status[name], Node: -1}
}

// compare judges one value of both engines.
func (d *diff) compare(v *Value, found, want backends.Value) {
	v.Type = want.ValueType().String()
	if v.Status == Random {
		return
	}
	v.Difference = d.cfg.Compare(found, want)
	v.Status = Agrees
	if !v.Difference.Equal() {
		v.Status = Parts
	}
}

// compareOutputs judges the model's own outputs.
func (d *diff) compareOutputs(whole pair) {
	for _, out := range d.about.Outputs {
		v := Value{Name: out.Name, Status: d.status[out.Name], Node: -1}
		if i, ok := d.values[out.Name]; ok {
			v.Node = d.report.Values[i].Node
		}
		if v.Status != Random {
			v.Status = ""
		}
		d.compare(&v, whole.found[out.Name], whole.want[out.Name])
		d.report.Outputs = append(d.report.Outputs, v)
	}
}

// compareExpected judges both engines by what is known to be right.
func (d *diff) compareExpected(whole pair) {
	for _, e := range d.cfg.Expected {
		for _, side := range []struct {
			engine string
			values map[string]backends.Value
		}{{d.report.Found, whole.found}, {d.report.Want, whole.want}} {
			v := Value{Name: e.Name, Node: -1}
			d.compare(&v, side.values[e.Name], e.Value)
			d.report.Expected = append(d.report.Expected, Expectation{side.engine, v})
		}
	}
}

// compareWholes compares each engine with itself.
func (d *diff) compareWholes(whole pair) {
	side := func(looked, whole map[string]backends.Value) (all []Value) {
		for _, out := range d.report.Outputs {
			v := Value{Name: out.Name, Node: out.Node, Status: Unknown, Reason: "it was not computed with every value looked at"}
			if l, ok := looked[out.Name]; ok {
				v.Reason = ""
				d.compare(&v, whole[out.Name], l)
			}
			all = append(all, v)
		}
		return all
	}
	d.report.FoundWhole = side(d.kept.found, whole.found)
	d.report.WantWhole = side(d.kept.want, whole.want)
}

// findFirst finds the nodes whose outputs part although their inputs agree.
func (d *diff) findFirst() {
	for i, n := range d.nodes {
		parts := func(name string) bool { return d.value(name).Status == Parts }
		if !slices.ContainsFunc(n.Outputs, parts) || slices.ContainsFunc(d.takes(n), parts) {
			continue
		}
		if d.report.First != nil {
			d.report.Others = append(d.report.Others, i)
			continue
		}
		first := &Node{Node: n, Index: i, Version: d.about.Opsets[n.Domain]}
		for _, name := range d.takes(n) {
			first.Takes = append(first.Takes, d.value(name))
		}
		for _, name := range n.Outputs {
			if name != "" {
				first.Makes = append(first.Makes, d.value(name))
			}
		}
		d.report.First = first
	}
}
