// interface_component.c: what nncli can do only in a component.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abuse.h"
#include "nncli.h"
#include "wasi_nn.h"

bool load_by_name_with_config(const char *name, const char *config, graph *g, error *e) {
  (void)name, (void)config, (void)g;
  static const char why[] = "wasi:nn has no load-by-name-with-config";
  *e = (error){"load", "unsupported-operation", memcpy(allocate(sizeof why, 1), why, sizeof why)};
  return false;
}

bool use_numbers_of(const char *era) { return strcmp(era, "now") == 0; }

// cabi_realloc stands in for the one of neural_component.c, and misbehaves when told to.
static enum { REALLOC_GOOD, REALLOC_OUTSIDE, REALLOC_MISALIGNED, REALLOC_TRAPS, REALLOC_CALLS } realloc_mode;

__attribute__((__export_name__("cabi_realloc")))
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
  (void)old_size;
  if (size == 0)
    return (void *)align;
  char *p = realloc(old, size + 1);
  if (p == NULL)
    abort();
  switch (realloc_mode) {
  case REALLOC_GOOD: return p;
  case REALLOC_OUTSIDE: return (void *)(UINTPTR_MAX - 7);
  case REALLOC_MISALIGNED: return p + 1;
  case REALLOC_TRAPS: __builtin_trap();
  case REALLOC_CALLS: wasi_nn_tensor_drop(wasi_nn_tensor_new(NULL, 0, WASI_NN_U8, p, 1)); return p;
  }
  return p;
}

enum { NO_HANDLE = 123456 };

static wasi_nn_tensor_t new_tensor(void) {
  static const uint32_t dims[] = {1};
  static const float one = 1;
  return wasi_nn_tensor_new(dims, 1, WASI_NN_FP32, &one, sizeof one);
}

static bool bad_handle(const options *o) {
  (void)o;
  return wasi_nn_tensor_ty(NO_HANDLE) >= 0;
}

static bool bad_drop(const options *o) {
  (void)o;
  wasi_nn_tensor_drop(NO_HANDLE);
  return true;
}

static bool double_drop(const options *o) {
  (void)o;
  wasi_nn_tensor_t t = new_tensor();
  wasi_nn_tensor_drop(t);
  wasi_nn_tensor_drop(t);
  return true;
}

static bool use_after_drop(const options *o) {
  (void)o;
  wasi_nn_tensor_t t = new_tensor();
  wasi_nn_tensor_drop(t);
  return wasi_nn_tensor_ty(t) >= 0;
}

static bool wrong_resource(const options *o) {
  graph g;
  if (!load_model(o, &g))
    return false;
  return wasi_nn_tensor_ty(g) >= 0;
}

// use_after_compute keeps using a tensor that compute took over.
static bool use_after_compute(const options *o) {
  graph g;
  context c;
  if (!load_model(o, &g) || !new_context(g, &c))
    return false;
  wasi_nn_tensor_t t = new_tensor();
  wasi_nn_named_tensor_t in = {{(uint8_t *)"input", 5}, t};
  wasi_nn_compute_result_t r;
  wasi_nn_context_compute(c, &in, 1, &r);
  return wasi_nn_tensor_ty(t) >= 0;
}

// one_tensor_twice hands the same owned handle over twice in one call.
static bool one_tensor_twice(const options *o) {
  graph g;
  context c;
  if (!load_model(o, &g) || !new_context(g, &c))
    return false;
  wasi_nn_tensor_t t = new_tensor();
  wasi_nn_named_tensor_t in[] = {{{(uint8_t *)"a", 1}, t}, {{(uint8_t *)"b", 1}, t}};
  wasi_nn_compute_result_t r;
  wasi_nn_context_compute(c, in, 2, &r);
  return true;
}

// graph_first drops a graph whose execution context goes on computing: this is allowed.
static bool graph_first(const options *o) {
  graph g;
  context c;
  error e;
  tensors outputs;
  if (!load_model(o, &g) || !new_context(g, &c))
    return false;
  drop_graph(g);
  if (!compute(c, good_inputs(o), 0, &outputs, &e)) {
    print_error(e);
    return false;
  }
  return true;
}

static bool pointer_outside(const options *o) {
  (void)o;
  uint32_t dim = 64;
  wasi_nn_tensor_new(&dim, 1, WASI_NN_U8, (void *)(UINTPTR_MAX - 16), 64);
  return true;
}

static bool list_too_long(const options *o) {
  (void)o;
  uint32_t dim = 1;
  wasi_nn_tensor_new(&dim, UINT32_MAX, WASI_NN_U8, &dim, 1); // 16 GiB of dims
  return true;
}

static bool pointer_misaligned(const options *o) {
  (void)o;
  static const uint8_t dims[8];
  wasi_nn_tensor_new((const uint32_t *)(dims + 1), 1, WASI_NN_U8, dims, 0);
  return true;
}

static bool result_outside(const options *o) {
  (void)o;
  wasi_nn_graph_load_by_name("m", 1, (wasi_nn_handle_result_t *)(UINTPTR_MAX - 3));
  return true;
}

static bool bad_enum(const options *o) {
  (void)o;
  uint32_t dim = 1;
  wasi_nn_tensor_new(&dim, 1, 99, &dim, 1);
  return true;
}

static bool bad_utf8(const options *o) {
  (void)o;
  wasi_nn_handle_result_t r;
  wasi_nn_graph_load_by_name("\xff\xfe", 2, &r);
  return true;
}

// endless_tensors makes small tensors and drops none.
static bool endless_tensors(const options *o) {
  (void)o;
  for (int i = 0; i < WITHOUT_END; i++)
    new_tensor();
  return true;
}

// endless_bytes makes tensors of 1 MiB from the same megabyte of memory and drops none.
static bool endless_bytes(const options *o) {
  (void)o;
  uint32_t dim = 1 << 20;
  void *data = allocate(dim, 1);
  for (int i = 0; i < WITHOUT_END; i++)
    wasi_nn_tensor_new(&dim, 1, WASI_NN_U8, data, dim);
  return true;
}

// with_realloc asks for a tensor's data, which makes the host call cabi_realloc.
static bool with_realloc(int mode) {
  wasi_nn_tensor_t t = new_tensor();
  wasi_nn_dims_t dims;
  realloc_mode = mode;
  wasi_nn_tensor_dimensions(t, &dims);
  realloc_mode = REALLOC_GOOD;
  return dims.len == 1;
}

static bool realloc_outside(const options *o) { return (void)o, with_realloc(REALLOC_OUTSIDE); }
static bool realloc_misaligned(const options *o) { return (void)o, with_realloc(REALLOC_MISALIGNED); }
static bool realloc_traps(const options *o) { return (void)o, with_realloc(REALLOC_TRAPS); }
static bool realloc_calls(const options *o) { return (void)o, with_realloc(REALLOC_CALLS); }

const abuse_kind interface_kinds[] = {
  {"bad-handle", bad_handle, "a method of a handle never given"},
  {"bad-drop", bad_drop, "drop a handle never given"},
  {"double-drop", double_drop, "drop a tensor twice"},
  {"use-after-drop", use_after_drop, "a method of a dropped tensor"},
  {"wrong-resource", wrong_resource, "a graph's handle where a tensor's is expected"},
  {"use-after-compute", use_after_compute, "a method of a tensor that compute took over"},
  {"one-tensor-twice", one_tensor_twice, "the same tensor as two inputs of one compute"},
  {"graph-first", graph_first, "drop the graph, then compute: allowed"},
  {"pointer-outside", pointer_outside, "tensor data that ends outside of memory"},
  {"list-too-long", list_too_long, "dims of 2^32 - 1 elements"},
  {"pointer-misaligned", pointer_misaligned, "dims at an odd address"},
  {"result-outside", result_outside, "a result to be stored outside of memory"},
  {"bad-enum", bad_enum, "a tensor type that does not exist"},
  {"bad-utf8", bad_utf8, "a model name that is not UTF-8"},
  {"handles", endless_tensors, "make tensors without end"},
  {"bytes", endless_bytes, "make tensors of 1 MiB without end"},
  {"realloc-outside", realloc_outside, "cabi_realloc returns a pointer outside of memory"},
  {"realloc-misaligned", realloc_misaligned, "cabi_realloc returns an odd pointer"},
  {"realloc-traps", realloc_traps, "cabi_realloc traps"},
  {"realloc-calls", realloc_calls, "cabi_realloc calls the host"},
};

const size_t interface_kind_count = sizeof interface_kinds / sizeof *interface_kinds;
