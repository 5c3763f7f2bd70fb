package ops

import (
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// transposes are the operators that put the elements of an input into another order, or
// repeat them.
func transposes() []op.Spec {
	return []op.Spec{
		{Name: "Transpose", Since: 1, MinIn: 1, MaxIn: 1, Compile: transpose},
		{Name: "Expand", Since: 8, MinIn: 2, MaxIn: 2, Compile: expand},
		{Name: "Tile", Since: 1, MinIn: 3, MaxIn: 3, Compile: tile1},
		{Name: "Tile", Since: 6, MinIn: 2, MaxIn: 2, Compile: tile},
		{Name: "SpaceToDepth", Since: 1, MinIn: 1, MaxIn: 1, Compile: spaceToDepth},
		{Name: "DepthToSpace", Since: 1, MinIn: 1, MaxIn: 1, Compile: depthToSpace},
	}
}

// transpose permutes dimensions, by default to the reverse order.
//
// See https://onnx.ai/onnx/operators/onnx__Transpose.html
func transpose(n *op.Node) (*op.Plan, error) {
	rank := n.Rank(0)
	perm := make([]int, rank)
	for i := range perm {
		perm[i] = rank - 1 - i
	}
	if n.Attr("perm") {
		given, err := n.Axes(n.Ints("perm"), rank)
		if err != nil {
			return nil, err
		}
		if len(given) != rank {
			return nil, n.Errorf("perm has %d axes, expected one for each of the %d dimensions", len(given), rank)
		}
		perm = given
	}
	return permuted(n, n.In[0].Shape, perm)
}

// permuted is the plan of an operator that permutes the dimensions of input 0, seen as
// of that shape, and gives that under the shape out, if there is one.
func permuted(n *op.Node, shape, perm []int, out ...int) (*op.Plan, error) {
	from := strides(shape)
	m := move{shape: make([]int, len(shape)), from: make([]int, len(shape))}
	for i, p := range perm {
		m.shape[i], m.from[i] = shape[p], from[p]
	}
	m.to = strides(m.shape)
	if out == nil {
		out = m.shape
	}
	if s := m.simple(); len(s.shape) == 1 && s.from[0] == 1 {
		return op.View(0, op.Out(n.In[0].Type, out...))
	}
	return op.Static(moveRun(m), op.Out(n.In[0].Type, out...))
}

// expand broadcasts its input to what it and a shape broadcast to.
//
// See https://onnx.ai/onnx/operators/onnx__Expand.html
func expand(n *op.Node) (*op.Plan, error) {
	dims, err := n.IntsOf(1)
	if err != nil {
		return nil, err
	}
	target := sizes(dims)
	if _, err := tensor.Count(target); err != nil {
		return nil, n.Errorf("%v", err)
	}
	shape, err := op.Broadcast(n.In[0].Shape, target)
	if err != nil {
		return nil, err
	}
	if tensor.Size(n.In[0].Shape) == 1 && tensor.Size(shape) == 1 {
		return op.View(0, op.Out(n.In[0].Type, shape...))
	}
	m := move{shape: shape, to: strides(shape), from: broadcastStrides(n.In[0].Shape, shape)}
	return op.Static(moveRun(m), op.Out(n.In[0].Type, shape...))
}

// broadcastStrides are the strides by which elements of a shape are read where it
// broadcasts to another: 0 along dimensions that repeat.
func broadcastStrides(shape, to []int) []int {
	own := strides(shape)
	s := make([]int, len(to))
	for i := range shape {
		if shape[i] != 1 {
			s[i+len(to)-len(shape)] = own[i]
		}
	}
	return s
}

// tile1 repeats along one axis.
func tile1(n *op.Node) (*op.Plan, error) {
	count, err := n.IntOf(1)
	if err != nil {
		return nil, err
	}
	at, err := n.IntOf(2)
	if err != nil {
		return nil, err
	}
	axis, err := n.Axis(at, n.Rank(0))
	if err != nil {
		return nil, err
	}
	repeats := make([]int64, n.Rank(0))
	for i := range repeats {
		repeats[i] = 1
	}
	repeats[axis] = count
	return tiled(n, repeats)
}

func tile(n *op.Node) (*op.Plan, error) {
	repeats, err := n.IntsOf(1)
	if err != nil {
		return nil, err
	}
	if len(repeats) != n.Rank(0) {
		return nil, n.Errorf("repeats has %d elements, expected one for each of the %d dimensions", len(repeats), n.Rank(0))
	}
	return tiled(n, repeats)
}

// tiled repeats the input so many times along each dimension.
//
// See https://onnx.ai/onnx/operators/onnx__Tile.html
func tiled(n *op.Node, repeats []int64) (*op.Plan, error) {
	in := n.In[0].Shape
	shape := make([]int, len(in))
	for i, k := range repeats {
		if k < 0 || k > tensor.MaxBytes || in[i] > tensor.MaxBytes/int(max(k, 1)) {
			return nil, n.Errorf("%d repeats of a dimension of %d are out of range", k, in[i])
		}
		shape[i] = in[i] * int(k)
	}
	if _, err := tensor.Bytes(n.In[0].Type, shape); err != nil {
		return nil, err
	}
	var m move
	to, from := strides(shape), strides(in)
	for i, k := range repeats {
		m.shape = append(m.shape, int(k), in[i])
		m.to = append(m.to, to[i]*in[i], to[i])
		m.from = append(m.from, 0, from[i])
	}
	return op.Static(moveRun(m), op.Out(n.In[0].Type, shape...))
}

// blockShape checks an input of images and a block size.
func blockShape(n *op.Node) (shape []int, block int, err error) {
	shape = n.In[0].Shape
	if len(shape) != 4 {
		return nil, 0, n.Errorf("the input has %d dimensions, expected 4", len(shape))
	}
	b := n.Int("blocksize", 0)
	if b < 1 || b > 1<<20 {
		return nil, 0, n.Errorf("blocksize is %d, expected a positive number", b)
	}
	return shape, int(b), nil
}

// spaceToDepth moves blocks of pixels to channels.
//
// See https://onnx.ai/onnx/operators/onnx__SpaceToDepth.html
func spaceToDepth(n *op.Node) (*op.Plan, error) {
	s, b, err := blockShape(n)
	if err != nil {
		return nil, err
	}
	if s[2]%b != 0 || s[3]%b != 0 {
		return nil, n.Errorf("%dx%d pixels do not divide into blocks of %d", s[2], s[3], b)
	}
	h, w := s[2]/b, s[3]/b
	return permuted(n, []int{s[0], s[1], h, b, w, b}, []int{0, 3, 5, 1, 2, 4}, s[0], s[1]*b*b, h, w)
}

// depthToSpace moves channels to blocks of pixels, in the order DCR or CRD.
//
// See https://onnx.ai/onnx/operators/onnx__DepthToSpace.html
func depthToSpace(n *op.Node) (*op.Plan, error) {
	s, b, err := blockShape(n)
	if err != nil {
		return nil, err
	}
	if s[1]%(b*b) != 0 {
		return nil, n.Errorf("%d channels do not divide into blocks of %d by %d", s[1], b, b)
	}
	c := s[1] / (b * b)
	out := []int{s[0], c, s[2] * b, s[3] * b}
	if _, err := tensor.Bytes(n.In[0].Type, out); err != nil {
		return nil, err
	}
	switch mode := n.Str("mode", "DCR"); mode {
	case "DCR":
		return permuted(n, []int{s[0], b, b, c, s[2], s[3]}, []int{0, 3, 4, 1, 5, 2}, out...)
	case "CRD":
		return permuted(n, []int{s[0], c, b, b, s[2], s[3]}, []int{0, 1, 4, 2, 5, 3}, out...)
	default:
		return nil, n.Errorf("mode is %q, expected DCR or CRD", mode)
	}
}
