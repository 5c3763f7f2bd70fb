// What JavaScript lacks outside browsers and Node: arguments, standard streams and files, by WASI 0.2.
import { getArguments } from 'wasi:cli/environment@0.2.12';
import { getStderr } from 'wasi:cli/stderr@0.2.12';
import { getStdout } from 'wasi:cli/stdout@0.2.12';
import { getDirectories } from 'wasi:filesystem/preopens@0.2.12';

// args returns the arguments, without the program's name.
export const args = () => getArguments().slice(1);

// utf8 encodes text. QuickJS has no TextEncoder.
function utf8(text) {
  const units = encodeURIComponent(text).match(/%..|./g) ?? [];
  return Uint8Array.from(units, (u) => (u.length > 1 ? parseInt(u.slice(1), 16) : u.charCodeAt(0)));
}

// A stream takes up to 4096 bytes at once.
function write(stream, text) {
  const bytes = utf8(text + '\n');
  for (let i = 0; i < bytes.length; i += 4096) stream.blockingWriteAndFlush(bytes.subarray(i, i + 4096));
}

export const print = (text) => write(getStdout(), text);

export const printError = (text) => write(getStderr(), text);

const withoutDot = (path) => path.replace(/^(\.\/+)+/, '');

// openFile opens a file for reading, in the preopened directory with the longest name that the path begins with.
function openFile(path) {
  const prefix = (name) => (name === '.' ? '' : withoutDot(name).replace(/\/*$/, '/'));
  const [found] = getDirectories()
    .map(([directory, name]) => ({ directory, name: prefix(name) }))
    .filter(({ name }) => withoutDot(path).startsWith(name))
    .sort((a, b) => b.name.length - a.name.length);
  if (!found) throw new Error('no preopened directory has it');
  return found.directory.openAt({ symlinkFollow: true }, withoutDot(path).slice(found.name.length), {}, { read: true });
}

// readFile returns the content of a file, or null when it cannot be read.
export function readFile(path) {
  const chunks = [];
  let length = 0;
  try {
    const file = openFile(path);
    const u64 = typeof file.stat().size === 'bigint' ? BigInt : Number; // StarlingMonkey has bigints, QuickJS numbers
    for (let end = false; !end; ) {
      const [chunk, last] = file.read(u64(1 << 20), u64(length));
      chunks.push(chunk);
      length += chunk.length;
      end = last;
    }
  } catch {
    return null;
  }
  const content = new Uint8Array(length);
  let at = 0;
  for (const chunk of chunks) {
    content.set(chunk, at);
    at += chunk.length;
  }
  return content;
}
