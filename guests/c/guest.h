// guest.h: what the C guests share: files in, lines out.
#ifndef GUEST_H
#define GUEST_H

#include <stdbool.h>

#include "neural.h"

// type_name is WIT's name of an element type, "-" for TYPE_UNKNOWN.
const char *type_name(element_type type);

// print_error prints the line of an error of wasi-nn, "error STAGE code=CODE data=TEXT", and frees the error.
void print_error(error e);

// print_output prints the line of an output, "output I name=N ty=T dims=AxB", with - for what is not known.
void print_output(const tensor *o);

// read_file reads a whole file. The caller frees content->ptr.
bool read_file(const char *path, bytes *content);

// allocate is calloc, except that it never fails.
void *allocate(size_t count, size_t size);

#endif
