package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/testsuite/wast"
)

// outcome is how one command went, as a worker tells it: a line of JSON.
type outcome struct {
	Index int    `json:"index"`
	Skip  string `json:"skip,omitempty"`
	Fail  string `json:"fail,omitempty"`
	// Found is the trap or refusal that a command asked for.
	Found string `json:"found,omitempty"`
	// Milliseconds that a case of ONNX took.
	Milliseconds float64 `json:"ms,omitempty"`
	// Done is set on the last line alone: everything was closed.
	Done bool `json:"done,omitempty"`
}

// engineOptions say what runs the scripts.
type engineOptions struct {
	engine  string
	host    bool
	extra   []string
	only    bool
	memory  uint64
	timeout time.Duration
}

func (o *engineOptions) flags(cmd *cobra.Command) {
	cmd.Flags().StringVar(&o.engine, "engine", component.EngineCompiler.String(), "wazero's engine: compiler or interpreter")
	cmd.Flags().BoolVar(&o.host, "host", false, "define what wasmtime's own suite imports (instance host)")
	cmd.Flags().StringSliceVar(&o.extra, "features", []string{"fixed-length-lists", "threads", "error-context", "more-async-builtins", "async-stackful"}, "what is on of the proposals that are not standard yet, canonical-names and nested-names among them")
	cmd.Flags().BoolVar(&o.only, "validate", false, "compile what scripts define without instantiating it, as wasm-tools' suite wants it")
	cmd.Flags().Uint64Var(&o.memory, "memory", 16<<30, "the most bytes that the memories of one instance may have together")
	cmd.Flags().DurationVar(&o.timeout, "timeout", 10*time.Second, "the longest that one command may run")
}

// features are what is on of the proposals that are not standard yet.
func (o *engineOptions) features() (f component.Features, err error) {
	known := map[string]*bool{
		"fixed-length-lists": &f.FixedLengthLists, "canonical-names": &f.CanonicalNames, "nested-names": &f.NestedNames,
		"threads": &f.Threads, "error-context": &f.ErrorContext, "more-async-builtins": &f.MoreAsyncBuiltins, "async-stackful": &f.AsyncStackful,
	}
	for _, name := range o.extra {
		on, ok := known[name]
		if !ok {
			return f, fmt.Errorf("--features %q: expected %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		*on = true
	}
	return f, nil
}

func (o *engineOptions) component() (component.Engine, error) {
	for _, e := range []component.Engine{component.EngineCompiler, component.EngineInterpreter} {
		if e.String() == o.engine {
			return e, nil
		}
	}
	return 0, fmt.Errorf("--engine %q: expected compiler or interpreter", o.engine)
}

// workerCommand runs one script in a process of its own, so that an engine
// that crashes takes only this process with it.
func workerCommand() *cobra.Command {
	var o engineOptions
	var leaveOut []int
	cmd := &cobra.Command{
		Use: "wast-worker SCRIPT", Args: cobra.ExactArgs(1), Hidden: true,
		RunE: func(cmd *cobra.Command, args []string) error {
			return work(cmd.Context(), cmd.OutOrStdout(), o, args[0], leaveOut)
		},
	}
	o.flags(cmd)
	cmd.Flags().IntSliceVar(&leaveOut, "leave-out", nil, "commands, by index, that are not run")
	return cmd
}

func work(ctx context.Context, out io.Writer, o engineOptions, path string, leaveOut []int) error {
	s, err := wast.Load(path)
	if err != nil {
		return err
	}
	engine, err := o.component()
	if err != nil {
		return err
	}
	features, err := o.features()
	if err != nil {
		return err
	}
	rt, err := component.NewRuntime(ctx, component.NewConfig().WithEngine(engine).WithMemoryLimit(o.memory).WithFeatures(features))
	if err != nil {
		return err
	}
	l := component.NewLinker(rt)
	if o.host {
		if err := wast.DefineHost(l); err != nil {
			return err
		}
	}
	runner := wast.NewRunner(rt, l)
	runner.Engine, runner.Timeout, runner.CompileOnly = engine, o.timeout, o.only
	left := map[int]bool{}
	for _, i := range leaveOut {
		left[i] = true
	}
	enc, i := json.NewEncoder(out), 0
	for r := range runner.Results(ctx, s, func(i int) bool { return left[i] }) {
		if err := enc.Encode(tell(i, r)); err != nil {
			return err
		}
		i++
	}
	if err := rt.Close(context.WithoutCancel(ctx)); err != nil {
		return err
	}
	return enc.Encode(outcome{Index: i, Done: true})
}

func tell(i int, r wast.Result) outcome {
	skip, skipped := errors.AsType[*wast.Skip](r.Err)
	switch {
	case skipped:
		return outcome{Index: i, Skip: skip.Reason}
	case r.Err != nil:
		return outcome{Index: i, Fail: wast.Reason(r.Err)}
	case r.Found != nil:
		return outcome{Index: i, Found: wast.Reason(r.Found)}
	}
	return outcome{Index: i}
}

// maxCrashes is how often a script may take its worker down; the commands that
// are left then fail without being run.
const maxCrashes = 20

// isolated runs a script in workers and returns one outcome for each command.
// When a worker dies or hangs, the command that it was at fails, and a new
// worker runs the script again without it.
func isolated(ctx context.Context, o engineOptions, path string, commands int) ([]outcome, error) {
	all := make([]outcome, commands)
	crashed := map[int]string{}
	for ctx.Err() == nil {
		at := 0
		died, err := o.worker(path, crashed).run(ctx, func(r outcome) {
			if at++; r.Index < commands {
				all[r.Index] = r
			}
		})
		if err != nil {
			return nil, err
		}
		for i, why := range crashed {
			all[i] = outcome{Index: i, Fail: why}
		}
		if died == "" || at >= commands { // at the end: it died of closing
			if died != "" && commands > 0 {
				all[commands-1] = outcome{Index: commands - 1, Fail: "closing after it: " + died}
			}
			return all, nil
		}
		if crashed[at] = died; len(crashed) > maxCrashes {
			for i := at; i < commands; i++ {
				all[i] = outcome{Index: i, Fail: "not run: the engine crashed too often in this script"}
			}
			return all, nil
		}
	}
	return nil, ctx.Err()
}

// worker is what runs one script without the commands that are left out.
func (o engineOptions) worker(path string, leaveOut map[int]string) worker {
	args := []string{"wast-worker", "--engine", o.engine, "--timeout", o.timeout.String(), fmt.Sprintf("--host=%t", o.host), fmt.Sprintf("--memory=%d", o.memory), "--features=" + strings.Join(o.extra, ","), fmt.Sprintf("--validate=%t", o.only)}
	for i := range leaveOut {
		args = append(args, "--leave-out", strconv.Itoa(i))
	}
	return worker{args: append(args, "--", path), timeout: o.timeout}
}

// worker is a process of this command that tells outcomes, each within timeout,
// and then that it is done.
type worker struct {
	args    []string
	env     []string // beside this process's own
	timeout time.Duration
}

// run runs the worker to its end and hands every outcome to tell. died says how
// it ended when it was not done.
func (w worker) run(ctx context.Context, tell func(outcome)) (died string, err error) {
	exe, err := os.Executable()
	if err != nil {
		return "", err
	}
	cmd := exec.CommandContext(ctx, exe, w.args...)
	cmd.Env = append(os.Environ(), w.env...)
	var stderr opening
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", err
	}
	if err := cmd.Start(); err != nil {
		return "", err
	}
	// The worker's own timeout comes first, where the engine heeds it.
	patience := w.timeout + 5*time.Second
	hung := time.AfterFunc(patience, func() { cmd.Process.Kill() })
	done := false
	lines := bufio.NewScanner(out)
	for !done && lines.Scan() {
		var r outcome
		if json.Unmarshal(lines.Bytes(), &r) != nil {
			continue // not ours: a crash may print here too
		}
		hung.Reset(patience)
		if done = r.Done; !done {
			tell(r)
		}
	}
	wait := cmd.Wait()
	stopped := !hung.Stop()
	switch {
	case done:
		return "", nil
	case ctx.Err() != nil:
		return "", ctx.Err()
	case stopped:
		return fmt.Sprintf("HANG: no result after %v", patience), nil
	}
	return fmt.Sprintf("CRASH: %v: %s", wait, stderr.line()), nil
}

// opening keeps the beginning of what a worker says before it dies.
type opening struct{ b []byte }

func (t *opening) Write(p []byte) (int, error) {
	t.b = append(t.b, p[:min(len(p), 4096-len(t.b))]...)
	return len(p), nil
}

// line is the line that tells most.
func (t *opening) line() string {
	first := ""
	for line := range strings.Lines(string(t.b)) {
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "fatal error:") || strings.HasPrefix(line, "panic:") {
			return line
		}
		if first == "" {
			first = line
		}
	}
	return first
}
