// Package decode reads the component binary format into a tree of definitions.
//
// Decoding checks that the bytes are well-formed and nothing more: indices,
// sorts, names and types are as the binary gives them, and package validate
// says whether they are right. Every definition keeps its byte offset, and the
// definitions of a component stay in the order of the file, across sections,
// since a definition may refer only to what stands before it.
//
// The index-space rule is written at each definition: a definition appends to
// the space named there, and an index counts the definitions that appended to
// its space before, from 0, in the same component (or the same component or
// instance type).
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/Binary.md
package decode

import "github.com/wasinn/wasinn/component/internal/corebin"

// Component is a component: the outermost one, or a nested one, which is a
// definition of its parent and appends to the component index space.
type Component struct {
	// Offset is where the preamble starts, in bytes from the start of the
	// outermost component.
	Offset int
	// Size is the length in bytes, preamble included.
	Size int
	// Defs are the definitions in the order of the file.
	Defs []Def
	// Name is from the component-name custom section; empty when there is none.
	Name string
}

// Def is one definition of a component, or one declaration of a component
// type or instance type.
//
// In a component it is one of *[CoreModule], *[CoreInstance], *[CoreType],
// *[Component], *[Instance], *[Alias], *[Type], *[Lift], *[Lower],
// *[ResourceNew], *[ResourceDrop], *[ResourceRep], *[AsyncBuiltin], *[Start],
// *[Import], *[Export] and *[Value]. In a component or instance type it is one of
// *[CoreType], *[Type], *[Alias], *[Import] (component types only) and *[ExportDecl].
type Def interface {
	// Pos is the byte offset of the definition from the start of the outermost
	// component.
	Pos() int
	isDef()
}

// CoreModule is an embedded core module. It appends to the core module space.
type CoreModule struct {
	Offset int
	// Bytes is the module, preamble included: a slice of the input, not a copy.
	Bytes []byte
	// Module is what Bytes say; offsets in it count from the start of Bytes.
	Module *corebin.Module
}

// CoreInstance makes a core instance, by instantiation of a module or out of
// inline exports. It appends to the core instance space.
type CoreInstance struct {
	Offset int
	// Instantiate tells whether Module is instantiated with Args; if not, the
	// instance consists of Exports.
	Instantiate bool
	Module      uint32 // core module space
	Args        []CoreInstantiateArg
	Exports     []CoreInlineExport
}

// CoreInstantiateArg supplies one core instance under the module name of imports.
type CoreInstantiateArg struct {
	Name     string
	Instance uint32 // core instance space
}

// CoreInlineExport is one export of a core instance made of inline exports.
type CoreInlineExport struct {
	Name  string
	Sort  Sort // one of the core sorts
	Index uint32
}

// CoreType defines core types. It appends to the core type space: one entry,
// or as many as its recursion group has.
type CoreType struct {
	Offset int
	// Types are the function, struct and array types of a recursion group; a
	// plain function type is a group of one. Empty when Module is set.
	Types []corebin.Type
	// Rec tells that the binary spelled an explicit recursion group (core GC).
	Rec bool
	// Module is the core module type; nil when Types is set.
	Module *CoreModuleType
}

// CoreModuleType is the type of a core module: declarations in file order,
// which have a core type space of their own, empty at first.
type CoreModuleType struct{ Decls []CoreDecl }

// CoreDecl is one declaration of a core module type. Exactly one field besides
// Offset is set.
type CoreDecl struct {
	Offset int
	Import *CoreImportDecl
	Type   *CoreType       // without a module type; appends to the module type's core type space
	Alias  *CoreOuterAlias // appends to the module type's core type space
	Export *CoreExportDecl
}

// CoreImportDecl is an import of a core module type. Type indices in Type
// count in the module type's core type space.
type CoreImportDecl struct {
	Module, Name string
	Type         corebin.Extern
}

// CoreExportDecl is an export of a core module type. Type indices in Type
// count in the module type's core type space.
type CoreExportDecl struct {
	Name string
	Type corebin.Extern
}

// CoreOuterAlias takes a core type from an enclosing scope into a module type.
type CoreOuterAlias struct {
	Count uint32 // scopes outward: 0 is the module type itself
	Index uint32 // in that scope's core type space
}

// Instance makes a component instance, by instantiation of a component or out
// of inline exports. It appends to the instance space.
type Instance struct {
	Offset int
	// Instantiate tells whether Component is instantiated with Args; if not, the
	// instance consists of Exports.
	Instantiate bool
	Component   uint32 // component space
	Args        []InstantiateArg
	Exports     []InlineExport
}

// InstantiateArg supplies the import Name with a definition.
type InstantiateArg struct {
	Name  string
	Sort  Sort // SortCoreModule or one of the component sorts
	Index uint32
}

// InlineExport is one export of an instance made of inline exports.
type InlineExport struct {
	Name  ExternName
	Sort  Sort // SortCoreModule or one of the component sorts
	Index uint32
}

// Alias refers to something defined elsewhere. It appends to the space of Sort.
type Alias struct {
	Offset int
	Sort   Sort
	Target AliasTarget
	// Instance and Name are set for AliasExport (instance space) and
	// AliasCoreExport (core instance space).
	Instance uint32
	Name     string
	// Count and Index are set for AliasOuter: Count scopes outward (0 is the
	// current one), there the index in the space of Sort. A scope is a component
	// or a component or instance type.
	Count uint32
	Index uint32
}

// AliasTarget says what an alias refers to.
type AliasTarget uint8

// The targets, with their binary codes as values.
const (
	AliasExport     AliasTarget = 0 // an export of an instance
	AliasCoreExport AliasTarget = 1 // an export of a core instance
	AliasOuter      AliasTarget = 2 // a definition of an enclosing scope
)

// Type defines a type. It appends to the type space.
type Type struct {
	Offset int
	Type   DefType
}

// DefType is a type definition: [PrimType], *[Record], *[Variant], *[List],
// *[Map], *[Tuple], *[Flags], *[Enum], *[Option], *[Result], *[Own], *[Borrow],
// *[Stream], *[Future], *[Func], *[ComponentType], *[InstanceType] or *[ResourceType].
type DefType interface{ isDefType() }

// ValType is a primitive type or an index of a type that is a value type.
type ValType struct {
	Prim  PrimType // 0 when the type is Index
	Index uint32   // type space
}

// PrimType is a primitive value type; its value is its binary code.
type PrimType uint8

// The primitive value types.
const (
	PrimBool         PrimType = 0x7f
	PrimS8           PrimType = 0x7e
	PrimU8           PrimType = 0x7d
	PrimS16          PrimType = 0x7c
	PrimU16          PrimType = 0x7b
	PrimS32          PrimType = 0x7a
	PrimU32          PrimType = 0x79
	PrimS64          PrimType = 0x78
	PrimU64          PrimType = 0x77
	PrimF32          PrimType = 0x76
	PrimF64          PrimType = 0x75
	PrimChar         PrimType = 0x74
	PrimString       PrimType = 0x73
	PrimErrorContext PrimType = 0x64
)

// Record is a record type; validation asks for one field at least.
type Record struct{ Fields []LabelValType }

// LabelValType is a label with a type: a record field or a parameter.
type LabelValType struct {
	Label string
	Type  ValType
}

// Variant is a variant type; validation asks for one case at least.
type Variant struct{ Cases []Case }

// Case is one case of a variant; Type is nil when it has no payload.
type Case struct {
	Label string
	Type  *ValType
}

// List is list<Elem>, or list<Elem, Length> when Fixed.
type List struct {
	Elem   ValType
	Fixed  bool
	Length uint32 // elements
}

// Map is map<Key, Value>.
type Map struct{ Key, Value ValType }

// Tuple is a tuple type; validation asks for one element at least.
type Tuple struct{ Elems []ValType }

// Flags is a flags type; validation asks for 1 to 32 labels.
type Flags struct{ Labels []string }

// Enum is an enum type; validation asks for one label at least.
type Enum struct{ Labels []string }

// Option is option<Elem>.
type Option struct{ Elem ValType }

// Result is result<OK, Err>; a side without payload is nil.
type Result struct{ OK, Err *ValType }

// Own is own<R>, R the resource type at index Resource of the type space.
type Own struct{ Resource uint32 }

// Borrow is borrow<R>, R the resource type at index Resource of the type space.
type Borrow struct{ Resource uint32 }

// Stream is stream<Elem>; Elem may be nil. It needs async.
type Stream struct{ Elem *ValType }

// Future is future<Elem>; Elem may be nil. It needs async.
type Future struct{ Elem *ValType }

// Func is a function type; Result is nil when it returns nothing.
type Func struct {
	Async  bool
	Params []LabelValType
	Result *ValType
}

// ComponentType is the type of a component: declarations in file order, with
// index spaces of their own, empty at first.
type ComponentType struct{ Decls []Def }

// InstanceType is the type of an instance: declarations in file order, with
// index spaces of their own, empty at first.
type InstanceType struct{ Decls []Def }

// ResourceType defines a new resource type, a different one in each instance
// of the component.
type ResourceType struct {
	// Rep is the core type of the representation: i32.
	Rep corebin.ValType
	// Dtor is the destructor in the core function space; nil when there is none.
	Dtor *uint32
}

// Lift makes a component function of a core function. It appends to the
// function space.
type Lift struct {
	Offset  int
	Func    uint32 // core function space
	Options CanonOptions
	Type    uint32 // type space: a *Func
}

// Lower makes a core function of a component function. It appends to the core
// function space.
type Lower struct {
	Offset  int
	Func    uint32 // function space
	Options CanonOptions
}

// ResourceNew is resource.new of a resource type that this component defines.
// It appends to the core function space.
type ResourceNew struct {
	Offset   int
	Resource uint32 // type space
}

// ResourceDrop is resource.drop. It appends to the core function space.
type ResourceDrop struct {
	Offset   int
	Resource uint32 // type space
}

// ResourceRep is resource.rep of a resource type that this component defines.
// It appends to the core function space.
type ResourceRep struct {
	Offset   int
	Resource uint32 // type space
}

// AsyncBuiltin is any other canonical built-in: those of async, streams, futures, error
// contexts and threads. It appends to the core function space. Validation
// refuses it with its name when its feature is not on.
type AsyncBuiltin struct {
	Offset int
	Op     BuiltinOp
	// Type is the stream, future or core function type, for operations that have one.
	Type uint32
	// Table is the core table of thread.new-indirect and thread.spawn-indirect.
	Table uint32
	// Memory is the core memory of waitable-set.wait and waitable-set.poll.
	Memory uint32
	// Async, Cancellable and Shared are the flags of operations that have one.
	Async, Cancellable, Shared bool
	// Slot and ValType are the immediates of context.get and context.set.
	Slot    uint32
	ValType corebin.ValType
	// Result is the result type of task.return; nil for none.
	Result  *ValType
	Options CanonOptions
}

// BuiltinOp is the binary code of a canonical built-in.
type BuiltinOp uint8

// The built-ins beyond the synchronous ones.
const (
	OpTaskCancel               BuiltinOp = 0x05
	OpSubtaskCancel            BuiltinOp = 0x06
	OpTaskReturn               BuiltinOp = 0x09
	OpContextGet               BuiltinOp = 0x0a
	OpContextSet               BuiltinOp = 0x0b
	OpThreadYield              BuiltinOp = 0x0c
	OpSubtaskDrop              BuiltinOp = 0x0d
	OpStreamNew                BuiltinOp = 0x0e
	OpStreamRead               BuiltinOp = 0x0f
	OpStreamWrite              BuiltinOp = 0x10
	OpStreamCancelRead         BuiltinOp = 0x11
	OpStreamCancelWrite        BuiltinOp = 0x12
	OpStreamDropReadable       BuiltinOp = 0x13
	OpStreamDropWritable       BuiltinOp = 0x14
	OpFutureNew                BuiltinOp = 0x15
	OpFutureRead               BuiltinOp = 0x16
	OpFutureWrite              BuiltinOp = 0x17
	OpFutureCancelRead         BuiltinOp = 0x18
	OpFutureCancelWrite        BuiltinOp = 0x19
	OpFutureDropReadable       BuiltinOp = 0x1a
	OpFutureDropWritable       BuiltinOp = 0x1b
	OpErrorContextNew          BuiltinOp = 0x1c
	OpErrorContextDebugMessage BuiltinOp = 0x1d
	OpErrorContextDrop         BuiltinOp = 0x1e
	OpWaitableSetNew           BuiltinOp = 0x1f
	OpWaitableSetWait          BuiltinOp = 0x20
	OpWaitableSetPoll          BuiltinOp = 0x21
	OpWaitableSetDrop          BuiltinOp = 0x22
	OpWaitableJoin             BuiltinOp = 0x23
	OpBackpressureInc          BuiltinOp = 0x24
	OpBackpressureDec          BuiltinOp = 0x25
	OpThreadIndex              BuiltinOp = 0x26
	OpThreadNewIndirect        BuiltinOp = 0x27
	OpThreadResumeLater        BuiltinOp = 0x28
	OpThreadSuspend            BuiltinOp = 0x29
	OpThreadSuspendThenResume  BuiltinOp = 0x2a
	OpThreadYieldThenResume    BuiltinOp = 0x2b
	OpThreadSuspendThenPromote BuiltinOp = 0x2c
	OpThreadYieldThenPromote   BuiltinOp = 0x2d
	OpThreadSpawnRef           BuiltinOp = 0x40
	OpThreadSpawnIndirect      BuiltinOp = 0x41
	OpThreadAvailable          BuiltinOp = 0x42
)

// CanonOptions are the options of a canonical definition in file order;
// validation refuses duplicates.
type CanonOptions []CanonOption

// CanonOption is one canonical option.
type CanonOption struct {
	Kind CanonOptionKind
	// Index is the core memory (OptMemory), the core function (OptRealloc,
	// OptPostReturn, OptCallback) or the core type (OptCoreType).
	Index uint32
}

// CanonOptionKind says which canonical option it is.
type CanonOptionKind uint8

// The canonical options, with their binary codes as values.
const (
	OptUTF8        CanonOptionKind = 0x00
	OptUTF16       CanonOptionKind = 0x01
	OptLatin1UTF16 CanonOptionKind = 0x02
	OptMemory      CanonOptionKind = 0x03
	OptRealloc     CanonOptionKind = 0x04
	OptPostReturn  CanonOptionKind = 0x05
	OptAsync       CanonOptionKind = 0x06
	OptCallback    CanonOptionKind = 0x07
	OptCoreType    CanonOptionKind = 0x08 // of the canonical ABI for core GC, not in the specification yet
	OptGC          CanonOptionKind = 0x09 // the same
)

// Lookup returns the index of the first option of a kind, and whether there is one.
func (o CanonOptions) Lookup(kind CanonOptionKind) (index uint32, ok bool) {
	for _, opt := range o {
		if opt.Kind == kind {
			return opt.Index, true
		}
	}
	return 0, false
}

// StringEncoding returns OptUTF8, OptUTF16 or OptLatin1UTF16; utf8 is the default.
func (o CanonOptions) StringEncoding() CanonOptionKind {
	for _, opt := range o {
		if opt.Kind <= OptLatin1UTF16 {
			return opt.Kind
		}
	}
	return OptUTF8
}

// Start calls a function once the component is instantiated. It appends
// Results entries to the value space. Validation refuses it unless values are on.
type Start struct {
	Offset  int
	Func    uint32   // function space
	Args    []uint32 // value space
	Results uint32
}

// Import imports a definition. It appends to the space of Type.Sort.
type Import struct {
	Offset int
	Name   ExternName
	Type   ExternType
}

// Export exports a definition and appends to the space of Sort, where the new
// index is an alias of Index, seen with the type Type when that is set.
type Export struct {
	Offset int
	Name   ExternName
	Sort   Sort // SortCoreModule or one of the component sorts
	Index  uint32
	Type   *ExternType // nil when the type is not ascribed
}

// ExportDecl declares an export in a component or instance type. It appends
// to the space of Type.Sort.
type ExportDecl struct {
	Offset int
	Name   ExternName
	Type   ExternType
}

// ExternName is the name of an import or export with its attributes.
type ExternName struct {
	// Name is the extern name: a label such as a-b, an annotated name such as
	// [method]r.m, or an interface name such as wasi:nn/graph@0.2.0-rc-2024-10-28.
	Name string
	// Attributes are in file order; validation refuses two of one kind. They
	// play no part in linking.
	Attributes []NameAttribute
}

// NameAttribute is one attribute of an extern name.
type NameAttribute struct {
	Kind  NameAttributeKind
	Value string
}

// NameAttributeKind says what an attribute tells.
type NameAttributeKind uint8

// The name attributes, with their binary codes as values.
const (
	AttrImplements    NameAttributeKind = 0x00 // the interface that a plainly named instance implements
	AttrVersionSuffix NameAttributeKind = 0x01 // the rest of a canonical interface version
	AttrExternalID    NameAttributeKind = 0x02 // a free text
)

// ExternType is the type of an import or export.
type ExternType struct {
	// Sort is SortCoreModule, SortFunc, SortValue, SortType, SortComponent or SortInstance.
	Sort Sort
	// Bound is set for SortType and SortValue.
	Bound Bound
	// Index is the core type (SortCoreModule), the type (SortFunc, SortComponent,
	// SortInstance, and SortType with BoundEq) or the value (SortValue with BoundEq).
	Index uint32
	// ValType is the type of a value (SortValue with BoundType).
	ValType ValType
}

// Bound says how a type or value import or export is bounded.
type Bound uint8

// The bounds.
const (
	BoundNone        Bound = iota
	BoundEq                // equal to the type or value at Index
	BoundSubResource       // SortType: a fresh resource type
	BoundType              // SortValue: any value of ValType
)

// Value is a value definition. It appends to the value space. Validation
// refuses it unless values are on.
type Value struct {
	Offset int
	Type   ValType
	// Bytes is the encoded value, as yet unread: a slice of the input.
	Bytes []byte
}

// Sort is the sort of a definition: which index space it lives in.
type Sort uint8

// The core sorts, then the component sorts.
const (
	SortCoreFunc Sort = iota
	SortCoreTable
	SortCoreMemory
	SortCoreGlobal
	SortCoreTag
	SortCoreType
	SortCoreModule
	SortCoreInstance
	SortFunc
	SortValue
	SortType
	SortComponent
	SortInstance
	// NumSorts is how many sorts there are, for arrays with one entry each.
	NumSorts
)

// IsCore tells whether s is one of the core sorts.
func (s Sort) IsCore() bool { return s <= SortCoreInstance }

// String returns the sort as the text format spells it, such as "core func".
func (s Sort) String() string {
	names := [...]string{
		"core func", "core table", "core memory", "core global", "core tag",
		"core type", "core module", "core instance",
		"func", "value", "type", "component", "instance",
	}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown sort"
}

// Pos implements [Def].
func (d *Component) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *CoreModule) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *CoreInstance) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *CoreType) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *Instance) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *Alias) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *Type) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *Lift) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *Lower) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *ResourceNew) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *ResourceDrop) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *ResourceRep) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *AsyncBuiltin) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *Start) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *Import) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *Export) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *ExportDecl) Pos() int { return d.Offset }

// Pos implements [Def].
func (d *Value) Pos() int { return d.Offset }

func (*Component) isDef()    {}
func (*CoreModule) isDef()   {}
func (*CoreInstance) isDef() {}
func (*CoreType) isDef()     {}
func (*Instance) isDef()     {}
func (*Alias) isDef()        {}
func (*Type) isDef()         {}
func (*Lift) isDef()         {}
func (*Lower) isDef()        {}
func (*ResourceNew) isDef()  {}
func (*ResourceDrop) isDef() {}
func (*ResourceRep) isDef()  {}
func (*AsyncBuiltin) isDef() {}
func (*Start) isDef()        {}
func (*Import) isDef()       {}
func (*Export) isDef()       {}
func (*ExportDecl) isDef()   {}
func (*Value) isDef()        {}

func (PrimType) isDefType()       {}
func (*Record) isDefType()        {}
func (*Variant) isDefType()       {}
func (*List) isDefType()          {}
func (*Map) isDefType()           {}
func (*Tuple) isDefType()         {}
func (*Flags) isDefType()         {}
func (*Enum) isDefType()          {}
func (*Option) isDefType()        {}
func (*Result) isDefType()        {}
func (*Own) isDefType()           {}
func (*Borrow) isDefType()        {}
func (*Stream) isDefType()        {}
func (*Future) isDefType()        {}
func (*Func) isDefType()          {}
func (*ComponentType) isDefType() {}
func (*InstanceType) isDefType()  {}
func (*ResourceType) isDefType()  {}
