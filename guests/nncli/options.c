#include "options.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abuse.h"
#include "element.h"
#include "guest.h"
#include "nncli.h"
#include "npy.h"

static const char help[] =
  "nncli loads a model through wasi-nn, computes and shows the outputs.\n"
  "\n"
  "usage: nncli [OPTION...]\n"
  "       nncli abuse KIND [OPTION...]   misbehave on purpose, with the model and the input of the options\n"
  "\n"
  "The model:\n"
  "  --name NAME          the model that the host has under NAME\n"
  "  --config TEXT        with --name, by way of WasmEdge's load_by_name_with_config (preview 1 only)\n"
  "  --file PATH          the model in a file; again for each further part\n"
  "  --encoding E         openvino onnx tensorflow pytorch tensorflowlite ggml autodetect (default onnx)\n"
  "  --target T           cpu gpu tpu (default cpu)\n"
  "  --era ERA            the numbers of 2021, 2022 or now for types, encodings and errnos (preview 1; default now)\n"
  "Inputs:\n"
  "  --input KEY=VALUE[,KEY=VALUE...]\n"
  "    name=NAME          components name inputs (default: the index in decimal)\n"
  "    index=N            preview 1 numbers them (default: the place on the command line, from 0)\n"
  "    type=TYPE          f16 f32 f64 bf16 u8 i32 i64 (default f32)\n"
  "    dims=AxBxC         or scalar for rank 0 (default: one dimension, all values)\n"
  "    file=PATH          raw bytes; a name ending in .npy brings type and dims with it\n"
  "    values=A:B:C       or the values themselves\n"
  "    fill=A             or one value, as often as dims ask\n"
  "    Data that does not fit type and dims is passed on as it is, for the host to refuse.\n"
  "Running:\n"
  "  --contexts N         execution contexts on the one graph (default 1)\n"
  "  --repeat N           computes in each context (default 1)\n"
  "  --same               fail unless every compute gives the same bytes\n"
  "Outputs:\n"
  "  --print              lines with the first bytes and values of each\n"
  "  --save DIR           files output-I.bin and output-I.npy, with context-C- before it from the second context on\n"
  "  --time               a line with the time that all computes took together\n"
  "  --outputs N          how many to fetch, where the interface does not tell (preview 1; default 1)\n"
  "  --output index=N,type=TYPE[,dims=AxB]   what output N is, where the interface does not tell\n"
  "\n"
  "Errors are one line, as guests/README.md says, and exit status 1.\n"
  "\n"
  "Kinds of misbehaviour:\n";

static bool complain(const char *what, const char *value) {
  fprintf(stderr, "nncli: %s%s (see nncli --help)\n", what, value);
  return false;
}

// find is the index of a word in a list, or the list's length.
static size_t find(const char *word, const char *const *list, size_t len) {
  size_t i = 0;
  while (i < len && strcmp(word, list[i]) != 0)
    i++;
  return i;
}

static bool parse_count(const char *text, size_t *count) {
  char *end;
  uint64_t n = strtoull(text, &end, 10);
  *count = (size_t)n;
  return end != text && *end == 0 && n <= UINT32_MAX;
}

static bool parse_dims(char *text, tensor *t) {
  t->dims = allocate(strlen(text) + 1, sizeof *t->dims);
  t->rank = 0;
  if (strcmp(text, "scalar") == 0)
    return true;
  for (char *rest = text, *word; (word = strsep(&rest, "x")) != NULL;) {
    size_t n;
    if (!parse_count(word, &n))
      return complain("a dimension is not a number: ", word);
    t->dims[t->rank++] = (uint32_t)n;
  }
  return true;
}

// parse_values makes data of "1:2:3".
static bool parse_values(char *text, tensor *t) {
  size_t size = element_size(t->type);
  t->data.ptr = allocate(strlen(text) + 1, size);
  t->data.len = 0;
  for (char *rest = text, *word; (word = strsep(&rest, ":")) != NULL; t->data.len += size)
    if (!parse_element(word, t->type, t->data.ptr + t->data.len))
      return complain("a value is not a number: ", word);
  return true;
}

static bool fill(const char *text, tensor *t) {
  const uint64_t max_size = UINT64_C(1) << 31;
  size_t size = element_size(t->type);
  uint8_t element[8];
  if (!parse_element(text, t->type, element))
    return complain("a value is not a number: ", text);
  uint64_t count = 1;
  for (size_t i = 0; i < t->rank; i++)
    if ((count *= t->dims[i]) > max_size)
      return complain("these dims are too large to fill with ", text);
  t->data = (bytes){allocate((size_t)count, size), (size_t)count * size};
  for (size_t i = 0; i < count; i++)
    memcpy(t->data.ptr + i * size, element, size);
  return true;
}

static bool ends_in(const char *text, const char *end) {
  size_t n = strlen(text), m = strlen(end);
  return n >= m && strcmp(text + n - m, end) == 0;
}

static bool read_input(const char *path, tensor *t) {
  bytes content;
  if (!read_file(path, &content))
    return complain("cannot read ", path);
  if (!ends_in(path, ".npy")) {
    t->data = content;
    return true;
  }
  tensor file = *t;
  const char *wrong = npy_decode(content, &file);
  if (wrong != NULL) {
    fprintf(stderr, "nncli: %s: %s\n", path, wrong);
    return false;
  }
  t->type = file.type;
  t->data = file.data;
  if (t->dims == NULL) { // dims=... has the last word
    t->dims = file.dims;
    t->rank = file.rank;
  }
  return true;
}

// parse_tensor reads the KEY=VALUE list of --input or --output.
static bool parse_tensor(char *text, tensor *t) {
  char *file = NULL, *values = NULL, *filling = NULL;
  for (char *rest = text, *key; (key = strsep(&rest, ",")) != NULL;) {
    char *value = strchr(key, '=');
    if (value == NULL)
      return complain("expected KEY=VALUE, found ", key);
    *value++ = 0;
    size_t index;
    if (strcmp(key, "name") == 0)
      t->name = value;
    else if (strcmp(key, "file") == 0)
      file = value;
    else if (strcmp(key, "values") == 0)
      values = value;
    else if (strcmp(key, "fill") == 0)
      filling = value;
    else if (strcmp(key, "index") == 0 && parse_count(value, &index))
      t->index = (uint32_t)index;
    else if (strcmp(key, "type") == 0 && parse_type(value, &t->type))
      ;
    else if (strcmp(key, "dims") != 0)
      return complain("cannot make sense of ", key);
    else if (!parse_dims(value, t))
      return false;
  }
  if (file != NULL && !read_input(file, t))
    return false;
  if (values != NULL && !parse_values(values, t))
    return false;
  if (filling != NULL && !fill(filling, t))
    return false;
  return true;
}

static bool parse_input(char *text, options *o) {
  if (o->input_count == MAX_TENSORS)
    return complain("too many inputs", "");
  tensor *t = &o->inputs[o->input_count];
  *t = (tensor){.index = (uint32_t)o->input_count, .type = FP32};
  o->input_count++;
  if (!parse_tensor(text, t))
    return false;
  if (t->name == NULL) {
    t->name = allocate(16, 1);
    snprintf(t->name, 16, "%" PRIu32, t->index);
  }
  if (t->dims == NULL) {
    t->dims = allocate(1, sizeof *t->dims);
    t->dims[0] = (uint32_t)(t->data.len / element_size(t->type));
    t->rank = 1;
  }
  return true;
}

static bool parse_output(char *text, options *o) {
  if (o->declared_count == MAX_TENSORS)
    return complain("too many outputs", "");
  tensor *t = &o->declared[o->declared_count++];
  *t = (tensor){.type = FP32};
  return parse_tensor(text, t);
}

static const char *const encodings[] = {"openvino", "onnx", "tensorflow", "pytorch", "tensorflowlite", "ggml", "autodetect"};
static const char *const targets[] = {"cpu", "gpu", "tpu"};

// parse_option reads one option that takes a value.
static bool parse_option(const char *option, char *value, options *o) {
  if (strcmp(option, "--name") == 0)
    o->name = value;
  else if (strcmp(option, "--config") == 0)
    o->config = value;
  else if (strcmp(option, "--save") == 0)
    o->save = value;
  else if (strcmp(option, "--file") == 0 && o->file_count < MAX_PARTS)
    o->files[o->file_count++] = value;
  else if (strcmp(option, "--encoding") == 0) {
    size_t i = find(value, encodings, sizeof encodings / sizeof *encodings);
    o->encoding = (graph_encoding)i;
    return i <= AUTODETECT || complain("no such encoding: ", value);
  } else if (strcmp(option, "--target") == 0) {
    size_t i = find(value, targets, sizeof targets / sizeof *targets);
    o->target = (execution_target)i;
    return i <= TPU || complain("no such target: ", value);
  } else if (strcmp(option, "--era") == 0)
    return use_numbers_of(value) || complain("no such era of this interface: ", value);
  else if (strcmp(option, "--input") == 0)
    return parse_input(value, o);
  else if (strcmp(option, "--output") == 0)
    return parse_output(value, o);
  else if (strcmp(option, "--outputs") == 0)
    return parse_count(value, &o->outputs) || complain("not a number: ", value);
  else if (strcmp(option, "--contexts") == 0)
    return parse_count(value, &o->contexts) || complain("not a number: ", value);
  else if (strcmp(option, "--repeat") == 0)
    return parse_count(value, &o->repeat) || complain("not a number: ", value);
  else
    return complain("no such option: ", option);
  return true;
}

// parse_flag reads one option that stands alone.
static bool parse_flag(const char *option, options *o) {
  if (strcmp(option, "--same") == 0)
    o->same = true;
  else if (strcmp(option, "--print") == 0)
    o->print = true;
  else if (strcmp(option, "--time") == 0)
    o->time = true;
  else
    return false;
  return true;
}

static void print_help(void) {
  fputs(help, stdout);
  print_abuse_kinds();
}

bool parse_options(int argc, char *argv[], options *o, int *status) {
  *o = (options){.encoding = ONNX, .target = CPU, .outputs = 1, .contexts = 1, .repeat = 1};
  *status = 1;
  int i = 1;
  if (argc > 1 && strcmp(argv[1], "abuse") == 0) {
    if (argc < 3)
      return complain("abuse needs a KIND", "");
    o->abuse = argv[2];
    i = 3;
  }
  for (; i < argc; i++) {
    if (strcmp(argv[i], "--help") == 0) {
      *status = 0;
      print_help();
      return false;
    }
    if (parse_flag(argv[i], o))
      continue;
    if (i + 1 == argc)
      return complain("no such option, or its value is missing: ", argv[i]);
    if (!parse_option(argv[i], argv[i + 1], o))
      return false;
    i++;
  }
  if (o->abuse == NULL && (o->name == NULL) == (o->file_count == 0))
    return complain("one of --name and --file has to say what the model is", "");
  return true;
}
