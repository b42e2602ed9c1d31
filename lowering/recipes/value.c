//===-- value.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Storage of host tensors.
//===----------------------------------------------------------------------===//
#include "value.h"

#include "base/checked.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static void *allocate(int64_t rows, int64_t width, int64_t element) {
  uint64_t size;
  if (rows < 0 || width < 0 || !resq_mul_u64((uint64_t)rows, (uint64_t)width, &size) ||
      !resq_mul_u64(size, (uint64_t)element, &size) || size > SIZE_MAX / 2)
    return NULL;
  return aligned_alloc(64, (size + 64) / 64 * 64);
}

resq_value *resq_value_create(resq_value_kind kind, int64_t rows, int64_t width) {
  resq_value *v = calloc(1, sizeof *v);
  if (!v)
    return NULL;
  *v = (resq_value){.refs = 1, .kind = kind, .rows = rows, .width = width};
  v->data = allocate(rows, width, resq_value_element_size(kind));
  if (!v->data) {
    free(v);
    return NULL;
  }
  return v;
}

resq_value *resq_value_create_quant(int64_t rows, int64_t width, resq_codebook codebook,
                                    int64_t group) {
  resq_value *v = resq_value_create(RESQ_VALUE_QUANT, rows, width);
  if (!v)
    return NULL;
  v->codebook = codebook;
  v->group = group;
  v->scales = allocate(rows, width / group, sizeof *v->scales);
  if (!v->scales) {
    resq_value_release(v);
    return NULL;
  }
  return v;
}

resq_value *resq_value_retain(resq_value *v) {
  ++v->refs;
  return v;
}

void resq_value_release(resq_value *v) {
  if (!v || --v->refs > 0)
    return;
  if (v->parent) {
    resq_value_release(v->parent);
  } else {
    free(v->data);
    free(v->scales);
  }
  free(v);
}

resq_value *resq_value_view(resq_value *v, int64_t begin, int64_t rows) {
  // A memo has all rows of its node, and evaluate.c asks for none outside.
  assert(begin >= 0 && rows >= 0 && begin + rows <= v->rows);
  if (begin == 0 && rows == v->rows)
    return resq_value_retain(v);
  resq_value *view = malloc(sizeof *view);
  if (!view)
    return NULL;
  *view = *v;
  view->refs = 1;
  view->rows = rows;
  view->data = (char *)v->data + begin * v->width * resq_value_element_size(v->kind);
  if (v->scales)
    view->scales = v->scales + begin * (v->width / v->group);
  view->parent = resq_value_retain(v);
  return view;
}

resq_value *resq_value_convert(resq_value *v, resq_value_kind kind) {
  if (v->kind == kind)
    return resq_value_retain(v);
  // Rules refuse operands that are no floats before they convert them.
  assert(resq_value_is_float(v) && (kind == RESQ_VALUE_F32 || kind == RESQ_VALUE_F64));
  resq_value *out = resq_value_create(kind, v->rows, v->width);
  if (!out)
    return NULL;
  int64_t count = v->rows * v->width;
  if (kind == RESQ_VALUE_F64)
    for (int64_t i = 0; i < count; ++i)
      resq_f64(out)[i] = (double)resq_f32(v)[i];
  else
    for (int64_t i = 0; i < count; ++i)
      resq_f32(out)[i] = (float)resq_f64(v)[i];
  return out;
}
