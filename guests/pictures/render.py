#!/usr/bin/env python3
"""Draws the sample pictures: digits as strokes of a round pen on paper.

    python3 render.py        # rewrites *.pgm beside it; needs nothing but Python

Every stroke is a list of points in a box of 0..1 (x right, y down), made of
lines and arcs. The grain comes from a small generator of its own, so that a
second run writes the same bytes. README.md says what guests do with the
pictures.
"""

import math
import pathlib

SIDE = 112  # four times the model's input
BOX = 76  # the digit's height, as in the data set: 20 of 28 rows, less the pen


def arc(cx, cy, rx, ry, start, end, steps=48):
    """Points of an ellipse from angle start to end in degrees, 0 = right, 90 = down."""
    angles = [math.radians(start + (end - start) * i / steps) for i in range(steps + 1)]
    return [(cx + rx * math.cos(a), cy + ry * math.sin(a)) for a in angles]


# What each digit looks like: strokes of points. Widths differ, as they do by hand.
STROKES = {
    "0": [arc(0.5, 0.5, 0.34, 0.5, -80, 280)],
    "1": [[(0.43, 0.1), (0.53, 0.0), (0.49, 1.0)]],
    "2": [arc(0.46, 0.29, 0.33, 0.29, -165, 30) + [(0.18, 0.97)], [(0.18, 0.97), (0.86, 0.96)]],
    "3": [arc(0.45, 0.25, 0.32, 0.25, -150, 85) + arc(0.45, 0.75, 0.36, 0.26, -88, 150)],
    "4": [[(0.42, 0.0), (0.12, 0.62), (0.86, 0.6)], [(0.66, 0.3), (0.62, 1.0)]],
    "5": [[(0.82, 0.0), (0.28, 0.02), (0.24, 0.45)] + arc(0.46, 0.69, 0.34, 0.31, -125, 145)],
    "6": [[(0.66, 0.0), (0.44, 0.2), (0.26, 0.48)] + arc(0.5, 0.71, 0.29, 0.29, 200, -160)],
    "7": [[(0.14, 0.04), (0.82, 0.02), (0.62, 0.42), (0.42, 1.0)]],
    "8": [arc(0.5, 0.25, 0.26, 0.25, 90, 450) + arc(0.5, 0.75, 0.32, 0.25, -90, 270)],
    "9": [arc(0.48, 0.29, 0.29, 0.29, -20, -380) + [(0.76, 0.4), (0.7, 0.7), (0.6, 1.0)]],
    # Other hands.
    "1-bar": [[(0.5, 0.0), (0.46, 1.0)]],
    "2-loop": [arc(0.48, 0.27, 0.3, 0.27, -160, 40) + [(0.3, 0.86)] + arc(0.24, 0.9, 0.12, 0.09, -40, -330) + [(0.5, 0.95), (0.9, 0.9)]],
    "4-closed": [[(0.58, 0.0), (0.1, 0.66), (0.9, 0.66)], [(0.62, 0.0), (0.62, 1.0)]],
    "7-thin": [[(0.12, 0.02), (0.84, 0.0), (0.46, 1.0)]],
    "9-straight": [arc(0.46, 0.28, 0.28, 0.28, 0, -350), [(0.74, 0.1), (0.72, 1.0)]],
}

# Per picture: pen width in pixels, slant, rotation in degrees, shift in
# pixels, darkness of ink and paper (0 black, 255 white), grain.
PAGES = {
    "0": dict(pen=10, slant=0.12, turn=3, ink=20, paper=250),
    "1": dict(pen=11, slant=0.15, turn=0, ink=35, paper=247),
    "2": dict(pen=10, slant=0.05, turn=-4, ink=15, paper=252),
    "3": dict(pen=10, slant=0.1, turn=0, ink=40, paper=246),
    "4": dict(pen=9, slant=0.08, turn=2, ink=25, paper=251),
    "5": dict(pen=10, slant=0.14, turn=-3, ink=30, paper=248),
    "6": dict(pen=11, slant=0.0, turn=4, ink=10, paper=253),
    "7": dict(pen=10, slant=0.05, turn=-2, ink=45, paper=245),
    "8": dict(pen=10, slant=0.12, turn=0, ink=28, paper=249),
    "9": dict(pen=10, slant=0.1, turn=2, ink=22, paper=250),
    "1-bar": dict(pen=13, slant=0.0, turn=6, ink=18, paper=250),
    "2-loop": dict(pen=8, slant=0.1, turn=0, ink=30, paper=248),
    "4-closed": dict(pen=9, slant=0.12, turn=0, ink=30, paper=252),
    "7-thin": dict(pen=6, slant=0.1, turn=0, ink=20, paper=250),
    "9-straight": dict(pen=12, slant=0.06, turn=-3, ink=38, paper=247),
}
GRAIN = 5  # grey levels up or down


def grain(seed):
    """An endless sequence of numbers 0 <= x < 1: a linear congruential generator."""
    state = seed
    while True:
        state = (state * 6364136223846793005 + 1442695040888963407) % 2**64
        yield (state >> 40) / 2**24


def place(strokes, slant, turn):
    """Slants, turns and centres strokes, in pixels: the box's middle on the picture's."""
    c, s = math.cos(math.radians(turn)), math.sin(math.radians(turn))
    placed = []
    for stroke in strokes:
        points = []
        for x, y in stroke:
            x, y = (x - 0.5) - slant * (y - 0.5), y - 0.5
            points.append((BOX * (c * x - s * y), BOX * (s * x + c * y)))
        placed.append(points)
    xs = [x for points in placed for x, _ in points]
    ys = [y for points in placed for _, y in points]
    dx, dy = SIDE / 2 - (min(xs) + max(xs)) / 2, SIDE / 2 - (min(ys) + max(ys)) / 2
    return [[(x + dx, y + dy) for x, y in points] for points in placed]


def distance(px, py, segment):
    """From a point to a segment, in pixels."""
    (ax, ay), (bx, by) = segment
    dx, dy = bx - ax, by - ay
    length = dx * dx + dy * dy
    t = 0 if length == 0 else max(0, min(1, ((px - ax) * dx + (py - ay) * dy) / length))
    return math.hypot(px - ax - t * dx, py - ay - t * dy)


def draw(strokes, pen, slant, turn, ink, paper, seed):
    """Returns the picture's bytes, row by row: one grey level a pixel."""
    segments = [s for points in place(strokes, slant, turn) for s in zip(points, points[1:])]
    noise = grain(seed)
    out = bytearray()
    for y in range(SIDE):
        for x in range(SIDE):
            near = min(distance(x + 0.5, y + 0.5, s) for s in segments)
            cover = max(0, min(1, pen / 2 - near + 0.5))  # an edge one pixel soft
            level = paper + (ink - paper) * round(cover, 3) + GRAIN * (2 * next(noise) - 1)
            out.append(max(0, min(255, round(level))))
    return bytes(out)


def main():
    here = pathlib.Path(__file__).resolve().parent
    for seed, (name, page) in enumerate(PAGES.items(), 1):
        pixels = draw(STROKES[name], seed=seed, **page)
        (here / f"{name}.pgm").write_bytes(b"P5\n%d %d\n255\n" % (SIDE, SIDE) + pixels)


if __name__ == "__main__":
    main()
