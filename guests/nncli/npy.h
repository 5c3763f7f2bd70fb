// npy.h: NumPy's .npy files, versions 1 to 3, little endian and row-major.
//
// See https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
#ifndef NPY_H
#define NPY_H

#include "neural.h"

// npy_decode takes the type, dims and data of a tensor from a file's content. The data stays where it is; the caller
// frees the dims. It returns NULL, or what is wrong with the content. NumPy has no bfloat16: two raw bytes (V2) count as that.
const char *npy_decode(bytes content, tensor *t);

// npy_encode is the content of a file with the type, dims and data of a tensor. The caller frees it.
bytes npy_encode(const tensor *t);

#endif
