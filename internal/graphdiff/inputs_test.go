package graphdiff

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/internal/onnxtest"
)

// sized is out = in of a type and shape.
func sized(ty onnxtest.DataType, dims ...any) []byte {
	return onnxtest.Identity(ty, onnxtest.Dims(dims...))
}

func TestInputsAreOfTheSizesThatAreSaid(t *testing.T) {
	for _, test := range []struct {
		name  string
		model []byte
		in    Inputs
		want  []uint32
	}{
		{"fixed", sized(onnxtest.Float, 2, 3), Inputs{}, []uint32{2, 3}},
		{"open", sized(onnxtest.Float, "n", 3), Inputs{}, []uint32{1, 3}},
		{"by a symbol", sized(onnxtest.Float, "n", "n", "m"), Inputs{Symbols: map[string]uint32{"n": 4}}, []uint32{4, 4, 1}},
		{"by the input's name", sized(onnxtest.Float, "n", 3), Inputs{Symbols: map[string]uint32{"n": 4}, Dims: map[string][]uint32{"in": {7, 3}}}, []uint32{7, 3}},
		{"a scalar", sized(onnxtest.Float), Inputs{}, []uint32{}},
		{"any number of dimensions", onnxtest.Identity(onnxtest.Float, nil), Inputs{Dims: map[string][]uint32{"in": {5}}}, []uint32{5}},
	} {
		t.Run(test.name, func(t *testing.T) {
			inputs, _, _, err := test.in.Values(test.model)
			if err != nil {
				t.Fatal(err)
			}
			if got := inputs[0].Value.(*backends.Tensor).Dims(); !slices.Equal(got, test.want) {
				t.Errorf("found %v, expected %v", got, test.want)
			}
		})
	}
}

func TestRandomInputsOfEveryType(t *testing.T) {
	for _, ty := range append(onnxtest.DataTypes(), onnxtest.String, onnxtest.Complex64, onnxtest.Complex128, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26) {
		model := sized(ty, 3, 5)
		one, _, origins, err := Inputs{Seed: 7}.Values(model)
		if err != nil {
			t.Errorf("%v: %v", backends.ElementType(ty), err)
			continue
		}
		again, _, _, err := Inputs{Seed: 7}.Values(model)
		if err != nil {
			t.Fatal(err)
		}
		a, b := one[0].Value.(*backends.Tensor), again[0].Value.(*backends.Tensor)
		if !bytes.Equal(a.Data(), b.Data()) || !slices.Equal(a.Strings(), b.Strings()) {
			t.Errorf("%s: one seed gives two inputs", a.Type())
		}
		if origins[0].From != "random" || origins[0].Type != fmt.Sprintf("%s[3 5]", a.Type()) {
			t.Errorf("origin is %+v", origins[0])
		}
	}
}

func TestRandomInputsKeepToTheirRange(t *testing.T) {
	inputs, _, _, err := Inputs{Ranges: map[string][2]float64{"in": {16000, 16000}}}.Values(sized(onnxtest.Int64, 3))
	if err != nil {
		t.Fatal(err)
	}
	for b := inputs[0].Value.(*backends.Tensor).Data(); len(b) > 0; b = b[8:] {
		if v := binary.LittleEndian.Uint64(b); v != 16000 {
			t.Errorf("found %d", v)
		}
	}
}

func TestInputsWithADefaultAreLeftOut(t *testing.T) {
	inputs, _, _, err := Inputs{}.Values(onnxtest.Optional())
	if err != nil || len(inputs) != 1 || inputs[0].Name != "in" {
		t.Errorf("%v, %v", inputs, err)
	}
	inputs, _, _, err = Inputs{Ranges: map[string][2]float64{"bias": {0, 1}}}.Values(onnxtest.Optional())
	if err != nil || len(inputs) != 2 {
		t.Errorf("with a range: %v, %v", inputs, err)
	}
}

// npy makes a file as NumPy writes it.
func npy(descr, order, shape string, data []byte) []byte {
	header := fmt.Sprintf("{'descr': '%s', 'fortran_order': %s, 'shape': (%s), }", descr, order, shape)
	for (10+len(header)+1)%64 != 0 {
		header += " "
	}
	header += "\n"
	b := append([]byte("\x93NUMPY\x01\x00"), byte(len(header)), byte(len(header)>>8))
	return append(append(b, header...), data...)
}

func TestFiles(t *testing.T) {
	floats := onnxtest.Floats(1, 2, 3, 4, 5, 6)
	for _, test := range []struct {
		name, file string
		content    []byte
		model      []byte
		want       string // the tensor, or what the error says
	}{
		{"bytes", "a.bin", floats, sized(onnxtest.Float, 2, 3), "FP32[2 3] 1 2 3 4 5 6"},
		{"bytes of an open size", "a.bin", floats, sized(onnxtest.Float, "n", 3), "FP32[2 3] 1 2 3 4 5 6"},
		{"too few bytes", "a.bin", floats[:20], sized(onnxtest.Float, 2, 3), "20 bytes, FP32[2 3] takes 24"},
		{"NumPy's", "a.npy", npy("<f4", "False", "2, 3", floats), sized(onnxtest.Float, "n", "m"), "FP32[2 3] 1 2 3 4 5 6"},
		{"NumPy's in the order of Fortran", "a.npy", npy("<f4", "True", "3, 2", floats), sized(onnxtest.Float, "n", "m"), "FP32[3 2] 1 4 2 5 3 6"},
		{"NumPy's scalar", "a.npy", npy("<f4", "False", "", floats[:4]), sized(onnxtest.Float), "FP32[] 1"},
		{"NumPy's of one dimension", "a.npy", npy("<f4", "False", "6,", floats), sized(onnxtest.Float, 6), "FP32[6] 1 2 3 4 5 6"},
		{"big-endian numbers", "a.npy", npy(">f4", "False", "6,", floats), sized(onnxtest.Float, 6), "big-endian"},
		{"objects", "a.npy", npy("|O", "False", "6,", floats), sized(onnxtest.Float, 6), `NumPy's type "|O"`},
		{"another type", "a.npy", npy("<i4", "False", "6,", floats), sized(onnxtest.Float, 6), "holds I32[6], the model takes FP32[6]"},
		{"another shape", "a.npy", npy("<f4", "False", "6,", floats), sized(onnxtest.Float, 2, 3), "holds FP32[6], the model takes FP32[2 3]"},
		{"a file cut short", "a.npy", npy("<f4", "False", "6,", floats)[:100], sized(onnxtest.Float, 6), "the header of the .npy file takes"},
		{"data cut short", "a.npy", npy("<f4", "False", "6,", floats[:8]), sized(onnxtest.Float, 6), "8 bytes of data, FP32[6] takes 24"},
		{"no NumPy file", "a.npy", []byte("hello"), sized(onnxtest.Float, 6), "no .npy file"},
		{"no protobuf", "a.pb", []byte("hello"), sized(onnxtest.Float, 6), "TensorProto"},
		{"strings as bytes", "a.bin", []byte("hello"), sized(onnxtest.String, 6), "comes in a .pb file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			file := filepath.Join(t.TempDir(), test.file)
			if err := os.WriteFile(file, test.content, 0o644); err != nil {
				t.Fatal(err)
			}
			inputs, _, _, err := Inputs{Files: map[string]string{"in": file}}.Values(test.model)
			got := fmt.Sprint(err)
			if err == nil {
				v := inputs[0].Value.(*backends.Tensor)
				got = v.ValueType().String()
				for b := v.Data(); len(b) > 0; b = b[4:] {
					got += fmt.Sprint(" ", float(b))
				}
			}
			if !strings.Contains(got, test.want) {
				t.Errorf("found %q, expected %q", got, test.want)
			}
		})
	}
}

func TestInputsRefuse(t *testing.T) {
	model := sized(onnxtest.Float, "n")
	for _, test := range []struct {
		name, want string
		in         Inputs
		model      []byte
	}{
		{"a symbol that is not there", `no open dimension "m", it has n`, Inputs{Symbols: map[string]uint32{"m": 1}}, model},
		{"an input that is not there", `no input "x", it has in`, Inputs{Files: map[string]string{"x": "y"}}, model},
		{"a file that is not there", "no such file", Inputs{Files: map[string]string{"in": "nothere"}}, model},
		{"a folder without inputs", "input_0.pb", Inputs{Folder: t.TempDir()}, model},
		{"an open number of dimensions", "--dims in=", Inputs{}, onnxtest.Identity(onnxtest.Float, nil)},
		{"more than memory", "more than the 1024 MB", Inputs{Symbols: map[string]uint32{"n": 1 << 31}}, model},
	} {
		t.Run(test.name, func(t *testing.T) {
			if _, _, _, err := test.in.Values(test.model); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error is %v, expected one with %q", err, test.want)
			}
		})
	}
}

func FuzzNPY(f *testing.F) {
	f.Add(npy("<f4", "False", "2, 3", onnxtest.Floats(1, 2, 3, 4, 5, 6)))
	f.Add(npy("<f4", "True", "3, 2", onnxtest.Floats(1, 2, 3, 4, 5, 6)))
	f.Add(npy("|b1", "True", "0, 2", nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		v, err := NPY(b) // never panics, and takes no more memory than the file
		if (v == nil) != (err != nil) {
			t.Errorf("%v with error %v", v, err)
		}
	})
}

func float(b []byte) float32 { return math.Float32frombits(binary.LittleEndian.Uint32(b)) }
