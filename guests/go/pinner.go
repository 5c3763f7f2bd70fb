//go:build !tinygo

package main

import "runtime"

// pinner keeps what an import is to read where it is.
type pinner = runtime.Pinner
