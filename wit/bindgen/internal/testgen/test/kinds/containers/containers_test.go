package containers

import (
	"bytes"
	"context"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/wit/bindgen/internal/loop"
	"github.com/wasinn/wasinn/wit/bindgen/internal/testgen/test/kinds/records"
)

var slot component.Slot[Host]

type host struct{}

func (host) Transpose(_ context.Context, m Matrix) (Matrix, error) {
	var out Matrix
	for i := range m {
		for j, v := range m[i] {
			if i == 0 {
				out = append(out, nil)
			}
			out[j] = append(out[j], v)
		}
	}
	return out, nil
}

func (host) Join(_ context.Context, parts []Blob) (Blob, error) { return bytes.Join(parts, nil), nil }

func (host) Find(_ context.Context, names []string, name string) (abi.Option[uint32], error) {
	if i := slices.Index(names, name); i >= 0 {
		return abi.Some(uint32(i)), nil
	}
	return abi.Option[uint32]{}, nil
}

func (host) Nested(_ context.Context, v abi.Option[abi.Option[uint8]]) (abi.Result[abi.Option[uint8], string], error) {
	if !v.Some {
		return abi.Err[abi.Option[uint8]]("none"), nil
	}
	return abi.OK[abi.Option[uint8], string](v.Value), nil
}

func (host) Outcome(_ context.Context, v abi.Result[uint64, float32]) (abi.Result[abi.Unit, abi.Unit], error) {
	return abi.Result[abi.Unit, abi.Unit]{IsErr: v.IsErr || v.OK != 1<<40}, nil
}

func (host) OnlyError(_ context.Context, fail bool) (abi.Result[abi.Unit, string], error) {
	if fail {
		return abi.Err[abi.Unit]("as asked"), nil
	}
	return abi.Result[abi.Unit, string]{}, nil
}

func (host) OnlyOk(_ context.Context, fail bool) (abi.Result[uint32, abi.Unit], error) {
	return abi.Result[uint32, abi.Unit]{OK: 7, IsErr: fail}, nil
}

func (host) Swap(_ context.Context, p abi.Tuple2[uint8, string]) (abi.Tuple2[string, uint8], error) {
	return abi.Tuple2[string, uint8]{F0: strings.Clone(p.F1), F1: p.F0}, nil
}

func (host) Eight(_ context.Context, p abi.Tuple8[uint8, uint16, uint32, uint64, int8, int16, int32, int64]) (abi.Tuple1[records.Place], error) {
	sum := int64(p.F0) + int64(p.F1) + int64(p.F2) + int64(p.F3) + int64(p.F4) + int64(p.F5) + int64(p.F6) + p.F7
	return abi.Tuple1[records.Place]{F0: records.Place{X: int32(sum), Name: "sum"}}, nil
}

// through calls a function by way of the guest and compares what comes back.
func through[P, R any](name string, fn func(component.Slot[Host]) abi.HostFunc, params abi.Codec[P], result abi.Codec[R], p P, want R) func(*testing.T) {
	return func(t *testing.T) {
		t.Run(name, func(t *testing.T) {
			got, err := loop.Through(loop.New(1<<12, Host(host{})), fn(slot), params, result, p)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, want) {
				t.Errorf("got %+v, want %+v", got, want)
			}
		})
	}
}

func TestContainersPassThroughTheABI(t *testing.T) {
	type option = abi.Option[abi.Option[uint8]]
	type nested = abi.Result[abi.Option[uint8], string]
	for _, test := range []func(*testing.T){
		through("lists of lists", lowerTranspose, transposeParamsCodec, listOfListF32,
			transposeParams{Matrix{{1, 2, 3}, {4, 5, 6}}}, [][]float32{{1, 4}, {2, 5}, {3, 6}}),
		through("lists of bytes", lowerJoin, joinParamsCodec, abi.Bytes,
			joinParams{[]Blob{[]byte("ab"), nil, []byte("c")}}, []byte("abc")),
		through("lists of strings, found", lowerFind, findParamsCodec, optionOfU32,
			findParams{[]string{"one", "", "two"}, "two"}, abi.Some[uint32](2)),
		through("lists of strings, not found", lowerFind, findParamsCodec, optionOfU32,
			findParams{nil, "two"}, abi.Option[uint32]{}),
		through("none", lowerNested, nestedParamsCodec, resultOfOptionU8OrString,
			nestedParams{option{}}, nested{Err: "none", IsErr: true}),
		through("some of none", lowerNested, nestedParamsCodec, resultOfOptionU8OrString,
			nestedParams{abi.Some(abi.Option[uint8]{})}, nested{}),
		through("some of some", lowerNested, nestedParamsCodec, resultOfOptionU8OrString,
			nestedParams{abi.Some(abi.Some[uint8](9))}, nested{OK: abi.Some[uint8](9)}),
		through("a result with payloads of two widths, ok", lowerOutcome, outcomeParamsCodec, resultOfNoneOrNone,
			outcomeParams{abi.OK[uint64, float32](1 << 40)}, abi.Result[abi.Unit, abi.Unit]{}),
		through("a result with payloads of two widths, err", lowerOutcome, outcomeParamsCodec, resultOfNoneOrNone,
			outcomeParams{abi.Err[uint64](float32(1.5))}, abi.Result[abi.Unit, abi.Unit]{IsErr: true}),
		through("a result with an error only", lowerOnlyError, onlyErrorParamsCodec, resultOfNoneOrString,
			onlyErrorParams{true}, abi.Err[abi.Unit]("as asked")),
		through("a result without an ok payload", lowerOnlyError, onlyErrorParamsCodec, resultOfNoneOrString,
			onlyErrorParams{false}, abi.Result[abi.Unit, string]{}),
		through("a result without an error payload", lowerOnlyOk, onlyOkParamsCodec, resultOfU32OrNone,
			onlyOkParams{false}, abi.Result[uint32, abi.Unit]{OK: 7}),
		through("tuples", lowerSwap, swapParamsCodec, tupleOfStringU8,
			swapParams{abi.Tuple2[uint8, string]{F0: 3, F1: "three"}}, abi.Tuple2[string, uint8]{F0: "three", F1: 3}),
		through("a tuple of every integer", lowerEight, eightParamsCodec, tupleOfPlace,
			eightParams{abi.Tuple8[uint8, uint16, uint32, uint64, int8, int16, int32, int64]{F0: 1, F1: 2, F2: 3, F3: 4, F4: -5, F5: -6, F6: -7, F7: -8}},
			abi.Tuple1[records.Place]{F0: records.Place{X: -16, Name: "sum"}}),
	} {
		test(t)
	}
}
