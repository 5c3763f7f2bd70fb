// What the program needs of WASI, and what both versions of it share.

export abstract class Host {
  /** The arguments, the program's own name not among them. */
  abstract args(): string[];
  /** The content of a file, or null. */
  abstract readFile(path: string): ArrayBuffer | null;
  abstract print(line: string): void;
  abstract printError(text: string): void;
}

/**
 * Files are opened relative to folders that the host gave. This is the rest of the path within such a folder, or null. The
 * working folder is /, and so is a folder of the name "." when the path is relative.
 */
export function pathWithin(folder: string, path: string): string | null {
  const absolute = path.startsWith("/");
  if (folder == "/") return absolute ? path.substring(1) : path;
  if (folder == ".") return absolute ? null : path;
  return path.startsWith(folder + "/") ? path.substring(folder.length + 1) : null;
}

/** A buffer that bytes are appended to. */
export class Bytes {
  private buffer: ArrayBuffer = new ArrayBuffer(1 << 16);
  length: i32 = 0;

  /** Makes room for at least count bytes and returns the address where they go. */
  room(count: i32): usize {
    if (count > this.buffer.byteLength - this.length) {
      const larger = new ArrayBuffer(max(2 * this.buffer.byteLength, this.length + count));
      memory.copy(changetype<usize>(larger), changetype<usize>(this.buffer), this.length);
      this.buffer = larger;
    }
    return changetype<usize>(this.buffer) + this.length;
  }

  content(): ArrayBuffer {
    return this.buffer.slice(0, this.length);
  }
}
