package abi

import (
	"context"
	"sync"

	"github.com/wasinn/wasinn/component/abi/layout"
	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

// Signature is a function's type with what the canonical ABI makes of it. It is
// made once and shared by every instance; its dynamic codecs are compiled when
// they are first asked for.
type Signature struct {
	typ     *types.Func
	layout  layout.Func
	resolve func(*types.Resource) *types.Resource

	once   sync.Once
	params *dynFields
	result dynCodec
	err    error
}

// NewSignature returns the signature of ft. resolve is as for [Compile], and
// must be safe for concurrent use.
func NewSignature(ft *types.Func, resolve func(*types.Resource) *types.Resource) *Signature {
	return &Signature{typ: ft, layout: layout.NewCache().FuncOf(ft), resolve: resolve}
}

// Type is the function's type.
func (s *Signature) Type() *types.Func { return s.typ }

// codecs compiles the dynamic codecs.
func (s *Signature) codecs() (params *dynFields, result dynCodec, err error) {
	s.once.Do(s.compile)
	return s.params, s.result, s.err
}

func (s *Signature) compile() {
	p := newCompiler(s.resolve)
	names := make([]string, len(s.typ.Params))
	ts := make([]types.ValType, len(s.typ.Params))
	for i, q := range s.typ.Params {
		names[i], ts[i] = q.Name, q.Type
	}
	if s.params, s.err = p.fields(nil, names, ts, 0); s.err != nil {
		return
	}
	s.params.step = AtParam
	s.result, s.err = p.compile(s.typ.Result, 0)
}

// CallDynamic calls f with dynamic values and copies its result, nil when it
// has none, out of guest memory. Errors are as for [CallFunc]; arguments are
// checked as they are lowered.
func CallDynamic(ctx context.Context, f *Func, args []value.Value) (value.Value, error) {
	params, result, err := f.sig.codecs()
	if err != nil {
		return nil, AtCall(err, f.name)
	}
	if err := params.checkLen(len(args)); err != nil {
		return nil, AtCall(err, f.name)
	}
	return CallFunc[[]value.Value, value.Value](ctx, f, params, result, args)
}

// LowerDynamic is canon lower for a function of the host that works on dynamic
// values. Lists of bytes and strings may be views of guest memory, as for
// [CanonLower].
func LowerDynamic(sig *Signature, fn func(c *Call, args []value.Value) (value.Value, error)) (HostFunc, error) {
	params, result, err := sig.codecs()
	if err != nil {
		return nil, err
	}
	return CanonLower[[]value.Value, value.Value](params, result, fn), nil
}

// CheckFunc checks that params and result are codecs of f's type: once, before
// calls with [CallFunc]. Resources are compared as f's instance resolves them.
func CheckFunc[P, R any](f *Func, params Codec[P], result Codec[R]) error {
	same := func(a, b *types.Resource) bool {
		if f.sig.resolve != nil {
			b = f.sig.resolve(b)
		}
		if a == b {
			return true
		}
		rt := f.inst.ResourceType(b)
		return rt != nil && rt.Type == a
	}
	have := FuncType(params, result)
	have.Async = f.sig.typ.Async
	if !types.FuncEqualFunc(have, f.sig.typ, same) {
		return trapf(TrapInvalidValue, "%s is %s; it is called as %s", f.name, f.sig.typ, have)
	}
	return nil
}
