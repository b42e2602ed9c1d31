//===-- split_generic.c - low and high parts of each block, and back --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Copies; blocks of `block` elements, the last `high` of each are the high part.
//===----------------------------------------------------------------------===//
#include "kernels/templates/rows.h"

static inline void copy(float *restrict to, const float *restrict from, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    to[i] = from[i];
}

void RESQ_KERNEL(resq_split)(resq_worker *w, int32_t op, const float *x, float *low,
                             float *high_part, int64_t rows, int64_t ldx, int64_t ld_low,
                             int64_t ld_high, int64_t width, int64_t block, int64_t high) {
  int64_t kept = block - high;
  resq_span span;
  while (resq_next_rows(w, op, rows, width, &span)) {
    for (int64_t r = span.begin; r < span.end; ++r) {
      for (int64_t b = 0; b < width / block; ++b) {
        const float *from = x + r * ldx + b * block;
        copy(low + r * ld_low + b * kept, from, kept);
        copy(high_part + r * ld_high + b * high, from + kept, high);
      }
    }
  }
}

void RESQ_KERNEL(resq_join)(resq_worker *w, int32_t op, const float *low, const float *high_part,
                            float *y, int64_t rows, int64_t ld_low, int64_t ld_high, int64_t ldy,
                            int64_t width, int64_t block, int64_t high) {
  int64_t kept = block - high;
  resq_span span;
  while (resq_next_rows(w, op, rows, width, &span)) {
    for (int64_t r = span.begin; r < span.end; ++r) {
      for (int64_t b = 0; b < width / block; ++b) {
        float *to = y + r * ldy + b * block;
        copy(to, low + r * ld_low + b * kept, kept);
        copy(to + kept, high_part + r * ld_high + b * high, high);
      }
    }
  }
}
