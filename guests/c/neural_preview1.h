// neural_preview1.h: neural.h's names for preview 1's numbers.
#ifndef NEURAL_PREVIEW1_H
#define NEURAL_PREVIEW1_H

#include "neural.h"

// check_errno is true for success. Otherwise it stores the error of that stage, with no data.
bool check_errno(const char *stage, int32_t err, error *e);

// tensor_type_number is preview 1's number of an element type.
uint8_t tensor_type_number(element_type t);

#endif
