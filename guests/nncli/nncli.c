// nncli: run any model through wasi-nn, as the command line says. See options.c for the help text.
//
// The program is the same for components and for preview 1 modules; interface_component.c and interface_preview1.c
// have what only one of them can do.
#include "nncli.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "abuse.h"
#include "element.h"
#include "npy.h"

static bool load_files(const options *o, graph *g, error *e, bool *read) {
  bytes parts[MAX_PARTS];
  for (size_t i = 0; i < o->file_count; i++)
    if (!(*read = read_file(o->files[i], &parts[i]))) {
      printf("error model %s: cannot be read\n", o->files[i]);
      return false;
    }
  bool ok = load(parts, o->file_count, o->encoding, o->target, g, e);
  for (size_t i = 0; i < o->file_count; i++)
    free(parts[i].ptr);
  return ok;
}

bool load_model(const options *o, graph *g) {
  error e;
  bool ok, read = true;
  if (o->name == NULL)
    ok = load_files(o, g, &e, &read);
  else if (o->config != NULL)
    ok = load_by_name_with_config(o->name, o->config, g, &e);
  else
    ok = load_by_name(o->name, g, &e);
  if (!ok && read)
    print_error(e);
  return ok;
}

bool new_context(graph g, context *c) {
  error e;
  if (init_execution_context(g, c, &e))
    return true;
  print_error(e);
  return false;
}

// describe gives an output the type and dims that the command line declares, where the interface told none.
static void describe(tensor *t, const options *o) {
  for (size_t i = 0; i < o->declared_count; i++) {
    const tensor *d = &o->declared[i];
    if (d->index != t->index || t->type != TYPE_UNKNOWN)
      continue;
    t->type = d->type;
    t->rank = d->dims != NULL ? d->rank : 1;
    t->dims = allocate(t->rank, sizeof *t->dims);
    if (d->dims != NULL)
      memcpy(t->dims, d->dims, d->rank * sizeof *d->dims);
    else
      t->dims[0] = (uint32_t)(t->data.len / element_size(t->type));
  }
}

static void print_tensor(const tensor *t) {
  const size_t max_bytes = 32, max_values = 8;
  print_output(t);
  printf("bytes %" PRIu32 " size=%zu hex=", t->index, t->data.len);
  for (size_t i = 0; i < t->data.len && i < max_bytes; i++)
    printf("%02x", t->data.ptr[i]);
  printf("%s\n", t->data.len > max_bytes ? "..." : "");
  if (t->type == TYPE_UNKNOWN)
    return;
  size_t size = element_size(t->type), count = t->data.len / size;
  printf("values %" PRIu32, t->index);
  for (size_t i = 0; i < count && i < max_values; i++) {
    printf(" ");
    print_element(t->type, t->data.ptr + i * size);
  }
  printf("%s\n", count > max_values ? " ..." : "");
}

static bool write_file(const char *path, bytes content) {
  FILE *f = fopen(path, "wb");
  bool ok = f != NULL && fwrite(content.ptr, 1, content.len, f) == content.len;
  if (f != NULL)
    ok = fclose(f) == 0 && ok;
  if (!ok)
    printf("error save %s: cannot be written\n", path);
  return ok;
}

static bool save_tensor(const tensor *t, const char *dir, size_t number) {
  char *path = allocate(strlen(dir) + 64, 1), place[32] = "";
  if (number > 0)
    snprintf(place, sizeof place, "context-%zu-", number);
  sprintf(path, "%s/%soutput-%" PRIu32 ".bin", dir, place, t->index);
  bool ok = write_file(path, t->data);
  if (ok && t->type != TYPE_UNKNOWN) {
    bytes npy = npy_encode(t);
    sprintf(path, "%s/%soutput-%" PRIu32 ".npy", dir, place, t->index);
    ok = write_file(path, npy);
    free(npy.ptr);
  }
  free(path);
  return ok;
}

static bool same_tensors(tensors a, tensors b) {
  bool same = a.len == b.len;
  for (size_t i = 0; same && i < a.len; i++) {
    const tensor *x = &a.ptr[i], *y = &b.ptr[i];
    same = x->type == y->type && x->rank == y->rank && memcmp(x->dims, y->dims, x->rank * sizeof *x->dims) == 0 &&
           x->data.len == y->data.len && memcmp(x->data.ptr, y->data.ptr, x->data.len) == 0;
  }
  return same;
}

static uint64_t now(void) { // in nanoseconds
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

// compute_all computes in every context in turn, again and again, and keeps the last outputs of each.
static bool compute_all(const options *o, const context *contexts, tensors *outputs) {
  tensors inputs = {(tensor *)o->inputs, o->input_count};
  uint64_t spent = 0;
  for (size_t r = 0; r < o->repeat; r++)
    for (size_t c = 0; c < o->contexts; c++) {
      tensors out;
      error e;
      uint64_t start = now();
      bool ok = compute(contexts[c], inputs, o->outputs, &out, &e);
      spent += now() - start;
      if (!ok) {
        print_error(e);
        return false;
      }
      for (size_t i = 0; i < out.len; i++)
        describe(&out.ptr[i], o);
      if (o->same && (r > 0 || c > 0) && !same_tensors(out, outputs[r > 0 ? c : 0])) {
        printf("error same: compute %zu in context %zu gave other outputs\n", r, c);
        return false;
      }
      free_tensors(outputs[c]);
      outputs[c] = out;
    }
  if (o->time)
    printf("time computes=%zu ns=%" PRIu64 "\n", o->repeat * o->contexts, spent);
  return true;
}

static bool show(const options *o, const tensors *outputs) {
  for (size_t c = 0; c < o->contexts; c++) {
    if (o->print && o->contexts > 1)
      printf("context %zu\n", c);
    for (size_t i = 0; i < outputs[c].len; i++) {
      if (o->print)
        print_tensor(&outputs[c].ptr[i]);
      if (o->save != NULL && !save_tensor(&outputs[c].ptr[i], o->save, c))
        return false;
    }
  }
  return true;
}

static bool run(const options *o) {
  graph g;
  if (!load_model(o, &g))
    return false;
  context *contexts = allocate(o->contexts, sizeof *contexts);
  for (size_t c = 0; c < o->contexts; c++)
    if (!new_context(g, &contexts[c]))
      return false;
  tensors *outputs = allocate(o->contexts, sizeof *outputs);
  if (!compute_all(o, contexts, outputs) || !show(o, outputs))
    return false;
  for (size_t c = 0; c < o->contexts; c++) {
    free_tensors(outputs[c]);
    drop_context(contexts[c]);
  }
  drop_graph(g);
  return true;
}

int main(int argc, char *argv[]) {
  options o;
  int status;
  if (!parse_options(argc, argv, &o, &status))
    return status;
  return (o.abuse != NULL ? abuse(&o) : run(&o)) ? 0 : 1;
}
