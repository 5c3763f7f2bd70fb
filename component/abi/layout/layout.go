// Package layout is the static half of the canonical ABI: what a type's
// alignment and size in linear memory are, and which core values it flattens
// to.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#alignment
package layout

import (
	"strconv"

	"github.com/wasinn/wasinn/component/types"
)

// Limits of the canonical ABI.
const (
	MaxFlatParams      = 16        // core parameters of a function before they go through memory
	MaxFlatAsyncParams = 4         // the same for async lowers
	MaxFlatResults     = 1         // core results of a function before they go through memory
	MaxFlags           = 32        // labels of a flags type
	MaxByteLength      = 1<<28 - 1 // bytes of a string, of a list's elements, of a value type
)

// CoreType is a core value type.
type CoreType uint8

// The core value types that component values flatten to.
const (
	I32 CoreType = iota
	I64
	F32
	F64
)

// String returns the type's name in the text format.
func (c CoreType) String() string { return [...]string{"i32", "i64", "f32", "f64"}[c&3] }

// Layout is what the canonical ABI derives from a value type.
type Layout struct {
	// Align is the alignment in bytes: 1, 2, 4 or 8.
	Align uint32
	// Size is the size in bytes. A size over [MaxByteLength] is reported as
	// MaxByteLength+1: such a type is not valid.
	Size uint32
	// Flat are the core values that the type flattens to; nil when there are
	// more than MaxFlatParams of them, since then they are never used.
	Flat []CoreType
	// NumFlat is the number of core values, or MaxFlatParams+1 when there are
	// more than MaxFlatParams.
	NumFlat int
}

// TooBig reports whether the type is over the maximum value size.
func (l *Layout) TooBig() bool { return l.Size > MaxByteLength }

// Cache computes layouts and remembers them by the identity of the type, so
// that types that share parts cost no more than their definitions. It is not
// safe for concurrent use.
type Cache struct {
	ptr    CoreType
	seen   map[types.ValType]*Layout
	params map[*types.Func]*Layout
}

// NewCache returns a cache for 32-bit memories.
func NewCache() *Cache { return newCache(I32) }

// NewCache64 returns a cache for 64-bit memories; validation uses it for the
// maximum value size.
func NewCache64() *Cache { return newCache(I64) }

func newCache(ptr CoreType) *Cache {
	return &Cache{ptr: ptr, seen: make(map[types.ValType]*Layout), params: make(map[*types.Func]*Layout)}
}

// Of returns the layout of t in a 32-bit memory.
func Of(t types.ValType) *Layout { return NewCache().Of(t) }

func (c *Cache) ptrSize() uint32 {
	if c.ptr == I64 {
		return 8
	}
	return 4
}

// Of returns the layout of t. A nil type takes no room.
func (c *Cache) Of(t types.ValType) *Layout {
	if p, ok := t.(types.Primitive); ok {
		return c.primitive(p)
	}
	if t == nil {
		return &Layout{Align: 1}
	}
	if l := c.seen[t]; l != nil {
		return l
	}
	l := c.compute(t)
	c.seen[t] = l
	return l
}

func scalar(size uint32, flat ...CoreType) *Layout {
	return &Layout{Align: size, Size: size, Flat: flat, NumFlat: len(flat)}
}

// pair is the layout of a string or a list: a pointer and a length.
func (c *Cache) pair() *Layout {
	n := c.ptrSize()
	return &Layout{Align: n, Size: 2 * n, Flat: []CoreType{c.ptr, c.ptr}, NumFlat: 2}
}

func (c *Cache) primitive(p types.Primitive) *Layout {
	switch p {
	case types.Bool, types.S8, types.U8:
		return scalar(1, I32)
	case types.S16, types.U16:
		return scalar(2, I32)
	case types.S64, types.U64:
		return scalar(8, I64)
	case types.F32:
		return scalar(4, F32)
	case types.F64:
		return scalar(8, F64)
	case types.String:
		return c.pair()
	default: // s32, u32, char, error-context
		return scalar(4, I32)
	}
}

func (c *Cache) compute(t types.ValType) *Layout {
	switch t := Despecialize(t).(type) {
	case *types.List:
		if t.Length == 0 {
			return c.pair()
		}
		return repeat(c.Of(t.Elem), t.Length)
	case *types.Record:
		r := NewRecord(c, len(t.Fields))
		for _, f := range t.Fields {
			r.Add(f.Type)
		}
		return r.Layout()
	case *types.Variant:
		return c.VariantOf(t.Cases).Layout
	case *types.Flags:
		return scalar(FlagsSize(len(t.Labels)), I32)
	default: // own, borrow, stream, future
		return scalar(4, I32)
	}
}

// Despecialize rewrites the specialized types by the general ones: tuples are
// records, enums, options and results are variants, and maps are lists of
// tuples.
func Despecialize(t types.ValType) types.ValType {
	switch t := t.(type) {
	case *types.Tuple:
		fields := make([]types.Field, len(t.Elems))
		for i, e := range t.Elems {
			fields[i] = types.Field{Name: strconv.Itoa(i), Type: e}
		}
		return &types.Record{Fields: fields}
	case *types.Enum:
		cases := make([]types.Case, len(t.Labels))
		for i, l := range t.Labels {
			cases[i].Name = l
		}
		return &types.Variant{Cases: cases}
	case *types.Option:
		return &types.Variant{Cases: []types.Case{{Name: "none"}, {Name: "some", Type: t.Elem}}}
	case *types.Result:
		return &types.Variant{Cases: []types.Case{{Name: "ok", Type: t.OK}, {Name: "error", Type: t.Err}}}
	case *types.Map:
		return &types.List{Elem: &types.Tuple{Elems: []types.ValType{t.Key, t.Value}}}
	}
	return t
}

// AlignTo rounds ptr up to a multiple of align, a power of two.
func AlignTo(ptr uint64, align uint32) uint64 {
	return (ptr + uint64(align) - 1) &^ (uint64(align) - 1)
}

func capSize(n uint64) uint32 { return uint32(min(n, MaxByteLength+1)) }

// repeat is the layout of n values in a row.
func repeat(e *Layout, n uint32) *Layout {
	l := &Layout{Align: e.Align, Size: capSize(uint64(e.Size) * uint64(n))}
	flat := uint64(e.NumFlat) * uint64(n)
	if flat > MaxFlatParams {
		l.NumFlat = MaxFlatParams + 1
		return l
	}
	for range flat / uint64(max(e.NumFlat, 1)) { // n, unless the element is empty
		l.Flat = append(l.Flat, e.Flat...)
	}
	l.NumFlat = len(l.Flat)
	return l
}

// Record lays out fields one after another.
type Record struct {
	c       *Cache
	size    uint64
	align   uint32
	flat    []CoreType
	numFlat int
	// Offsets are the fields' byte offsets, in the order of Add.
	Offsets []uint32
}

// NewRecord starts a record of about n fields.
func NewRecord(c *Cache, n int) *Record {
	return &Record{c: c, align: 1, Offsets: make([]uint32, 0, n)}
}

// Add lays out one more field of type t and returns its offset and layout.
func (r *Record) Add(t types.ValType) (offset uint32, l *Layout) {
	l = r.c.Of(t)
	r.align = max(r.align, l.Align)
	r.size = AlignTo(r.size, l.Align)
	offset = capSize(r.size)
	r.size = uint64(capSize(r.size + uint64(l.Size)))
	r.Offsets = append(r.Offsets, offset)
	r.numFlat += l.NumFlat
	if r.numFlat > MaxFlatParams {
		r.numFlat, r.flat = MaxFlatParams+1, nil
	} else {
		r.flat = append(r.flat, l.Flat...)
	}
	return offset, l
}

// Layout returns the layout of the fields added so far.
func (r *Record) Layout() *Layout {
	return &Layout{Align: r.align, Size: capSize(AlignTo(r.size, r.align)), Flat: r.flat, NumFlat: r.numFlat}
}

// Variant is the layout of a variant.
type Variant struct {
	*Layout
	DiscSize      uint32 // bytes of the discriminant: 1, 2 or 4
	PayloadOffset uint32 // byte offset of every case's payload
}

// VariantOf lays out a variant's cases.
func (c *Cache) VariantOf(cases []types.Case) Variant {
	disc := DiscriminantSize(len(cases))
	var size, align uint32 = 0, 1
	flat, tooFlat := []CoreType{I32}, false
	for _, k := range cases {
		if k.Type == nil {
			continue
		}
		l := c.Of(k.Type)
		size, align = max(size, l.Size), max(align, l.Align)
		tooFlat = tooFlat || l.NumFlat >= MaxFlatParams
		for i, ft := range l.Flat {
			if i+1 < len(flat) {
				flat[i+1] = join(flat[i+1], ft)
			} else {
				flat = append(flat, ft)
			}
		}
	}
	offset := uint32(AlignTo(uint64(disc), align))
	align = max(align, disc)
	v := Variant{
		Layout:        &Layout{Align: align, Size: capSize(AlignTo(uint64(offset)+uint64(size), align)), Flat: flat, NumFlat: len(flat)},
		DiscSize:      disc,
		PayloadOffset: offset,
	}
	if tooFlat {
		v.Flat, v.NumFlat = nil, MaxFlatParams+1
	}
	return v
}

// join is the core type that holds values of both a and b.
func join(a, b CoreType) CoreType {
	switch {
	case a == b:
		return a
	case a == I32 && b == F32, a == F32 && b == I32:
		return I32
	}
	return I64
}

// DiscriminantSize is the size in bytes of the discriminant of n cases.
func DiscriminantSize(n int) uint32 {
	switch {
	case n <= 1<<8:
		return 1
	case n <= 1<<16:
		return 2
	}
	return 4
}

// FlagsSize is the size in bytes of n flags, 1 to [MaxFlags] of them.
func FlagsSize(n int) uint32 {
	switch {
	case n <= 8:
		return 1
	case n <= 16:
		return 2
	}
	return 4
}

// Func is a component function's layout at its core function: the parameters
// as one record, and whether parameters and result go through memory.
type Func struct {
	Params      *Layout // all parameters as one tuple
	Result      *Layout // of no size when there is no result
	SpillParams bool    // the parameters are one pointer
	SpillResult bool    // the result is a pointer, or for lowers a pointer parameter
}

// FuncOf lays out a function that is lifted or lowered without async.
func (c *Cache) FuncOf(ft *types.Func) Func {
	f := Func{Params: c.Params(ft), Result: c.Of(ft.Result)}
	f.SpillParams = f.Params.NumFlat > MaxFlatParams
	f.SpillResult = f.Result.NumFlat > MaxFlatResults
	return f
}

// Params returns the layout of a function's parameters as one tuple.
func (c *Cache) Params(ft *types.Func) *Layout {
	if l := c.params[ft]; l != nil {
		return l
	}
	r := NewRecord(c, len(ft.Params))
	for _, p := range ft.Params {
		r.Add(p.Type)
	}
	l := r.Layout()
	c.params[ft] = l
	return l
}

// CoreLift is the core signature of the function that canon lift wraps.
func (c *Cache) CoreLift(ft *types.Func) (params, results []CoreType) {
	f := c.FuncOf(ft)
	params, results = c.spill(f.SpillParams, f.Params.Flat), c.spill(f.SpillResult, f.Result.Flat)
	return params, results
}

// CoreLower is the core signature of the function that canon lower makes.
func (c *Cache) CoreLower(ft *types.Func) (params, results []CoreType) {
	f := c.FuncOf(ft)
	params = c.spill(f.SpillParams, f.Params.Flat)
	if f.SpillResult {
		return append(params[:len(params):len(params)], c.ptr), nil
	}
	return params, f.Result.Flat
}

// CoreLowerAsync is the core signature of the function that canon lower makes
// with the option async.
func (c *Cache) CoreLowerAsync(ft *types.Func) (params, results []CoreType) {
	f := c.FuncOf(ft)
	params = c.spill(f.Params.NumFlat > MaxFlatAsyncParams, f.Params.Flat)
	if f.Result.NumFlat > 0 {
		params = append(params[:len(params):len(params)], c.ptr)
	}
	return params, []CoreType{I32}
}

// CoreTaskReturn is the core signature of task.return for a result, nil for none.
func (c *Cache) CoreTaskReturn(result types.ValType) (params []CoreType) {
	l := c.Of(result)
	return c.spill(l.NumFlat > MaxFlatParams, l.Flat)
}

func (c *Cache) spill(spill bool, flat []CoreType) []CoreType {
	if spill {
		return []CoreType{c.ptr}
	}
	return flat
}
