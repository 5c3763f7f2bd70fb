// Package nnwit is wasi-nn for components: the published versions of wasi:nn,
// side by side, over a [wasinn.Service].
//
// The versions differ in few places, and their generated bindings are types
// apart. What they share is written once, for any of them; a file for each
// version binds it.
//
// See https://github.com/WebAssembly/wasi-nn/tree/main/wit
package nnwit

import (
	"errors"
	"fmt"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/wasinn"
)

// versions are pre-releases: each serves the guests that name exactly it.
var versions = []struct {
	name string
	add  func(*component.Linker, component.Slot[*guest]) error
}{
	{"0.2.0-rc-2024-06-25", addRC20240625},
	{"0.2.0-rc-2024-08-19", addRC20240819},
	{"0.2.0-rc-2024-10-28", addRC20241028},
}

// Versions returns the versions of wasi:nn that [AddToLinker] defines, oldest
// first.
func Versions() []string {
	names := make([]string, len(versions))
	for i, v := range versions {
		names[i] = v.name
	}
	return names
}

// AddToLinker defines every version of wasi:nn in l. Each instance that l
// makes has a session of its own with svc, which ends with the instance.
func AddToLinker(l *component.Linker, svc wasinn.Service) error {
	if svc == nil {
		return errors.New("nnwit: no service given")
	}
	slot := component.NewSlot(l, func(*component.Store) (*guest, error) { return newGuest(svc), nil })
	for _, v := range versions {
		if err := v.add(l, slot); err != nil {
			return fmt.Errorf("wasi:nn@%s: %w", v.name, err)
		}
	}
	return nil
}
