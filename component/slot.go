package component

import (
	"context"
	"errors"
	"io"

	"github.com/wasinn/wasinn/component/abi"
)

// Store holds what one instance shares with its host: the values of the
// linker's slots. Instances made by one [Linker.Instantiate] call, nested ones
// included, have one store between them.
type Store struct {
	abi    *abi.Store
	values map[any]any
}

// Value returns what [WithValue] gave for key when the instance was made, or nil.
func (s *Store) Value(key any) any { return s.values[key] }

// ABI returns the store as package abi sees it: the table of host resources.
func (s *Store) ABI() *abi.Store { return s.abi }

// Slot is a place for host state of type T in every store. Get costs an index
// and a type assertion.
type Slot[T any] struct{ index int }

// NewSlot adds a slot to l. For every instance that l makes, create is called
// once, before the guest runs, in the order of the NewSlot calls; it may read slots made before. When the instance
// closes, a value that has Close(context.Context) error or Close() error is
// closed, newest first, after the guest's resources were dropped.
//
// It panics when l has already made an instance: slots belong to set-up.
func NewSlot[T any](l *Linker, create func(*Store) (T, error)) Slot[T] {
	return Slot[T]{l.addSlot(func(s *Store) (any, error) { return create(s) })}
}

// Get returns the value of the slot in the store of the instance that calls.
func (s Slot[T]) Get(c *abi.Call) T { return c.Inst.Store.Slots[s.index].(T) }

// In returns the value of the slot in a store.
func (s Slot[T]) In(st *Store) T { return st.abi.Slots[s.index].(T) }

// makeSlots fills the store's slots in order; on an error, what was made is closed.
func (s *Store) makeSlots(ctx context.Context, create []func(*Store) (any, error)) error {
	s.abi.Slots = make([]any, 0, len(create))
	for _, f := range create {
		v, err := f(s)
		if err != nil {
			return errors.Join(err, s.closeSlots(ctx))
		}
		s.abi.Slots = append(s.abi.Slots, v)
	}
	return nil
}

// close drops the host's resources that guests left, then closes the slots.
func (s *Store) close(ctx context.Context) error {
	return errors.Join(s.abi.Close(ctx), s.closeSlots(ctx))
}

// closeSlots closes the slot values that can be closed, newest first.
func (s *Store) closeSlots(ctx context.Context) error {
	var errs []error
	for i := len(s.abi.Slots) - 1; i >= 0; i-- {
		switch v := s.abi.Slots[i].(type) {
		case interface{ Close(context.Context) error }:
			errs = append(errs, v.Close(ctx))
		case io.Closer:
			errs = append(errs, v.Close())
		}
	}
	s.abi.Slots = nil
	return errors.Join(errs...)
}
