//===-- kv_layout.h - where a cached vector's bytes stand ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A head's region of `capacity` vectors, first all units of the codes, then (but for f32 and f16)
// planes: f16 scales of the low part [capacity], of the high part (if any) [capacity], u8 zero
// points of the low part (int) [capacity], of the high part [capacity].
//
// A vector is a string of units: f32 or f16 elements, or bytes: the low part's codes, `bits` each
// (qjl: signs, a bit each), a little-endian bit stream (code i from bit i * bits on), then the high
// part's bytes. Values stand vector after vector. Keys stand in tiles of 16 tokens, unit u of
// token t at u * 16 + t: attention multiplies 16 keys at once, a lane each, and needs no sum
// across lanes; for values the lanes are the elements. No byte is shared by two tokens.
//
// What attention multiplies is a vector of columns: the elements, or (qjl) a column a sign, weight
// or -weight, then the high elements; queries have the same columns, S q_low in place of q_low.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_KV_LAYOUT_H
#define RESQ_KERNELS_KV_LAYOUT_H

#include "kernels/kernels.h"
#include "lloyd_max.h"

/// Tokens a tile of keys, and a block of attention.
enum { RESQ_KV_TILE = 16, RESQ_KV_BLOCK = 64 };

/// The keys or the values of one head of one sequence.
typedef struct resq_kv_view {
  uint8_t *codes;
  uint8_t *scales[2];      ///< f16 bits a token; [1]: the high part
  uint8_t *zeros[2];       ///< [0]: int only
  int64_t kind, bits;      ///< of the low columns
  int64_t size, low, high; ///< columns: all, of the low part, of the high part
  int64_t elements;        ///< of the head vector's low part
  int64_t low_bytes;       ///< of the low codes
  int64_t unit;            ///< bytes a unit
  int64_t units;           ///< a vector
  int32_t is_key;
} resq_kv_view;

/// Columns of the low part, and of the whole vector.
RESQ_INLINE int64_t resq_kv_low_columns(resq_kv_format f) {
  return f.kind == RESQ_KV_QJL ? f.rows : f.size - f.high;
}
RESQ_INLINE int64_t resq_kv_columns(resq_kv_format f) { return resq_kv_low_columns(f) + f.high; }

RESQ_INLINE resq_kv_view resq_kv_view_at(uint8_t *region, resq_kv_format f, int64_t capacity,
                                         int is_key) {
  resq_kv_view v = {.codes = region,
                    .kind = f.kind,
                    .bits = f.kind == RESQ_KV_QJL ? 1 : f.bits,
                    .size = resq_kv_columns(f),
                    .low = resq_kv_low_columns(f),
                    .high = f.high,
                    .elements = f.size - f.high,
                    .units = f.size,
                    .unit = f.kind == RESQ_KV_F32 ? 4 : 2,
                    .is_key = is_key};
  if (f.kind == RESQ_KV_F32 || f.kind == RESQ_KV_F16)
    return v;
  v.low_bytes = resq_kv_low_bytes(f);
  v.unit = 1;
  v.units = v.low_bytes + v.high;
  v.scales[0] = region + capacity * v.units;
  v.scales[1] = v.scales[0] + capacity * 2;
  v.zeros[0] = v.scales[0] + capacity * 2 * (f.high > 0 ? 2 : 1);
  v.zeros[1] = v.zeros[0] + (f.kind == RESQ_KV_INT ? capacity : 0);
  return v;
}

/// The view of a head's keys or values in a cache of `heads` heads.
RESQ_INLINE resq_kv_view resq_kv_head(uint8_t *cache, resq_kv_format keys, resq_kv_format values,
                                      int64_t capacity, int64_t heads, int64_t sequence,
                                      int64_t head, int is_key) {
  int64_t key_bytes = resq_kv_vector_bytes(keys), value_bytes = resq_kv_vector_bytes(values);
  uint8_t *base = cache + sequence * capacity * heads * (key_bytes + value_bytes);
  uint8_t *region = is_key ? base + head * capacity * key_bytes
                           : base + capacity * (heads * key_bytes + head * value_bytes);
  return resq_kv_view_at(region, is_key ? keys : values, capacity, is_key);
}

/// Address of unit u of the vector of `position`.
RESQ_INLINE uint8_t *resq_kv_unit(const resq_kv_view *v, int64_t position, int64_t u) {
  int64_t at = v->is_key ? position / RESQ_KV_TILE * RESQ_KV_TILE * v->units + u * RESQ_KV_TILE +
                               position % RESQ_KV_TILE
                         : position * v->units + u;
  return v->codes + at * v->unit;
}

RESQ_INLINE uint16_t resq_kv_load_half(const uint8_t *p) {
  uint16_t h;
  __builtin_memcpy(&h, p, sizeof(h));
  return h;
}

/// The scale of a part of the vector of `position`, widened.
RESQ_INLINE float resq_kv_scale(const resq_kv_view *v, int64_t position, int part) {
  return resq_f32_from_f16(resq_kv_load_half(v->scales[part] + 2 * position));
}

/// What a sign stands for: sqrt(pi / 2) / rows times the norm.
RESQ_INLINE float resq_qjl_weight(float norm, int64_t rows) {
  return norm * (1.25331414f / (float)rows);
}

/// The stored code of column i (not of f32 and f16).
RESQ_INLINE int32_t resq_kv_code_of(const resq_kv_view *v, int64_t position, int64_t i) {
  if (i >= v->low)
    return *resq_kv_unit(v, position, v->low_bytes + i - v->low);
  int64_t byte = i * v->bits / 8, shift = i * v->bits % 8;
  uint32_t word = *resq_kv_unit(v, position, byte);
  if (shift + v->bits > 8)
    word |= (uint32_t)*resq_kv_unit(v, position, byte + 1) << 8;
  return (int32_t)(word >> shift & ((1u << v->bits) - 1));
}

/// Column i of the vector of `position`, decoded. For tests and odd ends; slow.
RESQ_INLINE float resq_kv_decode(const resq_kv_view *v, int64_t position, int64_t i) {
  if (v->kind == RESQ_KV_F32) {
    float x;
    __builtin_memcpy(&x, resq_kv_unit(v, position, i), sizeof(x));
    return x;
  }
  if (v->kind == RESQ_KV_F16)
    return resq_f32_from_f16(resq_kv_load_half(resq_kv_unit(v, position, i)));
  int part = i >= v->low;
  int32_t code = resq_kv_code_of(v, position, i);
  float scale = resq_kv_scale(v, position, part);
  if (part == 0 && v->kind == RESQ_KV_LM)
    return scale * resq_lm_centroid(v->bits, code);
  if (part == 0 && v->kind == RESQ_KV_QJL)
    return code ? resq_qjl_weight(scale, v->low) : -resq_qjl_weight(scale, v->low);
  return scale * (float)(code - v->zeros[part][position]);
}

/// Scale of a part whose values span [lo, hi], lo <= 0 <= hi: f16 bits, never zero nor infinite.
RESQ_INLINE uint16_t resq_kv_scale_bits(float lo, float hi, int64_t bits) {
  float step = (hi - lo) / (float)((1 << bits) - 1);
  uint16_t scale = resq_f16_from_f32(step > 1e-8f ? step : 1e-8f);
  return scale == 0 ? 1 : scale >= 0x7c00 ? 0x7bff : scale;
}

#endif // RESQ_KERNELS_KV_LAYOUT_H
