package testsuite

import (
	"cmp"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
)

// matrixFile is where the outcome of guests is written as a table.
var matrixFile = flag.String("matrix", "", "write what became of each guest x interface x loading x backend x element type to this `FILE`, as a table in Markdown; - is standard output")

// matrix collects what the tests of guests found.
var matrix = matrixType{rows: map[cell]*tally{}}

type matrixType struct {
	sync.Mutex
	rows map[cell]*tally
}

// cell is a row of the matrix.
type cell struct {
	guest, form, loading, backend string
	types                         string // the element types of what goes in
}

// tally is what became of a cell's tests, and why some do not apply.
type tally struct {
	passed, failed, skipped int
	why                     map[string]int
}

// record counts the outcome of test t, once it has one, in a cell.
func record(t *testing.T, c cell) {
	t.Helper()
	t.Cleanup(func() {
		matrix.Lock()
		defer matrix.Unlock()
		r := matrix.row(c)
		switch {
		case t.Failed():
			r.failed++
		case t.Skipped():
			r.skipped++
		default:
			r.passed++
		}
	})
}

// notApplicable counts count tests of a cell that cannot be, and why.
func notApplicable(c cell, count int, why string) {
	matrix.Lock()
	defer matrix.Unlock()
	matrix.row(c).why[why] += count
}

func (m *matrixType) row(c cell) *tally {
	if m.rows[c] == nil {
		m.rows[c] = &tally{why: map[string]int{}}
	}
	return m.rows[c]
}

// writeMatrix writes the table that -matrix asks for.
func writeMatrix() error {
	switch *matrixFile {
	case "":
		return nil
	case "-":
		_, err := os.Stdout.WriteString(matrixTable())
		return err
	}
	return os.WriteFile(*matrixFile, []byte(matrixTable()), 0o644)
}

func matrixTable() string {
	matrix.Lock()
	defer matrix.Unlock()
	var b strings.Builder
	b.WriteString("| guest | interface | loading | backend | element type | pass | fail | skipped | not applicable |\n|---|---|---|---|---|---|---|---|---|\n")
	for _, c := range slices.SortedFunc(maps.Keys(matrix.rows), compareCells) {
		r := matrix.rows[c]
		var why []string
		for _, w := range slices.Sorted(maps.Keys(r.why)) {
			why = append(why, fmt.Sprintf("%d: %s", r.why[w], w))
		}
		fmt.Fprintf(&b, "| %s | %s | %s | %s | %s | %d | %d | %d | %s |\n", c.guest, c.form, c.loading, c.backend, c.types, r.passed, r.failed, r.skipped, strings.Join(why, "; "))
	}
	return b.String()
}

func compareCells(a, b cell) int {
	return cmp.Or(cmp.Compare(a.guest, b.guest), cmp.Compare(a.form, b.form), cmp.Compare(a.loading, b.loading), cmp.Compare(a.backend, b.backend),
		cmp.Compare(a.types, b.types))
}
