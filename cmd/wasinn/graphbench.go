package main

import (
	"context"
	"fmt"
	"math"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/graphreg"
	"github.com/wasinn/wasinn/internal/onnxdata"
)

// benchRow is what bench measures. Times are of one compute, in nanoseconds.
type benchRow struct {
	Name        string  `json:"name"`
	Backend     string  `json:"backend"`
	Threads     int     `json:"intra_op_threads"` // 0 is the engine's default
	Concurrency int     `json:"concurrency"`
	Computes    int     `json:"computes"`
	LoadNS      int64   `json:"load_ns"`  // of the model
	FirstNS     int64   `json:"first_ns"` // of the very first compute, which may compile
	MinNS       int64   `json:"min_ns"`
	MedianNS    int64   `json:"median_ns"`
	P95NS       int64   `json:"p95_ns"`
	P99NS       int64   `json:"p99_ns"`
	PerSecond   float64 `json:"per_second"`
	// Ratio is the median by that of the first engine of --compare.
	Ratio float64 `json:"ratio,omitempty"`
}

// benchFlags are those of wasinn graph bench.
type benchFlags struct {
	asJSON, compare            bool
	count, warmUp, concurrency int
	dims, symbols              []string
}

func (a *app) graphBench(f *nnFlags) *cobra.Command {
	var b benchFlags
	cmd := &cobra.Command{
		Use:   "bench MODEL...",
		Short: "Time models on tensors of zeros",
		Long: `Compute each model on tensors of zeros and show the fastest, the median, the 95th
and the 99th percentile of the times, beside how long loading and the very first
compute took. MODEL is NAME or NAME@VERSION of --registry or --graph, or the path
of an .onnx file. Dimensions that a model leaves open are 1, unless --dim or --dims
says otherwise. Each of --concurrency callers has a context of its own, and warms
it up before the computes that count.

--compare times every engine that runs here, one after another, and shows the
medians as multiples of the first one's.`,
		Example: `  wasinn graph bench --registry models --computes 1000 --concurrency 8 digits
  wasinn graph bench --compare --intra-op-threads 1 --dim batch=4 model.onnx`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeModels(f),
		RunE: func(cmd *cobra.Command, models []string) error {
			rows, err := a.benchAll(cmd.Context(), f, b, models)
			if err != nil {
				return err
			}
			if b.asJSON {
				return writeJSON(a.stdout, rows)
			}
			return a.writeBench(rows, b.compare)
		},
	}
	cmd.Flags().BoolVar(&b.asJSON, "json", false, "print JSON")
	cmd.Flags().BoolVar(&b.compare, "compare", false, "time every engine that runs here")
	cmd.Flags().IntVarP(&b.count, "computes", "n", 100, "number of computes that each caller makes, `N`")
	cmd.Flags().IntVar(&b.warmUp, "warm-up", -1, "computes of each caller that come before and do not count, `N`; less than 0 is a tenth of those that do")
	cmd.Flags().IntVar(&b.concurrency, "concurrency", 1, "callers at the same time, `N`")
	cmd.Flags().StringArrayVar(&b.symbols, "dim", nil, "the size of an open dimension by its name: `NAME=N`; repeatable")
	cmd.Flags().StringArrayVar(&b.dims, "dims", nil, "dimensions of an input: `INPUT=1x3x224x224`; repeatable")
	return cmd
}

// benchAll times all models on all engines that are asked for.
func (a *app) benchAll(ctx context.Context, f *nnFlags, b benchFlags, models []string) ([]benchRow, error) {
	switch {
	case b.count < 1:
		return nil, fmt.Errorf("--computes %d: expected 1 or more", b.count)
	case b.concurrency < 1 || b.concurrency > 1024:
		return nil, fmt.Errorf("--concurrency %d: expected 1 to 1024", b.concurrency)
	}
	if b.warmUp < 0 {
		b.warmUp = b.count / 10
	}
	dims, err := parseDims(b.dims)
	if err != nil {
		return nil, err
	}
	symbols, err := parseSymbols(b.symbols)
	if err != nil {
		return nil, err
	}
	n, names, err := f.openModels(ctx, a, models)
	if err != nil {
		return nil, err
	}
	defer n.registry.Close()
	var rows []benchRow
	for _, name := range names {
		given, err := n.sizes(ctx, name, dims, symbols)
		if err != nil {
			return nil, explain(name, err)
		}
		more, err := n.benchModel(ctx, name, given, b)
		if err != nil {
			return nil, explain(name, err)
		}
		rows = append(rows, more...)
	}
	for i := range rows {
		rows[i].Threads = f.intraOp
	}
	return rows, nil
}

// benchModel times a model on the engine that it would have, or on all.
func (n *neural) benchModel(ctx context.Context, name string, dims map[string][]uint32, b benchFlags) ([]benchRow, error) {
	if !b.compare {
		row, err := bench(ctx, n.registry, name, dims, b)
		return []benchRow{row}, err
	}
	e, err := n.registry.Find(name)
	if err != nil {
		return nil, err
	}
	var rows []benchRow
	for _, engine := range n.set.Backends() {
		if checkEngine(ctx, n.set, engine.Name()) != nil {
			continue
		}
		row, err := n.benchOn(ctx, engine.Name(), e, dims, b)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", engine.Name(), err)
		}
		rows = append(rows, row)
		rows[len(rows)-1].Ratio = float64(row.MedianNS) / float64(max(rows[0].MedianNS, 1))
	}
	return rows, nil
}

// benchOn times a model on one engine, out of a registry of its own.
func (n *neural) benchOn(ctx context.Context, engine string, e graphreg.Entry, dims map[string][]uint32, b benchFlags) (benchRow, error) {
	e.Backend = engine
	source, err := graphreg.Static(e)
	if err != nil {
		return benchRow{}, err
	}
	r, err := graphreg.New(graphreg.Config{Backends: n.set, Sources: []graphreg.Source{source}})
	if err != nil {
		return benchRow{}, err
	}
	defer r.Close()
	return bench(ctx, r, e.FullName(), dims, b)
}

// sizes adds to the dimensions of inputs those that symbols say.
func (n *neural) sizes(ctx context.Context, name string, given map[string][]uint32, symbols map[string]uint32) (map[string][]uint32, error) {
	if len(symbols) == 0 {
		return given, nil
	}
	_, model, err := n.readModel(ctx, name)
	if err != nil {
		return nil, err
	}
	m, err := onnxdata.Describe(model)
	if err != nil {
		return nil, err
	}
	open, err := onnxdata.Symbols(model)
	if err != nil {
		return nil, err
	}
	all, used := map[string][]uint32{}, map[string]bool{}
	for _, in := range m.Inputs {
		if dims, ok := given[in.Name]; ok {
			all[in.Name] = dims
			continue
		}
		if in.Unranked || in.Kind != backends.TensorKind || m.Initialized[in.Name] {
			continue
		}
		dims := make([]uint32, len(in.Dims))
		for i, d := range in.Dims {
			symbol := open[in.Name][i]
			size, said := symbols[symbol]
			used[symbol] = used[symbol] || said
			switch {
			case d >= 0:
				size = uint32(d)
			case !said:
				size = 1
			}
			dims[i] = size
		}
		all[in.Name] = dims
	}
	for symbol := range symbols {
		if !used[symbol] {
			return nil, fmt.Errorf("--dim: the model has no open dimension %q; wasinn graph info and inspect show what it has", symbol)
		}
	}
	return all, nil
}

func (a *app) writeBench(rows []benchRow, compare bool) error {
	t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
	head := "NAME\tBACKEND\tTHREADS\tCALLERS\tCOMPUTES\tLOAD\tFIRST\tMIN\tMEDIAN\tP95\tP99\tPER SECOND"
	if compare {
		head += "\tRATIO"
	}
	fmt.Fprintln(t, head)
	for _, r := range rows {
		threads := strconv.Itoa(r.Threads)
		if r.Threads == 0 {
			threads = fmt.Sprintf("%d shared", runtime.GOMAXPROCS(0))
		}
		fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d", r.Name, r.Backend, threads, r.Concurrency, r.Computes)
		for _, ns := range []int64{r.LoadNS, r.FirstNS, r.MinNS, r.MedianNS, r.P95NS, r.P99NS} {
			fmt.Fprintf(t, "\t%v", rounded(time.Duration(ns)))
		}
		fmt.Fprintf(t, "\t%.0f", r.PerSecond)
		if compare {
			fmt.Fprintf(t, "\t%.2f", r.Ratio)
		}
		fmt.Fprintln(t)
	}
	return t.Flush()
}

// rounded is a time with four digits at most.
func rounded(d time.Duration) time.Duration {
	unit := time.Duration(1)
	for d/unit >= 10000 {
		unit *= 10
	}
	return d.Round(unit)
}

// parseDims reads --dims.
func parseDims(list []string) (map[string][]uint32, error) {
	out := map[string][]uint32{}
	for _, v := range list {
		i := strings.LastIndexByte(v, '=')
		if i < 0 {
			return nil, fmt.Errorf("--dims %s: expected INPUT=1x3x224x224", v)
		}
		dims := []uint32{}
		for part := range strings.SplitSeq(v[i+1:], "x") {
			if v[i+1:] == "scalar" {
				break
			}
			d, err := strconv.ParseUint(part, 10, 32)
			if err != nil {
				return nil, fmt.Errorf("--dims %s: %q is no dimension", v, part)
			}
			dims = append(dims, uint32(d))
		}
		out[v[:i]] = dims
	}
	return out, nil
}

// maxZeros is the most bytes of one input that bench makes.
const maxZeros = 1 << 30

// zeros makes an input of zeros for each of a model's.
func zeros(infos []backends.TensorInfo, given map[string][]uint32) ([]backends.NamedTensor, error) {
	var in []backends.NamedTensor
	for _, info := range infos {
		dims, ok := given[info.Name]
		for _, d := range info.Dims {
			if ok {
				break
			}
			switch {
			case d < 0:
				d = 1
			case d > math.MaxUint32:
				return nil, fmt.Errorf("input %q: dimension %d is too large", info.Name, d)
			}
			dims = append(dims, uint32(d))
		}
		size, err := backends.ByteSize(dims, info.Type)
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", info.Name, err)
		}
		if size > maxZeros {
			return nil, fmt.Errorf("input %q: %d bytes are more than the %d that this makes", info.Name, size, maxZeros)
		}
		tensor, err := backends.NewTensor(dims, info.Type, make([]byte, size))
		if err != nil {
			return nil, fmt.Errorf("input %q: %w", info.Name, err)
		}
		in = append(in, backends.NamedTensor{Name: info.Name, Tensor: tensor})
	}
	for name := range given {
		if !slices.ContainsFunc(infos, func(i backends.TensorInfo) bool { return i.Name == name }) {
			return nil, fmt.Errorf("--dims: the model has no input %q", name)
		}
	}
	return in, nil
}

// bench times computes of several callers.
func bench(ctx context.Context, r *graphreg.Registry, name string, dims map[string][]uint32, b benchFlags) (benchRow, error) {
	loading := time.Now()
	h, err := r.Acquire(ctx, name)
	if err != nil {
		return benchRow{}, err
	}
	defer h.Close()
	load := time.Since(loading)
	var infos []backends.TensorInfo
	if d, ok := h.Graph().(backends.Describer); ok {
		infos = d.Inputs()
	}
	in, err := zeros(infos, dims)
	if err != nil {
		return benchRow{}, err
	}
	first, err := firstCompute(ctx, h.Graph(), in)
	if err != nil {
		return benchRow{}, err
	}
	times := make([][]time.Duration, b.concurrency)
	errs := make([]error, b.concurrency)
	var warm, all sync.WaitGroup
	start := make(chan struct{})
	for c := range b.concurrency {
		warm.Add(1)
		all.Go(func() {
			ready := sync.OnceFunc(warm.Done)
			defer ready()
			times[c], errs[c] = caller(ctx, h.Graph(), in, b, ready, start)
		})
	}
	warm.Wait()
	began := time.Now()
	close(start)
	all.Wait()
	took := time.Since(began)
	for _, err := range errs {
		if err != nil {
			return benchRow{}, err
		}
	}
	sorted := slices.Concat(times...)
	slices.Sort(sorted)
	percentile := func(p int) int64 { return int64(sorted[(len(sorted)*p-1)/100]) }
	return benchRow{
		Name: h.Entry().FullName(), Backend: h.Choice().Backend, Concurrency: b.concurrency, Computes: len(sorted), LoadNS: int64(load), FirstNS: int64(first),
		MinNS: int64(sorted[0]), MedianNS: int64(sorted[len(sorted)/2]), P95NS: percentile(95), P99NS: percentile(99),
		PerSecond: float64(len(sorted)) / took.Seconds(),
	}, nil
}

// firstCompute times the first computation of a graph.
func firstCompute(ctx context.Context, g backends.Graph, in []backends.NamedTensor) (time.Duration, error) {
	x, err := g.NewContext(ctx)
	if err != nil {
		return 0, err
	}
	defer x.Close()
	return timed(ctx, x, in)
}

// timed times one computation.
func timed(ctx context.Context, x backends.ExecutionContext, in []backends.NamedTensor) (time.Duration, error) {
	began := time.Now()
	out, err := x.Compute(ctx, in)
	took := time.Since(began)
	for _, o := range out {
		o.Tensor.Release()
	}
	return took, err
}

// caller warms a context of its own up, says that it is ready, and times computes from
// start on.
func caller(ctx context.Context, g backends.Graph, in []backends.NamedTensor, b benchFlags, ready func(), start <-chan struct{}) ([]time.Duration, error) {
	x, err := g.NewContext(ctx)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	for range b.warmUp {
		if _, err := timed(ctx, x, in); err != nil {
			return nil, err
		}
	}
	ready()
	<-start
	times := make([]time.Duration, b.count)
	for i := range times {
		if times[i], err = timed(ctx, x, in); err != nil {
			return nil, err
		}
	}
	return times, nil
}
