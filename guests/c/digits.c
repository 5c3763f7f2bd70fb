// digits: classify pictures of handwritten digits.
//
// The program is the same for components and for preview 1 modules; neural_component.c and neural_preview1.c are what
// differs. guests/README.md has the contract that its output keeps, in this and in every other language.
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "neural.h"
#include "picture.h"

static const char usage[] =
  "usage: digits [batch | contexts N] name MODEL PICTURE...      the model that the host has under the name MODEL\n"
  "       digits [batch | contexts N] bytes FILE PICTURE...      the ONNX model in FILE\n"
  "PICTURE is a binary PGM file. With batch, all pictures go through the model at once; with contexts, one at a time,\n"
  "in turn on N execution contexts of one graph, 1 to 1000.\n";

static bool load_model(const char *how, const char *model, graph *g) {
  error e;
  bool ok;
  if (strcmp(how, "name") == 0) {
    ok = load_by_name(model, g, &e);
  } else {
    bytes content;
    if (!read_file(model, &content)) {
      printf("error model %s: cannot be read\n", model);
      return false;
    }
    ok = load(&content, 1, ONNX, CPU, g, &e);
    free(content.ptr);
  }
  if (!ok)
    print_error(e);
  return ok;
}

// check_output makes sure that an output holds the same number of finite FP32 values for each of count pictures.
static bool check_output(const tensor *o, size_t count) {
  if (o->type != FP32 && o->type != TYPE_UNKNOWN) {
    printf("error output %u: values have to be FP32, not %s\n", (unsigned)o->index, type_name(o->type));
    return false;
  }
  if (o->data.len == 0 || o->data.len % (count * sizeof(float)) != 0) {
    printf("error output %u: %zu bytes are not FP32 values for each of %zu pictures\n", (unsigned)o->index, o->data.len, count);
    return false;
  }
  const float *values = (const float *)o->data.ptr;
  for (size_t i = 0; i < o->data.len / sizeof(float); i++)
    if (!isfinite(values[i])) {
      printf("error output %u: value %zu is not a finite number\n", (unsigned)o->index, i);
      return false;
    }
  return true;
}

// print_top prints the three greatest of a picture's values, greatest first; of equals, the lower class comes first.
static void print_top(const float *values, size_t classes) {
  size_t before = classes; // the class printed last
  for (int k = 1; k <= 3 && (size_t)k <= classes; k++) {
    size_t best = classes;
    for (size_t c = 0; c < classes; c++) {
      bool printed = before < classes && (values[c] > values[before] || (values[c] == values[before] && c <= before));
      if (!printed && (best == classes || values[c] > values[best]))
        best = c;
    }
    printf("top %d class=%zu milli=%.0f\n", k, best, floor(1000 * (double)values[best] + 0.5));
    before = best;
  }
}

// classify runs the model once on count pictures and prints what it says.
static bool classify(context c, char *const paths[], size_t count) {
  float *values = allocate(count, PICTURE_VALUES * sizeof(float));
  for (size_t i = 0; i < count; i++)
    if (!read_picture(paths[i], values + i * PICTURE_VALUES))
      return false;

  uint32_t dims[] = {(uint32_t)count, 1, PICTURE_SIDE, PICTURE_SIDE};
  tensor input = {
    .name = "image", .index = 0, .type = FP32, .dims = dims, .rank = 4,
    .data = {(uint8_t *)values, count * PICTURE_VALUES * sizeof(float)},
  };
  tensors outputs;
  error e;
  bool ok = compute(c, (tensors){&input, 1}, 1, &outputs, &e);
  free(values);
  if (!ok) {
    print_error(e);
    return false;
  }

  for (size_t o = 0; o < outputs.len; o++)
    if (!check_output(&outputs.ptr[o], count))
      return false;
  for (size_t i = 0; i < count; i++) {
    printf("picture %s\n", paths[i]);
    for (size_t o = 0; o < outputs.len; o++) {
      const tensor *output = &outputs.ptr[o];
      size_t classes = output->data.len / sizeof(float) / count;
      print_output(output);
      print_top((const float *)output->data.ptr + i * classes, classes);
    }
  }
  free_tensors(outputs);
  return true;
}

// context_count reads the N of the arguments: 1 to 1000, or 0 for anything else.
static size_t context_count(const char *text) {
  char *end;
  unsigned long n = strtoul(text, &end, 10);
  return *end == 0 && n <= 1000 ? n : 0;
}

// classify_all runs the model on all pictures at once, or one by one on count contexts in turn.
static bool classify_all(graph g, bool batch, size_t count, char *const pictures[], size_t picture_count) {
  context *contexts = allocate(count, sizeof *contexts);
  error e;
  for (size_t i = 0; i < count; i++)
    if (!init_execution_context(g, &contexts[i], &e)) {
      print_error(e);
      return false;
    }
  bool ok = true;
  if (batch)
    ok = classify(contexts[0], pictures, picture_count);
  else
    for (size_t i = 0; i < picture_count && ok; i++)
      ok = classify(contexts[i % count], &pictures[i], 1);
  for (size_t i = 0; i < count; i++)
    drop_context(contexts[i]);
  free(contexts);
  return ok;
}

int main(int argc, char *argv[]) {
  bool batch = argc > 1 && strcmp(argv[1], "batch") == 0;
  bool several = argc > 2 && strcmp(argv[1], "contexts") == 0;
  size_t contexts = several ? context_count(argv[2]) : 1;
  int options = several ? 2 : batch ? 1 : 0;
  char **args = argv + 1 + options;
  int count = argc - 1 - options;
  if (contexts == 0 || count < 3 || (strcmp(args[0], "name") != 0 && strcmp(args[0], "bytes") != 0)) {
    fputs(usage, stderr);
    return 1;
  }
  graph g;
  if (!load_model(args[0], args[1], &g))
    return 1;
  bool ok = classify_all(g, batch, contexts, args + 2, (size_t)count - 2);
  drop_graph(g);
  return ok ? 0 : 1;
}
