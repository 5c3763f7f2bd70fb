// neural_component.c: neural.h by way of wasi:nn, for components.
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "neural.h"
#include "wasi_nn.h"

// cabi_realloc is called by the host, to place strings and lists of results in this component's memory.
__attribute__((__export_name__("cabi_realloc"), __weak__))
void *cabi_realloc(void *old, size_t old_size, size_t align, size_t size) {
  (void)old_size;
  if (size == 0)
    return (void *)align;
  void *p = realloc(old, size); // aligned to 16 bytes, more than any value of the canonical ABI asks
  if (p == NULL)
    abort();
  return p;
}

static const char *const error_codes[] = {
  "invalid-argument", "invalid-encoding", "timeout", "runtime-error", "unsupported-operation",
  "too-large", "not-found", "security", "unknown",
};

// terminated makes a C string of a WIT string that the caller owns, and frees the latter.
static char *terminated(wasi_nn_bytes_t s) {
  char *c = allocate((size_t)s.len + 1, 1);
  memcpy(c, s.ptr, s.len);
  if (s.len > 0)
    free(s.ptr);
  return c;
}

static bool fail(const char *stage, wasi_nn_error_t handle, error *e) {
  wasi_nn_bytes_t data;
  wasi_nn_error_data(handle, &data);
  *e = (error){stage, error_codes[wasi_nn_error_code(handle)], terminated(data)};
  wasi_nn_error_drop(handle);
  return false;
}

bool load(const bytes *parts, size_t count, graph_encoding encoding, execution_target target, graph *g, error *e) {
  _Static_assert(sizeof(bytes) == sizeof(wasi_nn_bytes_t), "a builder is passed as it is");
  wasi_nn_handle_result_t r;
  wasi_nn_graph_load((const wasi_nn_bytes_t *)parts, count, encoding, target, &r);
  if (r.is_err)
    return fail("load", r.err, e);
  *g = r.ok;
  return true;
}

bool load_by_name(const char *name, graph *g, error *e) {
  wasi_nn_handle_result_t r;
  wasi_nn_graph_load_by_name(name, strlen(name), &r);
  if (r.is_err)
    return fail("load", r.err, e);
  *g = r.ok;
  return true;
}

bool init_execution_context(graph g, context *c, error *e) {
  wasi_nn_handle_result_t r;
  wasi_nn_graph_init_execution_context(g, &r);
  if (r.is_err)
    return fail("init", r.err, e);
  *c = r.ok;
  return true;
}

// read_output copies nothing: the host placed the bytes in this memory, and they become the caller's.
static tensor read_output(uint32_t index, wasi_nn_named_tensor_t t) {
  wasi_nn_dims_t dims;
  wasi_nn_bytes_t data;
  wasi_nn_tensor_dimensions(t.tensor, &dims);
  wasi_nn_tensor_data(t.tensor, &data);
  tensor o = {
    .name = terminated(t.name),
    .index = index,
    .type = (element_type)wasi_nn_tensor_ty(t.tensor),
    .dims = dims.len > 0 ? dims.ptr : allocate(1, sizeof(uint32_t)), // rank 0 is told, so not NULL
    .rank = dims.len,
    .data = {data.len > 0 ? data.ptr : NULL, data.len},
  };
  wasi_nn_tensor_drop(t.tensor);
  return o;
}

bool compute(context c, tensors inputs, size_t wanted, tensors *outputs, error *e) {
  (void)wanted;
  wasi_nn_named_tensor_t *in = allocate(inputs.len, sizeof *in);
  for (size_t i = 0; i < inputs.len; i++) {
    const tensor *t = &inputs.ptr[i];
    in[i].name = (wasi_nn_bytes_t){(uint8_t *)t->name, strlen(t->name)};
    in[i].tensor = wasi_nn_tensor_new(t->dims, t->rank, t->type, t->data.ptr, t->data.len);
  }
  wasi_nn_compute_result_t r;
  wasi_nn_context_compute(c, in, inputs.len, &r);
  free(in);
  if (r.is_err)
    return fail("compute", r.err, e);

  *outputs = (tensors){allocate(r.ok.len, sizeof(tensor)), r.ok.len};
  for (uint32_t i = 0; i < r.ok.len; i++)
    outputs->ptr[i] = read_output(i, r.ok.ptr[i]);
  if (r.ok.len > 0)
    free(r.ok.ptr);
  return true;
}

void drop_context(context c) { wasi_nn_context_drop(c); }

void drop_graph(graph g) { wasi_nn_graph_drop(g); }

void free_tensors(tensors ts) {
  for (size_t i = 0; i < ts.len; i++) {
    free(ts.ptr[i].name);
    free(ts.ptr[i].dims);
    free(ts.ptr[i].data.ptr);
  }
  free(ts.ptr);
}
