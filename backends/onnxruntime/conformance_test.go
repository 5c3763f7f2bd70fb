package onnxruntime

import (
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/backendtest"
)

func newBackend(t testing.TB, cfg Config) *Backend {
	t.Helper()
	b, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	needLibrary(t, b)
	return b
}

func TestConformance(t *testing.T) {
	for _, tt := range []struct {
		name string
		cfg  Config
	}{
		{"global pool", Config{}},
		{"pool per graph", Config{Threads: PoolPerGraph}},
	} {
		t.Run(tt.name, func(t *testing.T) { backendtest.Run(t, newBackend(t, tt.cfg)) })
	}
}

var _ backends.Backend = (*Backend)(nil)
