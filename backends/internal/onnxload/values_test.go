package onnxload

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
)

func must[V backends.Value](v V, err error) backends.Value {
	if err != nil {
		panic(err)
	}
	return v
}

func TestMatchValues(t *testing.T) {
	u8, ranked := backends.TensorType(backends.U8), backends.TensorType(backends.U8, 1)
	infos := []backends.ValueInfo{
		{Name: "t", ValueType: ranked}, {Name: "s", ValueType: backends.SequenceType(ranked)},
		{Name: "o", ValueType: backends.OptionalType(u8)}, {Name: "d", ValueType: u8},
	}
	tensor := must(backends.NewTensor([]uint32{1}, backends.U8, []byte{1}))
	pair := must(backends.NewTensor([]uint32{2}, backends.U8, []byte{1, 2}))
	seq := must(backends.NewSequence(u8, []backends.Value{tensor}))
	some, none := must(backends.NewOptional(u8, tensor)), must(backends.NewOptional(u8, nil))
	words := map[backends.Value]string{tensor: "tensor", pair: "pair", seq: "seq", some: "some", none: "none", nothing: "nothing", nil: "-"}
	type given map[string]backends.Value
	for _, tt := range []struct {
		name string
		in   given
		want string // the values, or a part of the error
	}{
		{"all of them", given{"t": tensor, "s": seq, "o": tensor, "d": pair}, "[tensor seq tensor pair]"},
		{"a default is left out", given{"t": tensor, "s": seq, "o": tensor}, "[tensor seq tensor -]"},
		{"an optional is unwrapped", given{"t": tensor, "s": seq, "o": some}, "[tensor seq tensor -]"},
		{"an empty optional stays", given{"t": tensor, "s": seq, "o": none}, "[tensor seq none -]"},
		{"an optional is left out", given{"t": tensor, "s": seq}, "[tensor seq nothing -]"},
		{"an optional for what it holds", given{"t": some, "s": seq}, "[tensor seq nothing -]"},
		{"an empty optional for a tensor", given{"t": none, "s": seq}, `input "t" takes U8[1], found optional(U8*)`},
		{"another shape", given{"t": pair, "s": seq}, `input "t" takes U8[1], found U8[2]`},
		{"a tensor for a sequence", given{"t": tensor, "s": tensor}, `input "s" takes sequence(U8[1]), found U8[1]`},
		{"one missing", given{"s": seq}, `missing input "t", the model has "t", "s", "o", "d"`},
		{"one too many", given{"x": tensor}, `there is no input "x", the model has "t", "s", "o", "d"`},
		{"no value", given{"t": nil}, `input "t" is given without a value`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var in []backends.NamedValue
			for name, v := range tt.in {
				in = append(in, backends.NamedValue{Name: name, Value: v})
			}
			values, err := MatchValues(infos, 3, in)
			var got []string
			for _, v := range values {
				got = append(got, words[v])
			}
			var coded *backends.Error
			if err != nil && (!errors.As(err, &coded) || coded.Code != backends.InvalidArgument || !strings.Contains(err.Error(), tt.want)) || err == nil && fmt.Sprint(got) != tt.want {
				t.Errorf("found %v, %v, expected %s", got, err, tt.want)
			}
		})
	}
	twice := []backends.NamedValue{{Name: "t", Value: tensor}, {Name: "t", Value: tensor}}
	if _, err := MatchValues(infos, 3, twice); err == nil || !strings.Contains(err.Error(), "given twice") {
		t.Errorf("given twice: %v", err)
	}
	if _, err := MatchValues(nil, 0, twice); err == nil || !strings.Contains(err.Error(), "the model has no inputs") {
		t.Errorf("no inputs: %v", err)
	}
}
