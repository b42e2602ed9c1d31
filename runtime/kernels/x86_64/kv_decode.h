//===-- kv_decode.h - blocks of cached keys and values as f32 panels -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Decoding is exactly the dialect's: scale * (code - zero) of an f16 scale and nine bits fits an
// f32, so it is no matter that it comes from one FMA, code * scale - zero * scale; centroids are
// multiplied once; a sign turns that of the weight.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_KV_DECODE_H
#define RESQ_KERNELS_KV_DECODE_H

#include "kernels/layout/kv_layout.h"
#include "vec16.h"

/// Of a part, a lane each token: the scale, and -zero * scale.
typedef struct resq_kv_scales {
  v16f scale, offset;
} resq_kv_scales;

RESQ_INLINE resq_kv_scales resq_scales_of(v16f scale, v16f zero) {
  resq_kv_scales s = {scale, v16_mul(scale, v16_sub(v16_zero(), zero))};
  return s;
}

/// The f16 scales of 16 tokens.
RESQ_INLINE v16f resq_load_halves(const resq_kv_view *v, int64_t first, int part) {
  return v16_load_halves(v->scales[part] + 2 * first);
}

RESQ_INLINE resq_kv_scales resq_load_scales(const resq_kv_view *v, int64_t first, int part) {
  return resq_scales_of(resq_load_halves(v, first, part),
                        v16_of(v16i_load_bytes(v->zeros[part] + first)));
}

/// Centroids by the low four bits of an index, repeated so that bits past `bits` do not matter.
RESQ_INLINE v16f resq_lm_table(int64_t bits) {
  float table[16];
#pragma GCC unroll 16
  for (int64_t i = 0; i < 16; ++i)
    table[i] = resq_lm_centroid(bits, i);
  return v16_load(table);
}

RESQ_INLINE v16f resq_kv_scaled(v16i code, resq_kv_scales s) {
  return v16_fma(v16_of(code), s.scale, s.offset);
}

/// Eight codes of 16 keys, 1 to 4 bits each, from code i on: `bits` units, which a lane holds.
RESQ_INLINE v16i resq_load_stream(const resq_kv_view *v, const uint8_t *tile, int64_t i) {
  int64_t from = i / 8 * v->bits;
  v16i word = v16i_load_bytes(tile + from * 16);
#pragma GCC unroll 3
  for (int64_t b = 1; b < 4; ++b)
    if (b < v->bits && from + b < v->low_bytes)
      word = v16i_or(word, v16i_left(v16i_load_bytes(tile + (from + b) * 16), (unsigned)(8 * b)));
  return word;
}

/// Low parts of 16 keys (int, 2 to 4 bits).
/// A field turned to the top of the mantissa of 1.0 reads 1 + code / 2^bits, so scale and
/// offset are taken for that: no conversion from integer.
RESQ_INLINE void resq_decode_stream_keys(const resq_kv_view *v, const uint8_t *tile,
                                         resq_kv_scales s, float *keys) {
  const int32_t top = 23 - (int32_t)v->bits;
  const v16i field = v16i_set(((1 << v->bits) - 1) << top);
  const v16i one = v16_bits(v16_set(1.0f));
  const v16f scale = v16_mul(s.scale, v16_set((float)(1 << v->bits)));
  const v16f offset = v16_sub(s.offset, scale);
  for (int64_t i = 0; i < v->low; i += 8) {
    v16i word = resq_load_stream(v, tile, i);
#pragma GCC unroll 8
    for (int32_t e = 0; e < 8; ++e) {
      v16i turned = v16i_shift(word, top - e * (int32_t)v->bits);
      v16i number = v16i_or(v16i_and(turned, field), one);
      if (i + e < v->low)
        v16_store(keys + (i + e) * 16, v16_fma(v16_from_bits(number), scale, offset));
    }
  }
}

/// Low parts of 16 keys (int, 5 to 8 bits): a code lies in one unit or two.
RESQ_INLINE void resq_decode_wide_keys(const resq_kv_view *v, const uint8_t *tile, resq_kv_scales s,
                                       float *keys) {
  const v16i field = v16i_set((1 << v->bits) - 1);
  for (int64_t i = 0; i < v->low; ++i) {
    int64_t unit = i * v->bits / 8, shift = i * v->bits % 8;
    v16i code = v16i_load_bytes(tile + unit * 16);
    if (shift + v->bits > 8)
      code = v16i_or(code, v16i_left(v16i_load_bytes(tile + (unit + 1) * 16), 8));
    if (v->bits < 8)
      code = v16i_and(v16i_right(code, (unsigned)shift), field);
    v16_store(keys + i * 16, resq_kv_scaled(code, s));
  }
}

/// Low parts of 16 keys (lm).
RESQ_INLINE void resq_decode_centroid_keys(const resq_kv_view *v, const uint8_t *tile, v16f scale,
                                           float *keys) {
  const v16f table = resq_lm_table(v->bits);
  for (int64_t i = 0; i < v->low; i += 8) {
    v16i word = resq_load_stream(v, tile, i);
#pragma GCC unroll 8
    for (int32_t e = 0; e < 8; ++e) {
      v16i index = v16i_right(word, (unsigned)(e * (int32_t)v->bits));
      if (i + e < v->low)
        v16_store(keys + (i + e) * 16, v16_mul(scale, v16_look_up(index, table)));
    }
  }
}

/// Signs of 16 keys (qjl): weight where the bit is set, else -weight.
RESQ_INLINE void resq_decode_sign_keys(const resq_kv_view *v, const uint8_t *tile, v16f norm,
                                       float *keys) {
  const v16i sign = v16i_set(INT32_MIN);
  const v16f weight = v16_mul(norm, v16_set(resq_qjl_weight(1.0f, v->low)));
  const v16i minus = v16i_xor(v16_bits(weight), sign);
  for (int64_t i = 0; i < v->low; i += 8) {
    v16i word = v16i_load_bytes(tile + i / 8 * 16);
#pragma GCC unroll 8
    for (int32_t e = 0; e < 8; ++e) {
      v16i bit = v16i_left(word, (unsigned)(31 - e));
      if (i + e < v->low)
        v16_store(keys + (i + e) * 16, v16_from_bits(v16i_xor(v16i_and(bit, sign), minus)));
    }
  }
}

/// Keys of the tile of tokens from `first` on, their columns: keys[i * 16 + t].
RESQ_INLINE void resq_decode_keys(const resq_kv_view *v, int64_t first, float *keys) {
  const uint8_t *tile = resq_kv_unit(v, first, 0);
  if (v->kind == RESQ_KV_F32 || v->kind == RESQ_KV_F16) {
    int as = v->kind == RESQ_KV_F32 ? RESQ_AS_F32 : RESQ_AS_F16;
    for (int64_t i = 0; i < v->size; ++i)
      v16_store(keys + i * 16, v16_load_as(tile, i * 16, as));
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
    v16_store(keys + (v->low + i) * 16,
              resq_kv_scaled(v16i_load_bytes(tile + (v->low_bytes + i) * 16), high));
}

/// The f16 scale of one token, in all lanes.
RESQ_INLINE v16f resq_broadcast_half(const resq_kv_view *v, int64_t position, int part) {
  __m128i half = _mm_cvtsi32_si128(resq_kv_load_half(v->scales[part] + 2 * position));
  return v16_set(_mm_cvtss_f32(_mm_cvtph_ps(half)));
}

RESQ_INLINE resq_kv_scales resq_broadcast_scales(const resq_kv_view *v, int64_t position,
                                                 int part) {
  return resq_scales_of(resq_broadcast_half(v, position, part),
                        v16_set((float)v->zeros[part][position]));
}

RESQ_INLINE void resq_decode_float_values(const resq_kv_view *v, int64_t first, int64_t count,
                                          float *values, int64_t stride) {
  for (int64_t t = 0; t < count; ++t) {
    const uint8_t *from = resq_kv_unit(v, first + t, 0);
    for (int64_t e = 0; e < v->size; e += 16) {
      v16f value;
      if (v->kind == RESQ_KV_F32)
        value = v16_load_some(v16_lanes(v->size - e), (const float *)from + e);
      else
        value = v16_load_some_halves(v->size - e, (const uint16_t *)from + e);
      v16_store(values + e / 16 * stride + t * 16, value);
    }
  }
}

/// How the low parts of values are read.
typedef struct resq_kv_reader {
  v16i bytes;  ///< of 16 fields: where in 16 bytes the two stand that a field begins in
  v16i shifts; ///< and at which bit
  v16f table;  ///< 1 to 4 bits: decoded with a scale of 1 (int: the codes)
} resq_kv_reader;

RESQ_INLINE resq_kv_reader resq_kv_reader_of(const resq_kv_view *v) {
  // 16 fields of up to 4 bits lie in the same eight bytes, 8 of more bits in `bits` bytes.
  int32_t bytes[16], shifts[16];
  float codes[16];
#pragma GCC unroll 16
  for (int32_t i = 0; i < 16; ++i) {
    const int32_t bits = (int32_t)v->bits, bit = bits <= 4 ? i * bits : i / 8 * 64 + i % 8 * bits;
    bytes[i] = (int32_t)(0x80800000u | (uint32_t)(bit / 8 + 1) << 8 | (uint32_t)(bit / 8));
    shifts[i] = bit % 8;
    codes[i] = (float)(i & ((1 << bits) - 1));
  }
  resq_kv_reader r = {v16i_load(bytes), v16i_load(shifts), v16_load(codes)};
  if (v->kind == RESQ_KV_LM)
    r.table = resq_lm_table(v->bits);
  return r;
}

/// 16 fields of the stream at `from`, from element e on, e a multiple of 16; their upper bits are
/// others' fields.
RESQ_INLINE v16i resq_load_fields(const resq_kv_view *v, resq_kv_reader r, const uint8_t *from,
                                  int64_t e) {
  if (v->bits == 8)
    return v16i_load_bytes(from + e);
  int64_t first, second;
  __builtin_memcpy(&first, from + e / 8 * v->bits, sizeof(first));
  second = first;
  if (v->bits > 4)
    __builtin_memcpy(&second, from + (e / 8 + 1) * v->bits, sizeof(second));
  return v16i_fields(_mm_set_epi64x(second, first), r.bytes, r.shifts);
}

/// Values of `count` tokens from `first` on: values[e / 16 * stride + t * 16 + e % 16].
RESQ_INLINE void resq_decode_values(const resq_kv_view *v, int64_t first, int64_t count,
                                    float *values, int64_t stride) {
  if (v->kind == RESQ_KV_F32 || v->kind == RESQ_KV_F16) {
    resq_decode_float_values(v, first, count, values, stride);
    return;
  }
  const resq_kv_reader reader = resq_kv_reader_of(v);
  const v16i field = v16i_set((1 << v->bits) - 1);
  for (int64_t t = 0; t < count; ++t) {
    const uint8_t *from = resq_kv_unit(v, first + t, 0);
    resq_kv_scales low = {v16_zero(), v16_zero()}, high = low;
    v16f table = reader.table;
    if (v->kind == RESQ_KV_INT) {
      low = resq_broadcast_scales(v, first + t, 0);
      table = v16_fma(table, low.scale, low.offset);
    } else {
      table = v16_mul(resq_broadcast_half(v, first + t, 0), table);
    }
    if (v->high > 0)
      high = resq_broadcast_scales(v, first + t, 1);
    for (int64_t e = 0; e < v->size; e += 16) {
      v16f value = v16_zero();
      if (e < v->low) {
        v16i fields = resq_load_fields(v, reader, from, e);
        if (v->bits <= 4)
          value = v16_look_up(fields, table);
        else
          value = resq_kv_scaled(v16i_and(fields, field), low);
      }
      if (e + 16 > v->low && v->high > 0) {
        const v16i codes =
            v16i_load_bytes_from(from + v->low_bytes + e - v->low, v->low - e, v->size - e);
        value =
            v16_choose(v16_lanes_from(v->low - e, v->size - e), resq_kv_scaled(codes, high), value);
      }
      v16_store(values + e / 16 * stride + t * 16, value);
    }
  }
}

#endif // RESQ_KERNELS_KV_DECODE_H
