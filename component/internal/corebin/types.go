// Package corebin reads core WebAssembly modules as far as the component model
// needs: types, imports, exports, the start function, names and where each
// section lies. Function bodies are not looked at; the engine validates them.
//
// See https://webassembly.github.io/spec/core/binary/
package corebin

import "fmt"

// ValType is a core value type. The low byte is its binary code; for
// reference types that is 0x64 (ref) or 0x63 (ref null) and the bits above hold
// the heap type, so that funcref and (ref null func) are the same value.
type ValType uint64

// The value types without a type index that wazero knows.
const (
	I32       ValType = 0x7f
	I64       ValType = 0x7e
	F32       ValType = 0x7d
	F64       ValType = 0x7c
	V128      ValType = 0x7b
	FuncRef   ValType = codeRefNull | 0x70<<8
	ExternRef ValType = codeRefNull | 0x6f<<8
)

const (
	codeRef      = 0x64
	codeRefNull  = 0x63
	heapConcrete = 1 << 16
)

// IsRef tells whether t is a reference type.
func (t ValType) IsRef() bool { return t&0xff == codeRef || t&0xff == codeRefNull }

// HeapIndex returns the type index that a reference type refers to, and
// whether it refers to one.
func (t ValType) HeapIndex() (index uint32, ok bool) {
	return uint32(t >> 32), t&heapConcrete != 0
}

// IsMVP tells whether t is one of the value types without further proposals
// than reference types and SIMD: those named by a constant of this package.
func (t ValType) IsMVP() bool {
	switch t {
	case I32, I64, F32, F64, V128, FuncRef, ExternRef:
		return true
	}
	return false
}

// String returns t as the text format spells it, such as i32 or (ref null 3).
func (t ValType) String() string {
	switch t {
	case I32:
		return "i32"
	case I64:
		return "i64"
	case F32:
		return "f32"
	case F64:
		return "f64"
	case V128:
		return "v128"
	case FuncRef:
		return "funcref"
	case ExternRef:
		return "externref"
	}
	if !t.IsRef() {
		return fmt.Sprintf("unknown type %#x", uint64(t))
	}
	null := ""
	if t&0xff == codeRefNull {
		null = "null "
	}
	if i, ok := t.HeapIndex(); ok {
		return fmt.Sprintf("(ref %s%d)", null, i)
	}
	return fmt.Sprintf("(ref %s%s)", null, heapName(byte(t>>8)))
}

// heapNames are the abstract heap types from code 0x68 up.
var heapNames = [...]string{
	"cont", "exn", "array", "struct", "i31", "eq", "any",
	"extern", "func", "none", "noextern", "nofunc", "noexn", "nocont",
}

func heapName(code byte) string {
	if !isHeapCode(code) {
		return "unknown"
	}
	return heapNames[code-0x68]
}

// Type is one entry of the type index space.
type Type struct {
	Kind TypeKind
	// Func is set for KindFunc.
	Func *FuncType
	// Sub tells that the binary spelled a subtype form (core GC).
	Sub bool
	// Rec tells that the type is part of an explicit recursion group (core GC).
	Rec bool
}

// TypeKind says what a type of the type section is.
type TypeKind uint8

// The kinds of type, with their binary codes as values.
const (
	KindFunc   TypeKind = 0x60
	KindStruct TypeKind = 0x5f // core GC
	KindArray  TypeKind = 0x5e // core GC
	KindCont   TypeKind = 0x5d // stack switching
)

// FuncType is the type of a function.
type FuncType struct{ Params, Results []ValType }

// Limits are the bounds of a table, in elements, or of a memory, in pages.
type Limits struct {
	Min    uint64
	Max    uint64 // math.MaxUint64 when HasMax is false
	HasMax bool
	Shared bool // threads
	Is64   bool // memory64
}

// TableType is the type of a table.
type TableType struct {
	Elem   ValType
	Limits Limits
}

// MemoryType is the type of a memory.
type MemoryType struct {
	Limits Limits
	// PageSizeLog2 is 16 unless the module asks for custom page sizes.
	PageSizeLog2 uint32
	// CustomPageSize tells that the module gives the page size, if only the usual one.
	CustomPageSize bool
}

// GlobalType is the type of a global.
type GlobalType struct {
	Type    ValType
	Mutable bool
}

// ExternKind is the kind of an import or export; its value is its binary code.
type ExternKind uint8

// The kinds of import and export.
const (
	ExternFunc   ExternKind = 0
	ExternTable  ExternKind = 1
	ExternMemory ExternKind = 2
	ExternGlobal ExternKind = 3
	ExternTag    ExternKind = 4
)

// String returns the kind as the text format spells it.
func (k ExternKind) String() string {
	names := [...]string{"func", "table", "memory", "global", "tag"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("unknown kind %#x", uint8(k))
}

// Extern is the type of an import or export.
type Extern struct {
	Kind ExternKind
	// TypeIndex is the function or tag type's index in the type index space.
	TypeIndex uint32
	// Func is the function or tag type at TypeIndex. [Parse] sets it; decoding a
	// lone extern type, as in a core module type, leaves it nil.
	Func   *FuncType
	Table  TableType  // ExternTable
	Memory MemoryType // ExternMemory
	Global GlobalType // ExternGlobal
}

// Import is one import of a module.
type Import struct {
	Module, Name string
	Type         Extern
	// Offset is where the import starts in the module, TypeOffset where its
	// extern type starts (the kind byte), End where it ends, all in bytes.
	Offset, TypeOffset, End int
}

// Export is one export of a module.
type Export struct {
	Name  string
	Index uint32 // in the index space of Type.Kind, imports first
	Type  Extern
}

// Section is where one section lies, in bytes from the start of the module.
type Section struct {
	ID SectionID
	// Start is the offset of the section id, Body of the contents, End of what
	// follows the contents.
	Start, Body, End int
	// Count is the number of entries, for sections that are vectors.
	Count uint32
	// Name is the name of a custom section.
	Name string
}

// SectionID is the binary code of a section.
type SectionID uint8

// The sections.
const (
	SectionCustom    SectionID = 0
	SectionType      SectionID = 1
	SectionImport    SectionID = 2
	SectionFunction  SectionID = 3
	SectionTable     SectionID = 4
	SectionMemory    SectionID = 5
	SectionGlobal    SectionID = 6
	SectionExport    SectionID = 7
	SectionStart     SectionID = 8
	SectionElement   SectionID = 9
	SectionCode      SectionID = 10
	SectionData      SectionID = 11
	SectionDataCount SectionID = 12
	SectionTag       SectionID = 13
)

// Module is a core module as [Parse] reads it.
type Module struct {
	Types   []Type
	Imports []Import
	Exports []Export
	// Funcs, Tables, Memories, Globals and Tags are the index spaces: imports
	// first, then what the module defines. An entry of Funcs and Tags is an index of Types.
	Funcs    []uint32
	Tables   []TableType
	Memories []MemoryType
	Globals  []GlobalType
	Tags     []uint32
	// ImportedFuncs is how many of Funcs are imported.
	ImportedFuncs int
	// Start is the start function; nil when there is none.
	Start *uint32
	// Sections are all sections in file order.
	Sections []Section
	// Name is the module's name, FuncNames the functions' (by function index),
	// from the name section; a malformed name section is ignored.
	Name      string
	FuncNames map[uint32]string
}

// Section returns the first section with an id; ok is false when there is none.
func (m *Module) Section(id SectionID) (s Section, ok bool) {
	for _, s := range m.Sections {
		if s.ID == id {
			return s, true
		}
	}
	return Section{}, false
}
