package link

import "fmt"

// Kind says why a component cannot be linked.
type Kind uint8

// The kinds.
const (
	// Unlinked is an import without a matching definition, or a feature that is
	// not there.
	Unlinked Kind = iota
	// Limit is more than the limits allow.
	Limit
	// InvalidModule is a core module that the engine refuses.
	InvalidModule
)

// Error is a component that cannot be linked: an import without a matching
// definition, a feature that is not there, a limit, or a core module that is
// not valid.
type Error struct {
	Kind Kind
	// Path leads to the definition, such as import "wasi:io/poll@0.2.0": func "poll".
	Path string
	// Msg says what was found and what was expected.
	Msg string
}

// Error implements error.
func (e *Error) Error() string {
	if e.Path == "" {
		return "link: " + e.Msg
	}
	return "link: " + e.Path + ": " + e.Msg
}

func errorf(path, format string, args ...any) *Error {
	return &Error{Path: path, Msg: fmt.Sprintf(format, args...)}
}
