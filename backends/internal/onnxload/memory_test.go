package onnxload

import (
	"math"
	"testing"
)

func TestMemTotalReadsKilobytes(t *testing.T) {
	for _, tt := range []struct {
		text string
		want int64
	}{
		{"MemTotal:       16384 kB\nMemFree:  1 kB\n", 16 << 20},
		{"MemFree: 1 kB\nMemTotal: 1 kB", 1024},
		{"MemTotal: many kB\n", math.MaxInt64},
		{"MemTotal: 9223372036854775807 kB\n", math.MaxInt64},
		{"MemTotal: -1 kB\n", math.MaxInt64},
		{"", math.MaxInt64},
	} {
		if found := memTotal(tt.text); found != tt.want {
			t.Errorf("%q is %d, expected %d", tt.text, found, tt.want)
		}
	}
	if n := AvailableMemory(); n < 0 {
		t.Errorf("this machine has %d bytes", n)
	}
}
