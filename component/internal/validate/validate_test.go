package validate

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/wasinn/wasinn/component/internal/corebin"
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// The helpers below build definitions as the decoder would.

func val(p decode.PrimType) decode.ValType { return decode.ValType{Prim: p} }
func ref(i uint32) decode.ValType          { return decode.ValType{Index: i} }
func opt(t decode.ValType) *decode.ValType { return &t }

var u8, str = val(decode.PrimU8), val(decode.PrimString)

func typeDef(t decode.DefType) *decode.Type { return &decode.Type{Type: t} }

func resource() *decode.Type { return typeDef(&decode.ResourceType{Rep: corebin.I32}) }

// fn is a function type; the params are named a, b, ...
func fn(result *decode.ValType, params ...decode.ValType) *decode.Func {
	f := &decode.Func{Result: result}
	for i, p := range params {
		f.Params = append(f.Params, decode.LabelValType{Label: string(rune('a' + i)), Type: p})
	}
	return f
}

func record(t decode.ValType) *decode.Record {
	return &decode.Record{Fields: []decode.LabelValType{{Label: "f", Type: t}}}
}

func imp(name string, sort decode.Sort, index uint32) *decode.Import {
	return &decode.Import{Name: decode.ExternName{Name: name}, Type: externOf(sort, index)}
}

func externOf(sort decode.Sort, index uint32) decode.ExternType {
	t := decode.ExternType{Sort: sort, Index: index}
	if sort == decode.SortType {
		t.Bound = decode.BoundEq
	}
	return t
}

var subResource = decode.ExternType{Sort: decode.SortType, Bound: decode.BoundSubResource}

func impResource(name string) *decode.Import {
	return &decode.Import{Name: decode.ExternName{Name: name}, Type: subResource}
}

func exp(name string, sort decode.Sort, index uint32) *decode.Export {
	return &decode.Export{Name: decode.ExternName{Name: name}, Sort: sort, Index: index}
}

func decl(name string, t decode.ExternType) *decode.ExportDecl {
	return &decode.ExportDecl{Name: decode.ExternName{Name: name}, Type: t}
}

func comp(defs ...decode.Def) *decode.Component { return &decode.Component{Defs: defs} }

// libc has a core module with the exports of a usual libc, its instance, and
// in the core func space realloc (0) and the functions of the given types.
func libc(funcs ...*corebin.FuncType) []decode.Def {
	m := &corebin.Module{Memories: []corebin.MemoryType{{PageSizeLog2: 16}}}
	m.Exports = append(m.Exports, corebin.Export{Name: "mem", Type: corebin.Extern{Kind: corebin.ExternMemory, Memory: m.Memories[0]}})
	defs := []decode.Def{
		&decode.CoreModule{Module: m}, &decode.CoreInstance{Instantiate: true},
		&decode.Alias{Target: decode.AliasCoreExport, Sort: decode.SortCoreMemory, Name: "mem"},
	}
	for i, f := range append([]*corebin.FuncType{reallocType}, funcs...) {
		name := fmt.Sprint("f", i)
		m.Exports = append(m.Exports, corebin.Export{Name: name, Type: corebin.Extern{Kind: corebin.ExternFunc, Func: f}})
		defs = append(defs, &decode.Alias{Target: decode.AliasCoreExport, Sort: decode.SortCoreFunc, Name: name})
	}
	return defs
}

var (
	memory  = decode.CanonOption{Kind: decode.OptMemory}
	realloc = decode.CanonOption{Kind: decode.OptRealloc}
)

// then appends definitions.
func then(defs []decode.Def, more ...decode.Def) *decode.Component {
	return comp(append(defs, more...)...)
}

var rules = []struct {
	name string
	in   *decode.Component
	want string // empty when the component is valid
}{
	{"an empty component is valid", comp(), ""},

	{"a record has a field", comp(typeDef(&decode.Record{})), "type[0]: a record has no field, one at least is expected"},
	{"a variant has a case", comp(typeDef(&decode.Variant{})), "type[0]: a variant has no case, one at least is expected"},
	{"an enum has a label", comp(typeDef(&decode.Enum{})), "type[0]: an enum has no label, one at least is expected"},
	{"a tuple has an element", comp(typeDef(&decode.Tuple{})), "type[0]: a tuple has no element, one at least is expected"},
	{"flags have a label", comp(typeDef(&decode.Flags{})), "type[0]: flags have 0 labels, 1 to 32 are expected"},
	{"flags have 32 labels at most", comp(typeDef(&decode.Flags{Labels: make([]string, 33)})), "type[0]: flags have 33 labels, 1 to 32 are expected"},
	{"labels are unique whatever their case", comp(typeDef(&decode.Enum{Labels: []string{"a-b", "A-b"}})),
		`type[0]: enum label: "A-b" conflicts with a previous label`},
	{"labels are in kebab case", comp(typeDef(&decode.Flags{Labels: []string{"aB"}})), `type[0]: flag: "aB" is not in kebab case`},
	{"type indices are in bounds", comp(typeDef(&decode.List{Elem: ref(0)})), "type[0]: list: type index 0 out of bounds: there are 0"},
	{"a function type is not a value type", comp(typeDef(fn(nil)), typeDef(&decode.Option{Elem: ref(0)})),
		"type[1]: option: type 0 is a function type, expected a value type"},
	{"an own is of a resource", comp(typeDef(decode.PrimU8), typeDef(&decode.Own{})),
		"type[1]: own: type 0 is a value type, expected a resource type"},
	{"a result has no borrow", comp(resource(), typeDef(&decode.Borrow{}), typeDef(record(ref(1))), typeDef(fn(opt(ref(2))))),
		"type[3]: result: it contains a borrow, which cannot be returned"},
	{"a map's key is not a float", comp(typeDef(&decode.Map{Key: val(decode.PrimF32), Value: u8})),
		"type[0]: map key: found f32, expected bool, an integer, char or string"},
	{"a map's key may be a string", comp(typeDef(&decode.Map{Key: str, Value: u8})), ""},
	{"a resource is defined in a component only", comp(typeDef(&decode.InstanceType{Decls: []decode.Def{resource()}})),
		"type[0]: type[0]: a resource type can be defined in a component only, not in a type"},
	{"a destructor takes an i32", then(libc(coreFunc(0, 0)), typeDef(&decode.ResourceType{Rep: corebin.I32, Dtor: new(uint32(1))})),
		"type[0]: destructor: it is a func() -> (), expected func(i32) -> ()"},

	{"names are in kebab case", comp(typeDef(fn(nil)), imp("aB", decode.SortFunc, 0)),
		`import "aB": "aB" is not a valid extern name: "aB" is not in kebab case`},
	{"an interface name has a namespace, a package and a label", comp(typeDef(fn(nil)), imp("a:b", decode.SortFunc, 0)),
		`import "a:b": "a:b" is not a valid extern name: a slash and an interface are expected after the package`},
	{"a version is semantic", comp(typeDef(fn(nil)), imp("a:b/c@1.02.3", decode.SortFunc, 0)),
		`import "a:b/c@1.02.3": "a:b/c@1.02.3" is not a valid extern name: version "1.02.3": "02" is not a number without leading zeros`},
	{"a canonical version is gated", comp(typeDef(fn(nil)), imp("a:b/c@0.2", decode.SortFunc, 0)),
		`import "a:b/c@0.2": "a:b/c@0.2" is not a valid extern name: names with a canonical version need 🔗 canonical interface names, which this host does not support (a component-model proposal that is not standard yet)`},
	{"imports are strongly unique", comp(typeDef(fn(nil)), imp("a-b", decode.SortFunc, 0), imp("A-b", decode.SortFunc, 0)),
		`import "A-b": name "A-b" conflicts with previous name "a-b"`},
	{"an annotated name is unique by its label", comp(impResource("r"), typeDef(fn(nil)), imp("[static]r.r", decode.SortFunc, 1)),
		`import "[static]r.r": name "[static]r.r" conflicts with previous name "r"`},
	{"a constructor returns its resource", comp(impResource("r"), typeDef(fn(nil)), imp("[constructor]r", decode.SortFunc, 1)),
		`import "[constructor]r": a constructor returns own<R> or result<own<R>, E>`},
	{"a constructor may fail", comp(impResource("r"), typeDef(&decode.Own{}), typeDef(&decode.Result{OK: opt(ref(1))}), typeDef(fn(opt(ref(2)))),
		imp("[constructor]r", decode.SortFunc, 3)), ""},
	{"a method takes itself", comp(impResource("r"), typeDef(fn(nil, u8)), imp("[method]r.m", decode.SortFunc, 1)),
		`import "[method]r.m": a method's first parameter is self, found "a"`},
	{"a static function's resource is known", comp(typeDef(fn(nil)), imp("[static]r.m", decode.SortFunc, 0)),
		`import "[static]r.m": there is no resource "r" before`},
	{"implements stands on an instance", comp(typeDef(fn(nil)), &decode.Import{
		Name: decode.ExternName{Name: "a", Attributes: []decode.NameAttribute{{Kind: decode.AttrImplements, Value: "a:b/c"}}}, Type: externOf(decode.SortFunc, 0)}),
		`import "a": a func has the attribute implements, only an instance can`},

	{"an exported function's types have names", comp(typeDef(record(u8)), typeDef(fn(nil, ref(0))), imp("f", decode.SortFunc, 1)),
		`import "f": func refers to a type that is not imported before under a name`},
	{"an imported record has a name", comp(typeDef(record(u8)), imp("t", decode.SortType, 0), typeDef(fn(nil, ref(1))), imp("f", decode.SortFunc, 2)), ""},
	{"the name belongs to what the import made", comp(typeDef(record(u8)), imp("t", decode.SortType, 0), typeDef(fn(nil, ref(0))), imp("f", decode.SortFunc, 2)),
		`import "f": func refers to a type that is not imported before under a name`},

	{"an outer alias does not carry a resource into a component", comp(resource(), comp(&decode.Alias{Target: decode.AliasOuter, Sort: decode.SortType, Count: 1})),
		"component[0]: alias at 0x0: the type refers to resource types, so it cannot be aliased across a component boundary"},
	{"an outer alias carries a resource into a type", comp(resource(), typeDef(&decode.InstanceType{Decls: []decode.Def{
		&decode.Alias{Target: decode.AliasOuter, Sort: decode.SortType, Count: 1}}})), ""},
	{"an outer alias stays inside the outermost component", comp(&decode.Alias{Target: decode.AliasOuter, Sort: decode.SortType, Count: 1}),
		"alias at 0x0: outer alias count 1 is more than the enclosing scopes"},
	{"an alias of an export has its sort", comp(typeDef(&decode.InstanceType{Decls: []decode.Def{decl("r", subResource)}}), imp("i", decode.SortInstance, 0),
		&decode.Alias{Target: decode.AliasExport, Sort: decode.SortFunc, Name: "r"}),
		`alias at 0x0: export "r" of instance 0 is a type, expected a func`},

	{"a list needs memory and realloc to be lifted", then(libc(coreFunc(2, 0)), typeDef(&decode.List{Elem: u8}), typeDef(fn(nil, ref(0))),
		&decode.Lift{Func: 1, Type: 1, Options: decode.CanonOptions{memory}}),
		"canon lift, func[0]: the parameters pass through memory: the options memory and realloc are needed"},
	{"a list is lifted with memory and realloc", then(libc(coreFunc(2, 0)), typeDef(&decode.List{Elem: u8}), typeDef(fn(nil, ref(0))),
		&decode.Lift{Func: 1, Type: 1, Options: decode.CanonOptions{memory, realloc}}), ""},
	{"a lifted function has the flat type", then(libc(coreFunc(1, 0)), typeDef(fn(nil, u8, u8)), &decode.Lift{Func: 1}),
		"canon lift, func[0]: core func 1 is a func(i32) -> (), expected func(i32, i32) -> () for func(a: u8, b: u8)"},
	{"options do not repeat", then(libc(coreFunc(0, 0)), typeDef(fn(nil)), &decode.Lift{Func: 1, Options: decode.CanonOptions{memory, memory}}),
		"canon lift, func[0]: option memory conflicts with one before"},
	{"realloc needs memory", then(libc(coreFunc(0, 0)), typeDef(fn(nil)), &decode.Lift{Func: 1, Options: decode.CanonOptions{realloc}}),
		"canon lift, func[0]: option realloc needs the option memory"},
	{"post-return takes the results", then(libc(coreFunc(0, 1)), typeDef(fn(opt(u8))),
		&decode.Lift{Func: 1, Options: decode.CanonOptions{{Kind: decode.OptPostReturn, Index: 1}}}),
		"canon lift, func[0]: option post-return is a func() -> (i32), expected func(i32) -> ()"},
	{"a lower has no post-return", then(libc(coreFunc(0, 0)), typeDef(fn(nil)), imp("f", decode.SortFunc, 0),
		&decode.Lower{Options: decode.CanonOptions{{Kind: decode.OptPostReturn, Index: 1}}}),
		"canon lower, core func[2]: option post-return cannot stand on a lower"},
	{"a string is lowered through memory", comp(typeDef(fn(opt(str))), imp("f", decode.SortFunc, 0), &decode.Lower{}),
		"canon lower, core func[0]: the result passes through memory: the option memory is needed"},
	{"resource.new is of a resource that the component defines", comp(impResource("r"), &decode.ResourceNew{}),
		"canon resource.new, core func[0]: type 0 is not a resource type that this component defines"},
	{"resource.drop is of any resource", comp(impResource("r"), &decode.ResourceDrop{}), ""},

	{"an import is supplied", comp(comp(impResource("r")), &decode.Instance{Instantiate: true}),
		`instance[0]: missing argument for the import "r"`},
	{"an argument has the import's sort", comp(comp(impResource("r")), typeDef(fn(nil)), imp("f", decode.SortFunc, 0),
		&decode.Instance{Instantiate: true, Args: []decode.InstantiateArg{{Name: "r", Sort: decode.SortFunc}}}),
		`instance[0]: argument "r": found a func, expected a type`},
	{"arguments are given once", comp(comp(), typeDef(fn(nil)), imp("f", decode.SortFunc, 0),
		&decode.Instance{Instantiate: true, Args: []decode.InstantiateArg{{Name: "r", Sort: decode.SortFunc}, {Name: "r", Sort: decode.SortFunc}}}),
		`instance[0]: argument "r" is given twice`},
	{"resource types are different when each is made", comp(
		comp(impResource("a"), imp("b", decode.SortType, 0)), resource(), resource(),
		&decode.Instance{Instantiate: true, Args: []decode.InstantiateArg{{Name: "a", Sort: decode.SortType}, {Name: "b", Sort: decode.SortType, Index: 1}}}),
		`instance[0]: argument "b": resource types are not the same: found "", expected "b"`},
	{"resource types are the same when it is one", comp(
		comp(impResource("a"), imp("b", decode.SortType, 0)), resource(),
		&decode.Instance{Instantiate: true, Args: []decode.InstantiateArg{{Name: "a", Sort: decode.SortType}, {Name: "b", Sort: decode.SortType}}}), ""},
	{"a core import is supplied", comp(&decode.CoreModule{Module: &corebin.Module{Imports: []corebin.Import{{Module: "m", Name: "f"}}}},
		&decode.CoreInstance{Instantiate: true}), `core instance[0]: missing argument "m" for the import "m" "f"`},
	{"a core module imports each name once", comp(&decode.CoreModule{Module: &corebin.Module{Imports: []corebin.Import{{Module: "m"}, {Module: "m"}}}}),
		`core module[0]: import "m" "" occurs twice`},
	{"an export's ascribed type is a supertype", comp(typeDef(fn(nil)), typeDef(fn(nil, u8)), imp("f", decode.SortFunc, 0),
		&decode.Export{Name: decode.ExternName{Name: "g"}, Sort: decode.SortFunc, Type: &decode.ExternType{Sort: decode.SortFunc, Index: 1}}),
		`export "g": ascribed type: found 0 params, expected 1`},

	{"a lift without memory may return what needs none", then(libc(coreFunc(0, 1)), typeDef(fn(opt(u8))), &decode.Lift{Func: 1}), ""},

	{"start functions are gated", comp(&decode.Start{}),
		"definition at 0x0: start functions need 🪙 values, which this host does not support (a component-model proposal that is not standard yet)"},
	{"async functions are gated", comp(typeDef(&decode.Func{Async: true})),
		"type[0]: async function types need async, which this host does not support (standard since WASI 0.3)"},
	{"built-ins of async are gated", comp(&decode.AsyncBuiltin{Op: decode.OpWaitableSetNew}),
		"canon waitable-set.new, core func[0]: calls of waitable-set.new need async, which this host does not support (standard since WASI 0.3)"},
	{"lists of fixed length are gated", comp(typeDef(&decode.List{Elem: u8, Fixed: true, Length: 1})),
		"type[0]: lists of a fixed length need 🔧 fixed-length lists, which this host does not support (a component-model proposal that is not standard yet)"},
	{"64-bit memories are gated", comp(&decode.CoreModule{Module: &corebin.Module{Memories: []corebin.MemoryType{
		{PageSizeLog2: 16, Limits: corebin.Limits{Is64: true}}}}}),
		"core module[0]: memory 0: 64-bit memories and tables need memory64, which this host does not support (a core WebAssembly feature that the engine wazero lacks)"},
	{"tags are gated", comp(&decode.CoreModule{Module: &corebin.Module{Tags: []uint32{0}}}),
		"core module[0]: tags need exception handling, which this host does not support (a core WebAssembly feature that is unsafe in the engine wazero 1.12.0)"},
}

func TestRules(t *testing.T) {
	for _, test := range rules {
		t.Run(test.name, func(t *testing.T) {
			_, err := Validate(test.in, Features{})
			if test.want == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			if err == nil || err.Error() != "validate: "+test.want {
				t.Errorf("got  %v\nwant validate: %s", err, test.want)
			}
		})
	}
}

// A stream of strings is a handle: it needs no memory to be passed.
func TestStreamNeedsNoMemory(t *testing.T) {
	_, err := Validate(then(libc(coreFunc(0, 1)), typeDef(&decode.Stream{Elem: opt(str)}), typeDef(fn(opt(ref(0)))), &decode.Lift{Func: 1, Type: 1}), AllFeatures())
	if err != nil {
		t.Error(err)
	}
}

// A value of a type takes less than 2^28 bytes, in memories of 64 bits.
func TestMaxValueSize(t *testing.T) {
	tests := []struct {
		elem   decode.ValType
		length uint32
		ok     bool
	}{
		{u8, 1<<28 - 1, true}, {u8, 1 << 28, false},
		{str, 1<<24 - 1, true}, {str, 1 << 24, false},
		{val(decode.PrimU64), 1 << 29, false}, // 2^32 bytes
	}
	for _, test := range tests {
		_, err := Validate(comp(typeDef(&decode.List{Elem: test.elem, Fixed: true, Length: test.length})), AllFeatures())
		if (err == nil) != test.ok {
			t.Errorf("%d elements: %v", test.length, err)
		}
	}
}

// The type of a component has its imports and exports; aliases of one resource
// type are one resource type.
func TestComponentType(t *testing.T) {
	v, err := Validate(comp(
		impResource("r"), typeDef(&decode.Own{}), typeDef(fn(opt(ref(1)), u8)), imp("f", decode.SortFunc, 2),
		exp("s", decode.SortType, 0), typeDef(&decode.Own{Resource: 3}), typeDef(fn(nil, ref(4))), exp("t", decode.SortType, 5),
	), Features{})
	if err != nil {
		t.Fatal(err)
	}
	r := v.Type.Imports[0].Type.(*types.TypeSub).Resource
	want := &types.Component{
		Imports: []types.Extern{
			{Name: "r", Type: &types.TypeSub{Resource: r}},
			{Name: "f", Type: &types.Func{Params: []types.Param{{Name: "a", Type: types.U8}}, Result: &types.Own{Resource: r}}},
		},
		Exports: []types.Extern{
			{Name: "s", Type: &types.TypeSub{Resource: r}},
			{Name: "t", Type: &types.Func{Params: []types.Param{{Name: "a", Type: &types.Own{Resource: r}}}}},
		},
	}
	if !reflect.DeepEqual(v.Type, want) {
		t.Errorf("got %+v, want %+v", v.Type, want)
	}
	if own := v.Type.Exports[1].Type.(*types.Func).Params[0].Type.(*types.Own); own.Resource != r {
		t.Error("the exported function is about another resource than the imported one")
	}
}

// chain returns n types, each made of the one before.
func chain(n int, next func(uint32) decode.DefType) []decode.Def {
	defs := []decode.Def{typeDef(record(u8))}
	for i := range n {
		defs = append(defs, typeDef(next(uint32(i))))
	}
	return defs
}

// big is a component type or instance type with n exports that mention a
// resource, as the declarations of a type.
func big(n int) []decode.Def {
	decls := []decode.Def{decl("r", subResource), typeDef(&decode.Own{}), typeDef(fn(opt(ref(1))))}
	for i := range n {
		decls = append(decls, decl(fmt.Sprint("f", i), externOf(decode.SortFunc, 2)))
	}
	return decls
}

func many(n int, def func(i int) decode.Def) []decode.Def {
	defs := make([]decode.Def, n)
	for i := range defs {
		defs[i] = def(i)
	}
	return defs
}

// hostile are components that are small and whose types are deep or large, or
// dear to compare or to copy.
func hostile() map[string]*decode.Component {
	wide := fn(nil)
	for i := range 20_000 {
		wide.Params = append(wide.Params, decode.LabelValType{Label: fmt.Sprint("p", i), Type: u8})
	}
	wideRecord := &decode.Record{Fields: wide.Params}
	wideEnum := &decode.Enum{}
	for _, p := range wide.Params {
		wideEnum.Labels = append(wideEnum.Labels, p.Label)
	}
	pair := func(i uint32) decode.InlineExport {
		return decode.InlineExport{Name: decode.ExternName{Name: fmt.Sprint("e", i)}, Sort: decode.SortInstance}
	}
	return map[string]*decode.Component{
		"lists of lists": comp(chain(100_000, func(i uint32) decode.DefType { return &decode.List{Elem: ref(i)} })...),
		"variants that double": comp(chain(150, func(i uint32) decode.DefType {
			return &decode.Variant{Cases: []decode.Case{{Label: "a", Type: opt(ref(i))}, {Label: "b", Type: opt(ref(i))}}}
		})...),
		"instances that double": comp(many(100, func(i int) decode.Def {
			if i == 0 {
				return &decode.Instance{}
			}
			a, b := pair(0), pair(1)
			a.Index, b.Index = uint32(i-1), uint32(i-1)
			return &decode.Instance{Exports: []decode.InlineExport{a, b}}
		})...),
		"instances of instances": comp(many(100_000, func(i int) decode.Def {
			e := pair(0)
			e.Index = uint32(i - 1)
			if i == 0 {
				return &decode.Instance{}
			}
			return &decode.Instance{Exports: []decode.InlineExport{e}}
		})...),
		"imports of a large instance type": then([]decode.Def{typeDef(&decode.InstanceType{Decls: big(5000)})},
			many(5000, func(i int) decode.Def { return imp(fmt.Sprint("i", i), decode.SortInstance, 0) })...),
		"instances of a large component type": then([]decode.Def{typeDef(&decode.ComponentType{Decls: big(5000)}), imp("c", decode.SortComponent, 0)},
			many(5000, func(int) decode.Def { return &decode.Instance{Instantiate: true} })...),
		"exports of a large instance": then([]decode.Def{typeDef(&decode.InstanceType{Decls: big(5000)}), imp("i", decode.SortInstance, 0)},
			many(5000, func(i int) decode.Def { return exp(fmt.Sprint("e", i), decode.SortInstance, 0) })...),
		"lowers of a function of many parameters": then(append(libc(), typeDef(wide), imp("f", decode.SortFunc, 0)),
			many(20_000, func(int) decode.Def { return &decode.Lower{Options: decode.CanonOptions{memory}} })...),
		"options of an enum of many labels, each with a name": comp(append([]decode.Def{typeDef(wideEnum)},
			many(40_000, func(i int) decode.Def {
				if i%2 == 0 {
					return exp(fmt.Sprint("t", i), decode.SortType, 0)
				}
				return typeDef(&decode.Option{Elem: ref(uint32(i))})
			})...)...),
		"names for a record of many fields": then([]decode.Def{typeDef(wideRecord)},
			many(20_000, func(i int) decode.Def { return exp(fmt.Sprint("t", i), decode.SortType, 0) })...),
	}
}

// Hostile components are valid or refused for their size, within a few seconds
// on any machine, however slow.
func TestHostileTypes(t *testing.T) {
	for name, c := range hostile() {
		t.Run(name, func(t *testing.T) {
			done := make(chan error, 1)
			go func() {
				_, err := Validate(c, Features{})
				done <- err
			}()
			select {
			case err := <-done:
				t.Log(err)
				if err != nil && !strings.Contains(err.Error(), "type") && !strings.Contains(err.Error(), "memory") {
					t.Error(err)
				}
			case <-time.After(time.Minute):
				t.Fatal("it takes longer than a minute")
			}
		})
	}
}

// Validate never panics and comes to one verdict; its errors have an offset
// inside the input; with no feature on it accepts no more than with all.
func FuzzValidate(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	// The official suite's components are better seeds still, when they are there.
	suite, err := filepath.Glob(filepath.Join("..", "..", "..", "..", "shared", "suites", "component-model", "json", "*", "*", "*.wasm"))
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range suite {
		if data, err := os.ReadFile(path); err == nil {
			f.Add(data)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := decode.Decode(in)
		if err != nil {
			return
		}
		_, all := Validate(c, AllFeatures())
		_, none := Validate(c, Features{})
		_, again := Validate(c, Features{})
		if none == nil && all != nil {
			t.Fatalf("valid without features, but with them: %v", all)
		}
		if fmt.Sprint(none) != fmt.Sprint(again) {
			t.Fatalf("first %v, then %v", none, again)
		}
		for _, err := range []error{all, none} {
			if e, ok := errors.AsType[*Error](err); err != nil && (!ok || e.Offset < 0 || e.Offset > len(in)) {
				t.Fatalf("%d bytes, %#v: %v", len(in), err, err)
			}
		}
	})
}

// section returns a section with its size, vec a vector, of encoded parts.
func section(id byte, body ...string) string {
	b := strings.Join(body, "")
	return string(binary.AppendUvarint([]byte{id}, uint64(len(b)))) + b
}

func vec(items ...string) string {
	return string(binary.AppendUvarint(nil, uint64(len(items)))) + strings.Join(items, "")
}

const header = "\x00asm\x0d\x00\x01\x00"

// seeds are components in binary form that between them use most definitions.
var seeds = []string{
	header,
	// A type of each kind, an import, an alias and an export.
	header +
		section(7, vec("\x72"+vec("\x01a\x7d"), "\x71"+vec("\x01b\x01\x7d\x00"), "\x70\x7d", "\x6b\x73", "\x6a\x01\x7d\x00",
			"\x6f"+vec("\x7d", "\x73"), "\x6e"+vec("\x01a"), "\x6d"+vec("\x01b"), "\x40"+vec("\x01p\x02")+"\x01\x00",
			"\x42"+vec("\x04\x00\x01r\x03\x01", "\x01\x69\x00", "\x01\x40\x00\x00\x01", "\x04\x00\x01f\x01\x02"), "\x3f\x7f\x00", "\x68\x0a", "\x63\x73\x7d")) +
		section(10, vec("\x00\x01f\x01\x08", "\x00\x02in\x05\x09")) + section(6, vec("\x03\x00\x00\x01r")) +
		section(11, vec("\x00\x01r\x03\x0d\x00", "\x00\x02io\x05\x00\x01\x05\x09")),
	// A core module, its instance, a lift, a lower and an export.
	header +
		section(1, "\x00asm\x01\x00\x00\x00", section(1, vec("\x60\x00\x00")), section(3, vec("\x00")), section(5, vec("\x00\x01")),
			section(7, vec("\x01f\x00\x00", "\x01m\x02\x00")), section(10, vec("\x02\x00\x0b"))) +
		section(2, vec("\x00\x00\x00")) + section(6, vec("\x00\x00\x01\x00\x01f", "\x00\x02\x01\x00\x01m")) + section(7, vec("\x40\x00\x01\x00")) +
		section(8, vec("\x00\x00\x00"+vec("\x03\x00")+"\x00", "\x01\x00\x00\x00")) + section(11, vec("\x00\x01e\x01\x00\x00")),
	// A component that imports a resource and exports a list of it, and its instance.
	header + section(7, vec("\x3f\x7f\x00")) +
		section(4, header, section(10, vec("\x00\x01r\x03\x01")), section(7, vec("\x69\x00", "\x70\x01")), section(11, vec("\x00\x01l\x03\x02\x00"))) +
		section(5, vec("\x00\x00"+vec("\x01r\x03\x00"))) + section(6, vec("\x03\x00\x00\x01l")) + section(8, vec("\x02\x00", "\x03\x00", "\x04\x00")),
	// A component type and a core module type, imported.
	header + section(3, vec("\x50"+vec("\x01\x60\x00\x00", "\x00\x01m\x01f\x00\x00", "\x03\x01e\x02\x00\x01"))) +
		section(7, vec("\x41"+vec("\x03\x00\x01a\x03\x01", "\x04\x00\x01b\x03\x00\x00"))) +
		section(10, vec("\x00\x01m\x00\x11\x00", "\x00\x01c\x04\x00")),
	// Built-ins of async.
	header + section(7, vec("\x66\x01\x7d", "\x65\x00")) + section(8, vec("\x05", "\x0e\x00", "\x15\x01", "\x1f", "\x0a\x7f\x00", "\x09\x00\x7d\x00")),
}

// The seeds decode; what they are there for depends on it.
func TestSeedsDecode(t *testing.T) {
	for i, seed := range seeds {
		c, err := decode.Decode([]byte(seed))
		if err != nil {
			t.Errorf("seed %d: %v", i, err)
			continue
		}
		if _, err := Validate(c, AllFeatures()); err != nil {
			t.Errorf("seed %d: %v", i, err)
		}
	}
}

// BenchmarkValidate checks a component whose types mention a resource, as
// those of WASI do.
func BenchmarkValidate(b *testing.B) {
	c := then([]decode.Def{typeDef(&decode.InstanceType{Decls: big(100)})},
		many(20, func(i int) decode.Def { return imp(fmt.Sprint("i", i), decode.SortInstance, 0) })...)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Validate(c, Features{}); err != nil {
			b.Fatal(err)
		}
	}
}
