//! digits: classify pictures of handwritten digits.
//!
//! The program is the same for components and for preview 1 modules; the module `neural` is what differs.
//! guests/README.md has the contract that its output keeps, in this and in every other language.

const std = @import("std");
const neural = @import("neural");
const picture = @import("picture.zig");
const Files = @import("Files.zig");
const Allocator = std.mem.Allocator;

const usage =
    \\usage: digits [batch | contexts N] name MODEL PICTURE...      the model that the host has under the name MODEL
    \\       digits [batch | contexts N] bytes FILE PICTURE...      the ONNX model in FILE
    \\PICTURE is a binary PGM file. With batch, all pictures go through the model at once; with contexts, one at a time,
    \\in turn on N execution contexts of one graph, 1 to 1000.
    \\
;

/// How the pictures go through the model: all at once, or one by one on some contexts in turn.
const Way = struct {
    batch: bool = false,
    contexts: usize = 1,

    /// Takes the words that say how off the arguments. Null, if they do not say it right.
    fn take(args: *[]const [:0]const u8) ?Way {
        if (args.len > 0 and std.mem.eql(u8, args.*[0], "batch")) {
            args.* = args.*[1..];
            return .{ .batch = true };
        }
        if (args.len < 2 or !std.mem.eql(u8, args.*[0], "contexts")) return .{};
        const count = std.fmt.parseInt(usize, args.*[1], 10) catch return null;
        args.* = args.*[2..];
        return if (count >= 1 and count <= 1000) .{ .contexts = count } else null;
    }
};

const Program = struct {
    gpa: Allocator,
    files: Files,
    out: *std.Io.Writer,

    /// Reported says that the line about an error is printed.
    const Error = error{Reported} || Allocator.Error || std.Io.Writer.Error;

    /// Prints the line about the error that ends the program.
    fn fail(p: Program, comptime format: []const u8, args: anytype) Error {
        p.out.print("error " ++ format ++ "\n", args) catch |e| return e;
        return error.Reported;
    }

    fn failNn(p: Program, stage: []const u8, e: neural.Failure) Error {
        for (e.data) |*c| {
            if (c.* < ' ' or c.* == 0x7f) c.* = ' '; // keep it one line
        }
        return p.fail("{s} code={s} data={s}", .{ stage, e.code, e.data });
    }

    fn run(p: Program, way: Way, by_name: bool, model: []const u8, pictures: []const [:0]const u8) Error!void {
        var failure: neural.Failure = undefined;
        const graph = try p.load(by_name, model);
        defer graph.drop();
        var contexts: std.ArrayList(neural.Context) = try .initCapacity(p.gpa, way.contexts);
        defer {
            for (contexts.items) |c| c.drop();
            contexts.deinit(p.gpa);
        }
        while (contexts.items.len < way.contexts)
            contexts.appendAssumeCapacity(graph.initExecutionContext(&failure) catch return p.failNn("init", failure));

        const size = if (way.batch) pictures.len else 1;
        var rest = pictures;
        var turn: usize = 0;
        while (rest.len > 0) : (rest = rest[size..]) {
            var arena = std.heap.ArenaAllocator.init(p.gpa);
            defer arena.deinit();
            try p.classify(arena.allocator(), contexts.items[turn % way.contexts], rest[0..size]);
            turn += 1;
        }
    }

    fn load(p: Program, by_name: bool, model: []const u8) Error!neural.Graph {
        var failure: neural.Failure = undefined;
        if (by_name) return neural.Graph.loadByName(model, &failure) catch p.failNn("load", failure);
        const content = p.files.read(p.gpa, model) catch |e| return switch (e) {
            error.OutOfMemory => error.OutOfMemory,
            error.Unreadable => p.fail("model {s}: cannot be read", .{model}),
        };
        defer p.gpa.free(content);
        return neural.Graph.loadOnnx(content, &failure) catch p.failNn("load", failure);
    }

    /// Runs the model once on these pictures and prints what it says.
    fn classify(p: Program, arena: Allocator, context: neural.Context, paths: []const [:0]const u8) Error!void {
        const input = try arena.alloc(picture.Values, paths.len);
        for (paths, input) |path, *values| try p.readPicture(arena, path, values);
        var failure: neural.Failure = undefined;
        const outputs = context.compute(arena, .{
            .name = "image",
            .dims = &.{ @intCast(paths.len), 1, picture.side, picture.side },
            .values = @ptrCast(input),
        }, &failure) catch |e| return switch (e) {
            error.OutOfMemory => error.OutOfMemory,
            error.WasiNn => p.failNn("compute", failure),
        };

        const values = try arena.alloc([]const f32, outputs.len);
        for (outputs, values, 0..) |o, *v, i| v.* = try p.valuesOf(arena, i, o, paths.len);
        for (paths, 0..) |path, k| {
            try p.out.print("picture {s}\n", .{path});
            for (outputs, values, 0..) |o, v, i| {
                const classes = v.len / paths.len;
                try p.printOutput(i, o);
                try p.printTop(arena, v[k * classes ..][0..classes]);
            }
        }
    }

    fn readPicture(p: Program, arena: Allocator, path: []const u8, values: *picture.Values) Error!void {
        var problem: picture.Problem = .{ .text = "cannot be read" };
        if (p.files.read(p.gpa, path)) |content| {
            defer p.gpa.free(content);
            if (picture.decode(content, values, &problem)) return else |_| {}
        } else |e| switch (e) {
            error.OutOfMemory => return error.OutOfMemory,
            error.Unreadable => {},
        }
        return p.fail("picture {s}: {s}", .{ path, try problem.describe(arena) });
    }

    /// The values of an output, which have to be finite and the same number for each of `count` pictures.
    fn valuesOf(p: Program, arena: Allocator, index: usize, o: neural.Output, count: usize) Error![]const f32 {
        if (o.ty) |ty| if (ty != .FP32)
            return p.fail("output {d}: values have to be FP32, not {s}", .{ index, @tagName(ty) });
        if (o.data.len == 0 or o.data.len % (count * @sizeOf(f32)) != 0)
            return p.fail("output {d}: {d} bytes are not FP32 values for each of {d} pictures", .{ index, o.data.len, count });
        const values = try arena.alloc(f32, o.data.len / @sizeOf(f32));
        @memcpy(std.mem.sliceAsBytes(values), o.data);
        for (values, 0..) |v, i| {
            if (!std.math.isFinite(v)) return p.fail("output {d}: value {d} is not a finite number", .{ index, i });
        }
        return values;
    }

    fn printOutput(p: Program, index: usize, o: neural.Output) Error!void {
        try p.out.print("output {d} name={s} ty={s} dims=", .{ index, o.name orelse "-", if (o.ty) |ty| @tagName(ty) else "-" });
        if (o.dims) |dims| {
            for (dims, 0..) |d, i| try p.out.print("{s}{d}", .{ if (i > 0) "x" else "", d });
        } else try p.out.writeAll("-");
        try p.out.writeAll("\n");
    }

    /// Prints the three greatest values, greatest first; of equals, the lower class comes first.
    fn printTop(p: Program, arena: Allocator, values: []const f32) Error!void {
        const classes = try arena.alloc(usize, values.len);
        for (classes, 0..) |*c, i| c.* = i;
        std.mem.sort(usize, classes, values, struct { // stable
            fn before(v: []const f32, a: usize, b: usize) bool {
                return v[a] > v[b];
            }
        }.before);
        for (classes[0..@min(3, classes.len)], 1..) |c, k| {
            const milli = @floor(1000 * @as(f64, values[c]) + 0.5);
            try p.out.print("top {d} class={d} milli={d}\n", .{ k, c, std.math.lossyCast(i64, milli) });
        }
    }
};

pub fn main(init: std.process.Init) !u8 {
    const args = try init.minimal.args.toSlice(init.arena.allocator());
    var rest: []const [:0]const u8 = args[@min(args.len, 1)..];
    const way = Way.take(&rest);
    const by_name = rest.len > 0 and std.mem.eql(u8, rest[0], "name");
    if (way == null or rest.len < 3 or !(by_name or std.mem.eql(u8, rest[0], "bytes"))) {
        try std.Io.File.stderr().writeStreamingAll(init.io, usage);
        return 1;
    }

    var buffer: [4096]u8 = undefined;
    var stdout = std.Io.File.stdout().writerStreaming(init.io, &buffer);
    const program: Program = .{
        .gpa = init.gpa,
        .files = .{ .io = init.io, .preopens = init.preopens },
        .out = &stdout.interface,
    };
    const result = program.run(way.?, by_name, rest[1], rest[2..]);
    try stdout.interface.flush();
    result catch |e| return if (e == error.Reported) 1 else e;
    return 0;
}
