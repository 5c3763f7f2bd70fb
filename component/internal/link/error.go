package link

import "fmt"

// Error is a component that cannot be linked: an import without a matching
// definition, a feature that is not there, or a limit.
type Error struct {
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
