//go:build cgo && (linux || darwin)

package ortshim

/*
#include <stdlib.h>
#include "ort.h"
*/
import "C"

import (
	"fmt"
	"slices"
	"unsafe"
)

// MaxRank is the largest number of dimensions of a tensor.
const MaxRank = C.ORT_MAX_RANK

// Kind of a value: an ONNXType.
type Kind int

// The kinds of value.
const (
	UnknownKind Kind = iota
	TensorKind
	SequenceKind
	MapKind
	OpaqueKind
	SparseKind
	OptionalKind
)

// Info is what a session says of one input or output.
type Info struct {
	Name string
	// Kinds are those of the value and of what is in it, from the outermost in:
	// a sequence of tensors has two. There is always one.
	Kinds []Kind
	// Keys are the ONNXTensorElementDataType of the keys of those that are maps.
	Keys []int
	// Type is the ONNXTensorElementDataType of the elements of the tensor that
	// Kinds ends in, as are HasShape, Rank and Dims.
	Type int
	// HasShape is false when the model leaves the rank open.
	HasShape bool
	// Rank may be more than len(Dims), which ends at MaxRank.
	Rank int
	// Dims is -1 where the model leaves the size open.
	Dims []int64

	cname *C.char // lives as long as the session
}

// Session is a model that ONNX Runtime has loaded. Runs of one session may be
// concurrent.
type Session struct {
	lib     *Library
	session *C.OrtSession
	// Inputs are those a run must have, Overridable those it may have: inputs
	// with a default in the model. All are in the model's order.
	Inputs, Overridable, Outputs []Info
}

// Library is what has loaded the session.
func (s *Session) Library() *Library { return s.lib }

// UseGlobalThreads makes sessions of options, an OrtSessionOptions, share the
// environment's thread pools.
func (l *Library) UseGlobalThreads(options unsafe.Pointer) error {
	return l.take(C.ort_use_global_threads(l.lib, options))
}

// CancelLoad makes a NewSession that is going on with options, an
// OrtSessionOptions, give up.
func (l *Library) CancelLoad(options unsafe.Pointer) error {
	return l.take(C.ort_cancel_load(l.lib, options))
}

// NewSession loads a model with options, an OrtSessionOptions. ONNX Runtime
// does not keep model. The error is *Error when it is ONNX Runtime's.
func (l *Library) NewSession(model []byte, options unsafe.Pointer) (*Session, error) {
	s := &Session{lib: l}
	status := C.ort_new_session(l.lib, unsafe.Pointer(unsafe.SliceData(model)), C.size_t(len(model)), options, &s.session)
	if err := l.take(status); err != nil {
		return nil, err
	}
	if err := s.describe(); err != nil {
		s.Release()
		return nil, err
	}
	return s, nil
}

func (s *Session) describe() error {
	var err error
	if s.Inputs, err = s.side(C.ORT_INPUTS); err != nil {
		return fmt.Errorf("inputs: %w", err)
	}
	if s.Overridable, err = s.side(C.ORT_OVERRIDABLE); err != nil {
		return fmt.Errorf("inputs with a default: %w", err)
	}
	if s.Outputs, err = s.side(C.ORT_OUTPUTS); err != nil {
		return fmt.Errorf("outputs: %w", err)
	}
	return nil
}

func (s *Session) side(side C.ort_side) ([]Info, error) {
	var n C.size_t
	if err := s.lib.take(C.ort_count(s.lib.lib, s.session, side, &n)); err != nil {
		return nil, err
	}
	infos := make([]Info, 0, n)
	for i := range n {
		info, err := s.info(side, i)
		if info.cname != nil {
			infos = append(infos, info)
		}
		if err != nil {
			freeNames(infos)
			return nil, fmt.Errorf("number %d: %w", i, err)
		}
	}
	return infos, nil
}

func (s *Session) info(side C.ort_side, index C.size_t) (Info, error) {
	var c C.ort_info
	err := s.lib.take(C.ort_describe(s.lib.lib, s.session, side, index, &c))
	info := Info{Type: int(c._type), HasShape: bool(c.has_shape), Rank: int(c.rank), cname: c.name}
	if err != nil {
		return info, err
	}
	info.Name = C.GoString(c.name)
	for i := range max(c.nested, 1) {
		info.Kinds = append(info.Kinds, Kind(c.kinds[i]))
		info.Keys = append(info.Keys, int(c.keys[i]))
	}
	for _, d := range c.dims[:min(c.rank, MaxRank)] {
		info.Dims = append(info.Dims, int64(d))
	}
	return info, nil
}

func freeNames(infos []Info) {
	for _, info := range infos {
		C.free(unsafe.Pointer(info.cname))
	}
}

// Release gives the session's memory back. No run of it may be left.
func (s *Session) Release() {
	for _, infos := range [][]Info{s.Inputs, s.Overridable, s.Outputs} {
		freeNames(infos)
	}
	C.ort_release_session(s.lib.lib, s.session)
	s.session = nil
}

// inputNames are the C names of everything a run may be given: Inputs, then
// Overridable.
func (s *Session) inputNames() []*C.char {
	names := make([]*C.char, 0, len(s.Inputs)+len(s.Overridable))
	for _, info := range slices.Concat(s.Inputs, s.Overridable) {
		names = append(names, info.cname)
	}
	return names
}
