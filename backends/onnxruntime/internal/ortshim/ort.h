#ifndef WASINN_ORT_H
#define WASINN_ORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// ONNX Runtime's types, as far as they are needed here: names, and enums of
// unsigned int.
typedef struct OrtStatus OrtStatus;
typedef struct OrtEnv OrtEnv;
typedef struct OrtSession OrtSession;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtTypeInfo OrtTypeInfo;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;
typedef struct OrtSequenceTypeInfo OrtSequenceTypeInfo;
typedef struct OrtMapTypeInfo OrtMapTypeInfo;
typedef struct OrtOptionalTypeInfo OrtOptionalTypeInfo;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtThreadingOptions OrtThreadingOptions;

typedef enum OrtErrorCode { ORT_OK, ORT_FAIL, ORT_INVALID_ARGUMENT } OrtErrorCode;
typedef enum OrtLoggingLevel { ORT_LOGGING_LEVEL_VERBOSE, ORT_LOGGING_LEVEL_FATAL = 4 } OrtLoggingLevel;
typedef enum ONNXType { ONNX_TYPE_UNKNOWN, ONNX_TYPE_TENSOR, ONNX_TYPE_SEQUENCE, ONNX_TYPE_MAP, ONNX_TYPE_OPTIONAL = 6 } ONNXType;
typedef enum ONNXTensorElementDataType { ONNX_TENSOR_ELEMENT_DATA_TYPE_UNDEFINED, ONNX_TENSOR_ELEMENT_DATA_TYPE_FLOAT } ONNXTensorElementDataType;
// Their first enumerators are negative, so these are int.
typedef enum OrtAllocatorType { OrtInvalidAllocator = -1, OrtArenaAllocator = 1 } OrtAllocatorType;
typedef enum OrtMemType { OrtMemTypeCPUInput = -2, OrtMemTypeDefault = 0 } OrtMemType;
typedef void (*OrtLoggingFunction)(void *, OrtLoggingLevel, const char *, const char *, const char *, const char *);

#define ORT_API 24 // the version of the function table that is asked for
#define ORT_MAX_RANK 64
#define ORT_MAX_NESTED 16 // types in each other, such as a sequence of tensors
#define ORT_DIRECT 4 // inputs whose bytes are arguments of ort_compute
#define ORT_SMALL 256 // bytes of outputs that a run copies out by itself

// A loaded library.
typedef struct {
  void *handle;
  void *const *api; // OrtApi, a table of functions
  OrtEnv *env;
  OrtMemoryInfo *cpu;
  OrtAllocator *allocator;
} ort_lib;

// What a session says about one of its inputs or outputs.
typedef struct {
  char *name; // from malloc
  size_t nested;                 // how many of kinds and keys are set
  ONNXType kinds[ORT_MAX_NESTED]; // from the outermost in, ended by a tensor or what is not known
  ONNXTensorElementDataType keys[ORT_MAX_NESTED]; // of those that are maps
  // Of the tensor, if kinds ends in one:
  ONNXTensorElementDataType type; // of the elements
  bool has_shape;
  size_t rank; // dims holds no more than ORT_MAX_RANK of it
  int64_t dims[ORT_MAX_RANK];
} ort_info;

typedef enum { ORT_INPUTS, ORT_OUTPUTS, ORT_OVERRIDABLE } ort_side;

// One input as it is given to a run.
typedef struct {
  const char *name;
  // The address of the bytes, but for the first ORT_DIRECT inputs. It is a number
  // and no pointer since Go writes it: storing a pointer would have Go's
  // collector look at the old one, which may be of memory that is gone.
  uintptr_t data;
  size_t size; // bytes
  size_t rank;
  ONNXTensorElementDataType type;
  int64_t dims[ORT_MAX_RANK];
} ort_input;

// One output as it comes from a run.
typedef struct {
  OrtValue *value; // the owner of data, or NULL when data is in ort_run.small
  void *data;
  size_t size; // bytes
  size_t rank;
  ONNXTensorElementDataType type;
  int64_t dims[ORT_MAX_RANK];
} ort_output;

// Everything that one run needs. It is made once and used by one thread at a
// time.
typedef struct {
  const ort_lib *lib;
  OrtSession *session;
  OrtRunOptions *options;
  bool cancellable; // whether this run looks at options
  size_t fed;       // how many of in are set
  size_t outputs;
  ort_input *in;
  ort_output *out;
  const char **in_names;
  const char **out_names;
  OrtValue **in_values;
  OrtValue **out_values;
  char small[ORT_SMALL];
} ort_run;

const char *ort_open(const char *path, ort_lib *lib, const char **version);
void ort_close(ort_lib *lib);
bool ort_get_api(ort_lib *lib);
OrtStatus *ort_start(ort_lib *lib, int intra, int inter, bool spin, int level);
OrtStatus *ort_providers(const ort_lib *lib, char ***names, int *count);
void ort_release_providers(const ort_lib *lib, char **names, int count);

OrtStatus *ort_new_status(const ort_lib *lib, int code, const char *message);
int ort_code(const ort_lib *lib, const OrtStatus *status);
const char *ort_message(const ort_lib *lib, const OrtStatus *status);
void ort_release_status(const ort_lib *lib, OrtStatus *status);

OrtStatus *ort_use_global_threads(const ort_lib *lib, void *options);
OrtStatus *ort_has_config(const ort_lib *lib, void *options, const char *key, int *has);
OrtStatus *ort_cancel_load(const ort_lib *lib, void *options);
OrtStatus *ort_new_session(const ort_lib *lib, const void *model, size_t size, void *options, OrtSession **session);
void ort_release_session(const ort_lib *lib, OrtSession *session);
OrtStatus *ort_count(const ort_lib *lib, const OrtSession *session, ort_side side, size_t *count);
OrtStatus *ort_describe(const ort_lib *lib, const OrtSession *session, ort_side side, size_t index, ort_info *info);

ort_run *ort_new_run(const ort_lib *lib, OrtSession *session, size_t inputs, size_t outputs);
void ort_free_run(ort_run *run);
OrtStatus *ort_compute(ort_run *run, uint8_t *data0, uint8_t *data1, uint8_t *data2, uint8_t *data3);
double ort_compute_loop(ort_run *run, size_t times, uint8_t *data0, uint8_t *data1, uint8_t *data2, uint8_t *data3);
OrtStatus *ort_compute_values(ort_run *run);
OrtStatus *ort_terminate(ort_run *run, bool set);
void ort_release_value(const ort_lib *lib, OrtValue *value);

OrtStatus *ort_new_tensor(const ort_lib *lib, int type, const int64_t *dims, size_t rank, const void *data, size_t size, OrtValue **value);
OrtStatus *ort_new_strings(const ort_lib *lib, const int64_t *dims, size_t rank, const char *bytes, const size_t *ends, size_t count, OrtValue **value);
OrtStatus *ort_new_collection(const ort_lib *lib, ONNXType kind, OrtValue **elements, size_t count, OrtValue **value);
OrtStatus *ort_kind_of(const ort_lib *lib, const OrtValue *value, ONNXType *kind);
OrtStatus *ort_read_tensor(const ort_lib *lib, OrtValue *value, ort_output *out);
OrtStatus *ort_read_strings(const ort_lib *lib, const OrtValue *value, void *bytes, size_t size, size_t *starts, size_t count);
OrtStatus *ort_count_elements(const ort_lib *lib, const OrtValue *value, size_t *count);
OrtStatus *ort_element(const ort_lib *lib, const OrtValue *value, int index, OrtValue **element);

#endif
