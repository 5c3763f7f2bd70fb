package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/graphreg"
	"github.com/wasinn/wasinn/internal/onnxdata"
)

func (a *app) graphCommand() *cobra.Command {
	var f nnFlags
	cmd := &cobra.Command{
		Use:   "graph",
		Short: "Look at models",
		Long: `Look at the models that guests can name: those of --graph and --registry, as
wasinn run would have them. Where a command takes a MODEL, the path of an .onnx
file will do as well.`,
		Args: noArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	f.register(cmd.PersistentFlags())
	f.complete(cmd)
	cmd.AddCommand(a.graphList(&f), a.graphInfo(&f), a.graphBench(&f), a.graphDiff(&f))
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
	// Symbols are the names of open dimensions, "" for those that have none; --dim takes
	// them. Empty when they are not known.
	Symbols []string `json:"symbols,omitempty"`
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
		rows[i] = tensorRow{Name: t.Name, Type: t.Type.String(), Dims: t.Dims}
		if t.Dims == nil && !t.Unranked {
			rows[i].Dims = []int64{}
		}
	}
	return rows
}

// dims writes dimensions as in 1x3x?, or 1x3x{width} where open ones have names; a scalar has
// none.
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
			if i < len(t.Symbols) && t.Symbols[i] != "" {
				parts[i] = "{" + t.Symbols[i] + "}"
			}
		}
	}
	return strings.Join(parts, "x")
}

// text is the type and the dimensions, which only tensors have.
func (t tensorRow) text() string {
	if t.Dims == nil && strings.ContainsAny(t.Type, " (") {
		return t.Type
	}
	return t.Type + "  " + t.dims()
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
	if len(f.graphs)+len(f.registries)+len(f.wasmtimeGraphs)+len(f.wasmEdgeGraphs)+len(f.files) == 0 {
		return nil, fmt.Errorf("which models? name a folder with --registry, or a model with --graph NAME=PATH")
	}
	return f.open(ctx, a)
}

// openModels is openGraphs for models that may be paths of files. It returns the names
// that the registry has for them.
func (f *nnFlags) openModels(ctx context.Context, a *app, models []string) (*neural, []string, error) {
	names := slices.Clone(models)
	for i, m := range models {
		if !isPath(m) {
			continue
		}
		if info, err := os.Stat(m); err != nil {
			return nil, nil, err
		} else if info.IsDir() {
			return nil, nil, fmt.Errorf("%s is a directory, expected an .onnx file or the name of a model", m)
		}
		if err := checkONNX(m); err != nil {
			return nil, nil, err
		}
		names[i] = f.nameFile(m)
	}
	n, err := f.openGraphs(ctx, a)
	return n, names, err
}

// checkONNX says what a file is that is no ONNX model.
func checkONNX(path string) error {
	b, err := readFile(path, math.MaxInt32)
	if err == nil && !backends.IsONNX(b) {
		err = withCode(exitInvalid, fmt.Errorf("%s is no ONNX model: it is %s", path, kindOf(b)))
	}
	return err
}

// isPath tells a file from the name of a model, which has no slash.
func isPath(model string) bool {
	return strings.ContainsRune(model, '/') || strings.ContainsRune(model, os.PathSeparator) || strings.EqualFold(filepath.Ext(model), ".onnx")
}

// nameFile gives a file a name in the registry: that of the file, or of its folder where it
// is a model.onnx.
func (f *nnFlags) nameFile(path string) string {
	base := strings.TrimSuffix(filepath.Base(path), filepath.Ext(path))
	if abs, err := filepath.Abs(path); err == nil && filepath.Base(path) == graphreg.ModelFile {
		base = filepath.Base(filepath.Dir(abs))
	}
	if graphreg.CheckName(base) != nil {
		base = "model"
	}
	name := base
	for n := 2; slices.ContainsFunc(f.files, func(e graphreg.Entry) bool { return e.Name == name }); n++ {
		name = fmt.Sprintf("%s-%d", base, n)
	}
	f.files = append(f.files, graphreg.Entry{Name: name, Encoding: backends.ONNX, Files: []graphreg.File{{Path: path}}})
	return name
}

func (a *app) graphInfo(f *nnFlags) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "info MODEL...",
		Short: "Load models and describe them",
		Long: `Load models and describe them: inputs, outputs, engine, and the checksums of
their files. MODEL is NAME or NAME@VERSION of --registry or --graph, or the path
of an .onnx file.`,
		Example: `  wasinn graph info --registry models digits
  wasinn graph info model.onnx`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: a.completeModels(f),
		RunE: func(cmd *cobra.Command, models []string) error {
			n, names, err := f.openModels(cmd.Context(), a, models)
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
				n.nameDims(cmd.Context(), name, row.Inputs, row.Outputs)
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

// nameDims adds the names of open dimensions, where the model's file has them.
func (n *neural) nameDims(ctx context.Context, name string, lists ...[]tensorRow) {
	_, model, err := n.readModel(ctx, name)
	if err != nil {
		return
	}
	symbols, err := onnxdata.Symbols(model)
	if err != nil {
		return
	}
	for _, rows := range lists {
		for i := range rows {
			rows[i].Symbols = symbolsOf(rows[i].Name, symbols)
		}
	}
}

// symbolsOf are the names of a value's open dimensions; nil when none has one.
func symbolsOf(name string, symbols map[string][]string) []string {
	if !slices.ContainsFunc(symbols[name], func(s string) bool { return s != "" }) {
		return nil
	}
	var names []string
	for _, s := range symbols[name] {
		names = append(names, clip([]byte(s)))
	}
	return names
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

// completeModels completes the names of models, and .onnx files where there are none.
func (a *app) completeModels(f *nnFlags) cobra.CompletionFunc {
	return func(cmd *cobra.Command, _ []string, typed string) ([]string, cobra.ShellCompDirective) {
		files := []string{"onnx"}
		for _, list := range []*[]string{&f.graphs, &f.wasmtimeGraphs, &f.wasmEdgeGraphs} {
			slices.Sort(*list) // cobra parses the flags twice before it asks
			*list = slices.Compact(*list)
		}
		n, err := f.openGraphs(cmd.Context(), a)
		if err != nil {
			return files, cobra.ShellCompDirectiveFilterFileExt
		}
		defer n.registry.Close()
		list, _ := n.registry.List()
		var names []string
		for _, s := range list {
			if strings.HasPrefix(s.FullName(), typed) {
				names = append(names, s.FullName())
			}
		}
		if len(names) == 0 {
			return files, cobra.ShellCompDirectiveFilterFileExt
		}
		return names, cobra.ShellCompDirectiveNoFileComp
	}
}

// explain adds what only the host may know to an error of wasi-nn about a model.
func explain(name string, err error) error {
	if cause := hostCause(err); cause != nil && !strings.Contains(err.Error(), cause.Error()) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	err = fmt.Errorf("%s: %w", name, err)
	if e, ok := errors.AsType[*backends.Error](err); ok && e.Code == backends.InvalidEncoding {
		return withCode(exitInvalid, err)
	}
	return err
}

// hostCause is what is behind an error of wasi-nn, and the errors of wasi-nn that this may
// wrap; nil when there is nothing.
func hostCause(err error) error {
	for {
		e, ok := errors.AsType[*backends.Error](err)
		if !ok {
			return err
		}
		if err = e.Err; err == nil {
			return nil
		}
	}
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
