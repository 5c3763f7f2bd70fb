// picture.h: pictures as networks trained on ImageNet take them.
#ifndef PICTURE_H
#define PICTURE_H

#include <stdbool.h>

enum { SIDE = 224, IMAGE_SIZE = 3 * SIDE * SIDE };

// read_picture reads a binary PPM file (P6, maxval 255), resizes it to SIDE x SIDE by a triangle filter, and stores
// its planes of red, green and blue, each value as (v / 255 - mean) / deviation of its colour.
bool read_picture(const char *path, float image[IMAGE_SIZE]);

#endif
