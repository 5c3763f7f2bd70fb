//go:build component && tinygo

package main

import "unsafe"

// address is a pointer of 32 bits, which the garbage collector sees: what the
// host placed lives for as long as one is kept. TinyGo exports cabi_realloc and
// wasi:cli/run itself.
type address struct{ p unsafe.Pointer }

func addressOf(p unsafe.Pointer) address { return address{p} }

func (a address) pointer() unsafe.Pointer { return a.p }

func free(address) {}
