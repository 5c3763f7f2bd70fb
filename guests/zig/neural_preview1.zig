//! wasi-nn by way of wasi_ephemeral_nn, for preview 1 modules: the imports, and types over them.
//!
//! Each function returns an errno and stores its result through the last pointer on success. The interface has no
//! function that drops a handle and none that names or describes outputs.

const std = @import("std");
const Allocator = std.mem.Allocator;

/// The tensor types, in the numbers of the current witx text.
pub const ElementType = enum(u8) { FP32 = 1, _ };

/// An error of wasi-nn: the name of its code. Preview 1 has no detail text.
pub const Failure = struct { code: []const u8, data: []u8 };

/// WIT's names of the errnos, where WIT has one.
const codes = [_][]const u8{
    "success",       "invalid-argument",      "invalid-encoding", "missing-memory", "busy",
    "runtime-error", "unsupported-operation", "too-large",        "not-found",
};

const runtime_error = 5;
const too_large = 7;
const onnx = 1;
const cpu = 0;

const Builder = extern struct { ptr: [*]const u8, len: usize };

const Tensor = extern struct { dims: [*]const u32, rank: usize, ty: ElementType, data: [*]const u8, size: usize };

extern "wasi_ephemeral_nn" fn load(parts: [*]const Builder, count: usize, encoding: i32, target: i32, graph: *i32) i32;
extern "wasi_ephemeral_nn" fn load_by_name(name: [*]const u8, len: usize, graph: *i32) i32;
extern "wasi_ephemeral_nn" fn init_execution_context(graph: i32, context: *i32) i32;
extern "wasi_ephemeral_nn" fn set_input(context: i32, index: u32, tensor: *const Tensor) i32;
extern "wasi_ephemeral_nn" fn get_output(context: i32, index: u32, buffer: [*]u8, size: usize, written: *usize) i32;

fn check(errno: i32, failure: *Failure) error{WasiNn}!void {
    if (errno == 0) return;
    failure.* = .{ .code = if (errno > 0 and errno < codes.len) codes[@intCast(errno)] else "unknown", .data = &.{} };
    return error.WasiNn;
}

/// A loaded model.
pub const Graph = struct {
    handle: i32,

    pub fn loadByName(name: []const u8, failure: *Failure) error{WasiNn}!Graph {
        var g: Graph = undefined;
        try check(load_by_name(name.ptr, name.len, &g.handle), failure);
        return g;
    }

    pub fn loadOnnx(content: []const u8, failure: *Failure) error{WasiNn}!Graph {
        const parts = [_]Builder{.{ .ptr = content.ptr, .len = content.len }};
        var g: Graph = undefined;
        try check(load(&parts, parts.len, onnx, cpu, &g.handle), failure);
        return g;
    }

    pub fn initExecutionContext(g: Graph, failure: *Failure) error{WasiNn}!Context {
        var c: Context = undefined;
        try check(init_execution_context(g.handle, &c.handle), failure);
        return c;
    }

    /// The interface cannot drop a handle: the host releases everything when the module ends.
    pub fn drop(_: Graph) void {}
};

/// An FP32 input of the model, which preview 1 takes for its first.
pub const Input = struct { name: []const u8, dims: []const u32, values: []const f32 };

/// One output of a compute. Preview 1 tells only its bytes.
pub const Output = struct { name: ?[]const u8 = null, ty: ?ElementType = null, dims: ?[]const u32 = null, data: []const u8 };

/// An execution context of a graph.
pub const Context = struct {
    handle: i32,

    /// Computes with one input and returns the first output, since the interface cannot tell how many there are.
    pub fn compute(c: Context, arena: Allocator, input: Input, failure: *Failure) (error{WasiNn} || Allocator.Error)![]Output {
        const data = std.mem.sliceAsBytes(input.values);
        const tensor: Tensor = .{ .dims = input.dims.ptr, .rank = input.dims.len, .ty = .FP32, .data = data.ptr, .size = data.len };
        try check(set_input(c.handle, 0, &tensor), failure);
        try check(compute_(c.handle), failure);
        const outputs = try arena.alloc(Output, 1);
        outputs[0] = .{ .data = try c.output(arena, 0, failure) };
        return outputs;
    }

    /// Fetches an output into a buffer that grows until the host finds it large enough.
    fn output(c: Context, arena: Allocator, index: u32, failure: *Failure) (error{WasiNn} || Allocator.Error)![]u8 {
        const max_size = 1 << 30;
        var buffer = try arena.alloc(u8, 4096);
        while (true) {
            var written: usize = 0;
            const errno = get_output(c.handle, index, buffer.ptr, buffer.len, &written);
            if (errno == 0 and written <= buffer.len) return buffer[0..written];
            if (errno != too_large or buffer.len >= max_size) {
                try check(if (errno != 0) errno else runtime_error, failure);
            }
            const told = written > buffer.len and written <= max_size; // some hosts tell the size that is needed
            buffer = try arena.realloc(buffer, if (told) written else 2 * buffer.len);
        }
    }

    pub fn drop(_: Context) void {}
};

const compute_ = @extern(*const fn (context: i32) callconv(.c) i32, .{ .name = "compute", .library_name = "wasi_ephemeral_nn" });
