//! Whole files, by paths as the command line has them.

const std = @import("std");
const Files = @This();

io: std.Io,
preopens: std.process.Preopens,

/// Reads a whole file. The caller frees it.
pub fn read(files: Files, gpa: std.mem.Allocator, path: []const u8) error{ OutOfMemory, Unreadable }![]u8 {
    const dir, const rest = files.locate(path) orelse return error.Unreadable;
    return dir.readFileAlloc(files.io, rest, gpa, .unlimited) catch |e| switch (e) {
        error.OutOfMemory => error.OutOfMemory,
        else => error.Unreadable,
    };
}

/// Finds the directory that the host opened for this program and that has the longest name with which the path begins. WASI has
/// no current directory; wasi-libc would do the same.
fn locate(files: Files, path: []const u8) ?struct { std.Io.Dir, []const u8 } {
    const first_directory = 3; // after the standard streams
    var best: ?struct { std.Io.Dir, []const u8 } = null;
    const names = files.preopens.map.keys();
    if (names.len <= first_directory) return null;
    for (names[first_directory..], first_directory..) |name, handle| {
        const rest = below(name, path) orelse continue;
        if (best == null or rest.len < best.?[1].len) best = .{ .{ .handle = @intCast(handle) }, rest };
    }
    return best;
}

/// What remains of a path below a directory, or null when it is not below.
fn below(directory: []const u8, path: []const u8) ?[]const u8 {
    if (std.mem.eql(u8, directory, ".")) return if (std.mem.startsWith(u8, path, "/")) null else path;
    const name = std.mem.trimEnd(u8, directory, "/");
    if (!std.mem.startsWith(u8, path, name)) return null;
    const rest = path[name.len..];
    return if (std.mem.startsWith(u8, rest, "/")) std.mem.trimStart(u8, rest, "/") else null;
}
