// Package valuediff compares values element by element, with tolerances, as ONNX's own
// tests do.
package valuediff

import (
	"bytes"
	"fmt"
	"math"
	"slices"

	"github.com/wasinn/wasinn/backends"
)

// Tolerance says how far a float may be from the one that it is compared with: by no more
// than ATol + RTol*|expected|. An integer may be off by ATol. All else is compared
// exactly. A NaN equals a NaN, an infinity only itself.
type Tolerance struct{ RTol, ATol float64 }

// Difference is what a comparison found.
type Difference struct {
	// Elements that were compared, and how many of them are too far off.
	Elements, Differ uint64
	// MaxAbs is the largest distance of two elements, MaxRel the largest in proportion to
	// the expected one. Both are 0 for strings, and leave out what is not finite.
	MaxAbs, MaxRel float64
	// Worst is the tensor with the element that is farthest off, or what could not be
	// compared at all; nil when everything is within tolerance.
	Worst *Worst
}

// Worst is where two values differ most.
type Worst struct {
	// Path leads to the tensor in a sequence or map, as in "element 2: keys: ".
	Path string
	// Mismatch says how kinds, types or shapes differ, when that is why nothing could be
	// compared; the fields below are then empty.
	Mismatch string
	// Type and Dims of the tensor, how many elements it has, and how many are too far off.
	Type             backends.ElementType
	Dims             []uint32
	Elements, Differ uint64
	// Index of the element, and the two elements.
	Index       []int
	Found, Want string

	off float64
}

// Equal says whether everything is within tolerance.
func (d Difference) Equal() bool { return d.Worst == nil }

// Err is nil when everything is within tolerance.
func (d Difference) Err() error {
	w := d.Worst
	switch {
	case w == nil:
		return nil
	case w.Mismatch != "":
		return fmt.Errorf("%s%s", w.Path, w.Mismatch)
	}
	return fmt.Errorf("%s%d of %d elements of %s%v differ; at %v found %s, expected %s",
		w.Path, w.Differ, w.Elements, w.Type, w.Dims, w.Index, w.Found, w.Want)
}

// Compare compares what was found with what is wanted. An optional that holds a value
// equals that value.
func (t Tolerance) Compare(found, want backends.Value) Difference {
	c := comparison{tolerance: t}
	c.values("", found, want)
	return c.Difference
}

// comparison gathers what differs.
type comparison struct {
	Difference
	tolerance Tolerance
}

// take makes w the worst if it is.
func (c *comparison) take(w Worst) {
	if c.Worst == nil || w.off > c.Worst.off {
		c.Worst = &w
	}
}

func (c *comparison) mismatch(path, format string, args ...any) {
	c.take(Worst{Path: path, Mismatch: fmt.Sprintf(format, args...), off: math.Inf(1)})
}

func (c *comparison) values(path string, found, want backends.Value) {
	found, want = held(found), held(want)
	switch want := want.(type) {
	case *backends.Tensor:
		if f, ok := found.(*backends.Tensor); ok {
			c.tensors(path, f, want)
			return
		}
	case *backends.Sequence:
		if f, ok := found.(*backends.Sequence); ok {
			c.sequences(path, f, want)
			return
		}
	case *backends.Map: // both come sorted
		if f, ok := found.(*backends.Map); ok {
			c.tensors(path+"keys: ", f.Keys(), want.Keys())
			c.tensors(path+"values: ", f.Values(), want.Values())
			return
		}
	case nil:
		if found == nil {
			return
		}
	}
	c.mismatch(path, "found %s, expected %s", kindOf(found), kindOf(want))
}

// held is what an optional holds, nil when it is empty, and other values themselves.
func held(v backends.Value) backends.Value {
	for {
		o, ok := v.(*backends.Optional)
		if !ok {
			return v
		}
		v = o.Value()
	}
}

func kindOf(v backends.Value) string {
	if v == nil {
		return "nothing"
	}
	return v.ValueType().String()
}

func (c *comparison) sequences(path string, found, want *backends.Sequence) {
	if n, m := len(found.Values()), len(want.Values()); n != m {
		c.mismatch(path, "found a sequence of %d, expected %d", n, m)
		return
	}
	for i, v := range found.Values() {
		c.values(fmt.Sprintf("%selement %d: ", path, i), v, want.Values()[i])
	}
}

func (c *comparison) tensors(path string, found, want *backends.Tensor) {
	if found.Type() != want.Type() || !slices.Equal(found.Dims(), want.Dims()) {
		c.mismatch(path, "found %s%v, expected %s%v", found.Type(), found.Dims(), want.Type(), want.Dims())
		return
	}
	n, err := backends.ElementCount(want.Dims())
	if err != nil {
		c.mismatch(path, "%v", err)
		return
	}
	c.Elements += n
	w := Worst{Path: path, Type: want.Type(), Dims: want.Dims(), Elements: n, off: -1}
	at := -1
	switch {
	case want.Type() == backends.String:
		at = w.strings(found.Strings(), want.Strings())
	case want.Type() == backends.FP32:
		at = c.floats(&w, found.Data(), want.Data(), int(n))
	default:
		at = c.elements(&w, found.Data(), want.Data(), int(n))
	}
	c.Differ += w.Differ
	if w.Differ > 0 {
		w.Index = position(at, want.Dims())
		c.take(w)
	}
}

// strings compares strings and returns the place of the first that differs.
func (w *Worst) strings(found, want []string) (at int) {
	for i, s := range want {
		if s == found[i] {
			continue
		}
		if w.Differ++; w.Differ == 1 {
			at, w.off, w.Found, w.Want = i, math.Inf(1), fmt.Sprintf("%q", found[i]), fmt.Sprintf("%q", s)
		}
	}
	return at
}

// floats is elements for FP32, which most tensors are of.
func (c *comparison) floats(w *Worst, found, want []byte, n int) (at int) {
	if bytes.Equal(found, want) {
		return 0
	}
	var f, e float64
	for i := range n {
		found, want := float64(float32At(found, i)), float64(float32At(want, i))
		if found == want {
			continue
		}
		if off := c.off(number{re: found}, number{re: want}, true); off > 1 {
			if w.Differ++; off > w.off {
				at, w.off, f, e = i, off, found, want
			}
		}
	}
	w.Found, w.Want = fmt.Sprint(float32(f)), fmt.Sprint(float32(e))
	return at
}

// elements compares the elements of two tensors and returns the place of the worst.
func (c *comparison) elements(w *Worst, found, want []byte, n int) (at int) {
	if bytes.Equal(found, want) {
		return 0
	}
	read, float := reader(w.Type), isFloat(w.Type)
	if read == nil {
		w.Differ = uint64(n)
		w.off, w.Found, w.Want = math.Inf(1), "other bytes", "these"
		return 0
	}
	var f, e number
	for i := range n {
		found, want := read(found, i), read(want, i)
		if off := c.off(found, want, float); off > 1 {
			if w.Differ++; off > w.off {
				at, w.off, f, e = i, off, found, want
			}
		}
	}
	w.Found, w.Want = f.String(), e.String()
	return at
}

// off tells how far two elements are from each other in tolerances: more than 1 is too
// far. It takes the largest distances down.
func (c *comparison) off(found, want number, float bool) float64 {
	if !float {
		if found.bits == want.bits {
			return 0
		}
		return c.far(found.distance(want), want.size(), c.tolerance.ATol)
	}
	if same(found.re, want.re) && same(found.im, want.im) {
		return 0
	}
	distance := math.Hypot(found.re-want.re, found.im-want.im)
	size := math.Hypot(want.re, want.im)
	if math.IsNaN(distance) || math.IsInf(distance, 0) || math.IsInf(size, 0) {
		return math.Inf(1)
	}
	return c.far(distance, size, c.tolerance.ATol+c.tolerance.RTol*size)
}

// far is a distance in proportion to what is allowed, for an element of a size.
func (c *comparison) far(distance, size, allowed float64) float64 {
	c.MaxAbs = max(c.MaxAbs, distance)
	if size > 0 {
		c.MaxRel = max(c.MaxRel, distance/size)
	}
	if distance == 0 {
		return 0
	}
	return distance / allowed // infinite when nothing is allowed
}

// position writes the place of element i in a tensor.
func position(i int, dims []uint32) []int {
	at := make([]int, len(dims))
	for k, d := range slices.Backward(dims) {
		at[k] = i % int(d)
		i /= int(d)
	}
	return at
}
