//===-- kv_decode.h - blocks of cached keys and values as f32 panels -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoding is exactly the dialect's: scale * (code - zero) of an f16 scale and nine bits fits an
// f32, so it is no matter that it comes from one FMA, code * scale - zero * scale; centroids are
// multiplied once; a sign turns that of the weight.
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

/// The f16 scales of 16 tokens.
RESQ_INLINE __m512 resq_load_halves(const resq_kv_view *v, int64_t first, int part) {
  return _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(v->scales[part] + 2 * first)));
}

RESQ_INLINE resq_kv_scales resq_load_scales(const resq_kv_view *v, int64_t first, int part) {
  return resq_scales_of(resq_load_halves(v, first, part),
                        _mm512_cvtepi32_ps(resq_load_bytes(v->zeros[part] + first)));
}

/// Centroids by the low four bits of an index, repeated so that bits past `bits` do not matter.
RESQ_INLINE __m512 resq_lm_table(int64_t bits) {
  float table[16];
#pragma GCC unroll 16
  for (int64_t i = 0; i < 16; ++i)
    table[i] = resq_lm_centroid(bits, i);
  return _mm512_loadu_ps(table);
}

RESQ_INLINE __m512 resq_kv_scaled(__m512i code, resq_kv_scales s) {
  return _mm512_fmadd_ps(_mm512_cvtepi32_ps(code), s.scale, s.offset);
}

/// Eight codes of 16 keys, 1 to 4 bits each, from code i on: `bits` units, which a lane holds.
RESQ_INLINE __m512i resq_load_stream(const resq_kv_view *v, const uint8_t *tile, int64_t i) {
  int64_t from = i / 8 * v->bits;
  __m512i word = resq_load_bytes(tile + from * 16);
#pragma GCC unroll 3
  for (int64_t b = 1; b < 4; ++b)
    if (b < v->bits && from + b < v->low_bytes)
      word = _mm512_or_si512(
          word, _mm512_slli_epi32(resq_load_bytes(tile + (from + b) * 16), (unsigned)(8 * b)));
  return word;
}

/// Low parts of 16 keys (int, 2 to 4 bits).
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
    __m512i word = resq_load_stream(v, tile, i);
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

/// Low parts of 16 keys (int, 5 to 8 bits): a code lies in one unit or two.
RESQ_INLINE void resq_decode_wide_keys(const resq_kv_view *v, const uint8_t *tile, resq_kv_scales s,
                                       float *keys) {
  const __m512i field = _mm512_set1_epi32((1 << v->bits) - 1);
  for (int64_t i = 0; i < v->low; ++i) {
    int64_t unit = i * v->bits / 8, shift = i * v->bits % 8;
    __m512i code = resq_load_bytes(tile + unit * 16);
    if (shift + v->bits > 8)
      code = _mm512_or_si512(code, _mm512_slli_epi32(resq_load_bytes(tile + (unit + 1) * 16), 8));
    if (v->bits < 8)
      code = _mm512_and_si512(_mm512_srli_epi32(code, (unsigned)shift), field);
    _mm512_store_ps(keys + i * 16, resq_kv_scaled(code, s));
  }
}

/// Low parts of 16 keys (lm).
RESQ_INLINE void resq_decode_centroid_keys(const resq_kv_view *v, const uint8_t *tile, __m512 scale,
                                           float *keys) {
  const __m512 table = resq_lm_table(v->bits);
  for (int64_t i = 0; i < v->low; i += 8) {
    __m512i word = resq_load_stream(v, tile, i);
#pragma GCC unroll 8
    for (int32_t e = 0; e < 8; ++e) {
      __m512i index = _mm512_srli_epi32(word, (unsigned)(e * (int32_t)v->bits));
      if (i + e < v->low)
        _mm512_store_ps(keys + (i + e) * 16,
                        _mm512_mul_ps(scale, _mm512_permutexvar_ps(index, table)));
    }
  }
}

/// Signs of 16 keys (qjl): weight where the bit is set, else -weight.
RESQ_INLINE void resq_decode_sign_keys(const resq_kv_view *v, const uint8_t *tile, __m512 norm,
                                       float *keys) {
  const __m512i sign = _mm512_set1_epi32(INT32_MIN);
  const __m512 weight = _mm512_mul_ps(norm, _mm512_set1_ps(resq_qjl_weight(1.0f, v->low)));
  const __m512i minus = _mm512_xor_si512(_mm512_castps_si512(weight), sign);
  for (int64_t i = 0; i < v->low; i += 8) {
    __m512i word = resq_load_bytes(tile + i / 8 * 16);
#pragma GCC unroll 8
    for (int32_t e = 0; e < 8; ++e) {
      __m512i bit = _mm512_slli_epi32(word, (unsigned)(31 - e));
      if (i + e < v->low) // (bit & sign) ^ minus
        _mm512_store_si512(keys + (i + e) * 16, _mm512_ternarylogic_epi32(bit, sign, minus, 0x6a));
    }
  }
}

/// Keys of the tile of tokens from `first` on, their columns: keys[i * 16 + t].
RESQ_INLINE void resq_decode_keys(const resq_kv_view *v, int64_t first, float *keys) {
  const uint8_t *tile = resq_kv_unit(v, first, 0);
  if (v->kind == RESQ_KV_F32 || v->kind == RESQ_KV_F16) {
    int as = v->kind == RESQ_KV_F32 ? RESQ_AS_F32 : RESQ_AS_F16;
    for (int64_t i = 0; i < v->size; ++i)
      _mm512_store_ps(keys + i * 16, resq_load16(tile, i * 16, as));
    return;
  }
  if (v->kind == RESQ_KV_LM)
    resq_decode_centroid_keys(v, tile, resq_load_halves(v, first, 0), keys);
  else if (v->kind == RESQ_KV_QJL)
    resq_decode_sign_keys(v, tile, resq_load_halves(v, first, 0), keys);
  else if (v->bits <= 4)
    resq_decode_stream_keys(v, tile, resq_load_scales(v, first, 0), keys);
  else
    resq_decode_wide_keys(v, tile, resq_load_scales(v, first, 0), keys);
  if (v->high == 0)
    return;
  resq_kv_scales high = resq_load_scales(v, first, 1);
  for (int64_t i = 0; i < v->high; ++i)
    _mm512_store_ps(keys + (v->low + i) * 16,
                    resq_kv_scaled(resq_load_bytes(tile + (v->low_bytes + i) * 16), high));
}

/// The f16 scale of one token, in all lanes.
RESQ_INLINE __m512 resq_broadcast_half(const resq_kv_view *v, int64_t position, int part) {
  __m128i half = _mm_cvtsi32_si128(resq_kv_load_half(v->scales[part] + 2 * position));
  return _mm512_broadcastss_ps(_mm_cvtph_ps(half));
}

RESQ_INLINE resq_kv_scales resq_broadcast_scales(const resq_kv_view *v, int64_t position,
                                                 int part) {
  return resq_scales_of(resq_broadcast_half(v, position, part),
                        _mm512_set1_ps((float)v->zeros[part][position]));
}

RESQ_INLINE void resq_decode_float_values(const resq_kv_view *v, int64_t first, int64_t count,
                                          float *values, int64_t stride) {
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
}

/// How the low parts of values are read.
typedef struct resq_kv_reader {
  __m256i bytes;  ///< of 16 fields: where in 16 bytes the two stand that a field begins in
  __m256i shifts; ///< and at which bit
  __m512 table;    ///< 1 to 4 bits: decoded with a scale of 1 (int: the codes)
} resq_kv_reader;

RESQ_INLINE resq_kv_reader resq_kv_reader_of(const resq_kv_view *v) {
  // 16 fields of up to 4 bits lie in the same eight bytes, 8 of more bits in `bits` bytes.
  const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
  const __m512i in_word = v->bits <= 4 ? lane : _mm512_and_si512(lane, _mm512_set1_epi32(7));
  const __m512i second = _mm512_and_si512(_mm512_slli_epi32(lane, 3), _mm512_set1_epi32(v->bits <= 4 ? 0 : 64));
  const __m512i code = _mm512_and_si512(lane, _mm512_set1_epi32((1 << v->bits) - 1));
  const __m256i bit = _mm512_cvtepi32_epi16(
      _mm512_add_epi32(_mm512_mullo_epi32(in_word, _mm512_set1_epi32((int32_t)v->bits)), second));
  const __m256i byte = _mm256_srli_epi16(bit, 3);
  resq_kv_reader r = {
      _mm256_or_si256(byte, _mm256_slli_epi16(_mm256_add_epi16(byte, _mm256_set1_epi16(1)), 8)),
      _mm256_and_si256(bit, _mm256_set1_epi16(7)), _mm512_cvtepi32_ps(code)};
  if (v->kind == RESQ_KV_LM)
    r.table = resq_lm_table(v->bits);
  return r;
}

/// 16 fields of the stream at `from`, from element e on, e a multiple of 16; their upper bits are
/// others' fields.
RESQ_INLINE __m512i resq_load_fields(const resq_kv_view *v, resq_kv_reader r, const uint8_t *from,
                                     int64_t e) {
  if (v->bits == 8)
    return resq_load_bytes(from + e);
  int64_t first, second;
  __builtin_memcpy(&first, from + e / 8 * v->bits, sizeof(first));
  second = first;
  if (v->bits > 4)
    __builtin_memcpy(&second, from + (e / 8 + 1) * v->bits, sizeof(second));
  const __m256i words = _mm256_broadcastsi128_si256(_mm_set_epi64x(second, first));
  return _mm512_cvtepu16_epi32(_mm256_srlv_epi16(_mm256_shuffle_epi8(words, r.bytes), r.shifts));
}

/// Values of `count` tokens from `first` on: values[e / 16 * stride + t * 16 + e % 16].
RESQ_INLINE void resq_decode_values(const resq_kv_view *v, int64_t first, int64_t count,
                                    float *values, int64_t stride) {
  if (v->kind == RESQ_KV_F32 || v->kind == RESQ_KV_F16) {
    resq_decode_float_values(v, first, count, values, stride);
    return;
  }
  const resq_kv_reader reader = resq_kv_reader_of(v);
  const __m512i field = _mm512_set1_epi32((1 << v->bits) - 1);
  for (int64_t t = 0; t < count; ++t) {
    const uint8_t *from = resq_kv_unit(v, first + t, 0);
    resq_kv_scales low = {_mm512_setzero_ps(), _mm512_setzero_ps()}, high = low;
    __m512 table = reader.table;
    if (v->kind == RESQ_KV_INT) {
      low = resq_broadcast_scales(v, first + t, 0);
      table = _mm512_fmadd_ps(table, low.scale, low.offset);
    } else {
      table = _mm512_mul_ps(resq_broadcast_half(v, first + t, 0), table);
    }
    if (v->high > 0)
      high = resq_broadcast_scales(v, first + t, 1);
    for (int64_t e = 0; e < v->size; e += 16) {
      __m512 value = _mm512_setzero_ps();
      if (e < v->low) {
        __m512i fields = resq_load_fields(v, reader, from, e);
        if (v->bits <= 4)
          value = _mm512_permutexvar_ps(fields, table);
        else
          value = resq_kv_scaled(_mm512_and_si512(fields, field), low);
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
