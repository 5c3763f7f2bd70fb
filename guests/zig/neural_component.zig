//! wasi-nn by way of wasi:nn, for components: the imports as the canonical ABI lowers them, and types over them.
//!
//! A string or list is a pointer and a length, a handle is an i32, and a result that does not fit one value is stored
//! through the last pointer. What the host returns it places in memory from `cabi_realloc`, below, and gives away.

const std = @import("std");
const Allocator = std.mem.Allocator;

/// WIT's tensor-type.
pub const ElementType = enum(u8) { FP16, FP32, FP64, BF16, U8, I32, I64 };

/// An error of wasi-nn: the name of its code, and the host's detail text.
pub const Failure = struct { code: []const u8, data: []u8 };

const codes = [_][]const u8{
    "invalid-argument", "invalid-encoding", "timeout",  "runtime-error", "unsupported-operation",
    "too-large",        "not-found",        "security", "unknown",
};

const onnx = 1;
const cpu = 0;

/// What cabi_realloc takes from; what the host placed in this memory is freed there.
const gpa = std.heap.wasm_allocator;

/// A string or list.
fn Slice(T: type) type {
    return extern struct {
        ptr: [*]const T,
        len: usize,

        const empty: @This() = .{ .ptr = undefined, .len = 0 };

        fn of(items: []const T) @This() {
            return .{ .ptr = items.ptr, .len = items.len };
        }

        /// Takes over what the host placed in this memory.
        fn take(s: @This()) []T {
            return if (s.len == 0) &.{} else @constCast(s.ptr[0..s.len]);
        }
    };
}

/// tuple<string, tensor>
const NamedTensor = extern struct { name: Slice(u8), tensor: i32 };

/// result<own, own<error>>
const HandleResult = extern struct {
    is_err: bool = false,
    handle: i32 = 0,

    fn get(r: HandleResult, failure: *Failure) error{WasiNn}!i32 {
        return if (r.is_err) fail(r.handle, failure) else r.handle;
    }
};

/// result<list<named-tensor>, own<error>>
const ComputeResult = extern struct {
    is_err: bool = false,
    payload: extern union { ok: Slice(NamedTensor), err: i32 } = .{ .err = 0 },
};

extern "wasi:nn/tensor@0.2.0-rc-2024-10-28" fn @"[constructor]tensor"(dims: [*]const u32, rank: usize, ty: i32, data: [*]const u8, size: usize) i32;
extern "wasi:nn/tensor@0.2.0-rc-2024-10-28" fn @"[method]tensor.dimensions"(tensor: i32, result: *Slice(u32)) void;
extern "wasi:nn/tensor@0.2.0-rc-2024-10-28" fn @"[method]tensor.ty"(tensor: i32) i32;
extern "wasi:nn/tensor@0.2.0-rc-2024-10-28" fn @"[method]tensor.data"(tensor: i32, result: *Slice(u8)) void;
extern "wasi:nn/tensor@0.2.0-rc-2024-10-28" fn @"[resource-drop]tensor"(tensor: i32) void;

extern "wasi:nn/graph@0.2.0-rc-2024-10-28" fn load(parts: [*]const Slice(u8), count: usize, encoding: i32, target: i32, result: *HandleResult) void;
extern "wasi:nn/graph@0.2.0-rc-2024-10-28" fn @"load-by-name"(name: [*]const u8, len: usize, result: *HandleResult) void;
extern "wasi:nn/graph@0.2.0-rc-2024-10-28" fn @"[method]graph.init-execution-context"(graph: i32, result: *HandleResult) void;
extern "wasi:nn/graph@0.2.0-rc-2024-10-28" fn @"[resource-drop]graph"(graph: i32) void;

extern "wasi:nn/inference@0.2.0-rc-2024-10-28" fn @"[method]graph-execution-context.compute"(context: i32, inputs: [*]const NamedTensor, count: usize, result: *ComputeResult) void;
extern "wasi:nn/inference@0.2.0-rc-2024-10-28" fn @"[resource-drop]graph-execution-context"(context: i32) void;

extern "wasi:nn/errors@0.2.0-rc-2024-10-28" fn @"[method]error.code"(err: i32) i32;
extern "wasi:nn/errors@0.2.0-rc-2024-10-28" fn @"[method]error.data"(err: i32, result: *Slice(u8)) void;
extern "wasi:nn/errors@0.2.0-rc-2024-10-28" fn @"[resource-drop]error"(err: i32) void;

/// Called by the host, to place strings and lists of results in this component's memory.
export fn cabi_realloc(old: ?[*]u8, old_len: usize, alignment: usize, len: usize) ?[*]u8 {
    if (len == 0) return @ptrFromInt(alignment);
    const place = gpa.rawAlloc(len, .fromByteUnits(alignment), @returnAddress()) orelse @trap();
    if (old) |o| if (old_len > 0) {
        const kept = @min(old_len, len);
        @memcpy(place[0..kept], o[0..kept]);
        gpa.rawFree(o[0..old_len], .fromByteUnits(alignment), @returnAddress());
    };
    return place;
}

/// Stores what an error of the host's says, and drops it.
fn fail(handle: i32, failure: *Failure) error{WasiNn} {
    var data: Slice(u8) = .empty;
    @"[method]error.data"(handle, &data);
    failure.* = .{ .code = codes[@intCast(@"[method]error.code"(handle))], .data = data.take() };
    @"[resource-drop]error"(handle);
    return error.WasiNn;
}

/// A loaded model.
pub const Graph = struct {
    handle: i32,

    pub fn loadByName(name: []const u8, failure: *Failure) error{WasiNn}!Graph {
        var r: HandleResult = .{};
        @"load-by-name"(name.ptr, name.len, &r);
        return .{ .handle = try r.get(failure) };
    }

    pub fn loadOnnx(content: []const u8, failure: *Failure) error{WasiNn}!Graph {
        const parts = [_]Slice(u8){.of(content)};
        var r: HandleResult = .{};
        load(&parts, parts.len, onnx, cpu, &r);
        return .{ .handle = try r.get(failure) };
    }

    pub fn initExecutionContext(g: Graph, failure: *Failure) error{WasiNn}!Context {
        var r: HandleResult = .{};
        @"[method]graph.init-execution-context"(g.handle, &r);
        return .{ .handle = try r.get(failure) };
    }

    pub fn drop(g: Graph) void {
        @"[resource-drop]graph"(g.handle);
    }
};

/// An FP32 input of the model.
pub const Input = struct { name: []const u8, dims: []const u32, values: []const f32 };

/// One output of a compute. A component is told all of it.
pub const Output = struct { name: ?[]const u8, ty: ?ElementType, dims: ?[]const u32, data: []const u8 };

/// An execution context of a graph.
pub const Context = struct {
    handle: i32,

    /// Computes with one input and returns all of the model's outputs, allocated in the arena.
    pub fn compute(c: Context, arena: Allocator, input: Input, failure: *Failure) (error{WasiNn} || Allocator.Error)![]Output {
        const data = std.mem.sliceAsBytes(input.values);
        const tensor = @"[constructor]tensor"(input.dims.ptr, input.dims.len, @intFromEnum(ElementType.FP32), data.ptr, data.len);
        const inputs = [_]NamedTensor{.{ .name = .of(input.name), .tensor = tensor }}; // the host takes over the tensor
        var r: ComputeResult = .{};
        @"[method]graph-execution-context.compute"(c.handle, &inputs, inputs.len, &r);
        if (r.is_err) return fail(r.payload.err, failure);
        const tensors = r.payload.ok.take();
        defer gpa.free(tensors);
        const outputs = try arena.alloc(Output, tensors.len);
        for (tensors, outputs) |t, *o| o.* = try takeOutput(arena, t);
        return outputs;
    }

    pub fn drop(c: Context) void {
        @"[resource-drop]graph-execution-context"(c.handle);
    }
};

/// Moves what the host tells of an output to the arena.
fn takeOutput(arena: Allocator, t: NamedTensor) Allocator.Error!Output {
    defer @"[resource-drop]tensor"(t.tensor);
    var dims: Slice(u32) = .empty;
    var data: Slice(u8) = .empty;
    @"[method]tensor.dimensions"(t.tensor, &dims);
    @"[method]tensor.data"(t.tensor, &data);
    return .{
        .name = try move(u8, arena, t.name),
        .ty = @enumFromInt(@"[method]tensor.ty"(t.tensor)),
        .dims = try move(u32, arena, dims),
        .data = try move(u8, arena, data),
    };
}

fn move(T: type, arena: Allocator, s: Slice(T)) Allocator.Error![]T {
    defer gpa.free(s.take());
    return arena.dupe(T, s.take());
}
