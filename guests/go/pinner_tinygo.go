//go:build tinygo

package main

// pinner keeps what an import is to read from the garbage collector, which moves
// nothing. TinyGo has no runtime.Pinner.
type pinner struct{ pinned []any }

func (p *pinner) Pin(pointer any) { p.pinned = append(p.pinned, pointer) }

func (p *pinner) Unpin() { p.pinned = nil }
