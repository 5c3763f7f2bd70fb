package link

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"reflect"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/internal/validate"
	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/internal/golden"
)

var limits = Limits{Steps: 100_000, CoreInstances: 1000}

func build(t testing.TB, wasm []byte) (*Plan, error) {
	t.Helper()
	d, err := decode.Decode(wasm)
	if err != nil {
		t.Fatal(err)
	}
	return Build(&validate.Component{Component: d}, limits, nil)
}

func buildFile(t testing.TB, file string) *Plan {
	t.Helper()
	wasm, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	p, err := build(t, wasm)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// describe writes a plan down for a golden file.
func describe(p *Plan) string {
	var w strings.Builder
	for i, in := range p.Instances {
		fmt.Fprintf(&w, "instance %d %q in %d: canons %v\n", i, in.Name, in.Parent, in.Canons)
	}
	for i, m := range p.Modules {
		fmt.Fprintf(&w, "module %d at %#x: imports %v\n", i, m.Offset, m.Imports)
	}
	for _, s := range p.Steps {
		fmt.Fprintf(&w, "step %s %d args %v in %d\n", [...]string{"instantiate", "options", "resource"}[s.Kind], s.Index, s.Args, s.In)
	}
	for i, c := range p.Canons {
		fmt.Fprintf(&w, "canon %d: %s %d in %d %v -> %v\n", i,
			[...]string{"lower import", "lower lift", "resource.new", "resource.drop", "resource.rep"}[c.Kind], c.Index, c.Instance, c.Params, c.Results)
	}
	for i, l := range p.Lifts {
		fmt.Fprintf(&w, "lift %d %q: %+v %s in %d\n", i, l.Name, l.Func, l.Type, l.Instance)
	}
	for i, r := range p.Resources {
		fmt.Fprintf(&w, "resource %d %q of %d from %q\n", i, r.Type.Name, r.Instance, r.From)
	}
	for i, imp := range p.Imports {
		fmt.Fprintf(&w, "import %d %q %q: %s\n", i, imp.From, imp.Name, imp.Type)
	}
	writeExports(&w, "", p.Exports)
	return w.String()
}

func writeExports(w *strings.Builder, indent string, exports []Export) {
	for _, e := range exports {
		if e.Type != nil {
			fmt.Fprintf(w, "%sexport %q: %s, lift %d\n", indent, e.Name, e.Type, e.Lift)
			continue
		}
		fmt.Fprintf(w, "%sexport instance %q\n", indent, e.Name)
		writeExports(w, indent+"  ", e.Exports)
	}
}

func TestBuildFlattensNestedComponents(t *testing.T) {
	golden.Equal(t, "testdata/nested.plan", []byte(describe(buildFile(t, "nested.wasm"))))
}

// section is a section of a component.
func section(id byte, body ...byte) []byte {
	return append(binary.AppendUvarint([]byte{id}, uint64(len(body))), body...)
}

func componentOf(sections ...[]byte) []byte {
	out := []byte("\x00asm\x0d\x00\x01\x00")
	for _, s := range sections {
		out = append(out, s...)
	}
	return out
}

// chain returns n components of which each instantiates the one before, times times.
func chain(n, times int) []byte {
	sections := [][]byte{section(4, componentOf()...)}
	instances := []byte{byte(times)}
	for range times {
		instances = append(instances, 0, 0, 0) // instantiate component 0 without arguments
	}
	for i := range n - 1 {
		alias := binary.AppendUvarint([]byte{1, 4, 2, 1}, uint64(i)) // one alias: component, outer, 1 up
		sections = append(sections, section(4, componentOf(section(6, alias...), section(5, instances...))...))
	}
	last := append(binary.AppendUvarint([]byte{1, 0}, uint64(n-1)), 0)
	return componentOf(append(sections, section(5, last...))...)
}

func TestBuildIsBounded(t *testing.T) {
	for _, c := range []struct {
		name string
		wasm []byte
		msg  string // empty when it can be built
	}{
		{"ten deep", chain(10, 1), ""},
		{"instances that double forty times", chain(40, 2), "takes more than 100000 steps"},
		{"two hundred deep", chain(200, 1), "more than 100 deep"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := build(t, c.wasm)
			if c.msg == "" {
				if err != nil {
					t.Error(err)
				}
				return
			}
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), c.msg) {
				t.Errorf("%v, want a link error with %q", err, c.msg)
			}
		})
	}
}

func TestBindMatchesResourcesAndFunctions(t *testing.T) {
	p := buildFile(t, "nested.wasm")
	line := &abi.ResourceType{Type: &types.Resource{Name: "line"}}
	other := &types.Resource{Name: "other"}
	write := func(r *types.Resource) Definition {
		return Definition{
			Type: &types.Func{Params: []types.Param{{Name: "text", Type: types.String}}, Result: &types.Own{Resource: r}},
			Func: func(*abi.Call) error { return nil },
		}
	}
	for _, c := range []struct {
		name string
		defs Definitions
		msgs []string // nil when it binds
	}{
		{"the same version", Definitions{"test:host/log@0.2.0": {"line": {Resource: line}, "write": write(line.Type)}}, nil},
		{"a later patch version", Definitions{"test:host/log@0.2.9": {"line": {Resource: line}, "write": write(line.Type)}}, nil},
		{"another minor version", Definitions{"test:host/log@0.3.0": {"line": {Resource: line}, "write": write(line.Type)}},
			[]string{`import "test:host/log@0.2.0": the host does not define it; of this interface it has test:host/log@0.3.0`}},
		{"another interface of the package", Definitions{"test:host/logs@0.2.0": {}}, []string{"of this package it has test:host/logs@0.2.0"}},
		{"a function of another resource", Definitions{"test:host/log@0.2.0": {"line": {Resource: line}, "write": write(other)}},
			[]string{`func "write": result: guest's resource "line" is not the host's "other"`}},
		{"a function in place of the resource", Definitions{"test:host/log@0.2.0": {"line": write(other), "write": write(line.Type)}},
			[]string{"guest wants a resource type, host has a function"}},
		{"a resource in place of the function", Definitions{"test:host/log@0.2.0": {"line": {Resource: line}, "write": {Resource: line}}},
			[]string{"guest wants a function, host has a resource type"}},
		{"a name spelled otherwise", Definitions{"test:host/log@0.2.0": {"line": {Resource: line}, "writ": write(line.Type)}},
			[]string{`in test:host/log@0.2.0 it has "writ"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			b, err := Bind(p, c.defs)
			if c.msgs == nil {
				if err != nil {
					t.Fatal(err)
				}
				if b.HostResources[0] != line || b.Funcs[0] == nil {
					t.Errorf("bound %v, %v", b.HostResources, b.Funcs)
				}
				return
			}
			for _, msg := range c.msgs {
				if err == nil || !strings.Contains(err.Error(), msg) {
					t.Errorf("%v\nwant %q", err, msg)
				}
			}
		})
	}
}

func TestMatchName(t *testing.T) {
	have := []string{"a:b/c", "wasi:io/poll@0.2.0", "wasi:io/poll@0.2.6", "wasi:io/poll@0.3.0-rc-1", "x:y/z@1.4.0", "x:y/z@2.0.0", "v:w/x@0.0.1"}
	for _, c := range []struct {
		name, want, match string
	}{
		{"the same name without version", "a:b/c", "a:b/c"},
		{"the same version", "wasi:io/poll@0.2.0", "wasi:io/poll@0.2.0"},
		{"the highest of the track", "wasi:io/poll@0.2.3", "wasi:io/poll@0.2.6"},
		{"a later one than the host has", "wasi:io/poll@0.2.12", "wasi:io/poll@0.2.6"},
		{"a pre-release matches itself", "wasi:io/poll@0.3.0-rc-1", "wasi:io/poll@0.3.0-rc-1"},
		{"a release does not match a pre-release", "wasi:io/poll@0.3.0", ""},
		{"a pre-release does not match a release", "wasi:io/poll@0.2.6-rc-1", ""},
		{"from 1 on the major version is the track", "x:y/z@1.0.3", "x:y/z@1.4.0"},
		{"another major version", "x:y/z@3.0.0", ""},
		{"0.0.x matches itself only", "v:w/x@0.0.2", ""},
		{"a version where the host has none", "a:b/c@1.0.0", ""},
		{"no version where the host has one", "x:y/z", ""},
		{"a track from 1 on", "x:y/z@1", "x:y/z@1.4.0"},
		{"a track below 1", "wasi:io/poll@0.2", "wasi:io/poll@0.2.6"},
		{"a track that the host does not have", "x:y/z@3", ""},
		{"a version that is none", "x:y/z@1.4", ""},
	} {
		match, ok := MatchName(c.want, have)
		if match != c.match || ok != (c.match != "") {
			t.Errorf("%s: %q, %t, want %q", c.name, match, ok, c.match)
		}
	}
}

func TestDifference(t *testing.T) {
	fn := func(p types.ValType) *types.Func {
		return &types.Func{Params: []types.Param{{Name: "p", Type: p}}}
	}
	same := func(a, b *types.Resource) bool { return a == b }
	for _, c := range []struct {
		name        string
		guest, host types.ValType
		want        string
	}{
		{"primitives", types.U32, types.U64, `param "p": guest wants u32, host has u64`},
		{"enums", &types.Enum{Labels: []string{"openvino", "onnx"}}, &types.Enum{Labels: []string{"openvino", "onnx", "ggml"}},
			`param "p": guest wants enum{openvino, onnx}, host has enum{openvino, onnx, ggml}`},
		{"a field deep inside",
			&types.List{Elem: &types.Record{Fields: []types.Field{{Name: "a", Type: types.U8}, {Name: "b", Type: &types.Option{Elem: types.U8}}}}},
			&types.List{Elem: &types.Record{Fields: []types.Field{{Name: "a", Type: types.U8}, {Name: "b", Type: &types.Option{Elem: types.S8}}}}},
			`param "p": element: field "b": some: guest wants u8, host has s8`},
		{"a case's name", &types.Variant{Cases: []types.Case{{Name: "x"}}}, &types.Variant{Cases: []types.Case{{Name: "y"}}},
			`param "p": case 0: guest calls it "x", host "y"`},
		{"a payload that one side lacks", &types.Result{OK: types.U8}, &types.Result{OK: types.U8, Err: types.U8},
			`param "p": error: guest wants nothing, host has u8`},
	} {
		if got := difference(fn(c.guest), fn(c.host), same); got != c.want {
			t.Errorf("%s: %s\nwant %s", c.name, got, c.want)
		}
	}
	if got := difference(fn(types.U8), &types.Func{}, same); got != "guest wants 1 parameters (p), host has 0 ()" {
		t.Error(got)
	}
}

// FuzzBuild checks that no component that decodes ends the process, valid or
// not, and that building is repeatable.
func FuzzBuild(f *testing.F) {
	f.Add(chain(10, 1))
	f.Add(chain(40, 2))
	for _, h := range hostile {
		f.Add(h.make(1000))
	}
	for _, file := range []string{"testdata/nested.wasm", "../../testdata/calls.wasm", "../../testdata/dtor.wasm"} {
		wasm, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(wasm)
	}
	f.Fuzz(func(t *testing.T, wasm []byte) {
		d, err := decode.Decode(wasm)
		if err != nil {
			return
		}
		p, err := Build(&validate.Component{Component: d}, Limits{Steps: 1000, CoreInstances: 10}, nil)
		if err != nil {
			return
		}
		again, err := Build(&validate.Component{Component: d}, Limits{Steps: 1000, CoreInstances: 10}, nil)
		if err != nil || !reflect.DeepEqual(describe(p), describe(again)) {
			t.Errorf("the second plan differs: %v", err)
		}
		_, _ = Bind(p, Definitions{"": {}})
	})
}
