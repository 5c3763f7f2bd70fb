package abi

// Memory is a linear memory: where the engine keeps the view of all of it,
// which it changes when the memory grows. Memories do not move, so an older view
// stays good; it is only short.
type Memory *[]byte

// StringEncoding is how strings lie in a guest's memory.
type StringEncoding uint8

// The string encodings of the canonical ABI.
const (
	UTF8 StringEncoding = iota
	UTF16
	Latin1UTF16
)

// String returns the option's name.
func (e StringEncoding) String() string {
	switch e {
	case UTF8:
		return "utf8"
	case UTF16:
		return "utf16"
	}
	return "latin1+utf16"
}

// CanonicalOptions are the canonopts of one lift or lower, resolved.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#canonical-abi-options
type CanonicalOptions struct {
	StringEncoding StringEncoding
	Memory         Memory    // nil when the option is absent
	Realloc        *CoreFunc // nil when absent: (old, oldSize, align, newSize) -> ptr
	PostReturn     *CoreFunc // nil when absent
	Callback       *CoreFunc // nil when absent: (event, p1, p2) -> packed code
	Async          bool      // the option async
}
