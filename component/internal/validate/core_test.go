package validate

import (
	"errors"
	"math"
	"testing"

	"github.com/wasinn/wasinn/component/internal/corebin"
)

func limits(from, to uint64) corebin.Limits {
	return corebin.Limits{Min: from, Max: to, HasMax: to != math.MaxUint64}
}

const noMax = math.MaxUint64

func coreMemory(l corebin.Limits) corebin.Extern {
	return corebin.Extern{Kind: corebin.ExternMemory, Memory: corebin.MemoryType{Limits: l, PageSizeLog2: 16}}
}

func coreTable(elem corebin.ValType, l corebin.Limits) corebin.Extern {
	return corebin.Extern{Kind: corebin.ExternTable, Table: corebin.TableType{Elem: elem, Limits: l}}
}

func coreGlobal(t corebin.ValType, mutable bool) corebin.Extern {
	return corebin.Extern{Kind: corebin.ExternGlobal, Global: corebin.GlobalType{Type: t, Mutable: mutable}}
}

func TestCoreSubtypes(t *testing.T) {
	f := corebin.Extern{Kind: corebin.ExternFunc, Func: coreFunc(1, 0)}
	shared := limits(1, 2)
	shared.Shared = true
	tests := []struct {
		name string
		a, b corebin.Extern
		want string
	}{
		{"equal functions", f, corebin.Extern{Kind: corebin.ExternFunc, Func: coreFunc(1, 0)}, ""},
		{"other parameters", f, corebin.Extern{Kind: corebin.ExternFunc, Func: coreFunc(2, 0)}, "found a func func(i32) -> (), expected func(i32, i32) -> ()"},
		{"a function for a memory", f, coreMemory(limits(1, noMax)), "found a func, expected a memory"},
		{"a larger memory", coreMemory(limits(2, 3)), coreMemory(limits(1, 4)), ""},
		{"a smaller memory", coreMemory(limits(1, noMax)), coreMemory(limits(2, noMax)), "found a minimum of 1, expected 2 at least"},
		{"a memory without a maximum", coreMemory(limits(1, noMax)), coreMemory(limits(1, 2)), "found no maximum, expected 2 at most"},
		{"a memory with a larger maximum", coreMemory(limits(1, 3)), coreMemory(limits(1, 2)), "found a maximum of 3, expected 2 at most"},
		{"a shared memory", coreMemory(shared), coreMemory(limits(1, 2)), "one is shared, the other is not"},
		{"a table of other references", coreTable(corebin.ExternRef, limits(1, noMax)), coreTable(corebin.FuncRef, limits(1, noMax)),
			"found a table of externref, expected one of funcref"},
		{"a table", coreTable(corebin.FuncRef, limits(1, noMax)), coreTable(corebin.FuncRef, limits(0, noMax)), ""},
		{"a mutable global for an immutable one", coreGlobal(corebin.I32, true), coreGlobal(corebin.I32, false), "found a global (mut i32), expected i32"},
		{"an equal global", coreGlobal(corebin.I64, true), coreGlobal(corebin.I64, true), ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := text((&validator{steps: 100}).subtypeCore(test.a, test.b)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestMemoryLimits(t *testing.T) {
	is64 := limits(1<<47, noMax)
	is64.Is64 = true
	shared := limits(1, noMax)
	shared.Shared = true
	tests := []struct {
		name string
		in   corebin.MemoryType
		want string
	}{
		{"4 GiB", corebin.MemoryType{Limits: limits(1<<16, 1<<16), PageSizeLog2: 16}, ""},
		{"more than 4 GiB", corebin.MemoryType{Limits: limits(70000, noMax), PageSizeLog2: 16}, "minimum of 70000 pages, at most 65536 are possible"},
		{"a maximum of more than 4 GiB", corebin.MemoryType{Limits: limits(1, 70000), PageSizeLog2: 16}, "maximum of 70000 pages, at most 65536 are possible"},
		{"a maximum below the minimum", corebin.MemoryType{Limits: limits(2, 1), PageSizeLog2: 16}, "minimum of 2 pages is more than the maximum of 1"},
		{"64 bits", corebin.MemoryType{Limits: is64, PageSizeLog2: 16}, ""},
		{"pages of a byte", corebin.MemoryType{Limits: limits(1<<32, noMax)}, ""},
		{"pages of another size", corebin.MemoryType{PageSizeLog2: 12}, "page size 2^12, expected 2^0 or 2^16"},
		{"shared without a maximum", corebin.MemoryType{Limits: shared, PageSizeLog2: 16}, "a shared memory has a maximum, found none"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := text((&validator{features: AllFeatures()}).memoryType(test.in)); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestCoreGates(t *testing.T) {
	one := corebin.MemoryType{PageSizeLog2: 16}
	shared := corebin.MemoryType{PageSizeLog2: 16, Limits: corebin.Limits{HasMax: true, Shared: true}}
	tests := map[string]*corebin.Module{
		"multi-memory":                           {Memories: []corebin.MemoryType{one, one}},
		"threads":                                {Memories: []corebin.MemoryType{shared}},
		"custom page sizes":                      {Memories: []corebin.MemoryType{{CustomPageSize: true}}},
		"garbage collection":                     {Types: []corebin.Type{{Kind: corebin.KindStruct}}},
		"typed references or garbage collection": {Globals: []corebin.GlobalType{{Type: 0x64 | 0x70<<8}}},
		"exception handling":                     {Tags: []uint32{0}},
	}
	for feature, m := range tests {
		err := (&validator{}).coreFeatures(m)
		if g, ok := errors.AsType[*Gated](err); !ok || g.Feature != feature {
			t.Errorf("%s: got %v", feature, err)
		}
		if err := (&validator{features: AllFeatures()}).coreFeatures(m); err != nil {
			t.Errorf("%s: refused with every feature on: %v", feature, err)
		}
	}
}
