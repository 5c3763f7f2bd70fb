package nnwitx

import (
	"bytes"
	"context"
	"encoding/json"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasinn/wasinn/backends"
	"github.com/wasinn/wasinn/component/wasinn"
)

// function is one function of a host module. All parameters are i32, and so is
// the result: an nn_errno. Results proper are stored through the last pointer,
// and on success only.
type function struct {
	name   string
	params int
	names  string // of the parameters
	call   func(ctx context.Context, g *Guest, mem api.Memory, p []uint64) error
}

// functions are those of wasi_ephemeral_nn: the specification's, WasmEdge's,
// and the by-string ones of the TensorFlow fork of 2023.
var functions = []function{
	{"load", 5, "builder count encoding target graph_out", load},
	{"load_by_name", 3, "name name_len graph_out", loadByName},
	{"load_by_name_with_config", 5, "name name_len config config_len graph_out", loadByNameWithConfig},
	{"init_execution_context", 2, "graph context_out", initExecutionContext},
	{"set_input", 3, "context index tensor", setInput},
	{"set_input_by_string", 4, "context name name_len tensor", setInputByString},
	{"compute", 1, "context", compute},
	{"compute_single", 1, "context", compute},
	{"get_output", 5, "context index buffer max written_out", getOutput},
	{"get_output_single", 5, "context index buffer max written_out", getOutput},
	{"get_output_by_string", 6, "context name name_len buffer max written_out", getOutputByString},
	{"fini_single", 1, "context", finiSingle},
	{"unload", 1, "graph", unload},
	{"finalize_execution_context", 1, "context", finalizeExecutionContext},
}

func load(ctx context.Context, g *Guest, mem api.Memory, p []uint64) error {
	out, err := place(mem, "graph_out", uint32(p[4]))
	if err != nil {
		return err
	}
	parts, err := builder(mem, uint32(p[0]), uint32(p[1]))
	if err != nil {
		return err
	}
	return loadParts(ctx, g, parts, uint32(p[2]), uint32(p[3]), out)
}

func loadParts(ctx context.Context, g *Guest, parts [][]byte, encoding, target uint32, out []byte) error {
	enc, err := encodingOf(encoding, func() (backends.Encoding, bool) { return g.session.Sniff(parts) })
	if err != nil {
		return err
	}
	tgt, err := targetOf(target)
	if err != nil {
		return err
	}
	gr, err := g.session.Load(ctx, parts, enc, tgt)
	return storeGraph(g, gr, err, out)
}

func storeGraph(g *Guest, gr wasinn.Graph, err error, out []byte) error {
	if err != nil {
		return err
	}
	n, err := g.addGraph(gr)
	if err != nil {
		return err
	}
	putUint32(out, n)
	return nil
}

func loadByName(ctx context.Context, g *Guest, mem api.Memory, p []uint64) error {
	out, err := place(mem, "graph_out", uint32(p[2]))
	if err != nil {
		return err
	}
	b, err := name(mem, uint32(p[0]), uint32(p[1]))
	if err != nil {
		return err
	}
	gr, err := g.session.LoadByName(ctx, text(b))
	return storeGraph(g, gr, err, out)
}

// maxConfig is the most bytes that a configuration may have.
const maxConfig = 1 << 20

// loadByNameWithConfig is WasmEdge's. The configuration is a JSON object of
// hints for one engine, such as the number of tokens of a language model; a
// named graph is loaded as the host's registry says, so they change nothing,
// but what is no JSON object is refused.
func loadByNameWithConfig(ctx context.Context, g *Guest, mem api.Memory, p []uint64) error {
	n := uint32(p[3])
	if n > maxConfig {
		return backends.Errorf(backends.TooLarge, "the configuration has %d bytes, at most %d are taken", n, maxConfig)
	}
	config, err := read(mem, "configuration", uint32(p[2]), uint64(n))
	if err != nil {
		return err
	}
	if c := bytes.TrimSpace(config); len(c) > 0 && (c[0] != '{' || !json.Valid(c)) {
		return backends.Errorf(backends.InvalidArgument, "the configuration is no JSON object")
	}
	return loadByName(ctx, g, mem, []uint64{p[0], p[1], p[4]})
}

func initExecutionContext(ctx context.Context, g *Guest, mem api.Memory, p []uint64) error {
	out, err := place(mem, "context_out", uint32(p[1]))
	if err != nil {
		return err
	}
	n, err := g.initContext(ctx, uint32(p[0]))
	if err != nil {
		return err
	}
	putUint32(out, n)
	return nil
}

func setInput(_ context.Context, g *Guest, mem api.Memory, p []uint64) error {
	x, err := g.enter(uint32(p[0]))
	if err != nil {
		return err
	}
	defer g.leave(x)
	if err := x.checkLoaded(); err != nil {
		return err
	}
	i, err := x.inputAt(uint32(p[1]))
	if err != nil {
		return err
	}
	return setTensor(g, mem, x, i, uint32(p[2]))
}

func setInputByString(_ context.Context, g *Guest, mem api.Memory, p []uint64) error {
	x, err := g.enter(uint32(p[0]))
	if err != nil {
		return err
	}
	defer g.leave(x)
	if err := x.checkLoaded(); err != nil {
		return err
	}
	b, err := name(mem, uint32(p[1]), uint32(p[2]))
	if err != nil {
		return err
	}
	i, err := x.inputNamed(b)
	if err != nil {
		return err
	}
	return setTensor(g, mem, x, i, uint32(p[3]))
}

// setTensor reads the tensor at p and sets input i to it.
func setTensor(g *Guest, mem api.Memory, x *execution, i int, p uint32) error {
	var t rawTensor
	if err := t.read(mem, p); err != nil {
		return err
	}
	dims := t.dims.slice()
	ty, err := elementType(g.host.cfg.ABI, t.code, dims, uint64(len(t.data)), x.declared(i))
	if err != nil {
		return err
	}
	return g.setInput(x, i, ty, dims, t.data)
}

// compute is also WasmEdge's compute_single, which computes one step of a
// sequence: a model that is no sequence has one.
func compute(ctx context.Context, g *Guest, _ api.Memory, p []uint64) error {
	x, err := g.enter(uint32(p[0]))
	if err != nil {
		return err
	}
	defer g.leave(x)
	return g.compute(ctx, x)
}

func getOutput(_ context.Context, g *Guest, mem api.Memory, p []uint64) error {
	x, err := g.enter(uint32(p[0]))
	if err != nil {
		return err
	}
	defer g.leave(x)
	t, err := x.outputAt(uint32(p[1]))
	if err != nil {
		return err
	}
	return copyOut(mem, t, uint32(p[2]), uint32(p[3]), uint32(p[4]))
}

func getOutputByString(_ context.Context, g *Guest, mem api.Memory, p []uint64) error {
	x, err := g.enter(uint32(p[0]))
	if err != nil {
		return err
	}
	defer g.leave(x)
	b, err := name(mem, uint32(p[1]), uint32(p[2]))
	if err != nil {
		return err
	}
	t, err := x.outputNamed(b)
	if err != nil {
		return err
	}
	return copyOut(mem, t, uint32(p[3]), uint32(p[4]), uint32(p[5]))
}

// copyOut copies a tensor's bytes to the guest: the one copy on their way from
// the engine. When they are more than max, nothing is copied, and the length
// that is needed is stored all the same.
func copyOut(mem api.Memory, t *backends.Tensor, buf, max, writtenOut uint32) error {
	out, err := place(mem, "written_out", writtenOut)
	if err != nil {
		return err
	}
	data := t.Data()
	n := uint64(len(data))
	if n > uint64(max) {
		if n == uint64(uint32(n)) {
			putUint32(out, uint32(n))
		}
		return backends.Errorf(backends.TooLarge, "the output has %d bytes, the buffer %d", n, max)
	}
	dst, err := read(mem, "buffer", buf, n)
	if err != nil {
		return err
	}
	copy(dst, data)
	putUint32(out, uint32(n))
	return nil
}

// finiSingle is WasmEdge's end of a sequence: the outputs go.
func finiSingle(_ context.Context, g *Guest, _ api.Memory, p []uint64) error {
	x, err := g.enter(uint32(p[0]))
	if err != nil {
		return err
	}
	defer g.leave(x)
	if err := x.checkLoaded(); err != nil {
		return err
	}
	g.dropOutputs(x)
	return nil
}

func unload(_ context.Context, g *Guest, _ api.Memory, p []uint64) error {
	return g.unload(uint32(p[0]))
}

func finalizeExecutionContext(_ context.Context, g *Guest, _ api.Memory, p []uint64) error {
	return g.finalize(uint32(p[0]))
}
