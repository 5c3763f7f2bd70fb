//go:build cgo && (linux || darwin)

package ortshim

/*
#include "ort.h"
*/
import "C"

import (
	"errors"
	"runtime"
	"unsafe"
)

// Run is everything that runs of a session need, kept between them. One
// goroutine may use it at a time, but for Terminate.
type Run struct {
	lib   *Library
	run   *C.ort_run
	names []*C.char // of inputs, by index
	in    []C.ort_input
	out   []C.ort_output
	data  [C.ORT_DIRECT]*C.uint8_t // of the first slots
	pins  runtime.Pinner           // of the others
}

// NewRun prepares runs of the session.
func (s *Session) NewRun() (*Run, error) {
	names := s.inputNames()
	c := C.ort_new_run(s.lib.lib, s.session, C.size_t(len(names)), C.size_t(len(s.Outputs)))
	if c == nil {
		return nil, errors.New("no memory for a run")
	}
	outNames := unsafe.Slice(c.out_names, len(s.Outputs))
	for i, info := range s.Outputs {
		outNames[i] = info.cname
	}
	return &Run{
		lib: s.lib, run: c, names: names,
		in: unsafe.Slice(c.in, len(names)), out: unsafe.Slice(c.out, len(s.Outputs)),
	}, nil
}

// Release gives the memory back.
func (r *Run) Release() {
	C.ort_free_run(r.run)
	r.run, r.in, r.out = nil, nil, nil
}

// nothing is what a tensor without bytes points to: ONNX Runtime takes no NULL.
var nothing [8]byte

// Feed describes the input in the given slot, from 0 on without a gap, as the
// session's input of the given index (Overridable after Inputs). At most
// MaxRank dims are used. data stays unchanged and in place until Compute returns.
func (r *Run) Feed(slot, index, elementType int, dims []uint32, data []byte) {
	in := &r.in[slot]
	in.name = r.names[index]
	in.size = C.size_t(len(data))
	in._type = C.ONNXTensorElementDataType(elementType)
	in.rank = C.size_t(len(dims))
	for i, d := range dims {
		in.dims[i] = C.int64_t(d)
	}
	p := &nothing[0]
	if len(data) > 0 {
		p = unsafe.SliceData(data)
	}
	if slot < len(r.data) {
		r.data[slot] = (*C.uint8_t)(p)
		return
	}
	r.pins.Pin(p) // keeps it alive and in place, so that its address stays good
	in.data = C.uintptr_t(uintptr(unsafe.Pointer(p)))
}

// Discard lets go of the data of slots that are fed, when there will be no
// Compute.
func (r *Run) Discard() {
	clear(r.data[:])
	if len(r.in) > len(r.data) {
		r.pins.Unpin()
	}
}

// Compute runs the session on the first fed slots. Terminate stops it only when
// cancellable. The error is *Error.
func (r *Run) Compute(fed int, cancellable bool) error {
	r.run.fed = C.size_t(fed)
	r.run.cancellable = C.bool(cancellable)
	status := C.ort_compute(r.run, r.data[0], r.data[1], r.data[2], r.data[3])
	r.Discard()
	if status != nil {
		return r.lib.take(status)
	}
	return nil
}

// Loop is the mean time of Compute in nanoseconds when C calls it the given
// number of times: the floor for what Go adds.
func (r *Run) Loop(fed, times int) float64 {
	r.run.fed = C.size_t(fed)
	r.run.cancellable = false
	ns := float64(C.ort_compute_loop(r.run, C.size_t(times), r.data[0], r.data[1], r.data[2], r.data[3]))
	r.Discard()
	return ns
}

// Terminate makes the run that goes on, and every later cancellable one, end
// with an error, until Terminate(false). It may be called at any time before
// Release.
func (r *Run) Terminate(on bool) error {
	return r.lib.take(C.ort_terminate(r.run, C.bool(on)))
}

// Output is one output of the latest Compute.
type Output struct {
	Type int
	// Dims is valid until the next Compute.
	Dims []int64
	// Data is valid until the next Compute when Owner is nil, and until
	// Owner.Free otherwise.
	Data  []byte
	Owner *Owner
}

// Output returns an output of the latest Compute, which must have succeeded.
// Each is taken once: its Owner is the caller's to free.
func (r *Run) Output(i int) Output {
	c := &r.out[i]
	out := Output{Type: int(c._type), Dims: unsafe.Slice((*int64)(&c.dims[0]), int(c.rank))}
	if c.size > 0 {
		out.Data = unsafe.Slice((*byte)(c.data), int(c.size))
	}
	if c.value != nil {
		out.Owner = r.lib.own(c.value)
		c.value = nil
	}
	return out
}

// Owner owns a value of ONNX Runtime. When it becomes unreachable unfreed, the
// garbage collector frees the value.
type Owner struct {
	// Free releases the value. It is called once; after that the Owner serves
	// another value.
	Free func()
	cell *cell
}

// cell is what an Owner's cleanup can see, which is not the Owner itself.
type cell struct {
	lib   *C.ort_lib
	value *C.OrtValue
}

func (c *cell) release() {
	if v := c.value; v != nil {
		c.value = nil
		C.ort_release_value(c.lib, v)
	}
}

// own takes an Owner out of the pool: an Owner's cleanup, which is dear to make,
// is made once and serves all its values.
func (l *Library) own(value *C.OrtValue) *Owner {
	o, ok := l.owners.Get().(*Owner)
	if !ok {
		o = &Owner{cell: &cell{lib: l.lib}}
		o.Free = func() {
			o.cell.release()
			l.owners.Put(o)
		}
		runtime.AddCleanup(o, (*cell).release, o.cell)
	}
	o.cell.value = value
	return o
}
