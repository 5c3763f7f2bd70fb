package main

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasinn/wasinn/testsuite/onnxcases"
)

func onnxCommand() *cobra.Command {
	var o onnxOptions
	var r onnxReport
	var expect string
	cmd := &cobra.Command{
		Use:   "onnx --backend onnxruntime|gorgonia [DIR]",
		Short: "Run every ONNX backend test case below DIR: folders with model.onnx and test_data_set_*",
		Long: `Run every ONNX backend test case below DIR: folders with model.onnx and test_data_set_*.
Without DIR, run those of ONNX 1.22's Python package, which pip gets (19 MB) unless it
is in the cache.

Cases run one after the other in one process. One that crashes it, or hangs, has
failed, and another process goes on with the next. Outputs are compared with
rtol 1e-3 and atol 1e-7, or what the case says; integers, booleans and strings
exactly.`,
		Args: exactly(cobra.MaximumNArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if expect != "" {
				if r.expected, err = onnxcases.LoadExpected(expect); err != nil {
					return err
				}
			}
			o.from(args)
			r.out = cmd.OutOrStdout()
			if err := r.run(cmd.Context(), o); err != nil {
				return err
			}
			return r.finish()
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&expect, "expect", "", "a list of failures that are known: CASE: REASON, or CASE?: REASON for what fails on some machines")
	cmd.Flags().BoolVar(&r.types, "types", false, "a table by element type, too")
	cmd.Flags().BoolVar(&r.operators, "operators", false, "rows for operators, too")
	cmd.Flags().BoolVar(&r.markdown, "markdown", false, "print the tables for the README")
	cmd.Flags().BoolVar(&r.json, "json", false, "print a line of JSON for every case, and no tables")
	return cmd
}

// onnxOptions say what runs which cases.
type onnxOptions struct {
	dir, backend, via, guest, filter string
	timeout                          time.Duration
}

func (o *onnxOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.backend, "backend", "", "the engine under test: "+strings.Join(engineNames(), " or "))
	cmd.Flags().StringVar(&o.via, "via", "host", "who loads and computes: the host itself, or a guest")
	cmd.Flags().StringVar(&o.guest, "guest", "guests/prebuilt/nncli.component.wasm", "with --via guest: nncli, as a component or as a preview 1 module")
	cmd.Flags().StringVar(&o.filter, "run", "", "run only the cases whose name this regular expression matches")
	cmd.Flags().DurationVar(&o.timeout, "timeout", time.Minute, "the longest that one case may run")
	cmd.MarkFlagRequired("backend")
}

// from takes the folder of the cases from the arguments.
func (o *onnxOptions) from(args []string) {
	if len(args) > 0 {
		o.dir = args[0]
	}
}

// cases are the cases to run; every process finds the same.
func (o *onnxOptions) cases(ctx context.Context) ([]*onnxcases.Case, error) {
	filter, err := regexp.Compile(o.filter)
	if err != nil {
		return nil, fmt.Errorf("--run: %w", err)
	}
	var root fs.FS
	if o.dir != "" {
		if err := checkFolder(o.dir); err != nil {
			return nil, err
		}
		root = os.DirFS(o.dir)
	} else if root, _, err = onnxcases.Official(ctx); err != nil { // closed by the end of the process
		return nil, err
	}
	cases, err := onnxcases.Find(root, o.dir)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(cases, func(c *onnxcases.Case) bool { return !filter.MatchString(c.Name) }), nil
}

// onnxReport gathers what a run finds.
type onnxReport struct {
	out                              io.Writer
	expected                         onnxcases.Expected
	types, operators, markdown, json bool

	byOperator, byType map[string]*count
	total              count
	unlisted           int // failures
	listedPassed       int
}

// onnxCase is a case and what tables want to know of it.
type onnxCase struct {
	*onnxcases.Case
	operator string
	types    []string
}

// described reads the cases for the tables. One that cannot be read is
// described by nothing, and fails when it is run.
func described(cases []*onnxcases.Case) []onnxCase {
	all := make([]onnxCase, len(cases))
	operators := map[string]string{}
	for pass := range 2 { // in the second, operators are known by the names of all cases
		for i, c := range cases {
			all[i] = onnxCase{Case: c}
			l, err := c.Load()
			if err != nil {
				continue
			}
			if pass == 0 {
				operators[c.Name] = l.Operator(nil)
				continue
			}
			all[i].operator = l.Operator(operators)
			for _, ty := range l.ElementTypes() {
				all[i].types = append(all[i].types, ty.String())
			}
		}
	}
	return all
}

func (r *onnxReport) run(ctx context.Context, o onnxOptions) error {
	if o.timeout <= 0 {
		return fmt.Errorf("--timeout %v: expected more", o.timeout)
	}
	if _, err := o.loader(ctx); err != nil {
		return err
	}
	found, err := o.cases(ctx)
	if err != nil {
		return err
	}
	if len(found) == 0 {
		return fmt.Errorf("there is no such case below %s: a case is a folder with model.onnx and test_data_set_0", cmp.Or(o.dir, "ONNX's own"))
	}
	cases := described(found)
	r.byOperator, r.byType = map[string]*count{}, map[string]*count{}
	for at := 0; at < len(cases); at++ {
		died, err := o.worker(at).run(ctx, func(res outcome) {
			if at < len(cases) {
				r.add(cases[at], res)
				at++
			}
		})
		if err != nil {
			return err
		}
		if died != "" && at < len(cases) {
			r.add(cases[at], outcome{Fail: died})
		}
	}
	return nil
}

func (r *onnxReport) add(c onnxCase, res outcome) {
	r.total.add(res)
	countIn(r.byOperator, c.operator, res)
	for _, ty := range c.types {
		countIn(r.byType, ty, res)
	}
	listed, known := r.expected[c.Name]
	unexpected := ""
	switch {
	case res.Fail != "" && !known:
		r.unlisted++
	case res.Fail == "" && res.Skip == "" && known && !listed.Maybe:
		r.listedPassed++
		unexpected = "it is listed as a failure; take it off the list"
	}
	switch {
	case r.json:
		r.printJSON(c, res)
	case res.Fail != "" && known:
		fmt.Fprintf(r.out, "FAIL %s %s (listed)\n", c.Name, res.Fail)
	case res.Fail != "":
		fmt.Fprintf(r.out, "FAIL %s %s\n", c.Name, res.Fail)
	case unexpected != "":
		fmt.Fprintf(r.out, "PASS %s %s\n", c.Name, unexpected)
	}
}

func countIn(counts map[string]*count, key string, res outcome) {
	if counts[key] == nil {
		counts[key] = new(count)
	}
	counts[key].add(res)
}

// printJSON prints a case as a line of its own.
func (r *onnxReport) printJSON(c onnxCase, res outcome) {
	status, what := "passed", ""
	switch {
	case res.Fail != "":
		status, what = "failed", res.Fail
	case res.Skip != "":
		status, what = "skipped", res.Skip
	}
	_, listed := r.expected[c.Name]
	line := struct {
		Case     string   `json:"case"`
		Operator string   `json:"operator"`
		Family   string   `json:"family"`
		Types    []string `json:"types"`
		Status   string   `json:"status"`
		What     string   `json:"what,omitempty"`
		Listed   bool     `json:"listed,omitempty"`
		Ms       float64  `json:"ms"`
	}{c.Name, c.operator, onnxcases.Family(c.operator), c.types, status, what, listed, res.Milliseconds}
	if err := json.NewEncoder(r.out).Encode(line); err != nil {
		fmt.Fprintf(r.out, "FAIL %s %v\n", c.Name, err)
	}
}

// finish prints the tables and the last line.
func (r *onnxReport) finish() error {
	if !r.json {
		r.printTables()
	}
	if len(r.expected) > 0 {
		fmt.Fprintf(r.out, "\n%d of the failures are listed, %d are not; %d listed cases passed\n",
			r.total.failed-r.unlisted, r.unlisted, r.listedPassed)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.total.passed, r.total.failed, r.total.skipped)
	if r.unlisted > 0 || r.listedPassed > 0 {
		return errFailed
	}
	return nil
}

func (r *onnxReport) printTables() {
	t := table{out: r.out, markdown: r.markdown}
	t.begin("operators")
	for _, family := range onnxcases.Families() {
		var sum count
		var ops []string
		for _, op := range sortedKeys(r.byOperator) {
			if onnxcases.Family(op) == family {
				sum = sum.plus(*r.byOperator[op])
				ops = append(ops, op)
			}
		}
		if sum.all() == 0 {
			continue
		}
		t.row(family, sum)
		for _, op := range ops {
			if r.operators && op != "" {
				t.row("  "+op, *r.byOperator[op])
			}
		}
	}
	t.row("all", r.total)
	t.end()
	if r.types {
		t.begin("element type")
		for _, ty := range sortedKeys(r.byType) {
			t.row(ty, *r.byType[ty])
		}
		t.end()
	}
}

func (c count) plus(d count) count {
	return count{c.passed + d.passed, c.failed + d.failed, c.skipped + d.skipped}
}

func sortedKeys(counts map[string]*count) []string {
	var keys []string
	for k := range counts {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}

// table prints counts, for a terminal or in Markdown.
type table struct {
	out      io.Writer
	markdown bool
	w        *tabwriter.Writer
}

func (t *table) begin(what string) {
	if t.markdown {
		fmt.Fprintf(t.out, "\n| %s | passed | of |\n|---|--:|--:|\n", what)
		return
	}
	t.w = tabwriter.NewWriter(t.out, 0, 8, 2, ' ', 0)
	fmt.Fprintf(t.w, "\n%s\tPASSED\tFAILED\tSKIPPED\tALL\n", strings.ToUpper(what))
}

func (t *table) row(name string, c count) {
	if t.markdown {
		fmt.Fprintf(t.out, "| %s | %d | %d |\n", strings.TrimSpace(name), c.passed, c.all())
		return
	}
	fmt.Fprintf(t.w, "%s\t%d\t%d\t%d\t%d\n", name, c.passed, c.failed, c.skipped, c.all())
}

func (t *table) end() {
	if !t.markdown {
		t.w.Flush()
	}
}

// worker is what runs the cases from the given one on.
func (o onnxOptions) worker(from int) worker {
	args := []string{"onnx-worker", "--backend", o.backend, "--via", o.via, "--guest", o.guest, "--run", o.filter,
		"--timeout", o.timeout.String(), "--from", fmt.Sprint(from)}
	if o.dir != "" {
		args = append(args, "--", o.dir)
	}
	return worker{args: args, env: engineEnvironment, timeout: o.timeout}
}

// onnxWorkerCommand runs cases in a process of its own.
func onnxWorkerCommand() *cobra.Command {
	var o onnxOptions
	var from int
	cmd := &cobra.Command{
		Use: "onnx-worker [DIR]", Args: cobra.MaximumNArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			o.from(args)
			return o.work(cmd.Context(), cmd.OutOrStdout(), from)
		},
	}
	o.flags(cmd)
	cmd.Flags().IntVar(&from, "from", 0, "the first case, by index")
	return cmd
}

func (o onnxOptions) work(ctx context.Context, out io.Writer, from int) error {
	by, err := o.loader(ctx)
	if err != nil {
		return err
	}
	cases, err := o.cases(ctx)
	if err != nil {
		return err
	}
	enc := json.NewEncoder(out)
	for i := from; i < len(cases); i++ {
		start := time.Now()
		res := tellCase(i, o.runCase(ctx, cases[i], by))
		res.Milliseconds = float64(time.Since(start).Microseconds()) / 1000
		if err := enc.Encode(res); err != nil {
			return err
		}
	}
	return enc.Encode(outcome{Index: len(cases), Done: true})
}

func (o onnxOptions) runCase(ctx context.Context, c *onnxcases.Case, by onnxcases.Loader) error {
	ctx, cancel := context.WithTimeoutCause(ctx, o.timeout, fmt.Errorf("not done after %v", o.timeout))
	defer cancel()
	l, err := c.Load()
	if err != nil {
		return fmt.Errorf("read: %w", err)
	}
	return l.Run(ctx, by)
}

// maxWhat is how long what is told of a failure may be.
const maxWhat = 300

func tellCase(i int, err error) outcome {
	res := outcome{Index: i}
	var skip *onnxcases.Skip
	switch {
	case err == nil:
	case errors.As(err, &skip):
		res.Skip = skip.Reason
	default:
		res.Fail = strings.Join(strings.Fields(err.Error()), " ")
		if len(res.Fail) > maxWhat {
			res.Fail = strings.ToValidUTF8(res.Fail[:maxWhat], "") + "..."
		}
	}
	return res
}

// loader makes what the cases are computed by.
func (o onnxOptions) loader(ctx context.Context) (onnxcases.Loader, error) {
	if o.via != "host" && o.via != "guest" {
		return nil, fmt.Errorf("--via %q: expected host or guest", o.via)
	}
	engine, err := newEngine(ctx, o.backend)
	if err != nil {
		return nil, err
	}
	if o.via == "host" {
		return onnxcases.Host(engine), nil
	}
	guest, err := newViaGuest(ctx, engine, o.guest)
	if err != nil {
		return nil, err
	}
	return guest, nil
}
