package onnxdata

import (
	"fmt"

	"github.com/wasinn/wasinn/backends"
)

// Value reads the message that holds a value of type ty: a TensorProto,
// SequenceProto, OptionalProto or MapProto, which the bytes alone do not tell.
func Value(b []byte, ty backends.ValueType) (backends.Value, error) { return value(b, ty, 0) }

func value(b []byte, ty backends.ValueType, depth int) (backends.Value, error) {
	if depth > backends.MaxValueDepth {
		return nil, fmt.Errorf("values are nested more than %d deep", backends.MaxValueDepth)
	}
	if ty.Kind != backends.TensorKind && ty.Elem == nil {
		return nil, fmt.Errorf("a value of type %s is not known", ty)
	}
	var v backends.Value
	var err error
	switch ty.Kind {
	case backends.TensorKind:
		v, err = Tensor(b)
	case backends.SequenceKind:
		v, err = sequence(b, *ty.Elem, depth)
	case backends.OptionalKind:
		v, err = optional(b, *ty.Elem, depth)
	case backends.MapKind:
		v, err = mapping(b, ty)
	default:
		return nil, fmt.Errorf("a value of type %s is not known", ty)
	}
	if err != nil {
		return nil, err // not v, which would be a Value that holds nil
	}
	return v, nil
}

// elemTypes are the numbers of SequenceProto.DataType and OptionalProto.DataType.
var elemTypes = map[uint64]backends.Kind{1: backends.TensorKind, 3: backends.SequenceKind, 4: backends.MapKind, 5: backends.OptionalKind}

// elemFields are the fields of SequenceProto and OptionalProto that hold
// elements of a kind.
var elemFields = map[backends.Kind]uint64{backends.TensorKind: 3, backends.SequenceKind: 5, backends.MapKind: 6, backends.OptionalKind: 7}

// sequence reads a SequenceProto.
func sequence(b []byte, elem backends.ValueType, depth int) (*backends.Sequence, error) {
	var values []backends.Value
	err := each(b, func(f field) error {
		v, err := element(f, elem, elemFields[elem.Kind], depth)
		if v != nil {
			values = append(values, v)
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("SequenceProto: %w", err)
	}
	return backends.NewSequence(elem, values)
}

// element reads a field of a SequenceProto or OptionalProto: an element when it
// has the number at, nil when it is none. elem_type is checked.
func element(f field, elem backends.ValueType, at uint64, depth int) (backends.Value, error) {
	switch {
	case f.num == 2 && f.number != 0 && elemTypes[f.number] != elem.Kind:
		return nil, fmt.Errorf("elem_type is %d, expected that of %s", f.number, elem)
	case f.num == at:
		body, err := f.message()
		if err != nil {
			return nil, err
		}
		return value(body, elem, depth+1)
	}
	return nil, nil
}

// optional reads an OptionalProto. Some writers leave out the fields of an empty
// one, others its elem_type.
func optional(b []byte, elem backends.ValueType, depth int) (*backends.Optional, error) {
	var held backends.Value
	at := elemFields[elem.Kind]
	err := each(b, func(f field) error {
		v, err := element(f, elem, at, depth)
		if v != nil {
			held = v
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("OptionalProto: %w", err)
	}
	return backends.NewOptional(elem, held)
}

// mapping reads a MapProto, whose values are a SequenceProto of one tensor for
// each key, or of one tensor for all.
func mapping(b []byte, ty backends.ValueType) (*backends.Map, error) {
	var ints, values []byte
	var names []string
	err := each(b, func(f field) (err error) {
		switch f.num {
		case 3:
			return f.numbers(varint, func(v uint64) error {
				for i := range 8 {
					ints = append(ints, byte(v>>(8*i)))
				}
				return nil
			})
		case 4:
			names = append(names, string(f.body))
			_, err = f.message()
		case 5:
			values, err = f.message()
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("MapProto: %w", err)
	}
	keys, err := mapKeys(ty.Key, ints, names)
	if err != nil {
		return nil, fmt.Errorf("MapProto: %w", err)
	}
	seq, err := sequence(values, backends.TensorType(ty.Elem.Type), 0)
	if err != nil {
		return nil, fmt.Errorf("MapProto: %w", err)
	}
	all, err := joined(seq.Values(), ty.Elem.Type)
	if err != nil {
		return nil, fmt.Errorf("MapProto: %w", err)
	}
	return backends.NewMap(keys, all)
}

func mapKeys(ty backends.ElementType, ints []byte, names []string) (*backends.Tensor, error) {
	if ty == backends.String {
		return backends.NewStringTensor([]uint32{uint32(len(names))}, names)
	}
	return backends.NewTensor([]uint32{uint32(len(ints) / 8)}, ty, ints)
}

// joined puts tensors one behind the other.
func joined(values []backends.Value, ty backends.ElementType) (*backends.Tensor, error) {
	var data []byte
	var names []string
	for _, v := range values {
		t := v.(*backends.Tensor) // NewSequence has checked that
		data, names = append(data, t.Data()...), append(names, t.Strings()...)
	}
	if ty == backends.String {
		return backends.NewStringTensor([]uint32{uint32(len(names))}, names)
	}
	size := ty.Size()
	if size == 0 {
		return nil, fmt.Errorf("values of %s, expected elements of whole bytes", ty)
	}
	return backends.NewTensor([]uint32{uint32(len(data) / size)}, ty, data)
}
