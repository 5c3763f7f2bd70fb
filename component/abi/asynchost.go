package abi

// hostBuffer is the host's side of a copy.
type hostBuffer interface {
	// take lifts n elements out of b, a guest's memory.
	take(cx *Context, b []byte, n uint32) error
	// give lowers the next n elements to ptr in a guest's memory.
	give(cx *Context, ptr, n uint32) error
	// hand gives the next n elements to another place in the host.
	hand(to hostBuffer, n uint32) error
}
