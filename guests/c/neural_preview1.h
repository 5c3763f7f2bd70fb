// neural_preview1.h: neural.h's names for preview 1's numbers.
#ifndef NEURAL_PREVIEW1_H
#define NEURAL_PREVIEW1_H

#include "neural.h"

// check_errno is true for success. Otherwise it stores the error of that stage, with no data.
bool check_errno(const char *stage, int32_t err, error *e);

// Guests built before 2023 use other numbers, and are still in the field: hosts can be tried with those.
typedef enum {
  ERA_NOW,
  ERA_2021, // f16 f32 u8 i32 only, and encodings openvino onnx
  ERA_2022, // the same types, and the encodings of today
} era;

// use_era chooses the numbers of types, encodings and errnos. The default is ERA_NOW.
void use_era(era e);

// tensor_type_number is preview 1's number of an element type.
uint8_t tensor_type_number(element_type t);

#endif
