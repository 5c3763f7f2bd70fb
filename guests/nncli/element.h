// element.h: the seven element types as numbers that can be read and printed.
#ifndef ELEMENT_H
#define ELEMENT_H

#include "neural.h"

// element_size is the size of an element in bytes.
size_t element_size(element_type type);

// parse_type knows the types by their WIT names in small letters, f16 f32 f64 bf16 among them without the p.
bool parse_type(const char *text, element_type *type);

// parse_element makes one element of a decimal number, rounding to nearest. It returns false for other texts.
bool parse_element(const char *text, element_type type, uint8_t *element);

// print_element prints enough digits to tell any two values of the type apart.
void print_element(element_type type, const uint8_t *element);

#endif
