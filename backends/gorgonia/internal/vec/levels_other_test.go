//go:build !(amd64 || arm64) || purego

package vec

import "testing"

func atEachLevel(t *testing.T, f func(t *testing.T)) { t.Run("plain", f) }

func atEachLevelOf(b *testing.B, f func(b *testing.B)) { b.Run("plain", f) }
