#include "picture.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "guest.h"

enum { MAX_SIDE = 4096 };

// resize makes count values of size ones that lie stride apart. Where the picture shrinks, the triangle widens by as much,
// so that every pixel counts.
static void resize(const float *from, int size, int stride, float *to, int count, int to_stride) {
  double ratio = (double)size / count, reach = fmax(ratio, 1);
  for (int i = 0; i < count; i++) {
    double center = (i + 0.5) * ratio, sum = 0, weights = 0;
    int first = (int)fmax(floor(center - reach), 0), end = (int)fmin(ceil(center + reach), size);
    for (int j = first; j < end; j++) {
      double weight = fmax(1 - fabs(j + 0.5 - center) / reach, 0);
      sum += weight * (double)from[j * stride];
      weights += weight;
    }
    to[i * to_stride] = (float)(sum / weights);
  }
}

static void resize_plane(const float *from, int width, int height, float *plane) {
  float *narrow = allocate((size_t)height * SIDE, sizeof *narrow);
  for (int y = 0; y < height; y++)
    resize(from + y * width, width, 1, narrow + y * SIDE, SIDE, 1);
  for (int x = 0; x < SIDE; x++)
    resize(narrow + x, height, SIDE, plane + x, SIDE, SIDE);
  free(narrow);
}

static void normalise(const bytes *pixels, int width, int height, float image[IMAGE_SIZE]) {
  static const double mean[] = {0.485, 0.456, 0.406}, deviation[] = {0.229, 0.224, 0.225};
  float *from = allocate((size_t)width * height, sizeof *from);
  for (int colour = 0; colour < 3; colour++) {
    float *plane = image + colour * SIDE * SIDE;
    for (int i = 0; i < width * height; i++)
      from[i] = pixels->ptr[3 * i + colour];
    resize_plane(from, width, height, plane);
    for (int i = 0; i < SIDE * SIDE; i++)
      plane[i] = (float)(((double)plane[i] / 255 - mean[colour]) / deviation[colour]);
  }
  free(from);
}

bool read_picture(const char *path, float image[IMAGE_SIZE]) {
  bytes file;
  if (!read_file(path, &file))
    return false;
  char header[64];
  snprintf(header, sizeof header, "%.*s", file.len < 63 ? (int)file.len : 63, (const char *)file.ptr);
  int width, height, start = 0;
  bool ok = sscanf(header, "P6 %d %d 255%n", &width, &height, &start) == 2 && start++ > 0 && width > 0 && height > 0 &&
            width <= MAX_SIDE && height <= MAX_SIDE && file.len >= (size_t)start + 3 * (size_t)width * height;
  if (ok)
    normalise(&(bytes){file.ptr + start, file.len - start}, width, height, image);
  free(file.ptr);
  return ok;
}
