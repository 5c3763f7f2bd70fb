/// wasi-nn by way of wasi_ephemeral_nn, for preview 1 modules. Each of its functions returns an errno and stores its result
/// through the last pointer on success. It has none that drops a handle, and none that names or describes outputs.
module neural;

import ldc.attributes;
import libc;

private:

struct Builder
{
    const(ubyte)* ptr;
    size_t length;
}

struct Tensor
{
    const(uint)* dims;
    size_t rank;
    ubyte type;
    const(void)* data;
    size_t size;
}

static assert(Tensor.sizeof == 20);

enum from = "wasi_ephemeral_nn";

extern (C) nothrow @nogc
{
    @llvmAttr("wasm-import-module", from) @llvmAttr("wasm-import-name", "load")
    int nn_load(const(Builder)* parts, size_t count, int encoding, int target, int* graph);
    @llvmAttr("wasm-import-module", from) @llvmAttr("wasm-import-name", "load_by_name")
    int nn_load_by_name(const(char)* name, size_t length, int* graph);
    @llvmAttr("wasm-import-module", from) @llvmAttr("wasm-import-name", "init_execution_context")
    int nn_init_execution_context(int graph, int* context);
    @llvmAttr("wasm-import-module", from) @llvmAttr("wasm-import-name", "set_input")
    int nn_set_input(int context, uint index, const(Tensor)* tensor);
    @llvmAttr("wasm-import-module", from) @llvmAttr("wasm-import-name", "compute")
    int nn_compute(int context);
    @llvmAttr("wasm-import-module", from) @llvmAttr("wasm-import-name", "get_output")
    int nn_get_output(int context, uint index, void* buffer, size_t size, size_t* written);
}

enum onnx = 1;
enum cpu = 0;
enum f32 = 1;
enum tooLarge = 7;
enum maxSize = 1 << 30;

public:

/// An errno: 0 is success.
struct Errno
{
    private int number;

    bool opCast(T : bool)() const
    {
        return number != 0;
    }

    /// WIT's name of the error, where WIT has one.
    const(char)* code() const
    {
        switch (number)
        {
        case 1: return "invalid-argument";
        case 2: return "invalid-encoding";
        case 3: return "missing-memory";
        case 4: return "busy";
        case 5: return "runtime-error";
        case 6: return "unsupported-operation";
        case 7: return "too-large";
        case 8: return "not-found";
        default: return "unknown";
        }
    }
}

/// A loaded model.
struct Graph
{
    private int handle;

    static Errno loadByName(const(char)* name, out Graph g)
    {
        return Errno(nn_load_by_name(name, strlen(name), &g.handle));
    }

    static Errno loadOnnx(const(ubyte)[] content, out Graph g)
    {
        const part = Builder(content.ptr, content.length);
        return Errno(nn_load(&part, 1, onnx, cpu, &g.handle));
    }

    Errno initExecutionContext(out Context c)
    {
        return Errno(nn_init_execution_context(handle, &c.handle));
    }
}

/// An execution context of a graph.
struct Context
{
    private int handle;

    /// Computes with one FP32 input. The output is the first, since the interface cannot tell how many there are; it is to
    /// be freed by its pointer.
    Errno compute(const(uint)[] dims, const(float)[] values, out ubyte[] output)
    {
        const tensor = Tensor(dims.ptr, dims.length, f32, values.ptr, values.length * float.sizeof);
        if (auto e = Errno(nn_set_input(handle, 0, &tensor)))
            return e;
        if (auto e = Errno(nn_compute(handle)))
            return e;
        return getOutput(0, output);
    }

    /// Fetches an output into a buffer that grows until the host finds it large enough.
    private Errno getOutput(uint index, out ubyte[] output)
    {
        for (size_t size = 4096;;)
        {
            auto buffer = allocate!ubyte(size);
            size_t written;
            immutable e = nn_get_output(handle, index, buffer.ptr, size, &written);
            if (e == 0 && written <= size)
            {
                output = buffer[0 .. written];
                return Errno(0);
            }
            free(buffer.ptr);
            if (e != tooLarge || size >= maxSize)
                return Errno(e != 0 ? e : 5);
            size = written > size && written <= maxSize ? written : 2 * size; // some hosts tell the size that is needed
        }
    }
}
