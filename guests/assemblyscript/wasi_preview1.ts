// Host by way of wasi_snapshot_preview1: each function returns an errno and stores its results through the last pointers.
import { Bytes, Host, pathWithin } from "./host";

// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "args_sizes_get") declare function args_sizes_get(count: usize, size: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "args_get") declare function args_get(argv: usize, buffer: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_prestat_get") declare function fd_prestat_get(fd: i32, prestat: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_prestat_dir_name") declare function fd_prestat_dir_name(fd: i32, path: usize, length: i32): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "path_open") declare function path_open(folder: i32, lookup: i32, path: usize, length: i32, open: i32, rights: i64, inheriting: i64, flags: i32, fd: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_read") declare function fd_read(fd: i32, iovs: usize, count: i32, got: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_write") declare function fd_write(fd: i32, iovs: usize, count: i32, written: usize): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "fd_close") declare function fd_close(fd: i32): i32;
// @ts-ignore: decorator
@external("wasi_snapshot_preview1", "proc_exit") declare function proc_exit(status: i32): void;

const STDOUT = 1;
const STDERR = 2;
const FIRST_PREOPEN = 3;
const FOLLOW_SYMLINKS = 1;
const RIGHT_TO_READ: i64 = 2;

// Where imports store what they return: one or two words.
const result = memory.data(8, 4);
// A list of one buffer: its address and its length.
const iov = memory.data(8, 4);

export class Preview1 extends Host {
  args(): string[] {
    args_sizes_get(result, result + 4);
    const count = load<u32>(result);
    const argv = new StaticArray<u32>(count), text = new ArrayBuffer(load<u32>(result + 4));
    args_get(changetype<usize>(argv), changetype<usize>(text));
    const args: string[] = [];
    for (let i: u32 = 1; i < count; i++) {
      const end = i + 1 < count ? argv[i + 1] : u32(changetype<usize>(text) + text.byteLength);
      args.push(String.UTF8.decodeUnsafe(argv[i], end - argv[i], true));
    }
    return args;
  }

  readFile(path: string): ArrayBuffer | null {
    const fd = open(path);
    if (fd < 0) return null;
    const bytes = new Bytes();
    let errno: i32, got: i32;
    do {
      store<u32>(iov, bytes.room(1 << 16));
      store<u32>(iov + 4, 1 << 16);
      errno = fd_read(fd, iov, 1, result);
      got = errno == 0 ? load<i32>(result) : 0;
      bytes.length += got;
    } while (got > 0);
    fd_close(fd);
    return errno == 0 ? bytes.content() : null;
  }

  print(line: string): void {
    write(STDOUT, line + "\n");
  }

  printError(text: string): void {
    write(STDERR, text);
  }
}

/** Ends the program. */
export function exit(status: i32): void {
  proc_exit(status);
}

/** What the compiler calls where it would throw, when told to with --use abort=. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  write(STDERR, `${message ? message : "abort"} at ${file ? file : "?"}:${line}:${column}\n`);
  unreachable();
}

function open(path: string): i32 {
  for (let folder = FIRST_PREOPEN; fd_prestat_get(folder, result) == 0; folder++) {
    const length = load<i32>(result + 4);
    const buffer = new ArrayBuffer(length);
    if (fd_prestat_dir_name(folder, changetype<usize>(buffer), length) != 0) continue;
    const rest = pathWithin(String.UTF8.decode(buffer), path);
    if (!rest) continue;
    const p = String.UTF8.encode(rest);
    if (path_open(folder, FOLLOW_SYMLINKS, changetype<usize>(p), p.byteLength, 0, RIGHT_TO_READ, 0, 0, result) == 0) return load<i32>(result);
  }
  return -1;
}

function write(fd: i32, text: string): void {
  const bytes = String.UTF8.encode(text);
  for (let done = 0; done < bytes.byteLength; ) {
    store<u32>(iov, changetype<usize>(bytes) + done);
    store<u32>(iov + 4, bytes.byteLength - done);
    if (fd_write(fd, iov, 1, result) != 0) return;
    done += load<i32>(result);
  }
}
