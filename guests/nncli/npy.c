#include "npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "element.h"
#include "guest.h"

static const char magic[6] = {'\x93', 'N', 'U', 'M', 'P', 'Y'};

enum { MAX_RANK = 64, MAX_HEADER = 1 << 16 };

static const struct {
  const char *descr;
  element_type type;
} descrs[] = {
  {"<f2", FP16}, {"<f4", FP32}, {"<f8", FP64}, {"<V2", BF16}, {"|V2", BF16}, {"|u1", U8}, {"<i4", I32}, {"<i8", I64},
};

// value_of finds the text after 'key': in a header.
static const char *value_of(const char *header, const char *key) {
  char quoted[32];
  snprintf(quoted, sizeof quoted, "'%s':", key);
  const char *p = strstr(header, quoted);
  if (p == NULL)
    return NULL;
  p += strlen(quoted);
  while (*p == ' ')
    p++;
  return p;
}

static bool parse_descr(const char *text, element_type *type) {
  for (size_t i = 0; i < sizeof descrs / sizeof *descrs; i++)
    if (*text == '\'' && strncmp(text + 1, descrs[i].descr, 3) == 0 && text[4] == '\'') {
      *type = descrs[i].type;
      return true;
    }
  return false;
}

// parse_shape reads a tuple of dims, "(2, 3)", "(2,)" or "()".
static bool parse_shape(const char *text, uint32_t dims[MAX_RANK], size_t *rank) {
  *rank = 0;
  if (*text++ != '(')
    return false;
  for (;;) {
    while (*text == ' ' || *text == ',')
      text++;
    if (*text == ')')
      return true;
    char *end;
    uint64_t n = strtoull(text, &end, 10);
    if (end == text || n > UINT32_MAX || *rank == MAX_RANK)
      return false;
    dims[(*rank)++] = (uint32_t)n;
    text = end;
  }
}

// split finds the header and the data of a file's content.
static const char *split(bytes content, bytes *header, bytes *data) {
  if (content.len < 10 || memcmp(content.ptr, magic, sizeof magic) != 0)
    return "not a .npy file";
  const uint8_t *p = content.ptr;
  size_t start = 10, len = p[8] | (size_t)p[9] << 8;
  if (p[6] > 1) { // versions 2 and 3 have a length of four bytes
    if (content.len < 12)
      return "the header is cut off";
    start = 12;
    len |= (size_t)p[10] << 16 | (size_t)p[11] << 24;
  }
  if (len > MAX_HEADER || len > content.len - start)
    return "the header is cut off";
  *header = (bytes){content.ptr + start, len};
  *data = (bytes){content.ptr + start + len, content.len - start - len};
  return NULL;
}

static const char *parse_header(const char *header, tensor *t) {
  const char *descr = value_of(header, "descr"), *order = value_of(header, "fortran_order"), *shape = value_of(header, "shape");
  uint32_t dims[MAX_RANK];
  if (descr == NULL || order == NULL || shape == NULL)
    return "the header lacks descr, fortran_order or shape";
  if (!parse_descr(descr, &t->type))
    return "the type is none of <f2 <f4 <f8 |u1 <i4 <i8 V2";
  if (strncmp(order, "False", 5) != 0)
    return "the values are in Fortran's order";
  if (!parse_shape(shape, dims, &t->rank))
    return "the shape cannot be read";
  t->dims = allocate(t->rank, sizeof *dims);
  memcpy(t->dims, dims, t->rank * sizeof *dims);
  return NULL;
}

const char *npy_decode(bytes content, tensor *t) {
  bytes header;
  const char *wrong = split(content, &header, &t->data);
  if (wrong != NULL)
    return wrong;
  char *text = allocate(header.len + 1, 1);
  memcpy(text, header.ptr, header.len);
  wrong = parse_header(text, t);
  free(text);
  return wrong;
}

bytes npy_encode(const tensor *t) {
  enum { CAPACITY = 256 + 12 * MAX_RANK };
  char header[CAPACITY];
  const char *descr = "|V1";
  for (size_t i = sizeof descrs / sizeof *descrs; i-- > 0;) // the first of a type is what is written
    if (descrs[i].type == t->type)
      descr = descrs[i].descr;
  int n = snprintf(header, CAPACITY, "{'descr': '%s', 'fortran_order': False, 'shape': (", descr);
  for (size_t i = 0; i < t->rank && i < MAX_RANK; i++)
    n += snprintf(header + n, (size_t)(CAPACITY - n), "%" PRIu32 ", ", t->dims[i]);
  n += snprintf(header + n, (size_t)(CAPACITY - n), "), }");

  size_t start = sizeof magic + 4, len = ((start + (size_t)n + 1 + 63) & ~(size_t)63) - start;
  bytes out = {allocate(start + len + t->data.len, 1), start + len + t->data.len};
  memcpy(out.ptr, magic, sizeof magic);
  out.ptr[6] = 1;
  out.ptr[8] = (uint8_t)len;
  out.ptr[9] = (uint8_t)(len >> 8);
  memset(out.ptr + start, ' ', len);
  memcpy(out.ptr + start, header, (size_t)n);
  out.ptr[start + len - 1] = '\n';
  if (t->data.len > 0)
    memcpy(out.ptr + start + len, t->data.ptr, t->data.len);
  return out;
}
