// interface_preview1.c: what nncli can do only in a preview 1 module.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abuse.h"
#include "neural_preview1.h"
#include "nncli.h"
#include "wasi_ephemeral_nn.h"

bool load_by_name_with_config(const char *name, const char *config, graph *g, error *e) {
  int32_t err = nn_load_by_name_with_config(name, (uint32_t)strlen(name), config, (uint32_t)strlen(config), g);
  return check_errno("load", err, e);
}

bool use_numbers_of(const char *name) {
  static const char *const names[] = {[ERA_NOW] = "now", [ERA_2021] = "2021", [ERA_2022] = "2022"};
  for (era e = ERA_NOW; e <= ERA_2022; e++)
    if (strcmp(name, names[e]) == 0) {
      use_era(e);
      return true;
    }
  return false;
}

// report is the answer of the host to a call that ought to fail.
static bool report(const char *stage, int32_t err) {
  error e;
  if (check_errno(stage, err, &e))
    return true;
  print_error(e);
  return false;
}

enum { NO_HANDLE = 123456 };

#define OUTSIDE(type, before_end) ((type *)(UINTPTR_MAX - (before_end) + 1))

static bool good_context(const options *o, graph *g, context *c) { return load_model(o, g) && new_context(*g, c); }

static bool bad_graph(const options *o) {
  (void)o;
  int32_t c;
  return report("init", nn_init_execution_context(NO_HANDLE, &c));
}

static bool bad_handle(const options *o) {
  (void)o;
  return report("compute", nn_compute(NO_HANDLE));
}

static bool negative_handle(const options *o) {
  (void)o;
  return report("compute", nn_compute(-1));
}

static bool double_drop(const options *o) {
  graph g;
  if (!load_model(o, &g) || !report("unload", nn_unload(g)))
    return false;
  return report("unload", nn_unload(g));
}

static bool double_finalize(const options *o) {
  graph g;
  context c;
  if (!good_context(o, &g, &c) || !report("finalize", nn_finalize_execution_context(c)))
    return false;
  return report("finalize", nn_finalize_execution_context(c));
}

static bool use_after_drop(const options *o) {
  graph g;
  context c;
  if (!good_context(o, &g, &c) || !report("finalize", nn_finalize_execution_context(c)))
    return false;
  return report("compute", nn_compute(c));
}

static bool compute_after_unload(const options *o) {
  graph g;
  context c;
  if (!good_context(o, &g, &c) || !report("unload", nn_unload(g)))
    return false;
  return report("compute", nn_compute(c));
}

// set sets input 0 of a new context to this tensor.
static bool set(const options *o, const nn_tensor_t *t) {
  graph g;
  context c;
  if (!good_context(o, &g, &c) || !report("compute", nn_set_input(c, 0, t)))
    return false;
  return report("compute", nn_compute(c));
}

static bool pointer_outside(const options *o) {
  uint32_t dim = 64;
  return set(o, &(nn_tensor_t){&dim, 1, NN_TENSOR_U8, OUTSIDE(void, 16), 64});
}

static bool dims_outside(const options *o) {
  uint8_t data[64] = {0};
  return set(o, &(nn_tensor_t){OUTSIDE(uint32_t, 4), 2, NN_TENSOR_U8, data, sizeof data});
}

static bool tensor_outside(const options *o) { return set(o, OUTSIDE(nn_tensor_t, 12)); }

static bool list_too_long(const options *o) {
  uint32_t dim = 1;
  return set(o, &(nn_tensor_t){&dim, UINT32_MAX, NN_TENSOR_U8, &dim, 1});
}

static bool builders_outside(const options *o) {
  (void)o;
  int32_t g;
  return report("load", nn_load(OUTSIDE(nn_graph_builder_t, 4), 1, NN_ENCODING_ONNX, 0, &g));
}

static bool builder_outside(const options *o) {
  (void)o;
  int32_t g;
  nn_graph_builder_t part = {OUTSIDE(uint8_t, 16), 64};
  return report("load", nn_load(&part, 1, NN_ENCODING_ONNX, 0, &g));
}

static bool builders_too_many(const options *o) {
  (void)o;
  int32_t g;
  nn_graph_builder_t part = {(const uint8_t *)"", 0};
  return report("load", nn_load(&part, UINT32_MAX, NN_ENCODING_ONNX, 0, &g));
}

static bool name_outside(const options *o) {
  (void)o;
  int32_t g;
  return report("load", nn_load_by_name(OUTSIDE(char, 1), 100, &g));
}

static bool result_outside(const options *o) {
  (void)o;
  return report("load", nn_load_by_name(o->name != NULL ? o->name : "", o->name != NULL ? strlen(o->name) : 0, OUTSIDE(int32_t, 2)));
}

// computed is a context that has computed.
static bool computed(const options *o, context *c) {
  graph g;
  error e;
  tensors outputs;
  if (!good_context(o, &g, c))
    return false;
  if (compute(*c, good_inputs(o), 0, &outputs, &e))
    return true;
  print_error(e);
  return false;
}

static bool output_outside(const options *o) {
  context c;
  uint32_t written;
  return computed(o, &c) && report("compute", nn_get_output(c, 0, OUTSIDE(void, 1), UINT32_MAX, &written));
}

static bool output_too_small(const options *o) {
  context c;
  uint8_t buffer[1] = {0xee};
  uint32_t written = 0;
  if (!computed(o, &c))
    return false;
  int32_t err = nn_get_output(c, 0, buffer, 0, &written);
  printf("needed %u touched %s\n", (unsigned)written, buffer[0] == 0xee ? "no" : "yes");
  return report("compute", err);
}

static bool output_before_compute(const options *o) {
  graph g;
  context c;
  uint8_t buffer[64];
  uint32_t written;
  return good_context(o, &g, &c) && report("compute", nn_get_output(c, 0, buffer, sizeof buffer, &written));
}

static bool unknown_output(const options *o) {
  context c;
  uint8_t buffer[64];
  uint32_t written;
  return computed(o, &c) && report("compute", nn_get_output(c, 1000000, buffer, sizeof buffer, &written));
}

static bool bad_enum(const options *o) {
  uint32_t dim = 1;
  return set(o, &(nn_tensor_t){&dim, 1, 99, &dim, 4});
}

static bool bad_encoding(const options *o) {
  (void)o;
  int32_t g;
  nn_graph_builder_t part = {(const uint8_t *)"model", 5};
  return report("load", nn_load(&part, 1, 99, 0, &g));
}

static bool bad_target(const options *o) {
  (void)o;
  int32_t g;
  nn_graph_builder_t part = {(const uint8_t *)"model", 5};
  return report("load", nn_load(&part, 1, NN_ENCODING_ONNX, 99, &g));
}

static bool bad_utf8(const options *o) {
  (void)o;
  int32_t g;
  return report("load", nn_load_by_name("\xff\xfe", 2, &g));
}

// pointer_misaligned passes a whole tensor from odd addresses: preview 1 does not ask for alignment.
static bool pointer_misaligned(const options *o) {
  const tensor *in = good_inputs(o).ptr;
  uint8_t *dims = (uint8_t *)allocate(in->rank + 1, sizeof(uint32_t)) + 1, *data = (uint8_t *)allocate(in->data.len + 1, 1) + 1;
  memcpy(dims, in->dims, in->rank * sizeof(uint32_t));
  memcpy(data, in->data.ptr, in->data.len);
  nn_tensor_t t = {(const uint32_t *)dims, in->rank, tensor_type_number(in->type), data, in->data.len};
  uint8_t *odd = (uint8_t *)allocate(sizeof t + 1, 1) + 1;
  memcpy(odd, &t, sizeof t);
  return set(o, (const nn_tensor_t *)odd);
}

const abuse_kind interface_kinds[] = {
  {"bad-graph", bad_graph, "a graph handle never given"},
  {"bad-handle", bad_handle, "a context handle never given"},
  {"negative-handle", negative_handle, "context handle -1"},
  {"double-drop", double_drop, "unload a graph twice"},
  {"double-finalize", double_finalize, "finalize_execution_context twice"},
  {"use-after-drop", use_after_drop, "compute in a finalized context"},
  {"compute-after-unload", compute_after_unload, "compute when the graph is unloaded"},
  {"pointer-outside", pointer_outside, "tensor data that ends outside of memory"},
  {"dims-outside", dims_outside, "dims that end outside of memory"},
  {"tensor-outside", tensor_outside, "a tensor record that ends outside of memory"},
  {"list-too-long", list_too_long, "dims of 2^32 - 1 elements"},
  {"builders-outside", builders_outside, "a list of model parts that ends outside of memory"},
  {"builder-outside", builder_outside, "a model part that ends outside of memory"},
  {"builders-too-many", builders_too_many, "2^32 - 1 model parts"},
  {"name-outside", name_outside, "a name that ends outside of memory"},
  {"result-outside", result_outside, "a result to be stored outside of memory"},
  {"output-outside", output_outside, "an output buffer that ends outside of memory"},
  {"output-too-small", output_too_small, "an output buffer of no bytes"},
  {"output-before-compute", output_before_compute, "get_output before compute"},
  {"unknown-output", unknown_output, "an output index that the model does not have"},
  {"bad-enum", bad_enum, "a tensor type that does not exist"},
  {"bad-encoding", bad_encoding, "an encoding that does not exist"},
  {"bad-target", bad_target, "a target that does not exist"},
  {"bad-utf8", bad_utf8, "a model name that is not UTF-8"},
  {"pointer-misaligned", pointer_misaligned, "a tensor at odd addresses: allowed"},
};

const size_t interface_kind_count = sizeof interface_kinds / sizeof *interface_kinds;
