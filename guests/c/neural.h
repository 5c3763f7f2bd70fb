// neural.h: one small C interface over both of wasi-nn's, so that a program is written once.
//
// neural_component.c implements it for components (wasi:nn), neural_preview1.c for preview 1 modules
// (wasi_ephemeral_nn). What preview 1 cannot tell (an output's name, type and dims) is left empty, never guessed.
#ifndef NEURAL_H
#define NEURAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// element_type is numbered as in WIT.
typedef enum { FP16, FP32, FP64, BF16, U8, I32, I64, TYPE_UNKNOWN } element_type;

// encoding and target are numbered as in WIT.
typedef enum { OPENVINO, ONNX, TENSORFLOW, PYTORCH, TENSORFLOWLITE, GGML, AUTODETECT } graph_encoding;
typedef enum { CPU, GPU, TPU } execution_target;

// bytes is a region of memory. The owner is the one who made it.
typedef struct {
  uint8_t *ptr;
  size_t len;
} bytes;

// tensor is an input or an output.
typedef struct {
  char *name;        // the model's name for it; components use it for inputs. NULL in an output: the interface does not tell
  uint32_t index;    // the model's place for it; preview 1 uses it for inputs
  element_type type; // TYPE_UNKNOWN in an output: the interface does not tell
  uint32_t *dims;    // NULL in an output: the interface does not tell
  size_t rank;
  bytes data; // little endian, row-major
} tensor;

typedef struct {
  tensor *ptr;
  size_t len;
} tensors;

// A graph and an execution context are handles of the interface underneath.
typedef int32_t graph;
typedef int32_t context;

// Each function that can fail returns true, or stores an error and returns false. The caller frees error.data.
typedef struct {
  const char *stage; // "load", "init" or "compute"
  const char *code;  // as WIT spells it: "not-found"
  char *data;        // the host's detail text, terminated; "" when the interface has none
} error;

bool load(const bytes *parts, size_t count, graph_encoding encoding, execution_target target, graph *g, error *e);
bool load_by_name(const char *name, graph *g, error *e);
bool init_execution_context(graph g, context *c, error *e);

// compute runs the model. The caller frees the outputs with free_tensors.
//
// wanted is the number of outputs to fetch, for an interface that cannot tell how many there are (preview 1);
// a component gets all of the model's outputs in the model's order.
bool compute(context c, tensors inputs, size_t wanted, tensors *outputs, error *e);

void drop_context(context c);
void drop_graph(graph g);
void free_tensors(tensors t);

#endif
