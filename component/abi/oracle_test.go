package abi

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math"
	"os"
	"reflect"
	"slices"
	"strconv"
	"testing"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

// oracle is what testdata/vectors.py writes: facts of the canonical ABI that
// the specification's own definitions tell.
type oracle struct {
	Layouts []struct {
		Type                         oracleType
		Align, Size, Align64, Size64 uint32
		Flat                         []string
	}
	Functions []struct {
		Params      []oracleType
		Result      oracleType
		Lift, Lower [2][]string // core parameters and results
	}
	Handles []struct {
		Kinds   []string // of the lifts: own or borrow
		Indices []uint32
		Reps    []uint32 // what the lifts return; nil when one traps
		Left    int      // handles in the table then
		Lowered uint32   // the index of an own that is lowered then
	}
	Vectors []oracleVector
}

// oracleVector is a value that lies in a memory and in core values as a
// parameter, and what it lowers to, by encoding.
type oracleVector struct {
	Type             oracleType
	Encoding, Memory string // Memory is in hexadecimal, without zeros at the end of Size bytes
	Size             int
	Flat             []string // bits in decimal
	Value            any      // as plainValue returns it, unless Trap
	Trap             bool
	To               map[string]oracleImage
}

// oracleImage is a value in a memory of [oracleHeap] bytes that was empty, and
// how realloc was called.
type oracleImage struct {
	Flat     []string
	Memory   string
	Reallocs []string
}

// The heap of vectors.py.
const (
	oracleHeap  = 4096
	oracleStart = 16
)

var encodings = map[string]StringEncoding{"utf8": UTF8, "utf16": UTF16, "latin1+utf16": Latin1UTF16}

// oracleType is a type in the notation of vectors.py.
type oracleType struct{ of types.ValType }

func (t *oracleType) UnmarshalJSON(b []byte) error {
	for p := types.Bool; p <= types.String; p++ {
		if string(b) == strconv.Quote(p.String()) {
			t.of = p
			return nil
		}
	}
	if string(b) == "null" {
		return nil
	}
	var node map[string]json.RawMessage
	if err := json.Unmarshal(b, &node); err != nil {
		return err
	}
	for kind, raw := range node {
		return t.defined(kind, raw)
	}
	return fmt.Errorf("unknown type %s", b)
}

func (t *oracleType) defined(kind string, raw json.RawMessage) error {
	var one oracleType
	var two [2]oracleType
	var err error
	switch kind {
	case "list":
		if raw[0] != '[' {
			err = json.Unmarshal(raw, &one)
			t.of = list(one.of)
			break
		}
		var n uint32
		err = json.Unmarshal(raw, &[]any{&one, &n})
		t.of = fixed(one.of, n)
	case "option":
		err = json.Unmarshal(raw, &one)
		t.of = option(one.of)
	case "result":
		err = json.Unmarshal(raw, &two)
		t.of = result(two[0].of, two[1].of)
	case "map":
		err = json.Unmarshal(raw, &two)
		t.of = &types.Map{Key: two[0].of, Value: two[1].of}
	case "tuple":
		var elems []oracleType
		err = json.Unmarshal(raw, &elems)
		u := &types.Tuple{}
		for _, e := range elems {
			u.Elems = append(u.Elems, e.of)
		}
		t.of = u
	case "record", "variant":
		t.of, err = namedParts(kind, raw)
	case "enum", "flags":
		var labels []string
		var n int
		if json.Unmarshal(raw, &n) == nil {
			labels = numbered(n)
		} else {
			err = json.Unmarshal(raw, &labels)
		}
		if t.of = enum(labels...); kind == "flags" {
			t.of = flags(labels...)
		}
	default:
		err = fmt.Errorf("unknown type %q", kind)
	}
	return err
}

func namedParts(kind string, raw json.RawMessage) (types.ValType, error) {
	var parts [][2]json.RawMessage
	if err := json.Unmarshal(raw, &parts); err != nil {
		return nil, err
	}
	r, v := &types.Record{}, &types.Variant{}
	for _, p := range parts {
		var name string
		var of oracleType
		if err := json.Unmarshal(p[0], &name); err != nil {
			return nil, err
		}
		if err := json.Unmarshal(p[1], &of); err != nil {
			return nil, err
		}
		r.Fields = append(r.Fields, types.Field{Name: name, Type: of.of})
		v.Cases = append(v.Cases, types.Case{Name: name, Type: of.of})
	}
	if kind == "record" {
		return r, nil
	}
	return v, nil
}

// plainValue is a value as vectors.py writes it: integers, the bits of floats and
// the numbers of chars in decimal, lists for what has parts.
func plainValue(v val) any {
	parts := func(vs []val) any {
		out := make([]any, len(vs))
		for i, v := range vs {
			out[i] = plainValue(v)
		}
		return out
	}
	switch v := v.(type) {
	case nil:
		return nil
	case bool, string:
		return v
	case float32:
		return fmt.Sprint(math.Float32bits(v))
	case float64:
		return fmt.Sprint(math.Float64bits(v))
	case value.Char:
		return fmt.Sprint(int32(v))
	case value.Enum:
		return string(v)
	case []byte:
		out := make([]any, len(v))
		for i, b := range v {
			out[i] = fmt.Sprint(b)
		}
		return out
	case value.List:
		return parts(v)
	case value.Tuple:
		return parts(v)
	case value.Flags:
		out := make([]any, len(v))
		for i, l := range v {
			out[i] = l
		}
		return out
	case *value.Record:
		out := make([]any, len(v.Fields))
		for i, f := range v.Fields {
			out[i] = plainValue(f.Value)
		}
		return out
	case *value.Variant:
		return []any{v.Case, plainValue(v.Value)}
	case *value.Option:
		if !v.Some {
			return []any{}
		}
		return []any{plainValue(v.Value)}
	case *value.Result:
		return []any{map[bool]string{false: "ok", true: "error"}[v.IsErr], plainValue(v.Value)}
	}
	return fmt.Sprint(v)
}

func loadOracle(t *testing.T, file string) (o oracle) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err == nil {
		err = json.Unmarshal(b, &o)
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func coreNames(ts []layout.CoreType) []string {
	out := []string{}
	for _, t := range ts {
		out = append(out, t.String())
	}
	return out
}

// TestOracleLayouts compares alignments, sizes and flattening.
func TestOracleLayouts(t *testing.T) {
	o := loadOracle(t, "testdata/vectors.json")
	for _, want := range o.Layouts {
		l, l64 := layout.Of(want.Type.of), layout.NewCache64().Of(want.Type.of)
		if l.Align != want.Align || l.Size != want.Size || l64.Align != want.Align64 || l64.Size != want.Size64 {
			t.Errorf("%s: alignment and size %d, %d and in 64 bits %d, %d; want %d, %d and %d, %d",
				want.Type.of, l.Align, l.Size, l64.Align, l64.Size, want.Align, want.Size, want.Align64, want.Size64)
		}
		if n := len(want.Flat); l.NumFlat != min(n, layout.MaxFlatParams+1) || n <= layout.MaxFlatParams && !reflect.DeepEqual(coreNames(l.Flat), want.Flat) {
			t.Errorf("%s: flattens to %d %v, want %d %v", want.Type.of, l.NumFlat, l.Flat, n, want.Flat)
		}
	}
	for _, f := range o.Functions {
		ft := &types.Func{Result: f.Result.of}
		for i, p := range f.Params {
			ft.Params = append(ft.Params, types.Param{Name: fmt.Sprint("p", i), Type: p.of})
		}
		for name, core := range map[string]struct {
			of   func(*types.Func) (params, results []layout.CoreType)
			want [2][]string
		}{"lift": {layout.NewCache().CoreLift, f.Lift}, "lower": {layout.NewCache().CoreLower, f.Lower}} {
			params, results := core.of(ft)
			if got := [2][]string{coreNames(params), coreNames(results)}; !reflect.DeepEqual(got, core.want) {
				t.Errorf("%s of %s: core signature %v, want %v", name, ft, got, core.want)
			}
		}
	}
}

// TestOracleVectors lifts every vector, compares the value, and lowers it: from a
// value, and from memory to memory. Where there is a typed codec of the type,
// what it lifts and stores is compared with what the dynamic one does.
func TestOracleVectors(t *testing.T) {
	testOracle(t, loadOracle(t, "testdata/vectors.json"))
}

// TestOracleTrace runs what testdata/vectors.py --trace wrote: the vectors of
// the specification's own tests.
func TestOracleTrace(t *testing.T) {
	file := os.Getenv("WASINN_ABI_TRACE")
	if file == "" {
		t.Skip("WASINN_ABI_TRACE names no file: testdata/vectors.py --trace writes one from a checkout of the specification")
	}
	testOracle(t, loadOracle(t, file))
}

func testOracle(t *testing.T, o oracle) {
	typed, used := map[string]fuzzCase{}, map[string]bool{}
	for _, c := range fuzzCases() {
		typed[c.typ.String()] = c
	}
	for i, v := range o.Vectors {
		name := fmt.Sprintf("vector %d, %s in %s of %v", i, v.Type.of, v.Encoding, v.Flat)
		c, ok := typed[v.Type.of.String()]
		if used[v.Type.of.String()] = ok; ok {
			v.checkTyped(t, name, c)
		}
		v.check(t, name)
	}
	both := 0
	for _, ok := range used {
		if ok {
			both++
		}
	}
	t.Logf("%d vectors of %d types, %d with typed codecs", len(o.Vectors), len(used), both)
}

func (v *oracleVector) memory(t *testing.T) []byte {
	mem, err := hex.DecodeString(v.Memory)
	if err != nil {
		t.Fatal(err)
	}
	return append(mem, make([]byte, v.Size-len(mem))...)
}

func (v *oracleVector) flat(t *testing.T) []uint64 {
	out := make([]uint64, len(v.Flat))
	for i, s := range v.Flat {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatal(err)
		}
		out[i] = n
	}
	return out
}

// check lifts the vector by the dynamic codec.
func (v *oracleVector) check(t *testing.T, name string) {
	c := mustCompile(t, v.Type.of)
	cx := testContext(&heap{mem: v.memory(t)}, encodings[v.Encoding])
	got, err := liftFlatValues(cx, c, c.Flat() > layout.MaxFlatParams, &CoreValues{vs: v.flat(t)})
	switch {
	case v.Trap && trapKind(err) == 0:
		t.Errorf("%s: lifted %v, error %v; want a trap", name, got, err)
	case !v.Trap && err != nil:
		t.Errorf("%s: %v, want %v", name, err, v.Value)
	case !v.Trap && !reflect.DeepEqual(plainValue(got), v.Value):
		t.Errorf("%s: lifted %v, want %v", name, plainValue(got), v.Value)
	}
	if v.Trap || err != nil {
		return
	}
	for to, want := range v.To {
		v.checkLowered(t, name+" from a value to "+to, c, got, to, want)
		v.checkMoved(t, name+" moved to "+to, c, to, want)
	}
}

// lowered is what the oracle calls an image.
func lowered(h *heap, vals *CoreValues) oracleImage {
	im := oracleImage{Flat: []string{}, Memory: hex.EncodeToString(bytes.TrimRight(h.mem, "\x00")), Reallocs: h.log}
	for _, n := range vals.vs[:vals.i] {
		im.Flat = append(im.Flat, fmt.Sprint(n))
	}
	if im.Reallocs == nil {
		im.Reallocs = []string{}
	}
	return im
}

// checkLowered lowers a value. Values have their strings in utf8, so that
// realloc is called as for those that come from there.
func (v *oracleVector) checkLowered(t *testing.T, name string, c Codec[val], got val, to string, want oracleImage) {
	h := newHeap(oracleHeap)
	h.last = oracleStart
	cx := testContext(h, encodings[to])
	vals := &CoreValues{vs: make([]uint64, layout.MaxFlatParams)}
	spilled := c.Flat() > layout.MaxFlatParams
	if err := lowerParams(cx, c, spilled, got, vals); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if v.Encoding == "utf8" {
		if im := lowered(h, vals); !reflect.DeepEqual(im, want) {
			t.Errorf("%s: lowered to\n%v, want\n%v", name, im, want)
		}
		return
	}
	again, err := liftFlatValues(cx, c, spilled, &CoreValues{vs: vals.vs[:vals.i]})
	if err != nil || !reflect.DeepEqual(plainValue(again), v.Value) {
		t.Errorf("%s: lifted again to %v, error %v; want %v", name, plainValue(again), err, v.Value)
	}
}

// checkMoved moves the value as a call between components does.
func (v *oracleVector) checkMoved(t *testing.T, name string, c Codec[val], to string, want oracleImage) {
	sig := NewSignature(&types.Func{Params: params("p", c.Type())}, nil)
	f, err := newFused(sig, sig)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	h := newHeap(oracleHeap)
	h.last = oracleStart
	vals := &CoreValues{vs: make([]uint64, layout.MaxFlatParams)}
	src, dst := testContext(&heap{mem: v.memory(t)}, encodings[v.Encoding]), testContext(h, encodings[to])
	if err := f.moveParams(src, &CoreValues{vs: v.flat(t)}, dst, vals); err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	im := lowered(h, vals)
	if reflect.DeepEqual(im, want) {
		return
	}
	// The oracle's NaNs are canonical. What moves keeps its bits, as the
	// specification allows; the value is the same.
	again, err := liftFlatValues(dst, c, c.Flat() > layout.MaxFlatParams, &CoreValues{vs: vals.vs[:vals.i]})
	if !hasNaN(v.Value) || err != nil || !reflect.DeepEqual(plainValue(again), v.Value) {
		t.Errorf("%s: moved to\n%v, want\n%v", name, im, want)
	}
}

// hasNaN tells whether a value as plainValue returns it may have a NaN.
func hasNaN(v any) bool {
	if list, ok := v.([]any); ok {
		return slices.ContainsFunc(list, hasNaN)
	}
	return v == fmt.Sprint(canonicalNaN32) || v == fmt.Sprint(uint64(canonicalNaN64))
}

// checkTyped compares the typed codec with the dynamic one, with and without views.
func (v *oracleVector) checkTyped(t *testing.T, name string, c fuzzCase) {
	e := encodings[v.Encoding]
	for _, views := range []bool{false, true} {
		typed := c.typed(v.memory(t), v.flat(t), e, views)
		dynamic := outcome(c.compiled, v.memory(t), v.flat(t), e, views)
		if typed != dynamic {
			t.Errorf("%s, views %t\ntyped   %s\ndynamic %s", name, views, typed, dynamic)
		}
	}
}

// TestOracleHandles lifts and lends the handles of a table and lowers another.
func TestOracleHandles(t *testing.T) {
	for _, h := range loadOracle(t, "testdata/vectors.json").Handles {
		cx, _ := fuzzContext(nil, UTF8, false)
		rt := cx.Inst.ResourceType(fuzzResource)
		var reps []uint32
		var err error
		for i, kind := range h.Kinds {
			lift := cx.liftOwn
			if kind == "borrow" {
				lift = cx.liftBorrow
			}
			var rep uint32
			if rep, err = lift(h.Indices[i], rt); err != nil {
				reps = nil
				break
			}
			reps = append(reps, rep)
		}
		if !reflect.DeepEqual(reps, h.Reps) || (err == nil) != (h.Reps != nil) {
			t.Errorf("%v of %v: %v, error %v; want %v", h.Kinds, h.Indices, reps, err, h.Reps)
			continue
		}
		if err != nil {
			continue
		}
		if n := cx.Inst.NumHandles(); n != h.Left {
			t.Errorf("%v of %v: %d handles are left, want %d", h.Kinds, h.Indices, n, h.Left)
		}
		if index, err := cx.lowerOwn(7, rt); err != nil || index != h.Lowered {
			t.Errorf("%v of %v: an own is lowered to %d, error %v; want %d", h.Kinds, h.Indices, index, err, h.Lowered)
		}
	}
}
