//===-- kv_layout.h - where a cached vector's bytes stand ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A head's region of `capacity` vectors, first all units of the codes, then (int) planes:
// f16 scales of the low part [capacity], of the high part (if any) [capacity], u8 zero
// points of the low part [capacity], of the high part [capacity].
//
// A vector is a string of units: f32 or f16 elements, or (int) bytes: the low part's codes,
// `bits` each, a little-endian bit stream (element i from bit i * bits on), then the high
// part's bytes. Values stand vector after vector. Keys stand in tiles of 16 tokens, unit u of
// token t at u * 16 + t: attention multiplies 16 keys at once, a lane each, and needs no sum
// across lanes; for values the lanes are the elements. No byte is shared by two tokens.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_KV_LAYOUT_H
#define RESQ_KERNELS_KV_LAYOUT_H

#include "half.h"
#include "kernels.h"

enum { RESQ_KV_F32, RESQ_KV_F16, RESQ_KV_INT };
/// Tokens a tile of keys, and a block of attention.
enum { RESQ_KV_TILE = 16, RESQ_KV_BLOCK = 64 };

/// The keys or the values of one head of one sequence.
typedef struct resq_kv_view {
  uint8_t *codes;
  uint8_t *scales[2];           ///< f16 bits a token; [1]: the high part
  uint8_t *zeros[2];
  int64_t kind, bits, size, low, high;
  int64_t low_bytes;            ///< int: bytes of the low codes
  int64_t unit;                 ///< bytes a unit
  int64_t units;                ///< a vector
  int32_t is_key;
} resq_kv_view;

/// How a vector is coded; constants once specialised.
typedef struct resq_kv_format {
  int64_t size, kind, bits, high;
} resq_kv_format;

RESQ_INLINE resq_kv_view resq_kv_view_at(uint8_t *region, resq_kv_format f, int64_t capacity,
                                         int is_key) {
  resq_kv_view v = {.codes = region, .kind = f.kind, .bits = f.bits, .size = f.size,
                    .low = f.size, .units = f.size, .unit = f.kind == RESQ_KV_F32 ? 4 : 2,
                    .is_key = is_key};
  if (f.kind == RESQ_KV_INT) {
    v.low = f.size - f.high;
    v.high = f.high;
    v.low_bytes = (v.low * f.bits + 7) / 8;
    v.unit = 1;
    v.units = v.low_bytes + v.high;
    int64_t parts = f.high > 0 ? 2 : 1;
    uint8_t *planes = region + capacity * v.units;
    v.scales[0] = planes;
    v.scales[1] = planes + capacity * 2;
    v.zeros[0] = planes + capacity * 2 * parts;
    v.zeros[1] = v.zeros[0] + capacity;
  }
  return v;
}

/// The view of a head's keys or values in a cache of `heads` heads.
RESQ_INLINE resq_kv_view resq_kv_head(uint8_t *cache, resq_kv_format keys, resq_kv_format values,
                                      int64_t capacity, int64_t heads, int64_t sequence,
                                      int64_t head, int is_key) {
  int64_t key_bytes = resq_kv_vector_bytes(keys.kind, keys.bits, keys.high, keys.size);
  int64_t value_bytes = resq_kv_vector_bytes(values.kind, values.bits, values.high, values.size);
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

/// The stored code of element i (int).
RESQ_INLINE int32_t resq_kv_code_of(const resq_kv_view *v, int64_t position, int64_t i) {
  if (i >= v->low)
    return *resq_kv_unit(v, position, v->low_bytes + i - v->low);
  int64_t byte = i * v->bits / 8, shift = i * v->bits % 8;
  uint32_t word = *resq_kv_unit(v, position, byte);
  if (shift + v->bits > 8)
    word |= (uint32_t)*resq_kv_unit(v, position, byte + 1) << 8;
  return (int32_t)(word >> shift & ((1u << v->bits) - 1));
}

/// Element i of the vector of `position`, decoded. For tests and odd ends; slow.
RESQ_INLINE float resq_kv_decode(const resq_kv_view *v, int64_t position, int64_t i) {
  if (v->kind == RESQ_KV_F32) {
    float x;
    __builtin_memcpy(&x, resq_kv_unit(v, position, i), sizeof(x));
    return x;
  }
  if (v->kind == RESQ_KV_F16)
    return resq_f32_from_f16(resq_kv_load_half(resq_kv_unit(v, position, i)));
  int part = i >= v->low;
  int32_t code = resq_kv_code_of(v, position, i) - v->zeros[part][position];
  return resq_kv_scale(v, position, part) * (float)code;
}

/// Scale of a part whose values span [lo, hi], lo <= 0 <= hi: f16 bits, never zero nor infinite.
RESQ_INLINE uint16_t resq_kv_scale_bits(float lo, float hi, int64_t bits) {
  float step = (hi - lo) / (float)((1 << bits) - 1);
  uint16_t scale = resq_f16_from_f32(step > 1e-8f ? step : 1e-8f);
  return scale == 0 ? 1 : scale >= 0x7c00 ? 0x7bff : scale;
}

#endif // RESQ_KERNELS_KV_LAYOUT_H
