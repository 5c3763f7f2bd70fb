// neural_preview1.c: neural.h by way of wasi_ephemeral_nn, for preview 1 modules.
#include <stdlib.h>
#include <string.h>

#include "guest.h"
#include "neural_preview1.h"
#include "wasi_ephemeral_nn.h"

static era current_era = ERA_NOW;

void use_era(era e) { current_era = e; }

static const char *errno_code(int32_t err) {
  static const char *const now[] = {
    "success", "invalid-argument", "invalid-encoding", "missing-memory", "busy",
    "runtime-error", "unsupported-operation", "too-large", "not-found",
  };
  static const char *const in_2021[] = {"success", "invalid-argument", "missing-memory", "busy"};
  if (current_era == ERA_2021)
    return err >= 0 && (size_t)err < sizeof in_2021 / sizeof *in_2021 ? in_2021[err] : "unknown";
  return err >= 0 && (size_t)err < sizeof now / sizeof *now ? now[err] : "unknown";
}

bool check_errno(const char *stage, int32_t err, error *e) {
  if (err == NN_ERRNO_SUCCESS)
    return true;
  *e = (error){stage, errno_code(err), allocate(1, 1)};
  return false;
}

// The current witx text has no BF16; hosts that know it use WIT's number.
uint8_t tensor_type_number(element_type t) {
  static const uint8_t now[] = {
    [FP16] = NN_TENSOR_F16, [FP32] = NN_TENSOR_F32, [FP64] = NN_TENSOR_F64, [BF16] = 3,
    [U8] = NN_TENSOR_U8, [I32] = NN_TENSOR_I32, [I64] = NN_TENSOR_I64,
  };
  if (current_era != ERA_NOW && t == U8)
    return 2;
  if (current_era != ERA_NOW && t == I32)
    return 3;
  return now[t];
}

// Nor has it GGML, for which WasmEdge's number stands here.
static int32_t encoding_number(graph_encoding encoding) {
  switch (encoding) {
  case GGML: return 6;
  case AUTODETECT: return NN_ENCODING_AUTODETECT;
  default: return encoding;
  }
}

bool load(const bytes *parts, size_t count, graph_encoding encoding, execution_target target, graph *g, error *e) {
  _Static_assert(sizeof(bytes) == sizeof(nn_graph_builder_t), "a builder is passed as it is");
  return check_errno("load", nn_load((const nn_graph_builder_t *)parts, count, encoding_number(encoding), target, g), e);
}

bool load_by_name(const char *name, graph *g, error *e) {
  return check_errno("load", nn_load_by_name(name, strlen(name), g), e);
}

bool init_execution_context(graph g, context *c, error *e) {
  return check_errno("init", nn_init_execution_context(g, c), e);
}

// too_large says what the numbers of 2021 cannot.
static bool too_large(error *e) {
  *e = (error){"compute", "too-large", allocate(1, 1)};
  return false;
}

// get_output fetches output index into a buffer that it enlarges until the host finds it large enough.
static bool get_output(context c, uint32_t index, bytes *data, error *e) {
  const uint32_t max_size = UINT32_C(1) << 30;
  uint32_t size = 4096;
  for (;;) {
    uint8_t *buffer = malloc(size);
    if (buffer == NULL)
      return check_errno("compute", NN_ERRNO_MISSING_MEMORY, e);
    uint32_t written = 0;
    int32_t err = nn_get_output(c, index, buffer, size, &written);
    if (err == NN_ERRNO_SUCCESS && written <= size) {
      *data = (bytes){buffer, written};
      return true;
    }
    free(buffer);
    // Some hosts tell the size that is needed, which is all there is to go by in the numbers of 2021: none of them means too-large.
    bool told = written > size;
    if (err != NN_ERRNO_TOO_LARGE && !(told && err != NN_ERRNO_SUCCESS))
      return check_errno("compute", err != NN_ERRNO_SUCCESS ? err : NN_ERRNO_RUNTIME_ERROR, e);
    if (size >= max_size || (told && written > max_size))
      return too_large(e);
    size = told ? written : 2 * size;
  }
}

bool compute(context c, tensors inputs, size_t wanted, tensors *outputs, error *e) {
  for (size_t i = 0; i < inputs.len; i++) {
    const tensor *t = &inputs.ptr[i];
    nn_tensor_t in = {t->dims, t->rank, tensor_type_number(t->type), t->data.ptr, t->data.len};
    if (!check_errno("compute", nn_set_input(c, t->index, &in), e))
      return false;
  }
  if (!check_errno("compute", nn_compute(c), e))
    return false;

  *outputs = (tensors){allocate(wanted, sizeof(tensor)), 0};
  for (size_t i = 0; i < wanted; i++) {
    tensor o = {.index = i, .type = TYPE_UNKNOWN};
    if (!get_output(c, i, &o.data, e)) {
      free_tensors(*outputs);
      return false;
    }
    outputs->ptr[outputs->len++] = o;
  }
  return true;
}

// The witx text cannot drop a handle: the host releases everything when the module ends.
void drop_context(context c) { (void)c; }

void drop_graph(graph g) { (void)g; }

void free_tensors(tensors ts) {
  for (size_t i = 0; i < ts.len; i++)
    free(ts.ptr[i].data.ptr);
  free(ts.ptr);
}
