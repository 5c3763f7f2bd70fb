package graphdiff

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxdata"
)

// Inputs says what a model is computed on.
type Inputs struct {
	// Files hold inputs, by the input's name: .npy, a TensorProto or its like in .pb, or
	// else the elements as they are, little-endian.
	Files map[string]string
	// Folder has input_0.pb and so on, in the order of the model's inputs, as ONNX's test
	// cases have; it may be empty.
	Folder string
	// Dims are the sizes of an input, by its name; Symbols of open dimensions, by theirs.
	// What neither names is 1.
	Dims    map[string][]uint32
	Symbols map[string]uint32
	// Ranges bound random values, by the input's name: from the first up to the second, or
	// always the first when both are equal.
	Ranges map[string][2]float64
	// Seed of what is random.
	Seed uint64
}

// Origin says where one input came from.
type Origin struct {
	Name, Type string
	// From is a file, or says that the input is random or left to its default.
	From string
}

// maxInput is the most bytes of one input that are made at random.
const maxInput = 1 << 30

// Values makes the inputs of a model, and the outputs that Folder expects; these may be
// none. Inputs that have a default are left out unless they are given.
func (in Inputs) Values(model []byte) (inputs, expected []backends.NamedValue, origins []Origin, err error) {
	m, err := onnxdata.Describe(model)
	if err != nil {
		return nil, nil, nil, err
	}
	symbols, err := onnxdata.Symbols(model)
	if err != nil {
		return nil, nil, nil, err
	}
	if err := in.check(m, symbols); err != nil {
		return nil, nil, nil, err
	}
	random := rand.New(rand.NewPCG(in.Seed, 0))
	for i, info := range m.Inputs {
		v, from, err := in.value(i, info, symbols[info.Name], m.Initialized[info.Name], random)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("input %q: %w", info.Name, err)
		}
		if v == nil {
			continue
		}
		inputs = append(inputs, backends.NamedValue{Name: info.Name, Value: v})
		origins = append(origins, Origin{info.Name, v.ValueType().String(), from})
	}
	expected, err = in.expected(m)
	return inputs, expected, origins, err
}

// check looks for names that the model does not have.
func (in Inputs) check(m *onnxdata.Model, symbols map[string][]string) error {
	var inputs, open []string
	for _, info := range m.Inputs {
		inputs = append(inputs, info.Name)
	}
	for _, list := range symbols {
		for _, s := range list {
			if s != "" && !slices.Contains(open, s) {
				open = append(open, s)
			}
		}
	}
	slices.Sort(open)
	for name := range in.Symbols {
		if !slices.Contains(open, name) {
			return fmt.Errorf("the model has no open dimension %q, it has %s", name, cmp.Or(strings.Join(open, ", "), "none with a name"))
		}
	}
	for _, names := range [][]string{slices.Collect(maps.Keys(in.Files)), slices.Collect(maps.Keys(in.Dims)), slices.Collect(maps.Keys(in.Ranges))} {
		for _, name := range names {
			if !slices.Contains(inputs, name) {
				return fmt.Errorf("the model has no input %q, it has %s", name, cmp.Or(strings.Join(inputs, ", "), "none"))
			}
		}
	}
	return nil
}

// value makes one input, or nothing where it is left to its default.
func (in Inputs) value(i int, info backends.ValueInfo, symbols []string, hasDefault bool, random *rand.Rand) (backends.Value, string, error) {
	if file := in.Files[info.Name]; file != "" {
		v, err := in.read(file, info, symbols)
		return v, file, err
	}
	if in.Folder != "" {
		file := filepath.Join(in.Folder, "input_"+strconv.Itoa(i)+".pb")
		_, err := os.Stat(file)
		if err == nil || !hasDefault {
			v, err := in.read(file, info, symbols)
			return v, file, err
		}
	}
	_, ranged := in.Ranges[info.Name]
	_, sized := in.Dims[info.Name]
	if hasDefault && !ranged && !sized {
		return nil, "", nil
	}
	v, err := in.random(info.ValueType, info.Name, symbols, random)
	return v, "random", err
}

// expected reads the outputs that the folder expects.
func (in Inputs) expected(m *onnxdata.Model) ([]backends.NamedValue, error) {
	var all []backends.NamedValue
	for i, info := range m.Outputs {
		if in.Folder == "" {
			break
		}
		b, err := os.ReadFile(filepath.Join(in.Folder, "output_"+strconv.Itoa(i)+".pb"))
		if os.IsNotExist(err) {
			continue
		}
		if err != nil {
			return nil, err
		}
		v, err := onnxdata.Value(b, info.ValueType)
		if err != nil {
			return nil, fmt.Errorf("output_%d.pb: %w", i, err)
		}
		all = append(all, backends.NamedValue{Name: info.Name, Value: v})
	}
	return all, nil
}

// read reads an input from a file.
func (in Inputs) read(file string, info backends.ValueInfo, symbols []string) (backends.Value, error) {
	b, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var v backends.Value
	switch ext := strings.ToLower(filepath.Ext(file)); {
	case ext == ".pb":
		v, err = onnxdata.Value(b, info.ValueType)
	case ext == ".npy":
		v, err = NPY(b)
	default:
		v, err = in.raw(b, info, symbols)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if found := v.ValueType(); !info.Accepts(found) {
		return nil, fmt.Errorf("%s holds %s, the model takes %s", file, found, info.ValueType)
	}
	return v, nil
}

// raw makes a tensor of its bytes. One open dimension that nothing else says is found by
// their number.
func (in Inputs) raw(b []byte, info backends.ValueInfo, symbols []string) (backends.Value, error) {
	if info.Kind != backends.TensorKind || info.Type.Bits() == 0 {
		return nil, fmt.Errorf("an input of type %s comes in a .pb file", info.ValueType)
	}
	dims, open, err := in.shape(info.ValueType, info.Name, symbols)
	if err != nil {
		return nil, err
	}
	size, err := backends.ByteSize(dims, info.Type)
	if err != nil {
		return nil, err
	}
	if n := uint64(len(b)); len(open) == 1 && size > 0 && n%size == 0 && n/size <= math.MaxUint32 {
		dims[open[0]] = uint32(n / size)
		size = n
	}
	if uint64(len(b)) != size {
		return nil, fmt.Errorf("%d bytes, %s%v takes %d: say the sizes with --dim or --dims", len(b), info.Type, dims, size)
	}
	return value(backends.NewTensor(dims, info.Type, b))
}

// value makes a Value of what a constructor returns, and nil of its nil.
func value[V backends.Value](v V, err error) (backends.Value, error) {
	if err != nil {
		return nil, err
	}
	return v, nil
}

// shape settles the sizes of a tensor. open are the dimensions that nothing says, which
// are 1.
func (in Inputs) shape(t backends.ValueType, name string, symbols []string) (dims []uint32, open []int, err error) {
	if dims, ok := in.Dims[name]; ok {
		return slices.Clone(dims), nil, nil
	}
	if t.Unranked {
		return nil, nil, fmt.Errorf("the model leaves its number of dimensions open: say the sizes with --dims %s=1x3x224x224", name)
	}
	dims = make([]uint32, len(t.Dims))
	for i, d := range t.Dims {
		dims[i] = uint32(d)
		if d >= 0 {
			continue
		}
		size, said := uint32(1), false
		if i < len(symbols) {
			if s, ok := in.Symbols[symbols[i]]; ok {
				size, said = s, true
			}
		}
		if dims[i] = size; !said {
			open = append(open, i)
		}
	}
	return dims, open, nil
}

// random makes a value of a type.
func (in Inputs) random(t backends.ValueType, name string, symbols []string, random *rand.Rand) (backends.Value, error) {
	switch t.Kind {
	case backends.TensorKind:
		dims, _, err := in.shape(t, name, symbols)
		if err != nil {
			return nil, err
		}
		return in.randomTensor(t.Type, dims, name, random)
	case backends.SequenceKind:
		var items []backends.Value
		for range 2 {
			item, err := in.random(*t.Elem, name, nil, random)
			if err != nil {
				return nil, err
			}
			items = append(items, item)
		}
		return value(backends.NewSequence(*t.Elem, items))
	case backends.OptionalKind:
		held, err := in.random(*t.Elem, name, nil, random)
		if err != nil {
			return nil, err
		}
		return value(backends.NewOptional(*t.Elem, held))
	}
	return nil, fmt.Errorf("nothing random is made of type %s: give it in a .pb file", t)
}

func (in Inputs) randomTensor(ty backends.ElementType, dims []uint32, name string, random *rand.Rand) (backends.Value, error) {
	n, err := backends.ElementCount(dims)
	if err != nil {
		return nil, err
	}
	if n*max(uint64(ty.Bits()), 64)/8 > maxInput {
		return nil, fmt.Errorf("%s%v is more than the %d MB that are made at random", ty, dims, maxInput>>20)
	}
	limits, ranged := in.Ranges[name]
	if ty == backends.String {
		words := make([]string, n)
		for i := range words {
			words[i] = []string{"", "a", "model", "of", "many", "words", "Größe", "42"}[random.IntN(8)]
		}
		return value(backends.NewStringTensor(dims, words))
	}
	size, err := backends.ByteSize(dims, ty)
	if err != nil {
		return nil, err
	}
	if !ranged {
		limits = usual(ty)
	}
	draw := func() float64 { return limits[0] + (limits[1]-limits[0])*random.Float64() }
	data := make([]byte, 0, size)
	for uint64(len(data)) < size {
		var ok bool
		if data, ok = appendElement(data, ty, draw); !ok {
			if ranged {
				return nil, fmt.Errorf("values of %s are not made in a range", ty)
			}
			data = append(data, smallFloatBits(ty, byte(random.Uint32())))
		}
	}
	return value(backends.NewTensor(dims, ty, data))
}

// usual are the random values that make sense for most models: floats around 0, bytes of
// pictures, and integers that are an index into anything.
func usual(ty backends.ElementType) [2]float64 {
	switch ty {
	case backends.U8:
		return [2]float64{0, 256}
	case backends.I8:
		return [2]float64{-128, 128}
	case backends.U16, backends.U32, backends.U64, backends.I16, backends.I32, backends.I64, backends.Bool:
		return [2]float64{0, 2}
	}
	return [2]float64{-1, 1}
}

// appendElement appends an element of a type that draw gives the value of; ok is false
// for types whose bits are drawn instead.
func appendElement(b []byte, ty backends.ElementType, draw func() float64) (_ []byte, ok bool) {
	le := binary.LittleEndian
	switch ty {
	case backends.FP32:
		b = le.AppendUint32(b, math.Float32bits(float32(draw())))
	case backends.FP64:
		b = le.AppendUint64(b, math.Float64bits(draw()))
	case backends.BF16:
		b = le.AppendUint16(b, uint16(math.Float32bits(float32(draw()))>>16))
	case backends.FP16:
		b = le.AppendUint16(b, halfBits(draw()))
	case backends.C64:
		b = le.AppendUint32(le.AppendUint32(b, math.Float32bits(float32(draw()))), math.Float32bits(float32(draw())))
	case backends.C128:
		b = le.AppendUint64(le.AppendUint64(b, math.Float64bits(draw())), math.Float64bits(draw()))
	case backends.U8, backends.I8, backends.Bool:
		b = append(b, byte(integer(draw())))
	case backends.U16, backends.I16:
		b = le.AppendUint16(b, uint16(integer(draw())))
	case backends.U32, backends.I32:
		b = le.AppendUint32(b, uint32(integer(draw())))
	case backends.U64, backends.I64:
		b = le.AppendUint64(b, uint64(integer(draw())))
	default:
		return b, false
	}
	return b, true
}

// integer is the whole number at or below v.
func integer(v float64) int64 { return int64(math.Floor(v)) }

// halfBits is the half float next to a number, towards zero; tiny ones are 0 and large
// ones the largest.
func halfBits(v float64) uint16 {
	sign := uint16(0)
	if math.Signbit(v) {
		sign, v = 0x8000, -v
	}
	switch {
	case v < 0x1p-14:
		return sign
	case v > 65504:
		return sign | 0x7bff
	}
	frac, exp := math.Frexp(v) // 0.5 <= frac < 1
	return sign | uint16(exp-1+15)<<10 | uint16((2*frac-1)*1024)
}

// smallFloatBits makes a byte of elements of at most 8 bits out of a random one: finite
// numbers of no large size.
func smallFloatBits(ty backends.ElementType, b byte) byte {
	switch ty {
	case backends.FP8E8M0:
		return 0x7c | b&3 // 1/8 to 1
	case backends.FP8E4M3FN, backends.FP8E4M3FNUZ, backends.FP8E5M2, backends.FP8E5M2FNUZ:
		if b &= 0xbf; b == 0x80 {
			return 0 // it is no number in some of them
		}
	}
	return b
}
