//===-- rope_generic.c - rotary embedding of each head --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "kernels/templates/rows.h"

/// One head; y may be x.
static inline void turn(const float *x, const float *angles, float *y, int64_t head_size,
                        int64_t size) {
  int64_t half = size / 2;
  for (int64_t i = 0; i < half; ++i) {
    float a = x[i], b = x[half + i], c = angles[i], s = angles[half + i];
    y[i] = a * c - b * s;
    y[half + i] = b * c + a * s;
  }
  for (int64_t i = size; i < head_size; ++i)
    y[i] = x[i];
}

void RESQ_KERNEL(resq_rope)(resq_worker *w, int32_t op, const float *x, const float *angles,
                            float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t heads,
                            int64_t head_size, int64_t size) {
  resq_span span;
  while (resq_next_rows(w, op, rows, heads * head_size, &span))
    for (int64_t r = span.begin; r < span.end; ++r)
      for (int64_t h = 0; h < heads; ++h)
        turn(x + r * ldx + h * head_size, angles + r * size, y + r * ldy + h * head_size, head_size,
             size);
}
