//go:build !unix

package wasip1

import "os"

// rename replaces no directory.
func rename(root *os.Root, from, to string) error { return root.Rename(from, to) }
