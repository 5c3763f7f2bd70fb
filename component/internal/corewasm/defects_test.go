package corewasm

import (
	"context"
	"math/rand/v2"
	"runtime"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
)

// The tests of this file hold wazero's defects as this package works around
// them. One that fails after an update of wazero tells that its work-around can
// go; each names the place.

func plainRuntime(t *testing.T) wazero.Runtime {
	t.Helper()
	r := wazero.NewRuntimeWithConfig(t.Context(), wazero.NewRuntimeConfigInterpreter())
	t.Cleanup(func() { r.Close(context.Background()) })
	return r
}

// countingMemory counts how often wazero frees it.
type countingMemory struct {
	buf   []byte
	freed *int
}

func (m *countingMemory) Reallocate(size uint64) []byte { return m.buf[:size] }
func (m *countingMemory) Free()                         { *m.freed++ }

// Work-around: Memory.Free does nothing; Space.Close recycles (wazero #2512).
func TestDefectClosingAnImporterFreesAnothersMemory(t *testing.T) {
	ctx := t.Context()
	r := plainRuntime(t)
	freed := 0
	alloc := experimental.WithMemoryAllocator(ctx, experimental.MemoryAllocatorFunc(func(uint64, uint64) experimental.LinearMemory {
		return &countingMemory{make([]byte, 4*PageSize), &freed}
	}))
	owner, err := r.InstantiateWithConfig(alloc, module(sec(5, "\x01\x00\x01"), sec(7, "\x01", "\x01m\x02\x00")), wazero.NewModuleConfig().WithName("owner"))
	if err != nil {
		t.Fatal(err)
	}
	defer owner.Close(ctx)
	importer, err := r.InstantiateWithConfig(ctx, module(sec(2, "\x01", "\x05owner", "\x01m", "\x02\x00\x01")), wazero.NewModuleConfig().WithName("importer"))
	if err != nil {
		t.Fatal(err)
	}
	importer.Close(ctx)
	if freed == 0 {
		t.Error("closing an importer no longer frees the memory of its owner: Memory.Free may do its work")
	}
}

// Work-around: Space.Instantiate compares minimums with the limit first.
func TestDefectARefusedMemoryPanics(t *testing.T) {
	r := plainRuntime(t)
	ctx := experimental.WithMemoryAllocator(t.Context(), experimental.MemoryAllocatorFunc(func(uint64, uint64) experimental.LinearMemory {
		return refusing{}
	}))
	defer func() {
		if recover() == nil {
			t.Error("a refused memory no longer panics: Space.Instantiate need not compare minimums first")
		}
	}()
	r.Instantiate(ctx, module(sec(5, "\x01\x00\x01")))
}

type refusing struct{}

func (refusing) Reallocate(uint64) []byte { return nil }
func (refusing) Free()                    {}

// Work-around: corebin.Rewrite renames every import.
func TestDefectEmptyModuleNamesAreRefused(t *testing.T) {
	r := plainRuntime(t)
	ctx := experimental.WithImportResolver(t.Context(), nil)
	m, err := r.CompileModule(ctx, module(typeSection, sec(2, "\x01", "\x00", "\x01f", "\x00\x00")))
	if err == nil {
		_, err = r.InstantiateModule(ctx, m, wazero.NewModuleConfig())
	}
	if err == nil || !strings.Contains(err.Error(), "module") {
		t.Errorf("importing from the module named \"\" gives %v: names need no rewriting for its sake", err)
	}
}

// Work-around: corebin compares counts with the bytes that remain, before
// wazero sees the module.
func TestDefectMemoryIsReservedForWhateverASectionClaims(t *testing.T) {
	r := plainRuntime(t)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	_, err := r.CompileModule(t.Context(), module(sec(11, "\x80\x80\x40"))) // 2^20 data segments in no byte
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; err == nil || got < 16<<20 {
		t.Errorf("a section that claims 2^20 items takes %d bytes, %v: counts need no check before wazero", got, err)
	}
}

// No work-around: elements that do not fit their table are left out, where
// instantiation has to trap. Nothing is written outside of the table.
func TestDefectElementsOutsideOfTheirTableDoNotTrap(t *testing.T) {
	r := plainRuntime(t)
	wasm := module(typeSection, sec(3, "\x01\x00"), sec(4, "\x01\x70\x00\x00"), // a table of no element
		sec(9, "\x01\x00\x41\x00\x0b\x01\x00"), sec(10, "\x01\x02\x00\x0b"))
	if _, err := r.Instantiate(t.Context(), wasm); err != nil {
		t.Errorf("elements outside of their table trap: %v", err)
	}
}

// Work-around: corebin.Rewrite checks what constant expressions read.
func TestDefectConstantExpressionsReadMutableGlobals(t *testing.T) {
	r := plainRuntime(t)
	wasm := module(sec(2, "\x01", "\x03env", "\x01g", "\x03\x7f\x01"), sec(5, "\x01\x00\x01"), sec(11, "\x01\x00\x23\x00\x0b\x00"))
	if _, err := r.CompileModule(t.Context(), wasm); err != nil {
		t.Errorf("a constant expression that reads a mutable global is refused, %v: Rewrite need not check", err)
	}
}

// Work-around: instances are made with a random source of ours, which is not
// seeded anew for each.
func TestDefectEveryInstanceSeedsARandomSource(t *testing.T) {
	r := plainRuntime(t)
	m, err := r.CompileModule(t.Context(), module())
	if err != nil {
		t.Fatal(err)
	}
	size := func(cfg wazero.ModuleConfig) uint64 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range 20 {
			i, err := r.InstantiateModule(t.Context(), m, cfg.WithName(""))
			if err != nil {
				t.Fatal(err)
			}
			i.Close(t.Context())
		}
		runtime.ReadMemStats(&after)
		return (after.TotalAlloc - before.TotalAlloc) / 20
	}
	plain, ours := size(wazero.NewModuleConfig()), size(wazero.NewModuleConfig().WithRandSource(zeroReader{}))
	if plain < ours+2048 {
		t.Errorf("an instance takes %d bytes, with a random source given %d: none needs to be given", plain, ours)
	}
}

type zeroReader struct{}

func (zeroReader) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = byte(rand.Uint32())
	}
	return len(b), nil
}
