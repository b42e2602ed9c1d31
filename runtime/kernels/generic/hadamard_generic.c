//===-- hadamard_generic.c - orthonormal Hadamard transforms, plain C -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The definition that other levels equal bit for bit. A block of `size` is [order,
// size / order]: butterflies (a + b, a - b) along the last axis in strides 1, 2, 4
// ..., then row i of the signs: the sum of +-rows in increasing column order, then
// times (float)(1 / sqrt(size)). A block stands in scratch: size <= 262,144.
//===----------------------------------------------------------------------===//
#include "kernels/templates/hadamard_plan.h"

/// In place butterflies over each run of `length` elements.
static inline void butterflies(float *t, int64_t size, int64_t length) {
  for (int64_t stride = 1; stride < length; stride *= 2)
    for (int64_t base = 0; base < size; base += 2 * stride)
      for (int64_t i = base; i < base + stride; ++i) {
        const float a = t[i], b = t[i + stride];
        t[i] = a + b;
        t[i + stride] = a - b;
      }
}

/// y row i = scale * (sum over j of signs[i, j] * t row j), rows of `length`.
static inline void sign_product(const float *t, const int8_t *signs, float *y, int64_t order,
                                int64_t length, float scale) {
  for (int64_t i = 0; i < order; ++i)
    for (int64_t c = 0; c < length; ++c) {
      float sum = order == 1 || signs[i * order] > 0 ? t[c] : -t[c];
      for (int64_t j = 1; j < order; ++j) {
        const float v = t[j * length + c];
        sum = signs[i * order + j] > 0 ? sum + v : sum - v;
      }
      y[i * length + c] = sum * scale;
    }
}

void RESQ_KERNEL(resq_hadamard)(resq_worker *w, int32_t op, const float *x, const int8_t *signs,
                                float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t width,
                                int64_t size, int64_t order) {
  const int64_t blocks = width / size, step = resq_hadamard_chunk(size);
  const float scale = resq_hadamard_scale(size);
  float *t = (float *)w->scratch;
  for (int64_t first; (first = resq_next_chunk(w, op) * step) < rows * blocks;)
    for (int64_t i = first; i < first + step && i < rows * blocks; ++i) {
      const int64_t row = i / blocks, at = i % blocks * size;
      for (int64_t j = 0; j < size; ++j)
        t[j] = x[row * ldx + at + j];
      butterflies(t, size, size / order);
      sign_product(t, signs, y + row * ldy + at, order, size / order, scale);
    }
}
