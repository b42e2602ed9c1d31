//===-- add_avx512.c - y = a + b -------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Elementwise; in place too, which is why the compiler's vectoriser is not asked.
//===----------------------------------------------------------------------===//
#include "avx512.h"
#include "kernels/templates/rows.h"

void RESQ_KERNEL(resq_add)(resq_worker *w, int32_t op, const float *a, const float *b, float *y,
                           int64_t rows, int64_t lda, int64_t ldb, int64_t ldy, int64_t width) {
  resq_span span;
  while (resq_next_span(w, op, rows, width, &span)) {
    for (int64_t r = span.begin; r < span.end; ++r) {
      for (int64_t i = span.left; i < span.right; i += 16) {
        __mmask16 mask = resq_lanes(span.right - i);
        __m512 left = _mm512_maskz_loadu_ps(mask, a + r * lda + i);
        __m512 right = _mm512_maskz_loadu_ps(mask, b + r * ldb + i);
        _mm512_mask_storeu_ps(y + r * ldy + i, mask, _mm512_add_ps(left, right));
      }
    }
  }
}
