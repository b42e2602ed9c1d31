//===-- lanes.h - one thread for each output, with the same bits ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the step behind "one thread for each chunk" brings: the kernels that take most of the
// time, cut so that threads side by side read memory side by side, while every sum of floats keeps
// its order. They take the arguments of the portable kernels, whose place they take in
// case_kernels.c where RESQ_LANES is defined, and any grid.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXPERIMENTS_LANES_H
#define RESQ_EXPERIMENTS_LANES_H

#include "kernels/templates/hadamard_plan.h"
#include "kernels/layout/kv_layout.h"
#include "kernels/templates/qlinear_shape.h"
#include "kernels/quantize_range.h"
#include "kernels/scalar_math.h"

//===-- Linears: a thread is a channel of a row ---------------------------===//

RESQ_INLINE uint32_t lanes_word(const uint8_t *p) {
  return *(const uint32_t *)p;
} // aligned by layout

/// The weights of channel c in a unit of 8 inputs.
RESQ_INLINE void lanes_unpack(const resq_qshape *b, const uint8_t *unit, int c, int32_t *w) {
  if (b->wbits == 8) {
    RESQ_UNROLL
    for (int j = 0; j < 8; ++j)
      w[j] = (int32_t)(lanes_word(unit + 64 * (j / 4) + 4 * c) >> 8 * (j % 4) & 255) - 128;
    return;
  }
  const uint32_t own = lanes_word(unit + 4 * c);
  if (b->trellis) {
    const uint32_t one = lanes_word(unit + 4 * ((c + 15) % 16));
    const uint32_t two = lanes_word(unit + 4 * ((c + 14) % 16));
    RESQ_UNROLL
    for (int j = 0; j < 8; ++j) {
      const int shift = 8 * (j % 4) + 4 * (j / 4);
      w[j] = resq_trellis_weights[resq_trellis_state((int)(one >> shift), (int)(two >> shift)) *
                                      RESQ_TRELLIS_CODES +
                                  (own >> shift & 15)];
    }
    return;
  }
  RESQ_UNROLL
  for (int j = 0; j < 8; ++j) {
    uint32_t code = own >> (8 * (j % 4) + 4 * (j / 4)) & 15;
    const int step = 4 * c + j % 4;
    for (int p = 0; p < (int)resq_packed_planes(b->wbits); ++p) {
      const uint8_t plane = unit[64 + RESQ_PLANE_BYTES * p + step % RESQ_PLANE_BYTES];
      code |= (uint32_t)(plane >> (4 * (j / 4) + step / RESQ_PLANE_BYTES) & 1) << (4 + p);
    }
    w[j] = (int32_t)code - resq_packed_offset(b->wbits);
  }
}

RESQ_INLINE float lanes_branch(const resq_qshape *b, int64_t row, int64_t channel, float y) {
  const int64_t tile = channel / RESQ_TILE_N;
  const int c = (int)(channel % RESQ_TILE_N);
  float part = 0.0f;
  for (int64_t g = 0; g < resq_qgroups(b); ++g) {
    const int8_t *codes = resq_qcodes(b, row, g);
    const uint8_t *unit = resq_qweight(b, tile, g);
    int32_t sum = 0, weights = 0;
    for (int64_t u = 0; u < resq_qunits(b); ++u) {
      int32_t w[8];
      lanes_unpack(b, unit + u * resq_qunit_bytes(b), c, w);
      RESQ_UNROLL
      for (int j = 0; j < 8; ++j) {
        sum += w[j] * codes[8 * u + j];
        weights += 8 * u + j < b->group ? w[j] : 0;
      }
    }
    const resq_quant_meta meta = b->meta[row * resq_qgroups(b) + g];
    if (b->abits == 8)
      sum += meta.shift * weights;
    const float t = (float)sum * meta.scale;
    const int per_row = resq_qscale_per_row(b);
    part = per_row && g > 0 ? part + t : t;
    if (!per_row || g + 1 == resq_qgroups(b))
      y += resq_f32_from_bf16(resq_qscales(b, tile, per_row ? 0 : g)[c]) * part;
  }
  return y;
}

RESQ_INLINE void
resq_qlinear_lanes(resq_worker *w, int32_t op, const int8_t *codes_a, const resq_quant_meta *meta_a,
                   const uint8_t *weight_a, const int8_t *codes_b, const resq_quant_meta *meta_b,
                   const uint8_t *weight_b, const float *bias, float *y, int64_t rows, int64_t ldy,
                   int64_t n, int64_t k_a, int64_t group_a, int64_t wgroup_a, int64_t abits_a,
                   int64_t wbits_a, int64_t trellis_a, int64_t k_b, int64_t group_b,
                   int64_t wgroup_b, int64_t abits_b, int64_t wbits_b, int64_t trellis_b) {
  const resq_qshape a = {codes_a, meta_a,   weight_a, n,       k_a,
                         group_a, wgroup_a, abits_a,  wbits_a, trellis_a};
  const resq_qshape b = {codes_b, meta_b,   weight_b, n,       k_b,
                         group_b, wgroup_b, abits_b,  wbits_b, trellis_b};
  for (int64_t i; (i = resq_next_chunk(w, op)) < rows * n;) {
    const int64_t row = i / n, channel = i % n;
    float v = lanes_branch(&a, row, channel, bias ? bias[channel] : 0.0f);
    if (k_b)
      v = lanes_branch(&b, row, channel, v);
    y[row * ldy + channel] = v;
  }
}

/// y_j = x_j M: a thread is a column of a block of a row.
RESQ_INLINE void resq_rotate_lanes(resq_worker *w, int32_t op, const float *x, const float *matrix,
                                   float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t groups,
                                   int64_t size, int64_t blocks) {
  const int64_t width = groups * size;
  for (int64_t i; (i = resq_next_chunk(w, op)) < rows * width;) {
    const int64_t row = i / width, j = i % width / size, column = i % size;
    const float *m = matrix + j * blocks / groups * size * size + column;
    const float *from = x + row * ldx + j * size;
    float sum = 0.0f;
    for (int64_t k = 0; k < size; ++k)
      sum += from[k] * m[k * size];
    y[row * ldy + j * size + column] = sum;
  }
}

//===-- Attention: a block is a head of a row -----------------------------===//

/// Columns of a query as attention_generic.c has them; `to` has room for them.
RESQ_INLINE void lanes_query(const resq_kv_view *key, const float *q, const float *sketch,
                             float *to, int thread, int threads) {
  for (int64_t j = thread; j < key->size; j += threads) {
    float v = key->kind == RESQ_KV_QJL && j >= key->low ? q[key->elements + j - key->low] : 0.0f;
    if (key->kind != RESQ_KV_QJL)
      v = q[j];
    else if (j < key->low) {
      const float *row = sketch + j / RESQ_TILE_N * RESQ_TILE_N * key->elements + j % RESQ_TILE_N;
      for (int64_t i = 0; i < key->elements; ++i)
        v += row[i * RESQ_TILE_N] * q[i];
    }
    to[j] = v;
  }
}

RESQ_INLINE void resq_attention_lanes(resq_worker *w, int32_t op, const float *q,
                                      const int32_t *positions, const int32_t *sequences,
                                      const float *sketch, const uint8_t *cache, float *y,
                                      int64_t rows, int64_t ldq, int64_t ldy, int64_t capacity,
                                      int64_t heads, int64_t kv_heads, int64_t head_size,
                                      float scale, int64_t k_kind, int64_t k_bits, int64_t k_high,
                                      int64_t k_rows, int64_t v_kind, int64_t v_bits,
                                      int64_t v_high) {
  static __attribute__((address_space(3))) float scores[RESQ_KV_BLOCK], weights[RESQ_KV_BLOCK];
  const resq_kv_format keys = {head_size, k_kind, k_bits, k_high, k_rows};
  const resq_kv_format values = {head_size, v_kind, v_bits, v_high, 0};
  const int thread = (int)__nvvm_read_ptx_sreg_tid_x(),
            threads = (int)__nvvm_read_ptx_sreg_ntid_x();
  float *columns = (float *)(w->scratch - (int64_t)thread * RESQ_SCRATCH_BYTES);
  (void)op;
  for (int64_t item = __nvvm_read_ptx_sreg_ctaid_x(); item < rows * heads;
       item += __nvvm_read_ptx_sreg_nctaid_x()) {
    const int64_t row = item / heads, head = item % heads, kv = head / (heads / kv_heads);
    const resq_kv_view key =
        resq_kv_head((uint8_t *)cache, keys, values, capacity, kv_heads, sequences[row], kv, 1);
    const resq_kv_view value =
        resq_kv_head((uint8_t *)cache, keys, values, capacity, kv_heads, sequences[row], kv, 0);
    float *out = y + row * ldy + head * head_size;
    lanes_query(&key, q + row * ldq + head * head_size, sketch, columns, thread, threads);
    for (int64_t i = thread; i < head_size; i += threads)
      out[i] = 0.0f;
    __syncthreads();
    float largest = -3.0e38f, sum = 0.0f; // every thread's, the same
    for (int64_t block = 0; block <= positions[row]; block += RESQ_KV_BLOCK) {
      const int64_t left = positions[row] + 1 - block;
      const int64_t count = left < RESQ_KV_BLOCK ? left : RESQ_KV_BLOCK;
      for (int64_t t = thread; t < count; t += threads) {
        float score = 0.0f;
        for (int64_t i = 0; i < key.size; ++i)
          score += columns[i] * resq_kv_decode(&key, block + t, i);
        scores[t] = score * scale;
      }
      __syncthreads();
      const float before = largest;
      for (int64_t t = 0; t < count; ++t)
        largest = scores[t] > largest ? scores[t] : largest;
      const float factor = resq_exp(before - largest);
      for (int64_t t = thread; t < count; t += threads)
        weights[t] = resq_exp(scores[t] - largest);
      __syncthreads();
      sum *= factor;
      for (int64_t t = 0; t < count; ++t)
        sum += weights[t];
      for (int64_t i = thread; i < head_size; i += threads) {
        float v = out[i] * factor;
        for (int64_t t = 0; t < count; ++t)
          v += weights[t] * resq_kv_decode(&value, block + t, i);
        out[i] = v;
      }
      __syncthreads();
    }
    for (int64_t i = thread; i < head_size; i += threads)
      out[i] /= sum;
  }
}

//===-- Row operations: a block is a row, or a block of a row -------------===//

typedef struct lanes_block {
  int thread, threads;
  int64_t index, count; ///< of the grid's blocks
} lanes_block;

RESQ_INLINE lanes_block lanes_here(void) {
  return (lanes_block){(int)__nvvm_read_ptx_sreg_tid_x(), (int)__nvvm_read_ptx_sreg_ntid_x(),
                       __nvvm_read_ptx_sreg_ctaid_x(), __nvvm_read_ptx_sreg_nctaid_x()};
}

RESQ_INLINE void resq_rms_norm_lanes(resq_worker *w, int32_t op, const float *x, const float *gain,
                                     float *y, int64_t rows, int64_t ldx, int64_t ldy,
                                     int64_t width, float eps) {
  static __attribute__((address_space(3))) float sums[RESQ_SUM_LANES];
  const lanes_block b = lanes_here();
  (void)w, (void)op;
  for (int64_t r = b.index; r < rows; r += b.count) {
    const float *in = x + r * ldx;
    for (int lane = b.thread; lane < RESQ_SUM_LANES; lane += b.threads) {
      float sum = 0.0f;
      for (int64_t i = lane; i < width; i += RESQ_SUM_LANES)
        sum += in[i] * in[i];
      sums[lane] = sum;
    }
    __syncthreads();
    float all[RESQ_SUM_LANES];
    RESQ_UNROLL
    for (int i = 0; i < RESQ_SUM_LANES; ++i)
      all[i] = sums[i];
    const float root = __builtin_sqrtf(resq_fold_lanes(all) / (float)width + eps);
    for (int64_t i = b.thread; i < width; i += b.threads)
      y[r * ldy + i] = gain ? in[i] / root * gain[i] : in[i] / root;
    __syncthreads();
  }
}

/// A block is a group; groups that share a range look for its extremes each.
RESQ_INLINE void resq_quantize_lanes(resq_worker *w, int32_t op, const float *x,
                                     const float *clip_by, int8_t *codes, resq_quant_meta *meta,
                                     int64_t rows, int64_t ldx, int64_t width, int64_t group,
                                     int64_t range, int64_t bits, float clip) {
  static __attribute__((address_space(3))) float lows[1024], highs[1024];
  static __attribute__((address_space(3))) int32_t sums[1024];
  const lanes_block b = lanes_here();
  const int64_t groups = width / group, padded = resq_round_up(group, 8);
  (void)w, (void)op;
  clip = clip_by ? *clip_by : clip;
  for (int64_t item = b.index; item < rows * groups; item += b.count) {
    const int64_t row = item / groups, g = item % groups;
    const float *in = x + row * ldx, *shared_by = in + g * group / range * range;
    int8_t *out = codes + row * resq_code_stride(width, group) + g * padded;
    float low = 0.0f, high = 0.0f;
    for (int64_t i = b.thread; i < range; i += b.threads) {
      low = shared_by[i] < low ? shared_by[i] : low;
      high = shared_by[i] > high ? shared_by[i] : high;
    }
    lows[b.thread] = low;
    highs[b.thread] = high;
    __syncthreads();
    for (int i = 0; i < b.threads; ++i) {
      low = lows[i] < low ? lows[i] : low;
      high = highs[i] > high ? highs[i] : high;
    }
    const resq_range r = resq_range_of(low, high, bits, clip);
    int32_t sum = 0;
    for (int64_t i = b.thread; i < padded; i += b.threads) {
      int32_t code = 0;
      if (i < group) {
        code = (int32_t)resq_rne(resq_limit_quotient(in[g * group + i] / r.scale)) + r.zero;
        code = (code < 0 ? 0 : code > r.top ? r.top : code) - r.base;
      }
      out[i] = (int8_t)code;
      sum += code;
    }
    sums[b.thread] = sum;
    for (int64_t i = groups * padded + b.thread; g == 0 && i < resq_code_stride(width, group);
         i += b.threads)
      out[i] = 0;
    __syncthreads();
    if (b.thread == 0) {
      for (int i = 1; i < b.threads; ++i)
        sum += sums[i];
      meta[row * groups + g] = resq_range_meta(r, sum);
    }
    __syncthreads();
  }
}

RESQ_INLINE void resq_hadamard_lanes(resq_worker *w, int32_t op, const float *x,
                                     const int8_t *signs, float *y, int64_t rows, int64_t ldx,
                                     int64_t ldy, int64_t width, int64_t size, int64_t order) {
  const lanes_block b = lanes_here();
  const int64_t blocks = width / size, length = size / order;
  const float scale = resq_hadamard_scale(size);
  float *t = (float *)(w->scratch - (int64_t)b.thread * RESQ_SCRATCH_BYTES);
  (void)op;
  for (int64_t item = b.index; item < rows * blocks; item += b.count) {
    const int64_t row = item / blocks, at = item % blocks * size;
    for (int64_t i = b.thread; i < size; i += b.threads)
      t[i] = x[row * ldx + at + i];
    __syncthreads();
    for (int64_t stride = 1; stride < length; stride *= 2) {
      for (int64_t i = b.thread; i < size / 2; i += b.threads) {
        const int64_t first = i / stride * 2 * stride + i % stride;
        const float p = t[first], q = t[first + stride];
        t[first] = p + q;
        t[first + stride] = p - q;
      }
      __syncthreads();
    }
    for (int64_t i = b.thread; i < size; i += b.threads) {
      const int64_t o = i / length, c = i % length;
      float sum = order == 1 || signs[o * order] > 0 ? t[c] : -t[c];
      for (int64_t j = 1; j < order; ++j) {
        const float v = t[j * length + c];
        sum = signs[o * order + j] > 0 ? sum + v : sum - v;
      }
      y[row * ldy + at + i] = sum * scale;
    }
    __syncthreads();
  }
}

#endif // RESQ_EXPERIMENTS_LANES_H
