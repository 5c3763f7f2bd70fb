"""A picture file as the digit model wants it."""

import re

from failure import Failure

SIDE = 28

# Pictures wider or higher than this are refused.
MAX_SIDE = 28 * 1024

# Blanks, and comments to the end of their line, before a number; one blank after it, at the latest before the pixels.
BLANK = rb"[\t-\r ]"
NUMBER = rb"(?:" + BLANK + rb"|#[^\n\r]*(?=[\n\r]))*+([0-9]+)" + BLANK
HEADER = re.compile(rb"P5(?=" + BLANK + rb")" + 3 * NUMBER)


def is_good(side: int) -> bool:
    return 0 < side <= MAX_SIDE and side % SIDE == 0


def number(digits: bytes) -> int | None:
    """Returns the number, if it is at most a million."""
    digits = digits.lstrip(b"0") or b"0"
    return int(digits) if len(digits) <= 6 or digits == b"1000000" else None


def read(path: str) -> list[float]:
    """Reads a binary PGM file (P5, maxval 255) whose width and height are multiples of 28, and makes 28x28 values of it,
    row-major: each is 1 - mean/255 over a box of pixels, so that paper is 0 and ink is 1."""

    def fail(text: str):
        raise Failure(f"picture {path}: {text}")

    try:
        with open(path, "rb") as f:
            content = f.read()
    except OSError:
        fail("cannot be read")
    header = HEADER.match(content)
    numbers = [number(digits) for digits in header.groups()] if header else [None]
    if None in numbers:
        fail("not a binary PGM file")
    width, height, maxval = numbers
    if not is_good(width) or not is_good(height):
        fail(f"width and height have to be multiples of {SIDE} up to {MAX_SIDE}, not {width}x{height}")
    if maxval != 255:
        fail(f"maxval has to be 255, not {maxval}")
    pixels = memoryview(content)[header.end() :]
    if len(pixels) < width * height:
        fail(f"{width * height - len(pixels)} of {width * height} pixels are missing")

    box_width, box_height = width // SIDE, height // SIDE
    sums = [0] * (SIDE * SIDE)
    for y in range(height):
        for column in range(SIDE):
            start = y * width + column * box_width
            sums[y // box_height * SIDE + column] += sum(pixels[start : start + box_width])
    white = 255.0 * box_width * box_height
    return [1 - s / white for s in sums]
