//go:build !linux && !darwin

package wasip1

import "errors"

// reserve refuses: memories lie in the Go heap here.
func reserve(uint64) ([]byte, error) { return nil, errors.ErrUnsupported }

func release([]byte) {}
