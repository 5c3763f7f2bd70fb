// A picture file as the digit model wants it.
import { Failure } from './failure.js';
import { readFile } from './wasi.js';

export const SIDE = 28;
export const VALUES = SIDE * SIDE;

// Pictures wider or higher than this are refused.
const MAX_SIDE = 28 * 1024;

const HASH = 0x23, NEWLINE = 0x0a, RETURN = 0x0d;

// isBlank says whether a byte is one of C's white space, which is what PGM means by it.
const isBlank = (byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d);

const isDigit = (byte) => byte >= 0x30 && byte <= 0x39;

const isGoodSide = (side) => side > 0 && side <= MAX_SIDE && side % SIDE === 0;

// parseHeader reads the three numbers of a header and returns them, and where the pixels start; null when it is none. Bytes
// beyond the end of the file are undefined, which is neither blank nor a digit.
function parseHeader(bytes) {
  if (bytes[0] !== 0x50 || bytes[1] !== 0x35 || !isBlank(bytes[2])) return null; // "P5 "
  let at = 2;
  const numbers = [];
  while (numbers.length < 3) {
    while (isBlank(bytes[at]) || bytes[at] === HASH) {
      if (bytes[at] === HASH) {
        while (at < bytes.length && bytes[at] !== NEWLINE && bytes[at] !== RETURN) at++;
      } else {
        at++;
      }
    }
    if (!isDigit(bytes[at])) return null;
    let number = 0;
    for (; isDigit(bytes[at]) && number <= 1e6; at++) number = 10 * number + bytes[at] - 0x30;
    if (number > 1e6 || !isBlank(bytes[at])) return null;
    at++; // one blank ends a number; after the last, the pixels start
    numbers.push(number);
  }
  const [width, height, maxval] = numbers;
  return { width, height, maxval, start: at };
}

// readPicture reads a binary PGM file (P5, maxval 255) whose width and height are multiples of 28, and makes 28x28 values
// of it, row-major: each is 1 - mean/255 over a box of pixels, so that paper is 0 and ink is 1.
export function readPicture(path) {
  const fail = (text) => {
    throw new Failure(`picture ${path}: ${text}`);
  };
  const bytes = readFile(path) ?? fail('cannot be read');
  const { width, height, maxval, start } = parseHeader(bytes) ?? fail('not a binary PGM file');
  if (!isGoodSide(width) || !isGoodSide(height)) {
    fail(`width and height have to be multiples of ${SIDE} up to ${MAX_SIDE}, not ${width}x${height}`);
  }
  if (maxval !== 255) fail(`maxval has to be 255, not ${maxval}`);
  const all = width * height, pixels = bytes.subarray(start);
  if (pixels.length < all) fail(`${all - pixels.length} of ${all} pixels are missing`);

  const boxWidth = width / SIDE, boxHeight = height / SIDE;
  const sums = new Float64Array(VALUES);
  for (let y = 0, i = 0; y < height; y++) {
    const row = Math.floor(y / boxHeight) * SIDE;
    for (let x = 0; x < width; x++, i++) sums[row + Math.floor(x / boxWidth)] += pixels[i];
  }
  const white = 255 * boxWidth * boxHeight;
  return Float32Array.from(sums, (s) => 1 - s / white);
}
