// A picture file as the digit model wants it.

export const SIDE: i32 = 28;
export const VALUES: i32 = SIDE * SIDE;

// Pictures wider or higher than this are refused.
const MAX_SIDE: u32 = 28 * 1024;

/** Takes the numbers of a PGM header off the bytes of a file. */
class Header {
  constructor(private bytes: Uint8Array, public at: i32) {}

  // blank tells whether a byte is one of C's white space, which is what PGM means by it.
  private blank(at: i32): bool {
    if (at >= this.bytes.length) return false;
    const b = this.bytes[at];
    return b == 0x20 || (b >= 0x09 && b <= 0x0d);
  }

  magic(): bool {
    const good = this.bytes.length > 2 && this.bytes[0] == 0x50 && this.bytes[1] == 0x35 && this.blank(2); // P5
    this.at = 2;
    return good;
  }

  /** A decimal number: the blanks and comments before it, and the one blank after it. Or -1. */
  number(): i32 {
    const bytes = this.bytes;
    while (this.at < bytes.length && (this.blank(this.at) || bytes[this.at] == 0x23)) {
      if (bytes[this.at] == 0x23) {
        while (this.at < bytes.length && bytes[this.at] != 0x0a && bytes[this.at] != 0x0d) this.at++;
      } else {
        this.at++;
      }
    }
    let n = 0, digits = 0;
    for (; this.at < bytes.length && bytes[this.at] >= 0x30 && bytes[this.at] <= 0x39; this.at++, digits++) {
      n = 10 * n + bytes[this.at] - 0x30;
      if (n > 1000000) return -1;
    }
    return digits > 0 && this.blank(this.at++) ? n : -1;
  }
}

/**
 * Decodes a binary PGM file (P5, maxval 255) whose width and height are multiples of 28 into 28x28 values, row-major, from
 * index `start` of `values`: each is 1 - mean/255 over a box of pixels, so that paper is 0 and ink is 1. Returns what is
 * wrong with the file, or null.
 */
export function decode(content: ArrayBuffer, values: Float32Array, start: i32): string | null {
  const bytes = Uint8Array.wrap(content);
  const header = new Header(bytes, 0);
  if (!header.magic()) return "not a binary PGM file";
  const width = header.number();
  const height = width >= 0 ? header.number() : -1;
  const maxval = height >= 0 ? header.number() : -1;
  if (maxval < 0) return "not a binary PGM file";
  if (!goodSide(width) || !goodSide(height)) {
    return `width and height have to be multiples of ${SIDE} up to ${MAX_SIDE}, not ${width}x${height}`;
  }
  if (maxval != 255) return `maxval has to be 255, not ${maxval}`;
  const pixels = width * height;
  const missing = pixels - (bytes.length - header.at);
  if (missing > 0) return `${missing} of ${pixels} pixels are missing`;

  const boxWidth = width / SIDE, boxHeight = height / SIDE;
  const white: f64 = 255.0 * f64(boxWidth) * f64(boxHeight);
  for (let i = 0; i < VALUES; i++) {
    let sum: u64 = 0;
    for (let y = 0; y < boxHeight; y++) {
      const row = header.at + (i / SIDE * boxHeight + y) * width + i % SIDE * boxWidth;
      for (let x = 0; x < boxWidth; x++) sum += u64(unchecked(bytes[row + x]));
    }
    values[start + i] = f32(1.0 - f64(sum) / white);
  }
  return null;
}

function goodSide(side: u32): bool {
  return side > 0 && side <= MAX_SIDE && side % SIDE == 0;
}
