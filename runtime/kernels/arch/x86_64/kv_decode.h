//===-- kv_decode.h - blocks of cached keys and values as f32 panels -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoding is exactly the dialect's scale * (code - zero): an f16 scale times nine bits fits an
// f32, so it is no matter that it comes from one FMA, code * scale - zero * scale.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_KV_DECODE_H
#define RESQ_KERNELS_KV_DECODE_H

#include "avx512.h"
#include "kv_layout.h"

RESQ_INLINE __m512i resq_load_bytes(const uint8_t *p) {
  return _mm512_cvtepu8_epi32(_mm_loadu_si128((const __m128i *)p));
}

/// Of a part, a lane each token: the scale, and -zero * scale.
typedef struct resq_kv_scales {
  __m512 scale, offset;
} resq_kv_scales;

RESQ_INLINE resq_kv_scales resq_scales_of(__m512 scale, __m512 zero) {
  resq_kv_scales s = {scale, _mm512_mul_ps(scale, _mm512_sub_ps(_mm512_setzero_ps(), zero))};
  return s;
}

RESQ_INLINE resq_kv_scales resq_load_scales(const resq_kv_view *v, int64_t first, int part) {
  return resq_scales_of(
      _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(v->scales[part] + 2 * first))),
      _mm512_cvtepi32_ps(resq_load_bytes(v->zeros[part] + first)));
}

RESQ_INLINE __m512 resq_kv_scaled(__m512i code, resq_kv_scales s) {
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(code), s.scale, s.offset);
}

/// Low parts of 16 keys, 2 to 4 bits: eight elements take `bits` units, which a lane holds.
/// A field turned to the top of the mantissa of 1.0 reads 1 + code / 2^bits, so scale and
/// offset are taken for that: no conversion from integer.
RESQ_INLINE void resq_decode_stream_keys(const resq_kv_view *v, const uint8_t *tile,
                                         resq_kv_scales s, float *keys) {
  const int32_t top = 23 - (int32_t)v->bits;
  const __m512i field = _mm512_set1_epi32(((1 << v->bits) - 1) << top);
  const __m512i one = _mm512_castps_si512(_mm512_set1_ps(1.0f));
  const __m512 scale = _mm512_mul_ps(s.scale, _mm512_set1_ps((float)(1 << v->bits)));
  const __m512 offset = _mm512_sub_ps(s.offset, scale);
  for (int64_t i = 0; i < v->low; i += 8) {
    int64_t from = i / 8 * v->bits;
    __m512i word = resq_load_bytes(tile + from * 16);
#pragma GCC unroll 3
    for (int64_t b = 1; b < 4; ++b)
      if (b < v->bits && from + b < v->low_bytes)
        word = _mm512_or_si512(word, _mm512_slli_epi32(resq_load_bytes(tile + (from + b) * 16),
                                                       (unsigned)(8 * b)));
#pragma GCC unroll 8
    for (int32_t e = 0; e < 8; ++e) {
      __m512i turned = _mm512_rolv_epi32(word, _mm512_set1_epi32(top - e * (int32_t)v->bits));
      __m512i number = _mm512_ternarylogic_epi32(turned, field, one, 0xea); // turned & field | one
      if (i + e < v->low)
        _mm512_store_ps(keys + (i + e) * 16,
                        _mm512_fmadd_ps(_mm512_castsi512_ps(number), scale, offset));
    }
  }
}

/// Keys of the tile of tokens from `first` on: keys[i * 16 + t].
RESQ_INLINE void resq_decode_keys(const resq_kv_view *v, int64_t first, float *keys) {
  const uint8_t *tile = resq_kv_unit(v, first, 0);
  if (v->kind != RESQ_KV_INT) {
    int as = v->kind == RESQ_KV_F32 ? RESQ_AS_F32 : RESQ_AS_F16;
    for (int64_t i = 0; i < v->size; ++i)
      _mm512_store_ps(keys + i * 16, resq_load16(tile, i * 16, as));
    return;
  }
  resq_kv_scales low = resq_load_scales(v, first, 0);
  if (v->bits == 8)
    for (int64_t i = 0; i < v->low; ++i)
      _mm512_store_ps(keys + i * 16, resq_kv_scaled(resq_load_bytes(tile + i * 16), low));
  else
    resq_decode_stream_keys(v, tile, low, keys);
  if (v->high == 0)
    return;
  resq_kv_scales high = resq_load_scales(v, first, 1);
  for (int64_t i = 0; i < v->high; ++i)
    _mm512_store_ps(keys + (v->low + i) * 16,
                    resq_kv_scaled(resq_load_bytes(tile + (v->low_bytes + i) * 16), high));
}

/// The same for one token, in all lanes.
RESQ_INLINE resq_kv_scales resq_broadcast_scales(const resq_kv_view *v, int64_t position,
                                                 int part) {
  __m128i half = _mm_cvtsi32_si128(resq_kv_load_half(v->scales[part] + 2 * position));
  return resq_scales_of(_mm512_broadcastss_ps(_mm_cvtph_ps(half)),
                        _mm512_set1_ps((float)v->zeros[part][position]));
}

/// Values of `count` tokens from `first` on: values[e / 16 * stride + t * 16 + e % 16].
RESQ_INLINE void resq_decode_values(const resq_kv_view *v, int64_t first, int64_t count,
                                    float *values, int64_t stride) {
  if (v->kind != RESQ_KV_INT) {
    for (int64_t t = 0; t < count; ++t) {
      const uint8_t *from = resq_kv_unit(v, first + t, 0);
      for (int64_t e = 0; e < v->size; e += 16) {
        __mmask16 mask = resq_lanes(v->size - e);
        __m512 value;
        if (v->kind == RESQ_KV_F32)
          value = _mm512_maskz_loadu_ps(mask, (const float *)from + e);
        else
          value = _mm512_cvtph_ps(_mm256_maskz_loadu_epi16(mask, (const uint16_t *)from + e));
        _mm512_store_ps(values + e / 16 * stride + t * 16, value);
      }
    }
    return;
  }
  // Of eight stream bytes, 16 fields by bit offset; the low bits of each byte select from a
  // table of the decoded values, repeated so that bits past the field do not matter.
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i code = _mm512_and_si512(lane, _mm512_set1_epi32((1 << v->bits) - 1));
  const __m128i offsets = _mm512_cvtepi32_epi8(
      _mm512_mullo_epi32(lane, _mm512_set1_epi32((int32_t)v->bits)));
  for (int64_t t = 0; t < count; ++t) {
    const uint8_t *from = resq_kv_unit(v, first + t, 0);
    resq_kv_scales low = resq_broadcast_scales(v, first + t, 0), high = low;
    if (v->high > 0)
      high = resq_broadcast_scales(v, first + t, 1);
    __m512 table = resq_kv_scaled(code, low);
    for (int64_t e = 0; e < v->size; e += 16) {
      __m512 value = _mm512_setzero_ps();
      if (e < v->low && v->bits == 8) {
        value = resq_kv_scaled(resq_load_bytes(from + e), low);
      } else if (e < v->low) {
        int64_t eight;
        __builtin_memcpy(&eight, from + e / 8 * v->bits, sizeof(eight));
        __m128i fields = _mm_multishift_epi64_epi8(offsets, _mm_set1_epi64x(eight));
        value = _mm512_permutexvar_ps(_mm512_cvtepu8_epi32(fields), table);
      }
      if (e + 16 > v->low && v->high > 0) {
        __mmask16 mask = resq_lanes(v->size - e);
        if (e < v->low)
          mask &= (__mmask16)~resq_lanes(v->low - e);
        __m128i bytes = _mm_maskz_loadu_epi8(mask, from + v->low_bytes + e - v->low);
        value = _mm512_mask_mov_ps(value, mask, resq_kv_scaled(_mm512_cvtepu8_epi32(bytes), high));
      }
      _mm512_store_ps(values + e / 16 * stride + t * 16, value);
    }
  }
}

#endif // RESQ_KERNELS_KV_DECODE_H
