package corebin

import (
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// sec returns a section with its size.
func sec(id SectionID, body ...string) string {
	b := strings.Join(body, "")
	return string(appendSection(nil, byte(id), []byte(b)))
}

const moduleHeader = preamble

func mod(sections ...string) []byte { return []byte(moduleHeader + strings.Join(sections, "")) }

// externs has a type of each kind.
var externs = [...]Extern{
	{Kind: ExternFunc, Func: &FuncType{}},
	{Kind: ExternTable, Table: TableType{Elem: FuncRef, Limits: Limits{Min: 1, Max: math.MaxUint64}}},
	{Kind: ExternMemory, Memory: MemoryType{Limits: Limits{Min: 1, Max: math.MaxUint64}, PageSizeLog2: 16}},
	{Kind: ExternGlobal, Global: GlobalType{Type: I32, Mutable: true}},
	{Kind: ExternTag, Func: &FuncType{}},
}

var parseTests = []struct {
	name string
	in   []byte
	want Module
}{
	{"an empty module", mod(), Module{}},
	{
		"function types, an import and an export",
		mod(
			sec(SectionType, "\x02", "\x60\x02\x7f\x7e\x01\x7d", "\x60\x00\x00"),
			sec(SectionImport, "\x01", "\x01m\x01f\x00\x01"),
			sec(SectionFunction, "\x01\x00"),
			sec(SectionExport, "\x02", "\x01a\x00\x00", "\x01b\x00\x01"),
			sec(SectionStart, "\x00"),
			sec(SectionCode, "\x01\x02\x00\x0b"),
		),
		Module{
			Types: []Type{
				{Kind: KindFunc, Func: &FuncType{Params: []ValType{I32, I64}, Results: []ValType{F32}}},
				{Kind: KindFunc, Func: &FuncType{}},
			},
			Imports: []Import{{
				Module: "m", Name: "f", Type: Extern{Kind: ExternFunc, TypeIndex: 1, Func: &FuncType{}},
				Offset: 23, TypeOffset: 27, End: 29,
			}},
			Exports: []Export{
				{Name: "a", Index: 0, Type: Extern{Kind: ExternFunc, TypeIndex: 1, Func: &FuncType{}}},
				{Name: "b", Index: 1, Type: Extern{Kind: ExternFunc, TypeIndex: 0, Func: &FuncType{
					Params: []ValType{I32, I64}, Results: []ValType{F32}}}},
			},
			Funcs: []uint32{1, 0}, ImportedFuncs: 1, Start: new(uint32(0)),
			Sections: []Section{
				{ID: SectionType, Start: 8, Body: 10, End: 20, Count: 2},
				{ID: SectionImport, Start: 20, Body: 22, End: 29, Count: 1},
				{ID: SectionFunction, Start: 29, Body: 31, End: 33, Count: 1},
				{ID: SectionExport, Start: 33, Body: 35, End: 44, Count: 2},
				{ID: SectionStart, Start: 44, Body: 46, End: 47},
				{ID: SectionCode, Start: 47, Body: 49, End: 53, Count: 1},
			},
		},
	},
	{
		"tables, memories, globals and tags with every form of limits",
		mod(
			sec(SectionType, "\x01", "\x60\x00\x00"),
			sec(SectionTable, "\x02", "\x70\x00\x01", "\x40\x00\x6f\x01\x01\x02\xd0\x6f\x0b"),
			sec(SectionMemory, "\x02", "\x03\x01\x02", "\x0d\x01\x02\x00"),
			sec(SectionTag, "\x01", "\x00\x00"),
			sec(SectionGlobal, "\x03", "\x7f\x01\x41\x80\x7f\x0b", "\x7e\x00\x42\x01\x42\x02\x7c\x0b", "\x64\x05\x00\xd2\x00\x0b"),
		),
		Module{
			Types: []Type{{Kind: KindFunc, Func: &FuncType{}}},
			Tables: []TableType{
				{Elem: FuncRef, Limits: Limits{Min: 1, Max: math.MaxUint64}},
				{Elem: ExternRef, Limits: Limits{Min: 1, Max: 2, HasMax: true}},
			},
			Memories: []MemoryType{
				{Limits: Limits{Min: 1, Max: 2, HasMax: true, Shared: true}, PageSizeLog2: 16},
				{Limits: Limits{Min: 1, Max: 2, HasMax: true, Is64: true}, PageSizeLog2: 0, CustomPageSize: true},
			},
			Globals: []GlobalType{{Type: I32, Mutable: true}, {Type: I64}, {Type: codeRef | heapConcrete | 5<<32}},
			Tags:    []uint32{0},
			Sections: []Section{
				{ID: SectionType, Start: 8, Body: 10, End: 14, Count: 1},
				{ID: SectionTable, Start: 14, Body: 16, End: 29, Count: 2},
				{ID: SectionMemory, Start: 29, Body: 31, End: 39, Count: 2},
				{ID: SectionTag, Start: 39, Body: 41, End: 44, Count: 1},
				{ID: SectionGlobal, Start: 44, Body: 46, End: 67, Count: 3},
			},
		},
	},
	{
		"imports and exports of every kind",
		mod(
			sec(SectionType, "\x01", "\x60\x00\x00"),
			sec(SectionImport, "\x05", "\x00\x01f\x00\x00", "\x00\x01t\x01\x70\x00\x01", "\x00\x01m\x02\x00\x01",
				"\x00\x01g\x03\x7f\x01", "\x00\x01e\x04\x00\x00"),
			sec(SectionExport, "\x05", "\x01a\x00\x00", "\x01b\x01\x00", "\x01c\x02\x00", "\x01d\x03\x00", "\x01e\x04\x00"),
		),
		Module{
			Types: []Type{{Kind: KindFunc, Func: &FuncType{}}},
			Imports: []Import{
				{Name: "f", Type: externs[0], Offset: 17, TypeOffset: 20, End: 22},
				{Name: "t", Type: externs[1], Offset: 22, TypeOffset: 25, End: 29},
				{Name: "m", Type: externs[2], Offset: 29, TypeOffset: 32, End: 35},
				{Name: "g", Type: externs[3], Offset: 35, TypeOffset: 38, End: 41},
				{Name: "e", Type: externs[4], Offset: 41, TypeOffset: 44, End: 47},
			},
			Exports: []Export{
				{Name: "a", Type: externs[0]}, {Name: "b", Type: externs[1]}, {Name: "c", Type: externs[2]},
				{Name: "d", Type: externs[3]}, {Name: "e", Type: externs[4]},
			},
			Funcs: []uint32{0}, Tables: []TableType{externs[1].Table}, Memories: []MemoryType{externs[2].Memory},
			Globals: []GlobalType{externs[3].Global}, Tags: []uint32{0}, ImportedFuncs: 1,
			Sections: []Section{
				{ID: SectionType, Start: 8, Body: 10, End: 14, Count: 1},
				{ID: SectionImport, Start: 14, Body: 16, End: 47, Count: 5},
				{ID: SectionExport, Start: 47, Body: 49, End: 70, Count: 5},
			},
		},
	},
	{
		"every constant instruction",
		mod(sec(SectionGlobal, "\x09", "\x7f\x00\x23\x01\x0b", "\x7d\x00\x43\x00\x00\x00\x00\x0b",
			"\x7c\x00\x44\x00\x00\x00\x00\x00\x00\x00\x00\x0b", "\x7b\x00\xfd\x0c"+strings.Repeat("\x00", 16)+"\x0b",
			"\x70\x00\xd0\x70\x0b", "\x6e\x00\xfb\x00\x05\x0b", "\x6e\x00\xfb\x08\x05\x02\x0b", "\x6c\x00\x41\x00\xfb\x1c\x0b",
			"\x7f\x00\x41\x01\x41\x02\x6a\x41\x03\x6b\x41\x04\x6c\x0b")),
		Module{
			Globals: []GlobalType{{Type: I32}, {Type: F32}, {Type: F64}, {Type: V128}, {Type: FuncRef},
				{Type: codeRefNull | 0x6e<<8}, {Type: codeRefNull | 0x6e<<8}, {Type: codeRefNull | 0x6c<<8}, {Type: I32}},
			Sections: []Section{{ID: SectionGlobal, Start: 8, Body: 10, End: 96, Count: 9}},
		},
	},
	{
		"types of the GC proposal, for validation to refuse by name",
		mod(sec(SectionType, "\x03",
			"\x4e\x02\x5f\x01\x78\x01\x5e\x7f\x00", "\x50\x01\x00\x60\x01\x63\x00\x00", "\x5d\x00")),
		Module{
			Types: []Type{
				{Kind: KindStruct, Rec: true}, {Kind: KindArray, Rec: true},
				{Kind: KindFunc, Sub: true, Func: &FuncType{Params: []ValType{codeRefNull | heapConcrete}}},
				{Kind: KindCont},
			},
			Sections: []Section{{ID: SectionType, Start: 8, Body: 10, End: 30, Count: 3}},
		},
	},
	{
		"names of the module and of functions",
		mod(sec(SectionCustom, "\x04name", "\x00\x02\x01m", "\x01\x08\x02\x00\x01f\x07\x02gg")),
		Module{
			Name: "m", FuncNames: map[uint32]string{0: "f", 7: "gg"},
			Sections: []Section{{ID: SectionCustom, Start: 8, Body: 10, End: 29, Name: "name"}},
		},
	},
	{
		"a malformed name section is ignored",
		mod(sec(SectionCustom, "\x04name", "\x01\x08\x02\x00\x01f")),
		Module{Sections: []Section{{ID: SectionCustom, Start: 8, Body: 10, End: 21, Name: "name"}}},
	},
}

func TestParse(t *testing.T) {
	for _, test := range parseTests {
		t.Run(test.name, func(t *testing.T) {
			got, err := Parse(test.in)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(*got, test.want) {
				t.Errorf("got  %+v\nwant %+v", *got, test.want)
			}
		})
	}
}

var parseRefusals = []struct {
	name string
	in   []byte
	want string
}{
	{"an empty file", nil, "a module starts with 8 bytes of magic and version, found 0 (at 0x0)"},
	{"another magic", []byte("\x00asn\x01\x00\x00\x00"), "found magic 0061736e, expected 0061736d (at 0x0)"},
	{"a component", []byte("\x00asm\x0d\x00\x01\x00"), "unknown version 0d000100 of a module, expected 01000000 (at 0x4)"},
	{"an unknown section", mod("\x0e\x00"), "unknown section 0x0e (at 0x8)"},
	{"a section longer than the file", mod("\x01\x05\x00"), "section type at 0x8: unexpected end: 5 bytes announced, 1 remain (at 0xa)"},
	{"a section twice", mod(sec(SectionMemory, "\x00"), sec(SectionMemory, "\x00")),
		"section memory at 0xb is out of order or occurs twice (at 0xb)"},
	{"sections out of order", mod(sec(SectionMemory, "\x00"), sec(SectionType, "\x00")),
		"section type at 0xb is out of order or occurs twice (at 0xb)"},
	{"bytes after the last entry", mod(sec(SectionType, "\x00\x00")),
		"section type at 0x8: 1 bytes remain after the end of the contents (at 0xb)"},
	{"a vector longer than its section", mod(sec(SectionType, "\xff\xff\xff\xff\x0f")),
		"section type at 0x8: unexpected end: a vector of 4294967295 elements announced, 0 bytes remain (at 0xa)"},
	{"an unknown type form", mod(sec(SectionType, "\x01\x40")),
		"section type at 0x8: type[0]: unknown type form 0x40, expected func (0x60), struct (0x5f) or array (0x5e) (at 0xb)"},
	{"an unknown value type", mod(sec(SectionType, "\x01\x60\x01\x40\x00")),
		"section type at 0x8: type[0]: param[0]: unknown value type 0x40 (at 0xd)"},
	{"a function without a type", mod(sec(SectionFunction, "\x01\x00")),
		"section function at 0x8: function[0]: type index 0 out of bounds: there are 0 types (at 0xb)"},
	{"a function without a body", mod(sec(SectionType, "\x01\x60\x00\x00"), sec(SectionFunction, "\x01\x00")),
		"the function section has 1 functions, the code section 0 bodies (at 0x12)"},
	{"data segments not as announced", mod(sec(SectionDataCount, "\x01")),
		"the data count section announces 1 segments, the data section has 0 (at 0xb)"},
	{"an import of a structure type", mod(sec(SectionType, "\x01\x5f\x00"), sec(SectionImport, "\x01\x00\x00\x00\x00")),
		`section import at 0xd: import[0]: "" "": type 0 is not a function type (at 0x12)`},
	{"an unknown kind of import", mod(sec(SectionImport, "\x01\x00\x00\x05\x00")),
		`section import at 0x8: import[0]: "" "": unknown kind of import 0x05 (at 0xd)`},
	{"a name that is not UTF-8", mod(sec(SectionImport, "\x01\x01\xff\x00\x00\x00")),
		"section import at 0x8: import[0]: module name: malformed UTF-8 in a name of 1 bytes (at 0xc)"},
	{"an export of what is not there", mod(sec(SectionExport, "\x01\x01a\x02\x00")),
		`section export at 0x8: export[0]: export "a": there is no memory 0 (at 0xd)`},
	{"an export twice", mod(sec(SectionMemory, "\x01\x00\x01"), sec(SectionExport, "\x02\x01a\x02\x00\x01a\x02\x00")),
		`section export at 0xd: export[1]: "a" is exported twice (at 0x14)`},
	{"an instruction that is not constant", mod(sec(SectionGlobal, "\x01\x7f\x00\x20\x00\x0b")),
		"section global at 0x8: global[0]: instruction 0x20 in a constant expression (at 0xd)"},
	{"a vector instruction that is not constant", mod(sec(SectionGlobal, "\x01\x7b\x00\xfd\x0d\x0b")),
		"section global at 0x8: global[0]: vector instruction 13 in a constant expression, expected v128.const (at 0xd)"},
	{"a GC instruction that is not constant", mod(sec(SectionGlobal, "\x01\x6e\x00\xfb\x02\x0b")),
		"section global at 0x8: global[0]: instruction 0xfb 2 in a constant expression (at 0xd)"},
	{"a tag with an attribute", mod(sec(SectionTag, "\x01\x01\x00")),
		"section tag at 0x8: tag[0]: tag attribute: found 0x01, expected 0x00 (at 0xb)"},
	{"an unknown heap type", mod(sec(SectionTable, "\x01\x63\x7f\x00\x00")),
		"section table at 0x8: table[0]: unknown heap type -1 (at 0xc)"},
	{"unknown limits", mod(sec(SectionMemory, "\x01\x10\x00")),
		"section memory at 0x8: memory[0]: unknown limits flags 0x10 (at 0xb)"},
	{"a table of numbers", mod(sec(SectionTable, "\x01\x7f\x00\x00")),
		"section table at 0x8: table[0]: a table holds references, found i32 (at 0xb)"},
	{"a start function that is not there", mod(sec(SectionStart, "\x00")),
		"section start at 0x8: start function 0 out of bounds: there are 0 functions (at 0xb)"},
	{"a number in too many bytes", mod("\x01\x80\x80\x80\x80\x80\x00"),
		"section type at 0x8: integer of 32 bits is written in too many bytes (at 0x9)"},
	{"a number with too many bits", mod("\x01\xff\xff\xff\xff\x1f"), "section type at 0x8: integer too large for 32 bits (at 0x9)"},
}

func TestParseRefuses(t *testing.T) {
	for _, test := range parseRefusals {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse(test.in)
			if err == nil {
				t.Fatal("no error")
			}
			if err.Error() != test.want {
				t.Errorf("got  %s\nwant %s", err, test.want)
			}
		})
	}
}

// The signed numbers are those of the specification: 33 bits in 5 bytes at
// most, the bits above repeating the sign.
func TestReadS33(t *testing.T) {
	tests := []struct {
		in   string
		want int64
		ok   bool
	}{
		{"\x00", 0, true}, {"\x7f", -1, true}, {"\x40", -64, true}, {"\xff\x00", 127, true},
		{"\xff\xff\xff\xff\x0f", math.MaxUint32, true},
		{"\x80\x80\x80\x80\x70", -1 << 32, true},
		{"\x80\x80\x80\x80\x10", 0, false}, // 2^32
		{"\x80\x80\x80\x80\x6f", 0, false}, // below -2^32
		{"\x80\x80\x80\x80\x80\x00", 0, false},
		{"\x80", 0, false},
	}
	for _, test := range tests {
		got, err := NewReader([]byte(test.in)).S33()
		if (err == nil) != test.ok || err == nil && got != test.want {
			t.Errorf("%x: got %d, %v; want %d, %v", test.in, got, err, test.want, test.ok)
		}
	}
}

func TestModuleSection(t *testing.T) {
	m, err := Parse(mod(sec(SectionMemory, "\x00")))
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := m.Section(SectionMemory); !ok || s != m.Sections[0] {
		t.Errorf("got %+v, %v", s, ok)
	}
	if s, ok := m.Section(SectionType); ok {
		t.Errorf("got %+v", s)
	}
}

func TestValTypeText(t *testing.T) {
	tests := map[ValType]string{
		I32: "i32", I64: "i64", F32: "f32", F64: "f64", V128: "v128", FuncRef: "funcref", ExternRef: "externref",
		codeRef | 0x70<<8: "(ref func)", codeRefNull | 0x71<<8: "(ref null none)",
		codeRefNull | heapConcrete | 3<<32: "(ref null 3)", 0x55: "unknown type 0x55",
	}
	for typ, want := range tests {
		if got := typ.String(); got != want {
			t.Errorf("%#x: got %s, want %s", uint64(typ), got, want)
		}
	}
}

// maxBytesPerByte is what Parse says it allocates at most, garbage included.
const maxBytesPerByte = 250

// Vectors of the smallest elements are the worst case for memory.
func TestParseTakesLinearMemory(t *testing.T) {
	const n = 1 << 16
	big := func(id SectionID, entry string) []byte {
		return mod(sec(id, string(appendU32(nil, n)), strings.Repeat(entry, n)))
	}
	for name, in := range map[string][]byte{
		"types":     big(SectionType, "\x60\x00\x00"),
		"structs":   big(SectionType, "\x5f\x00"),
		"groups":    big(SectionType, "\x4e\x00"),
		"memories":  big(SectionMemory, "\x00\x00"),
		"globals":   big(SectionGlobal, "\x7f\x00\x0b"),
		"imports":   big(SectionImport, "\x00\x00\x02\x00\x00"),
		"customs":   mod(strings.Repeat("\x00\x01\x00", n)),
		"no bodies": big(SectionCode, ""),
	} {
		t.Run(name, func(t *testing.T) {
			got := allocated(func() { _, _ = Parse(in) })
			if most := uint64(len(in))*maxBytesPerByte + 1<<16; got > most {
				t.Errorf("%d bytes allocated for %d bytes of input, at most %d are expected", got, len(in), most)
			}
			t.Logf("%d bytes for each byte", got/uint64(len(in)))
		})
	}
}

// allocated returns how many bytes f allocates.
func allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Parse never panics, its errors have an offset inside the input, and what it
// returns is consistent: indices in range, byte ranges inside the module.
func FuzzParse(f *testing.F) {
	for _, test := range parseTests {
		f.Add(test.in)
	}
	for _, test := range parseRefusals {
		f.Add(test.in)
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := Parse(in)
		if err != nil {
			e, ok := errors.AsType[*Error](err)
			if !ok {
				t.Fatalf("an error without an offset: %v", err)
			}
			if e.Offset < 0 || e.Offset > len(in) {
				t.Fatalf("offset %d outside %d bytes: %v", e.Offset, len(in), err)
			}
			return
		}
		end := len(moduleHeader)
		for _, s := range m.Sections {
			if s.Start != end || s.Body < s.Start || s.End < s.Body {
				t.Fatalf("section %+v does not follow %d", s, end)
			}
			end = s.End
		}
		if end != len(in) {
			t.Fatalf("the sections end at %d of %d", end, len(in))
		}
		for _, i := range m.Funcs {
			if m.Types[i].Func == nil {
				t.Fatalf("function of type %d", i)
			}
		}
	})
}
