// Host by way of WASI 0.2: wasi:cli and wasi:filesystem.
import { free, takeBytes, takeString } from "./canonical";
import { Bytes, Host, pathWithin } from "./host";

// @ts-ignore: decorator
@external("wasi:cli/environment@0.2.12", "get-arguments") declare function get_arguments(result: usize): void;
// @ts-ignore: decorator
@external("wasi:cli/stdout@0.2.12", "get-stdout") declare function get_stdout(): i32;
// @ts-ignore: decorator
@external("wasi:cli/stderr@0.2.12", "get-stderr") declare function get_stderr(): i32;
// @ts-ignore: decorator
@external("wasi:io/streams@0.2.12", "[method]output-stream.blocking-write-and-flush") declare function output_stream_write(stream: i32, bytes: usize, length: i32, result: usize): void;
// @ts-ignore: decorator
@external("wasi:io/streams@0.2.12", "[resource-drop]output-stream") declare function output_stream_drop(stream: i32): void;
// @ts-ignore: decorator
@external("wasi:io/error@0.2.12", "[resource-drop]error") declare function error_drop(error: i32): void;
// @ts-ignore: decorator
@external("wasi:filesystem/preopens@0.2.12", "get-directories") declare function get_directories(result: usize): void;
// @ts-ignore: decorator
@external("wasi:filesystem/types@0.2.12", "[method]descriptor.open-at") declare function descriptor_open_at(folder: i32, lookup: i32, path: usize, length: i32, open: i32, flags: i32, result: usize): void;
// @ts-ignore: decorator
@external("wasi:filesystem/types@0.2.12", "[method]descriptor.read") declare function descriptor_read(file: i32, length: i64, offset: i64, result: usize): void;
// @ts-ignore: decorator
@external("wasi:filesystem/types@0.2.12", "[resource-drop]descriptor") declare function descriptor_drop(descriptor: i32): void;

const FOLLOW_SYMLINKS = 1;
const READ = 1;

// What blocking-write-and-flush takes at once.
const MAX_WRITE = 4096;

// Where imports store what they return: at most a result whose payload is a list and a flag.
const result = memory.data(16, 8);

export class Component extends Host {
  args(): string[] {
    get_arguments(result);
    const list = load<u32>(result), count = load<u32>(result + 4);
    const args: string[] = [];
    for (let i: u32 = 0; i < count; i++) {
      const arg = takeString(list + 8 * i);
      if (i > 0) args.push(arg);
    }
    free(list, count);
    return args;
  }

  readFile(path: string): ArrayBuffer | null {
    const file = open(path);
    if (file < 0) return null;
    const bytes = new Bytes();
    let ok: bool, end: bool;
    do {
      descriptor_read(file, 1 << 16, bytes.length, result);
      ok = load<u8>(result) == 0;
      end = !ok || load<u8>(result + 12) != 0;
      if (ok) {
        const part = takeBytes(result + 4);
        memory.copy(bytes.room(part.byteLength), changetype<usize>(part), part.byteLength);
        bytes.length += part.byteLength;
      }
    } while (!end);
    descriptor_drop(file);
    return ok ? bytes.content() : null;
  }

  print(line: string): void {
    write(get_stdout(), line + "\n");
  }

  printError(text: string): void {
    write(get_stderr(), text);
  }
}

/** What the compiler calls where it would throw, when told to with --use abort=. */
export function abort(message: string | null, file: string | null, line: u32, column: u32): void {
  write(get_stderr(), `${message ? message : "abort"} at ${file ? file : "?"}:${line}:${column}\n`);
  unreachable();
}

function open(path: string): i32 {
  get_directories(result);
  const list = load<u32>(result), count = load<u32>(result + 4);
  let file = -1;
  for (let i: u32 = 0; i < count; i++) {
    const folder = load<i32>(list + 12 * i);
    const rest = pathWithin(takeString(list + 12 * i + 4), path);
    if (rest && file < 0) {
      descriptor_open_at(folder, FOLLOW_SYMLINKS, changetype<usize>(rest), rest.length, 0, READ, result);
      if (load<u8>(result) == 0) file = load<i32>(result + 4);
    }
    descriptor_drop(folder);
  }
  free(list, count);
  return file;
}

/** Writes and drops a stream. */
function write(stream: i32, text: string): void {
  const bytes = String.UTF8.encode(text);
  for (let done = 0; done < bytes.byteLength; done += MAX_WRITE) {
    output_stream_write(stream, changetype<usize>(bytes) + done, min(MAX_WRITE, bytes.byteLength - done), result);
    if (load<u8>(result) != 0) {
      if (load<u8>(result + 4) == 0) error_drop(load<i32>(result + 8)); // last-operation-failed; else closed
      break;
    }
  }
  output_stream_drop(stream);
}
