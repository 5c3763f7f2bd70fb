// picture.h: a picture file as the digit model wants it.
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>
#include <stdint.h>

enum { PICTURE_SIDE = 28, PICTURE_VALUES = PICTURE_SIDE * PICTURE_SIDE };

// read_picture reads a binary PGM file (P5, maxval 255) whose width and height are multiples of 28, and makes 28x28
// values of it, row-major: each is 1 - mean/255 over a box of pixels, so that paper is 0 and ink is 1.
//
// On failure it prints the line "error picture PATH: ..." and returns false.
bool read_picture(const char *path, float values[PICTURE_VALUES]);

#endif
