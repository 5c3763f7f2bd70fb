package ops

import (
	"math"
	"math/bits"
	"math/cmplx"
	"slices"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// signals are the operators on signals and their frequencies.
func signals() []op.Spec {
	return []op.Spec{
		{Name: "BlackmanWindow", Since: 17, MinIn: 1, MaxIn: 1, Compile: window(0.42, 0.5, 0.08)},
		{Name: "DFT", Since: 17, MinIn: 1, MaxIn: 3, Compile: dft},
		{Name: "HammingWindow", Since: 17, MinIn: 1, MaxIn: 1, Compile: window(25.0/46, 21.0/46, 0)},
		{Name: "HannWindow", Since: 17, MinIn: 1, MaxIn: 1, Compile: window(0.5, 0.5, 0)},
		{Name: "MelWeightMatrix", Since: 17, MinIn: 5, MaxIn: 5, Compile: melWeightMatrix},
		{Name: "STFT", Since: 17, MinIn: 2, MaxIn: 4, Compile: stft},
	}
}

// numberType is the attribute output_datatype, a type of numbers.
func numberType(n *op.Node) (tensor.Type, error) {
	t := n.Int("output_datatype", int64(tensor.FP32))
	if t < 1 || t > 255 || !isReal(tensor.Type(t)) && !isInteger(tensor.Type(t)) {
		return 0, n.Errorf("output_datatype is %d, expected a type of numbers", t)
	}
	return tensor.Type(t), nil
}

// window is a + b cos + c cos of the double angle, over one turn.
//
// See https://onnx.ai/onnx/operators/onnx__BlackmanWindow.html
func window(a, b, c float64) func(n *op.Node) (*op.Plan, error) {
	return func(n *op.Node) (*op.Plan, error) {
		size, err := n.IntOf(0)
		if err != nil {
			return nil, err
		}
		t, err := numberType(n)
		if err != nil {
			return nil, err
		}
		turn := float64(size)
		if !n.Flag("periodic", true) {
			turn = max(1, turn-1)
		}
		out := op.Out(t, int(size))
		return op.Static(func(r *op.Run, _, out []*tensor.Tensor) error {
			if err := r.Take(8 * size); err != nil {
				return err
			}
			defer r.Give(8 * size)
			v := make([]float64, size)
			r.For(len(v), grain/8, func(lo, hi int) {
				for i := lo; i < hi; i++ {
					angle := 2 * math.Pi * float64(i) / turn
					v[i] = a - b*math.Cos(angle) + c*math.Cos(2*angle)
				}
			})
			return (&converter{to: t, saturate: true}).putFloats(out[0], v)
		}, out)
	}
}

// spectrum computes transforms of one length: by halves where that is a power of two,
// else by a convolution of such a length, after Bluestein.
type spectrum struct {
	n       int
	inverse bool
	roots   []complex128 // of the power of two
	chirp   []complex128 // of Bluestein's, n of them
	kernel  []complex128 // the chirp's transform
}

// newSpectrum plans transforms of length n. They take time of n log n, and memory for
// about eight numbers for each element.
func newSpectrum(n int, inverse bool) *spectrum {
	s := &spectrum{n: n, inverse: inverse}
	size := n
	if n&(n-1) != 0 {
		size = 1 << bits.Len(uint(2*n-1))
	}
	s.roots = make([]complex128, size/2)
	for i := range s.roots {
		s.roots[i] = cmplx.Rect(1, -2*math.Pi*float64(i)/float64(size))
	}
	if size == n {
		return s
	}
	s.chirp, s.kernel = make([]complex128, n), make([]complex128, size)
	for i := range s.chirp {
		square := uint64(i) * uint64(i) % uint64(2*n) // exact where i is large
		s.chirp[i] = cmplx.Rect(1, -math.Pi*float64(square)/float64(n))
		s.kernel[i] = cmplx.Conj(s.chirp[i])
		s.kernel[(size-i)%size] = s.kernel[i]
	}
	s.halves(s.kernel)
	return s
}

// scratch is how many numbers transform needs.
func (s *spectrum) scratch() int { return len(s.kernel) }

// transform computes in place; inverse ones are divided by the length.
func (s *spectrum) transform(x, scratch []complex128) {
	if s.inverse {
		conjugate(x, 1)
	}
	if s.chirp == nil {
		s.halves(x)
	} else {
		s.bluestein(x, scratch)
	}
	if s.inverse {
		conjugate(x, 1/float64(s.n))
	}
}

func conjugate(x []complex128, scale float64) {
	for i, v := range x {
		x[i] = cmplx.Conj(v) * complex(scale, 0)
	}
}

func (s *spectrum) bluestein(x, y []complex128) {
	clear(y)
	for i, v := range x {
		y[i] = v * s.chirp[i]
	}
	s.halves(y)
	for i := range y {
		y[i] = cmplx.Conj(y[i] * s.kernel[i])
	}
	s.halves(y)
	scale := complex(1/float64(len(y)), 0)
	for i := range x {
		x[i] = cmplx.Conj(y[i]) * s.chirp[i] * scale
	}
}

// halves is the transform of a power of two elements.
func (s *spectrum) halves(x []complex128) {
	n := len(x)
	if n < 2 {
		return
	}
	shift := 64 - bits.Len(uint(n-1))
	for i := range x {
		if j := int(bits.Reverse64(uint64(i)) >> shift); i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for half := 1; half < n; half *= 2 {
		step := n / (2 * half)
		for from := 0; from < n; from += 2 * half {
			for k := range half {
				a, b := x[from+k], x[from+half+k]*s.roots[k*step]
				x[from+k], x[from+half+k] = a+b, a-b
			}
		}
	}
}

// realPart is the built-in real, whose name is an operator's here.
func realPart(v complex128) float64 { return imag(v * 1i) }

// lines is how a transform walks its input: lines of size elements, of parts numbers
// each, gap elements apart.
type lines struct {
	count, size, gap, parts int
	length                  int // of the transform
	kept, out               int // elements of a line of the output, and numbers of each
	inverse, half           bool
}

// dft is the discrete Fourier transform along an axis.
//
// See https://onnx.ai/onnx/operators/onnx__DFT.html
func dft(n *op.Node) (*op.Plan, error) {
	shape := n.In[0].Shape
	rank := len(shape)
	if rank < 2 || shape[rank-1] != 1 && shape[rank-1] != 2 || !isReal(n.In[0].Type) {
		return nil, n.Errorf("input 0 is %s%v, expected real numbers, one or two of them in the last dimension", n.In[0].Type, shape)
	}
	given := n.Int("axis", 1)
	if n.Version >= 20 {
		given = -2
		if n.Has(2) {
			var err error
			if given, err = n.IntOf(2); err != nil {
				return nil, err
			}
		}
	}
	axis, err := n.Axis(given, rank)
	if err != nil {
		return nil, err
	}
	if axis == rank-1 {
		return nil, n.Errorf("axis %d is that of the parts of complex numbers", given)
	}
	l := &lines{size: shape[axis], gap: tensor.Size(shape[axis+1 : rank-1]), parts: shape[rank-1], inverse: n.Flag("inverse", false), half: n.Flag("onesided", false), out: 2}
	length := int64(l.size)
	if l.inverse && l.half {
		length, l.out = 2*int64(l.size-1), 1
	}
	if n.Has(1) {
		if length, err = n.IntOf(1); err != nil {
			return nil, err
		}
	}
	if length < 1 || length > maxTransform {
		return nil, n.Errorf("a transform of %d elements, expected 1 to %d", length, maxTransform)
	}
	l.length, l.kept = int(length), int(length)
	if l.half && !l.inverse {
		l.kept = l.length/2 + 1
	}
	out := slices.Clone(shape)
	out[axis], out[rank-1] = l.kept, l.out
	l.count = tensor.Size(shape[:axis]) * l.gap
	return op.Static(l.run, op.Out(n.In[0].Type, out...))
}

// maxTransform bounds the elements of a transform.
const maxTransform = 1 << 28

// takeTransform counts the memory of transforms on a run's threads.
func takeTransform(r *op.Run, length int) (give func(), err error) {
	bytes := int64(length) * 16 * 4 * int64(2+r.Threads.Threads())
	if err := r.Take(bytes); err != nil {
		return nil, err
	}
	return func() { r.Give(bytes) }, nil
}

func (l *lines) run(r *op.Run, in, out []*tensor.Tensor) error {
	if out[0].Len() == 0 {
		return nil
	}
	give, err := takeTransform(r, l.length)
	if err != nil {
		return err
	}
	defer give()
	s := newSpectrum(l.length, l.inverse)
	r.For(l.count, max(1, grain/8/l.length), func(lo, hi int) {
		x, scratch := make([]complex128, l.length), make([]complex128, s.scratch())
		for i := lo; i < hi; i++ {
			if r.Stopped() {
				return
			}
			l.load(x, in[0], i/l.gap*l.size*l.gap+i%l.gap)
			s.transform(x, scratch)
			at := i/l.gap*l.kept*l.gap + i%l.gap
			for k := range l.kept {
				part := [2]float64{realPart(x[k]), imag(x[k])}
				storeReals(out[0], (at+k*l.gap)*l.out, part[:l.out])
			}
		}
	})
	return r.Err()
}

// load reads a line, cut off or with zeros behind it. One half of a spectrum is made
// whole.
func (l *lines) load(x []complex128, in *tensor.Tensor, at int) {
	clear(x)
	size := min(l.size, l.length)
	if l.inverse && l.half {
		size = min(size, l.length/2+1)
	}
	var part [2]float64
	for k := range size {
		loadReals(part[:l.parts], in, (at+k*l.gap)*l.parts)
		x[k] = complex(part[0], part[1])
		if mirror := l.length - k; l.inverse && l.half && k > 0 && mirror > k {
			x[mirror] = cmplx.Conj(x[k])
		}
	}
}

// stft transforms frames of a signal, each under a window.
//
// See https://onnx.ai/onnx/operators/onnx__STFT.html
func stft(n *op.Node) (*op.Plan, error) {
	shape := n.In[0].Shape
	if len(shape) == 2 {
		shape = append(slices.Clone(shape), 1)
	}
	if len(shape) != 3 || shape[2] != 1 && shape[2] != 2 || !isReal(n.In[0].Type) {
		return nil, n.Errorf("input 0 is %s%v, expected real numbers (batch, length, 1 or 2)", n.In[0].Type, n.In[0].Shape)
	}
	hop, err := n.IntOf(1)
	if err != nil {
		return nil, err
	}
	length := int64(shape[1])
	if n.Has(2) {
		if n.Rank(2) != 1 || !isReal(n.In[2].Type) {
			return nil, n.Errorf("the window is %s%v, expected real numbers in one dimension", n.In[2].Type, n.In[2].Shape)
		}
		length = int64(n.In[2].Shape[0])
	}
	if n.Has(3) {
		if length, err = n.IntOf(3); err != nil {
			return nil, err
		}
	}
	if hop < 1 || length < 1 || length > int64(shape[1]) || length > maxTransform {
		return nil, n.Errorf("frames of %d elements every %d of a signal of %d", length, hop, shape[1])
	}
	f := &frames{size: shape[1], parts: shape[2], length: int(length), count: int((int64(shape[1])-length)/hop) + 1, kept: int(length)}
	f.hop = int(min(hop, int64(f.size)))
	if n.Flag("onesided", true) {
		f.kept = f.length/2 + 1
	}
	return op.Static(f.run, op.Out(n.In[0].Type, shape[0], f.count, f.kept, 2))
}

// frames is a compiled STFT.
type frames struct {
	size, parts int // elements of a signal, and numbers of each
	length, hop int
	count, kept int // frames of a signal, and elements of the transform of each
}

func (f *frames) run(r *op.Run, in, out []*tensor.Tensor) error {
	if out[0].Len() == 0 {
		return nil
	}
	give, err := takeTransform(r, f.length)
	if err != nil {
		return err
	}
	defer give()
	weights := constants64(f.length, 1)
	if len(in) > 2 && in[2] != nil {
		given := in[2].Len()
		loadReals(weights[:min(given, f.length)], in[2], 0)
		clear(weights[min(given, f.length):])
	}
	s := newSpectrum(f.length, false)
	r.For(in[0].Shape[0]*f.count, max(1, grain/8/f.length), func(lo, hi int) {
		x, scratch, line := make([]complex128, f.length), make([]complex128, s.scratch()), make([]float64, f.length*f.parts)
		for i := lo; i < hi; i++ {
			if r.Stopped() {
				return
			}
			loadReals(line, in[0], (i/f.count*f.size+i%f.count*f.hop)*f.parts)
			for k, w := range weights {
				if x[k] = complex(line[k*f.parts]*w, 0); f.parts == 2 {
					x[k] = complex(line[2*k]*w, line[2*k+1]*w)
				}
			}
			s.transform(x, scratch)
			for k := range f.kept {
				storeReals(out[0], (i*f.kept+k)*2, []float64{realPart(x[k]), imag(x[k])})
			}
		}
	})
	return r.Err()
}

// melWeightMatrix makes triangles of weights that make bands of equal width on the mel
// scale of a spectrum.
//
// See https://onnx.ai/onnx/operators/onnx__MelWeightMatrix.html
func melWeightMatrix(n *op.Node) (*op.Plan, error) {
	var whole [3]int64 // bands, length of the transform, samples a second
	var edge [2]float64
	for i := range 5 {
		t, err := n.Value(i)
		if err != nil {
			return nil, err
		}
		v, err := t.Float64s()
		if err != nil || len(v) != 1 {
			return nil, n.Errorf("input %d is %s%v, expected one number", i, t.Type, t.Shape)
		}
		if i < 3 {
			whole[i] = toInt(v[0], tensor.I64)
		} else {
			edge[i-3] = v[0]
		}
	}
	bands, length, rate := whole[0], whole[1], whole[2]
	if bands < 0 || bands > maxTransform || length < 1 || length > maxTransform || rate < 1 {
		return nil, n.Errorf("%d bands of a transform of %d elements at %d samples a second", bands, length, rate)
	}
	t, err := numberType(n)
	if err != nil {
		return nil, err
	}
	rows := int(length/2) + 1
	out := op.Out(t, rows, int(bands))
	return op.Static(func(r *op.Run, _, out []*tensor.Tensor) error {
		bytes := 8 * int64(out[0].Len())
		if err := r.Take(bytes); err != nil {
			return err
		}
		defer r.Give(bytes)
		m := make([]float64, out[0].Len())
		low, high := mel(edge[0]), mel(edge[1])
		row := func(i int) int {
			hertz := 700 * (math.Pow(10, (low+float64(i)*(high-low)/float64(bands+2))/2595) - 1)
			return int(max(-1, min(float64(rows), math.Floor(float64(length+1)*hertz/float64(rate)))))
		}
		for b := range int(bands) {
			if b%1024 == 0 && r.Stopped() {
				return op.ErrStopped
			}
			melTriangle(row(b), row(b+1), row(b+2), rows, func(k int, v float64) { m[k*int(bands)+b] = v })
		}
		return (&converter{to: t, saturate: true}).putFloats(out[0], m)
	}, out)
}

func mel(hertz float64) float64 { return 2595 * math.Log10(1+hertz/700) }

// melTriangle rises from left to center and falls to right, of which it keeps what is in
// rows.
func melTriangle(left, center, right, rows int, set func(k int, v float64)) {
	if left == center && center >= 0 && center < rows {
		set(center, 1)
	}
	for k := max(0, left); left < center && k <= min(center, rows-1); k++ {
		set(k, float64(k-left)/float64(center-left))
	}
	for k := max(0, center); k < min(right, rows); k++ {
		set(k, float64(right-k)/float64(right-center))
	}
}
