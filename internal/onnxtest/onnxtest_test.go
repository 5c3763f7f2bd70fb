package onnxtest

import (
	"encoding/hex"
	"strings"
	"testing"
)

func TestMarshalWritesTheBytesOfAModel(t *testing.T) {
	got := hex.EncodeToString(Model{Graph: Graph{
		Nodes:   []Node{{Op: "Neg", Inputs: []string{"a"}, Outputs: []string{"b"}}},
		Inputs:  []Value{{Name: "a", Type: Float, Shape: Dims(4)}},
		Outputs: []Value{{Name: "b", Type: Float, Shape: Dims("n")}},
	}}.Marshal())
	want := strings.Join([]string{
		"080a",                                   // ir_version 10
		"3a37",                                   // graph
		"0a0b", "0a0161", "120162", "22034e6567", // node: a -> b, Neg
		"1205", hex.EncodeToString([]byte("graph")),
		"5a0f", "0a0161", "120a", "0a08", "0801", "1204", "0a02", "0804", // input a: tensor of float, dim_value 4
		"6210", "0a0162", "120b", "0a09", "0801", "1205", "0a03", "12016e", // output b: dim_param n
		"4202", "1015", // opset_import, version 21
	}, "")
	if got != want {
		t.Errorf("model is\n%s, expected\n%s", got, want)
	}
}

func TestDimsTakesSizesAndSymbols(t *testing.T) {
	got := Dims(2, int64(3), "n")
	want := []Dim{{Size: 2}, {Size: 3}, {Symbol: "n"}}
	for i := range want {
		if got[i] != want[i] {
			t.Errorf("dimension %d is %v, expected %v", i, got[i], want[i])
		}
	}
	if shape := Dims(); shape == nil {
		t.Error("Dims() is nil, which declares no rank; expected a scalar")
	}
}
