package valuediff

import (
	"math"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

func tensor(t *testing.T, ty backends.ElementType, data string, dims ...uint32) *backends.Tensor {
	t.Helper()
	v, err := backends.NewTensor(dims, ty, []byte(data))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func float32s(t *testing.T, vs ...float32) *backends.Tensor {
	return tensor(t, backends.FP32, string(onnxtest.Floats(vs...)), uint32(len(vs)))
}

func texts(t *testing.T, vs ...string) *backends.Tensor {
	t.Helper()
	v, err := backends.NewStringTensor([]uint32{uint32(len(vs))}, vs)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func TestCompare(t *testing.T) {
	nan, inf := float32(math.NaN()), float32(math.Inf(1))
	fp32 := backends.TensorType(backends.FP32)
	seq := func(vs ...backends.Value) backends.Value {
		s, err := backends.NewSequence(fp32, vs)
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	opt := func(v backends.Value) backends.Value {
		o, err := backends.NewOptional(fp32, v)
		if err != nil {
			t.Fatal(err)
		}
		return o
	}
	mapOf := func(key string, v float32) backends.Value {
		m, err := backends.NewMap(texts(t, key), float32s(t, v))
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	for _, tt := range []struct {
		name        string
		found, want backends.Value
		differ      string // "" when they do not
	}{
		{"equal floats", float32s(t, 1, -2), float32s(t, 1, -2), ""},
		{"floats within the tolerance", float32s(t, 1000.9), float32s(t, 1000), ""},
		{"floats beyond it", float32s(t, 1, 1002), float32s(t, 1, 1000), "1 of 2 elements of FP32[2] differ; at [1] found 1002, expected 1000"},
		{"the worst of several is told", float32s(t, 2, 9, 2), float32s(t, 1, 1, 1), "3 of 3 elements of FP32[3] differ; at [1] found 9, expected 1"},
		{"small floats", float32s(t, 1e-7), float32s(t, 0), ""},
		{"small floats beyond it", float32s(t, 2e-7), float32s(t, 0), "found 2"},
		{"NaN for NaN", float32s(t, nan), float32s(t, nan), ""},
		{"NaN for a number", float32s(t, nan), float32s(t, 1), "found NaN, expected 1"},
		{"a number for NaN", float32s(t, 1), float32s(t, nan), "found 1, expected NaN"},
		{"infinity for infinity", float32s(t, inf), float32s(t, inf), ""},
		{"a large number for infinity", float32s(t, 3e38), float32s(t, inf), "expected +Inf"},
		{"the other infinity", float32s(t, -inf), float32s(t, inf), "found -Inf, expected +Inf"},
		{"the two zeros", float32s(t, float32(math.Copysign(0, -1))), float32s(t, 0), ""},
		{"another shape", tensor(t, backends.U8, "ab", 2, 1), tensor(t, backends.U8, "ab", 2), "found U8[2 1], expected U8[2]"},
		{"another type", tensor(t, backends.I8, "a", 1), tensor(t, backends.U8, "a", 1), "found I8[1], expected U8[1]"},
		{"large integers are exact", tensor(t, backends.I64, "\x01\x00\x00\x00\x00\x00\x00\x40", 1), tensor(t, backends.I64, "\x00\x00\x00\x00\x00\x00\x00\x40", 1), "found 4611686018427387905, expected 4611686018427387904"},
		{"signed integers are told as such", tensor(t, backends.I8, "\xff", 1), tensor(t, backends.I8, "\x01", 1), "found -1, expected 1"},
		{"four bits", tensor(t, backends.I4, "\x2f", 2), tensor(t, backends.I4, "\x21", 2), "at [0] found -1, expected 1"},
		{"four bits, the rest of whose byte is not looked at", tensor(t, backends.U4, "\xf1", 1), tensor(t, backends.U4, "\x01", 1), ""},
		{"two bits", tensor(t, backends.U2, "\xe4", 4), tensor(t, backends.U2, "\xa4", 4), "at [3] found 3, expected 2"},
		{"complex numbers", tensor(t, backends.C64, string(onnxtest.Floats(1, 1)), 1), tensor(t, backends.C64, string(onnxtest.Floats(1, 2)), 1), "found (1+1i), expected (1+2i)"},
		{"strings", texts(t, "a", "b"), texts(t, "a", "c"), `1 of 2 elements of STRING[2] differ; at [1] found "b", expected "c"`},
		{"sequences", seq(float32s(t, 1)), seq(float32s(t, 1)), ""},
		{"sequences of another length", seq(), seq(float32s(t, 1)), "found a sequence of 0, expected 1"},
		{"sequences that differ", seq(float32s(t, 2)), seq(float32s(t, 1)), "element 0: 1 of 1"},
		{"a tensor for a sequence", float32s(t, 1), seq(), "found FP32[1], expected sequence(FP32*)"},
		{"an empty optional", opt(nil), opt(nil), ""},
		{"an optional that is given bare", float32s(t, 1), opt(float32s(t, 1)), ""},
		{"an optional for what it holds", opt(float32s(t, 1)), float32s(t, 1), ""},
		{"something for nothing", opt(float32s(t, 1)), opt(nil), "expected nothing"},
		{"nothing for something", opt(nil), opt(float32s(t, 1)), "found nothing, expected FP32[1]"},
		{"maps", mapOf("a", 1), mapOf("a", 1), ""},
		{"maps with other keys", mapOf("b", 1), mapOf("a", 1), "keys: "},
		{"maps with other values", mapOf("a", 2), mapOf("a", 1), "values: "},
		{"nothing to compare", tensor(t, backends.FP32, "", 0, 3), tensor(t, backends.FP32, "", 0, 3), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			err := Tolerance{RTol: 1e-3, ATol: 1.5e-7}.Compare(tt.found, tt.want).Err()
			if (err == nil) != (tt.differ == "") || err != nil && !strings.Contains(err.Error(), tt.differ) {
				t.Errorf("found %v, expected %q", err, tt.differ)
			}
		})
	}
}

func TestSmallFloats(t *testing.T) {
	nan, inf := math.NaN(), math.Inf(1)
	for _, tt := range []struct {
		ty   backends.ElementType
		bits uint64
		want float64
	}{
		{backends.FP16, 0x3c00, 1}, {backends.FP16, 0x7bff, 65504}, {backends.FP16, 0x0001, 0x1p-24}, {backends.FP16, 0xfc00, -inf}, {backends.FP16, 0x7c01, nan},
		{backends.BF16, 0x3f80, 1}, {backends.BF16, 0x7f80, inf},
		{backends.FP8E4M3FN, 0x38, 1}, {backends.FP8E4M3FN, 0x7e, 448}, {backends.FP8E4M3FN, 0xff, nan}, {backends.FP8E4M3FN, 0x01, 0x1p-9},
		{backends.FP8E4M3FNUZ, 0x40, 1}, {backends.FP8E4M3FNUZ, 0x7f, 240}, {backends.FP8E4M3FNUZ, 0x80, nan},
		{backends.FP8E5M2, 0x3c, 1}, {backends.FP8E5M2, 0x7b, 57344}, {backends.FP8E5M2, 0xfc, -inf}, {backends.FP8E5M2, 0x7d, nan},
		{backends.FP8E5M2FNUZ, 0x40, 1}, {backends.FP8E5M2FNUZ, 0x7f, 57344}, {backends.FP8E5M2FNUZ, 0x80, nan},
		{backends.FP8E8M0, 0x7f, 1}, {backends.FP8E8M0, 0x00, 0x1p-127}, {backends.FP8E8M0, 0xff, nan},
		{backends.FP4E2M1, 0x1, 0.5}, {backends.FP4E2M1, 0x7, 6}, {backends.FP4E2M1, 0xf, -6}, {backends.FP4E2M1, 0x2, 1},
	} {
		if got := decode(tt.ty, tt.bits); !same(got, tt.want) {
			t.Errorf("%s %#x is %g, expected %g", tt.ty, tt.bits, got, tt.want)
		}
	}
}

func TestDistances(t *testing.T) {
	for _, tt := range []struct {
		name        string
		tolerance   Tolerance
		found, want backends.Value
		differ      uint64
		abs, rel    float64
	}{
		{"equal", Tolerance{}, float32s(t, 1, 2), float32s(t, 1, 2), 0, 0, 0},
		{"no tolerance", Tolerance{}, float32s(t, 1, 2.5), float32s(t, 1, 2), 1, 0.5, 0.25},
		{"within tolerance", Tolerance{ATol: 1}, float32s(t, 1, 2.5), float32s(t, 1, 2), 0, 0.5, 0.25},
		{"infinities are no distances", Tolerance{}, float32s(t, 1, float32(math.Inf(1))), float32s(t, 2, 1), 2, 1, 0.5},
		{"integers within ATol", Tolerance{ATol: 1}, tensor(t, backends.U8, "ac", 2), tensor(t, backends.U8, "bc", 2), 0, 1, 1.0 / 'b'},
		{"integers are not judged by RTol", Tolerance{RTol: 1}, tensor(t, backends.U8, "ac", 2), tensor(t, backends.U8, "bc", 2), 1, 1, 1.0 / 'b'},
		{"of both signs", Tolerance{}, tensor(t, backends.I8, "\xff", 1), tensor(t, backends.I8, "\x01", 1), 1, 2, 2},
		{"half floats", Tolerance{}, tensor(t, backends.FP16, "\x00\x3c", 1), tensor(t, backends.FP16, "\x00\x40", 1), 1, 1, 0.5},
	} {
		t.Run(tt.name, func(t *testing.T) {
			d := tt.tolerance.Compare(tt.found, tt.want)
			if d.Differ != tt.differ || d.MaxAbs != tt.abs || d.MaxRel != tt.rel || d.Equal() != (tt.differ == 0) {
				t.Errorf("found %+v", d)
			}
		})
	}
}
