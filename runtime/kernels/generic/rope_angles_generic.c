//===-- rope_angles_generic.c - the angles of rotary embedding -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Angles are f32 products turned to sin and cos in double. Levels with wider vectors take this file
// too: the compiler vectorises it.
//===----------------------------------------------------------------------===//
#include "kernels/scalar_math.h"
#include "kernels/templates/rows.h"

void RESQ_KERNEL(resq_rope_angles)(resq_worker *w, int32_t op, const int32_t *positions,
                                   const float *inv_freq, const float *factors, float *y,
                                   int64_t rows, int64_t size) {
  resq_span span;
  // A sine costs as much as some tens of copies.
  while (resq_next_rows(w, op, rows, size * 16, &span)) {
    for (int64_t r = span.begin; r < span.end; ++r) {
      float *restrict cosines = y + r * size, *restrict sines = cosines + size / 2;
      float position = (float)positions[r];
      for (int64_t i = 0; i < size / 2; ++i) {
        double sine, cosine;
        float frequency = factors ? inv_freq[i] / factors[i] : inv_freq[i];
        resq_sin_cos((double)(position * frequency), &sine, &cosine);
        cosines[i] = (float)cosine;
        sines[i] = (float)sine;
      }
    }
  }
}
