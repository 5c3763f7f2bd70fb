// wasi_nn.h: the imports of wasi:nn@0.2.0-rc-2024-10-28 as a core module sees them.
//
// Each function is the canonical-ABI lowering of the WIT function of that name: a string or list is a pointer and a
// length, a handle is an i32, and a result that does not fit one value is stored through the last pointer. Lists and
// strings in results are allocated with cabi_realloc, below, and belong to the caller, who frees them.
//
// See https://github.com/WebAssembly/component-model/blob/main/design/mvp/CanonicalABI.md#flattening
#ifndef WASI_NN_H
#define WASI_NN_H

#include <stdint.h>

#define WASI_NN_IMPORT(interface, name) \
  __attribute__((__import_module__("wasi:nn/" interface "@0.2.0-rc-2024-10-28"), __import_name__(name)))

// A handle: an index into the component's own table. An own handle has to be dropped, unless it was passed on.
typedef int32_t wasi_nn_tensor_t;
typedef int32_t wasi_nn_graph_t;
typedef int32_t wasi_nn_context_t;
typedef int32_t wasi_nn_error_t;

enum { // tensor-type
  WASI_NN_FP16, WASI_NN_FP32, WASI_NN_FP64, WASI_NN_BF16, WASI_NN_U8, WASI_NN_I32, WASI_NN_I64,
};

typedef struct { // string, list<u8>: UTF-8, not terminated
  uint8_t *ptr;
  uint32_t len;
} wasi_nn_bytes_t;

typedef struct { // list<u32>
  uint32_t *ptr;
  uint32_t len;
} wasi_nn_dims_t;

typedef struct { // tuple<string, tensor>
  wasi_nn_bytes_t name;
  wasi_nn_tensor_t tensor;
} wasi_nn_named_tensor_t;

typedef struct { // result<graph, error>, result<graph-execution-context, error>
  uint8_t is_err;
  union {
    int32_t ok;
    wasi_nn_error_t err;
  };
} wasi_nn_handle_result_t;

typedef struct { // result<list<named-tensor>, error>
  uint8_t is_err;
  union {
    struct {
      wasi_nn_named_tensor_t *ptr;
      uint32_t len;
    } ok;
    wasi_nn_error_t err;
  };
} wasi_nn_compute_result_t;

_Static_assert(sizeof(wasi_nn_named_tensor_t) == 12, "canonical ABI");
_Static_assert(sizeof(wasi_nn_handle_result_t) == 8, "canonical ABI");
_Static_assert(sizeof(wasi_nn_compute_result_t) == 12, "canonical ABI");

// wasi:nn/tensor

WASI_NN_IMPORT("tensor", "[constructor]tensor")
wasi_nn_tensor_t wasi_nn_tensor_new(const uint32_t *dims, uint32_t rank, int32_t type, const void *data, uint32_t size);
WASI_NN_IMPORT("tensor", "[method]tensor.dimensions")
void wasi_nn_tensor_dimensions(wasi_nn_tensor_t self, wasi_nn_dims_t *ret);
WASI_NN_IMPORT("tensor", "[method]tensor.ty")
int32_t wasi_nn_tensor_ty(wasi_nn_tensor_t self);
WASI_NN_IMPORT("tensor", "[method]tensor.data")
void wasi_nn_tensor_data(wasi_nn_tensor_t self, wasi_nn_bytes_t *ret);
WASI_NN_IMPORT("tensor", "[resource-drop]tensor")
void wasi_nn_tensor_drop(wasi_nn_tensor_t self);

// wasi:nn/graph

WASI_NN_IMPORT("graph", "load")
void wasi_nn_graph_load(const wasi_nn_bytes_t *parts, uint32_t count, int32_t encoding, int32_t target,
                        wasi_nn_handle_result_t *ret);
WASI_NN_IMPORT("graph", "load-by-name")
void wasi_nn_graph_load_by_name(const char *name, uint32_t len, wasi_nn_handle_result_t *ret);
WASI_NN_IMPORT("graph", "[method]graph.init-execution-context")
void wasi_nn_graph_init_execution_context(wasi_nn_graph_t self, wasi_nn_handle_result_t *ret);
WASI_NN_IMPORT("graph", "[resource-drop]graph")
void wasi_nn_graph_drop(wasi_nn_graph_t self);

// wasi:nn/inference

// compute takes over the tensors among its inputs, also when it fails.
WASI_NN_IMPORT("inference", "[method]graph-execution-context.compute")
void wasi_nn_context_compute(wasi_nn_context_t self, const wasi_nn_named_tensor_t *inputs, uint32_t count,
                             wasi_nn_compute_result_t *ret);
WASI_NN_IMPORT("inference", "[resource-drop]graph-execution-context")
void wasi_nn_context_drop(wasi_nn_context_t self);

// wasi:nn/errors

WASI_NN_IMPORT("errors", "[method]error.code")
int32_t wasi_nn_error_code(wasi_nn_error_t self);
WASI_NN_IMPORT("errors", "[method]error.data")
void wasi_nn_error_data(wasi_nn_error_t self, wasi_nn_bytes_t *ret);
WASI_NN_IMPORT("errors", "[resource-drop]error")
void wasi_nn_error_drop(wasi_nn_error_t self);

#endif
