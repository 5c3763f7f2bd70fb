// Package wave reads and writes WAVE, the WebAssembly Value Encoding: the text
// of component-model values and of calls, such as
//
//	classify("digits", {width: 28, height: 28}, some([0.5, 1]))
//
// Resources, streams and futures have no text.
//
// See https://github.com/bytecodealliance/wasm-tools/tree/main/crates/wasm-wave
package wave

import (
	"fmt"

	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

// Error is a text that is not WAVE, or not of the type that is expected.
type Error struct {
	Offset int // byte offset in the text
	Msg    string
}

// Error says what was found where.
func (e *Error) Error() string { return fmt.Sprintf("at byte %d: %s", e.Offset, e.Msg) }

// Parse reads text as one value of type t. Errors are of type [*Error].
func Parse(text string, t types.ValType) (value.Value, error) {
	p := &parser{text: text}
	v, err := p.value(t, 0)
	if err != nil {
		return nil, err
	}
	return v, p.end()
}

// ParseCall reads text as a call, a function's name and its arguments in
// parentheses. typeOf finds the type of the function that is named.
//
// Arguments at the end may be left out when their types are options.
func ParseCall(text string, typeOf func(name string) (*types.Func, error)) (name string, args []value.Value, err error) {
	p := &parser{text: text}
	name, err = p.callName()
	if err != nil {
		return "", nil, err
	}
	ft, err := typeOf(name)
	if err != nil {
		return "", nil, err
	}
	args, err = p.args(ft)
	if err != nil {
		return "", nil, err
	}
	return name, args, p.end()
}
