//go:build !amd64 || purego

package vec

import "testing"

func atEachLevel(t *testing.T, f func(t *testing.T)) { t.Run("plain", f) }
