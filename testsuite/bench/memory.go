package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/backends/onnxruntime"
)

// networks are the engine cases that are whole models.
func networks() []engineCase {
	var list []engineCase
	for _, c := range engineCases() {
		if !c.layer {
			list = append(list, c)
		}
	}
	return list
}

// loadRows are what a model costs until its first outputs are there: it is loaded from
// bytes, computed once on one thread, and closed.
func loadRows() []Row {
	var rows []Row
	for _, c := range networks() {
		rows = append(rows, Row{"gorgonia." + c.name + ".load", c.what + ": loaded from bytes and computed once", "ONNX Runtime doing the same", func(ctx context.Context, e *Env) (Side, Side, error) { return openLoads(ctx, c) }})
	}
	return rows
}

func openLoads(ctx context.Context, c engineCase) (ours, floor Side, err error) {
	model, in, err := c.model()
	if err != nil {
		return nil, nil, err
	}
	own, ort, err := bothEngines(ctx)
	if err != nil {
		return nil, nil, err
	}
	side := func(engine backends.Backend) Side {
		return times(func() error {
			l, err := load(ctx, engine, model, in)
			return errors.Join(err, l.close())
		})
	}
	return side(own), side(ort), nil
}

// bothEngines are the engine in pure Go and ONNX Runtime, for one thread.
func bothEngines(ctx context.Context) (own, ort backends.Backend, err error) {
	if ort, err = onnxRuntime(ctx, onnxruntime.Config{}); err != nil {
		return nil, nil, err
	}
	own, err = gorgonia.New(gorgonia.Config{IntraOpThreads: 1})
	return own, ort, err
}

// loaded is a model that has computed.
type loaded struct {
	graph   backends.Graph
	context backends.ExecutionContext
}

// load loads a model and computes it once, on one thread. What it returns is to be
// closed, whatever the error.
func load(ctx context.Context, engine backends.Backend, model []byte, in []backends.NamedTensor) (l loaded, err error) {
	if l.graph, err = engine.Load(ctx, [][]byte{model}, backends.LoadOptions{Encoding: backends.ONNX, IntraOpThreads: 1}); err != nil {
		return l, err
	}
	if l.context, err = l.graph.NewContext(ctx); err != nil {
		return l, err
	}
	return l, l.compute(ctx, in)
}

func (l loaded) compute(ctx context.Context, in []backends.NamedTensor) error {
	out, err := l.context.Compute(ctx, in)
	for _, o := range out {
		o.Tensor.Release()
	}
	return err
}

func (l loaded) close() error {
	var errs []error
	if l.context != nil {
		errs = append(errs, l.context.Close())
	}
	if l.graph != nil {
		errs = append(errs, l.graph.Close())
	}
	return errors.Join(errs...)
}

// memoryRows are what a network takes: NAME.arena is the memory for the values of one
// computation, beside what is alive at once; NAME.memory is by what a process grows that
// loads the model and computes it three times on one thread, its bytes apart.
func memoryRows() []Row {
	var rows []Row
	for _, c := range networks() {
		rows = append(rows,
			Row{"gorgonia." + c.name + ".arena", c.what + ": bytes of activations", "the most that are alive at one step",
				func(ctx context.Context, e *Env) (Side, Side, error) { return nil, nil, arenas(ctx, e, c) }},
			Row{"gorgonia." + c.name + ".memory", c.what + ": bytes by which a process grows", "ONNX Runtime doing the same",
				func(ctx context.Context, e *Env) (Side, Side, error) { return nil, nil, processes(ctx, e, c) }})
	}
	return rows
}

func arenas(ctx context.Context, e *Env, c engineCase) error {
	model, in, err := c.model()
	if err != nil {
		return err
	}
	own, err := gorgonia.New(gorgonia.Config{IntraOpThreads: 1})
	if err != nil {
		return err
	}
	l, err := load(ctx, own, model, in)
	if err == nil {
		stats, _ := gorgonia.StatsOf(l.graph)
		e.Found(stats.Arena, stats.Alive)
	}
	return errors.Join(err, l.close())
}

// MemoryCommand is the first argument of a process that is to call [MemoryWorker] with
// those behind it.
const MemoryCommand = "bench-memory"

// processes measures each engine in a process of its own.
func processes(ctx context.Context, e *Env, c engineCase) error {
	if e.child == "" || runtime.GOOS != "linux" {
		return missing(errors.New("it takes Linux, and a program to run for each engine"))
	}
	if _, _, err := c.model(); err != nil {
		return err
	}
	if _, _, err := bothEngines(ctx); err != nil {
		return err
	}
	var grown [2]int64
	for i, engine := range []string{gorgonia.Name, onnxruntime.Name} {
		out, err := exec.CommandContext(ctx, e.child, MemoryCommand, c.name, engine).Output()
		if err != nil {
			return fmt.Errorf("%s %s %s: %w", MemoryCommand, c.name, engine, err)
		}
		if grown[i], err = strconv.ParseInt(string(bytes.TrimSpace(out)), 10, 64); err != nil {
			return err
		}
	}
	e.Found(grown[0], grown[1])
	return nil
}

// MemoryWorker says by how many bytes this process grows when it loads a network of the
// table on an engine and computes it three times, garbage apart.
func MemoryWorker(ctx context.Context, network, engine string) (int64, error) {
	own, ort, err := bothEngines(ctx)
	if err != nil {
		return 0, err
	}
	if engine == gorgonia.Name {
		ort = own
	}
	for _, c := range networks() {
		if c.name != network {
			continue
		}
		model, in, err := c.model()
		if err != nil {
			return 0, err
		}
		before, err := resident()
		if err != nil {
			return 0, err
		}
		l, err := load(ctx, ort, model, in)
		for i := 0; i < 2 && err == nil; i++ {
			err = l.compute(ctx, in)
		}
		if err != nil {
			return 0, errors.Join(err, l.close())
		}
		after, err := resident()
		runtime.KeepAlive(model)
		return after - before, errors.Join(err, l.close())
	}
	return 0, fmt.Errorf("there is no network %q", network)
}

// resident is how many bytes of this process are in memory, without garbage.
func resident() (int64, error) {
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	var size, pages int64
	if _, err := fmt.Sscan(string(text), &size, &pages); err != nil {
		return 0, err
	}
	return pages * int64(os.Getpagesize()), nil
}
