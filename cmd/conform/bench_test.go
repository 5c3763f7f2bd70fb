package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/wasinn/wasinn/testsuite/bench"
)

// fakeRows are a row that runs, one that lacks something, and one that fails.
func fakeRows() []bench.Row {
	sleep := func(d time.Duration) bench.Side {
		return func(n int, t bench.Timer) error {
			t.ResetTimer()
			time.Sleep(d * time.Duration(n))
			t.StopTimer()
			return nil
		}
	}
	return []bench.Row{
		{Name: "a.runs", Open: func(context.Context, *bench.Env) (bench.Side, bench.Side, error) {
			return sleep(time.Millisecond), sleep(time.Millisecond), nil
		}},
		{Name: "b.lacks", Open: func(context.Context, *bench.Env) (bench.Side, bench.Side, error) {
			return nil, nil, fmt.Errorf("%w: an engine", bench.ErrMissing)
		}},
		{Name: "c.fails", Open: func(context.Context, *bench.Env) (bench.Side, bench.Side, error) {
			return nil, nil, errors.New("no guest")
		}},
	}
}

func TestBenchPrintsRatiosLast(t *testing.T) {
	o := benchOptions{rounds: 1, time: time.Millisecond, filter: "^[ab]"}
	var out strings.Builder
	if err := o.run(t.Context(), &out, fakeRows()); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	var name string
	var ratio float64
	if n, err := fmt.Sscanf(lines[len(lines)-1], "ratio %s %f", &name, &ratio); n != 2 || err != nil || name != "a.runs" || ratio <= 0 {
		t.Errorf("the last line is %q, want ratio a.runs VALUE", lines[len(lines)-1])
	}
	if !strings.Contains(out.String(), "left out: b.lacks: missing: an engine\n") {
		t.Errorf("what is left out is not said:\n%s", out.String())
	}

	o.json = true
	out.Reset()
	if err := o.run(t.Context(), &out, fakeRows()); err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(out.String()) {
		var r bench.Result
		if err := json.Unmarshal([]byte(line), &r); err != nil {
			t.Fatalf("%q: %v", line, err)
		}
		names = append(names, r.Name)
	}
	if strings.Join(names, " ") != "a.runs b.lacks" {
		t.Errorf("lines of JSON for %v", names)
	}
}

func TestBenchRefuses(t *testing.T) {
	for _, c := range []struct {
		name string
		o    benchOptions
		want string
	}{
		{"no rounds", benchOptions{time: 1}, "--rounds 0"},
		{"no time", benchOptions{rounds: 1}, "some time"},
		{"a filter that is no expression", benchOptions{rounds: 1, time: 1, filter: "("}, "--filter"},
		{"a filter that matches nothing", benchOptions{rounds: 1, time: 1, filter: "none"}, "matches no row"},
		{"a row that fails", benchOptions{rounds: 1, time: 1, filter: "fails"}, "c.fails: no guest"},
	} {
		t.Run(c.name, func(t *testing.T) {
			err := c.o.run(t.Context(), &strings.Builder{}, fakeRows())
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestBenchKeepsWhatWasMeasuredBeforeAnError(t *testing.T) {
	var out strings.Builder
	err := benchOptions{rounds: 1, time: time.Millisecond}.run(t.Context(), &out, fakeRows())
	if err == nil || !strings.Contains(err.Error(), "c.fails: no guest") || !strings.Contains(out.String(), "ratio a.runs ") {
		t.Errorf("error %v, printed\n%s", err, out.String())
	}
}
