package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasinn/wasinn/testsuite/bench"
)

func benchCommand() *cobra.Command {
	var o benchOptions
	cmd := &cobra.Command{
		Use:   "bench",
		Short: "Measure calls, lifts, instances and computes, each beside its floor",
		Long: `Measure calls, lifts, instances and computes, each beside its floor: what the
same work costs without this project, measured in the same run.

Ours and the floor take turns for some rounds, and the best turn of each counts,
so that a busy machine spoils little; take the ratios, not the times. The table
has the nanoseconds of one operation of each, their ratio, and how often ours
allocates in Go's heap; rows of memory have bytes in their place. The last lines are
ratio NAME VALUE.

With --passes, it measures instead what each pass of the engine in pure Go gains: the
time of each network without the pass by that with all, on one thread.

What is measured, and its floor:

` + benchTable() + `
Rows on ONNX Runtime, whole models and operators that an engine lacks are left
out, with the reason, where they cannot run; get the library by wasinn setup
onnxruntime and the models by make models. Guests are part of this program.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.passes {
				return o.runPasses(cmd.Context(), cmd.OutOrStdout())
			}
			return o.run(cmd.Context(), cmd.OutOrStdout(), bench.Rows())
		},
	}
	flags := cmd.Flags()
	flags.IntVar(&o.rounds, "rounds", 25, "how often ours and the floor take turns")
	flags.DurationVar(&o.time, "time", 10*time.Millisecond, "how long one turn lasts, about")
	flags.StringVar(&o.filter, "filter", "", "only rows whose name matches this `REGEXP`")
	flags.BoolVar(&o.passes, "passes", false, "measure what each pass of the engine in pure Go gains, for networks whose name matches --filter")
	flags.BoolVar(&o.json, "json", false, "print a line of JSON for every row, and nothing else")
	return cmd
}

// benchTable is the rows' descriptions, for the help.
func benchTable() string {
	var text []byte
	for _, row := range bench.Rows() {
		text = fmt.Appendf(text, "  %-30s %s;\n  %-30s floor: %s\n", row.Name, row.Ours, "", row.Floor)
	}
	return string(text)
}

type benchOptions struct {
	rounds int
	time   time.Duration
	filter string
	passes bool
	json   bool
}

func (o benchOptions) run(ctx context.Context, out io.Writer, rows []bench.Row) error {
	if o.rounds < 1 || o.time <= 0 {
		return fmt.Errorf("--rounds %d --time %v: expected at least one round, and some time", o.rounds, o.time)
	}
	match, err := regexp.Compile(o.filter)
	if err != nil {
		return fmt.Errorf("--filter: %w", err)
	}
	results, err := o.measure(ctx, out, rows, match)
	switch {
	case o.json || err != nil && len(results) == 0:
		return err
	case len(results) == 0:
		return fmt.Errorf("--filter %q matches no row", o.filter)
	}
	return errors.Join(err, printBench(out, results)) // what was measured before an error counts
}

// measure measures the rows that match, and prints them when it is as JSON.
func (o benchOptions) measure(ctx context.Context, out io.Writer, rows []bench.Row, match *regexp.Regexp) (results []bench.Result, err error) {
	lines := json.NewEncoder(out)
	child, err := os.Executable()
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if !match.MatchString(row.Name) {
			continue
		}
		r, err := bench.Measure(ctx, row, bench.Options{Rounds: o.rounds, Time: o.time, Child: child})
		if err != nil {
			return results, fmt.Errorf("%s: %w", row.Name, err)
		}
		if o.json {
			if err := lines.Encode(r); err != nil {
				return results, err
			}
		}
		results = append(results, r)
	}
	return results, nil
}

// printBench prints the table, what was left out, and the ratios.
func printBench(out io.Writer, results []bench.Result) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "name\tours ns\tfloor ns\tratio\tallocs\t")
	for _, r := range results {
		switch {
		case r.Missing != "":
		case r.OursBytes > 0:
			fmt.Fprintf(table, "%s\t%d bytes\t%d bytes\t%.2f\t\t\n", r.Name, r.OursBytes, r.FloorBytes, r.Ratio)
		default:
			fmt.Fprintf(table, "%s\t%s\t%s\t%.2f\t%.0f\t\n", r.Name, nanoseconds(r.Ours), nanoseconds(r.Floor), r.Ratio, r.Allocs)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	for _, r := range results {
		if r.Missing != "" {
			fmt.Fprintf(out, "left out: %s: %s\n", r.Name, r.Missing)
		}
	}
	fmt.Fprintln(out)
	for _, r := range results {
		if r.Missing == "" {
			fmt.Fprintf(out, "ratio %s %.2f\n", r.Name, r.Ratio)
		}
	}
	return nil
}

// runPasses measures the passes and prints a table: a row for each network, a column for
// each pass that changes any.
func (o benchOptions) runPasses(ctx context.Context, out io.Writer) error {
	match, err := regexp.Compile(o.filter)
	if err != nil {
		return fmt.Errorf("--filter: %w", err)
	}
	gains, err := bench.PassGains(ctx, match, bench.Options{Rounds: o.rounds, Time: o.time})
	if err != nil {
		return err
	}
	if o.json {
		return json.NewEncoder(out).Encode(gains)
	}
	return printPasses(out, gains)
}

func printPasses(out io.Writer, gains []bench.PassGain) error {
	table := tabwriter.NewWriter(out, 0, 0, 3, ' ', tabwriter.AlignRight)
	fmt.Fprintln(table, "network\tpass\tchanges\twithout / with\t")
	for _, g := range gains {
		fmt.Fprintf(table, "%s\t%s\t%d\t%.2f\t\n", g.Network, g.Pass, g.Changes, g.Ratio)
	}
	return table.Flush()
}

// memoryCommand measures one engine's memory in a process of its own, for the rows of
// bench.
func memoryCommand() *cobra.Command {
	return &cobra.Command{
		Use: bench.MemoryCommand + " NETWORK ENGINE", Args: cobra.ExactArgs(2), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := bench.MemoryWorker(cmd.Context(), args[0], args[1])
			if err == nil {
				fmt.Fprintln(cmd.OutOrStdout(), n)
			}
			return err
		},
	}
}

// nanoseconds prints a time with about three digits that count.
func nanoseconds(ns float64) string {
	precision := 0
	if ns < 1000 {
		precision = 1
	}
	return strconv.FormatFloat(ns, 'f', precision, 64)
}
