//===-- kv_append_fast.h - resq_kv_append, a warp for each vector ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The codes, scales and zero points are those of level "generic" bit for bit: extremes need no order,
// and sums of Lloyd-Max's scales keep that of lloyd_max.h, whose 16 partial sums are lanes here.
// QJL's signs are not coded here. A launch: any grid of whole warps, RESQ_KV_APPEND_SHARED bytes of
// shared memory for each warp.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_KV_APPEND_FAST_H
#define RESQ_KERNELS_NVPTX_KV_APPEND_FAST_H

#include "kv_vector.h"
#include "kv_words.h"

enum { RESQ_KV_APPEND_SHARED = 512 /* a byte for each element */ };

/// Elements of a lane: lane, lane + 32, ...
enum { RESQ_KV_APPEND_EACH = 8 };

/// A part's codes, a byte each, to shared memory; its scale and zero point to the planes.
RESQ_INLINE void resq_kv_code_part(const float *x, int64_t count, int64_t bits, uint32_t codes,
                                   uint8_t *scale_at, uint8_t *zero_at, int lane) {
  float v[RESQ_KV_APPEND_EACH], lo = 0.0f, hi = 0.0f;
  RESQ_UNROLL
  for (int k = 0; k < RESQ_KV_APPEND_EACH; ++k) {
    const int64_t i = lane + RESQ_WARP * k;
    v[k] = i < count ? x[i] : 0.0f;
    lo = v[k] < lo ? v[k] : lo;
    hi = v[k] > hi ? v[k] : hi;
  }
  for (int distance = RESQ_WARP / 2; distance > 0; distance /= 2) {
    const float l = resq_shuffle_xor_f32(lo, distance), h = resq_shuffle_xor_f32(hi, distance);
    lo = l < lo ? l : lo;
    hi = h > hi ? h : hi;
  }
  const uint16_t scale_bits = resq_kv_scale_bits(lo, hi, bits);
  const float scale = resq_f32_from_f16(scale_bits);
  const int32_t most = (1 << bits) - 1, zero = resq_kv_clamp(resq_kv_steps(-lo, scale), most);
  RESQ_UNROLL
  for (int k = 0; k < RESQ_KV_APPEND_EACH; ++k)
    if (lane + RESQ_WARP * k < count)
      resq_shared_store_u8(codes + (uint32_t)(lane + RESQ_WARP * k),
                           (uint32_t)resq_kv_clamp(resq_kv_steps(v[k], scale) + zero, most));
  if (lane == 0) {
    *(uint16_t *)scale_at = scale_bits;
    *zero_at = (uint8_t)zero;
  }
}

/// The sum over the vector of what lanes hold, element i in lane i % 32, in lloyd_max.h's order; in
/// every lane. `each`: the lane's products, as many as `count` asks for.
RESQ_INLINE float resq_kv_sum(const float *each, int64_t count, int lane) {
  float sum = 0.0f;
  RESQ_UNROLL
  for (int k = 0; k < RESQ_KV_APPEND_EACH; ++k)
    if (RESQ_WARP * k < count) {
      const float other = resq_shuffle_xor_f32(each[k], RESQ_SUM_LANES);
      const int j = lane % RESQ_SUM_LANES;
      const float first = lane < RESQ_SUM_LANES ? each[k] : other;
      const float second = lane < RESQ_SUM_LANES ? other : each[k];
      sum = j + RESQ_WARP * k < count ? sum + first : sum;
      sum = j + RESQ_SUM_LANES + RESQ_WARP * k < count ? sum + second : sum;
    }
  for (int width = RESQ_SUM_LANES / 2; width > 0; width /= 2)
    sum += resq_shuffle_xor_f32(sum, width);
  return sum;
}

RESQ_INLINE void resq_kv_code_lloyd_max(const float *x, int64_t count, int64_t bits, int is_key,
                                        uint32_t codes, uint8_t *scale_at, int lane) {
  float v[RESQ_KV_APPEND_EACH], products[RESQ_KV_APPEND_EACH], centroids[RESQ_KV_APPEND_EACH];
  RESQ_UNROLL
  for (int k = 0; k < RESQ_KV_APPEND_EACH; ++k) {
    const int64_t i = lane + RESQ_WARP * k;
    v[k] = i < count ? x[i] : 0.0f;
    products[k] = v[k] * v[k];
  }
  const float squares = resq_kv_sum(products, count, lane);
  const float deviation = __builtin_sqrtf(squares / (float)count);
  RESQ_UNROLL
  for (int k = 0; k < RESQ_KV_APPEND_EACH; ++k) {
    const int32_t code = resq_kv_lloyd_max_code(v[k], bits, deviation);
    const float c = resq_lm_centroid(bits, code);
    products[k] = v[k] * c;
    centroids[k] = c * c;
    if (lane + RESQ_WARP * k < count)
      resq_shared_store_u8(codes + (uint32_t)(lane + RESQ_WARP * k), (uint32_t)code);
  }
  const float x_c = resq_kv_sum(products, count, lane), c_c = resq_kv_sum(centroids, count, lane);
  if (lane == 0)
    *(uint16_t *)scale_at = resq_lm_scale_bits(is_key, squares, x_c, c_c);
}

/// A vector to its place, by a warp whose shared memory begins at `codes`.
RESQ_INLINE void resq_kv_store_fast(const resq_kv_view *v, const float *x, int64_t position,
                                    uint32_t codes, int lane) {
  const int64_t bytes = resq_kv_code_bytes(v);
  if (v->kind == RESQ_KV_F32 || v->kind == RESQ_KV_F16) {
    for (int64_t i = lane; i < v->size; i += RESQ_WARP) {
      uint8_t *to = v->codes + resq_kv_word_offset(bytes, position, i * v->unit);
      if (v->kind == RESQ_KV_F16)
        *(uint16_t *)to = resq_f16_from_f32(x[i]);
      else
        *(float *)to = x[i];
    }
    return;
  }
  uint8_t *scale = v->scales[0] + 2 * position;
  if (v->kind == RESQ_KV_LM)
    resq_kv_code_lloyd_max(x, v->low, v->bits, v->is_key, codes, scale, lane);
  else
    resq_kv_code_part(x, v->low, v->bits, codes, scale, v->zeros[0] + position, lane);
  if (v->high > 0)
    resq_kv_code_part(x + v->elements, v->high, 8, codes + (uint32_t)v->low,
                      v->scales[1] + 2 * position, v->zeros[1] + position, lane);
  resq_sync_warp();
  for (int64_t at = lane; at < (bytes + 3) / 4; at += RESQ_WARP) {
    uint32_t word = 0;
    for (int i = 0; i < 4 && 4 * at + i < bytes; ++i) {
      const int64_t byte = 4 * at + i;
      const uint32_t value =
          byte < v->low_bytes
              ? resq_kv_stream_byte(codes, v->low, v->bits, byte)
              : resq_shared_load_u8(codes + (uint32_t)(v->low + byte - v->low_bytes));
      word |= value << 8 * i;
    }
    if (4 * at + 4 <= bytes)
      *(uint32_t *)(v->codes + resq_kv_word_offset(bytes, position, 4 * at)) = word;
    else
      for (int64_t i = 0; 4 * at + i < bytes; ++i)
        v->codes[resq_kv_word_offset(bytes, position, 4 * at + i)] = (uint8_t)(word >> 8 * i);
  }
  resq_sync_warp();
}

RESQ_INLINE void resq_kv_append_fast(const float *k, const float *v, const int32_t *positions,
                                     const int32_t *sequences, uint8_t *cache, int64_t rows,
                                     int64_t ldk, int64_t ldv, int64_t capacity, int64_t heads,
                                     int64_t head_size, int64_t k_kind, int64_t k_bits,
                                     int64_t k_high, int64_t v_kind, int64_t v_bits,
                                     int64_t v_high) {
  const resq_kv_format keys = {head_size, k_kind, k_bits, k_high, 0};
  const resq_kv_format values = {head_size, v_kind, v_bits, v_high, 0};
  const int warp = resq_thread() / RESQ_WARP, lane = resq_thread() % RESQ_WARP;
  const int64_t warps = resq_threads() / RESQ_WARP;
  const uint32_t codes = resq_dynamic_shared() + (uint32_t)(warp * RESQ_KV_APPEND_SHARED);
  resq_let_next_launch_start();
  resq_wait_for_launches();
  for (int64_t i = resq_block_x() * warps + warp; i < rows * heads * 2;
       i += resq_blocks_x() * warps) {
    const int64_t row = i / (2 * heads), head = i / 2 % heads;
    if (i % 2 == 0) {
      const resq_kv_view key =
          resq_kv_head(cache, keys, values, capacity, heads, sequences[row], head, 1);
      resq_kv_store_fast(&key, k + row * ldk + head * head_size, positions[row], codes, lane);
    } else {
      const resq_kv_view value =
          resq_kv_head(cache, keys, values, capacity, heads, sequences[row], head, 0);
      resq_kv_store_fast(&value, v + row * ldv + head * head_size, positions[row], codes, lane);
    }
  }
}

#endif // RESQ_KERNELS_NVPTX_KV_APPEND_FAST_H
