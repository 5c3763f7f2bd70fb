package main

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/backends/gorgonia"
	"github.com/wasinn/wasinn/backends/onnxruntime"
	"github.com/wasinn/wasinn/internal/graphdiff"
	"github.com/wasinn/wasinn/internal/valuediff"
)

// diffFlags are those of wasinn graph diff.
type diffFlags struct {
	inputs, dims, symbols, ranges []string
	folder                        string
	seed                          uint64
	tolerance                     valuediff.Tolerance
	chunk                         int
	maxBytes                      byteSize
	all, asJSON, quiet            bool
}

func (a *app) graphDiff(f *nnFlags) *cobra.Command {
	d := diffFlags{maxBytes: graphdiff.DefaultMaxBytes}
	cmd := &cobra.Command{
		Use:   "diff MODEL",
		Short: "Find the first node where the two engines part",
		Long: `Compute a model on gorgonia and on onnxruntime, and report the first node whose
outputs part although its inputs agree. MODEL is a name of --registry or --graph,
or the path of an .onnx file.

Values agree when |gorgonia - onnxruntime| <= atol + rtol * |onnxruntime|, and NaN
equals NaN; integers may be off by atol, all else is exact. Every value between
nodes is looked at; those inside the graphs of If, Loop and Scan are not, and the
node itself is reported. That node is then computed once more as a model of its
own, fed what onnxruntime computed. Engines fuse nodes when nobody looks at what
is between them, so the model is also computed as it is, which tells whether only
the whole parts.

Inputs are random, by --seed, unless files hold them: elements as they are,
little-endian, or .npy, or ONNX's .pb. Random floats are in -1 to 1, U8 and I8 of
any value, other integers 0 or 1; --range says otherwise. A dimension that the
model leaves open is 1 unless --dim or --dims says otherwise.

The exit status is 0 when the engines agree, 6 when they part, and 1 when one of
them cannot compute the model, or is not here.`,
		Example: `  wasinn graph diff --registry models digits
  wasinn graph diff --dim batch=2 --range tokens=0:30000 encoder.onnx
  wasinn graph diff --inputs test_add/test_data_set_0 test_add/model.onnx`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: a.completeModels(f),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.diff(cmd.Context(), f, &d, args[0])
		},
	}
	fs := cmd.Flags()
	fs.StringArrayVar(&d.inputs, "input", nil, "an input out of a file: `NAME=FILE`; repeatable")
	fs.StringVar(&d.folder, "inputs", "", "inputs out of `DIR`, input_0.pb and so on, as a test_data_set_0 of ONNX has; its output_0.pb are compared as well")
	fs.StringArrayVar(&d.symbols, "dim", nil, "the size of an open dimension by its name: `NAME=N`; repeatable")
	fs.StringArrayVar(&d.dims, "dims", nil, "dimensions of an input: `INPUT=1x3x224x224`; repeatable")
	fs.StringArrayVar(&d.ranges, "range", nil, "random values of an input: `INPUT=LOW:HIGH`, HIGH left out, or one value; repeatable")
	fs.Uint64Var(&d.seed, "seed", 1, "seed of random inputs, `N`")
	fs.Float64Var(&d.tolerance.RTol, "rtol", 1e-3, "relative tolerance, `X`")
	fs.Float64Var(&d.tolerance.ATol, "atol", 1e-4, "absolute tolerance, `X`")
	fs.IntVar(&d.chunk, "chunk", graphdiff.DefaultChunk, "nodes whose values are looked at in one run, `N`")
	fs.Var(&d.maxBytes, "max-chunk-bytes", "`BYTES` of values that one run may keep, as far as sizes are known; such runs are halved")
	fs.BoolVar(&d.all, "all", false, "list every value that was compared")
	fs.BoolVar(&d.asJSON, "json", false, "print JSON")
	fs.BoolVarP(&d.quiet, "quiet", "q", false, "show no progress")
	register(cmd, map[string]cobra.CompletionFunc{"inputs": folders})
	return cmd
}

// diff is wasinn graph diff.
func (a *app) diff(ctx context.Context, f *nnFlags, d *diffFlags, name string) error {
	in, err := d.check()
	if err != nil {
		return err
	}
	if err := newestOpsets(); err != nil {
		return err
	}
	n, names, err := f.openModels(ctx, a, []string{name})
	if err != nil {
		return err
	}
	defer n.registry.Close()
	found, want, err := n.both(ctx)
	if err != nil {
		return err
	}
	path, model, err := n.readModel(ctx, names[0])
	if err != nil {
		return err
	}
	inputs, expected, origins, err := in.Values(model)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	p := newProgress(a.stderr, d.quiet)
	cfg := graphdiff.Config{
		Found: found, Want: want, Path: path, Tolerance: d.tolerance, Chunk: d.chunk, MaxBytes: uint64(d.maxBytes), Expected: expected,
		Progress: func(done, all int) { p.show(fmt.Sprintf("comparing node %d of %d", done, all), 0, 0) },
	}
	report, err := graphdiff.Run(ctx, model, inputs, cfg)
	p.end()
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	out := diffText{a.stdout, report, names[0], path, origins, d}
	if d.asJSON {
		err = writeJSON(a.stdout, out.row())
	} else {
		err = out.write()
	}
	if err == nil && !report.Equal() {
		err = &exitError{code: exitDiffer}
	}
	return err
}

// check reads the flags.
func (d *diffFlags) check() (in graphdiff.Inputs, err error) {
	for _, t := range []struct {
		flag  string
		value float64
	}{{"rtol", d.tolerance.RTol}, {"atol", d.tolerance.ATol}} {
		if !(t.value >= 0) || math.IsInf(t.value, 0) {
			return in, fmt.Errorf("--%s %v: expected 0 or more", t.flag, t.value)
		}
	}
	switch {
	case d.chunk < 1:
		return in, fmt.Errorf("--chunk %d: expected 1 or more", d.chunk)
	case d.maxBytes == 0:
		return in, fmt.Errorf("--max-chunk-bytes %s: expected more", &d.maxBytes)
	}
	in = graphdiff.Inputs{Files: map[string]string{}, Folder: d.folder, Ranges: map[string][2]float64{}, Seed: d.seed}
	for _, v := range d.inputs {
		name, file, ok := strings.Cut(v, "=")
		if !ok || name == "" || file == "" {
			return in, fmt.Errorf("--input %s: expected NAME=FILE", v)
		}
		in.Files[name] = file
	}
	if d.folder != "" {
		if info, err := os.Stat(d.folder); err != nil {
			return in, fmt.Errorf("--inputs: %w", err)
		} else if !info.IsDir() {
			return in, fmt.Errorf("--inputs %s: it is a file, expected a folder with input_0.pb", d.folder)
		}
	}
	for _, v := range d.ranges {
		name, r, err := parseRange(v)
		if err != nil {
			return in, err
		}
		in.Ranges[name] = r
	}
	if in.Symbols, err = parseSymbols(d.symbols); err != nil {
		return in, err
	}
	in.Dims, err = parseDims(d.dims)
	return in, err
}

// parseRange reads a value of --range.
func parseRange(v string) (name string, r [2]float64, err error) {
	i := strings.LastIndexByte(v, '=')
	if i <= 0 {
		return "", r, fmt.Errorf("--range %s: expected INPUT=LOW:HIGH", v)
	}
	low, high, two := strings.Cut(v[i+1:], ":")
	if !two {
		high = low
	}
	for k, text := range []string{low, high} {
		if r[k], err = strconv.ParseFloat(text, 64); err != nil || math.IsNaN(r[k]) || math.IsInf(r[k], 0) {
			return "", r, fmt.Errorf("--range %s: %q is no number", v, text)
		}
	}
	if r[0] > r[1] {
		return "", r, fmt.Errorf("--range %s: expected the lower bound first", v)
	}
	return v[:i], r, nil
}

// parseSymbols reads --dim.
func parseSymbols(list []string) (map[string]uint32, error) {
	out := map[string]uint32{}
	for _, v := range list {
		i := strings.LastIndexByte(v, '=')
		if i <= 0 {
			return nil, fmt.Errorf("--dim %s: expected NAME=N", v)
		}
		d, err := strconv.ParseUint(v[i+1:], 10, 32)
		if err != nil {
			return nil, fmt.Errorf("--dim %s: %q is no dimension", v, v[i+1:])
		}
		out[v[:i]] = uint32(d)
	}
	return out, nil
}

// newestOpsets lets ONNX Runtime take operator sets that are not released yet, since this
// is a tool for those who make models. ONNX Runtime looks when it is loaded.
func newestOpsets() error {
	const variable = "ALLOW_RELEASED_ONNX_OPSET_ONLY"
	if _, set := os.LookupEnv(variable); set {
		return nil
	}
	return os.Setenv(variable, "0")
}

// both are the engines that diff compares.
func (n *neural) both(ctx context.Context) (found, want backends.Backend, err error) {
	for _, e := range []struct {
		name string
		to   *backends.Backend
	}{{gorgonia.Name, &found}, {onnxruntime.Name, &want}} {
		if err := checkEngine(ctx, n.set, e.name); err != nil {
			return nil, nil, fmt.Errorf("this compares two engines, and %s does not run here: %w", e.name, err)
		}
		if *e.to, err = n.set.ByName(e.name); err != nil {
			return nil, nil, err
		}
	}
	return found, want, nil
}

// readModel reads the file of a model.
func (n *neural) readModel(ctx context.Context, name string) (path string, model []byte, err error) {
	e, err := n.registry.Find(name)
	if err != nil {
		return "", nil, err
	}
	files, err := e.Details(ctx, false)
	switch {
	case err != nil:
		return "", nil, explain(name, err)
	case len(files) != 1:
		return "", nil, fmt.Errorf("%s has %d files, expected the one of an ONNX model", name, len(files))
	}
	if model, err = readFile(files[0].Path, math.MaxInt32); err != nil {
		return "", nil, err
	}
	if !backends.IsONNX(model) {
		return "", nil, withCode(exitInvalid, fmt.Errorf("%s is no ONNX model: it is %s", files[0].Path, kindOf(model)))
	}
	return files[0].Path, model, nil
}

// diffText writes a report.
type diffText struct {
	w          io.Writer
	report     *graphdiff.Report
	name, path string
	origins    []graphdiff.Origin
	flags      *diffFlags
}

func (t diffText) write() error {
	r := t.report
	w := tabwriter.NewWriter(t.w, 0, 0, 2, ' ', 0)
	fmt.Fprintf(w, "model\t%s, %d nodes, %s\n", t.name, r.Nodes, t.path)
	for _, o := range t.origins {
		from := o.From
		if from == "random" {
			from = fmt.Sprintf("random, seed %d", t.flags.seed)
		}
		fmt.Fprintf(w, "input\t%s  %s  %s\n", clip([]byte(o.Name)), o.Type, from)
	}
	fmt.Fprintf(w, "tolerance\t%g relative, %g absolute\n", t.flags.tolerance.RTol, t.flags.tolerance.ATol)
	fmt.Fprintf(w, "compared\t%s\n", t.counts())
	for _, v := range r.Outputs {
		fmt.Fprintf(w, "output\t%s\n", t.line(v, r.Found, r.Want))
	}
	for _, v := range r.Expected {
		fmt.Fprintf(w, "expected\t%s: %s\n", v.Engine, t.line(v.Value, v.Engine, "the folder"))
	}
	fmt.Fprintf(w, "result\t%s\n", t.result())
	if r.First != nil {
		t.first(w)
	}
	if err := w.Flush(); err != nil {
		return err
	}
	if t.flags.all {
		return t.table()
	}
	return nil
}

// counts says how many values came to what.
func (t diffText) counts() string {
	n := map[graphdiff.Status]int{}
	for _, v := range t.report.Values {
		n[v.Status]++
	}
	parts := []string{fmt.Sprintf("%d values: %d agree, %d part", len(t.report.Values), n[graphdiff.Agrees], n[graphdiff.Parts])}
	if n[graphdiff.Random] > 0 {
		parts = append(parts, fmt.Sprintf("%d depend on random numbers", n[graphdiff.Random]))
	}
	if n[graphdiff.Unknown] > 0 {
		parts = append(parts, fmt.Sprintf("%d could not be compared (--all says why)", n[graphdiff.Unknown]))
	}
	return strings.Join(parts, ", ")
}

// result is the report in a sentence.
func (t diffText) result() string {
	r := t.report
	parts := func(v graphdiff.Value) bool { return v.Status == graphdiff.Parts }
	switch {
	case r.First != nil && !slices.ContainsFunc(r.Outputs, parts):
		return fmt.Sprintf("they part at node %d of %d, but the model's outputs agree", r.First.Index+1, r.Nodes)
	case r.First != nil:
		return fmt.Sprintf("they part at node %d of %d", r.First.Index+1, r.Nodes)
	case r.Equal():
		return "they agree: " + t.largest()
	}
	var own []string
	for _, side := range []struct {
		engine string
		values []graphdiff.Value
	}{{r.Found, r.FoundWhole}, {r.Want, r.WantWhole}} {
		if i := slices.IndexFunc(side.values, parts); i >= 0 {
			own = append(own, fmt.Sprintf("%s differs from itself, %s", side.engine, t.line(side.values[i], "as it is", "node by node")))
		}
	}
	if len(own) == 0 {
		own = []string{"no engine differs from itself beyond the tolerance"}
	}
	return "only the whole parts, each node by itself agrees: look at what is fused; " + strings.Join(own, "; ")
}

// largest are the largest distances that are within tolerance.
func (t diffText) largest() string {
	var abs, rel graphdiff.Value
	for _, v := range slices.Concat(t.report.Values, t.report.Outputs) {
		if v.Difference.MaxAbs > abs.Difference.MaxAbs {
			abs = v
		}
		if v.Difference.MaxRel > rel.Difference.MaxRel {
			rel = v
		}
	}
	if abs.Difference.MaxAbs == 0 {
		return "to the last bit"
	}
	return fmt.Sprintf("the largest distances are %.3g, of %q, and %.3g in proportion, of %q", abs.Difference.MaxAbs, abs.Name, rel.Difference.MaxRel, rel.Name)
}

// line says what came of a value. found and want name the sides.
func (t diffText) line(v graphdiff.Value, found, want string) string {
	head := strings.TrimSpace(clip([]byte(v.Name)) + "  " + v.Type)
	switch v.Status {
	case graphdiff.Agrees:
		return fmt.Sprintf("%s  agrees, max abs %.3g, rel %.3g", head, v.Difference.MaxAbs, v.Difference.MaxRel)
	case graphdiff.Parts:
		return fmt.Sprintf("%s  parts: %s", head, differs(v.Difference, found, want))
	case graphdiff.Unknown:
		return fmt.Sprintf("%s  not compared: %s", head, clip([]byte(v.Reason)))
	case graphdiff.Random:
		return head + "  depends on random numbers"
	}
	return fmt.Sprintf("%s  %s", head, v.Status)
}

// differs says how values differ.
func differs(d valuediff.Difference, found, want string) string {
	w := d.Worst
	if w.Mismatch != "" {
		return fmt.Sprintf("%s%s (found by %s, expected by %s)", w.Path, w.Mismatch, found, want)
	}
	return fmt.Sprintf("%s%d of %d elements, worst at %v: %s %s, %s %s; max abs %.3g, rel %.3g",
		w.Path, w.Differ, w.Elements, w.Index, found, w.Found, want, w.Want, d.MaxAbs, d.MaxRel)
}

// first describes the node where the engines part.
func (t diffText) first(w io.Writer) {
	n := t.report.First
	fmt.Fprintf(w, "\nnode\t%s, %s\n", nodeLabel(n), graphdiff.Operator(n.Node)+" of "+opset(n))
	for _, a := range n.Attributes {
		fmt.Fprintf(w, "attribute\t%s\n", a)
	}
	for _, v := range n.Takes {
		fmt.Fprintf(w, "takes\t%s\n", t.line(v, t.report.Found, t.report.Want))
	}
	for _, v := range n.Makes {
		fmt.Fprintf(w, "makes\t%s\n", t.line(v, t.report.Found, t.report.Want))
	}
	for _, v := range n.Alone {
		fmt.Fprintf(w, "alone\t%s\n", t.line(v, t.report.Found, t.report.Want))
	}
	fmt.Fprintf(w, "\t%s\n", verdict(n, t.report))
	if k := len(t.report.Others); k > 0 {
		fmt.Fprintf(w, "others\t%d more nodes part although their inputs agree: %s\n", k, t.others())
	}
}

// nodeLabel names a node by its name, its first output or its place.
func nodeLabel(n *graphdiff.Node) string {
	switch {
	case n.Name != "":
		return strconv.Quote(clip([]byte(n.Name)))
	case len(n.Makes) > 0:
		return "that makes " + strconv.Quote(clip([]byte(n.Makes[0].Name)))
	}
	return strconv.Itoa(n.Index + 1)
}

// opset is the version of a node's operator set, as in ai.onnx 17.
func opset(n *graphdiff.Node) string {
	return fmt.Sprintf("%s %d", clip([]byte(cmp.Or(n.Domain, "ai.onnx"))), n.Version)
}

// verdict says what the node alone tells.
func verdict(n *graphdiff.Node, r *graphdiff.Report) string {
	status := func(want graphdiff.Status) bool {
		return slices.ContainsFunc(n.Alone, func(v graphdiff.Value) bool { return v.Status == want })
	}
	switch {
	case status(graphdiff.Parts):
		return fmt.Sprintf("fed the same values, the node itself parts: %s and %s compute it differently", r.Found, r.Want)
	case status(graphdiff.Unknown):
		return "whether the node itself parts when it is fed the same values is not known"
	}
	return "fed the same values, the node agrees: it enlarges differences of its inputs that are within tolerance"
}

// others lists more nodes that part, but not hundreds.
func (t diffText) others() string {
	var list []string
	for _, i := range t.report.Others[:min(len(t.report.Others), 8)] {
		list = append(list, strconv.Itoa(i+1))
	}
	if len(list) < len(t.report.Others) {
		list = append(list, "...")
	}
	return strings.Join(list, ", ")
}

// table lists every value.
func (t diffText) table() error {
	w := tabwriter.NewWriter(t.w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "\nNODE\tOPERATOR\tVALUE\tTYPE\tSTATUS\tDIFFER\tMAX ABS\tMAX REL\tNOTE")
	for _, v := range t.report.Values {
		note := v.Reason
		if v.Difference.Worst != nil {
			note = differs(v.Difference, t.report.Found, t.report.Want)
		}
		fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%d of %d\t%.3g\t%.3g\t%s\n", v.Node+1, clip([]byte(t.report.Operators[v.Node])), clip([]byte(v.Name)), cmp.Or(v.Type, "-"),
			v.Status, v.Difference.Differ, v.Difference.Elements, v.Difference.MaxAbs, v.Difference.MaxRel, cmp.Or(clip([]byte(note)), "-"))
	}
	return w.Flush()
}
