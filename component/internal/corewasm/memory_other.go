//go:build !linux && !darwin

package corewasm

import "errors"

// reserve refuses: memories lie in the Go heap here, and move as they grow.
func reserve(uint64) ([]byte, error) { return nil, errors.ErrUnsupported }

func release([]byte) error { return nil }

func clean([]byte, uint64) error { return nil }
