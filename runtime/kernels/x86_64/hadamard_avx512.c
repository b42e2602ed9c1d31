//===-- hadamard_avx512.c - orthonormal Hadamard transforms, 16 lanes -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bit-equal to the generic level: each element goes through the same butterflies, and
// products with +-1 are exact, so that an FMA by a sign rounds as an addition does.
// Butterflies run in registers, up to 16 vectors at once; the sign matrix is a small
// register-blocked product. Scratch holds a block and the signs as floats:
// size + order^2 <= 262,144.
//===----------------------------------------------------------------------===//
#include "kernels/templates/hadamard_plan.h"
#include <immintrin.h>

#define INLINE static inline __attribute__((always_inline))
#ifdef __clang__
#define UNROLL _Pragma("unroll")
#else
#define UNROLL _Pragma("GCC unroll 16")
#endif

/// Butterflies of lanes with their partners: (b, a) + (a, -b). `negated` lanes are the upper
/// ones; the product with +-1 is exact.
INLINE __m512 lane_step(__m512 v, __m512 swapped, int negated) {
  const __m512 one = _mm512_set1_ps(1.0f);
  const __m512 sign = _mm512_mask_blend_ps((__mmask16)negated, one, _mm512_set1_ps(-1.0f));
  return _mm512_fmadd_ps(v, sign, swapped);
}

/// Strides 1, 2, 4, 8 below `length`, inside a vector.
INLINE __m512 lane_butterflies(__m512 v, int64_t length) {
  if (length > 1)
    v = lane_step(v, _mm512_permute_ps(v, 0xb1), 0xaaaa);
  if (length > 2)
    v = lane_step(v, _mm512_permute_ps(v, 0x4e), 0xcccc);
  if (length > 4)
    v = lane_step(v, _mm512_shuffle_f32x4(v, v, 0xb1), 0xf0f0);
  if (length > 8)
    v = lane_step(v, _mm512_shuffle_f32x4(v, v, 0x4e), 0xff00);
  return v;
}

/// log2(count) levels over `count` vectors `stride` elements apart; from x to t.
/// The first pass of a block does the strides inside the vectors too.
INLINE void vector_butterflies(const float *x, float *t, int64_t stride, const int count,
                               const int first) {
  __m512 v[16];
  UNROLL for (int i = 0; i < count; ++i) {
    v[i] = _mm512_loadu_ps(x + i * stride);
    if (first)
      v[i] = lane_butterflies(v[i], 16);
  }
  UNROLL for (int half = 1; half < 16; half *= 2)
      UNROLL for (int i = 0; i < count; ++i) if (half < count && !(i & half)) {
    const __m512 a = v[i], b = v[i + half];
    v[i] = _mm512_add_ps(a, b);
    v[i + half] = _mm512_sub_ps(a, b);
  }
  UNROLL for (int i = 0; i < count; ++i) _mm512_store_ps(t + i * stride, v[i]);
}

/// One pass of `count` vectors a butterfly network over `size` elements.
INLINE void butterfly_pass(const float *x, float *t, int64_t size, int64_t stride, const int count,
                           const int first) {
  for (int64_t base = 0; base < size; base += count * stride)
    for (int64_t i = base; i < base + stride; i += 16)
      vector_butterflies(x + i, t + i, stride, count, first);
}

INLINE void any_pass(const float *x, float *t, int64_t size, int64_t stride, int64_t count,
                     const int first) {
  if (count >= 16)
    butterfly_pass(x, t, size, stride, 16, first);
  else if (count == 8)
    butterfly_pass(x, t, size, stride, 8, first);
  else if (count == 4)
    butterfly_pass(x, t, size, stride, 4, first);
  else if (count == 2)
    butterfly_pass(x, t, size, stride, 2, first);
  else
    butterfly_pass(x, t, size, stride, 1, first);
}

/// Butterflies along runs of `length` of x, into t.
INLINE void butterflies(const float *x, float *t, int64_t size, int64_t length) {
  if (length < 16) {
    for (int64_t i = 0; i < size; i += 16) {
      const __mmask16 lanes = (__mmask16)(size - i >= 16 ? 0xffff : (1 << (size - i)) - 1);
      const __m512 v = _mm512_maskz_loadu_ps(lanes, x + i);
      _mm512_mask_storeu_ps(t + i, lanes, lane_butterflies(v, length));
    }
    return;
  }
  any_pass(x, t, size, 16, length / 16, 1);
  for (int64_t stride = 256; stride < length; stride *= 16)
    any_pass(t, t, size, stride, length / stride, 0);
}

/// Output rows [i, i + n_rows) of `vectors` vectors of columns.
INLINE void sign_block(const float *t, const float *signs, float *y, int64_t order, int64_t length,
                       float scale, const int n_rows, const int vectors, __mmask16 lanes) {
  __m512 sum[4][4];
  for (int64_t j = 0; j < order; ++j)
    UNROLL for (int v = 0; v < vectors; ++v) {
      const __m512 row = _mm512_maskz_loadu_ps(lanes, t + j * length + 16 * v);
      UNROLL for (int i = 0; i < n_rows; ++i) {
        const __m512 sign = _mm512_set1_ps(signs[i * order + j]);
        sum[i][v] = j ? _mm512_fmadd_ps(sign, row, sum[i][v]) : _mm512_mul_ps(sign, row);
      }
    }
  UNROLL for (int v = 0; v < vectors; ++v) UNROLL for (int i = 0; i < n_rows; ++i)
      _mm512_mask_storeu_ps(y + i * length + 16 * v, lanes,
                            _mm512_mul_ps(sum[i][v], _mm512_set1_ps(scale)));
}

/// Columns of all rows, four rows at a time: orders are multiples of 4.
INLINE void sign_columns(const float *t, const float *signs, float *y, int64_t order,
                         int64_t length, float scale, const int vectors, __mmask16 lanes) {
  int64_t i = 0;
  for (; i + 4 <= order; i += 4)
    sign_block(t, signs + i * order, y + i * length, order, length, scale, 4, vectors, lanes);
  for (; i < order; ++i)
    sign_block(t, signs + i * order, y + i * length, order, length, scale, 1, vectors, lanes);
}

INLINE void sign_product(const float *t, const float *signs, float *y, int64_t order,
                         int64_t length, float scale) {
  const __mmask16 lanes = (__mmask16)(length >= 16 ? 0xffff : (1 << length) - 1);
  if (length >= 64)
    for (int64_t c = 0; c < length; c += 64)
      sign_columns(t + c, signs, y + c, order, length, scale, 4, 0xffff);
  else
    for (int64_t c = 0; c < length; c += 16)
      sign_columns(t + c, signs, y + c, order, length, scale, 1, lanes);
}

INLINE void transform_block(const float *x, const float *signs, float *t, float *y, int64_t size,
                            int64_t order, float scale) {
  butterflies(x, t, size, size / order);
  if (order > 1) {
    sign_product(t, signs, y, order, size / order, scale);
    return;
  }
  for (int64_t i = 0; i < size; i += 16) {
    const __mmask16 lanes = (__mmask16)(size - i >= 16 ? 0xffff : (1 << (size - i)) - 1);
    const __m512 v = _mm512_maskz_loadu_ps(lanes, t + i);
    _mm512_mask_storeu_ps(y + i, lanes, _mm512_mul_ps(v, _mm512_set1_ps(scale)));
  }
}

void RESQ_KERNEL(resq_hadamard)(resq_worker *w, int32_t op, const float *x, const int8_t *signs,
                                float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t width,
                                int64_t size, int64_t order) {
  const int64_t blocks = width / size, step = resq_hadamard_chunk(size);
  const float scale = resq_hadamard_scale(size);
  float *t = (float *)w->scratch, *floats = t + resq_round_up(size, 16);
  int ready = order == 1;
  for (int64_t first; (first = resq_next_chunk(w, op) * step) < rows * blocks;) {
    for (int64_t i = 0; !ready && i < order * order; ++i)
      floats[i] = signs[i] > 0 ? 1.0f : -1.0f;
    ready = 1;
    for (int64_t i = first; i < first + step && i < rows * blocks; ++i) {
      const int64_t row = i / blocks, at = i % blocks * size;
      transform_block(x + row * ldx + at, floats, t, y + row * ldy + at, size, order, scale);
    }
  }
}
