package bindgen

import (
	"fmt"
	"strconv"

	"go.bytecodealliance.org/wit"
)

// discriminantSize is the size in bytes of the discriminant of n cases.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#alignment
func discriminantSize(n int) int {
	switch {
	case n <= 1<<8:
		return 1
	case n <= 1<<16:
		return 2
	}
	return 4
}

// maxFlags is the number of flags that one type may have.
const maxFlags = 32

// flagsSize is the size in bytes of n flags.
func flagsSize(n int) (int, error) {
	switch {
	case n > maxFlags:
		return 4, fmt.Errorf("%d flags: the component model has %d at most", n, maxFlags)
	case n > 16:
		return 4, nil
	case n > 8:
		return 2, nil
	}
	return 1, nil
}

// unsigned is the Go type of an unsigned number of size bytes.
func unsigned(size int) string { return "uint" + strconv.Itoa(8*size) }

// unsupported is the error for a kind of type that bindings have no spelling
// for.
func unsupported(k wit.TypeDefKind) error {
	switch k.(type) {
	case *wit.Stream:
		return fmt.Errorf("stream: bindings for async types are not supported")
	case *wit.Future:
		return fmt.Errorf("future: bindings for async types are not supported")
	case wit.ErrorContext:
		return fmt.Errorf("error-context: bindings for async types are not supported")
	}
	return fmt.Errorf("a type of kind %T is not supported", k)
}
