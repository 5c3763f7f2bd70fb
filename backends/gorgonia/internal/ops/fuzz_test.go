package ops_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/ops"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// What a hostile node may take, of time and of memory. Machines under load are slow, so
// these are far beyond what any takes.
const (
	hostileTime   = 5 * time.Second
	hostileBudget = 32 << 20
	hostileBytes  = 1 << 30 // that are allocated in all, garbage included
)

// chooser makes choices: those that bytes say, and when they are used up by chance.
type chooser struct {
	data []byte
	*rand.Rand
}

func (c *chooser) under(n int) int {
	if len(c.data) > 0 {
		b := c.data[0]
		c.data = c.data[1:]
		return int(b) % n
	}
	return c.IntN(n)
}

func oneOf[T any](c *chooser, all ...T) T { return all[c.under(len(all))] }

// known is what an operator is tried with.
type known struct {
	spec  *op.Spec
	attrs []attributeName
}

type attributeName struct {
	name string
	kind onnx.AttributeType
}

var (
	readsAttribute = regexp.MustCompile(`\.(Int|Flag|Float|Str|Ints|Floats|Strs|Tensor|Graph)\("([A-Za-z_0-9]+)"`)
	kindOfRead     = map[string]onnx.AttributeType{
		"Int": onnx.Int, "Flag": onnx.Int, "Float": onnx.Float, "Str": onnx.String, "Ints": onnx.Ints, "Floats": onnx.Floats, "Strs": onnx.Strings,
		"Tensor": onnx.TensorAttr, "Graph": onnx.GraphAttr,
	}
	everywhere = []attributeName{{"axis", onnx.Int}, {"axes", onnx.Ints}, {"keepdims", onnx.Int}, {"kernel_shape", onnx.Ints}, {"strides", onnx.Ints}, {"pads", onnx.Ints},
		{"dilations", onnx.Ints}, {"auto_pad", onnx.String}, {"group", onnx.Int}}
)

// operators are all there are, each with the attributes that its file reads.
func operators(t testing.TB) []known {
	byFile, all := map[string][]attributeName{}, slices.Clone(everywhere)
	files, err := filepath.Glob("*.go")
	if err != nil || len(files) == 0 {
		t.Fatalf("the sources of the package: %v", err)
	}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		source, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range readsAttribute.FindAllSubmatch(source, -1) {
			a := attributeName{string(m[2]), kindOfRead[string(m[1])]}
			if !slices.Contains(byFile[string(source)], a) {
				byFile[string(source)] = append(byFile[string(source)], a)
			}
			if !slices.Contains(all, a) {
				all = append(all, a)
			}
		}
	}
	var list []known
	for _, spec := range ops.All() {
		k := known{spec: spec}
		for source, attrs := range byFile {
			if strings.Contains(source, fmt.Sprintf("%q", spec.Name)) {
				k.attrs = append(k.attrs, attrs...)
			}
		}
		if k.attrs == nil {
			k.attrs = slices.Clone(all)
		}
		k.attrs = append(k.attrs, everywhere...)
		slices.SortFunc(k.attrs, func(a, b attributeName) int { return strings.Compare(a.name, b.name)*8 + int(a.kind-b.kind) })
		list = append(list, k)
	}
	return list
}

var hostileInts = []int64{0, 1, 1, 2, 2, 3, 4, 8, 16, -1, -2, 7, 64, 1 << 20, 1 << 31, 1 << 40, math.MaxInt64, math.MinInt64, -1 << 31}

func (c *chooser) ints() []int64 {
	v := make([]int64, c.under(6))
	for i := range v {
		v[i] = oneOf(c, hostileInts...)
	}
	return v
}

var hostileFloats = []float32{0, 1, 0.5, -1, 2, 1e-5, 1e30, -1e30, float32(math.Inf(1)), float32(math.NaN()), 3, 100}

var hostileTexts = []string{"", "NOTSET", "SAME_UPPER", "VALID", "linear", "cubic", "nearest", "constant", "reflect", "wrap", "mean", "sum", "none", "LEFT", "bilinear", "SOFTMAX", "LOGISTIC", "RBF", "POLY",
	"forward", "bidirectional", "Relu", "Tanh", "Sigmoid", "a", "b", "ij,jk->ik", "...i,i", "ii", "i->ij", "tanh", "half_pixel", "align_corners", "tf_crop_and_resize", "SPARSE", "DCR", "RGB", "TF", "TFIDF", "max", "gated_delta", "delta",
	"TO_INT64", "[a-z]*", "(", "MAX", "L2", "SUM", "BRANCH_LEQ", "LEAF", "euclidean"}

func (c *chooser) attribute(name string, kind onnx.AttributeType) *onnx.Attribute {
	if c.under(12) == 0 { // a wrong one
		kind = oneOf(c, onnx.Int, onnx.Float, onnx.String, onnx.Ints, onnx.Floats, onnx.Strings, onnx.TensorAttr, onnx.GraphAttr, onnx.Undefined)
	}
	a := &onnx.Attribute{Name: name, Type: kind}
	switch kind {
	case onnx.Int:
		a.Int = oneOf(c, hostileInts...)
	case onnx.Float:
		a.Float = oneOf(c, hostileFloats...)
	case onnx.String:
		a.String = []byte(oneOf(c, hostileTexts...))
	case onnx.Ints:
		a.Ints = c.ints()
	case onnx.Floats:
		for range c.under(7) {
			a.Floats = append(a.Floats, oneOf(c, hostileFloats...))
		}
	case onnx.Strings:
		for range c.under(5) {
			a.Strings = append(a.Strings, []byte(oneOf(c, hostileTexts...)))
		}
	case onnx.TensorAttr:
		a.Tensor = c.tensor(c.elementType(), c.shape(nil))
	case onnx.GraphAttr:
		info := func() *onnx.ValueInfo {
			return &onnx.ValueInfo{Name: "v", Type: &onnx.Type{Kind: onnx.TensorKind, Elem: c.elementType(), HasShape: true}}
		}
		a.Graph = &onnx.Graph{}
		for range c.under(4) {
			a.Graph.Inputs = append(a.Graph.Inputs, info())
		}
		for range c.under(4) {
			a.Graph.Outputs = append(a.Graph.Outputs, info())
		}
	}
	return a
}

func (c *chooser) elementType() tensor.Type {
	return oneOf(c, tensor.FP32, tensor.FP32, tensor.FP32, tensor.I64, tensor.I64, tensor.I32, tensor.U8, tensor.I8, tensor.Bool, tensor.FP16, tensor.FP64, tensor.String,
		tensor.BF16, tensor.U16, tensor.I16, tensor.U32, tensor.U64, tensor.C64, tensor.C128, tensor.F8E4M3FN, tensor.F8E8M0, tensor.U4, tensor.I4, tensor.F4E2M1, tensor.U2)
}

// shape is one with an element count that tensors may have: like that of another, or of
// its own, and at times of no elements or of far more than memory.
func (c *chooser) shape(like []int) []int {
	if like != nil && c.under(3) > 0 {
		s := slices.Clone(like)
		if len(s) > 0 && c.under(3) == 0 {
			s[c.under(len(s))] = oneOf(c, 1, 0, 2, 3)
		}
		if len(s) > 0 && c.under(4) == 0 {
			s = s[1:]
		}
		return s
	}
	shape := make([]int, oneOf(c, 0, 1, 1, 2, 2, 3, 3, 4, 4, 5, 8))
	for i := range shape {
		shape[i] = oneOf(c, 1, 1, 2, 2, 3, 3, 4, 5, 0, 7, 1<<16, 1<<40, 1<<20)
		if c.under(3) > 0 && shape[i] > 7 {
			shape[i] = 4
		}
	}
	for len(shape) > 0 {
		if _, err := tensor.Bytes(tensor.C128, shape); err == nil {
			break
		}
		shape = shape[1:]
	}
	return shape
}

// mostElements of a tensor that is made.
const mostElements = 1 << 12

// tensor is one with elements, of at most mostElements; else of another shape.
func (c *chooser) tensor(t tensor.Type, shape []int) *tensor.Tensor {
	if tensor.Size(shape) > mostElements {
		shape = []int{2}
	}
	x := tensor.New(t, shape...)
	for i := range x.Strings {
		x.Strings[i] = oneOf(c, hostileTexts...)
	}
	switch t {
	case tensor.FP32:
		for i := range tensor.As[float32](x) {
			tensor.As[float32](x)[i] = oneOf(c, hostileFloats...)
		}
	case tensor.I64:
		for i := range tensor.As[int64](x) {
			tensor.As[int64](x)[i] = oneOf(c, hostileInts...)
		}
	case tensor.I32:
		for i := range tensor.As[int32](x) {
			tensor.As[int32](x)[i] = int32(oneOf(c, hostileInts...))
		}
	case tensor.Bool:
		for i := range x.Data {
			x.Data[i] = byte(c.under(2))
		}
	default:
		for i := range x.Data {
			x.Data[i] = byte(c.under(256))
		}
		if tensor.BitSize(t) < 8 {
			for i := range x.Data {
				x.Data[i] &= 1<<tensor.BitSize(t) - 1
			}
		}
	}
	return x
}

// input is a value, and what the compiler knows of it.
func (c *chooser) input(t tensor.Type, like []int) (*op.Info, tensor.Value) {
	shape := c.shape(like)
	switch c.under(24) {
	case 0:
		s := &tensor.Sequence{Type: t, Items: []tensor.Value{c.tensor(t, shape)}}
		return &op.Info{Kind: onnx.SequenceKind, Type: t}, s
	case 1:
		return &op.Info{Kind: onnx.OptionalKind}, &tensor.Optional{}
	case 2:
		return &op.Info{Kind: onnx.MapKind, Type: t}, &tensor.Map{Ints: []int64{1, -1}, Values: c.tensor(tensor.FP32, []int{2})}
	}
	if c.under(4) == 0 {
		t = c.elementType()
	}
	if tensor.Size(shape) > mostElements { // known by its shape alone
		return op.InfoOf(&tensor.Tensor{Type: t, Shape: shape}), nil
	}
	x := c.tensor(t, shape)
	return op.InfoOf(x), x
}

// echo is the graph of an attribute: it gives what it is given.
type echo struct{ outputs int }

func (e echo) Call(_ *op.Run, _ string, inputs, _ []tensor.Value) ([]tensor.Value, error) {
	if len(inputs) == 0 || e.outputs == 0 {
		return nil, errors.New("the graph has no outputs")
	}
	out := make([]tensor.Value, e.outputs)
	for i := range out {
		out[i] = inputs[i%len(inputs)]
	}
	return out, nil
}

// trial is a node with its inputs.
type trial struct {
	node   *op.Node
	values []tensor.Value // nil where there is nothing to run it on
	spec   *op.Spec
}

func (c *chooser) trial(k known) *trial {
	spec := k.spec
	t := &trial{spec: spec, node: &op.Node{Op: spec.Name, Domain: spec.Domain, Version: spec.Since + c.under(3), Attributes: map[string]*onnx.Attribute{}, Subgraph: echo{c.under(4)}}}
	for range c.under(7) {
		a := k.attrs[c.under(len(k.attrs))]
		t.node.Attributes[a.name] = c.attribute(a.name, a.kind)
	}
	count := spec.MinIn
	if more := spec.MaxIn - spec.MinIn; more > 0 {
		count += c.under(more + 1)
	} else if spec.MaxIn < 0 {
		count += c.under(4)
	}
	elem := c.elementType()
	var like []int
	whole := true
	for i := range count {
		if i >= spec.MinIn && c.under(4) == 0 {
			t.node.In, t.values = append(t.node.In, nil), append(t.values, nil)
			continue
		}
		info, v := c.input(elem, like)
		if v == nil {
			whole = false
		}
		if c.under(3) > 0 || v == nil {
			info.Const = nil
		} else if v != nil && info.Kind == onnx.TensorKind {
			info.Const = v
		}
		if like == nil || c.under(3) == 0 {
			like = info.Shape
		}
		t.node.In, t.values = append(t.node.In, info), append(t.values, v)
	}
	if !whole {
		t.values = nil
	}
	most := max(spec.MaxOut, 1)
	if spec.MaxOut < 0 {
		most = 3
	}
	for i := range 1 + c.under(most) {
		t.node.Outs = append(t.node.Outs, i == 0 || c.under(3) > 0)
	}
	return t
}

func (t *trial) String() string {
	s := fmt.Sprintf("%s.%s with", t.node.Domain, t.node.String())
	for _, a := range t.node.Attributes {
		s += fmt.Sprintf(" %s=%s/%d/%v/%q/%v/%v/%q", a.Name, a.Type, a.Int, a.Float, a.String, a.Ints, a.Floats, a.Strings)
	}
	for i, v := range t.values {
		if x, ok := v.(*tensor.Tensor); ok && x.Len() <= 16 {
			s += fmt.Sprintf(" in%d=%s(const %v)", i, x.Type, t.node.In[i].Const != nil)
			if f, err := x.Float64s(); err == nil {
				s += fmt.Sprint(f)
			}
		}
	}
	return s
}

// attempt compiles the node and, where its outputs are small, runs it. It is an error when
// that panics.
func (t *trial) attempt(stop *atomic.Bool) (err error) {
	defer func() {
		if x := recover(); x != nil {
			if limit := (*op.LimitError)(nil); asError(x, &limit) { // scratch beyond the limit, which the compiler takes
				return
			}
			err = fmt.Errorf("panic: %v\n%s", x, debug.Stack())
		}
	}()
	p, failed := t.spec.Compile(t.node)
	if failed != nil || t.node.Err() != nil {
		return nil
	}
	r := op.NewRun(nil, op.NewBudget(hostileBudget, nil), stop)
	defer r.Close()
	if t.values == nil {
		return nil
	}
	if p.Eval != nil {
		_, _ = p.Eval(r, t.values)
		return nil
	}
	in := make([]*tensor.Tensor, len(t.values))
	for i, v := range t.values {
		if v == nil {
			continue
		}
		x, ok := v.(*tensor.Tensor)
		if !ok {
			return nil // the compiler gives static plans tensors alone
		}
		in[i] = x
	}
	if p.ViewOf > 0 {
		if tensor.Size(p.Out[0].Shape) != in[p.ViewOf-1].Len() {
			return fmt.Errorf("a view of %v is %v", in[p.ViewOf-1].Shape, p.Out[0].Shape)
		}
		return nil
	}
	if p.Run == nil {
		return nil
	}
	var out []*tensor.Tensor
	for i, o := range p.Out {
		if o.Kind == onnx.NoKind || i > 0 && !t.node.Wants(i) {
			out = append(out, nil)
			continue
		}
		if bytes, err := tensor.Bytes(o.Type, o.Shape); err != nil {
			return fmt.Errorf("output %d has shape %v: %w", i, o.Shape, err)
		} else if r.Take(int64(bytes)) != nil {
			return nil
		}
		out = append(out, tensor.New(o.Type, o.Shape...))
	}
	_ = p.Run(r, in, out)
	return nil
}

func asError[E error](x any, target *E) bool {
	err, ok := x.(error)
	return ok && errors.As(err, target)
}

// run attempts the trial, and sees to time and memory.
func (t *trial) run() error {
	var stop atomic.Bool
	timer := time.AfterFunc(50*time.Millisecond, func() { stop.Store(true) })
	defer timer.Stop()
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	done := make(chan error, 1)
	go func() { done <- t.attempt(&stop) }()
	select {
	case err := <-done:
		runtime.ReadMemStats(&after)
		if took := after.TotalAlloc - before.TotalAlloc; err == nil && took > hostileBytes {
			err = fmt.Errorf("it allocated %d bytes", took)
		}
		return err
	case <-time.After(hostileTime):
		return fmt.Errorf("it takes longer than %v", hostileTime)
	}
}

// TestEveryOperatorOnHostileNodes gives each operator attributes and inputs by chance:
// what it makes of them may be an error, and is never a panic, a loop without end, or
// more memory than there may be.
func TestEveryOperatorOnHostileNodes(t *testing.T) {
	trials := 40
	if testing.Short() {
		trials = 10
	}
	for i, k := range operators(t) {
		for n := range trials {
			c := &chooser{Rand: rand.New(rand.NewPCG(uint64(i), uint64(n)))}
			tr := c.trial(k)
			if err := tr.run(); err != nil {
				t.Errorf("%d %d %v: %v", i, n, tr, err)
				break
			}
		}
	}
}

// TestWhatFuzzingFound runs the smallest nodes that once panicked, or ran on.
func TestWhatFuzzingFound(t *testing.T) {
	ints := func(v ...int64) *tensor.Tensor { return tensor.Of(tensor.I64, []int{len(v)}, v) }
	empty := &tensor.Tensor{Type: tensor.FP32, Shape: []int{1 << 40, 0}, Data: []byte{}}
	kind := func(v tensor.Value) *op.Info {
		info := op.InfoOf(v)
		info.Const = nil
		return info
	}
	for _, c := range []struct {
		name, domain, op string
		version          int
		in               []tensor.Value
	}{
		{"a map is no tensor", "", "Unique", 11, []tensor.Value{&tensor.Map{Ints: []int64{1}, Values: ints(1)}}},
		{"an optional is no tensor", "", "Compress", 11, []tensor.Value{&tensor.Optional{}, tensor.New(tensor.Bool, 2)}},
		{"rows without end that have no columns", "ai.onnx.ml", "Normalizer", 1, []tensor.Value{empty}},
		{"rows without end that have nothing to normalize", "", "RMSNormalization", 23, []tensor.Value{empty, floats(nil, 1)}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := &trial{spec: ops.New().Lookup(c.domain, c.op, c.version), values: c.in}
			tr.node = &op.Node{Op: c.op, Domain: c.domain, Version: c.version, Outs: []bool{true}}
			for _, v := range c.in {
				tr.node.In = append(tr.node.In, kind(v))
			}
			if err := tr.run(); err != nil {
				t.Error(err)
			}
		})
	}
}

// FuzzOperators does the same for choices that the fuzzer makes: the first two bytes are
// the operator.
func FuzzOperators(f *testing.F) {
	all := operators(f)
	for i := range all {
		f.Add(uint16(i), []byte{byte(i), byte(i >> 8), 3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3, 2, 3, 8, 4, 6})
	}
	f.Fuzz(func(t *testing.T, which uint16, data []byte) {
		c := &chooser{data: data, Rand: rand.New(rand.NewPCG(uint64(which), uint64(len(data))))}
		tr := c.trial(all[int(which)%len(all)])
		if err := tr.run(); err != nil {
			t.Errorf("%v: %v", tr, err)
		}
	})
}
