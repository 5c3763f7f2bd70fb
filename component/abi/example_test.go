package abi_test

import (
	"context"
	"fmt"

	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/component/types"
	"github.com/wasinn/wasinn/component/value"
)

// A host function is written on Go types. The strings and lists of its
// parameters are views of the guest's memory.
func ExampleCanonLower() {
	type greetParams struct {
		Name  string
		Times uint8
	}
	params := abi.Params(
		abi.FieldOf("name", abi.String, func(p *greetParams) *string { return &p.Name }),
		abi.FieldOf("times", abi.U8, func(p *greetParams) *uint8 { return &p.Times }),
	)
	greet := abi.CanonLower(params, abi.Bool, func(c *abi.Call, p greetParams) (bool, error) {
		for range p.Times {
			fmt.Println("hello,", p.Name)
		}
		return p.Times > 0, nil
	})
	fmt.Println(abi.FuncType(params, abi.Bool))

	// What the engine does when a guest calls it:
	store := abi.NewStore(abi.Limits{})
	memory := []byte("....guest....")
	opts := &abi.CanonicalOptions{Memory: &memory}
	stack := []uint64{4, 5, 2}
	call := store.AcquireCall()
	call.Init(context.Background(), opts, abi.NewInstance(store, nil, "guest"), stack)
	err := greet(call)
	store.ReleaseCall(call)
	fmt.Println(stack[0], err)
	// Output:
	// func(name: string, times: u8) -> bool
	// hello, guest
	// hello, guest
	// 1 <nil>
}

// A guest's function can be called without Go types of its own.
func ExampleCallDynamic() {
	ft := &types.Func{Params: []types.Param{{Name: "a", Type: types.U32}, {Name: "b", Type: types.U32}}, Result: types.U32}
	core := abi.CoreFuncOf(func(_ context.Context, stack []uint64) error { // a guest, here in Go
		stack[0] = uint64(uint32(stack[0]) + uint32(stack[1]))
		return nil
	})
	inst := abi.NewInstance(abi.NewStore(abi.Limits{}), nil, "guest")
	add := abi.NewFunc("add", abi.NewSignature(ft, nil), core, abi.CanonicalOptions{}, inst)
	fmt.Println(abi.CallDynamic(context.Background(), add, []value.Value{uint32(40), uint32(2)}))
	fmt.Println(abi.CallDynamic(context.Background(), add, []value.Value{uint32(40), "two"}))
	// Output:
	// 42 <nil>
	// <nil> call add: param "b": found a string, expected u32
}
