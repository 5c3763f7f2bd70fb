package ops_test

import (
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/onnx"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/op"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/ops"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/program"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// TestNodeCases runs ONNX's node test cases below the folder in ONNX_NODE_CASES, on the
// executor and on Gorgonia's TapeMachine. Package testsuite runs them through the
// engine, against a list of expected failures; this test is for work on operators:
//
//	ONNX_NODE_CASES=DIR go test ./backends/gorgonia/internal/ops -run 'TestNodeCases/test_add'
func TestNodeCases(t *testing.T) {
	dir := os.Getenv("ONNX_NODE_CASES")
	if dir == "" {
		t.Skip("ONNX_NODE_CASES names no folder of ONNX node test cases")
	}
	models, err := filepath.Glob(filepath.Join(dir, "*", "model.onnx"))
	if err != nil || len(models) == 0 {
		t.Fatalf("no cases in %s: %v", dir, err)
	}
	for _, path := range models {
		t.Run(filepath.Base(filepath.Dir(path)), func(t *testing.T) {
			for _, tape := range []bool{false, true} {
				if err := runCase(filepath.Dir(path), tape); err != nil {
					t.Fatalf("tape %v: %v", tape, err)
				}
			}
		})
	}
}

func runCase(dir string, tape bool) error {
	b, err := os.ReadFile(filepath.Join(dir, "model.onnx"))
	if err != nil {
		return err
	}
	model, err := onnx.Decode(b)
	if err != nil {
		return fmt.Errorf("decode: %w", err)
	}
	g, err := program.Prepare(op.NewRun(nil, op.NewBudget(0, nil), nil), model, program.Options{Operators: ops.New(), Tape: tape})
	if err != nil {
		return fmt.Errorf("prepare: %w", err)
	}
	sets, _ := filepath.Glob(filepath.Join(dir, "test_data_set_*"))
	for _, set := range sets {
		if err := runSet(g, model.Graph, set); err != nil {
			return fmt.Errorf("%s: %w", filepath.Base(set), err)
		}
	}
	return nil
}

func runSet(g *program.Graph, model *onnx.Graph, dir string) error {
	read := func(kind string, infos []*onnx.ValueInfo) ([]tensor.Value, error) {
		var values []tensor.Value
		for i, info := range infos {
			b, err := os.ReadFile(filepath.Join(dir, fmt.Sprintf("%s_%d.pb", kind, i)))
			if os.IsNotExist(err) {
				values = append(values, nil)
				continue
			}
			v, err := onnx.Value(b, info.Type)
			if err != nil {
				return nil, fmt.Errorf("%s %d: %w", kind, i, err)
			}
			values = append(values, v)
		}
		return values, nil
	}
	given, err := read("input", model.Inputs)
	if err != nil {
		return err
	}
	byName := map[string]tensor.Value{}
	for i, in := range model.Inputs {
		byName[in.Name] = given[i]
	}
	var infos []*op.Info
	var ins []tensor.Value
	for _, in := range slices.Concat(g.Inputs, g.Optional) {
		v := byName[in.Name]
		ins = append(ins, v)
		if v == nil {
			infos = append(infos, nil)
			continue
		}
		info := op.InfoOf(v)
		info.Const = nil
		infos = append(infos, info)
	}
	r := op.NewRun(nil, op.NewBudget(1<<30, nil), nil)
	p, err := g.Program(r, infos)
	if err != nil {
		return fmt.Errorf("compile: %w", err)
	}
	want, err := read("output", model.Outputs)
	if err != nil {
		return err
	}
	for range 2 { // the second run finds the memory of the first
		got, err := p.Run(r, ins)
		if err != nil {
			return fmt.Errorf("run: %w", err)
		}
		for i := range want {
			if want[i] == nil {
				continue
			}
			if err := same(got[i], want[i]); err != nil {
				return fmt.Errorf("output %q: %w", model.Outputs[i].Name, err)
			}
		}
	}
	return nil
}

// same compares a value with what it should be, with ONNX's tolerances.
func same(got, want tensor.Value) error {
	switch want := want.(type) {
	case *tensor.Tensor:
		g, ok := got.(*tensor.Tensor)
		if !ok {
			return fmt.Errorf("is %T, expected a tensor", got)
		}
		return sameTensor(g, want)
	case *tensor.Sequence:
		g, ok := got.(*tensor.Sequence)
		if !ok || len(g.Items) != len(want.Items) {
			return fmt.Errorf("is %T %v, expected a sequence of %d", got, got, len(want.Items))
		}
		for i := range want.Items {
			if err := same(g.Items[i], want.Items[i]); err != nil {
				return fmt.Errorf("item %d: %w", i, err)
			}
		}
	case *tensor.Optional:
		g, ok := got.(*tensor.Optional)
		if !ok {
			return fmt.Errorf("is %T, expected an optional", got)
		}
		if (g.Value == nil) != (want.Value == nil) {
			return fmt.Errorf("has a value: %v, expected %v", g.Value != nil, want.Value != nil)
		}
		if want.Value != nil {
			return same(g.Value, want.Value)
		}
	}
	return nil
}

func sameTensor(got, want *tensor.Tensor) error {
	if got.Type != want.Type || !slices.Equal(got.Shape, want.Shape) {
		return fmt.Errorf("is %s%v, expected %s%v", got.Type, got.Shape, want.Type, want.Shape)
	}
	if got.Type == tensor.String {
		if !slices.Equal(got.Strings, want.Strings) {
			return fmt.Errorf("is %q, expected %q", got.Strings, want.Strings)
		}
		return nil
	}
	switch got.Type {
	case tensor.FP32, tensor.FP64, tensor.FP16, tensor.BF16:
	default:
		if string(got.Data) != string(want.Data) {
			return fmt.Errorf("is %s, expected %s", brief(got), brief(want))
		}
		return nil
	}
	g, _ := got.Float64s()
	w, _ := want.Float64s()
	for i := range w {
		if g[i] == w[i] || math.IsNaN(g[i]) && math.IsNaN(w[i]) || math.Abs(g[i]-w[i]) <= 1e-7+1e-3*math.Abs(w[i]) {
			continue
		}
		return fmt.Errorf("element %d is %v, expected %v", i, g[i], w[i])
	}
	return nil
}

func brief(t *tensor.Tensor) string {
	s := fmt.Sprintf("%x", t.Data)
	if v, err := t.Int64s(); err == nil {
		s = fmt.Sprint(v)
	}
	if len(s) > 200 {
		s = s[:200] + "..."
	}
	return strings.TrimSpace(s)
}
