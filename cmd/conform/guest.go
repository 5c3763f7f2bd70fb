package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/wasinn"
	"github.com/wasinn/wasinn/component/wasinn/nnwit"
	"github.com/wasinn/wasinn/component/wasinn/nnwitx"
	"github.com/wasinn/wasinn/component/wasip1"
	"github.com/wasinn/wasinn/component/wasip2"
	"github.com/wasinn/wasinn/testsuite/onnxcases"
)

// viaGuest has nncli, a guest of this project, load each model from bytes and
// compute, as a component or as a preview 1 module.
type viaGuest struct {
	run guestRun
	// named is whether the guest's interface names inputs and describes outputs.
	named bool
}

// guestRun runs the guest with arguments and a folder that it sees as case. It
// returns what the guest prints.
type guestRun func(ctx context.Context, args []string, dir string) (printed string, err error)

// maxGuestTensors is how many inputs nncli takes.
const maxGuestTensors = 64

func newViaGuest(ctx context.Context, engine backends.Backend, file string) (*viaGuest, error) {
	wasm, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("--guest: %w: it is nncli, which lies in guests/prebuilt of the repository", err)
	}
	service, err := wasinn.New(wasinn.Config{Backends: backends.NewSet(engine), Backend: engine.Name()})
	if err != nil {
		return nil, err
	}
	g := &viaGuest{named: len(wasm) > 7 && wasm[6] == 1} // the layer, which components have
	if g.named {
		g.run, err = runComponents(ctx, wasm, service)
	} else {
		g.run, err = runModules(ctx, wasm, service)
	}
	if err != nil {
		return nil, fmt.Errorf("--guest %s: %w", file, err)
	}
	return g, nil
}

// runComponents compiles a component once, for an instance per run.
func runComponents(ctx context.Context, wasm []byte, service wasinn.Service) (guestRun, error) {
	rt, err := component.NewRuntime(ctx, component.NewConfig())
	if err != nil {
		return nil, err
	}
	comp, err := rt.Compile(ctx, wasm)
	if err != nil {
		return nil, errors.Join(err, rt.Close(ctx))
	}
	return func(ctx context.Context, args []string, dir string) (string, error) {
		var out bytes.Buffer
		l := component.NewLinker(rt)
		cfg := wasip2.NewConfig().WithArgs(args...).WithStdout(&out).WithStderr(&out).WithDir(dir, "case", false)
		if err := errors.Join(wasip2.AddToLinker(l, cfg), nnwit.AddToLinker(l, service)); err != nil {
			return "", err
		}
		inst, err := l.Instantiate(ctx, comp)
		if err != nil {
			return "", err
		}
		defer inst.Close(context.WithoutCancel(ctx))
		run, err := inst.Func("wasi:cli/run@0.2.0#run")
		if err != nil {
			return "", err
		}
		_, err = run.Call(ctx)
		return out.String(), err
	}, nil
}

// runModules compiles a module once, for an instance per run.
func runModules(ctx context.Context, wasm []byte, service wasinn.Service) (guestRun, error) {
	rt, err := wasip1.NewRuntime(ctx, wasip1.Options{})
	if err != nil {
		return nil, err
	}
	host, err := nnwitx.Instantiate(ctx, rt.Wazero(), service, nnwitx.Config{})
	if err != nil {
		return nil, errors.Join(err, rt.Close(ctx))
	}
	m, err := rt.Compile(ctx, wasm)
	if err != nil {
		return nil, errors.Join(err, rt.Close(ctx))
	}
	return func(ctx context.Context, args []string, dir string) (string, error) {
		var out bytes.Buffer
		guest := host.NewGuest(nnwitx.ImportsOf(m.Wazero()))
		defer guest.Close()
		ctx = guest.Context(ctx)
		cfg := wasip1.NewConfig().WithArgs(args...).WithStdout(&out).WithStderr(&out).WithDir(dir, "case", false)
		inst, err := rt.Instantiate(ctx, m, cfg)
		if err != nil {
			return "", err
		}
		defer inst.Close(context.WithoutCancel(ctx))
		err = inst.Run(ctx)
		if last := guest.LastError(); err != nil && last != nil {
			err = last // preview 1 has only a number for it
		}
		return out.String(), err
	}, nil
}

// Load lays the model out for the guest.
func (g *viaGuest) Load(_ context.Context, l *onnxcases.Loaded) (onnxcases.Computer, error) {
	if why := g.cannot(l); why != "" {
		return nil, &onnxcases.Skip{Reason: why}
	}
	dir, err := os.MkdirTemp("", "conform-case-")
	if err != nil {
		return nil, err
	}
	c := &guestCase{viaGuest: g, l: l, dir: dir}
	if err := os.WriteFile(filepath.Join(dir, "model.onnx"), l.Bytes, 0o600); err != nil {
		return nil, errors.Join(err, c.Close())
	}
	return c, nil
}

// cannot says why wasi-nn or nncli has no way to say what a case needs, or nothing.
func (g *viaGuest) cannot(l *onnxcases.Loaded) string {
	for _, infos := range [][]backends.ValueInfo{l.Model.Inputs, l.Model.Outputs} {
		for _, info := range infos {
			if info.Kind != backends.TensorKind {
				return "wasi-nn has tensors only"
			}
			if _, ok := wasinn.Carrier(info.Type); !ok {
				return fmt.Sprintf("wasi-nn has no tensors of %s", info.Type)
			}
		}
	}
	for _, s := range l.Sets {
		if len(s.Inputs) > maxGuestTensors {
			return fmt.Sprintf("the guest takes %d inputs at most", maxGuestTensors)
		}
		for _, in := range s.Inputs {
			switch {
			case l.Model.Initialized[in.Name]:
				return "a guest does not see inputs with a default"
			case strings.ContainsAny(in.Name, ",\x00"):
				return "the guest takes no names with commas"
			case !g.named && !knownToPreview1(in.Value.(*backends.Tensor).Type()):
				return "preview 1 has no tensors of BF16"
			}
		}
	}
	return ""
}

func knownToPreview1(ty backends.ElementType) bool { return ty != backends.BF16 }

// guestCase is a case in a folder of its own.
type guestCase struct {
	*viaGuest
	l    *onnxcases.Loaded
	dir  string
	sets int // that have been computed
}

// Close removes the folder.
func (c *guestCase) Close() error { return os.RemoveAll(c.dir) }

// Compute runs the guest once.
func (c *guestCase) Compute(ctx context.Context, inputs []backends.NamedValue) ([]backends.NamedValue, error) {
	want := c.l.Sets[c.sets].Outputs
	c.sets++
	args := []string{"nncli", "--file", "case/model.onnx", "--save", "case", "--print", "--outputs", strconv.Itoa(len(want))}
	for i, in := range inputs {
		t := in.Value.(*backends.Tensor)
		name := fmt.Sprintf("in-%d.bin", i)
		if err := os.WriteFile(filepath.Join(c.dir, name), t.Data(), 0o600); err != nil {
			return nil, err
		}
		ty, _ := wasinn.Carrier(t.Type()) // there is one: cannot has looked
		args = append(args, "--input", fmt.Sprintf("name=%s,index=%d,type=%s,dims=%s,file=case/%s", in.Name, i, ty, dimsText(t.Dims()), name))
	}
	printed, err := c.run(ctx, args, c.dir)
	if err != nil {
		return nil, fmt.Errorf("the guest: %w: %s", err, strings.TrimSpace(printed))
	}
	if failed := errorLine.FindString(printed); failed != "" {
		return nil, fmt.Errorf("the guest says: %s", failed)
	}
	return c.outputs(printed, want)
}

func dimsText(dims []uint32) string {
	if len(dims) == 0 {
		return "scalar"
	}
	words := make([]string, len(dims))
	for i, d := range dims {
		words[i] = strconv.FormatUint(uint64(d), 10)
	}
	return strings.Join(words, "x")
}

// errorLine is how nncli tells an error of wasi-nn.
var errorLine = regexp.MustCompile(`(?m)^error .*$`)

// outputLine is how nncli describes an output; - is what the interface does not
// tell.
var outputLine = regexp.MustCompile(`(?m)^output (\d+) name=(.*) ty=(\S+) dims=(\S*)$`)

// outputs reads what the guest has saved. Types that wasi-nn lacks have come in
// the one that carries their bits; what preview 1 does not tell is taken as it
// should be.
func (c *guestCase) outputs(printed string, want []backends.NamedValue) ([]backends.NamedValue, error) {
	lines := outputLine.FindAllStringSubmatch(printed, -1)
	if len(lines) != len(want) {
		return nil, fmt.Errorf("%d outputs, expected %d", len(lines), len(want))
	}
	var outputs []backends.NamedValue
	for i, line := range lines {
		data, err := os.ReadFile(filepath.Join(c.dir, "output-"+line[1]+".bin"))
		if err != nil {
			return nil, err
		}
		expected := want[i].Value.(*backends.Tensor)
		ty, dims := expected.Type(), expected.Dims()
		if carrier, _ := wasinn.Carrier(ty); c.named && line[3] != carrier.String() {
			return nil, fmt.Errorf("output %q has type %s, expected %s", line[2], line[3], carrier)
		}
		if c.named {
			if dims, err = parseDims(line[4]); err != nil {
				return nil, err
			}
		}
		t, err := backends.NewTensor(dims, ty, data)
		if err != nil {
			return nil, fmt.Errorf("output %q: %w", line[2], err)
		}
		outputs = append(outputs, backends.NamedValue{Name: want[i].Name, Value: t})
	}
	return outputs, nil
}

func parseDims(text string) ([]uint32, error) {
	var dims []uint32
	if text == "" || text == "scalar" {
		return dims, nil
	}
	for word := range strings.SplitSeq(text, "x") {
		d, err := strconv.ParseUint(word, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("dims %q of an output: %w", text, err)
		}
		dims = append(dims, uint32(d))
	}
	return dims, nil
}
