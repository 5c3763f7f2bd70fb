package wasip1

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/sys"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
)

// NoExportError is a function that the module does not export.
type NoExportError struct {
	Name    string
	Exports []string // the functions that it does export, in its order
}

// Error lists the exports.
func (e *NoExportError) Error() string {
	if len(e.Exports) == 0 {
		return fmt.Sprintf("the module exports no function %q, nor any other", e.Name)
	}
	list := e.Exports
	more := ""
	if len(list) > 10 {
		list, more = list[:10], fmt.Sprintf(" and %d more", len(e.Exports)-10)
	}
	return fmt.Sprintf("the module exports no function %q; it exports %s%s", e.Name, strings.Join(list, ", "), more)
}

// ArgumentError is an argument of Invoke that does not fit its parameter.
type ArgumentError struct{ Msg string }

// Error implements error.
func (e *ArgumentError) Error() string { return e.Msg }

// Run calls _start, what a program of preview 1 begins with. A guest that exits
// with another code than 0 gives a *component.ExitError, one that traps an
// *abi.Trap.
func (i *Instance) Run(ctx context.Context) error {
	_, err := i.call(ctx, "_start")
	if exit, ok := errors.AsType[*component.ExitError](err); ok && exit.Code == 0 {
		return nil
	}
	return err
}

// Invoke calls an exported function with arguments written as numbers, and
// returns its results in the same way. An instance keeps its state between
// calls. The error is an *[ArgumentError] when the arguments do not fit, a *[NoExportError], or as with Run.
func (i *Instance) Invoke(ctx context.Context, name string, args ...string) ([]string, error) {
	f, err := i.function(name)
	if err != nil {
		return nil, err
	}
	def := f.Definition()
	params := def.ParamTypes()
	if len(params) != len(args) {
		return nil, &ArgumentError{fmt.Sprintf("%s takes %d arguments (%s), %d are given", name, len(params), typeNames(params), len(args))}
	}
	values := make([]uint64, len(args))
	for k, a := range args {
		if values[k], err = parse(params[k], a); err != nil {
			return nil, &ArgumentError{fmt.Sprintf("%s: argument %d: %v", name, k+1, err)}
		}
	}
	for _, r := range def.ResultTypes() {
		if !slices.Contains(numbers, r) {
			return nil, &ArgumentError{fmt.Sprintf("%s returns a %s, which has no text", name, api.ValueTypeName(r))}
		}
	}
	results, err := i.call(ctx, name, values...)
	if err != nil {
		return nil, err
	}
	texts := make([]string, len(results))
	for k, r := range results {
		texts[k] = format(def.ResultTypes()[k], r)
	}
	return texts, nil
}

var numbers = []api.ValueType{api.ValueTypeI32, api.ValueTypeI64, api.ValueTypeF32, api.ValueTypeF64}

// parse reads a number; integers may be signed or unsigned, decimal or, with
// 0x, hexadecimal.
func parse(t api.ValueType, s string) (uint64, error) {
	bits := 64
	switch t {
	case api.ValueTypeI32:
		bits = 32
		fallthrough
	case api.ValueTypeI64:
		if v, err := strconv.ParseInt(s, 0, bits); err == nil {
			return uint64(v) & (math.MaxUint64 >> (64 - bits)), nil
		}
		v, err := strconv.ParseUint(s, 0, bits)
		if err != nil {
			return 0, fmt.Errorf("%q is no %s", s, api.ValueTypeName(t))
		}
		return v, nil
	case api.ValueTypeF32:
		v, err := strconv.ParseFloat(s, 32)
		if err != nil {
			return 0, fmt.Errorf("%q is no f32", s)
		}
		return api.EncodeF32(float32(v)), nil
	case api.ValueTypeF64:
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			return 0, fmt.Errorf("%q is no f64", s)
		}
		return api.EncodeF64(v), nil
	}
	return 0, fmt.Errorf("a %s cannot be written as an argument", api.ValueTypeName(t))
}

// format writes a number; integers are signed, as WebAssembly's i32 says neither.
func format(t api.ValueType, v uint64) string {
	switch t {
	case api.ValueTypeI32:
		return strconv.FormatInt(int64(int32(v)), 10)
	case api.ValueTypeI64:
		return strconv.FormatInt(int64(v), 10)
	case api.ValueTypeF32:
		return strconv.FormatFloat(float64(api.DecodeF32(v)), 'g', -1, 32)
	}
	return strconv.FormatFloat(api.DecodeF64(v), 'g', -1, 64)
}

func (i *Instance) function(name string) (api.Function, error) {
	if f := i.mod.ExportedFunction(name); f != nil {
		return f, nil
	}
	e := &NoExportError{Name: name}
	for _, exp := range i.module.info.Exports() {
		if strings.HasPrefix(exp.Desc, "func ") {
			e.Exports = append(e.Exports, exp.Name)
		}
	}
	return nil, e
}

// call calls an export by its name.
func (i *Instance) call(ctx context.Context, name string, args ...uint64) (results []uint64, err error) {
	f, err := i.function(name)
	if err != nil {
		return nil, err
	}
	if ctx.Err() != nil {
		return nil, interrupted(ctx)
	}
	if results, err = f.Call(i.context(ctx), args...); err != nil {
		return nil, i.module.translate(err)
	}
	return results, nil
}

func interrupted(ctx context.Context) error {
	return &abi.Trap{Kind: abi.TrapInterrupted, Msg: "interrupted", Err: context.Cause(ctx)}
}

// translate turns what a call into wazero returned into a *component.ExitError
// or an *abi.Trap.
func (m *Module) translate(err error) error {
	if exit, ok := errors.AsType[*sys.ExitError](err); ok {
		return &component.ExitError{Code: exit.ExitCode()}
	}
	text, frames := m.info.Trace(err.Error(), tickModule+"."+tickName)
	t := m.trap(err, text)
	if frames != nil {
		t.AddTrace(frames)
	}
	return t
}

// trap is the trap that an error of wazero stands for; text is what it says.
func (m *Module) trap(err error, text string) *abi.Trap {
	if t, ok := errors.AsType[*abi.Trap](err); ok {
		return t
	}
	root := err
	for u := errors.Unwrap(root); u != nil; u = errors.Unwrap(root) {
		root = u
	}
	kind := abi.TrapCore
	// wazero's own errors are of an internal type: the text is all there is.
	switch root.Error() {
	case "unreachable":
		kind = abi.TrapUnreachable
	case "stack overflow":
		kind = abi.TrapStackOverflow
	}
	return &abi.Trap{Kind: kind, Msg: strings.TrimPrefix(text, "wasm error: ")}
}
