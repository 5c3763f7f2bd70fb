// Package bench measures the engine and its neighbours, each figure beside its
// floor: what the same work costs without them, measured in the same run.
//
// [Rows] is the table. `go test -bench` runs it and so does `conform bench`,
// which measures ours and the floor in turns and keeps the best of each, since
// machines are noisy and only ratios travel from one to another.
package bench

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"time"
)

// Row is one line of the table.
type Row struct {
	// Name is what the ratio is called, as group.case.
	Name string
	// Ours and Floor say in a few words what is measured.
	Ours, Floor string
	// Open makes both sides ready. An error that is [ErrMissing] leaves the row
	// out. A row that is no times tells [Env.Found] instead.
	Open func(ctx context.Context, e *Env) (ours, floor Side, err error)
}

// Side does its work n times, one after another. It resets t when what is to be
// measured begins, and stops it at the end.
type Side func(n int, t Timer) error

// Timer is what [Side] tells about time: a *testing.B is one.
type Timer interface {
	ResetTimer()
	StopTimer()
}

// ErrMissing is the error of a row that needs something which is not here.
var ErrMissing = errors.New("missing")

// missing says what is not here.
func missing(err error) error { return fmt.Errorf("%w: %w", ErrMissing, err) }

// Rows returns the table: calls first, then instances, computes, engines, what models
// take to load and in memory, and what interruption costs.
func Rows() []Row {
	var rows []Row
	for _, group := range [][]Row{callRows(), instanceRows(), computeRows(), engineRows(), loadRows(), memoryRows(), fuelRows()} {
		rows = append(rows, group...)
	}
	return rows
}

// Env is what a row's sides live in. Close ends it.
type Env struct {
	closers []func() error
	dir     string
	child   string
	found   [2]int64 // bytes of ours and of the floor, of a row that is no times
}

// Found says how many bytes ours and the floor take.
func (e *Env) Found(ours, floor int64) { e.found = [2]int64{ours, floor} }

// Defer has f called when the row has been measured, newest first.
func (e *Env) Defer(f func() error) { e.closers = append(e.closers, f) }

// Dir returns a folder of the row's own.
func (e *Env) Dir() (string, error) {
	if e.dir == "" {
		dir, err := os.MkdirTemp("", "wasinn-bench-")
		if err != nil {
			return "", err
		}
		e.dir = dir
	}
	return e.dir, nil
}

// Close ends what the row's sides live in.
func (e *Env) Close() error {
	var errs []error
	for i := len(e.closers) - 1; i >= 0; i-- {
		errs = append(errs, e.closers[i]())
	}
	e.closers = nil
	if e.dir != "" {
		errs = append(errs, os.RemoveAll(e.dir))
	}
	return errors.Join(errs...)
}

// Options say how long to measure.
type Options struct {
	// Rounds is how often ours and floor take turns; 0 means 25.
	Rounds int
	// Time is how long one turn lasts, about; 0 means 10 ms:
	// short turns find the moments in which a busy machine is quiet.
	Time time.Duration
	// Child is a program that calls [MemoryWorker] when its first argument is
	// [MemoryCommand]; rows that measure a process of their own are left out without one.
	Child string
}

// Result is what a row's measurement found.
type Result struct {
	Name string `json:"name"`
	// Ours and Floor are the best times of one operation, in nanoseconds.
	Ours  float64 `json:"ours_ns,omitempty"`
	Floor float64 `json:"floor_ns,omitempty"`
	// OursBytes and FloorBytes are there in their place for a row that is no times.
	OursBytes  int64 `json:"ours_bytes,omitempty"`
	FloorBytes int64 `json:"floor_bytes,omitempty"`
	// Ratio is ours by the floor.
	Ratio float64 `json:"ratio"`
	// Allocs is how many allocations one operation of ours takes in Go's heap.
	Allocs float64 `json:"allocs"`
	// Missing says why the row is left out; the numbers are then 0.
	Missing string `json:"missing,omitempty"`
}

// Measure measures one row. Ours and floor take turns, each time the other one
// first, and the best turn of each counts.
func Measure(ctx context.Context, row Row, o Options) (res Result, err error) {
	if o.Rounds <= 0 {
		o.Rounds = 25
	}
	if o.Time <= 0 {
		o.Time = 10 * time.Millisecond
	}
	res.Name = row.Name
	e := &Env{child: o.Child}
	defer func() { err = errors.Join(err, e.Close()) }()
	ours, floor, err := row.Open(ctx, e)
	if errors.Is(err, ErrMissing) {
		res.Missing = err.Error()
		return res, nil
	}
	if err != nil {
		return res, err
	}
	if ours == nil && floor == nil {
		res.OursBytes, res.FloorBytes, res.Ratio = e.found[0], e.found[1], float64(e.found[0])/float64(e.found[1])
		return res, nil
	}
	sides := [2]*turns{{side: ours, best: math.Inf(1)}, {side: floor, best: math.Inf(1)}}
	for _, s := range sides {
		if err := s.calibrate(ctx, o.Time); err != nil {
			return res, err
		}
	}
	for round := range o.Rounds {
		runtime.GC()
		for k := range sides {
			if err := ctx.Err(); err != nil {
				return res, err
			}
			if _, err := sides[(k+round)%2].turn(); err != nil {
				return res, err
			}
		}
	}
	res.Ours, res.Floor = sides[0].best, sides[1].best
	res.Ratio = res.Ours / res.Floor
	res.Allocs, err = sides[0].allocations()
	return res, err
}

// turns is one side, with how often it runs in a turn.
type turns struct {
	side Side
	n    int
	best float64 // ns
}

// maxTurn is the most operations of a turn.
const maxTurn = 1e9

// calibrate finds how many operations last about as long as they should: twice
// in a row, since what is done for the first time takes longer.
func (s *turns) calibrate(ctx context.Context, want time.Duration) error {
	for s.n = 1; ; {
		var took time.Duration
		for range 2 {
			if err := ctx.Err(); err != nil {
				return err
			}
			var err error
			if took, err = s.turn(); err != nil {
				return err
			}
			if took < want/2 {
				break
			}
		}
		if took >= want/2 || s.n >= maxTurn {
			return nil
		}
		more := 1.1 * float64(s.n) * float64(want) / float64(max(took, 1))
		s.n = int(min(max(more, float64(s.n)+1), 100*float64(s.n), maxTurn))
	}
}

func (s *turns) turn() (time.Duration, error) {
	var w watch
	err := s.side(s.n, &w)
	s.best = min(s.best, float64(w.took)/float64(s.n))
	return w.took, err
}

// allocations runs one more turn and counts.
func (s *turns) allocations() (float64, error) {
	var w watch
	w.count = true
	err := s.side(s.n, &w)
	return math.Floor(float64(w.mallocs) / float64(s.n)), err
}

// watch is a Timer.
type watch struct {
	began   time.Time
	took    time.Duration
	count   bool
	mallocs uint64
}

func (w *watch) ResetTimer() {
	if w.count {
		w.mallocs = mallocs()
	}
	w.began = time.Now()
}

func (w *watch) StopTimer() {
	w.took = time.Since(w.began)
	if w.count {
		w.mallocs = mallocs() - w.mallocs
	}
}

func mallocs() uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.Mallocs
}

// times is the usual side: f, n times.
func times(f func() error) Side {
	return func(n int, t Timer) error {
		t.ResetTimer()
		defer t.StopTimer()
		for range n {
			if err := f(); err != nil {
				return err
			}
		}
		return nil
	}
}
