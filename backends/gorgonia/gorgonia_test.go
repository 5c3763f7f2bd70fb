package gorgonia_test

import (
	"testing"

	"github.com/wasinn/wasinn/backends/backendtest"
	"github.com/wasinn/wasinn/backends/gorgonia"
)

func TestTheEngineKeepsTheContract(t *testing.T) {
	for _, tt := range []struct {
		name     string
		executor gorgonia.Executor
	}{{"arena", gorgonia.Arena}, {"tape", gorgonia.Tape}} {
		t.Run(tt.name, func(t *testing.T) {
			b, err := gorgonia.New(gorgonia.Config{Executor: tt.executor})
			if err != nil {
				t.Fatal(err)
			}
			backendtest.Run(t, b)
			t.Run("values", func(t *testing.T) { backendtest.RunValues(t, b) })
		})
	}
}
