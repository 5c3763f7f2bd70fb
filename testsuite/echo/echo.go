// Package echo is a conformance suite for wasi-nn hosts: small ONNX models of
// every element type and rank, with inputs, and the outputs or the error that
// a host has to answer with. README.md says how any host runs it.
//
// The files are written by the command in folder generate.
package echo

import (
	"embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/wasinn/wasinn/backends"
)

// Files has cases.json and the models that the cases name, by the paths that
// [Case.File] gives.
//
//go:embed cases.json models broken
var Files embed.FS

// Case is one compute, or one failure.
type Case struct {
	// Name is a sentence, different for each case.
	Name string `json:"name"`
	// Model is the name that the model has in the registry folder models.
	Model string `json:"model,omitempty"`
	// Broken is the path of a file that is no model, instead of Model.
	Broken string `json:"broken,omitempty"`
	// By is the one way of loading that the case applies to, "name" or
	// "bytes", and empty when it applies to both.
	By string `json:"by,omitempty"`
	// Inputs, in the model's order.
	Inputs []Tensor `json:"inputs,omitempty"`
	// Outputs are all of the model's, in its order.
	Outputs []Tensor `json:"outputs,omitempty"`
	// Error is what happens instead of outputs.
	Error *Failure `json:"error,omitempty"`
	// Why is a word on what the case is about, where its name does not say.
	Why string `json:"why,omitempty"`
}

// Tensor is an input or an output. Its data are given by Hex, or by Fill.
type Tensor struct {
	Name string `json:"name"`
	// Index is the place in the model's order, which preview 1 goes by.
	Index int `json:"index"`
	// Type is f16, f32, f64, bf16, u8, i32 or i64.
	Type string   `json:"type"`
	Dims []uint32 `json:"dims"`
	// Values are what Hex holds, as decimal numbers separated by colons.
	Values string `json:"values,omitempty"`
	// Hex is the data: little-endian elements, row-major.
	Hex string `json:"hex,omitempty"`
	// Fill is an element, in hexadecimal, that the data have as often as Dims
	// ask; FillValue is the same as a decimal number.
	Fill      string `json:"fill,omitempty"`
	FillValue string `json:"fillValue,omitempty"`
}

// Failure is an error of wasi-nn.
type Failure struct {
	// Stage is load or compute. What preview 1 reports at set_input belongs
	// to compute.
	Stage string `json:"stage"`
	// Code is WIT's name of the error code.
	Code string `json:"code"`
}

// Cases reads cases.json.
func Cases() ([]Case, error) {
	text, err := Files.ReadFile("cases.json")
	if err != nil {
		return nil, err
	}
	var cases []Case
	if err := json.Unmarshal(text, &cases); err != nil {
		return nil, fmt.Errorf("cases.json: %w", err)
	}
	return cases, nil
}

// File is the path of the case's model in this folder, with slashes.
func (c Case) File() string {
	if c.Broken != "" {
		return c.Broken
	}
	return "models/" + c.Model + "/model.onnx"
}

// Loads tells whether the case applies to a way of loading: name or bytes.
func (c Case) Loads(by string) bool { return c.By == "" || c.By == by }

// types are the names of wasi-nn's element types.
var types = map[string]backends.ElementType{
	"f16": backends.FP16, "f32": backends.FP32, "f64": backends.FP64, "bf16": backends.BF16,
	"u8": backends.U8, "i32": backends.I32, "i64": backends.I64,
}

// ElementType is the tensor's type.
func (t Tensor) ElementType() (backends.ElementType, error) {
	ty, ok := types[t.Type]
	if !ok {
		return ty, fmt.Errorf("%q is none of wasi-nn's element types", t.Type)
	}
	return ty, nil
}

// Data are the tensor's bytes. In cases of errors they need not fit its dims.
func (t Tensor) Data() ([]byte, error) {
	if t.Fill == "" {
		return hex.DecodeString(t.Hex)
	}
	element, err := hex.DecodeString(t.Fill)
	if err != nil {
		return nil, err
	}
	count := 1
	for _, d := range t.Dims {
		count *= int(d)
	}
	return slices.Repeat(element, count), nil
}
