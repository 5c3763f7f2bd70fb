package wasip2

import (
	"context"
	"io"

	"github.com/wasinn/wasinn/component"
	"github.com/wasinn/wasinn/component/abi"
	"github.com/wasinn/wasinn/gen/wasi/cli/terminalinput"
	"github.com/wasinn/wasinn/gen/wasi/cli/terminaloutput"
	"github.com/wasinn/wasinn/gen/wasi/io/streams"
)

type environmentHost struct{ *host }

func (h environmentHost) GetEnvironment(context.Context) ([]abi.Tuple2[string, string], error) {
	env := make([]abi.Tuple2[string, string], len(h.cfg.env))
	for i, e := range h.cfg.env {
		env[i] = abi.Tuple2[string, string]{F0: e[0], F1: e[1]}
	}
	return env, nil
}

func (h environmentHost) GetArguments(context.Context) ([]string, error) { return h.cfg.args, nil }

func (h environmentHost) InitialCwd(context.Context) (abi.Option[string], error) {
	cwd := h.cfg.initialCwd()
	return abi.Option[string]{Value: cwd, Some: cwd != ""}, nil
}

// exitHost ends the instance, which is no trap.
type exitHost struct{}

func (exitHost) Exit(_ context.Context, status abi.Result[abi.Unit, abi.Unit]) error {
	if status.IsErr {
		return &component.ExitError{Code: 1}
	}
	return &component.ExitError{}
}

func (exitHost) ExitWithCode(_ context.Context, code uint8) error {
	return &component.ExitError{Code: uint32(code)}
}

func (h *host) GetStdin(context.Context) (streams.InputStream, error) {
	return &inputStream{in: unowned{h.stdin}}, nil
}

func (h *host) GetStdout(context.Context) (streams.OutputStream, error) {
	return &outputStream{out: writer(h.cfg.stdout)}, nil
}

func (h *host) GetStderr(context.Context) (streams.OutputStream, error) {
	return &outputStream{out: writer(h.cfg.stderr)}, nil
}

// unowned is an input that outlives the streams over it.
type unowned struct{ input }

func (unowned) close() error { return nil }

// writer makes an output of a writer; nil takes everything and keeps nothing.
func writer(w io.Writer) output {
	if w == nil {
		w = io.Discard
	}
	return writerOutput{w: w}
}

// terminal is a terminal, of which a guest can know no more than that it is one.
type terminal struct{}

func (terminal) Drop(context.Context) error { return nil }

func (h *host) GetTerminalStdin(context.Context) (abi.Option[terminalinput.TerminalInput], error) {
	return abi.Option[terminalinput.TerminalInput]{Value: terminal{}, Some: h.cfg.terminal[0]}, nil
}

func (h *host) GetTerminalStdout(context.Context) (abi.Option[terminaloutput.TerminalOutput], error) {
	return abi.Option[terminaloutput.TerminalOutput]{Value: terminal{}, Some: h.cfg.terminal[1]}, nil
}

func (h *host) GetTerminalStderr(context.Context) (abi.Option[terminaloutput.TerminalOutput], error) {
	return abi.Option[terminaloutput.TerminalOutput]{Value: terminal{}, Some: h.cfg.terminal[2]}, nil
}
