## A picture file as the digit model wants it.

import std/strutils

const
  side* = 28
  valueCount* = side * side
  maxSide = 28 * 1024 ## Pictures wider or higher than this are refused.

  blanks = {' ', '\t' .. '\r'} ## C's white space, which is what PGM means by blanks.

type PictureError* = object of CatchableError

proc fail(message: string) {.noreturn.} =
  raise newException(PictureError, message)

proc number(text: string, at: var int): int =
  ## Reads a decimal number: the blanks and comments before it, and the one blank after it.
  while at < text.len and text[at] in blanks + {'#'}:
    if text[at] == '#':
      while at < text.len and text[at] notin {'\n', '\r'}: inc at
    else:
      inc at
  let start = at
  while at < text.len and text[at] in Digits:
    result = 10 * result + ord(text[at]) - ord('0')
    inc at
    if result > 1_000_000: fail "not a binary PGM file"
  if at == start or at == text.len or text[at] notin blanks: fail "not a binary PGM file"
  inc at

proc isGoodSide(n: int): bool = n in 1 .. maxSide and n mod side == 0

proc decode(content: string): array[valueCount, float32] =
  if content.len < 3 or not content.startsWith("P5") or content[2] notin blanks: fail "not a binary PGM file"
  var at = 2
  let width = number(content, at)
  let height = number(content, at)
  let maxval = number(content, at)
  if not isGoodSide(width) or not isGoodSide(height):
    fail "width and height have to be multiples of " & $side & " up to " & $maxSide & ", not " & $width & "x" & $height
  if maxval != 255: fail "maxval has to be 255, not " & $maxval
  let pixels = width * height
  let missing = pixels - (content.len - at)
  if missing > 0: fail $missing & " of " & $pixels & " pixels are missing"

  let boxWidth = width div side
  let boxHeight = height div side
  let white = 255.0 * float64(boxWidth) * float64(boxHeight)
  for i in 0 ..< valueCount:
    var sum = 0'u64
    for y in 0 ..< boxHeight:
      let row = at + (i div side * boxHeight + y) * width + i mod side * boxWidth
      for x in row ..< row + boxWidth: sum += uint64(ord(content[x]))
    result[i] = float32(1.0 - float64(sum) / white)

proc readPicture*(path: string): array[valueCount, float32] =
  ## Reads a binary PGM file (P5, maxval 255) whose width and height are multiples of 28, and makes 28x28 values of it,
  ## row-major: each is 1 - mean/255 over a box of pixels, so that paper is 0 and ink is 1.
  var content: string
  try:
    content = readFile(path)
  except IOError:
    fail "cannot be read"
  decode(content)
