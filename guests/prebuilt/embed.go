// Package prebuilt has the prebuilt guests that commands carry with them, so
// that they run in any folder. Tests read the rest from the files beside it.
package prebuilt

import _ "embed"

// NNCLIComponent and NNCLIPreview1 are guests/nncli, which computes on tensors
// given as arguments, as often as asked.
var (
	//go:embed nncli.component.wasm
	NNCLIComponent []byte
	//go:embed nncli.p1.wasm
	NNCLIPreview1 []byte
)

// The digits guests classify pictures: in C and Rust against the libraries that
// call WASI 0.2 themselves, in TinyGo through an adapter, and Rust's as a module.
var (
	//go:embed c-digits.wasip2.wasm
	CDigits []byte
	//go:embed rust-digits.wasip2.wasm
	RustDigits []byte
	//go:embed rust-digits.p1.wasm
	RustDigitsPreview1 []byte
	//go:embed tinygo-digits.component.wasm
	TinyGoDigits []byte
)
