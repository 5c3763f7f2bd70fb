package link

import (
	"github.com/wasinn/wasinn/component/internal/decode"
	"github.com/wasinn/wasinn/component/types"
)

// primitives maps binary codes to types.
var primitives = map[decode.PrimType]types.Primitive{
	decode.PrimBool: types.Bool, decode.PrimS8: types.S8, decode.PrimU8: types.U8,
	decode.PrimS16: types.S16, decode.PrimU16: types.U16, decode.PrimS32: types.S32,
	decode.PrimU32: types.U32, decode.PrimS64: types.S64, decode.PrimU64: types.U64,
	decode.PrimF32: types.F32, decode.PrimF64: types.F64, decode.PrimChar: types.Char,
	decode.PrimString: types.String, decode.PrimErrorContext: types.ErrorContext,
}

// defType evaluates a type definition to an entry of the type index space.
func (b *builder) defType(f *frame, d decode.DefType) any {
	switch d := d.(type) {
	case decode.PrimType:
		return types.ValType(primitives[d])
	case *decode.Record:
		b.spend(len(d.Fields))
		t := &types.Record{Fields: make([]types.Field, len(d.Fields))}
		for i, x := range d.Fields {
			t.Fields[i] = types.Field{Name: x.Label, Type: b.valType(f, x.Type)}
		}
		return t
	case *decode.Variant:
		b.spend(len(d.Cases))
		t := &types.Variant{Cases: make([]types.Case, len(d.Cases))}
		for i, x := range d.Cases {
			t.Cases[i] = types.Case{Name: x.Label, Type: b.optional(f, x.Type)}
		}
		return t
	case *decode.List:
		return &types.List{Elem: b.valType(f, d.Elem), Length: d.Length}
	case *decode.Map:
		return &types.Map{Key: b.valType(f, d.Key), Value: b.valType(f, d.Value)}
	case *decode.Tuple:
		b.spend(len(d.Elems))
		t := &types.Tuple{Elems: make([]types.ValType, len(d.Elems))}
		for i, x := range d.Elems {
			t.Elems[i] = b.valType(f, x)
		}
		return t
	case *decode.Flags:
		return &types.Flags{Labels: d.Labels}
	case *decode.Enum:
		return &types.Enum{Labels: d.Labels}
	case *decode.Option:
		return &types.Option{Elem: b.valType(f, d.Elem)}
	case *decode.Result:
		return &types.Result{OK: b.optional(f, d.OK), Err: b.optional(f, d.Err)}
	case *decode.Own:
		return &types.Own{Resource: f.space[decode.SortType][d.Resource].(*types.Resource)}
	case *decode.Borrow:
		return &types.Borrow{Resource: f.space[decode.SortType][d.Resource].(*types.Resource)}
	case *decode.Stream:
		return &types.Stream{Elem: b.optional(f, d.Elem)}
	case *decode.Future:
		return &types.Future{Elem: b.optional(f, d.Elem)}
	case *decode.Func:
		return b.funcType(f, d)
	case *decode.ComponentType, *decode.InstanceType:
		return &typeClosure{def: d, scope: f}
	case *decode.ResourceType:
		return b.resourceType(f, d)
	}
	b.fail("unknown type definition %T", d)
	return nil
}

func (b *builder) funcType(f *frame, d *decode.Func) *types.Func {
	b.spend(len(d.Params))
	t := &types.Func{Params: make([]types.Param, len(d.Params)), Result: b.optional(f, d.Result), Async: d.Async}
	for i, p := range d.Params {
		t.Params[i] = types.Param{Name: p.Label, Type: b.valType(f, p.Type)}
	}
	return t
}

// resourceType makes a new resource type, another one in each instance.
func (b *builder) resourceType(f *frame, d *decode.ResourceType) *types.Resource {
	r := Resource{Type: &types.Resource{}, Instance: f.inst}
	if d.Dtor != nil {
		r.Dtor, r.HasDtor = f.space[decode.SortCoreFunc][*d.Dtor].(CoreItem), true
	}
	return b.addResource(r)
}

func (b *builder) valType(f *frame, t decode.ValType) types.ValType {
	if t.Prim != 0 {
		return primitives[t.Prim]
	}
	return f.space[decode.SortType][t.Index].(types.ValType)
}

// optional evaluates a type that may be absent.
func (b *builder) optional(f *frame, t *decode.ValType) types.ValType {
	if t == nil {
		return nil
	}
	return b.valType(f, *t)
}
