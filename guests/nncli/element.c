#include "element.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

size_t element_size(element_type type) {
  static const size_t sizes[] = {[FP16] = 2, [FP32] = 4, [FP64] = 8, [BF16] = 2, [U8] = 1, [I32] = 4, [I64] = 8};
  return sizes[type];
}

bool parse_type(const char *text, element_type *type) {
  static const struct {
    const char *name;
    element_type type;
  } names[] = {
    {"f16", FP16}, {"fp16", FP16}, {"f32", FP32}, {"fp32", FP32}, {"f64", FP64}, {"fp64", FP64},
    {"bf16", BF16}, {"u8", U8}, {"i32", I32}, {"i64", I64},
  };
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (strcasecmp(text, names[i].name) == 0) {
      *type = names[i].type;
      return true;
    }
  return false;
}

// All conversions round to nearest, ties to even: rint does.
static uint16_t f16_from_double(double d) {
  uint16_t sign = signbit(d) ? 0x8000 : 0;
  if (isnan(d))
    return sign | 0x7e00;
  double a = fabs(d);
  if (a >= 65520) // half way from the greatest finite value to the next power of two
    return sign | 0x7c00;
  if (a < 0x1p-14) // subnormal: units of 2^-24
    return sign | (uint16_t)rint(a * 0x1p24);
  int exponent;
  double fraction = 2 * frexp(a, &exponent) - 1;
  return sign | (uint16_t)(((exponent + 14) << 10) + (int)rint(fraction * 1024)); // a carry raises the exponent
}

static double double_from_f16(uint16_t h) {
  int exponent = h >> 10 & 0x1f, fraction = h & 0x3ff;
  double a = exponent == 0x1f ? (fraction != 0 ? (double)NAN : (double)INFINITY)
             : exponent == 0  ? ldexp(fraction, -24)
                              : ldexp(1024 + fraction, exponent - 25);
  return h & 0x8000 ? -a : a;
}

static uint16_t bf16_from_float(float f) {
  uint32_t bits;
  memcpy(&bits, &f, sizeof bits);
  if (isnan(f))
    return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static float float_from_bf16(uint16_t h) {
  uint32_t bits = (uint32_t)h << 16;
  float f;
  memcpy(&f, &bits, sizeof f);
  return f;
}

bool parse_element(const char *text, element_type type, uint8_t *element) {
  char *end;
  if (type == U8 || type == I32 || type == I64) {
    int64_t n = strtoll(text, &end, 0);
    memcpy(element, &n, element_size(type));
    return end != text && *end == 0;
  }
  double d = strtod(text, &end);
  float f = (float)d;
  uint16_t h = f16_from_double(d), b = bf16_from_float(f);
  switch (type) {
  case FP16: memcpy(element, &h, sizeof h); break;
  case FP32: memcpy(element, &f, sizeof f); break;
  case BF16: memcpy(element, &b, sizeof b); break;
  default: memcpy(element, &d, sizeof d); break;
  }
  return end != text && *end == 0;
}

void print_element(element_type type, const uint8_t *element) {
  union {
    uint16_t f16;
    float f32;
    double f64;
    uint16_t bf16;
    uint8_t u8;
    int32_t i32;
    int64_t i64;
  } v;
  memcpy(&v, element, element_size(type));
  switch (type) {
  case FP16: printf("%.5g", double_from_f16(v.f16)); break;
  case FP32: printf("%.9g", (double)v.f32); break;
  case FP64: printf("%.17g", v.f64); break;
  case BF16: printf("%.4g", (double)float_from_bf16(v.bf16)); break;
  case U8: printf("%u", (unsigned)v.u8); break;
  case I32: printf("%" PRId32, v.i32); break;
  default: printf("%" PRId64, v.i64); break;
  }
}
