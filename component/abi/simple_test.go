package abi

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/wasinn/wasinn/component/types"
)

// TestBoundFunctionsKeepTheRules: calls of simple functions go by a way of their own once
// their core functions are known; whatever goes wrong, it ends as by the
// general way.
func TestBoundFunctionsKeepTheRules(t *testing.T) {
	type fault func(g *guest, core *func(context.Context, []uint64) error)
	replace := func(at **CoreFunc, f func(context.Context, []uint64) error) {
		(*at).first = handleFunc(f)
	}
	for _, tt := range []struct {
		name  string
		text  string
		fault fault
	}{
		{"nothing", "fine", func(*guest, *func(context.Context, []uint64) error) {}},
		{"an empty string", "", func(*guest, *func(context.Context, []uint64) error) {}},
		{"a string that is not utf-8", "a\xff", func(*guest, *func(context.Context, []uint64) error) {}},
		{"realloc traps", "x", func(g *guest, _ *func(context.Context, []uint64) error) { replace(&g.opts.Realloc, coreTrap) }},
		{"realloc returns the end of the address space", "x", func(g *guest, _ *func(context.Context, []uint64) error) {
			replace(&g.opts.Realloc, func(_ context.Context, s []uint64) error { s[0] = 0xffffffff; return nil })
		}},
		{"the guest traps", "x", func(_ *guest, core *func(context.Context, []uint64) error) { *core = coreTrap }},
		{"the result lies outside memory", "x", func(_ *guest, core *func(context.Context, []uint64) error) {
			*core = func(_ context.Context, s []uint64) error { s[0] = 1 << 31; return nil }
		}},
		{"the result's pointer is odd", "x", func(_ *guest, core *func(context.Context, []uint64) error) {
			*core = func(_ context.Context, s []uint64) error { s[0] = 7; return nil }
		}},
		{"the result is not utf-8", "x", func(g *guest, core *func(context.Context, []uint64) error) {
			*core = func(_ context.Context, s []uint64) error {
				copy(g.mem[64:], "\x48\x00\x00\x00\x01\x00\x00\x00\xff")
				s[0] = 64
				return nil
			}
		}},
		{"post-return traps", "x", func(g *guest, _ *func(context.Context, []uint64) error) { replace(&g.opts.PostReturn, coreTrap) }},
		{"post-return calls out", "x", func(g *guest, _ *func(context.Context, []uint64) error) {
			replace(&g.opts.PostReturn, func(context.Context, []uint64) error {
				_, err := g.call(CanonLower(None, None, func(*Call, Unit) (u Unit, err error) { return }))
				return err
			})
		}},
		{"realloc calls out", "x", func(g *guest, _ *func(context.Context, []uint64) error) {
			replace(&g.opts.Realloc, func(context.Context, []uint64) error {
				_, err := g.call(CanonLower(None, None, func(*Call, Unit) (u Unit, err error) { return }))
				return err
			})
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// Bound and unbound, each in a guest of its own.
			outcome := func(call func(f *Func, text string) (string, error)) (results [3]string, poisoned bool) {
				g := newGuest(NewStore(Limits{}), nil, "g")
				core := g.coreEcho
				run := func(ctx context.Context, s []uint64) error { return core(ctx, s) }
				shared := CoreFuncOf(run).core
				of := func(f func(context.Context, []uint64) error) *CoreFunc {
					return NewCoreFunc(shared, func() (Handle, error) { return handleFunc(f), nil })
				}
				g.opts.Realloc = of(g.realloc)
				g.opts.PostReturn = of(func(context.Context, []uint64) error { return nil })
				f := NewFunc("echo", NewSignature(echoType, nil), of(run), g.opts, g.inst)
				for i, text := range []string{"first", tt.text, "last"} {
					if i == 1 {
						tt.fault(g, &core)
					}
					s, err := call(f, text)
					if err != nil {
						s = err.Error()
					}
					results[i] = s
				}
				return results, g.inst.Poisoned() != nil
			}
			var bound *Typed[echoParams, string]
			views := func(f *Func, text string) (s string, err error) {
				err = bound.CallView(ctx, echoParams{text}, func(v string) error { s = strings.Clone(v); return nil })
				return s, err
			}
			bind := func(call func(f *Func, text string) (string, error)) func(*Func, string) (string, error) {
				bound = nil
				return func(f *Func, text string) (s string, err error) {
					if bound == nil {
						if bound, err = Bind(f, echoCodec, String); err != nil {
							t.Fatal(err)
						}
						if !bound.quick {
							t.Fatal("echo is not called simply")
						}
					}
					return call(f, text)
				}
			}
			want, wantPoisoned := outcome(func(f *Func, text string) (string, error) {
				return CallFunc(ctx, f, echoCodec, String, echoParams{text})
			})
			got, poisoned := outcome(bind(func(_ *Func, text string) (string, error) { return bound.Call(ctx, echoParams{text}) }))
			if got != want || poisoned != wantPoisoned {
				t.Errorf("bound:  %q, poisoned %t\nbefore: %q, poisoned %t", got, poisoned, want, wantPoisoned)
			}
			got, poisoned = outcome(bind(views))
			if got != want || poisoned != wantPoisoned {
				t.Errorf("views:  %q, poisoned %t\nbefore: %q, poisoned %t", got, poisoned, want, wantPoisoned)
			}
		})
	}
}

// TestABoundFunctionInsideItself: a parent's function may be below a child's, so
// that a plain call finds itself in use.
func TestABoundFunctionInsideItself(t *testing.T) {
	g := newGuest(NewStore(Limits{}), nil, "g")
	var bound *Typed[addParams, uint32]
	var inner error
	f := g.lift("add", addType, func(ctx context.Context, s []uint64) error {
		if s[0] == 1 {
			g.inst.mayEnter = true // as for a child that calls its parent
			var sum uint32
			if sum, inner = bound.Call(ctx, addParams{20, 30}); inner == nil && sum != 50 {
				inner = errors.New("the inner sum is wrong")
			}
			g.inst.mayEnter = false
		}
		return coreAdd(ctx, s)
	})
	bound, err := Bind(f, addCodec, U32)
	if err != nil || !bound.plain {
		t.Fatal(err, bound.plain)
	}
	for range 3 {
		if sum, err := bound.Call(ctx, addParams{1, 2}); err != nil || inner != nil || sum != 3 {
			t.Errorf("1 + 2 = %d, %v; inside: %v", sum, err, inner)
		}
	}
	f = g.lift("add", &types.Func{Params: addType.Params}, func(context.Context, []uint64) error { return nil })
	none, err := Bind(f, addCodec, None)
	if err != nil || !none.quick {
		t.Fatal(err, none.quick)
	}
	for range 2 {
		if _, err := none.Call(ctx, addParams{1, 2}); err != nil {
			t.Error(err)
		}
	}
}
