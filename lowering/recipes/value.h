//===-- value.h - tensors of recipes, on the host -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A value is rows by width (leading dimensions flattened), counted by references; a
// view shares its parent's storage. Storage may be wider than the declared element type:
// a weight that was rotated stays f64 until it is cast or stored.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_VALUE_H
#define RESQ_LOWERING_VALUE_H

#include "kernels/layout/quant_codes.h"

#include <stdbool.h>
#include <stdint.h>

typedef enum resq_value_kind {
  RESQ_VALUE_F32,
  RESQ_VALUE_F64,
  RESQ_VALUE_I32,
  RESQ_VALUE_QUANT, ///< symmetric weight codes: i8 data (resq_weight_value), scales
} resq_value_kind;

typedef struct resq_value {
  int refs;
  resq_value_kind kind;
  int64_t rows, width;
  void *data;                ///< [rows, width], 64-byte aligned where not a view
  float *scales;             ///< QUANT: [rows, width / group]
  resq_codebook codebook;    ///< QUANT
  int64_t group;             ///< QUANT
  struct resq_value *parent; ///< of a view
} resq_value;

/// Uninitialised; NULL when out of memory or when the size overflows.
resq_value *resq_value_create(resq_value_kind kind, int64_t rows, int64_t width);
resq_value *resq_value_create_quant(int64_t rows, int64_t width, resq_codebook codebook,
                                    int64_t group);

resq_value *resq_value_retain(resq_value *v);
void resq_value_release(resq_value *v); ///< NULL is fine

/// Rows [begin, begin + rows) of v, sharing storage. NULL when out of memory.
resq_value *resq_value_view(resq_value *v, int64_t begin, int64_t rows);

/// v as F32 or F64 (v itself, retained, when it is). v is a float value. NULL when out of memory.
resq_value *resq_value_convert(resq_value *v, resq_value_kind kind);

static inline float *resq_f32(const resq_value *v) { return v->data; }
static inline double *resq_f64(const resq_value *v) { return v->data; }
static inline int32_t *resq_i32(const resq_value *v) { return v->data; }
static inline bool resq_value_is_float(const resq_value *v) {
  return v->kind == RESQ_VALUE_F32 || v->kind == RESQ_VALUE_F64;
}
/// Bytes of an element of data.
static inline int64_t resq_value_element_size(resq_value_kind kind) {
  return kind == RESQ_VALUE_F64 ? 8 : kind == RESQ_VALUE_QUANT ? 1 : 4;
}

#endif // RESQ_LOWERING_VALUE_H
