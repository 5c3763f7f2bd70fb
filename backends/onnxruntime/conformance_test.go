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

func TestConformanceThroughAWrapper(t *testing.T) {
	f := backendtest.Faulty(newBackend(t, Config{}), nil)
	t.Run("suite", func(t *testing.T) { backendtest.Run(t, f) })
	if live := f.Live(); live != (backendtest.Live{}) {
		t.Errorf("the suite leaves %+v behind", live)
	}
}

func TestValues(t *testing.T) {
	// What Identity, which passes them through, lacks.
	backendtest.RunValues(t, newBackend(t, Config{}), backends.C64, backends.C128, backends.U4, backends.I4,
		backends.FP4E2M1, backends.FP8E8M0, backends.U2, backends.I2)
}
