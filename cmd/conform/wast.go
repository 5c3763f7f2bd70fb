package main

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/wasinn/wasinn/testsuite/wast"
)

func wastCommand() *cobra.Command {
	var o engineOptions
	var r report
	var expect string
	cmd := &cobra.Command{
		Use:   "wast DIR",
		Short: "Run every JSON suite below DIR, as wasm-tools json-from-wast writes them",
		Args:  exactly(cobra.ExactArgs(1)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if _, err := o.component(); err != nil {
				return err
			}
			if _, err := o.features(); err != nil {
				return err
			}
			if o.timeout <= 0 {
				return fmt.Errorf("--timeout %v: expected more", o.timeout)
			}
			if err := checkFolder(args[0]); err != nil {
				return err
			}
			r.dir, r.expected = args[0], wast.Expected{}
			if expect != "" {
				var err error
				if r.expected, err = wast.LoadExpected(expect); err != nil {
					return err
				}
			}
			r.out = cmd.OutOrStdout()
			if err := r.run(cmd.Context(), o, args[0]); err != nil {
				return err
			}
			return r.finish()
		},
	}
	o.flags(cmd)
	cmd.Flags().StringVar(&expect, "expect", "", "a list of failures that are known: FILE:LINE: KIND: REASON")
	cmd.Flags().BoolVar(&r.every, "all", false, "a FAIL line for every command, not for every file")
	cmd.Flags().BoolVar(&r.texts, "texts", false, "a TEXT line for every trap and refusal that was right: the text expected and the one found, for people to compare")
	cmd.Flags().BoolVar(&r.markdown, "markdown", false, "print the table of assertions for the README")
	return cmd
}

// report gathers what a run finds.
type report struct {
	out      io.Writer
	dir      string
	expected wast.Expected
	// texts has expected texts told beside those found.
	every, markdown, texts bool

	files                  int
	counts                 map[group]count
	listedPassed, unlisted int
	total                  count
}

// group is a row of the table.
type group struct{ folder, kind string }

type count struct{ passed, failed, skipped int }

func (c count) all() int { return c.passed + c.failed + c.skipped }

func (c *count) add(o outcome) {
	switch {
	case o.Fail != "":
		c.failed++
	case o.Skip != "":
		c.skipped++
	default:
		c.passed++
	}
}

// run runs every suite below dir, in order of their paths.
func (r *report) run(ctx context.Context, o engineOptions, dir string) error {
	r.counts = map[group]count{}
	return filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || filepath.Ext(path) != ".json" {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		return r.file(ctx, o, path, filepath.ToSlash(rel))
	})
}

func (r *report) file(ctx context.Context, o engineOptions, path, rel string) error {
	r.files++
	folder, _, below := strings.Cut(rel, "/")
	if !below {
		folder = "."
	}
	s, err := wast.Load(path)
	if err != nil {
		r.add(folder, "load", outcome{Fail: wast.Reason(err)})
		r.unlisted++
		fmt.Fprintf(r.out, "FAIL %s:0 load: %s\n", rel, wast.Reason(err))
		return nil
	}
	if s.Source == "" {
		s.Source = rel
	}
	results, err := isolated(ctx, o, path, len(s.Commands))
	if err != nil {
		return fmt.Errorf("%s: %w", rel, err)
	}
	var failures []failure
	for i, res := range results {
		c := &s.Commands[i]
		r.add(folder, c.Type, res)
		_, listed := r.expected[wast.Key(s, c)]
		switch {
		case res.Fail != "":
			if !listed {
				r.unlisted++
			}
			failures = append(failures, failure{s.Source, c.Line, c.Type, res.Fail, listed})
		case listed && res.Skip == "":
			r.listedPassed++
			fmt.Fprintf(r.out, "PASS %s:%d %s: it is listed as a failure; take it off the list\n", s.Source, c.Line, c.Type)
		}
		if r.texts && res.Found != "" {
			fmt.Fprintf(r.out, "TEXT %s:%d %s: expected %q, found %q\n", s.Source, c.Line, c.Type, c.Text, res.Found)
		}
	}
	r.print(failures)
	return nil
}

func (r *report) add(folder, kind string, o outcome) {
	g := group{folder, kind}
	c := r.counts[g]
	c.add(o)
	r.counts[g] = c
	r.total.add(o)
}

// failure is a command that failed.
type failure struct {
	file       string
	line       int
	kind, what string
	listed     bool
}

func (f failure) String() string {
	s := fmt.Sprintf("FAIL %s:%d %s: %s", f.file, f.line, f.kind, f.what)
	if f.listed {
		s += " (listed)"
	}
	return s
}

// print prints a line for a file: of its first failure that is not listed, or
// else its first.
func (r *report) print(failures []failure) {
	if r.every {
		for _, f := range failures {
			fmt.Fprintln(r.out, f)
		}
		return
	}
	if len(failures) == 0 {
		return
	}
	i := max(0, slices.IndexFunc(failures, func(f failure) bool { return !f.listed }))
	more := ""
	if n := len(failures) - 1; n > 0 {
		more = fmt.Sprintf(" (and %d more in this file)", n)
	}
	fmt.Fprintf(r.out, "%v%s\n", failures[i], more)
}

// finish prints the tables and the last line.
func (r *report) finish() error {
	if r.files == 0 {
		return fmt.Errorf("there is no JSON suite below %s: wasm-tools json-from-wast writes them", r.dir)
	}
	if r.markdown {
		r.printMarkdown()
	} else {
		r.printTable()
	}
	if len(r.expected) > 0 {
		fmt.Fprintf(r.out, "\n%d of the failures are listed, %d are not; %d listed commands passed\n",
			r.total.failed-r.unlisted, r.unlisted, r.listedPassed)
	}
	fmt.Fprintf(r.out, "%d passed, %d failed, %d skipped\n", r.total.passed, r.total.failed, r.total.skipped)
	if r.unlisted > 0 || r.listedPassed > 0 {
		return errFailed
	}
	return nil
}

func (r *report) folders() []string {
	return sortedUnique(r.counts, func(g group) string { return g.folder })
}

func (r *report) kinds() []string {
	return sortedUnique(r.counts, func(g group) string { return g.kind })
}

func sortedUnique(counts map[group]count, of func(group) string) []string {
	var all []string
	for g := range counts {
		all = append(all, of(g))
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// sum adds up the counts of the groups that in holds.
func (r *report) sum(in func(group) bool) (c count) {
	for g, n := range r.counts {
		if in(g) {
			c.passed, c.failed, c.skipped = c.passed+n.passed, c.failed+n.failed, c.skipped+n.skipped
		}
	}
	return c
}

func (r *report) printTable() {
	w := tabwriter.NewWriter(r.out, 0, 8, 2, ' ', 0)
	row := func(kind, folder string, c count) {
		fmt.Fprintf(w, "%s\t%s\t%d\t%d\t%d\t%d\n", kind, folder, c.passed, c.failed, c.skipped, c.all())
	}
	fmt.Fprint(w, "\nKIND\tFOLDER\tPASSED\tFAILED\tSKIPPED\tALL\n")
	for _, kind := range r.kinds() {
		row(kind, "", r.sum(func(g group) bool { return g.kind == kind }))
		for _, folder := range r.folders() {
			if c, ok := r.counts[group{folder, kind}]; ok {
				row("", folder, c)
			}
		}
	}
	w.Flush()
}

// printMarkdown prints the assertions by kind and folder.
func (r *report) printMarkdown() {
	folders := r.folders()
	fmt.Fprintf(r.out, "\n| | passed | %s |\n|---|--:|%s\n", strings.Join(folders, " | "), strings.Repeat("--:|", len(folders)))
	for _, kind := range r.kinds() {
		if !strings.HasPrefix(kind, "assert_") {
			continue
		}
		c := r.sum(func(g group) bool { return g.kind == kind })
		fmt.Fprintf(r.out, "| %s | %d of %d |", kind, c.passed, c.all())
		for _, folder := range folders {
			if c, ok := r.counts[group{folder, kind}]; ok {
				fmt.Fprintf(r.out, " %d of %d |", c.passed, c.all())
			} else {
				fmt.Fprint(r.out, " |")
			}
		}
		fmt.Fprintln(r.out)
	}
	fmt.Fprintln(r.out)
}
