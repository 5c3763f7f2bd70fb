package nnwitx

import (
	"context"
	"encoding/binary"

	"github.com/tetratelabs/wazero/api"

	"github.com/wasinn/wasinn/backends"
)

// legacyFunctions are those of wasi_nn, as WAMR's headers up to 2.3.1 declare
// them: structures are passed by pointers to pointers, sizes of outputs count
// fp32 elements, and tensor types go by 2021's numbering.
var legacyFunctions = []function{
	{"load", 4, "builder encoding target graph_out", legacyLoad},
	{"load_by_name", 3, "name name_len graph_out", loadByName},
	{"load_by_name_with_config", 5, "name name_len config config_len graph_out", loadByNameWithConfig},
	{"init_execution_context", 2, "graph context_out", initExecutionContext},
	{"set_input", 3, "context index tensor", legacySetInput},
	{"compute", 1, "context", compute},
	{"get_output", 4, "context index buffer size_inout", legacyGetOutput},
}

// pair reads a structure of two words.
func pair(mem api.Memory, what string, p uint32) (a, b uint32, err error) {
	w, err := read(mem, what, p, 8)
	if err != nil {
		return 0, 0, err
	}
	return binary.LittleEndian.Uint32(w), binary.LittleEndian.Uint32(w[4:]), nil
}

// legacyLoad takes a pointer to {pointer to the parts, their count}.
func legacyLoad(ctx context.Context, g *Guest, mem api.Memory, p []uint64) error {
	out, err := place(mem, "graph_out", uint32(p[3]))
	if err != nil {
		return err
	}
	ptr, n, err := pair(mem, "builder array", uint32(p[0]))
	if err != nil {
		return err
	}
	parts, err := builder(mem, ptr, n)
	if err != nil {
		return err
	}
	return loadParts(ctx, g, parts, uint32(p[1]), uint32(p[2]), out)
}

// legacySetInput takes a tensor of 12 bytes: pointer to {dims pointer, dims
// count}, type, data pointer. The data has as many bytes as the dims say.
func legacySetInput(_ context.Context, g *Guest, mem api.Memory, p []uint64) error {
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
	b, err := read(mem, "tensor", uint32(p[2]), 12)
	if err != nil {
		return err
	}
	dimsAt, n, err := pair(mem, "tensor dimensions", binary.LittleEndian.Uint32(b))
	if err != nil {
		return err
	}
	var dims dimensions
	if err := dims.read(mem, dimsAt, n); err != nil {
		return err
	}
	ty, err := elementType(ABI2021, b[4], dims.slice(), 0, 0)
	if err != nil {
		return err
	}
	size, err := backends.ByteSize(dims.slice(), ty)
	if err != nil {
		return err
	}
	data, err := read(mem, "tensor data", binary.LittleEndian.Uint32(b[8:]), size)
	if err != nil {
		return err
	}
	return g.setInput(x, i, ty, dims.slice(), data)
}

// fp32Size is the size of the elements that legacy guests count outputs in.
const fp32Size = 4

// legacyGetOutput reads and stores the buffer's size through one pointer, in
// elements of fp32; an output that is no multiple of them counts one more.
func legacyGetOutput(_ context.Context, g *Guest, mem api.Memory, p []uint64) error {
	x, err := g.enter(uint32(p[0]))
	if err != nil {
		return err
	}
	defer g.leave(x)
	t, err := x.outputAt(uint32(p[1]))
	if err != nil {
		return err
	}
	size, err := place(mem, "size_inout", uint32(p[3]))
	if err != nil {
		return err
	}
	data := t.Data()
	n, max := uint64(len(data)), uint64(binary.LittleEndian.Uint32(size))*fp32Size
	needed := (n + fp32Size - 1) / fp32Size
	if n > max {
		if needed == uint64(uint32(needed)) {
			putUint32(size, uint32(needed))
		}
		return backends.Errorf(backends.TooLarge, "the output has %d bytes, the buffer %d", n, max)
	}
	dst, err := read(mem, "buffer", uint32(p[2]), n)
	if err != nil {
		return err
	}
	copy(dst, data)
	putUint32(size, uint32(needed))
	return nil
}
