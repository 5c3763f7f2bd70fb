package resources

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/wit/bindgen/internal/loop"
)

var slot component.Slot[Host]

// tensor is a host's tensor.
type tensor struct {
	dims    []uint32
	data    []byte
	dropped int
}

func (t *tensor) Dimensions(context.Context) ([]uint32, error) { return t.dims, nil }
func (t *tensor) Data(context.Context) ([]byte, error)         { return t.data, nil }
func (t *tensor) Drop_(context.Context) error                  { return errors.New("drop is a name like any other") }

func (t *tensor) Equal(_ context.Context, other Tensor) (bool, error) {
	return bytes.Equal(t.data, other.(*tensor).data), nil
}

func (t *tensor) Drop(context.Context) error {
	t.dropped++
	return nil
}

// host keeps what it was given.
type host struct {
	made  *tensor
	taken []Tensor
	keeps bool // whether it copies what it is given, as a real host must
}

func (h *host) NewTensor(_ context.Context, dims []uint32, data []byte) (Tensor, error) {
	if h.keeps {
		dims, data = slices.Clone(dims), bytes.Clone(data)
	}
	if h.made == nil || h.keeps {
		h.made = &tensor{}
	}
	h.made.dims, h.made.data = dims, data
	return h.made, nil
}

func (h *host) TensorZeros(_ context.Context, dims []uint32) (abi.Result[Tensor, string], error) {
	if len(dims) == 0 {
		return abi.Err[Tensor]("no dimensions"), nil
	}
	return abi.OK[Tensor, string](&tensor{dims: slices.Clone(dims), data: make([]byte, dims[0])}), nil
}

func (h *host) Last(_ context.Context, all []Tensor) (abi.Option[Array], error) {
	h.taken = slices.Clone(all)
	if len(all) == 0 {
		return abi.Option[Array]{}, nil
	}
	return abi.Some(all[len(all)-1]), nil
}

func (h *host) Total(_ context.Context, all []Tensor) (n uint64, _ error) {
	for _, t := range all {
		n += uint64(len(t.(*tensor).data))
	}
	return n, nil
}

func (h *host) Keep(_ context.Context, name string, t Tensor) error {
	h.taken = append(h.taken, t)
	return nil
}

// newTensor has the guest make a tensor of n bytes, which read 1.
func newTensor(t testing.TB, g *loop.Guest, n int) (handle uint64) {
	t.Helper()
	stack, err := g.Call(lowerNewTensor(slot), uint64(g.Words(1, uint32(n))), 2, uint64(g.Put(bytes.Repeat([]byte{1}, n))), uint64(n))
	if err != nil {
		t.Fatal(err)
	}
	return stack[0]
}

func TestConstructorMakesAHandle(t *testing.T) {
	h := &host{keeps: true}
	g := loop.New(1<<12, Host(h))
	if handle := newTensor(t, g, 16); handle != 1 {
		t.Errorf("handle %d, want 1", handle)
	}
	if !slices.Equal(h.made.dims, []uint32{1, 16}) || !bytes.Equal(h.made.data, bytes.Repeat([]byte{1}, 16)) {
		t.Errorf("the host got dims %v and data %v", h.made.dims, h.made.data)
	}
}

func TestArgumentsAreViewsOfMemory(t *testing.T) {
	h := &host{}
	g := loop.New(1<<12, Host(h))
	newTensor(t, g, 16)
	clear(g.Bytes())
	if h.made.dims[1] != 0 || h.made.data[0] != 0 {
		t.Errorf("dims %v and data %v are copies", h.made.dims, h.made.data)
	}
}

func TestMethodsReachTheResourceOfTheHandle(t *testing.T) {
	g := loop.New(1<<12, Host(&host{keeps: true}))
	small, large := newTensor(t, g, 3), newTensor(t, g, 5)
	const out = 2048
	for _, tt := range []struct {
		handle uint64
		want   []byte
	}{{small, []byte{1, 1, 1}}, {large, []byte{1, 1, 1, 1, 1}}} {
		if _, err := g.Call(lowerTensorData(), tt.handle, out); err != nil {
			t.Fatal(err)
		}
		p, n := g.Word(out), g.Word(out+4)
		if got := g.Bytes()[p : p+n]; !bytes.Equal(got, tt.want) {
			t.Errorf("data %v, want %v", got, tt.want)
		}
	}
	for _, tt := range []struct{ other, want uint64 }{{small, 1}, {large, 0}} {
		stack, err := g.Call(lowerTensorEqual(), small, tt.other)
		if err != nil {
			t.Fatal(err)
		}
		if stack[0] != tt.want {
			t.Errorf("equal is %d, want %d", stack[0], tt.want)
		}
	}
}

func TestOwnedArgumentsLeaveTheGuest(t *testing.T) {
	h := &host{keeps: true}
	g := loop.New(1<<12, Host(h))
	a, b := newTensor(t, g, 1), newTensor(t, g, 2)
	const out = 2048
	if _, err := g.Call(lowerLast(slot), uint64(g.Words(uint32(a), uint32(b))), 2, out); err != nil {
		t.Fatal(err)
	}
	if some, handle := g.Word(out), g.Word(out+4); some != 1 || handle == 0 {
		t.Fatalf("the option is %d with handle %d, want some", some, handle)
	}
	if len(h.taken) != 2 || len(h.taken[1].(*tensor).data) != 2 {
		t.Errorf("the host was given %v", h.taken)
	}
	if n := g.Instance.NumHandles(); n != 1 {
		t.Errorf("the guest has %d handles, want the one returned", n)
	}
	if n := h.taken[0].(*tensor).dropped; n != 0 {
		t.Errorf("the tensor that the host took was dropped %d times", n)
	}
}

func TestBorrowedArgumentsStay(t *testing.T) {
	g := loop.New(1<<12, Host(&host{keeps: true}))
	a, b := newTensor(t, g, 1), newTensor(t, g, 2)
	stack, err := g.Call(lowerTotal(slot), uint64(g.Words(uint32(a), uint32(b), uint32(b))), 3)
	if err != nil {
		t.Fatal(err)
	}
	if stack[0] != 5 || g.Instance.NumHandles() != 2 {
		t.Errorf("total %d with %d handles left, want 5 with 2", stack[0], g.Instance.NumHandles())
	}
}

func TestStaticFunctionsReturnResults(t *testing.T) {
	g := loop.New(1<<12, Host(&host{}))
	const out = 2048
	if _, err := g.Call(lowerTensorZeros(slot), uint64(g.Words(7)), 1, out); err != nil {
		t.Fatal(err)
	}
	if g.Word(out)&0xff != 0 || g.Word(out+4) != 1 {
		t.Errorf("case %d with %d, want ok with handle 1", g.Word(out)&0xff, g.Word(out+4))
	}
	if _, err := g.Call(lowerTensorZeros(slot), 0, 0, out); err != nil {
		t.Fatal(err)
	}
	p, n := g.Word(out+4), g.Word(out+8)
	if text := string(g.Bytes()[p : p+n]); g.Word(out)&0xff != 1 || text != "no dimensions" {
		t.Errorf("case %d with %q, want err with a text", g.Word(out)&0xff, text)
	}
}

func TestHandlesThatAreNotTheGuestsTrap(t *testing.T) {
	const out = 2048
	for _, tt := range []struct {
		name  string
		fn    abi.HostFunc
		stack []uint64
		kind  abi.TrapKind
		path  string
	}{
		{"a handle never given", lowerTensorDimensions(), []uint64{7, out}, abi.TrapUnknownHandle, `param "self"`},
		{"handle 0", lowerTensorDimensions(), []uint64{0, out}, abi.TrapUnknownHandle, `param "self"`},
		{"a handle never given, among others", lowerTotal(slot), []uint64{64, 2}, abi.TrapUnknownHandle, `param "all"[1]`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			g := loop.New(1<<12, Host(&host{}))
			g.Words(1, 99)
			newTensor(t, g, 1)
			_, err := g.Call(tt.fn, tt.stack...)
			trap := new(abi.Trap)
			if !errors.As(err, &trap) {
				t.Fatalf("error %v, want a trap", err)
			}
			if trap.Kind != tt.kind || trap.Path != tt.path {
				t.Errorf("trap %v at %q, want %v at %q", trap.Kind, trap.Path, tt.kind, tt.path)
			}
		})
	}
}

func TestAHandleGivenTwiceInOneCallTraps(t *testing.T) {
	h := &host{keeps: true}
	g := loop.New(1<<12, Host(h))
	a := newTensor(t, g, 1)
	if _, err := g.Call(lowerLast(slot), uint64(g.Words(uint32(a), uint32(a))), 2, 2048); err == nil {
		t.Fatal("no error")
	}
	if h.taken != nil {
		t.Error("the host was called")
	}
}

func TestAResourceThatTheHostLeavesOutTraps(t *testing.T) {
	g := loop.New(1<<12, Host(&absent{}))
	_, err := g.Call(lowerNewTensor(slot), 64, 0, 64, 0)
	trap := new(abi.Trap)
	if !errors.As(err, &trap) || trap.Kind != abi.TrapInvalidValue || trap.Path != "result" {
		t.Errorf("error %v, want a trap for the result", err)
	}
	if err := g.Store.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// absent is a host that makes nothing.
type absent struct{ host }

func (absent) NewTensor(context.Context, []uint32, []byte) (Tensor, error) { return nil, nil }

func TestClosingTheStoreDropsWhatTheGuestHolds(t *testing.T) {
	h := &host{keeps: true}
	g := loop.New(1<<12, Host(h))
	newTensor(t, g, 1)
	if err := g.Store.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	if h.made.dropped != 1 {
		t.Errorf("dropped %d times, want once", h.made.dropped)
	}
}

func TestSteadyCallsDoNotAllocate(t *testing.T) {
	h := &host{keeps: true}
	g := loop.New(1<<12, Host(h))
	a, b := newTensor(t, g, 16), newTensor(t, g, 16)
	h.keeps = false
	const out = 2048
	for _, tt := range []struct {
		name  string
		fn    abi.HostFunc
		stack []uint64
	}{
		{"a method that returns a list", lowerTensorData(), []uint64{a, out}},
		{"a method that takes a borrow", lowerTensorEqual(), []uint64{a, b}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			stack := make([]uint64, len(tt.stack))
			if n := testing.AllocsPerRun(100, func() {
				g.Reset()
				copy(stack, tt.stack)
				if err := g.CallStack(tt.fn, stack); err != nil {
					t.Fatal(err)
				}
			}); n != 0 {
				t.Errorf("%v allocations, want none", n)
			}
		})
	}
}

// A constructor and the taking of what it made: what inference does with every
// input.
func BenchmarkConstructAndTake(b *testing.B) {
	for _, size := range []int{16, 600 << 10} {
		b.Run(fmt.Sprintf("%d-bytes", size), func(b *testing.B) {
			h := &host{made: &tensor{}}
			g := loop.New(1<<20, Host(h))
			dims, data := uint64(g.Words(1, uint32(size))), uint64(g.Put(make([]byte, size)))
			name := uint64(g.Put([]byte("input")))
			construct, keep := lowerNewTensor(slot), lowerKeep(slot)
			stack := make([]uint64, 4)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				stack[0], stack[1], stack[2], stack[3] = dims, 2, data, uint64(size)
				if err := g.CallStack(construct, stack); err != nil {
					b.Fatal(err)
				}
				stack[0], stack[1], stack[2] = name, 5, stack[0]
				if err := g.CallStack(keep, stack); err != nil {
					b.Fatal(err)
				}
				h.taken = h.taken[:0]
			}
		})
	}
}

// The data of a tensor, copied to the guest.
func BenchmarkData(b *testing.B) {
	for _, size := range []int{16, 600 << 10} {
		b.Run(fmt.Sprintf("%d-bytes", size), func(b *testing.B) {
			g := loop.New(1<<20, Host(&host{}))
			handle := newTensor(b, g, 0)
			g.Store.Slots[0].(*host).made.data = make([]byte, size)
			data := lowerTensorData()
			stack := make([]uint64, 2)
			b.SetBytes(int64(size))
			b.ReportAllocs()
			for b.Loop() {
				g.Reset()
				stack[0], stack[1] = handle, 1<<20-64
				if err := g.CallStack(data, stack); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// One memory copy, to compare with.
func BenchmarkCopy(b *testing.B) {
	from, to := make([]byte, 600<<10), make([]byte, 600<<10)
	b.SetBytes(int64(len(from)))
	for b.Loop() {
		copy(to, from)
	}
}
