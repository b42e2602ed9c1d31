//===-- rope_angles_cuda.c - the angles of rotary embedding -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "elements.h"
#include "kernels/scalar_math.h"

void RESQ_KERNEL(resq_rope_angles)(const int32_t *positions, const float *inv_freq,
                                   const float *factors, float *y, int64_t rows, int64_t size,
                                   int64_t variant, uint8_t *scratch, int64_t threads, int64_t unit,
                                   int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  const int64_t half = size / 2;
  (void)variant, (void)scratch;
  const resq_turns turns = resq_element_turns(part, rows, half);
  resq_begin();
  RESQ_EACH_ELEMENT(turns, half, r, i) {
    double sine, cosine;
    const float frequency = factors ? inv_freq[i] / factors[i] : inv_freq[i];
    resq_sin_cos((double)((float)positions[r] * frequency), &sine, &cosine);
    y[r * size + i] = (float)cosine;
    y[r * size + half + i] = (float)sine;
  }
}
