//===-- quantize_avx512.c - asymmetric activation codes, 16 at a time -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Equal to the generic quantiser bit for bit: IEEE division, no reciprocals; min,
// max and integer sums may take any order.
//===----------------------------------------------------------------------===//
#include "kernels/quantize_range.h"
#include <immintrin.h>

/// The first `count` lanes of 16, all when count >= 16.
static inline __mmask16 first_lanes(int64_t count) {
  return (__mmask16)(count >= 16 ? 0xffff : (1u << count) - 1);
}

static inline resq_range range_of(const float *x, int64_t count, int64_t bits, float clip) {
  // minps and maxps give their second operand where the first is NaN.
  __m512 low[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  __m512 high[2] = {_mm512_setzero_ps(), _mm512_setzero_ps()};
  int64_t i = 0;
  for (; i + 32 <= count; i += 32)
    for (int j = 0; j < 2; ++j) {
      const __m512 v = _mm512_loadu_ps(x + i + 16 * j);
      low[j] = _mm512_min_ps(v, low[j]);
      high[j] = _mm512_max_ps(v, high[j]);
    }
  for (; i < count; i += 16) {
    const __m512 v = _mm512_maskz_loadu_ps(first_lanes(count - i), x + i);
    low[0] = _mm512_min_ps(v, low[0]);
    high[0] = _mm512_max_ps(v, high[0]);
  }
  return resq_range_of(_mm512_reduce_min_ps(_mm512_min_ps(low[0], low[1])),
                       _mm512_reduce_max_ps(_mm512_max_ps(high[0], high[1])), bits, clip);
}

/// 16 codes as they are stored, in 32 bits each.
static inline __m512i code_lanes(__m512 x, resq_range range) {
  __m512 q = _mm512_div_ps(x, _mm512_set1_ps(range.scale));
  q = _mm512_max_ps(q, _mm512_set1_ps(-RESQ_QUOTIENT_LIMIT));
  q = _mm512_min_ps(q, _mm512_set1_ps(RESQ_QUOTIENT_LIMIT));
  __m512i code = _mm512_cvt_roundps_epi32(q, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
  code = _mm512_add_epi32(code, _mm512_set1_epi32(range.zero));
  code = _mm512_max_epi32(code, _mm512_setzero_si512());
  code = _mm512_min_epi32(code, _mm512_set1_epi32(range.top));
  return _mm512_sub_epi32(code, _mm512_set1_epi32(range.base));
}

/// Codes of one group, zeros up to a multiple of 8 behind them.
static inline resq_quant_meta quantize_group(const float *x, int8_t *codes, int64_t group,
                                             resq_range range) {
  __m512i sum = _mm512_setzero_si512();
  int64_t i = 0;
  for (; i + 16 <= group; i += 16) {
    const __m512i code = code_lanes(_mm512_loadu_ps(x + i), range);
    sum = _mm512_add_epi32(sum, code);
    _mm_storeu_si128((__m128i *)(codes + i), _mm512_cvtepi32_epi8(code));
  }
  if (i < group) {
    const __mmask16 lanes = first_lanes(group - i);
    __m512i code = code_lanes(_mm512_maskz_loadu_ps(lanes, x + i), range);
    code = _mm512_maskz_mov_epi32(lanes, code);
    sum = _mm512_add_epi32(sum, code);
    _mm512_mask_cvtepi32_storeu_epi8(codes + i, first_lanes(resq_round_up(group, 8) - i), code);
  }
  return resq_range_meta(range, _mm512_reduce_add_epi32(sum));
}

static inline void quantize_row(const float *x, int8_t *codes, resq_quant_meta *meta, int64_t width,
                                int64_t group, int64_t range, int64_t bits, float clip) {
  const int64_t padded = resq_padded_k(width, group);
  resq_range shared = {0};
  for (int64_t g = 0; g < width / group; ++g) {
    if (g * group % range == 0)
      shared = range_of(x + g * group, range, bits, clip);
    meta[g] = quantize_group(x + g * group, codes + g * resq_round_up(group, 8), group, shared);
  }
  if (padded % 64)
    _mm512_mask_storeu_epi8(codes + padded / 64 * 64, ~0ull << (padded % 64),
                            _mm512_setzero_si512());
}

#include "kernels/templates/quantize.inc"
