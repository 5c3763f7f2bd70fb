package onnx

import (
	"errors"
	"fmt"
	"math"
	"strconv"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// proto is a TensorProto as the file has it.
type proto struct {
	name     string
	typ      tensor.Type
	shape    []int
	raw      []byte
	hasRaw   bool
	values   []field // those of the typed fields
	external bool
	entries  map[string]string
}

// Tensor reads a TensorProto whose data are in it.
func Tensor(b []byte) (*tensor.Tensor, error) {
	p, err := parseTensor(b)
	if err != nil {
		return nil, err
	}
	if p.external {
		return nil, fmt.Errorf("tensor %q has its data in another file, which only an initializer may", p.name)
	}
	return p.tensor()
}

func parseTensor(b []byte) (*proto, error) {
	p := &proto{}
	err := fields(b, func(f field) error {
		var err error
		switch f.num {
		case 1:
			err = varints(f, func(v uint64) { p.shape = append(p.shape, int(int64(v))) })
		case 2:
			p.typ, err = elementType(f.num64)
		case 4, 5, 6, 7, 10, 11:
			p.values = append(p.values, f)
		case 8:
			p.name = string(f.body)
		case 9:
			p.raw, p.hasRaw = f.body, true
		case 13:
			err = p.entry(f.body)
		case 14:
			p.external = f.num64 == 1
		}
		return err
	})
	if err == nil && p.typ == 0 {
		err = errors.New("the type of the elements is missing")
	}
	if err == nil && len(p.shape) > maxRank {
		err = fmt.Errorf("there are %d dimensions, at most %d are supported", len(p.shape), maxRank)
	}
	return p, err
}

// maxRank is how many dimensions a tensor may have.
const maxRank = 64

func (p *proto) entry(b []byte) error {
	var key, value string
	err := fields(b, func(f field) error {
		switch f.num {
		case 1:
			key = string(f.body)
		case 2:
			value = string(f.body)
		}
		return nil
	})
	if p.entries == nil {
		p.entries = map[string]string{}
	}
	p.entries[key] = value
	return err
}

func (p *proto) externalData() (*External, error) {
	e := &External{Type: p.typ, Shape: p.shape, Location: p.entries["location"]}
	if p.typ == tensor.String {
		return nil, errors.New("strings cannot be in another file")
	}
	for _, n := range []struct {
		key  string
		into *int64
	}{{"offset", &e.Offset}, {"length", &e.Length}} {
		if text, ok := p.entries[n.key]; ok {
			v, err := strconv.ParseInt(text, 10, 64)
			if err != nil || v < 0 {
				return nil, fmt.Errorf("external_data has %s %q, expected a number of bytes", n.key, text)
			}
			*n.into = v
		}
	}
	if e.Location == "" {
		return nil, errors.New("external_data has no location")
	}
	return e, nil
}

// packedBytes is how many bytes raw data have.
func packedBytes(t tensor.Type, count int) int {
	return (count*tensor.BitSize(t) + 7) / 8
}

// PackedBytes is how many bytes the raw data of a tensor have. It is an error when the
// shape is not in order.
func PackedBytes(t tensor.Type, shape []int) (int, error) {
	if _, err := tensor.Bytes(t, shape); err != nil {
		return 0, err
	}
	return packedBytes(t, tensor.Size(shape)), nil
}

// Unpack makes a tensor of bytes as ONNX packs them.
func Unpack(t tensor.Type, shape []int, raw []byte) (*tensor.Tensor, error) {
	count, err := tensor.Count(shape)
	if err != nil {
		return nil, err
	}
	if t == tensor.String {
		return nil, errors.New("strings have no raw data")
	}
	if want := packedBytes(t, count); len(raw) != want {
		return nil, fmt.Errorf("a tensor %s%v takes %d bytes, found %d", t, shape, want, len(raw))
	}
	r := tensor.New(t, shape...)
	width := tensor.BitSize(t)
	if width >= 8 {
		copy(r.Data, raw)
		return r, nil
	}
	per := 8 / width
	signed := t == tensor.I4 || t == tensor.I2
	for i := range r.Data {
		v := raw[i/per] >> (i % per * width) & (1<<width - 1)
		if signed {
			v = byte(int8(v<<(8-width)) >> (8 - width))
		}
		r.Data[i] = v
	}
	return r, nil
}

// Pack writes the elements of a tensor as ONNX packs them; for types of eight bits
// and more that is the tensor's own data.
func Pack(t *tensor.Tensor) []byte {
	width := tensor.BitSize(t.Type)
	if width >= 8 {
		return t.Data
	}
	per := 8 / width
	out := make([]byte, packedBytes(t.Type, len(t.Data)))
	for i, v := range t.Data {
		out[i/per] |= v & (1<<width - 1) << (i % per * width)
	}
	return out
}

// tensor checks the data against the shape before it takes memory.
func (p *proto) tensor() (*tensor.Tensor, error) {
	count, err := tensor.Count(p.shape)
	if err != nil {
		return nil, err
	}
	if p.hasRaw && p.typ != tensor.String {
		return Unpack(p.typ, p.shape, p.raw)
	}
	if p.typ == tensor.String {
		return p.strings(count)
	}
	n, err := p.countValues()
	if err != nil {
		return nil, err
	}
	want := count
	switch width := tensor.BitSize(p.typ); {
	case p.typ == tensor.C64 || p.typ == tensor.C128:
		want = 2 * count
	case width < 8 && n != count: // packed two or four to an int32's low byte
		want = packedBytes(p.typ, count)
	}
	if n != want {
		return nil, fmt.Errorf("a tensor %s%v takes %d values, found %d", p.typ, p.shape, want, n)
	}
	return p.typed(count, n)
}

// countValues counts the values of the typed field that the type uses.
func (p *proto) countValues() (int, error) {
	n := 0
	err := p.each(func(uint64) { n++ })
	return n, err
}

// typedField is the field that values of a type are in.
func typedField(t tensor.Type) (num int, size int) {
	switch t {
	case tensor.FP32, tensor.C64:
		return 4, 4
	case tensor.I64:
		return 7, 0
	case tensor.FP64, tensor.C128:
		return 10, 8
	case tensor.U32, tensor.U64:
		return 11, 0
	}
	return 5, 0
}

func (p *proto) each(visit func(uint64)) error {
	num, size := typedField(p.typ)
	for _, f := range p.values {
		if int(f.num) != num {
			continue
		}
		var err error
		if size == 0 {
			err = varints(f, visit)
		} else {
			err = fixed(f, size, visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (p *proto) strings(count int) (*tensor.Tensor, error) {
	var values []string
	for _, f := range p.values {
		if f.num == 6 {
			values = append(values, string(f.body))
		}
	}
	if len(values) != count {
		return nil, fmt.Errorf("a tensor of strings %v takes %d values, found %d", p.shape, count, len(values))
	}
	return &tensor.Tensor{Type: tensor.String, Shape: p.shape, Strings: values}, nil
}

// typed makes a tensor of the values of a typed field, whose number fits.
func (p *proto) typed(count, found int) (*tensor.Tensor, error) {
	if tensor.BitSize(p.typ) < 8 && found == packedBytes(p.typ, count) {
		raw := make([]byte, 0, found)
		if err := p.each(func(v uint64) { raw = append(raw, byte(v)) }); err != nil {
			return nil, err
		}
		return Unpack(p.typ, p.shape, raw)
	}
	r := tensor.New(p.typ, p.shape...)
	i := 0
	var put func(uint64)
	switch r.Type {
	case tensor.FP32, tensor.C64:
		d := tensor.View[uint32](r.Data)
		put = func(v uint64) { d[i] = uint32(v) }
	case tensor.FP64, tensor.C128, tensor.I64, tensor.U64:
		d := tensor.View[uint64](r.Data)
		put = func(v uint64) { d[i] = v }
	case tensor.I32, tensor.U32:
		d := tensor.View[uint32](r.Data)
		put = func(v uint64) { d[i] = uint32(v) }
	case tensor.I16, tensor.U16, tensor.FP16, tensor.BF16:
		d := tensor.View[uint16](r.Data)
		put = func(v uint64) { d[i] = uint16(v) }
	case tensor.Bool:
		put = func(v uint64) { r.Data[i] = byte(min(v, 1)) }
	default:
		mask := byte(1<<min(8, tensor.BitSize(r.Type)) - 1)
		put = func(v uint64) { r.Data[i] = byte(v) & mask }
	}
	err := p.each(func(v uint64) { put(v); i++ })
	return r, err
}

// maxSparse bounds the dense forms of all sparse tensors of a model, in bytes: a few bytes
// of a file say how large they are.
const maxSparse = 1 << 28

// sparseTensor reads a SparseTensorProto into a dense tensor.
func (d *decoder) sparseTensor(b []byte) (string, *tensor.Tensor, error) {
	var values *proto
	var indices *tensor.Tensor
	var shape []int
	err := fields(b, func(f field) error {
		var err error
		switch f.num {
		case 1:
			values, err = parseTensor(f.body)
		case 2:
			indices, err = Tensor(f.body)
		case 3:
			err = varints(f, func(v uint64) { shape = append(shape, int(int64(v))) })
		}
		return err
	})
	if err != nil {
		return "", nil, err
	}
	if values == nil || indices == nil || values.external {
		return "", nil, errors.New("a sparse tensor without values or indices")
	}
	t, err := d.dense(values, indices, shape)
	return values.name, t, err
}

func (d *decoder) dense(values *proto, indices *tensor.Tensor, shape []int) (*tensor.Tensor, error) {
	v, err := values.tensor()
	if err != nil {
		return nil, err
	}
	size, err := tensor.Bytes(v.Type, shape)
	if err != nil {
		return nil, err
	}
	if v.Type == tensor.String || len(shape) > maxRank {
		return nil, fmt.Errorf("a sparse tensor %s%v is not supported", v.Type, shape)
	}
	if d.denseBytes += size; d.denseBytes > maxSparse {
		return nil, fmt.Errorf("a sparse tensor %s%v: all of them made dense have more than %d bytes", v.Type, shape, maxSparse)
	}
	at, err := indices.Int64s()
	if err != nil {
		return nil, err
	}
	if nnz := v.Len(); len(indices.Shape) == 2 && len(at) == nnz*len(shape) {
		if at, err = linear(at, shape); err != nil {
			return nil, err
		}
	} else if len(at) != nnz {
		return nil, fmt.Errorf("a sparse tensor has %d values and %d indices", nnz, len(at))
	}
	t := tensor.New(v.Type, shape...)
	item, count := tensor.ItemSize(v.Type), int64(t.Len())
	for i, k := range at {
		if k < 0 || k >= count {
			return nil, fmt.Errorf("a sparse tensor of %d elements has an index %d", count, k)
		}
		copy(t.Data[int(k)*item:][:item], v.Data[i*item:])
	}
	return t, nil
}

// linear turns coordinates into offsets.
func linear(at []int64, shape []int) ([]int64, error) {
	if len(shape) == 0 {
		return make([]int64, len(at)), nil
	}
	out := make([]int64, len(at)/len(shape))
	for i := range out {
		k := int64(0)
		for j, d := range shape {
			c := at[i*len(shape)+j]
			if c < 0 || c >= int64(d) || k > math.MaxInt64/int64(d)-1 {
				return nil, fmt.Errorf("a sparse tensor %v has a coordinate %d in dimension %d", shape, c, j)
			}
			k = k*int64(d) + c
		}
		out[i] = k
	}
	return out, nil
}
