// abuse.c: the kinds of misbehaviour that both interfaces allow.
#include "abuse.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "nncli.h"

// compute_with computes once with these inputs.
static bool compute_with(const options *o, tensors inputs) {
  graph g;
  context c;
  if (!load_model(o, &g) || !new_context(g, &c))
    return false;
  tensors outputs;
  error e;
  if (!compute(c, inputs, o->outputs, &outputs, &e)) {
    print_error(e);
    return false;
  }
  free_tensors(outputs);
  return true;
}

tensors good_inputs(const options *o) {
  static uint32_t dims[] = {1, 1, 28, 28};
  static float values[28 * 28];
  static tensor image = {
    .name = "image", .type = FP32, .dims = dims, .rank = 4, .data = {(uint8_t *)values, sizeof values},
  };
  return o->input_count > 0 ? (tensors){(tensor *)o->inputs, o->input_count} : (tensors){&image, 1};
}

// good_input is a copy of the first of them, for a kind to spoil.
static tensor good_input(const options *o) { return good_inputs(o).ptr[0]; }

static bool bad_dims(const options *o) {
  tensor t = good_input(o);
  if (t.data.len > 0)
    t.data.len--;
  return compute_with(o, (tensors){&t, 1});
}

static bool overflow_dims(const options *o) {
  uint32_t dims[] = {1 << 16, 1 << 16, 1 << 16, 1 << 16}; // the product is 2^64
  tensor t = good_input(o);
  t.dims = dims;
  t.rank = 4;
  t.data.len = 0;
  return compute_with(o, (tensors){&t, 1});
}

static bool many_dims(const options *o) {
  tensor t = good_input(o);
  t.rank = 1 << 20;
  t.dims = allocate(t.rank, sizeof *t.dims);
  for (size_t i = 0; i < t.rank; i++)
    t.dims[i] = 1;
  t.data.len = element_size(t.type);
  return compute_with(o, (tensors){&t, 1});
}

static bool unknown_input(const options *o) {
  tensor t = good_input(o);
  t.name = "no such input";
  t.index = 1000000;
  return compute_with(o, (tensors){&t, 1});
}

static bool no_input(const options *o) { return compute_with(o, (tensors){NULL, 0}); }

static bool same_input_twice(const options *o) {
  tensor t[] = {good_input(o), good_input(o)};
  return compute_with(o, (tensors){t, 2});
}

static bool wrong_type(const options *o) {
  tensor t = good_input(o);
  size_t count = t.data.len / element_size(t.type);
  t.type = t.type == I64 ? FP64 : I64;
  t.data = (bytes){allocate(count, 8), count * 8};
  return compute_with(o, (tensors){&t, 1});
}

static bool wrong_rank(const options *o) {
  tensor t = good_input(o);
  uint32_t *dims = allocate(t.rank + 1, sizeof *dims);
  memcpy(dims + 1, t.dims, t.rank * sizeof *dims);
  dims[0] = 1;
  t.dims = dims;
  t.rank++;
  return compute_with(o, (tensors){&t, 1});
}

static bool huge_tensor(const options *o) {
  uint32_t dims[] = {255 << 20};
  tensor t = good_input(o);
  t.type = U8;
  t.dims = dims;
  t.rank = 1;
  t.data = (bytes){allocate(dims[0], 1), dims[0]};
  return compute_with(o, (tensors){&t, 1});
}

static bool load_these(const options *o, const bytes *parts, size_t count) {
  graph g;
  context c;
  error e;
  if (load(parts, count, o->encoding, o->target, &g, &e))
    return new_context(g, &c); // a host may put reading the model off until here
  print_error(e);
  return false;
}

static bool empty_model(const options *o) {
  bytes part = {NULL, 0};
  return load_these(o, &part, 1);
}

static bool no_model_parts(const options *o) { return load_these(o, NULL, 0); }

static bool garbage_model(const options *o) {
  bytes part = {allocate(1 << 16, 1), 1 << 16};
  uint32_t x = 1;
  for (size_t i = 0; i < part.len; i++)
    part.ptr[i] = (uint8_t)((x = x * 1664525 + 1013904223) >> 24);
  return load_these(o, &part, 1);
}

static bool huge_model(const options *o) {
  bytes part = {allocate(255 << 20, 1), 255 << 20};
  return load_these(o, &part, 1);
}

static bool huge_name(const options *o) {
  (void)o;
  size_t len = 1 << 24;
  char *name = allocate(len + 1, 1);
  memset(name, 'n', len);
  graph g;
  error e;
  if (load_by_name(name, &g, &e))
    return true;
  print_error(e);
  return false;
}

static bool graphs(const options *o) {
  graph g;
  for (int i = 0; i < WITHOUT_END; i++)
    if (!load_model(o, &g))
      return false;
  return true;
}

static bool contexts(const options *o) {
  graph g;
  context c;
  if (!load_model(o, &g))
    return false;
  for (int i = 0; i < WITHOUT_END; i++)
    if (!new_context(g, &c))
      return false;
  return true;
}

static bool loop(const options *o) {
  (void)o;
  for (;;)
    __asm__ volatile("");
}

static bool loop_compute(const options *o) {
  graph g;
  context c;
  error e;
  tensors outputs;
  if (!load_model(o, &g) || !new_context(g, &c))
    return false;
  while (compute(c, good_inputs(o), o->outputs, &outputs, &e))
    free_tensors(outputs);
  print_error(e);
  return false;
}

// deeper cannot be made a loop by the compiler: it calls what a volatile pointer says, and adds to the result.
static int deeper(int n);
static int (*volatile deeper_pointer)(int) = deeper;
static int deeper(int n) { return n == INT32_MIN ? 0 : deeper_pointer(n + 1) + 1; }

static bool recurse(const options *o) {
  (void)o;
  return deeper(0) != 0;
}

static bool grow(const options *o) {
  (void)o;
  while (__builtin_wasm_memory_grow(0, 16) != SIZE_MAX) {
    volatile char *last = (char *)(__builtin_wasm_memory_size(0) * 65536 - 1);
    *last = 1;
  }
  printf("memory %zu pages\n", __builtin_wasm_memory_size(0));
  return true;
}

static bool outside(const options *o) {
  (void)o;
  volatile char *p = (char *)(UINTPTR_MAX - 8);
  return *p == 0;
}

static bool unreachable(const options *o) {
  (void)o;
  __builtin_trap();
}

static const abuse_kind kinds[] = {
  {"bad-dims", bad_dims, "a tensor with one byte less than its dims say"},
  {"overflow-dims", overflow_dims, "dims whose product is 2^64, without data"},
  {"many-dims", many_dims, "a tensor of rank 2^20"},
  {"unknown-input", unknown_input, "an input name and index that the model does not have"},
  {"no-input", no_input, "compute without inputs"},
  {"same-input-twice", same_input_twice, "compute with an input given twice: in preview 1 the last counts"},
  {"wrong-type", wrong_type, "an input of type i64 (f64 where i64 is right)"},
  {"wrong-rank", wrong_rank, "an input with a dimension too many"},
  {"huge-tensor", huge_tensor, "an input of 255 MiB: less than the greatest list of the canonical ABI"},
  {"empty-model", empty_model, "a model of no bytes"},
  {"no-model-parts", no_model_parts, "a model of no parts"},
  {"garbage-model", garbage_model, "a model of 64 KiB of noise"},
  {"huge-model", huge_model, "a model of 255 MiB of zeros"},
  {"huge-name", huge_name, "a model name of 16 MiB"},
  {"graphs", graphs, "load without end"},
  {"contexts", contexts, "make execution contexts without end"},
  {"loop", loop, "loop without end"},
  {"loop-compute", loop_compute, "compute without end"},
  {"recurse", recurse, "recurse without end"},
  {"grow", grow, "grow the memory as far as it goes"},
  {"outside", outside, "read outside of memory"},
  {"unreachable", unreachable, "execute unreachable"},
};

enum { KIND_COUNT = sizeof kinds / sizeof *kinds };

static const abuse_kind *kind_at(size_t i) { return i < KIND_COUNT ? &kinds[i] : &interface_kinds[i - KIND_COUNT]; }

void print_abuse_kinds(void) {
  for (size_t i = 0; i < KIND_COUNT + interface_kind_count; i++)
    printf("  %-20s %s\n", kind_at(i)->name, kind_at(i)->what);
}

bool abuse(const options *o) {
  for (size_t i = 0; i < KIND_COUNT + interface_kind_count; i++) {
    const abuse_kind *k = kind_at(i);
    if (strcmp(k->name, o->abuse) != 0)
      continue;
    fflush(stdout);
    if (!k->run(o))
      return false;
    printf("accepted %s\n", k->name);
    return true;
  }
  fprintf(stderr, "nncli: no such kind of misbehaviour: %s (see nncli --help)\n", o->abuse);
  return false;
}
