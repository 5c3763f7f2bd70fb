// walk: the walk of the first ONNX host for wasi-nn, ten steps that a host calls one by one in one instance.
//
// Each step is an export without parameters and results: wasinn run --invoke load_model --invoke init_execution_context ...
// A step prints a line. One that fails prints "error STEP code=NUMBER" with the errno, and ends the guest with status 1.
//
// The folder models holds squeezenet.onnx, mobilenetv2.onnx and identity.onnx, the folder pictures 1.ppm to 3.ppm. With a
// folder out, image tests leave there what they gave to the model and what came out.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "picture.h"
#include "wasi_ephemeral_nn.h"

#define STEP(name) __attribute__((export_name(#name))) void step_##name(void)

enum { CLASSES = 1000 };

static int32_t walk_graph, walk_context; // what load_model and init_execution_context made

// An instance whose exports are called never exits, so nobody would write what is left of the output.
__attribute__((constructor)) static void print_line_by_line(void) { setvbuf(stdout, NULL, _IOLBF, 0); }

static void check(const char *step, int32_t err) {
  if (err == NN_ERRNO_SUCCESS)
    return;
  printf("error %s code=%d\n", step, (int)err);
  exit(1);
}

static void require(bool ok, const char *step, const char *what) {
  if (ok)
    return;
  printf("error %s: %s\n", step, what);
  exit(1);
}

static int32_t load_file(const char *step, const char *path) {
  bytes model;
  require(read_file(path, &model), step, "the model cannot be read");
  nn_graph_builder_t part = {model.ptr, model.len};
  int32_t g;
  check(step, nn_load(&part, 1, NN_ENCODING_ONNX, 0, &g));
  free(model.ptr);
  return g;
}

static int32_t new_context(const char *step, int32_t g) {
  int32_t c;
  check(step, nn_init_execution_context(g, &c));
  return c;
}

static void set_floats(const char *step, int32_t c, const uint32_t *dims, uint32_t rank, const float *data, uint32_t count) {
  nn_tensor_t t = {dims, rank, NN_TENSOR_F32, data, count * sizeof *data};
  check(step, nn_set_input(c, 0, &t));
}

static void get_floats(const char *step, int32_t c, float *data, uint32_t count) {
  uint32_t written;
  check(step, nn_get_output(c, 0, data, count * sizeof *data, &written));
  require(written == count * sizeof *data, step, "the output has another size");
}

static const uint32_t image_dims[] = {1, 3, SIDE, SIDE};

static void set_picture(const char *step, int32_t c, int number, float *image) {
  char path[32];
  snprintf(path, sizeof path, "pictures/%d.ppm", number);
  require(read_picture(path, image), step, "the picture cannot be read");
  set_floats(step, c, image_dims, 4, image, IMAGE_SIZE);
}

static void keep(const char *model, const char *what, int number, const float *data, size_t count) {
  char path[64];
  snprintf(path, sizeof path, "out/%s-%s-%d.bin", model, what, number);
  FILE *f = fopen(path, "wb");
  if (f == NULL)
    return; // there is no such folder
  require(fwrite(data, sizeof *data, count, f) == count && fclose(f) == 0, model, "out cannot be written");
}

// classify is an image test: each picture in a context of its own, since the first host knew one compute for each.
static void classify(const char *model, int pictures) {
  char path[64];
  snprintf(path, sizeof path, "models/%s.onnx", model);
  int32_t g = load_file(model, path);
  float *image = allocate(IMAGE_SIZE, sizeof *image), *scores = allocate(CLASSES, sizeof *scores);
  for (int number = 1; number <= pictures; number++) {
    int32_t c = new_context(model, g);
    set_picture(model, c, number, image);
    check(model, nn_compute(c));
    get_floats(model, c, scores, CLASSES);
    int best = 0;
    for (int i = 1; i < CLASSES; i++)
      if (scores[i] > scores[best])
        best = i;
    printf("%s picture %d class=%d\n", model, number, best);
    keep(model, "input", number, image, IMAGE_SIZE);
    keep(model, "output", number, scores, CLASSES);
  }
  free(image);
  free(scores);
}

STEP(load_empty) {
  nn_graph_builder_t part = {(const uint8_t *)"", 0};
  int32_t g;
  check("load_empty", nn_load(&part, 1, NN_ENCODING_ONNX, 0, &g));
  puts("load_empty");
}

STEP(load_model) {
  walk_graph = load_file("load_model", "models/squeezenet.onnx");
  puts("load_model");
}

STEP(init_execution_context) {
  walk_context = new_context("init_execution_context", walk_graph);
  puts("init_execution_context");
}

STEP(set_input) {
  float *image = allocate(IMAGE_SIZE, sizeof *image);
  set_picture("set_input", walk_context, 1, image);
  free(image);
  puts("set_input");
}

STEP(compute) {
  check("compute", nn_compute(walk_context));
  puts("compute");
}

STEP(squeezenet_one) { classify("squeezenet", 1); }

STEP(squeezenet_three) { classify("squeezenet", 3); }

STEP(mobilenetv2_one) { classify("mobilenetv2", 1); }

STEP(mobilenetv2_three) { classify("mobilenetv2", 3); }

STEP(identity) {
  static const uint32_t dims[] = {4};
  static const float in[] = {1, 2, 3, 4};
  float out[4] = {0};
  int32_t c = new_context("identity", load_file("identity", "models/identity.onnx"));
  set_floats("identity", c, dims, 1, in, 4);
  check("identity", nn_compute(c));
  get_floats("identity", c, out, 4);
  printf("identity %g %g %g %g\n", (double)out[0], (double)out[1], (double)out[2], (double)out[3]);
  require(memcmp(in, out, sizeof in) == 0, "identity", "what comes out is not what went in");
}
