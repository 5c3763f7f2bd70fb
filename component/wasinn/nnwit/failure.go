package nnwit

import (
	"context"
	"fmt"
	"strings"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/wasinn"
)

// failure is an error resource of any version: C is the version's error-code.
type failure[C enum] struct {
	code C
	data string
	held *wasinn.Session // counts data, when the guest gave it
}

// newFailure makes an error resource of err.
func newFailure[C enum](codes *names[C, backends.Code], err error) *failure[C] {
	e := backends.AsError(err)
	return &failure[C]{code: codes.toEnum[e.Code], data: e.Detail}
}

// newGuestFailure makes an error of the guest's own, as the version of June
// 2024 allows. Its text counts against the guest's limit of bytes; a
// constructor cannot fail, so going beyond is a trap.
func newGuestFailure[C enum](s *wasinn.Session, code C, data string) (*failure[C], error) {
	if err := s.Hold(uint64(len(data))); err != nil {
		return nil, beyondLimit(fmt.Sprintf("an error with data of %d bytes", len(data)), err)
	}
	return &failure[C]{code: code, data: strings.Clone(data), held: s}, nil
}

// Code returns the code.
func (f *failure[C]) Code(context.Context) (C, error) { return f.code, nil }

// Data returns the detail.
func (f *failure[C]) Data(context.Context) (string, error) { return f.data, nil }

// Drop forgets the error.
func (f *failure[C]) Drop(context.Context) error {
	if f.held != nil {
		f.held.Let(uint64(len(f.data)))
		f.held = nil
	}
	return nil
}

// beyondLimit is the trap of a guest that has something made, in a function
// that cannot fail, beyond its limit.
func beyondLimit(what string, err error) error {
	return &abi.Trap{Kind: abi.TrapLimit, Msg: "making " + what, Err: err}
}
