package bench

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"
)

// TestMain lets the test binary be the process that memory is measured in.
func TestMain(m *testing.M) {
	if len(os.Args) == 4 && os.Args[1] == MemoryCommand {
		n, err := MemoryWorker(context.Background(), os.Args[2], os.Args[3])
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		fmt.Println(n)
		return
	}
	os.Exit(m.Run())
}

// BenchmarkRows runs the table: row by row ours, then the floor.
func BenchmarkRows(b *testing.B) {
	for _, row := range Rows() {
		b.Run(row.Name, func(b *testing.B) {
			e := &Env{}
			b.Cleanup(func() {
				if err := e.Close(); err != nil {
					b.Error(err)
				}
			})
			ours, floor, err := row.Open(context.Background(), e)
			if errors.Is(err, ErrMissing) {
				b.Skip(err)
			}
			if err != nil {
				b.Fatal(err)
			}
			if ours == nil {
				b.Skip("the row is no times")
			}
			b.Run("ours", func(b *testing.B) { runSide(b, ours) })
			b.Run("floor", func(b *testing.B) { runSide(b, floor) })
		})
	}
}

func runSide(b *testing.B, s Side) {
	b.ReportAllocs()
	if err := s(b.N, b); err != nil {
		b.Fatal(err)
	}
}

// TestNamesThatOthersRelyOn holds the names of ratios that scripts look for.
func TestNamesThatOthersRelyOn(t *testing.T) {
	have := map[string]bool{}
	for _, row := range Rows() {
		have[row.Name] = true
	}
	for _, name := range []string{
		"call.add", "call.string10", "call.echo10", "host.list1m", "instance.small", "instance.wasip2",
		"nn.wit.one-node", "nn.witx.one-node", "nn.wit.image", "gorgonia.matmul512", "gorgonia.conv3x3", "gorgonia.squeezenet",
	} {
		if !have[name] {
			t.Errorf("there is no row %s", name)
		}
	}
}

// TestRows runs every row for a moment: names are ratios' names, and both sides
// do what they say.
func TestRows(t *testing.T) {
	form := regexp.MustCompile(`^[a-z]+(\.[a-z0-9-]+)+$`)
	seen := map[string]bool{}
	for _, row := range Rows() {
		t.Run(row.Name, func(t *testing.T) {
			if seen[row.Name] || !form.MatchString(row.Name) || row.Ours == "" || row.Floor == "" {
				t.Errorf("row %+v: want a name of its own, like group.case, and two descriptions", row)
			}
			seen[row.Name] = true
			res, err := Measure(t.Context(), row, Options{Rounds: 1, Time: time.Millisecond, Child: os.Args[0]})
			if err != nil {
				t.Fatal(err)
			}
			if res.Missing != "" {
				if os.Getenv("CI") != "" && !strings.Contains(res.Missing, "cache") {
					t.Fatal(res.Missing)
				}
				t.Skip(res.Missing)
			}
			if res.OursBytes != 0 {
				res.Ours, res.Floor = float64(res.OursBytes), float64(res.FloorBytes)
			}
			if res.Name != row.Name || res.Ours <= 0 || res.Floor <= 0 || res.Ratio != res.Ours/res.Floor {
				t.Errorf("%+v", res)
			}
		})
	}
}

// TestCallsAllocateNothing: what a call costs in Go's heap is the same on every
// machine.
func TestCallsAllocateNothing(t *testing.T) {
	allocs := map[string]float64{"call.add.dynamic": 1, "call.echo10.copy": 1}
	for _, row := range callRows() {
		res, err := Measure(t.Context(), row, Options{Rounds: 1, Time: time.Millisecond})
		if err != nil {
			t.Fatal(err)
		}
		if res.Allocs != allocs[row.Name] {
			t.Errorf("%s allocates %v times, want %v", row.Name, res.Allocs, allocs[row.Name])
		}
	}
}

// TestTheGuestIsTheEnginesOwn: testdata/calls.wasm is a copy, to be embedded.
func TestTheGuestIsTheEnginesOwn(t *testing.T) {
	want, err := os.ReadFile("../../component/testdata/calls.wasm")
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(callsWasm, want) {
		t.Error("testdata/calls.wasm differs from component/testdata/calls.wasm: copy it")
	}
}

// pause is a side of so long a time per operation.
func pause(each time.Duration, calls *[]string, name string) Side {
	return func(n int, t Timer) error {
		*calls = append(*calls, name)
		time.Sleep(10 * time.Millisecond) // set-up, not measured
		t.ResetTimer()
		time.Sleep(time.Duration(n) * each)
		t.StopTimer()
		return nil
	}
}

func TestMeasure(t *testing.T) {
	var calls []string
	closed := false
	row := Row{Name: "a.b", Open: func(_ context.Context, e *Env) (Side, Side, error) {
		e.Defer(func() error { closed = true; return nil })
		return pause(4*time.Millisecond, &calls, "ours"), pause(2*time.Millisecond, &calls, "floor"), nil
	}}
	res, err := Measure(t.Context(), row, Options{Rounds: 3, Time: time.Millisecond})
	if err != nil || !closed {
		t.Fatal(err, closed)
	}
	// Two turns of each are enough to calibrate, and the last one counts allocations.
	if got, want := strings.Join(calls, " "), "ours ours floor floor ours floor floor ours ours floor ours"; got != want {
		t.Errorf("turns: %s, want %s", got, want)
	}
	if res.Ours < 4e6 || res.Floor < 2e6 || res.Ours > 8e6 && res.Ratio > 3 {
		t.Errorf("%+v: the set-up of 10 ms is not to count", res)
	}

	row.Open = func(context.Context, *Env) (Side, Side, error) { return nil, nil, missing(errors.New("no engine")) }
	if res, err := Measure(t.Context(), row, Options{}); err != nil || res.Missing != "missing: no engine" {
		t.Errorf("a row that needs what is not here: %+v, %v", res, err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	row.Open = func(context.Context, *Env) (Side, Side, error) {
		return pause(0, &calls, ""), pause(0, &calls, ""), nil
	}
	if _, err := Measure(ctx, row, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("after its context ended: %v", err)
	}
}
