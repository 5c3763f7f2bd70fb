package ops

import (
	"cmp"
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// selections are the operators that choose elements by their values.
func selections() []op.Spec {
	return []op.Spec{
		{Name: "Compress", Since: 9, MinIn: 2, MaxIn: 2, Compile: compress},
		{Name: "NonZero", Since: 9, MinIn: 1, MaxIn: 1, Compile: nonZero},
		{Name: "TopK", Since: 1, MinIn: 1, MaxIn: 1, MaxOut: 2, Compile: topK1},
		{Name: "TopK", Since: 10, MinIn: 2, MaxIn: 2, MaxOut: 2, Compile: topK},
		{Name: "Unique", Since: 11, MinIn: 1, MaxIn: 1, MaxOut: 4, Compile: unique},
	}
}

// compress takes the slices along an axis, or the elements, where a condition holds.
//
// See https://onnx.ai/onnx/operators/onnx__Compress.html
func compress(n *op.Node) (*op.Plan, error) {
	if err := tensorsAlike(n, 0); err != nil {
		return nil, err
	}
	if err := n.Want(1, tensor.Bool); err != nil {
		return nil, err
	}
	if n.Rank(1) != 1 {
		return nil, n.Errorf("the condition has %d dimensions, expected 1", n.Rank(1))
	}
	shape, axis := n.In[0].Shape, 0
	if n.Attr("axis") {
		var err error
		if axis, err = n.Axis(n.Int("axis", 0), len(shape)); err != nil {
			return nil, err
		}
	} else {
		shape = []int{tensor.Size(shape)}
	}
	t := n.In[0].Type
	put := pickItem(t, copyRows[uint8], copyRows[uint16], copyRows[uint32], copyRows[uint64], copyRows[complex128], copyRows[string])
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		data, condition := in[0].(*tensor.Tensor), tensor.As[bool](in[1].(*tensor.Tensor))
		outer, size, inner := splitAt(shape, axis)
		if err := spare(r, 8*len(condition)); err != nil {
			return nil, err
		}
		var at []int64
		for i, take := range condition {
			switch {
			case !take:
			case i >= size:
				return nil, n.Errorf("the condition holds for slice %d of %d", i, size)
			default:
				at = append(at, int64(i*inner))
			}
		}
		to := slices.Clone(shape)
		to[axis] = len(at)
		out, err := r.New(t, to...)
		if err == nil {
			put(r, out, data, at, inner, outer, size*inner)
		}
		return []tensor.Value{out}, err
	})
}

// nonZero gives the indices of elements that are not zero, one column for each.
//
// See https://onnx.ai/onnx/operators/onnx__NonZero.html
func nonZero(n *op.Node) (*op.Plan, error) {
	if n.In[0].Kind != 1 {
		return nil, n.Errorf("input 0 is no tensor")
	}
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		t := in[0].(*tensor.Tensor)
		if err := spare(r, 8*t.Len()); err != nil {
			return nil, err
		}
		at := nonZeros(t)
		out, err := r.New(tensor.I64, t.Rank(), len(at))
		if err != nil {
			return nil, err
		}
		dst, step := tensor.As[int64](out), strides(t.Shape)
		for d, s := range step {
			line := dst[d*len(at):][:len(at)]
			for i, k := range at {
				line[i] = int64(k / s % t.Shape[d])
			}
		}
		return []tensor.Value{out}, r.Err()
	})
}

// nonZeros are the numbers of the elements that are not zero, or not empty.
func nonZeros(t *tensor.Tensor) []int {
	var at []int
	switch t.Type {
	case tensor.String:
		for i, s := range t.Strings {
			if s != "" {
				at = append(at, i)
			}
		}
	case tensor.FP32:
		at = unlikeZero(tensor.As[float32](t))
	case tensor.FP64:
		at = unlikeZero(tensor.As[float64](t))
	case tensor.C64:
		at = unlikeZero(tensor.As[complex64](t))
	case tensor.C128:
		at = unlikeZero(tensor.As[complex128](t))
	case tensor.FP16, tensor.BF16:
		for i, v := range tensor.As[uint16](t) {
			if v&0x7fff != 0 {
				at = append(at, i)
			}
		}
	default:
		at = pickInts(t)(t)
	}
	return at
}

func pickInts(t *tensor.Tensor) func(*tensor.Tensor) []int {
	switch tensor.ItemSize(t.Type) {
	case 1:
		return func(t *tensor.Tensor) []int { return unlikeZero(tensor.As[uint8](t)) }
	case 2:
		return func(t *tensor.Tensor) []int { return unlikeZero(tensor.As[uint16](t)) }
	case 4:
		return func(t *tensor.Tensor) []int { return unlikeZero(tensor.As[uint32](t)) }
	}
	return func(t *tensor.Tensor) []int { return unlikeZero(tensor.As[uint64](t)) }
}

func unlikeZero[T uint8 | uint16 | uint32 | uint64 | float32 | float64 | complex64 | complex128](s []T) []int {
	count := 0
	for _, v := range s {
		if v != 0 {
			count++
		}
	}
	at := make([]int, 0, count)
	for i, v := range s {
		if v != 0 {
			at = append(at, i)
		}
	}
	return at
}

// ordered32 and ordered64 map numbers to integers of the same order, in which both zeros
// are equal and NaN comes last.
func ordered32(v float32) uint32 {
	switch b := math.Float32bits(v); {
	case v != v:
		return math.MaxUint32
	case v == 0:
		return 1 << 31
	case b>>31 == 1:
		return ^b
	default:
		return b | 1<<31
	}
}

func ordered64(v float64) uint64 {
	switch b := math.Float64bits(v); {
	case v != v:
		return math.MaxUint64
	case v == 0:
		return 1 << 63
	case b>>63 == 1:
		return ^b
	default:
		return b | 1<<63
	}
}

// orderOf is a function that gives element i of a tensor as an integer, by which elements
// are in order; nil for types that have none. narrow says that 32 bits are enough.
func orderOf(t *tensor.Tensor) (order func(i int) uint64, narrow bool) {
	switch t.Type {
	case tensor.FP32:
		s := tensor.As[float32](t)
		return func(i int) uint64 { return uint64(ordered32(s[i])) }, true
	case tensor.FP64:
		s := tensor.As[float64](t)
		return func(i int) uint64 { return ordered64(s[i]) }, false
	case tensor.FP16:
		s := tensor.As[uint16](t)
		return func(i int) uint64 { return uint64(ordered32(tensor.FromFP16(s[i]))) }, true
	case tensor.BF16:
		s := tensor.As[uint16](t)
		return func(i int) uint64 { return uint64(ordered32(tensor.FromBF16(s[i]))) }, true
	case tensor.I8, tensor.I4, tensor.I2:
		s := tensor.As[int8](t)
		return func(i int) uint64 { return uint64(uint8(s[i]) ^ 0x80) }, true
	case tensor.I16:
		s := tensor.As[int16](t)
		return func(i int) uint64 { return uint64(uint16(s[i]) ^ 0x8000) }, true
	case tensor.I32:
		s := tensor.As[int32](t)
		return func(i int) uint64 { return uint64(uint32(s[i]) ^ 1<<31) }, true
	case tensor.I64:
		s := tensor.As[int64](t)
		return func(i int) uint64 { return uint64(s[i]) ^ 1<<63 }, false
	case tensor.U8, tensor.Bool, tensor.U4, tensor.U2:
		s := tensor.As[uint8](t)
		return func(i int) uint64 { return uint64(s[i]) }, true
	case tensor.U16:
		s := tensor.As[uint16](t)
		return func(i int) uint64 { return uint64(s[i]) }, true
	case tensor.U32:
		s := tensor.As[uint32](t)
		return func(i int) uint64 { return uint64(s[i]) }, true
	case tensor.U64:
		s := tensor.As[uint64](t)
		return func(i int) uint64 { return s[i] }, false
	}
	return nil, false
}

func hasOrder(t tensor.Type) bool {
	order, _ := orderOf(tensor.New(t, 0))
	return order != nil
}

func topK1(n *op.Node) (*op.Plan, error) { return topKOf(n, n.Int("k", -1)) }

func topK(n *op.Node) (*op.Plan, error) {
	k, err := n.IntOf(1)
	if err != nil {
		return nil, err
	}
	return topKOf(n, k)
}

// topKOf gives the k largest or smallest elements along an axis, in order, and their
// indices. Of equal elements those of lower indices come first; NaN counts as the
// largest.
//
// See https://onnx.ai/onnx/operators/onnx__TopK.html
func topKOf(n *op.Node, k int64) (*op.Plan, error) {
	shape, t := n.In[0].Shape, n.In[0].Type
	axis, err := n.Axis(n.Int("axis", -1), len(shape))
	if err != nil {
		return nil, err
	}
	if k < 0 || k > int64(shape[axis]) {
		return nil, n.Errorf("k is %d, in a dimension of %d", k, shape[axis])
	}
	if !hasOrder(t) {
		return nil, n.Unsupportedf("the order of %s", t)
	}
	p := &top{k: int(k), largest: n.Flag("largest", true)}
	p.outer, p.size, p.inner = splitAt(shape, axis)
	out := slices.Clone(shape)
	out[axis] = int(k)
	put := pickItem(t, replace[uint8], replace[uint16], replace[uint32], replace[uint64], replace[complex128], replace[string])
	return op.Static(func(r *op.Run, in, out []*tensor.Tensor) error {
		return p.run(r, in[0], out, put)
	}, op.Out(t, out...), op.Out(tensor.I64, out...))
}

type top struct {
	k, outer, size, inner int
	largest               bool
}

// ranked is an element of a line with its place in the order.
type ranked struct {
	key uint64
	at  int64
}

func (p *top) run(r *op.Run, in *tensor.Tensor, out []*tensor.Tensor, put func(dst, src *tensor.Tensor) merge) error {
	if p.k == 0 {
		return nil
	}
	if err := spare(r, 16*p.size*r.Threads.Threads()); err != nil {
		return err
	}
	order, narrow := orderOf(in)
	narrow = narrow && p.size < 1<<32
	write := merge(func(int, int, int) {})
	if out[0] != nil {
		write = put(out[0], in)
	}
	var index []int64
	if len(out) > 1 && out[1] != nil {
		index = tensor.As[int64](out[1])
	}
	r.For(p.outer*p.inner, grainOf(p.size), func(lo, hi int) {
		var packed []uint64
		var wide []ranked
		for i := lo; i < hi && !r.Stopped(); i++ {
			base, to := i/p.inner*p.size*p.inner+i%p.inner, i/p.inner*p.k*p.inner+i%p.inner
			if narrow {
				packed = p.linePacked(r, packed[:0], order, base)
			} else {
				wide = p.lineWide(r, wide[:0], order, base)
			}
			for j := range p.k {
				var at int64
				if narrow {
					at = int64(packed[j] & math.MaxUint32)
				} else {
					at = wide[j].at
				}
				write(to+j*p.inner, base+int(at)*p.inner, 1)
				if index != nil {
					index[to+j*p.inner] = at
				}
			}
		}
	})
	return r.Err()
}

// linePacked puts the first k of a line in order, as integers of key and index.
func (p *top) linePacked(r *op.Run, line []uint64, order func(int) uint64, base int) []uint64 {
	for i := range p.size {
		key := order(base + i*p.inner)
		if p.largest {
			key = math.MaxUint32 - key
		}
		line = append(line, key<<32|uint64(i))
	}
	return firstOf(r, line, p.k, func(a, b uint64) int { return cmp.Compare(a, b) })
}

func (p *top) lineWide(r *op.Run, line []ranked, order func(int) uint64, base int) []ranked {
	for i := range p.size {
		key := order(base + i*p.inner)
		if p.largest {
			key = ^key
		}
		line = append(line, ranked{key, int64(i)})
	}
	return firstOf(r, line, p.k, func(a, b ranked) int {
		return cmp.Or(cmp.Compare(a.key, b.key), cmp.Compare(a.at, b.at))
	})
}

// firstOf puts the k first elements in order at the beginning: with a heap when they are
// few, else by sorting all.
func firstOf[T any](r *op.Run, s []T, k int, compare func(a, b T) int) []T {
	order := compare
	if len(s) > 1<<20 { // long enough to be stopped
		order = func(a, b T) int {
			if r.Stopped() {
				return 0
			}
			return compare(a, b)
		}
	}
	if k > len(s)/8 {
		slices.SortFunc(s, order)
		return s
	}
	heap := s[:k] // the last one in order is on top
	down := func(i, n int) {
		for {
			c := 2*i + 1
			if c >= n {
				return
			}
			if c+1 < n && order(heap[c], heap[c+1]) < 0 {
				c++
			}
			if order(heap[i], heap[c]) >= 0 {
				return
			}
			heap[i], heap[c] = heap[c], heap[i]
			i = c
		}
	}
	for i := k/2 - 1; i >= 0; i-- {
		down(i, k)
	}
	for _, v := range s[k:] {
		if order(v, heap[0]) < 0 {
			heap[0] = v
			down(0, k)
		}
	}
	slices.SortFunc(heap, order)
	return s
}

// unique gives the different elements, or slices along an axis, of a tensor: sorted, or
// in the order they first come in; and of each the first index, its place for every
// element, and how often it comes.
//
// See https://onnx.ai/onnx/operators/onnx__Unique.html
func unique(n *op.Node) (*op.Plan, error) {
	if err := tensorsAlike(n, 0); err != nil {
		return nil, err
	}
	shape, axis, t := n.In[0].Shape, 0, n.In[0].Type
	if n.Attr("axis") {
		var err error
		if axis, err = n.Axis(n.Int("axis", 0), len(shape)); err != nil {
			return nil, err
		}
	} else {
		shape = []int{tensor.Size(shape)}
	}
	if t != tensor.String && !hasOrder(t) {
		return nil, n.Unsupportedf("the order of %s", t)
	}
	sorted := n.Flag("sorted", true)
	put := pickItem(t, copyRows[uint8], copyRows[uint16], copyRows[uint32], copyRows[uint64], copyRows[complex128], copyRows[string])
	return op.Dynamic(func(r *op.Run, in []tensor.Value) ([]tensor.Value, error) {
		data := in[0].(*tensor.Tensor)
		outer, size, inner := splitAt(shape, axis)
		if err := spare(r, 16*data.Len()+48*size); err != nil {
			return nil, err
		}
		compare := sliceOrder(data, outer, size, inner)
		groups, place := group(size, sorted, func(a, b int) int {
			if r.Stopped() {
				return 0
			}
			return compare(a, b)
		})
		if err := r.Err(); err != nil {
			return nil, err
		}
		at, first, counts := make([]int64, len(groups)), make([]int64, len(groups)), make([]int64, len(groups))
		for i, g := range groups {
			at[i], first[i], counts[i] = int64(g.first*inner), int64(g.first), int64(g.count)
		}
		to := slices.Clone(shape)
		to[axis] = len(groups)
		out, err := r.New(t, to...)
		if err != nil {
			return nil, err
		}
		put(r, out, data, at, inner, outer, size*inner)
		return []tensor.Value{out, tensor.Ints(first...), tensor.Ints(place...), tensor.Ints(counts...)}, r.Take(int64(8 * (size + 2*len(groups))))
	})
}

// alike is slices that are equal.
type alike struct{ first, count int }

// group finds which of n slices are equal, and the group of each.
func group(n int, sorted bool, compare func(a, b int) int) ([]alike, []int64) {
	order := make([]int, n)
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Or(compare(a, b), a-b) })
	var groups []alike
	place := make([]int64, n)
	for i, k := range order {
		if i == 0 || compare(order[i-1], k) != 0 {
			groups = append(groups, alike{first: k})
		}
		groups[len(groups)-1].count++
		place[k] = int64(len(groups) - 1)
	}
	if sorted {
		return groups, place
	}
	came := make([]int, len(groups))
	for i := range came {
		came[i] = i
	}
	slices.SortFunc(came, func(a, b int) int { return groups[a].first - groups[b].first })
	to := make([]int64, len(groups))
	byFirst := make([]alike, len(groups))
	for i, g := range came {
		to[g] = int64(i)
		byFirst[i] = groups[g]
	}
	for i, g := range place {
		place[i] = to[g]
	}
	return byFirst, place
}

// sliceOrder compares two slices along the middle dimension.
func sliceOrder(t *tensor.Tensor, outer, size, inner int) func(a, b int) int {
	each := func(element func(i, j int) int) func(a, b int) int {
		return func(a, b int) int {
			for o := range outer {
				for i := range inner {
					base := o*size*inner + i
					if c := element(base+a*inner, base+b*inner); c != 0 {
						return c
					}
				}
			}
			return 0
		}
	}
	if t.Type == tensor.String {
		return each(func(i, j int) int { return cmp.Compare(t.Strings[i], t.Strings[j]) })
	}
	order, _ := orderOf(t)
	return each(func(i, j int) int { return cmp.Compare(order(i), order(j)) })
}
