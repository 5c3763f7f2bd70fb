package decode

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component/internal/corebin"
)

const (
	header       = "\x00asm\x0d\x00\x01\x00"
	moduleHeader = "\x00asm\x01\x00\x00\x00"
)

// section returns a section with its size.
func section(id byte, body ...string) string {
	b := strings.Join(body, "")
	return string(binary.AppendUvarint([]byte{id}, uint64(len(b)))) + b
}

// vec returns a vector of encoded items.
func vec(items ...string) string {
	return string(binary.AppendUvarint(nil, uint64(len(items)))) + strings.Join(items, "")
}

func component(sections ...string) []byte { return []byte(header + strings.Join(sections, "")) }

var u8, str = ValType{Prim: PrimU8}, ValType{Prim: PrimString}

// Each production is decoded to its definition. Offsets are of the first byte
// of a definition: 11 is the first one of the first section.
var decodeTests = []struct {
	name string
	in   []byte
	want []Def
}{
	{"an empty component", component(), nil},
	{"a custom section", component(section(0, "\x01x", "anything")), nil},
	{
		"a core module",
		component(section(1, moduleHeader)),
		[]Def{&CoreModule{Offset: 10, Bytes: []byte(moduleHeader), Module: &corebin.Module{}}},
	},
	{
		"core instances of a module and of exports of every core sort",
		component(section(2, vec("\x00\x03"+vec("\x01a\x12\x05"), "\x01"+vec(
			"\x01f\x00\x00", "\x01t\x01\x01", "\x01m\x02\x02", "\x01g\x03\x03", "\x01e\x04\x04")))),
		[]Def{
			&CoreInstance{Offset: 11, Instantiate: true, Module: 3, Args: []CoreInstantiateArg{{"a", 5}}},
			&CoreInstance{Offset: 18, Exports: []CoreInlineExport{
				{"f", SortCoreFunc, 0}, {"t", SortCoreTable, 1}, {"m", SortCoreMemory, 2}, {"g", SortCoreGlobal, 3}, {"e", SortCoreTag, 4}}},
		},
	},
	{
		"core types: a function, a subtype, a group and a module type",
		component(section(3, vec(
			"\x60\x01\x7f\x00", "\x00\x50\x00\x60\x00\x00", "\x4e\x02\x5f\x00\x60\x00\x00",
			"\x50"+vec("\x01\x60\x00\x00", "\x00\x01m\x01f\x00\x00", "\x02\x10\x01\x01\x07", "\x03\x01e\x03\x7f\x01")))),
		[]Def{
			&CoreType{Offset: 11, Types: []corebin.Type{{Kind: corebin.KindFunc, Func: &corebin.FuncType{Params: []corebin.ValType{corebin.I32}}}}},
			&CoreType{Offset: 15, Types: []corebin.Type{{Kind: corebin.KindFunc, Func: &corebin.FuncType{}, Sub: true}}},
			&CoreType{Offset: 21, Rec: true, Types: []corebin.Type{
				{Kind: corebin.KindStruct, Rec: true}, {Kind: corebin.KindFunc, Func: &corebin.FuncType{}, Rec: true}}},
			&CoreType{Offset: 28, Module: &CoreModuleType{Decls: []CoreDecl{
				{Offset: 30, Type: &CoreType{Offset: 31, Types: []corebin.Type{{Kind: corebin.KindFunc, Func: &corebin.FuncType{}}}}},
				{Offset: 34, Import: &CoreImportDecl{Module: "m", Name: "f", Type: corebin.Extern{Kind: corebin.ExternFunc}}},
				{Offset: 41, Alias: &CoreOuterAlias{Count: 1, Index: 7}},
				{Offset: 46, Export: &CoreExportDecl{Name: "e", Type: corebin.Extern{
					Kind: corebin.ExternGlobal, Global: corebin.GlobalType{Type: corebin.I32, Mutable: true}}}},
			}}},
		},
	},
	{
		"a nested component, with the definitions around it in order",
		component(section(7, vec("\x7f")), section(4, header+section(7, vec("\x7e"))), section(7, vec("\x7d"))),
		[]Def{
			&Type{Offset: 11, Type: PrimBool},
			&Component{Offset: 14, Size: 12, Defs: []Def{&Type{Offset: 25, Type: PrimS8}}},
			&Type{Offset: 29, Type: PrimU8},
		},
	},
	{
		"instances of a component and of exports of every sort",
		component(section(5, vec("\x00\x02"+vec("\x01a\x01\x07"), "\x01"+vec(
			"\x00\x01m\x00\x11\x00", "\x01\x01f\x01\x01", "\x02\x01v\x00\x02\x02", "\x00\x01t\x03\x03", "\x00\x01c\x04\x04", "\x00\x01i\x05\x05")))),
		[]Def{
			&Instance{Offset: 11, Instantiate: true, Component: 2, Args: []InstantiateArg{{"a", SortFunc, 7}}},
			&Instance{Offset: 18, Exports: []InlineExport{
				{ExternName{Name: "m"}, SortCoreModule, 0}, {ExternName{Name: "f"}, SortFunc, 1}, {ExternName{Name: "v"}, SortValue, 2},
				{ExternName{Name: "t"}, SortType, 3}, {ExternName{Name: "c"}, SortComponent, 4}, {ExternName{Name: "i"}, SortInstance, 5}}},
		},
	},
	{
		"aliases of exports, of core exports and of outer definitions",
		component(section(6, vec("\x01\x00\x02\x01f", "\x00\x02\x01\x03\x01m", "\x03\x02\x01\x04", "\x00\x10\x02\x00\x05"))),
		[]Def{
			&Alias{Offset: 11, Sort: SortFunc, Target: AliasExport, Instance: 2, Name: "f"},
			&Alias{Offset: 16, Sort: SortCoreMemory, Target: AliasCoreExport, Instance: 3, Name: "m"},
			&Alias{Offset: 22, Sort: SortType, Target: AliasOuter, Count: 1, Index: 4},
			&Alias{Offset: 26, Sort: SortCoreType, Target: AliasOuter, Count: 0, Index: 5},
		},
	},
	{
		"every value type",
		component(section(7, vec(
			"\x64", "\x72"+vec("\x01a\x7d"), "\x71"+vec("\x01a\x00\x00", "\x01b\x01\x7d\x00"), "\x70\x7d", "\x67\x7d\x05",
			"\x6f"+vec("\x7d", "\x03"), "\x6e"+vec("\x01a"), "\x6d"+vec("\x01b"), "\x6b\x7d", "\x6a\x00\x00", "\x6a\x01\x7d\x01\x73",
			"\x69\x04", "\x68\x05", "\x66\x00", "\x66\x01\x7d", "\x65\x00", "\x63\x73\x7d"))),
		[]Def{
			&Type{Offset: 11, Type: PrimErrorContext},
			&Type{Offset: 12, Type: &Record{Fields: []LabelValType{{"a", u8}}}},
			&Type{Offset: 17, Type: &Variant{Cases: []Case{{Label: "a"}, {Label: "b", Type: &u8}}}},
			&Type{Offset: 28, Type: &List{Elem: u8}},
			&Type{Offset: 30, Type: &List{Elem: u8, Fixed: true, Length: 5}},
			&Type{Offset: 33, Type: &Tuple{Elems: []ValType{u8, {Index: 3}}}},
			&Type{Offset: 37, Type: &Flags{Labels: []string{"a"}}},
			&Type{Offset: 41, Type: &Enum{Labels: []string{"b"}}},
			&Type{Offset: 45, Type: &Option{Elem: u8}},
			&Type{Offset: 47, Type: &Result{}},
			&Type{Offset: 50, Type: &Result{OK: &u8, Err: &str}},
			&Type{Offset: 55, Type: &Own{Resource: 4}},
			&Type{Offset: 57, Type: &Borrow{Resource: 5}},
			&Type{Offset: 59, Type: &Stream{}},
			&Type{Offset: 61, Type: &Stream{Elem: &u8}},
			&Type{Offset: 64, Type: &Future{}},
			&Type{Offset: 66, Type: &Map{Key: str, Value: u8}},
		},
	},
	{
		"function and resource types",
		component(section(7, vec("\x40"+vec("\x01p\x7d")+"\x00\x73", "\x43\x00\x01\x00", "\x3f\x7f\x00", "\x3f\x7f\x01\x06"))),
		[]Def{
			&Type{Offset: 11, Type: &Func{Params: []LabelValType{{"p", u8}}, Result: &str}},
			&Type{Offset: 18, Type: &Func{Async: true}},
			&Type{Offset: 22, Type: &ResourceType{Rep: corebin.I32}},
			&Type{Offset: 25, Type: &ResourceType{Rep: corebin.I32, Dtor: new(uint32(6))}},
		},
	},
	{
		"component and instance types",
		component(section(7, vec(
			"\x41"+vec("\x00\x60\x00\x00", "\x01\x7d", "\x02\x03\x02\x01\x00", "\x03\x00\x01a\x01\x00", "\x04\x00\x01b\x03\x01"),
			"\x42"+vec("\x04\x00\x01c\x03\x00\x02")))),
		[]Def{
			&Type{Offset: 11, Type: &ComponentType{Decls: []Def{
				&CoreType{Offset: 14, Types: []corebin.Type{{Kind: corebin.KindFunc, Func: &corebin.FuncType{}}}},
				&Type{Offset: 18, Type: PrimU8},
				&Alias{Offset: 20, Sort: SortType, Target: AliasOuter, Count: 1},
				&Import{Offset: 25, Name: ExternName{Name: "a"}, Type: ExternType{Sort: SortFunc}},
				&ExportDecl{Offset: 31, Name: ExternName{Name: "b"}, Type: ExternType{Sort: SortType, Bound: BoundSubResource}},
			}}},
			&Type{Offset: 36, Type: &InstanceType{Decls: []Def{
				&ExportDecl{Offset: 39, Name: ExternName{Name: "c"}, Type: ExternType{Sort: SortType, Bound: BoundEq, Index: 2}},
			}}},
		},
	},
	{
		"lifts, lowers and the resource built-ins",
		component(section(8, vec(
			"\x00\x00\x01"+vec("\x01", "\x03\x02", "\x04\x03", "\x05\x04", "\x06", "\x07\x05")+"\x06",
			"\x01\x00\x07\x00", "\x02\x08", "\x03\x09", "\x04\x0a"))),
		[]Def{
			&Lift{Offset: 11, Func: 1, Type: 6, Options: CanonOptions{
				{Kind: OptUTF16}, {OptMemory, 2}, {OptRealloc, 3}, {OptPostReturn, 4}, {Kind: OptAsync}, {OptCallback, 5}}},
			&Lower{Offset: 26, Func: 7},
			&ResourceNew{Offset: 30, Resource: 8},
			&ResourceDrop{Offset: 32, Resource: 9},
			&ResourceRep{Offset: 34, Resource: 10},
		},
	},
	{
		"built-ins of async, with their immediates",
		component(section(8, vec("\x05", "\x09\x00\x7d\x01\x00", "\x0a\x7f\x01", "\x06\x01", "\x0f\x02\x00", "\x11\x02\x01", "\x1c\x00",
			"\x20\x01\x03", "\x0c\x01", "\x27\x01\x02", "\x40\x01\x02", "\x41\x00\x01\x02", "\x42\x01"))),
		[]Def{
			&AsyncBuiltin{Offset: 11, Op: OpTaskCancel},
			&AsyncBuiltin{Offset: 12, Op: OpTaskReturn, Result: &u8, Options: CanonOptions{{Kind: OptUTF8}}},
			&AsyncBuiltin{Offset: 17, Op: OpContextGet, ValType: corebin.I32, Slot: 1},
			&AsyncBuiltin{Offset: 20, Op: OpSubtaskCancel, Async: true},
			&AsyncBuiltin{Offset: 22, Op: OpStreamRead, Type: 2},
			&AsyncBuiltin{Offset: 25, Op: OpStreamCancelRead, Type: 2, Async: true},
			&AsyncBuiltin{Offset: 28, Op: OpErrorContextNew},
			&AsyncBuiltin{Offset: 30, Op: OpWaitableSetWait, Cancellable: true, Memory: 3},
			&AsyncBuiltin{Offset: 33, Op: OpThreadYield, Cancellable: true},
			&AsyncBuiltin{Offset: 35, Op: OpThreadNewIndirect, Type: 1, Table: 2},
			&AsyncBuiltin{Offset: 38, Op: OpThreadSpawnRef, Shared: true, Type: 2},
			&AsyncBuiltin{Offset: 41, Op: OpThreadSpawnIndirect, Type: 1, Table: 2},
			&AsyncBuiltin{Offset: 45, Op: OpThreadAvailable, Shared: true},
		},
	},
	{"a start function", component(section(9, "\x01"+vec("\x02", "\x03")+"\x04")),
		[]Def{&Start{Offset: 10, Func: 1, Args: []uint32{2, 3}, Results: 4}}},
	{
		"imports of every sort, with attributes",
		component(section(10, vec("\x00\x01a\x00\x11\x01", "\x01\x01b\x01\x02", "\x00\x01c\x02\x00\x03", "\x00\x01d\x02\x01\x7d",
			"\x00\x01e\x03\x00\x04", "\x00\x01f\x03\x01", "\x00\x01g\x04\x05",
			"\x02\x01h"+vec("\x00\x05a:b/c", "\x01\x02.1", "\x02\x00")+"\x05\x06"))),
		[]Def{
			&Import{Offset: 11, Name: ExternName{Name: "a"}, Type: ExternType{Sort: SortCoreModule, Index: 1}},
			&Import{Offset: 17, Name: ExternName{Name: "b"}, Type: ExternType{Sort: SortFunc, Index: 2}},
			&Import{Offset: 22, Name: ExternName{Name: "c"}, Type: ExternType{Sort: SortValue, Bound: BoundEq, Index: 3}},
			&Import{Offset: 28, Name: ExternName{Name: "d"}, Type: ExternType{Sort: SortValue, Bound: BoundType, ValType: u8}},
			&Import{Offset: 34, Name: ExternName{Name: "e"}, Type: ExternType{Sort: SortType, Bound: BoundEq, Index: 4}},
			&Import{Offset: 40, Name: ExternName{Name: "f"}, Type: ExternType{Sort: SortType, Bound: BoundSubResource}},
			&Import{Offset: 45, Name: ExternName{Name: "g"}, Type: ExternType{Sort: SortComponent, Index: 5}},
			&Import{Offset: 50, Name: ExternName{Name: "h", Attributes: []NameAttribute{
				{AttrImplements, "a:b/c"}, {AttrVersionSuffix, ".1"}, {AttrExternalID, ""}}}, Type: ExternType{Sort: SortInstance, Index: 6}},
		},
	},
	{
		"exports with and without a type",
		component(section(11, vec("\x00\x01a\x00\x11\x01\x00", "\x00\x01b\x01\x02\x01\x01\x03"))),
		[]Def{
			&Export{Offset: 11, Name: ExternName{Name: "a"}, Sort: SortCoreModule, Index: 1},
			&Export{Offset: 18, Name: ExternName{Name: "b"}, Sort: SortFunc, Index: 2, Type: &ExternType{Sort: SortFunc, Index: 3}},
		},
	},
	{"a value", component(section(12, vec("\x7d\x01\x05"))), []Def{&Value{Offset: 11, Type: u8, Bytes: []byte{5}}}},
}

func TestDecode(t *testing.T) {
	for _, test := range decodeTests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Decode(test.in)
			if err != nil {
				t.Fatal(err)
			}
			want := &Component{Size: len(test.in), Defs: test.want}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got  %s\nwant %s", dump(got.Defs), dump(want.Defs))
			}
		})
	}
}

// dump prints definitions one by line, nested values included.
func dump(defs []Def) string {
	text, err := json.Marshal(defs)
	if err != nil {
		return err.Error()
	}
	return strings.ReplaceAll(string(text), "},{", "},\n\t{")
}

func TestComponentName(t *testing.T) {
	tests := map[string]string{
		"\x0ecomponent-name\x00\x05\x04name":         "name",
		"\x0ecomponent-name\x00\x05\x04name\x01\x00": "name",
		"\x0ecomponent-name\x00\x09\x04name":         "", // longer than the section
		"\x0ecomponent-name\x01\x00":                 "",
		"\x04name\x00\x05\x04name":                   "",
	}
	for in, want := range tests {
		c, err := Decode(component(section(0, in)))
		if err != nil || c.Name != want {
			t.Errorf("%q: got %q, %v; want %q", in, c.Name, err, want)
		}
	}
}

func TestCanonOptions(t *testing.T) {
	o := CanonOptions{{OptMemory, 3}, {Kind: OptLatin1UTF16}, {OptRealloc, 4}}
	if i, ok := o.Lookup(OptRealloc); i != 4 || !ok {
		t.Errorf("realloc: got %d, %v", i, ok)
	}
	if i, ok := o.Lookup(OptPostReturn); ok {
		t.Errorf("post-return: got %d", i)
	}
	if e := o.StringEncoding(); e != OptLatin1UTF16 {
		t.Errorf("got %s", e)
	}
	if e := o[:1].StringEncoding(); e != OptUTF8 {
		t.Errorf("got %s by default", e)
	}
}

func TestIsComponent(t *testing.T) {
	for in, want := range map[string]bool{header: true, moduleHeader: false, header[:7]: false, "": false} {
		if got := IsComponent([]byte(in)); got != want {
			t.Errorf("%q: got %v", in, got)
		}
	}
}

var decodeRefusals = []struct {
	name   string
	in     []byte
	offset int
	want   string
}{
	{"an empty file", nil, 0, "a component starts with 8 bytes of magic, version and layer, found 0 (at 0x0)"},
	{"a core module", []byte(moduleHeader), 4, "found a core module, expected a component (at 0x4)"},
	{"another version", []byte("\x00asm\x0c\x00\x01\x00"), 4, "unknown version 0c00 of a component, expected 0d00 (at 0x4)"},
	{"another layer", []byte("\x00asm\x0d\x00\x02\x00"), 4, "unknown version and layer 0d000200, expected 0d000100 (at 0x4)"},
	{"an unknown section", component("\x0d\x00"), 8, "unknown section 0x0d at 0x8 (at 0x8)"},
	{"a section longer than the file", component("\x07\x02\x01"), 10, "section type at 0x8: unexpected end: 2 bytes announced, 1 remain (at 0xa)"},
	{"bytes after the definitions of a section", component(section(7, "\x00\x7f")), 11,
		"section type at 0x8: 1 bytes remain after the end of the contents (at 0xb)"},
	{"a count beyond the section", component(section(7, "\xff\xff\xff\xff\x0f")), 10,
		"section type at 0x8: unexpected end: a vector of 4294967295 elements announced, 0 bytes remain (at 0xa)"},
	{"an error in a core module has the offset in the file", component(section(1, moduleHeader+"\x0e\x00")), 18,
		"section core module at 0x8: unknown section 0x0e (at 0x8)"},
	{"an unknown value type", component(section(7, vec("\x7f", "\x72"+vec("\x01x\x5f")))), 16,
		`section type at 0x8: type[1]: record: field[0]: "x": unknown valtype 0x5f (at 0x10)`},
	{"an unknown type", component(section(7, vec("\x62"))), 11, "section type at 0x8: type[0]: unknown type 0x62 (at 0xb)"},
	{"a case with a refinement", component(section(7, vec("\x71"+vec("\x01c\x00\x01")))), 16,
		`section type at 0x8: type[0]: variant: case[0]: "c": end of a case: found 0x01, expected 0x00 (at 0x10)`},
	{"two results", component(section(7, vec("\x40\x00\x01\x01"))), 14,
		"section type at 0x8: type[0]: func: number of results: found 0x01, expected 0x00 (at 0xe)"},
	{"an import in an instance type", component(section(7, vec("\x42"+vec("\x03\x00\x01a\x03\x01")))), 13,
		"section type at 0x8: type[0]: instance type: decl[0]: unknown declaration 0x03 (at 0xd)"},
	{"an argument that is not an instance", component(section(2, vec("\x00\x00"+vec("\x01a\x00\x00")))), 16,
		"section core instance at 0x8: core instance[0]: arg[0]: sort of a core argument (instance): found 0x00, expected 0x12 (at 0x10)"},
	{"an export of a core function", component(section(11, vec("\x00\x01a\x00\x00\x00\x00"))), 14,
		`section export at 0x8: export[0]: "a": found sort core func, of the core sorts only core module is possible here (at 0xe)`},
	{"an outer alias of a function", component(section(6, vec("\x01\x02\x00\x00"))), 11,
		"section alias at 0x8: alias[0]: an outer alias has no sort func (at 0xb)"},
	{"an unknown alias target", component(section(6, vec("\x01\x03\x00\x00"))), 12, "section alias at 0x8: alias[0]: unknown alias target 0x03 (at 0xc)"},
	{"an unknown canonical definition", component(section(8, vec("\x07"))), 11, "section canon at 0x8: canon[0]: unknown canonical definition 0x07 (at 0xb)"},
	{"an unknown canonical option", component(section(8, vec("\x01\x00\x00\x01\x0a"))), 15,
		"section canon at 0x8: canon[0]: lower: option[0]: unknown canonical option 0x0a (at 0xf)"},
	{"an unknown form of name", component(section(10, vec("\x03\x01a\x01\x00"))), 11, "section import at 0x8: import[0]: unknown form of name 0x03 (at 0xb)"},
	{"an unknown attribute", component(section(10, vec("\x02\x01a\x01\x03\x00\x01\x00"))), 15,
		`section import at 0x8: import[0]: "a": attribute[0]: unknown name attribute 0x03 (at 0xf)`},
	{"an unknown extern type", component(section(10, vec("\x00\x01a\x06\x00"))), 14, `section import at 0x8: import[0]: "a": unknown extern type 0x06 (at 0xe)`},
	{"a core extern type that is not a module", component(section(10, vec("\x00\x01a\x00\x00\x00"))), 15,
		`section import at 0x8: import[0]: "a": core extern type (module): found 0x00, expected 0x11 (at 0xf)`},
	{"a name that is too long", component(section(10, vec("\x00\xa1\x8d\x06"))), 15,
		"section import at 0x8: import[0]: name of 100001 bytes, at most 100000 are possible (at 0xf)"},
	{"a name that is not UTF-8", component(section(10, vec("\x00\x02\xff\xfe\x01\x00"))), 13, "section import at 0x8: import[0]: malformed UTF-8 in a name of 2 bytes (at 0xd)"},
	{"a value longer than its section", component(section(12, vec("\x7d\x02\x05"))), 13, "section value at 0x8: value[0]: unexpected end: 2 bytes announced, 1 remain (at 0xd)"},
}

func TestDecodeRefuses(t *testing.T) {
	for _, test := range decodeRefusals {
		t.Run(test.name, func(t *testing.T) {
			_, err := Decode(test.in)
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("got %v, want an *Error", err)
			}
			if e.Error() != "decode: "+test.want || e.Offset != test.offset {
				t.Errorf("got  %s, offset %#x\nwant decode: %s, offset %#x", e, e.Offset, test.want, test.offset)
			}
		})
	}
}

// nest wraps a component in n others.
func nest(n int) []byte {
	in := header
	for range n {
		in = header + section(4, in)
	}
	return []byte(in)
}

// nestTypes returns a component with n instance types inside each other.
func nestTypes(n int) []byte {
	in := "\x7f"
	for range n {
		in = "\x42\x01\x01" + in
	}
	return component(section(7, vec(in)))
}

func TestDecodeLimitsNesting(t *testing.T) {
	tests := []struct {
		name string
		in   []byte
		ok   bool
	}{
		{"components to the limit", nest(MaxDepth - 1), true},
		{"components beyond the limit", nest(MaxDepth), false},
		{"types to the limit", nestTypes(MaxDepth - 1), true},
		{"types beyond the limit", nestTypes(MaxDepth), false},
		{"types without end", nestTypes(20_000), false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Decode(test.in)
			if (err == nil) != test.ok {
				t.Fatal(err)
			}
			if err != nil && !strings.Contains(err.Error(), "nested more than 100 levels deep") {
				t.Fatal(err)
			}
		})
	}
}

// maxBytesPerByte is what Decode says it allocates at most, garbage included.
const maxBytesPerByte = 250

// Vectors of the smallest definitions are the worst case for memory.
func TestDecodeTakesLinearMemory(t *testing.T) {
	const n = 1 << 16
	many := func(id byte, def string) []byte {
		return component(section(id, string(binary.AppendUvarint(nil, n)), strings.Repeat(def, n)))
	}
	list := func(code byte, elem string) []byte {
		return component(section(7, vec(string(code)+string(binary.AppendUvarint(nil, n))+strings.Repeat(elem, n))))
	}
	for name, in := range map[string][]byte{
		"primitive types":   many(7, "\x7f"),
		"tuples":            many(7, "\x6f\x00"),
		"instance types":    many(7, "\x42\x00"),
		"instances":         many(5, "\x01\x00"),
		"core instances":    many(2, "\x01\x00"),
		"aliases":           many(6, "\x01\x00\x00\x00"),
		"built-ins":         many(8, "\x05"),
		"imports":           many(10, "\x00\x00\x01\x00"),
		"elements":          list(0x6f, "\x7d"),
		"fields":            list(0x72, "\x00\x7d"),
		"cases":             list(0x71, "\x00\x01\x7d\x00"),
		"labels":            list(0x6e, "\x00"),
		"declarations":      list(0x41, "\x01\x7f"),
		"nested components": component(strings.Repeat(section(4, header), n)),
		"core modules":      component(strings.Repeat(section(1, moduleHeader), n/8)),
	} {
		t.Run(name, func(t *testing.T) {
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			if _, err := Decode(in); err != nil {
				t.Fatal(err)
			}
			runtime.ReadMemStats(&after)
			got := after.TotalAlloc - before.TotalAlloc
			if most := uint64(len(in))*maxBytesPerByte + 1<<16; got > most {
				t.Errorf("%d bytes allocated for %d bytes of input, at most %d are expected", got, len(in), most)
			}
			t.Logf("%d bytes for each byte", got/uint64(len(in)))
		})
	}
}

// Decode never panics, its errors have an offset inside the input, and every
// definition lies inside it.
func FuzzDecode(f *testing.F) {
	for _, test := range decodeTests {
		f.Add(test.in)
	}
	for _, test := range decodeRefusals {
		f.Add(test.in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		c, err := Decode(in)
		if err != nil {
			e, ok := errors.AsType[*Error](err)
			if !ok || e.Offset < 0 || e.Offset > len(in) {
				t.Fatalf("%#v, %d bytes: %v", err, len(in), err)
			}
			return
		}
		inside(t, c, 0, len(in))
	})
}

// inside checks that a component's definitions lie between start and end, in order.
func inside(t *testing.T, c *Component, start, end int) {
	if c.Offset < start || c.Offset+c.Size > end {
		t.Fatalf("component at %d, %d bytes, lies outside %d to %d", c.Offset, c.Size, start, end)
	}
	last := c.Offset
	for _, d := range c.Defs {
		if d.Pos() < last || d.Pos() > c.Offset+c.Size {
			t.Fatalf("%T at %d after %d", d, d.Pos(), last)
		}
		last = d.Pos()
		if n, ok := d.(*Component); ok {
			inside(t, n, last, c.Offset+c.Size)
		}
	}
}
