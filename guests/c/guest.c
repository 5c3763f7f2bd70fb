#include "guest.h"

#include <stdio.h>
#include <stdlib.h>

const char *type_name(element_type type) {
  static const char *const names[] = {"FP16", "FP32", "FP64", "BF16", "U8", "I32", "I64"};
  return type < TYPE_UNKNOWN ? names[type] : "-";
}

void print_error(error e) {
  for (char *c = e.data; *c != 0; c++) // keep it one line
    if ((unsigned char)*c < ' ' || *c == 0x7f)
      *c = ' ';
  printf("error %s code=%s data=%s\n", e.stage, e.code, e.data);
  free(e.data);
}

void print_output(const tensor *o) {
  printf("output %u name=%s ty=%s dims=", (unsigned)o->index, o->name != NULL ? o->name : "-", type_name(o->type));
  if (o->dims == NULL)
    printf("-");
  for (size_t i = 0; o->dims != NULL && i < o->rank; i++)
    printf(i > 0 ? "x%u" : "%u", (unsigned)o->dims[i]);
  printf("\n");
}

bool read_file(const char *path, bytes *content) {
  FILE *f = fopen(path, "rb");
  if (f == NULL)
    return false;
  *content = (bytes){NULL, 0};
  size_t capacity = 0, got;
  do {
    if (content->len == capacity) {
      capacity = capacity > 0 ? 2 * capacity : 1 << 16;
      content->ptr = realloc(content->ptr, capacity);
      if (content->ptr == NULL)
        abort();
    }
    got = fread(content->ptr + content->len, 1, capacity - content->len, f);
    content->len += got;
  } while (got > 0);
  bool ok = !ferror(f);
  fclose(f);
  if (!ok)
    free(content->ptr);
  return ok;
}

void *allocate(size_t count, size_t size) {
  void *p = calloc(count > 0 ? count : 1, size > 0 ? size : 1);
  if (p == NULL)
    abort();
  return p;
}
