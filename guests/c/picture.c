#include "picture.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

// Pictures wider or higher than this are refused: a row has to fit in memory.
enum { MAX_SIDE = 28 * 1024 };

typedef struct {
  uint32_t width, height, maxval;
} pgm_header;

static bool is_space(int c) { return c == ' ' || (c >= '\t' && c <= '\r'); }

// read_number reads a decimal number, the blanks and comments before it, and the one character after it.
static bool read_number(FILE *f, uint32_t *number) {
  int c = fgetc(f);
  while (is_space(c) || c == '#') {
    if (c == '#')
      while (c != '\n' && c != '\r' && c != EOF)
        c = fgetc(f);
    c = fgetc(f);
  }
  if (c < '0' || c > '9')
    return false;
  uint32_t n = 0;
  for (; c >= '0' && c <= '9'; c = fgetc(f)) {
    n = 10 * n + (uint32_t)(c - '0');
    if (n > 1000000)
      return false;
  }
  *number = n;
  return is_space(c);
}

static bool read_header(FILE *f, pgm_header *h) {
  return fgetc(f) == 'P' && fgetc(f) == '5' && is_space(fgetc(f)) && read_number(f, &h->width) &&
         read_number(f, &h->height) && read_number(f, &h->maxval);
}

static bool side_is_good(uint32_t side) { return side > 0 && side <= MAX_SIDE && side % PICTURE_SIDE == 0; }

// read_boxes sums the pixels of each box. It returns the number of pixels that the file lacks.
static uint64_t read_boxes(FILE *f, const pgm_header *h, uint64_t sums[PICTURE_VALUES]) {
  uint32_t box_width = h->width / PICTURE_SIDE, box_height = h->height / PICTURE_SIDE;
  uint8_t *row = malloc(h->width);
  if (row == NULL)
    abort();
  memset(sums, 0, PICTURE_VALUES * sizeof *sums);
  uint64_t missing = 0;
  for (uint32_t y = 0; y < h->height; y++) {
    size_t got = fread(row, 1, h->width, f);
    missing += h->width - got;
    for (uint32_t x = 0; x < got; x++)
      sums[y / box_height * PICTURE_SIDE + x / box_width] += row[x];
  }
  free(row);
  return missing;
}

static bool decode(FILE *f, const char *path, float values[PICTURE_VALUES]) {
  pgm_header h;
  if (!read_header(f, &h)) {
    printf("error picture %s: %s\n", path, ferror(f) ? "cannot be read" : "not a binary PGM file");
    return false;
  }
  if (!side_is_good(h.width) || !side_is_good(h.height)) {
    printf("error picture %s: width and height have to be multiples of %d up to %d, not %" PRIu32 "x%" PRIu32 "\n", path,
           PICTURE_SIDE, MAX_SIDE, h.width, h.height);
    return false;
  }
  if (h.maxval != 255) {
    printf("error picture %s: maxval has to be 255, not %" PRIu32 "\n", path, h.maxval);
    return false;
  }
  uint64_t sums[PICTURE_VALUES];
  uint64_t missing = read_boxes(f, &h, sums);
  if (ferror(f)) {
    printf("error picture %s: cannot be read\n", path);
    return false;
  }
  if (missing > 0) {
    printf("error picture %s: %" PRIu64 " of %" PRIu64 " pixels are missing\n", path, missing, (uint64_t)h.width * h.height);
    return false;
  }
  double white = 255.0 * (h.width / PICTURE_SIDE) * (h.height / PICTURE_SIDE);
  for (size_t i = 0; i < PICTURE_VALUES; i++)
    values[i] = (float)(1 - (double)sums[i] / white);
  return true;
}

bool read_picture(const char *path, float values[PICTURE_VALUES]) {
  FILE *f = fopen(path, "rb");
  if (f == NULL) {
    printf("error picture %s: cannot be read\n", path);
    return false;
  }
  bool ok = decode(f, path, values);
  fclose(f);
  return ok;
}
