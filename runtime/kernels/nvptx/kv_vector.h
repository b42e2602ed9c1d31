//===-- kv_vector.h - a vector coded into a cache by a warp -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The codes, scales and zero points of level "generic" bit for bit, where the cache's layout has them (kv_words.h):
// extremes need no order, the 16 partial sums of lloyd_max.h are a lane's each, signs of a sketch are a lane's each.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_KV_VECTOR_H
#define RESQ_KERNELS_NVPTX_KV_VECTOR_H

#include "device.h"
#include "kernels/scalar_math.h"
#include "kernels/templates/kv_code.h"
#include "kv_words.h"

/// Elements of a lane whose loads are under way together.
enum { RESQ_KV_AT_ONCE = 8 };

/// Elements first, first + apart, ... of a vector, zeros behind its end.
RESQ_INLINE void resq_kv_load(const float *x, int64_t count, int64_t first, int64_t apart,
                              float *v) {
  RESQ_UNROLL
  for (int k = 0; k < RESQ_KV_AT_ONCE; ++k)
    v[k] = first + k * apart < count ? x[first + k * apart] : 0.0f;
}

/// The total of 16 partial sums, lane j's and lane j + 16's the same, in lloyd_max.h's order; in every lane.
RESQ_INLINE float resq_kv_fold(float sum) {
  for (int width = RESQ_SUM_LANES / 2; width > 0; width /= 2)
    sum += resq_shuffle_xor_f32(sum, width);
  return sum;
}

/// A part's codes, a byte each, to shared memory; its scale and zero point to the planes.
RESQ_INLINE void resq_kv_warp_part(const float *x, int64_t count, int64_t bits, uint32_t codes,
                                   uint8_t *scale_at, uint8_t *zero_at, int lane) {
  float v[RESQ_KV_AT_ONCE], lo = 0.0f, hi = 0.0f;
  for (int64_t first = lane; first < count; first += RESQ_KV_AT_ONCE * RESQ_WARP) {
    resq_kv_load(x, count, first, RESQ_WARP, v);
    RESQ_UNROLL
    for (int k = 0; k < RESQ_KV_AT_ONCE; ++k) {
      lo = v[k] < lo ? v[k] : lo;
      hi = v[k] > hi ? v[k] : hi;
    }
  }
  for (int distance = RESQ_WARP / 2; distance > 0; distance /= 2) {
    const float l = resq_shuffle_xor_f32(lo, distance), h = resq_shuffle_xor_f32(hi, distance);
    lo = l < lo ? l : lo;
    hi = h > hi ? h : hi;
  }
  const uint16_t scale_bits = resq_kv_scale_bits(lo, hi, bits);
  const float scale = resq_f32_from_f16(scale_bits);
  const int32_t most = (1 << bits) - 1, zero = resq_kv_clamp(resq_kv_steps(-lo, scale), most);
  for (int64_t first = lane; first < count; first += RESQ_KV_AT_ONCE * RESQ_WARP) {
    resq_kv_load(x, count, first, RESQ_WARP, v);
    RESQ_UNROLL
    for (int k = 0; k < RESQ_KV_AT_ONCE; ++k)
      if (first + k * RESQ_WARP < count)
        resq_shared_store_u8(codes + (uint32_t)(first + k * RESQ_WARP),
                             (uint32_t)resq_kv_clamp(resq_kv_steps(v[k], scale) + zero, most));
  }
  if (lane == 0) {
    *(uint16_t *)scale_at = scale_bits; // aligned: planes are of f16
    *zero_at = (uint8_t)zero;
  }
}

/// |x|^2 in lloyd_max.h's order, in every lane.
RESQ_INLINE float resq_kv_squares(const float *x, int64_t count, int lane) {
  float v[RESQ_KV_AT_ONCE], sum = 0.0f;
  for (int64_t first = lane % RESQ_SUM_LANES; first < count;
       first += RESQ_KV_AT_ONCE * RESQ_SUM_LANES) {
    resq_kv_load(x, count, first, RESQ_SUM_LANES, v);
    RESQ_UNROLL
    for (int k = 0; k < RESQ_KV_AT_ONCE; ++k) // behind the end nothing may be added, not even zeros
      sum = first + k * RESQ_SUM_LANES < count ? sum + v[k] * v[k] : sum;
  }
  return resq_kv_fold(sum);
}

RESQ_INLINE void resq_kv_warp_lloyd_max(const float *x, int64_t count, int64_t bits, int is_key,
                                        uint32_t codes, uint8_t *scale_at, int lane) {
  const float squares = resq_kv_squares(x, count, lane);
  const float deviation = __builtin_sqrtf(squares / (float)count);
  float v[RESQ_KV_AT_ONCE], x_c = 0.0f, c_c = 0.0f;
  for (int64_t first = lane % RESQ_SUM_LANES; first < count;
       first += RESQ_KV_AT_ONCE * RESQ_SUM_LANES) {
    resq_kv_load(x, count, first, RESQ_SUM_LANES, v);
    RESQ_UNROLL
    for (int k = 0; k < RESQ_KV_AT_ONCE; ++k) {
      const int64_t i = first + k * RESQ_SUM_LANES;
      const int32_t code = resq_kv_lloyd_max_code(v[k], bits, deviation);
      const float c = resq_lm_centroid(bits, code);
      x_c = i < count ? x_c + v[k] * c : x_c;
      c_c = i < count ? c_c + c * c : c_c;
      if (lane < RESQ_SUM_LANES && i < count)
        resq_shared_store_u8(codes + (uint32_t)i, (uint32_t)code);
    }
  }
  x_c = resq_kv_fold(x_c);
  c_c = resq_kv_fold(c_c);
  if (lane == 0)
    *(uint16_t *)scale_at = resq_lm_scale_bits(is_key, squares, x_c, c_c);
}

/// Signs of the sketched low part, a byte each, and its norm.
RESQ_INLINE void resq_kv_warp_signs(const float *x, int64_t count, const float *sketch,
                                    int64_t rows, uint32_t codes, uint8_t *norm_at, int lane) {
  for (int64_t j = lane; j < rows; j += RESQ_WARP) {
    const float *row = sketch + j / RESQ_TILE_N * RESQ_TILE_N * count + j % RESQ_TILE_N;
    float sum = 0.0f;
    for (int64_t i = 0; i < count; ++i)
      sum += row[i * RESQ_TILE_N] * x[i];
    resq_shared_store_u8(codes + (uint32_t)j, sum > 0.0f);
  }
  const float squares = resq_kv_squares(x, count, lane);
  if (lane == 0)
    *(uint16_t *)norm_at = resq_finite_half(__builtin_sqrtf(squares));
}

/// Byte `byte` of the stream of `count` codes that stand a byte each at `codes`.
RESQ_INLINE uint32_t resq_kv_stream_byte(uint32_t codes, int64_t count, int64_t bits,
                                         int64_t byte) {
  uint32_t word = 0;
  for (int64_t i = byte * 8 / bits; i < count && i * bits < byte * 8 + 8; ++i) {
    const int64_t shift = i * bits - byte * 8;
    const uint32_t code = resq_shared_load_u8(codes + (uint32_t)i);
    word |= shift < 0 ? code >> -shift : code << shift;
  }
  return word & 255;
}

/// Byte `byte` of a vector's codes, low part and high, which are a byte each at `codes`.
RESQ_INLINE uint32_t resq_kv_code_byte(const resq_kv_view *v, uint32_t codes, int64_t byte) {
  return byte < v->low_bytes
             ? resq_kv_stream_byte(codes, v->low, v->bits, byte)
             : resq_shared_load_u8(codes + (uint32_t)(v->low + byte - v->low_bytes));
}

/// All bytes of a vector's codes to their places.
RESQ_INLINE void resq_kv_warp_bytes(const resq_kv_view *v, resq_gpu_kv_layout layout,
                                    int64_t position, uint32_t codes, int lane) {
  const int64_t whole = layout == RESQ_GPU_KV_WORDS ? v->units / 4 : 0;
  for (int64_t at = lane; at < whole; at += RESQ_WARP) {
    uint32_t word = 0;
    RESQ_UNROLL
    for (int i = 0; i < 4; ++i)
      word |= resq_kv_code_byte(v, codes, 4 * at + i) << 8 * i;
    *(uint32_t *)resq_gpu_kv_byte(v, layout, position, 4 * at) = word;
  }
  for (int64_t at = 4 * whole + lane; at < v->units; at += RESQ_WARP)
    *resq_gpu_kv_byte(v, layout, position, at) = (uint8_t)resq_kv_code_byte(v, codes, at);
}

/// A vector to its place, by a warp that has a byte of shared memory at `codes` for each code.
RESQ_INLINE void resq_kv_warp_store(const resq_kv_view *v, resq_gpu_kv_layout layout,
                                    const float *x, const float *sketch, int64_t position,
                                    uint32_t codes, int lane) {
  if (v->kind == RESQ_KV_F32 || v->kind == RESQ_KV_F16) {
    for (int64_t i = lane; i < v->size; i += RESQ_WARP) {
      uint8_t *to = resq_gpu_kv_byte(v, layout, position, i * v->unit);
      if (v->kind == RESQ_KV_F16)
        *(uint16_t *)to = resq_f16_from_f32(x[i]);
      else
        *(float *)to = x[i];
    }
    return;
  }
  uint8_t *scale = v->scales[0] + 2 * position;
  if (v->kind == RESQ_KV_LM)
    resq_kv_warp_lloyd_max(x, v->low, v->bits, v->is_key, codes, scale, lane);
  else if (v->kind == RESQ_KV_QJL)
    resq_kv_warp_signs(x, v->elements, sketch, v->low, codes, scale, lane);
  else
    resq_kv_warp_part(x, v->low, v->bits, codes, scale, v->zeros[0] + position, lane);
  if (v->high > 0)
    resq_kv_warp_part(x + v->elements, v->high, 8, codes + (uint32_t)v->low,
                      v->scales[1] + 2 * position, v->zeros[1] + position, lane);
  resq_sync_warp();
  resq_kv_warp_bytes(v, layout, position, codes, lane);
  resq_sync_warp(); // before the next vector's codes
}

#endif // RESQ_KERNELS_NVPTX_KV_VECTOR_H
