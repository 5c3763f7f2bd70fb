package op

import (
	"errors"
	"sync"
	"sync/atomic"
	"unsafe"

	"github.com/wasinn/wasinn/backends/gorgonia/internal/pool"
	"github.com/wasinn/wasinn/backends/gorgonia/internal/tensor"
)

// ErrStopped is the error of a run whose context has ended.
var ErrStopped = errors.New("stopped")

// Run is one computation, as operators see it. It belongs to one goroutine; the
// bodies of its loops run on others, too.
type Run struct {
	// Threads runs loops, and leaves out what is left of them when the run is stopped.
	Threads *pool.Pool
	// Depth counts the graphs around the one that runs.
	Depth int

	// Spare, where it is not nil, finds memory for an output among what callers have given
	// back: n bytes of unknown content, or nil.
	Spare func(n int) []byte

	begun   bool
	stop    *atomic.Bool
	budget  *Budget
	used    int64      // bytes of the budget, besides scratch
	scratch int64      // bytes of free and lent
	free    [][]uint64 // scratch to be had
	lent    [][]uint64 // scratch that the running node has
}

// NewRun makes a run on the threads of a pool, which may be nil. It ends when stop is
// set, which may be nil too. It takes its memory from budget.
func NewRun(threads *pool.Pool, budget *Budget, stop *atomic.Bool) *Run {
	if stop == nil {
		stop = new(atomic.Bool)
	}
	return &Run{Threads: threads.WithStop(stop), budget: budget, stop: stop}
}

// Begin readies the threads for loops that follow each other closely, until End.
func (r *Run) Begin() {
	r.begun = true
	r.Threads.Begin()
}

// End gives back what the run took, but for its scratch. It may be used again.
func (r *Run) End() {
	if r.begun {
		r.begun = false
		r.Threads.End()
	}
	r.Give(r.used)
	r.Depth = 0
	r.Reset()
}

// Close is End, and gives the scratch back, too.
func (r *Run) Close() {
	r.End()
	r.budget.Give(r.scratch)
	r.scratch, r.free = 0, nil
}

// Stopped says whether the run is to end. Loops ask for it at least once in a
// millisecond.
func (r *Run) Stopped() bool { return r.stop.Load() }

// Err is ErrStopped when the run is to end.
func (r *Run) Err() error {
	if r.stop.Load() {
		return ErrStopped
	}
	return nil
}

// For runs body over pieces of [0, n) of at least grain elements, but for the last, and
// skips what is left when the run is stopped. Bodies run at once; each element is in one
// piece.
func (r *Run) For(n, grain int, body func(lo, hi int)) { r.Threads.For(n, grain, body) }

// Take counts bytes towards the limit. It is an error, and they are not counted, when
// that is reached.
func (r *Run) Take(bytes int64) error {
	err := r.budget.Take(bytes)
	if err == nil {
		r.used += bytes
	}
	return err
}

// Give counts bytes back.
func (r *Run) Give(bytes int64) {
	r.used -= bytes
	r.budget.Give(bytes)
}

// Keep hands bytes that the run took over to what outlives it, whose owner gives them
// back to the budget.
func (r *Run) Keep(bytes int64) { r.used -= bytes }

// Budget is what the run takes its memory from.
func (r *Run) Budget() *Budget { return r.budget }

// Used is how many bytes the run has taken, besides scratch.
func (r *Run) Used() int64 { return r.used }

// New makes a tensor of zeros, for Eval. It is an error when the shape is not in
// order or the limit is reached.
func (r *Run) New(t tensor.Type, shape ...int) (*tensor.Tensor, error) {
	size, err := tensor.Bytes(t, shape)
	if err != nil {
		return nil, err
	}
	if err := r.Take(int64(size)); err != nil {
		return nil, err
	}
	return tensor.New(t, shape...), nil
}

// Output makes a tensor that a plan is to write, as New does, but of unknown content.
func (r *Run) Output(t tensor.Type, shape ...int) (*tensor.Tensor, error) {
	size, err := tensor.Bytes(t, shape)
	if err != nil || r.Spare == nil || t == tensor.String {
		return r.New(t, shape...)
	}
	if err := r.Take(int64(size)); err != nil {
		return nil, err
	}
	if data := r.Spare(size); data != nil {
		return &tensor.Tensor{Type: t, Shape: shape, Data: data}, nil
	}
	return tensor.New(t, shape...), nil
}

// Scratch is n bytes of memory, not cleared, aligned for every type. It is valid
// until the node has run. Bodies of loops take theirs before the loop.
//
// Where the limit is reached it panics with *LimitError, which ends the node with that
// error: operators take scratch in many places, and could do nothing else.
func (r *Run) Scratch(n int) []byte {
	words := (n + 7) / 8
	for i := len(r.free) - 1; i >= 0; i-- {
		if b := r.free[i]; cap(b) >= words {
			last := len(r.free) - 1
			r.free[i] = r.free[last]
			r.free = r.free[:last]
			r.lent = append(r.lent, b)
			return bytesOf(b[:words])[:n]
		}
	}
	if err := r.budget.Take(int64(8 * words)); err != nil {
		panic(err)
	}
	r.scratch += int64(8 * words)
	b := make([]uint64, words)
	r.lent = append(r.lent, b)
	return bytesOf(b)[:n]
}

func bytesOf(words []uint64) []byte {
	if len(words) == 0 {
		return nil
	}
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(words))), 8*len(words))
}

// Floats is scratch of n float32.
func (r *Run) Floats(n int) []float32 { return tensor.View[float32](r.Scratch(4 * n)) }

// Reset takes all scratch back, between nodes.
func (r *Run) Reset() {
	r.free = append(r.free, r.lent...)
	clear(r.lent)
	r.lent = r.lent[:0]
}

// Weights keeps what is made of a graph's constants once, such as packed
// matrices, for all its programs.
type Weights struct {
	mu   sync.Mutex
	own  map[*tensor.Tensor]bool
	made map[weightKey]*weight

	budget *Budget
	size   int64 // bytes of the budget
}

// NewWeights makes an empty store, whose memory is counted in a budget.
func NewWeights(budget *Budget) *Weights { return &Weights{budget: budget} }

type weightKey struct {
	of   *tensor.Tensor
	kind string
}

type weight struct {
	once  sync.Once
	value any
}

// Get returns what make gave for a constant and a kind, which is called once, and
// says how many bytes it made.
func (w *Weights) Get(of *tensor.Tensor, kind string, make func() (value any, bytes int)) any {
	if w == nil {
		v, _ := make()
		return v
	}
	w.mu.Lock()
	if !w.own[of] {
		w.mu.Unlock()
		v, _ := make()
		return v
	}
	if w.made == nil {
		w.made = map[weightKey]*weight{}
	}
	k := weightKey{of, kind}
	e := w.made[k]
	if e == nil {
		e = &weight{}
		w.made[k] = e
	}
	w.mu.Unlock()
	e.once.Do(func() {
		v, n := make()
		e.value = v
		w.budget.Force(int64(n)) // in proportion to the model
		w.Count(int64(n))
	})
	return e.value
}

// Count notes bytes of the budget that are given back with the store.
func (w *Weights) Count(bytes int64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.size += bytes
}

// Bytes is how many bytes are counted for the store.
func (w *Weights) Bytes() int64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.size
}

// Release gives back what was counted. The store is not used after it.
func (w *Weights) Release() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.budget.Give(w.size)
	w.size = 0
}

// Own says that a constant is the graph's own, and lives as long: what Get makes of
// others, such as constants of one program, is not kept.
func (w *Weights) Own(t *tensor.Tensor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.own == nil {
		w.own = map[*tensor.Tensor]bool{}
	}
	w.own[t] = true
}

// Disown takes back what Own said.
func (w *Weights) Disown(t *tensor.Tensor) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.own, t)
}

// Owns says whether a constant is the graph's own.
func (w *Weights) Owns(t *tensor.Tensor) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.own[t]
}
