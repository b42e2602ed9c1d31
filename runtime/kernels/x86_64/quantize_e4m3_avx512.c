//===-- quantize_e4m3_avx512.c - E4M3 activation codes, 16 at a time ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Equal to the generic quantiser bit for bit: IEEE division, and the steps of e4m3.h lane by lane.
//===----------------------------------------------------------------------===//
#include "avx512.h"
#include "kernels/e4m3.h"
#include "kernels/quantize_range.h"

static inline float peak_of(const float *x, int64_t count) {
  // maxps gives its second operand where the first is NaN.
  __m512 peak = _mm512_setzero_ps();
  for (int64_t i = 0; i < count; i += 16)
    peak = _mm512_max_ps(_mm512_abs_ps(_mm512_maskz_loadu_ps(resq_lanes(count - i), x + i)), peak);
  return _mm512_reduce_max_ps(peak);
}

/// resq_e4m3_from_f32, a code in 32 bits each.
static inline __m512i code_lanes(__m512 x) {
  const __m512i all = _mm512_castps_si512(x);
  const __m512i bits = _mm512_and_si512(all, _mm512_set1_epi32(0x7fffffff));
  const __m512i sign = _mm512_and_si512(_mm512_srli_epi32(all, 24), _mm512_set1_epi32(0x80));
  const __m512i magnitude = _mm512_min_epu32(bits, _mm512_set1_epi32(0x43e00000));
  const __m512i even = _mm512_and_si512(_mm512_srli_epi32(magnitude, 20), _mm512_set1_epi32(1));
  const __m512i rounding = _mm512_add_epi32(even, _mm512_set1_epi32(0x7ffff - ((127 - 7) << 23)));
  __m512i code = _mm512_srli_epi32(_mm512_add_epi32(magnitude, rounding), 20);
  const __m512 shifted = _mm512_add_ps(_mm512_castsi512_ps(magnitude), _mm512_set1_ps(0x1p14f));
  code =
      _mm512_mask_sub_epi32(code, _mm512_cmplt_epu32_mask(magnitude, _mm512_set1_epi32(0x3c800000)),
                            _mm512_castps_si512(shifted), _mm512_set1_epi32(0x46800000));
  code = _mm512_mask_mov_epi32(code, _mm512_cmpgt_epu32_mask(bits, _mm512_set1_epi32(0x7f800000)),
                               _mm512_set1_epi32(RESQ_E4M3_NAN));
  return _mm512_or_si512(code, sign);
}

static inline void quantize_row(const float *x, uint8_t *codes, float *scales, int64_t width,
                                int64_t group) {
  const int64_t padded = resq_round_up(group, 8);
  for (int64_t i = 0; i < resq_code_stride(width, group); i += 64)
    _mm512_storeu_si512(codes + i, _mm512_setzero_si512());
  for (int64_t g = 0; g < width / group; ++g, x += group, codes += padded) {
    scales[g] = resq_e4m3_scale(peak_of(x, group));
    const __m512 scale = _mm512_set1_ps(scales[g]);
    for (int64_t i = 0; i < group; i += 16) {
      const __mmask16 lanes = resq_lanes(group - i);
      const __m512 q = _mm512_div_ps(_mm512_maskz_loadu_ps(lanes, x + i), scale);
      _mm512_mask_cvtepi32_storeu_epi8(codes + i, lanes, code_lanes(q));
    }
  }
}

#include "kernels/templates/quantize_e4m3.inc"
