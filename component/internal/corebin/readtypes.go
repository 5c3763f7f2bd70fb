package corebin

import "fmt"

// ReadRecType reads one entry of a type section: a recursion group, or a
// single type, which is a group of one. rec tells that the group was explicit.
//
// See https://webassembly.github.io/spec/core/binary/types.html#recursive-types
func ReadRecType(r *Reader) (types []Type, rec bool, err error) {
	b, ok := r.Peek()
	if !ok || b != 0x4e {
		t, err := ReadSubType(r)
		if err != nil {
			return nil, false, err
		}
		return []Type{t}, false, nil
	}
	if _, err := r.Byte(); err != nil {
		return nil, true, err
	}
	types, err = Vec(r, 2, "rec type", ReadSubType)
	for i := range types {
		types[i].Rec = true
	}
	return types, true, err
}

// ReadSubType reads a type with an optional subtype form around it.
func ReadSubType(r *Reader) (Type, error) {
	b, err := r.Byte()
	if err != nil {
		return Type{}, err
	}
	if b != 0x50 && b != 0x4f {
		return ReadCompType(r, b)
	}
	if err := skipSupers(r); err != nil {
		return Type{}, err
	}
	if b, err = r.Byte(); err != nil {
		return Type{}, err
	}
	t, err := ReadCompType(r, b)
	t.Sub = true
	return t, err
}

func skipSupers(r *Reader) error {
	n, err := r.Count(1)
	if err != nil {
		return err
	}
	for range n {
		if _, err := r.U32(); err != nil {
			return err
		}
	}
	return nil
}

// ReadCompType reads a composite type after its code.
func ReadCompType(r *Reader, code byte) (Type, error) {
	t := Type{Kind: TypeKind(code)}
	var err error
	switch t.Kind {
	case KindFunc:
		t.Func, err = readFuncType(r)
	case KindStruct:
		var n int
		if n, err = r.Count(2); err != nil {
			return t, err
		}
		for range n {
			if err = skipFieldType(r); err != nil {
				return t, err
			}
		}
	case KindArray:
		err = skipFieldType(r)
	case KindCont:
		_, err = r.S33()
	default:
		return t, r.ErrorAt(r.Pos()-1, "unknown type form 0x%02x, expected func (0x60), struct (0x5f) or array (0x5e)", code)
	}
	return t, err
}

func readFuncType(r *Reader) (*FuncType, error) {
	params, err := Vec(r, 1, "param", ReadValType)
	if err != nil {
		return nil, err
	}
	results, err := Vec(r, 1, "result", ReadValType)
	if err != nil {
		return nil, err
	}
	return &FuncType{Params: params, Results: results}, nil
}

// skipFieldType reads a field of a struct or array type, which may be packed.
func skipFieldType(r *Reader) error {
	if b, ok := r.Peek(); ok && (b == 0x78 || b == 0x77) {
		if _, err := r.Byte(); err != nil {
			return err
		}
	} else if _, err := ReadValType(r); err != nil {
		return err
	}
	_, err := r.Flag("mutability")
	return err
}

// ReadValType reads a value type.
//
// See https://webassembly.github.io/spec/core/binary/types.html#value-types
func ReadValType(r *Reader) (ValType, error) {
	at := r.Pos()
	b, err := r.Byte()
	if err != nil {
		return 0, err
	}
	switch {
	case b >= 0x7b && b <= 0x7f:
		return ValType(b), nil
	case b == codeRef || b == codeRefNull:
		heap, err := readHeapType(r)
		return ValType(b) | heap, err
	case isHeapCode(b):
		return codeRefNull | ValType(b)<<8, nil
	}
	return 0, r.ErrorAt(at, "unknown value type 0x%02x", b)
}

func isHeapCode(b byte) bool { return b >= 0x68 && b <= 0x75 }

// readHeapType reads a heap type as the upper bits of a reference type.
func readHeapType(r *Reader) (ValType, error) {
	at := r.Pos()
	v, err := r.S33()
	if err != nil {
		return 0, err
	}
	if v >= 0 {
		return heapConcrete | ValType(v)<<32, nil
	}
	if v < -64 || !isHeapCode(byte(v&0x7f)) {
		return 0, r.ErrorAt(at, "unknown heap type %d", v)
	}
	return ValType(v&0x7f) << 8, nil
}

// ReadExtern reads the type of an import, kind first. Func stays nil.
//
// See https://webassembly.github.io/spec/core/binary/types.html#external-types
func ReadExtern(r *Reader) (Extern, error) {
	at := r.Pos()
	b, err := r.Byte()
	if err != nil {
		return Extern{}, err
	}
	e := Extern{Kind: ExternKind(b)}
	switch e.Kind {
	case ExternFunc:
		e.TypeIndex, err = r.U32()
	case ExternTable:
		e.Table, err = ReadTableType(r)
	case ExternMemory:
		e.Memory, err = ReadMemoryType(r)
	case ExternGlobal:
		e.Global, err = ReadGlobalType(r)
	case ExternTag:
		if err = r.Expect(0, "tag attribute"); err == nil {
			e.TypeIndex, err = r.U32()
		}
	default:
		return e, r.ErrorAt(at, "unknown kind of import 0x%02x", b)
	}
	if err != nil {
		return e, fmt.Errorf("%s: %w", e.Kind, err)
	}
	return e, nil
}

// ReadTableType reads a table type.
func ReadTableType(r *Reader) (t TableType, err error) {
	at := r.Pos()
	if t.Elem, err = ReadValType(r); err != nil {
		return t, err
	}
	if !t.Elem.IsRef() {
		return t, r.ErrorAt(at, "a table holds references, found %s", t.Elem)
	}
	flags, err := readLimitFlags(r, 0x07)
	if err != nil {
		return t, err
	}
	t.Limits, err = readLimits(r, flags)
	return t, err
}

// ReadMemoryType reads a memory type.
func ReadMemoryType(r *Reader) (t MemoryType, err error) {
	flags, err := readLimitFlags(r, 0x0f)
	if err != nil {
		return t, err
	}
	if t.Limits, err = readLimits(r, flags); err != nil {
		return t, err
	}
	t.PageSizeLog2 = 16
	if flags&0x08 != 0 {
		t.CustomPageSize = true
		t.PageSizeLog2, err = r.U32()
	}
	return t, err
}

func readLimitFlags(r *Reader, known byte) (byte, error) {
	flags, err := r.Byte()
	if err != nil {
		return 0, err
	}
	if flags&^known != 0 {
		return 0, r.ErrorAt(r.Pos()-1, "unknown limits flags 0x%02x", flags)
	}
	return flags, nil
}

func readLimits(r *Reader, flags byte) (l Limits, err error) {
	l = Limits{Max: noMax, HasMax: flags&1 != 0, Shared: flags&2 != 0, Is64: flags&4 != 0}
	if l.Min, err = readLimit(r, l.Is64); err != nil || !l.HasMax {
		return l, err
	}
	l.Max, err = readLimit(r, l.Is64)
	return l, err
}

func readLimit(r *Reader, is64 bool) (uint64, error) {
	if is64 {
		return r.U64()
	}
	v, err := r.U32()
	return uint64(v), err
}

// ReadGlobalType reads a global type.
func ReadGlobalType(r *Reader) (t GlobalType, err error) {
	if t.Type, err = ReadValType(r); err != nil {
		return t, err
	}
	t.Mutable, err = r.Flag("mutability")
	return t, err
}
