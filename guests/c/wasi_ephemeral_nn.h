// wasi_ephemeral_nn.h: the imports of a preview 1 module, with the numbers of the current witx text.
//
// Each function returns an errno, 0 for success, and stores its result through the last pointer on success only.
// There is no function that drops a handle and none that names or describes a model's inputs and outputs.
//
// See https://github.com/WebAssembly/wasi-nn/blob/main/wasi-nn.witx
#ifndef WASI_EPHEMERAL_NN_H
#define WASI_EPHEMERAL_NN_H

#include <stdint.h>

#define WASI_EPHEMERAL_NN_IMPORT(name) \
  __attribute__((__import_module__("wasi_ephemeral_nn"), __import_name__(name)))

enum { // nn_errno
  NN_ERRNO_SUCCESS, NN_ERRNO_INVALID_ARGUMENT, NN_ERRNO_INVALID_ENCODING, NN_ERRNO_MISSING_MEMORY, NN_ERRNO_BUSY,
  NN_ERRNO_RUNTIME_ERROR, NN_ERRNO_UNSUPPORTED_OPERATION, NN_ERRNO_TOO_LARGE, NN_ERRNO_NOT_FOUND,
};

enum { // tensor_type
  NN_TENSOR_F16, NN_TENSOR_F32, NN_TENSOR_F64, NN_TENSOR_U8, NN_TENSOR_I32, NN_TENSOR_I64,
};

enum { // graph_encoding
  NN_ENCODING_OPENVINO, NN_ENCODING_ONNX, NN_ENCODING_TENSORFLOW, NN_ENCODING_PYTORCH, NN_ENCODING_TENSORFLOWLITE,
  NN_ENCODING_AUTODETECT,
};

typedef struct { // graph_builder
  const uint8_t *ptr;
  uint32_t len;
} nn_graph_builder_t;

typedef struct { // tensor
  const uint32_t *dims;
  uint32_t rank;
  uint8_t type;
  const void *data;
  uint32_t size; // in bytes
} nn_tensor_t;

_Static_assert(sizeof(nn_tensor_t) == 20, "witx ABI");

WASI_EPHEMERAL_NN_IMPORT("load")
int32_t nn_load(const nn_graph_builder_t *parts, uint32_t count, int32_t encoding, int32_t target, int32_t *graph);
WASI_EPHEMERAL_NN_IMPORT("load_by_name")
int32_t nn_load_by_name(const char *name, uint32_t len, int32_t *graph);
WASI_EPHEMERAL_NN_IMPORT("init_execution_context")
int32_t nn_init_execution_context(int32_t graph, int32_t *context);
WASI_EPHEMERAL_NN_IMPORT("set_input")
int32_t nn_set_input(int32_t context, uint32_t index, const nn_tensor_t *tensor);
WASI_EPHEMERAL_NN_IMPORT("compute")
int32_t nn_compute(int32_t context);
WASI_EPHEMERAL_NN_IMPORT("get_output")
int32_t nn_get_output(int32_t context, uint32_t index, void *buffer, uint32_t size, uint32_t *written);

// WasmEdge's additions.

WASI_EPHEMERAL_NN_IMPORT("load_by_name_with_config")
int32_t nn_load_by_name_with_config(const char *name, uint32_t name_len, const char *config, uint32_t config_len,
                                    int32_t *graph);
WASI_EPHEMERAL_NN_IMPORT("unload")
int32_t nn_unload(int32_t graph);
WASI_EPHEMERAL_NN_IMPORT("finalize_execution_context")
int32_t nn_finalize_execution_context(int32_t context);

#endif
