package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
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
)

func (a *app) graphCommand() *cobra.Command {
	var f nnFlags
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Look at the models of a registry",
		Long: `Look at the models that guests can name: those of --graph and --registry, as
wasinn run would have them.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.register(cmd.PersistentFlags())
	f.complete(cmd)
	cmd.AddCommand(a.graphList(&f), a.graphInfo(&f), a.graphBench(&f))
	return cmd
}

// graphRow is a model as ls and info show it. Fields that are not known before a
// model is loaded are empty in ls.
type graphRow struct {
	Name     string      `json:"name"`
	Version  string      `json:"version,omitempty"`
	Backend  string      `json:"backend"`
	Encoding string      `json:"encoding,omitempty"`
	Target   string      `json:"target"`
	Files    []graphFile `json:"files"`
	Inputs   []tensorRow `json:"inputs,omitempty"`
	Outputs  []tensorRow `json:"outputs,omitempty"`
}

type graphFile struct {
	Path   string `json:"path"`
	Size   int64  `json:"bytes"`
	SHA256 string `json:"sha256,omitempty"`
}

type tensorRow struct {
	Name string `json:"name"`
	Type string `json:"type"`
	// Dims are -1 where the model leaves them open, and null when it leaves
	// their number open.
	Dims []int64 `json:"dims"`
}

// rowOf is an entry's row. With an error it is what can be known of it.
func rowOf(ctx context.Context, e graphreg.Entry, digests bool) (graphRow, error) {
	row := graphRow{
		Name: e.Name, Version: e.Version, Encoding: string(e.Encoding),
		Backend: cmp.Or(e.Backend, backends.Auto), Target: cmp.Or(string(e.Target), string(backends.CPU)),
		Files: []graphFile{},
	}
	files, err := e.Details(ctx, digests)
	for _, f := range files {
		row.Files = append(row.Files, graphFile(f))
	}
	return row, err
}

func tensorRows(infos []backends.TensorInfo) []tensorRow {
	rows := make([]tensorRow, len(infos))
	for i, t := range infos {
		rows[i] = tensorRow{t.Name, t.Type.String(), t.Dims}
		if t.Dims == nil && !t.Unranked {
			rows[i].Dims = []int64{}
		}
	}
	return rows
}

// dims writes dimensions as in 1x3x?; a scalar has none.
func (t tensorRow) dims() string {
	if t.Dims == nil {
		return "any"
	}
	if len(t.Dims) == 0 {
		return "scalar"
	}
	parts := make([]string, len(t.Dims))
	for i, d := range t.Dims {
		parts[i] = strconv.FormatInt(d, 10)
		if d < 0 {
			parts[i] = "?"
		}
	}
	return strings.Join(parts, "x")
}

func (a *app) graphList(f *nnFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "ls",
		Aliases: []string{"list"},
		Short:   "List the models",
		Example: "  wasinn graph ls --registry models",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			n, err := f.openGraphs(cmd.Context(), a)
			if err != nil {
				return err
			}
			defer n.registry.Close()
			list, err := n.registry.List()
			rows := make([]graphRow, len(list))
			for i, s := range list {
				var rerr error
				if rows[i], rerr = rowOf(cmd.Context(), s.Entry, false); rerr != nil {
					err = errors.Join(err, explain(s.FullName(), rerr))
				}
			}
			if asJSON {
				if jerr := writeJSON(a.stdout, rows); jerr != nil {
					return jerr
				}
				return err
			}
			t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "NAME\tVERSION\tBACKEND\tTARGET\tSIZE\tFILE")
			for _, r := range rows {
				var size int64
				var files []string
				for _, file := range r.Files {
					size += file.Size
					files = append(files, file.Path)
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%s\t%s\t%s\n", r.Name, cmp.Or(r.Version, "-"), r.Backend, r.Target, megabytes(size), strings.Join(files, ", "))
			}
			if terr := t.Flush(); terr != nil {
				return terr
			}
			return err
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

// openGraphs is open for commands that need a registry.
func (f *nnFlags) openGraphs(ctx context.Context, a *app) (*neural, error) {
	if len(f.graphs)+len(f.registries)+len(f.wasmtimeGraphs)+len(f.wasmEdgeGraphs) == 0 {
		return nil, fmt.Errorf("which models? name a folder with --registry, or a model with --graph NAME=PATH")
	}
	return f.open(ctx, a)
}

func (a *app) graphInfo(f *nnFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:               "info NAME[@VERSION]...",
		Short:             "Load models and describe them",
		Example:           "  wasinn graph info --registry models digits",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeGraphs(f),
		RunE: func(cmd *cobra.Command, names []string) error {
			n, err := f.openGraphs(cmd.Context(), a)
			if err != nil {
				return err
			}
			defer n.registry.Close()
			var rows []graphRow
			for _, name := range names {
				info, err := n.registry.Info(cmd.Context(), name)
				if err != nil {
					return explain(name, err)
				}
				row, err := rowOf(cmd.Context(), info.Entry, true)
				if err != nil {
					return explain(name, err)
				}
				row.Backend, row.Encoding = info.Choice.Backend, string(info.Choice.Encoding)
				row.Inputs, row.Outputs = tensorRows(info.Inputs), tensorRows(info.Outputs)
				rows = append(rows, row)
			}
			if asJSON {
				return writeJSON(a.stdout, rows)
			}
			return writeInfo(a.stdout, rows)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return cmd
}

func writeInfo(w io.Writer, rows []graphRow) error {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for i, r := range rows {
		if i > 0 {
			fmt.Fprintln(t)
		}
		fmt.Fprintf(t, "name\t%s\n", r.Name)
		if r.Version != "" {
			fmt.Fprintf(t, "version\t%s\n", r.Version)
		}
		fmt.Fprintf(t, "backend\t%s\nencoding\t%s\ntarget\t%s\n", r.Backend, r.Encoding, r.Target)
		for _, file := range r.Files {
			fmt.Fprintf(t, "file\t%s, %s\nsha256\t%s\n", file.Path, megabytes(file.Size), file.SHA256)
		}
		for _, list := range []struct {
			what string
			rows []tensorRow
		}{{"input", r.Inputs}, {"output", r.Outputs}} {
			for i, tensor := range list.rows {
				fmt.Fprintf(t, "%s %d\t%s  %s  %s\n", list.what, i, tensor.Name, tensor.Type, tensor.dims())
			}
		}
	}
	return t.Flush()
}

// benchRow is what bench measures. Times are of one compute, in nanoseconds.
type benchRow struct {
	Name        string  `json:"name"`
	Backend     string  `json:"backend"`
	Threads     int     `json:"intra_op_threads"` // 0 is the engine's default
	Concurrency int     `json:"concurrency"`
	Computes    int     `json:"computes"`
	MinNS       int64   `json:"min_ns"`
	MedianNS    int64   `json:"median_ns"`
	P95NS       int64   `json:"p95_ns"`
	PerSecond   float64 `json:"per_second"`
}

func (a *app) graphBench(f *nnFlags) *cobra.Command {
	var (
		asJSON             bool
		count, concurrency int
		dims               []string
	)
	cmd := &cobra.Command{
		Use:   "bench NAME[@VERSION]...",
		Short: "Time models on tensors of zeros",
		Long: `Compute each model on tensors of zeros and show the fastest, the median and the
95th percentile of the times. Dimensions that a model leaves open are 1, unless
--dims says otherwise. Each of --concurrency callers has a context of its own; a
tenth of the computes, before those that count, warms them up.`,
		Example:           "  wasinn graph bench --registry models --computes 1000 --concurrency 8 digits",
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeGraphs(f),
		RunE: func(cmd *cobra.Command, names []string) error {
			switch {
			case count < 1:
				return fmt.Errorf("--computes %d: expected 1 or more", count)
			case concurrency < 1 || concurrency > 1024:
				return fmt.Errorf("--concurrency %d: expected 1 to 1024", concurrency)
			}
			open, err := parseDims(dims)
			if err != nil {
				return err
			}
			n, err := f.openGraphs(cmd.Context(), a)
			if err != nil {
				return err
			}
			defer n.registry.Close()
			var rows []benchRow
			for _, name := range names {
				row, err := bench(cmd.Context(), n.registry, name, open, count, concurrency)
				if err != nil {
					return explain(name, err)
				}
				row.Threads = f.intraOp
				rows = append(rows, row)
			}
			if asJSON {
				return writeJSON(a.stdout, rows)
			}
			t := tabwriter.NewWriter(a.stdout, 0, 0, 2, ' ', 0)
			fmt.Fprintln(t, "NAME\tBACKEND\tTHREADS\tCALLERS\tCOMPUTES\tMIN\tMEDIAN\tP95\tPER SECOND")
			for _, r := range rows {
				threads := strconv.Itoa(r.Threads)
				if r.Threads == 0 {
					threads = fmt.Sprintf("%d shared", runtime.GOMAXPROCS(0))
				}
				fmt.Fprintf(t, "%s\t%s\t%s\t%d\t%d\t%v\t%v\t%v\t%.0f\n", r.Name, r.Backend, threads, r.Concurrency, r.Computes,
					time.Duration(r.MinNS), time.Duration(r.MedianNS), time.Duration(r.P95NS), r.PerSecond)
			}
			return t.Flush()
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	cmd.Flags().IntVarP(&count, "computes", "n", 100, "number of computes that each caller makes, `N`")
	cmd.Flags().IntVar(&concurrency, "concurrency", 1, "callers at the same time, `N`")
	cmd.Flags().StringArrayVar(&dims, "dims", nil, "dimensions of an input, `INPUT=1x3x224x224`; repeatable")
	return cmd
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

// bench times count computes of each of so many callers.
func bench(ctx context.Context, r *graphreg.Registry, name string, dims map[string][]uint32, count, callers int) (benchRow, error) {
	h, err := r.Acquire(ctx, name)
	if err != nil {
		return benchRow{}, err
	}
	defer h.Close()
	var infos []backends.TensorInfo
	if d, ok := h.Graph().(backends.Describer); ok {
		infos = d.Inputs()
	}
	in, err := zeros(infos, dims)
	if err != nil {
		return benchRow{}, err
	}
	times := make([][]time.Duration, callers)
	errs := make([]error, callers)
	var warm, all sync.WaitGroup
	start := make(chan struct{})
	for c := range callers {
		warm.Add(1)
		all.Go(func() {
			ready := sync.OnceFunc(warm.Done)
			defer ready()
			times[c], errs[c] = caller(ctx, h.Graph(), in, count, ready, start)
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
	return benchRow{
		Name: h.Entry().FullName(), Backend: h.Choice().Backend, Concurrency: callers, Computes: len(sorted),
		MinNS: int64(sorted[0]), MedianNS: int64(sorted[len(sorted)/2]), P95NS: int64(sorted[(len(sorted)*95-1)/100]),
		PerSecond: float64(len(sorted)) / took.Seconds(),
	}, nil
}

// caller warms a context of its own up, says that it is ready, and times count
// computes from start on.
func caller(ctx context.Context, g backends.Graph, in []backends.NamedTensor, count int, ready func(), start <-chan struct{}) ([]time.Duration, error) {
	x, err := g.NewContext(ctx)
	if err != nil {
		return nil, err
	}
	defer x.Close()
	once := func() (time.Duration, error) {
		began := time.Now()
		out, err := x.Compute(ctx, in)
		took := time.Since(began)
		for _, o := range out {
			o.Tensor.Release()
		}
		return took, err
	}
	for range count/10 + 1 {
		if _, err := once(); err != nil {
			return nil, err
		}
	}
	ready()
	<-start
	times := make([]time.Duration, count)
	for i := range times {
		if times[i], err = once(); err != nil {
			return nil, err
		}
	}
	return times, nil
}

// completeGraphs completes the names of models.
func (a *app) completeGraphs(f *nnFlags) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
		n, err := f.openGraphs(cmd.Context(), a)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		defer n.registry.Close()
		list, _ := n.registry.List()
		var names []string
		for _, s := range list {
			names = append(names, s.FullName())
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// explain adds what only the host may know to an error of wasi-nn.
func explain(name string, err error) error {
	if e, ok := errors.AsType[*backends.Error](err); ok && e.Err != nil {
		return fmt.Errorf("%s: %w: %w", name, err, e.Err)
	}
	return fmt.Errorf("%s: %w", name, err)
}

func writeJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(v)
}

// megabytes writes a size as in 1.2 MB, small ones as in 3.4 kB.
func megabytes(n int64) string {
	if n < 1e6 {
		return fmt.Sprintf("%.1f kB", float64(n)/1e3)
	}
	return fmt.Sprintf("%.1f MB", float64(n)/1e6)
}
