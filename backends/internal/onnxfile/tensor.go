package onnxfile

import (
	"math/bits"
	"strconv"
)

// shape is the sizes of a constant tensor while they are read.
type shape struct {
	at       int
	rank     int
	elements uint64
}

func (s *shape) add(size uint64) error {
	if s.rank++; s.rank > MaxRank {
		return limit(s.at, "a tensor has more than %d dimensions", MaxRank)
	}
	if int64(size) < 0 {
		return garbage(s.at, "a constant tensor has a dimension of %d", int64(size))
	}
	hi, n := bits.Mul64(s.elements, size)
	if hi != 0 || n > MaxElements {
		return limit(s.at, "a tensor has more than %d elements", uint64(MaxElements))
	}
	s.elements = n
	return nil
}

// elementBits are the sizes in bits of the data types whose bytes raw_data
// holds as they are. 0 is one that is not known or that raw_data does not hold.
var elementBits = [...]uint64{
	1: 32, 2: 8, 3: 8, 4: 16, 5: 16, 6: 32, 7: 64, 9: 8, 10: 16, 11: 64, 12: 32, 13: 64, 14: 64, 15: 128, 16: 16,
	17: 8, 18: 8, 19: 8, 20: 8, 21: 4, 22: 4, 23: 4, 24: 8, 25: 2, 26: 2,
}

// tensor is what is checked of a TensorProto once it is read.
type tensor struct {
	shape
	name     string
	dataType uint64
	raw      *field
	external bool
	entries  map[string]string
}

func (p *parser) tensorProto(t field) error {
	if err := want(t, bytes, "a tensor"); err != nil {
		return err
	}
	v := tensor{shape: shape{at: t.at, elements: 1}}
	err := each(t, func(f field) error {
		switch f.num {
		case 1:
			return ints(f, "the dimensions of a tensor", v.shape.add)
		case 2:
			v.dataType = f.value
			return want(f, varint, "the data type of a tensor")
		case 8:
			v.name = string(f.body)
			return want(f, bytes, "the name of a tensor")
		case 9:
			v.raw = &f
			return want(f, bytes, "the data of a tensor")
		case 13:
			return v.entry(f)
		case 14:
			v.external = f.value == 1
			return want(f, varint, "data_location")
		}
		return nil
	})
	if err != nil {
		return err
	}
	return p.checkData(&v)
}

// entry reads one key and value of external_data.
func (v *tensor) entry(e field) error {
	if err := want(e, bytes, "external_data"); err != nil {
		return err
	}
	var key, value string
	err := each(e, func(f field) error {
		switch f.num {
		case 1:
			key = string(f.body)
		case 2:
			value = string(f.body)
		}
		return want(f, bytes, "external_data")
	})
	if v.entries == nil {
		v.entries = make(map[string]string)
	}
	v.entries[key] = value
	return err
}

// checkData checks that raw data are as long as the shape says, and takes down
// where external data are. The typed data fields are left to ONNX Runtime.
func (p *parser) checkData(v *tensor) error {
	if v.external || len(v.entries) > 0 {
		return p.addExternal(v)
	}
	if v.raw == nil || v.dataType >= uint64(len(elementBits)) || elementBits[v.dataType] == 0 {
		return nil
	}
	expected := (v.elements*elementBits[v.dataType] + 7) / 8 // no overflow: at most 2^47
	if n := uint64(len(v.raw.body)); n != expected {
		return garbage(v.raw.at, "tensor %q has %d bytes of data, its type and shape take %d", v.name, n, expected)
	}
	return nil
}

func (p *parser) addExternal(v *tensor) error {
	e := External{Tensor: v.name, Location: v.entries["location"]}
	if e.Location == "" {
		return garbage(v.at, "tensor %q has its data elsewhere and does not say where", v.name)
	}
	for _, part := range []struct {
		key string
		to  *uint64
	}{{"offset", &e.Offset}, {"length", &e.Length}} {
		text, ok := v.entries[part.key]
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(text, 10, 63)
		if err != nil {
			return garbage(v.at, "the %s of the data of tensor %q is %q, expected a number of bytes", part.key, v.name, text)
		}
		*part.to = n
	}
	p.model.External = append(p.model.External, e)
	return nil
}
