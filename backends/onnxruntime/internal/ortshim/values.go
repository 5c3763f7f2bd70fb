//go:build cgo && (linux || darwin)

package ortshim

/*
#include <stdlib.h>
#include "ort.h"
*/
import "C"

import (
	"fmt"
	"math"
	"runtime"
	"unsafe"
)

// Value is a value of ONNX Runtime that its holder releases.
type Value struct {
	lib   *Library
	value *C.OrtValue // nil for an empty optional
}

// Release gives the value's memory back. Calls after the first do nothing.
func (v *Value) Release() {
	if v.value != nil {
		C.ort_release_value(v.lib.lib, v.value)
		v.value = nil
	}
}

func (l *Library) made(value *C.OrtValue, status *C.OrtStatus) (*Value, error) {
	if err := l.take(status); err != nil {
		return nil, err
	}
	return &Value{l, value}, nil
}

// sizes are dims as C wants them, with at least one element to point to.
func sizes(dims []uint32) []C.int64_t {
	c := make([]C.int64_t, len(dims), len(dims)+1)
	for i, d := range dims {
		c[i] = C.int64_t(d)
	}
	return c
}

// NewTensor makes a tensor with a copy of data. The error is *Error.
func (l *Library) NewTensor(elementType int, dims []uint32, data []byte) (*Value, error) {
	var value *C.OrtValue
	size := sizes(dims)
	status := C.ort_new_tensor(l.lib, C.int(elementType), unsafe.SliceData(size), C.size_t(len(dims)),
		unsafe.Pointer(unsafe.SliceData(data)), C.size_t(len(data)), &value)
	return l.made(value, status)
}

// NewStrings makes a tensor of strings, with copies of them. The error is *Error.
func (l *Library) NewStrings(dims []uint32, strings []string) (*Value, error) {
	var value *C.OrtValue
	size := sizes(dims)
	var bytes []byte
	ends := make([]C.size_t, len(strings), len(strings)+1)
	for i, s := range strings {
		bytes = append(bytes, s...)
		ends[i] = C.size_t(len(bytes))
	}
	status := C.ort_new_strings(l.lib, unsafe.SliceData(size), C.size_t(len(dims)),
		(*C.char)(unsafe.Pointer(unsafe.SliceData(bytes))), unsafe.SliceData(ends), C.size_t(len(strings)), &value)
	return l.made(value, status)
}

// NewCollection makes a sequence of elements, or a map of two: its keys and its
// values. It keeps none of them. The error is *Error.
func (l *Library) NewCollection(kind Kind, elements []*Value) (*Value, error) {
	var value *C.OrtValue
	all := make([]*C.OrtValue, len(elements), len(elements)+1)
	for i, e := range elements {
		all[i] = e.value
	}
	status := C.ort_new_collection(l.lib, C.ONNXType(kind), unsafe.SliceData(all), C.size_t(len(all)), &value)
	return l.made(value, status)
}

// Kind of the value; UnknownKind for an optional that is empty. ONNX Runtime has
// one that is not empty as what it holds. The error is *Error.
func (v *Value) Kind() (Kind, error) {
	var kind C.ONNXType
	err := v.lib.take(C.ort_kind_of(v.lib.lib, v.value, &kind))
	return Kind(kind), err
}

// Tensor is what a Value of TensorKind holds.
type Tensor struct {
	Type int
	Dims []int64
	// Data are a copy of the bytes, Strings the elements of a tensor of strings.
	Data    []byte
	Strings []string
}

// stringType is ONNX_TENSOR_ELEMENT_DATA_TYPE_STRING.
const stringType = 8

// Tensor copies out of a value that is a tensor. The error is *Error when it is
// ONNX Runtime's.
func (v *Value) Tensor() (t Tensor, err error) {
	defer runtime.KeepAlive(v)
	var c C.ort_output
	if err := v.lib.take(C.ort_read_tensor(v.lib.lib, v.value, &c)); err != nil {
		return t, err
	}
	t.Type = int(c._type)
	count := 1.0
	for _, d := range c.dims[:c.rank] {
		t.Dims = append(t.Dims, int64(d))
		count *= float64(d)
	}
	if t.Type != stringType {
		t.Data = make([]byte, c.size)
		copy(t.Data, unsafe.Slice((*byte)(c.data), int(c.size)))
		return t, nil
	}
	if count < 0 || count > math.MaxInt32 {
		return t, fmt.Errorf("a tensor of %v strings", t.Dims)
	}
	t.Strings, err = v.strings(int(count), c.size)
	return t, err
}

// strings copies count strings, of size bytes together.
func (v *Value) strings(count int, size C.size_t) ([]string, error) {
	if count == 0 {
		return []string{}, nil
	}
	bytes := make([]byte, size, size+1)
	starts := make([]C.size_t, count)
	status := C.ort_read_strings(v.lib.lib, v.value, unsafe.Pointer(unsafe.SliceData(bytes)), size, unsafe.SliceData(starts), C.size_t(count))
	if err := v.lib.take(status); err != nil {
		return nil, err
	}
	strings := make([]string, count)
	end := size
	for i := count - 1; i >= 0; i-- {
		strings[i] = string(bytes[starts[i]:end])
		end = starts[i]
	}
	return strings, nil
}

// Elements are the elements of a sequence, or the keys and the values of a map.
// Each is the caller's to release. The error is *Error when it is ONNX Runtime's.
func (v *Value) Elements() ([]*Value, error) {
	var n C.size_t
	if err := v.lib.take(C.ort_count_elements(v.lib.lib, v.value, &n)); err != nil {
		return nil, err
	}
	if n > math.MaxInt32 {
		return nil, fmt.Errorf("a sequence of %d elements", uint64(n))
	}
	elements := make([]*Value, 0, n)
	for i := range n {
		var value *C.OrtValue
		status := C.ort_element(v.lib.lib, v.value, C.int(i), &value)
		e, err := v.lib.made(value, status)
		if err != nil {
			ReleaseAll(elements)
			return nil, err
		}
		elements = append(elements, e)
	}
	return elements, nil
}

// ReleaseAll releases values.
func ReleaseAll(values []*Value) {
	for _, v := range values {
		v.Release()
	}
}

// ComputeValues runs the session on values of all kinds: the value in a slot is
// that of the input with the index in the same slot, as in Feed. The inputs stay
// the caller's, and the outputs, in the session's order, become the caller's.
// The error is *Error.
func (r *Run) ComputeValues(inputs []*Value, indices []int, cancellable bool) ([]*Value, error) {
	names := unsafe.Slice(r.run.in_names, len(inputs))
	values := unsafe.Slice(r.run.in_values, len(inputs))
	for slot, in := range inputs {
		names[slot], values[slot] = r.names[indices[slot]], in.value
	}
	r.run.fed = C.size_t(len(inputs))
	r.run.cancellable = C.bool(cancellable)
	status := C.ort_compute_values(r.run)
	clear(values) // they stay the caller's
	runtime.KeepAlive(inputs)
	if err := r.lib.take(status); err != nil {
		return nil, err
	}
	made := unsafe.Slice(r.run.out_values, len(r.out))
	outputs := make([]*Value, len(made))
	for i, value := range made {
		outputs[i] = &Value{r.lib, value}
		made[i] = nil
	}
	return outputs, nil
}
