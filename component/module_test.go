package component

import (
	"reflect"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component/types"
)

// sample imports wasi_ephemeral_nn.compute and exports a memory of 2 to 3 pages
// and a function that loops.
var sample = []byte("\x00asm\x01\x00\x00\x00" +
	"\x01\x09\x02\x60\x01\x7f\x01\x7f\x60\x00\x00" + // types: (i32) -> i32, ()
	"\x02\x1d\x01\x11wasi_ephemeral_nn\x07compute\x00\x00" +
	"\x03\x02\x01\x01" + // one function of type 1
	"\x05\x04\x01\x01\x02\x03" + // memory
	"\x07\x11\x02\x06memory\x02\x00\x04loop\x00\x01" +
	"\x0a\x09\x01\x07\x00\x03\x40\x0c\x00\x0b\x0b")

func TestModuleDescribesItself(t *testing.T) {
	m, err := ParseModule(sample)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := m.Imports(), []types.CoreExtern{{Module: "wasi_ephemeral_nn", Name: "compute", Desc: "func (i32) -> i32"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("imports: %v, want %v", got, want)
	}
	if got, want := m.Exports(), []types.CoreExtern{{Name: "memory", Desc: "memory 2 to 3 pages"}, {Name: "loop", Desc: "func ()"}}; !reflect.DeepEqual(got, want) {
		t.Errorf("exports: %v, want %v", got, want)
	}
	if got, want := m.Memories(), []string{"memory 2 to 3 pages"}; !reflect.DeepEqual(got, want) {
		t.Errorf("memories: %v, want %v", got, want)
	}
}

func TestModuleLimitsHoldFromTheStart(t *testing.T) {
	m, err := ParseModule(sample)
	if err != nil {
		t.Fatal(err)
	}
	if err := m.CheckLimits(2<<16, 0); err != nil {
		t.Errorf("exactly the limit: %v", err)
	}
	if err := m.CheckLimits(2<<16-1, 0); err == nil || !strings.Contains(err.Error(), "2 pages") {
		t.Errorf("one byte less: %v", err)
	}
}

func TestModuleWithTicksImportsTheTick(t *testing.T) {
	m, err := ParseModule(sample)
	if err != nil {
		t.Fatal(err)
	}
	out, err := m.WithTicks("host", "tick", 0)
	if err != nil {
		t.Fatal(err)
	}
	ticking, err := ParseModule(out)
	if err != nil {
		t.Fatal(err)
	}
	imports := ticking.Imports()
	if got, want := imports[len(imports)-1], (types.CoreExtern{Module: "host", Name: "tick", Desc: "func () -> i32"}); got != want {
		t.Errorf("last import: %v, want %v", got, want)
	}
	if !reflect.DeepEqual(ticking.Exports(), m.Exports()) {
		t.Errorf("exports: %v, want %v", ticking.Exports(), m.Exports())
	}
}
