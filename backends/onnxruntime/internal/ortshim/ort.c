#include "ort.h"
#include "guard.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "slots.h"
#include "_cgo_export.h"

#define DECLARE(slot, result, name, parameters) typedef result(*name##_fn) parameters; enum { name##_slot = slot };
ORT_SLOTS(DECLARE)
#define CALL(lib, name) ((name##_fn)(lib)->api[name##_slot])

typedef struct {
  const void *(*GetApi)(uint32_t version);
  const char *(*GetVersionString)(void);
} api_base;

static const api_base *base_of(void *handle) {
  const api_base *(*get)(void) = (const api_base *(*)(void))dlsym(handle, "OrtGetApiBase");
  return get ? get() : NULL;
}

// ort_open returns what is wrong with the file, in words that live until the
// next dlerror, or NULL.
const char *ort_open(const char *path, ort_lib *lib, const char **version) {
  lib->handle = dlopen(path, RTLD_LAZY | RTLD_LOCAL);
  if (!lib->handle) return dlerror();
  const api_base *base = base_of(lib->handle);
  if (!base) return "no function OrtGetApiBase in it";
  *version = base->GetVersionString();
  return NULL;
}

void ort_close(ort_lib *lib) {
  if (lib->handle) dlclose(lib->handle);
  lib->handle = NULL;
}

bool ort_get_api(ort_lib *lib) {
  lib->api = base_of(lib->handle)->GetApi(ORT_API);
  return lib->api != NULL;
}

static OrtStatus *divided_by_zero(const ort_lib *lib) { return CALL(lib, CreateStatus)(ORT_FAIL, "an operator has divided an integer by zero"); }

static void log_to_go(void *param, OrtLoggingLevel level, const char *category, const char *id, const char *location, const char *message) {
  (void)param, (void)id;
  ortshimLog((int)level, (char *)category, (char *)location, (char *)message);
}

static void log_nothing(void *param, OrtLoggingLevel level, const char *category, const char *id, const char *location, const char *message) {
  (void)param, (void)level, (void)category, (void)id, (void)location, (void)message;
}

static OrtStatus *set_pools(const ort_lib *lib, OrtThreadingOptions *pools, int intra, int inter, bool spin) {
  OrtStatus *s = CALL(lib, SetGlobalIntraOpNumThreads)(pools, intra);
  if (!s) s = CALL(lib, SetGlobalInterOpNumThreads)(pools, inter);
  if (!s) s = CALL(lib, SetGlobalSpinControl)(pools, spin);
  return s;
}

// ort_start makes the process's one environment. ONNX Runtime hands the same
// one to everybody who asks for an environment after this.
OrtStatus *ort_start(ort_lib *lib, int intra, int inter, bool spin, int level) {
  OrtThreadingOptions *pools = NULL;
  OrtStatus *s = CALL(lib, CreateThreadingOptions)(&pools);
  if (s) return s;
  guard_install((const void *)CALL(lib, CreateThreadingOptions));
  s = set_pools(lib, pools, intra, inter, spin);
  OrtLoggingFunction log = level < ORT_LOGGING_LEVEL_FATAL ? log_to_go : log_nothing;
  if (!s) s = CALL(lib, CreateEnvWithCustomLoggerAndGlobalThreadPools)(log, NULL, (OrtLoggingLevel)level, "wasinn", pools, &lib->env);
  CALL(lib, ReleaseThreadingOptions)(pools);
  if (!s) s = CALL(lib, CreateCpuMemoryInfo)(OrtArenaAllocator, OrtMemTypeDefault, &lib->cpu);
  if (!s) s = CALL(lib, GetAllocatorWithDefaultOptions)(&lib->allocator);
  return s;
}

OrtStatus *ort_providers(const ort_lib *lib, char ***names, int *count) { return CALL(lib, GetAvailableProviders)(names, count); }

void ort_release_providers(const ort_lib *lib, char **names, int count) {
  OrtStatus *s = CALL(lib, ReleaseAvailableProviders)(names, count);
  if (s) CALL(lib, ReleaseStatus)(s);
}

OrtStatus *ort_new_status(const ort_lib *lib, int code, const char *message) { return CALL(lib, CreateStatus)((OrtErrorCode)code, message); }

int ort_code(const ort_lib *lib, const OrtStatus *status) { return (int)CALL(lib, GetErrorCode)(status); }

const char *ort_message(const ort_lib *lib, const OrtStatus *status) { return CALL(lib, GetErrorMessage)(status); }

void ort_release_status(const ort_lib *lib, OrtStatus *status) { CALL(lib, ReleaseStatus)(status); }

OrtStatus *ort_use_global_threads(const ort_lib *lib, void *options) { return CALL(lib, DisablePerSessionThreads)(options); }

OrtStatus *ort_has_config(const ort_lib *lib, void *options, const char *key, int *has) { return CALL(lib, HasSessionConfigEntry)(options, key, has); }

OrtStatus *ort_cancel_load(const ort_lib *lib, void *options) { return CALL(lib, SessionOptionsSetLoadCancellationFlag)(options, true); }

OrtStatus *ort_new_session(const ort_lib *lib, const void *model, size_t size, void *options, OrtSession **session) {
  uint64_t zeros = guard_divisions_by_zero();
  OrtStatus *s = CALL(lib, CreateSessionFromArray)(lib->env, model, size, options, session);
  if (s || zeros == guard_divisions_by_zero()) return s;
  CALL(lib, ReleaseSession)(*session);
  *session = NULL;
  return divided_by_zero(lib);
}

void ort_release_session(const ort_lib *lib, OrtSession *session) { CALL(lib, ReleaseSession)(session); }

OrtStatus *ort_count(const ort_lib *lib, const OrtSession *session, ort_side side, size_t *count) {
  switch (side) {
  case ORT_INPUTS: return CALL(lib, SessionGetInputCount)(session, count);
  case ORT_OUTPUTS: return CALL(lib, SessionGetOutputCount)(session, count);
  default: return CALL(lib, SessionGetOverridableInitializerCount)(session, count);
  }
}

static OrtStatus *name_of(const ort_lib *lib, const OrtSession *session, ort_side side, size_t i, char **name) {
  switch (side) {
  case ORT_INPUTS: return CALL(lib, SessionGetInputName)(session, i, lib->allocator, name);
  case ORT_OUTPUTS: return CALL(lib, SessionGetOutputName)(session, i, lib->allocator, name);
  default: return CALL(lib, SessionGetOverridableInitializerName)(session, i, lib->allocator, name);
  }
}

static OrtStatus *type_of(const ort_lib *lib, const OrtSession *session, ort_side side, size_t i, OrtTypeInfo **type) {
  switch (side) {
  case ORT_INPUTS: return CALL(lib, SessionGetInputTypeInfo)(session, i, type);
  case ORT_OUTPUTS: return CALL(lib, SessionGetOutputTypeInfo)(session, i, type);
  default: return CALL(lib, SessionGetOverridableInitializerTypeInfo)(session, i, type);
  }
}

static OrtStatus *describe_tensor(const ort_lib *lib, const OrtTensorTypeAndShapeInfo *tensor, ort_info *info) {
  OrtStatus *s = CALL(lib, GetTensorElementType)(tensor, &info->type);
  if (!s) s = CALL(lib, GetDimensionsCount)(tensor, &info->rank);
  if (!s && info->rank <= ORT_MAX_RANK) s = CALL(lib, GetDimensions)(tensor, info->dims, info->rank);
  info->has_shape = CALL(lib, TensorTypeAndShape_HasShape)(tensor);
  return s;
}

// inner_type is the type of what is inside a sequence, map or optional, NULL for
// others.
static OrtStatus *inner_type(const ort_lib *lib, const OrtTypeInfo *type, ONNXType kind, ONNXTensorElementDataType *key, OrtTypeInfo **inner) {
  const OrtSequenceTypeInfo *sequence = NULL;
  const OrtMapTypeInfo *map = NULL;
  const OrtOptionalTypeInfo *optional = NULL;
  OrtStatus *s = NULL;
  switch (kind) {
  case ONNX_TYPE_SEQUENCE:
    s = CALL(lib, CastTypeInfoToSequenceTypeInfo)(type, &sequence);
    return s || !sequence ? s : CALL(lib, GetSequenceElementType)(sequence, inner);
  case ONNX_TYPE_MAP:
    s = CALL(lib, CastTypeInfoToMapTypeInfo)(type, &map);
    if (s || !map) return s;
    s = CALL(lib, GetMapKeyType)(map, key);
    return s ? s : CALL(lib, GetMapValueType)(map, inner);
  case ONNX_TYPE_OPTIONAL:
    s = CALL(lib, CastTypeInfoToOptionalTypeInfo)(type, &optional);
    return s || !optional ? s : CALL(lib, GetOptionalContainedTypeInfo)(optional, inner);
  default: return NULL;
  }
}

// describe_type describes a type and those in it. It releases type.
static OrtStatus *describe_type(const ort_lib *lib, OrtTypeInfo *type, ort_info *info) {
  OrtStatus *s = NULL;
  while (type && !s && info->nested < ORT_MAX_NESTED) {
    size_t at = info->nested++;
    const OrtTensorTypeAndShapeInfo *tensor = NULL;
    OrtTypeInfo *inner = NULL;
    s = CALL(lib, GetOnnxTypeFromTypeInfo)(type, &info->kinds[at]);
    if (!s && info->kinds[at] == ONNX_TYPE_TENSOR) s = CALL(lib, CastTypeInfoToTensorInfo)(type, &tensor);
    if (!s && tensor) s = describe_tensor(lib, tensor, info);
    if (!s) s = inner_type(lib, type, info->kinds[at], &info->keys[at], &inner);
    CALL(lib, ReleaseTypeInfo)(type);
    type = inner;
  }
  if (type) CALL(lib, ReleaseTypeInfo)(type);
  return s;
}

OrtStatus *ort_describe(const ort_lib *lib, const OrtSession *session, ort_side side, size_t index, ort_info *info) {
  char *name = NULL;
  OrtTypeInfo *type = NULL;
  memset(info, 0, sizeof *info);
  OrtStatus *s = name_of(lib, session, side, index, &name);
  if (s) return s;
  info->name = strdup(name);
  s = CALL(lib, AllocatorFree)(lib->allocator, name);
  if (!s) s = type_of(lib, session, side, index, &type);
  if (s) return s;
  return describe_type(lib, type, info);
}

// ort_new_run returns NULL when there is no memory.
ort_run *ort_new_run(const ort_lib *lib, OrtSession *session, size_t inputs, size_t outputs) {
  ort_run *r = calloc(1, sizeof *r);
  if (!r) return NULL;
  r->lib = lib;
  r->session = session;
  r->outputs = outputs;
  r->in = calloc(inputs + 1, sizeof *r->in); // never of size 0, which may be NULL
  r->out = calloc(outputs + 1, sizeof *r->out);
  r->in_names = calloc(inputs + 1, sizeof *r->in_names);
  r->out_names = calloc(outputs + 1, sizeof *r->out_names);
  r->in_values = calloc(inputs + 1, sizeof *r->in_values);
  r->out_values = calloc(outputs + 1, sizeof *r->out_values);
  bool whole = r->in && r->out && r->in_names && r->out_names && r->in_values && r->out_values;
  OrtStatus *s = whole ? CALL(lib, CreateRunOptions)(&r->options) : NULL;
  if (whole && !s) return r;
  if (s) CALL(lib, ReleaseStatus)(s);
  ort_free_run(r);
  return NULL;
}

void ort_free_run(ort_run *r) {
  if (r->options) CALL(r->lib, ReleaseRunOptions)(r->options);
  free(r->in);
  free(r->out);
  free(r->in_names);
  free(r->out_names);
  free(r->in_values);
  free(r->out_values);
  free(r);
}

static OrtStatus *wrap_input(ort_run *r, size_t i) {
  ort_input *in = &r->in[i];
  r->in_names[i] = in->name;
  return CALL(r->lib, CreateTensorWithDataAsOrtValue)(r->lib->cpu, (void *)in->data, in->size, in->dims, in->rank, in->type, &r->in_values[i]);
}

// read_output fills out from the value. A value whose bytes fit in what is left
// of small is copied there and released: that is cheaper than an owner in Go.
static OrtStatus *read_output(ort_run *r, size_t i, size_t *used) {
  ort_output *out = &r->out[i];
  OrtValue *value = r->out_values[i];
  const int64_t *dims = NULL;
  OrtStatus *s = CALL(r->lib, GetTensorElementTypeAndShapeDataReference)(value, &out->type, &dims, &out->rank);
  if (!s) s = CALL(r->lib, GetTensorSizeInBytes)(value, &out->size);
  if (!s) s = CALL(r->lib, GetTensorMutableData)(value, &out->data);
  if (s) return s;
  if (out->rank > ORT_MAX_RANK) return CALL(r->lib, CreateStatus)(ORT_INVALID_ARGUMENT, "an output has more than 64 dimensions");
  memcpy(out->dims, dims, out->rank * sizeof *dims);
  if (out->size > ORT_SMALL - *used) {
    out->value = value;
    r->out_values[i] = NULL;
    return NULL;
  }
  if (out->size) memcpy(r->small + *used, out->data, out->size);
  out->value = NULL;
  out->data = r->small + *used;
  *used += (out->size + 15) & ~(size_t)15;
  if (*used > ORT_SMALL) *used = ORT_SMALL;
  return NULL;
}

static void release_all(const ort_lib *lib, OrtValue **values, size_t n) {
  for (size_t i = 0; i < n; i++) {
    if (values[i]) CALL(lib, ReleaseValue)(values[i]);
    values[i] = NULL;
  }
}

static OrtStatus *read_outputs(ort_run *r) {
  size_t used = 0;
  OrtStatus *s = NULL;
  for (size_t i = 0; i < r->outputs; i++) r->out[i].value = NULL;
  for (size_t i = 0; i < r->outputs && !s; i++) s = read_output(r, i, &used);
  for (size_t i = 0; i < r->outputs && s; i++) {
    if (r->out[i].value) CALL(r->lib, ReleaseValue)(r->out[i].value);
    r->out[i].value = NULL;
  }
  return s;
}

// run_once runs the session on the first fed of in_values.
static OrtStatus *run_once(ort_run *r) {
  uint64_t zeros = guard_divisions_by_zero();
  OrtStatus *s = CALL(r->lib, Run)(r->session, r->cancellable ? r->options : NULL, r->in_names, (const OrtValue *const *)r->in_values, r->fed, r->out_names, r->outputs, r->out_values);
  if (!s && zeros != guard_divisions_by_zero()) s = divided_by_zero(r->lib);
  return s;
}

// ort_compute wraps the inputs that in describes, runs the session once and
// fills out. After an error out owns nothing. The bytes of the first inputs are
// arguments since Go keeps what it passes in place for nothing, where pinning
// costs 50 ns an input.
OrtStatus *ort_compute(ort_run *r, uint8_t *data0, uint8_t *data1, uint8_t *data2, uint8_t *data3) {
  OrtStatus *s = NULL;
  uint8_t *data[ORT_DIRECT] = {data0, data1, data2, data3};
  for (size_t i = 0; i < ORT_DIRECT && i < r->fed; i++) r->in[i].data = (uintptr_t)data[i];
  for (size_t i = 0; i < r->fed && !s; i++) s = wrap_input(r, i);
  if (!s) s = run_once(r);
  if (!s) s = read_outputs(r);
  release_all(r->lib, r->in_values, r->fed);
  release_all(r->lib, r->out_values, r->outputs);
  return s;
}

// ort_compute_loop is the floor that benchmarks compare with: the mean time of
// ort_compute in nanoseconds without any Go around it, or -1 after an error.
double ort_compute_loop(ort_run *r, size_t times, uint8_t *data0, uint8_t *data1, uint8_t *data2, uint8_t *data3) {
  struct timespec from, to;
  clock_gettime(CLOCK_MONOTONIC, &from);
  for (size_t k = 0; k < times; k++) {
    OrtStatus *s = ort_compute(r, data0, data1, data2, data3);
    if (s) {
      CALL(r->lib, ReleaseStatus)(s);
      return -1;
    }
    for (size_t i = 0; i < r->outputs; i++) {
      if (r->out[i].value) CALL(r->lib, ReleaseValue)(r->out[i].value);
    }
  }
  clock_gettime(CLOCK_MONOTONIC, &to);
  return ((double)(to.tv_sec - from.tv_sec) * 1e9 + (double)(to.tv_nsec - from.tv_nsec)) / (double)times;
}

OrtStatus *ort_terminate(ort_run *r, bool set) {
  return set ? CALL(r->lib, RunOptionsSetTerminate)(r->options) : CALL(r->lib, RunOptionsUnsetTerminate)(r->options);
}

void ort_release_value(const ort_lib *lib, OrtValue *value) { CALL(lib, ReleaseValue)(value); }

// ort_compute_values runs the session on values that the caller has put into
// in_names and in_values, and still owns. out_values are then the caller's.
OrtStatus *ort_compute_values(ort_run *r) {
  OrtStatus *s = run_once(r);
  if (s) release_all(r->lib, r->out_values, r->outputs);
  return s;
}

// ort_new_tensor makes a tensor with a copy of data.
OrtStatus *ort_new_tensor(const ort_lib *lib, int type, const int64_t *dims, size_t rank, const void *data, size_t size, OrtValue **value) {
  void *at = NULL;
  size_t room = 0;
  OrtStatus *s = CALL(lib, CreateTensorAsOrtValue)(lib->allocator, dims, rank, (ONNXTensorElementDataType)type, value);
  if (s) return s;
  s = CALL(lib, GetTensorSizeInBytes)(*value, &room);
  if (!s && room != size) s = CALL(lib, CreateStatus)(ORT_INVALID_ARGUMENT, "the tensor's bytes do not fill its shape");
  if (!s && size) s = CALL(lib, GetTensorMutableData)(*value, &at);
  if (!s && size) memcpy(at, data, size);
  if (s) release_all(lib, value, 1);
  return s;
}

// ort_new_strings makes a tensor of strings. String i ends before ends[i] in
// bytes, where string i+1 begins.
OrtStatus *ort_new_strings(const ort_lib *lib, const int64_t *dims, size_t rank, const char *bytes, const size_t *ends, size_t count, OrtValue **value) {
  const int string = 8; // of ONNXTensorElementDataType
  OrtStatus *s = CALL(lib, CreateTensorAsOrtValue)(lib->allocator, dims, rank, (ONNXTensorElementDataType)string, value);
  if (s) return s;
  for (size_t i = 0, start = 0; i < count && !s; start = ends[i], i++) {
    char *at = NULL;
    s = CALL(lib, GetResizedStringTensorElementBuffer)(*value, i, ends[i] - start, &at);
    if (!s && ends[i] > start) memcpy(at, bytes + start, ends[i] - start);
  }
  if (s) release_all(lib, value, 1);
  return s;
}

// ort_new_collection makes a sequence, or a map of keys and values. It keeps
// none of elements.
OrtStatus *ort_new_collection(const ort_lib *lib, ONNXType kind, OrtValue **elements, size_t count, OrtValue **value) {
  return CALL(lib, CreateValue)((const OrtValue *const *)elements, count, kind, value);
}

// ort_kind_of sets kind to ONNX_TYPE_UNKNOWN for an optional that is empty.
OrtStatus *ort_kind_of(const ort_lib *lib, const OrtValue *value, ONNXType *kind) {
  int has = 0;
  *kind = ONNX_TYPE_UNKNOWN;
  OrtStatus *s = value ? CALL(lib, HasValue)(value, &has) : NULL;
  if (s || !has) return s;
  return CALL(lib, GetValueType)(value, kind);
}

// ort_read_tensor fills out with what belongs to value. Of strings size is their
// bytes together, and there is no data.
OrtStatus *ort_read_tensor(const ort_lib *lib, OrtValue *value, ort_output *out) {
  const int string = 8;
  const int64_t *dims = NULL;
  memset(out, 0, sizeof *out);
  OrtStatus *s = CALL(lib, GetTensorElementTypeAndShapeDataReference)(value, &out->type, &dims, &out->rank);
  if (s) return s;
  if (out->rank > ORT_MAX_RANK) return CALL(lib, CreateStatus)(ORT_INVALID_ARGUMENT, "a tensor has more than 64 dimensions");
  if (out->rank) memcpy(out->dims, dims, out->rank * sizeof *dims);
  if ((int)out->type == string) return CALL(lib, GetStringTensorDataLength)(value, &out->size);
  s = CALL(lib, GetTensorSizeInBytes)(value, &out->size);
  if (!s && out->size) s = CALL(lib, GetTensorMutableData)(value, &out->data);
  return s;
}

// ort_read_strings copies all strings, one behind the other, and where each starts.
OrtStatus *ort_read_strings(const ort_lib *lib, const OrtValue *value, void *bytes, size_t size, size_t *starts, size_t count) {
  return CALL(lib, GetStringTensorContent)(value, bytes, size, starts, count);
}

// ort_count_elements counts the elements of a sequence; 2 for a map.
OrtStatus *ort_count_elements(const ort_lib *lib, const OrtValue *value, size_t *count) { return CALL(lib, GetValueCount)(value, count); }

// ort_element makes a value of an element of a sequence, or of a map's keys (0)
// and values (1).
OrtStatus *ort_element(const ort_lib *lib, const OrtValue *value, int index, OrtValue **element) { return CALL(lib, GetValue)(value, index, lib->allocator, element); }
