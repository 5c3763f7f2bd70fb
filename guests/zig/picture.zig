//! A picture file as the digit model wants it.

const std = @import("std");

pub const side = 28;
pub const Values = [side * side]f32;

/// Pictures wider or higher than this are refused.
const max_side = 28 * 1024;

/// What is wrong with a file.
pub const Problem = union(enum) {
    text: []const u8,
    size: struct { width: usize, height: usize },
    maxval: usize,
    missing: struct { pixels: usize, of: usize },

    pub fn describe(p: Problem, arena: std.mem.Allocator) std.mem.Allocator.Error![]const u8 {
        return switch (p) {
            .text => |text| text,
            .size => |s| std.fmt.allocPrint(arena, "width and height have to be multiples of {d} up to {d}, not {d}x{d}", .{ side, max_side, s.width, s.height }),
            .maxval => |m| std.fmt.allocPrint(arena, "maxval has to be 255, not {d}", .{m}),
            .missing => |m| std.fmt.allocPrint(arena, "{d} of {d} pixels are missing", .{ m.pixels, m.of }),
        };
    }
};

/// Blank as PGM means it: the byte is one of C's white space.
fn isBlank(byte: u8) bool {
    return byte == ' ' or (byte >= '\t' and byte <= '\r');
}

const Header = struct {
    rest: []const u8,

    fn next(h: *Header) error{NotPgm}!u8 {
        if (h.rest.len == 0) return error.NotPgm;
        defer h.rest = h.rest[1..];
        return h.rest[0];
    }

    fn magic(h: *Header) error{NotPgm}!void {
        if (try h.next() != 'P' or try h.next() != '5' or !isBlank(try h.next())) return error.NotPgm;
    }

    /// A decimal number: the blanks and comments before it are passed over, and so is the one blank that has to follow.
    fn number(h: *Header) error{NotPgm}!usize {
        var c = try h.next();
        while (isBlank(c) or c == '#') {
            if (c == '#') while (c != '\n' and c != '\r') {
                c = try h.next();
            };
            c = try h.next();
        }
        if (!std.ascii.isDigit(c)) return error.NotPgm;
        var n: usize = 0;
        while (std.ascii.isDigit(c)) : (c = try h.next()) {
            n = 10 * n + (c - '0');
            if (n > 1_000_000) return error.NotPgm;
        }
        return if (isBlank(c)) n else error.NotPgm;
    }
};

fn isGood(length: usize) bool {
    return length > 0 and length <= max_side and length % side == 0;
}

/// Makes 28x28 values of a binary PGM file (P5, maxval 255) whose width and height are multiples of 28, row-major: each is
/// 1 - mean/255 over a box of pixels, so that paper is 0 and ink is 1. Of a file that is none, it stores what is wrong.
pub fn decode(file: []const u8, values: *Values, problem: *Problem) error{NotPicture}!void {
    var header: Header = .{ .rest = file };
    const width, const height, const maxval = numbers(&header) catch {
        problem.* = .{ .text = "not a binary PGM file" };
        return error.NotPicture;
    };
    if (!isGood(width) or !isGood(height)) {
        problem.* = .{ .size = .{ .width = width, .height = height } };
        return error.NotPicture;
    }
    if (maxval != 255) {
        problem.* = .{ .maxval = maxval };
        return error.NotPicture;
    }
    const pixels = header.rest;
    if (pixels.len < width * height) {
        problem.* = .{ .missing = .{ .pixels = width * height - pixels.len, .of = width * height } };
        return error.NotPicture;
    }

    const box_width = width / side;
    const box_height = height / side;
    var sums: [side * side]u64 = @splat(0);
    for (0..height) |y| {
        for (pixels[y * width ..][0..width], 0..) |pixel, x| sums[y / box_height * side + x / box_width] += pixel;
    }
    const white: f64 = 255.0 * @as(f64, @floatFromInt(box_width)) * @as(f64, @floatFromInt(box_height));
    for (values, sums) |*v, s| v.* = @floatCast(1 - @as(f64, @floatFromInt(s)) / white);
}

fn numbers(header: *Header) error{NotPgm}![3]usize {
    try header.magic();
    return .{ try header.number(), try header.number(), try header.number() };
}
