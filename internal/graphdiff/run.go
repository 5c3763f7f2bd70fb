package graphdiff

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxdata"
)

// loaded is a model on one engine.
type loaded struct {
	graph   backends.Graph
	context backends.ExecutionContext
}

// load loads a model for one computation. A panic of the engine is an error.
func (d *diff) load(ctx context.Context, engine backends.Backend, model []byte) (*loaded, error) {
	opts := backends.LoadOptions{Encoding: backends.ONNX, Path: d.cfg.Path, Values: true}
	g, _, err := backends.NewSet(engine).Load(ctx, engine.Name(), [][]byte{model}, opts)
	if err != nil {
		return nil, err
	}
	x, err := g.NewContext(ctx)
	if err != nil {
		return nil, errors.Join(err, g.Close())
	}
	return &loaded{g, x}, nil
}

func (l *loaded) close() { _ = errors.Join(l.context.Close(), l.graph.Close()) }

// outputs are the types of what the model gives, as the engine found them.
func (l *loaded) outputs() []backends.ValueInfo {
	if d, ok := l.graph.(backends.ValueDescriber); ok {
		return d.OutputValues()
	}
	return nil
}

// compute runs the model and returns its outputs by name.
func (l *loaded) compute(ctx context.Context, inputs []backends.NamedValue) (map[string]backends.Value, error) {
	c, ok := l.context.(backends.ValueComputer)
	if !ok {
		return nil, errors.New("the engine does not compute values of every kind")
	}
	out, err := c.ComputeValues(ctx, inputs)
	if err != nil {
		return nil, err
	}
	byName := map[string]backends.Value{}
	for _, o := range out {
		byName[o.Name] = o.Value
	}
	return byName, nil
}

// once loads a model, computes it and lets it go.
func (d *diff) once(ctx context.Context, engine backends.Backend, model []byte, inputs []backends.NamedValue) (map[string]backends.Value, error) {
	l, err := d.load(ctx, engine, model)
	if err != nil {
		return nil, err
	}
	defer l.close()
	return l.compute(ctx, inputs)
}

// whole runs the model as it is.
func (d *diff) whole(ctx context.Context) (pair, error) {
	found, ferr := d.once(ctx, d.cfg.Found, d.model, d.inputs)
	want, werr := d.once(ctx, d.cfg.Want, d.model, d.inputs)
	p := pair{found, want}
	switch {
	case ctx.Err() != nil:
		return p, ctx.Err()
	case ferr != nil && werr != nil:
		return p, &EngineError{d.cfg.Found.Name(), ferr, fmt.Errorf("%s: %w", d.cfg.Want.Name(), werr)}
	case ferr != nil:
		return p, &EngineError{Engine: d.cfg.Found.Name(), Err: ferr}
	case werr != nil:
		return p, &EngineError{Engine: d.cfg.Want.Name(), Err: werr}
	}
	return p, nil
}

// compareNodes looks at the values of all nodes, some at a time.
func (d *diff) compareNodes(ctx context.Context) error {
	for start := 0; start < len(d.nodes); start += d.cfg.Chunk {
		end := min(start+d.cfg.Chunk, len(d.nodes))
		var names []string
		for _, v := range d.report.Values {
			if v.Node >= start && v.Node < end {
				names = append(names, v.Name)
			}
		}
		if err := d.look(ctx, names); err != nil {
			return err
		}
		if d.cfg.Progress != nil {
			d.cfg.Progress(end, len(d.nodes))
		}
	}
	return nil
}

// errTooLarge is why values are looked at in smaller groups.
var errTooLarge = errors.New("too large to be looked at together")

// look computes and compares some values. Where that fails it looks at each half, so that
// one value that an engine cannot give leaves out no other. The error is the end of ctx.
func (d *diff) look(ctx context.Context, names []string) error {
	if len(names) == 0 {
		return nil
	}
	p, err := d.expose(ctx, names)
	if ctx.Err() != nil {
		p.release()
		return ctx.Err()
	}
	if err != nil && len(names) > 1 {
		p.release()
		half := len(names) / 2
		if err := d.look(ctx, names[:half]); err != nil {
			return err
		}
		return d.look(ctx, names[half:])
	}
	for _, name := range names {
		v := &d.report.Values[d.values[name]]
		if err != nil {
			v.Status, v.Reason = Unknown, err.Error()
			continue
		}
		d.compare(v, p.found[name], p.want[name])
	}
	d.keep(p)
	return nil
}

// keep takes the model's outputs out of p and releases the rest.
func (d *diff) keep(p pair) {
	for _, out := range d.about.Outputs {
		if p.found[out.Name] == nil || p.want[out.Name] == nil || d.kept.found[out.Name] != nil {
			continue
		}
		d.kept.found[out.Name], d.kept.want[out.Name] = p.found[out.Name], p.want[out.Name]
		delete(p.found, out.Name)
		delete(p.want, out.Name)
	}
	p.release()
}

// expose computes values by both engines. The model is told the sizes of its inputs, so
// that those of values are known; some models are not valid for sizes that they do take,
// such as those with branches for several, and are left as they are then.
func (d *diff) expose(ctx context.Context, names []string) (pair, error) {
	p, err := d.exposeAs(ctx, names, d.types)
	if err == nil || len(d.types) == 0 || ctx.Err() != nil || errors.Is(err, errTooLarge) {
		return p, err
	}
	open, oerr := d.exposeAs(ctx, names, nil)
	if oerr != nil {
		open.release()
		return p, err
	}
	p.release()
	d.types = nil
	return open, nil
}

func (d *diff) exposeAs(ctx context.Context, names []string, types []backends.ValueInfo) (pair, error) {
	outputs := make([]backends.ValueInfo, len(names))
	for i, name := range names {
		outputs[i].Name = name
	}
	return d.both(ctx, d.inputs, outputs, func(outputs []backends.ValueInfo) ([]byte, error) {
		return onnxdata.Edit{Inputs: types, Outputs: outputs}.Apply(d.model)
	})
}

// both computes by both engines what build makes of outputs. Want says of which types
// these are, which Found may need to be told.
func (d *diff) both(ctx context.Context, inputs []backends.NamedValue, outputs []backends.ValueInfo, build func([]backends.ValueInfo) ([]byte, error)) (pair, error) {
	model, err := build(outputs)
	if err != nil {
		return pair{}, err
	}
	want, types, err := d.wanted(ctx, model, inputs, len(outputs) > 1)
	if err != nil {
		return pair{}, fmt.Errorf("%s: %w", d.cfg.Want.Name(), err)
	}
	if model, err = build(types); err != nil {
		return pair{want: want}, err
	}
	found, err := d.once(ctx, d.cfg.Found, model, inputs)
	if err != nil {
		return pair{want: want}, fmt.Errorf("%s: %w", d.cfg.Found.Name(), err)
	}
	return pair{found, want}, nil
}

// wanted computes a model by Want, and says of which types the outputs are. bounded
// leaves a computation that would give too many bytes.
func (d *diff) wanted(ctx context.Context, model []byte, inputs []backends.NamedValue, bounded bool) (map[string]backends.Value, []backends.ValueInfo, error) {
	l, err := d.load(ctx, d.cfg.Want, model)
	if err != nil {
		return nil, nil, err
	}
	defer l.close()
	types := l.outputs()
	if bounded && knownBytes(types) > d.cfg.MaxBytes {
		return nil, nil, errTooLarge
	}
	values, err := l.compute(ctx, inputs)
	for i := range types {
		types[i].ValueType = open(types[i].ValueType)
	}
	return values, types, err
}

// open is a type without sizes, which an engine may have found to be others than they
// turn out to be.
func open(t backends.ValueType) backends.ValueType {
	t.Dims, t.Unranked = nil, t.Kind == backends.TensorKind
	if t.Elem != nil {
		elem := open(*t.Elem)
		t.Elem = &elem
	}
	return t
}

// knownBytes is how much tensors take whose sizes are all known.
func knownBytes(infos []backends.ValueInfo) uint64 {
	total := uint64(0)
	for _, info := range infos {
		if info.Kind != backends.TensorKind || info.Unranked || slices.Min(append(info.Dims, 0)) < 0 {
			continue
		}
		dims := make([]uint32, len(info.Dims))
		for i, d := range info.Dims {
			dims[i] = uint32(d)
		}
		if n, err := backends.ByteSize(dims, info.Type); err == nil {
			total += n
		}
	}
	return total
}

// alone runs the first node that parts as a model of its own, fed what Want computed.
func (d *diff) alone(ctx context.Context) {
	n := d.report.First
	for _, v := range n.Makes {
		n.Alone = append(n.Alone, Value{Name: v.Name, Node: n.Index, Status: Unknown})
	}
	if err := d.runAlone(ctx, n); err != nil {
		for i := range n.Alone {
			n.Alone[i].Reason = err.Error()
		}
	}
}

func (d *diff) runAlone(ctx context.Context, n *Node) error {
	inputs, made, err := d.inputsOf(ctx, n)
	defer pair{want: made}.release()
	if err != nil {
		return fmt.Errorf("its inputs: %w", err)
	}
	infos := make([]backends.ValueInfo, len(inputs))
	for i, in := range inputs {
		infos[i] = backends.ValueInfo{Name: in.Name, ValueType: in.Value.ValueType()}
	}
	outputs := make([]backends.ValueInfo, len(n.Makes))
	for i, v := range n.Makes {
		outputs[i].Name = v.Name
	}
	p, err := d.both(ctx, inputs, outputs, func(outputs []backends.ValueInfo) ([]byte, error) {
		return onnxdata.Alone(d.model, n.Node, infos, outputs)
	})
	defer p.release()
	if err != nil {
		return err
	}
	for i := range n.Alone {
		d.compare(&n.Alone[i], p.found[n.Alone[i].Name], p.want[n.Alone[i].Name])
	}
	return nil
}

// inputsOf are the values that a node takes, besides weights: those that are given, and
// those that Want computes, which are in made as well.
func (d *diff) inputsOf(ctx context.Context, n *Node) (inputs []backends.NamedValue, made map[string]backends.Value, err error) {
	var names []backends.ValueInfo
	seen := map[string]bool{}
	for _, v := range n.Takes {
		if seen[v.Name] {
			continue
		}
		seen[v.Name] = true
		i := slices.IndexFunc(d.inputs, func(in backends.NamedValue) bool { return in.Name == v.Name })
		switch {
		case i >= 0:
			inputs = append(inputs, d.inputs[i])
		case !d.about.Initialized[v.Name]:
			names = append(names, backends.ValueInfo{Name: v.Name})
		}
	}
	if len(names) == 0 {
		return inputs, nil, nil
	}
	model, err := onnxdata.Edit{Outputs: names}.Apply(d.model)
	if err != nil {
		return nil, nil, err
	}
	if made, err = d.once(ctx, d.cfg.Want, model, d.inputs); err != nil {
		return nil, nil, fmt.Errorf("%s: %w", d.cfg.Want.Name(), err)
	}
	for _, info := range names {
		inputs = append(inputs, backends.NamedValue{Name: info.Name, Value: made[info.Name]})
	}
	return inputs, made, nil
}
