//===-- row_ops_fast.h - operations on rows, a block for each row or piece ===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All equal level "generic" bit for bit (built with -ffp-contract=off): elementwise operations and the
// Hadamard transform, whose butterflies are a fixed network, need no care; rms_norm keeps the 16
// partial sums of generic, each by one lane in rising order, which costs the latency of
// width / 16 additions.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ROW_OPS_FAST_H
#define RESQ_KERNELS_NVPTX_ROW_OPS_FAST_H

#include "kernels/scalar_math.h"
#include "kernels/templates/hadamard_plan.h"
#include "elements.h"

enum { RESQ_ELEMENTS_AT_ONCE = 4 }; ///< of a thread, whose loads are under way together

typedef enum resq_pair_op { RESQ_PAIR_ADD, RESQ_PAIR_GATE } resq_pair_op;

RESQ_INLINE float resq_of_pair(resq_pair_op op, float a, float b) {
  return op == RESQ_PAIR_ADD ? a + b : a / (1.0f + resq_exp(-a)) * b;
}

/// y = a op b, element by element. y may be either.
RESQ_INLINE void resq_pairs_fast(resq_pair_op op, const float *a, const float *b, float *y,
                                 int64_t rows, int64_t lda, int64_t ldb, int64_t ldy, int64_t width,
                                 resq_part part) {
  const resq_turns turns = resq_element_turns(part, rows, width);
  const int at_once = part.units ? RESQ_ELEMENTS_AT_ONCE : 1; // a thread of the grid has one
  resq_begin();
  for (int64_t first = turns.first + resq_thread(); first < turns.end;
       first += at_once * turns.step) {
    float p[RESQ_ELEMENTS_AT_ONCE], q[RESQ_ELEMENTS_AT_ONCE];
    RESQ_UNROLL
    for (int k = 0; k < at_once; ++k) {
      const int64_t at = first + k * turns.step, r = at / width, i = at % width;
      p[k] = at < turns.end ? a[r * lda + i] : 0.0f;
      q[k] = at < turns.end ? b[r * ldb + i] : 0.0f;
    }
    RESQ_UNROLL
    for (int k = 0; k < at_once; ++k) {
      const int64_t at = first + k * turns.step;
      if (at < turns.end)
        y[at / width * ldy + at % width] = resq_of_pair(op, p[k], q[k]);
    }
  }
}

RESQ_INLINE void resq_add_fast(const float *a, const float *b, float *y, int64_t rows, int64_t lda,
                               int64_t ldb, int64_t ldy, int64_t width, resq_part part) {
  resq_pairs_fast(RESQ_PAIR_ADD, a, b, y, rows, lda, ldb, ldy, width, part);
}

RESQ_INLINE void resq_silu_gate_fast(const float *gate, const float *up, float *y, int64_t rows,
                                     int64_t ldg, int64_t ldu, int64_t ldy, int64_t width,
                                     resq_part part) {
  resq_pairs_fast(RESQ_PAIR_GATE, gate, up, y, rows, ldg, ldu, ldy, width, part);
}

RESQ_INLINE void resq_rope_fast(const float *x, const float *angles, float *y, int64_t rows,
                                int64_t ldx, int64_t ldy, int64_t heads, int64_t head_size,
                                int64_t size, resq_part part) {
  const int64_t half = size / 2, pairs = head_size - half;
  const resq_turns turns = resq_element_turns(part, rows, heads * pairs);
  resq_begin();
  RESQ_EACH_ELEMENT(turns, heads * pairs, r, at) { // a pair, or an element behind them
    const int64_t h = at / pairs, i = at % pairs;
    const float *from = x + r * ldx + h * head_size;
    float *to = y + r * ldy + h * head_size;
    if (i >= half) {
      to[half + i] = from[half + i];
      continue;
    }
    const float a = from[i], b = from[half + i];
    const float c = angles[r * size + i], s = angles[r * size + half + i];
    to[i] = a * c - b * s;
    to[half + i] = b * c + a * s;
  }
}

RESQ_INLINE void resq_split_fast(const float *x, float *low, float *high_part, int64_t rows,
                                 int64_t ldx, int64_t ld_low, int64_t ld_high, int64_t width,
                                 int64_t block, int64_t high, resq_part part) {
  const int64_t kept = block - high;
  const resq_turns turns = resq_element_turns(part, rows, width);
  resq_begin();
  RESQ_EACH_ELEMENT(turns, width, r, i) {
    const int64_t b = i / block, j = i % block;
    const float v = x[r * ldx + i];
    if (j < kept)
      low[r * ld_low + b * kept + j] = v;
    else
      high_part[r * ld_high + b * high + j - kept] = v;
  }
}

/// Column `column` of a matrix [size, size], a parameter: it is loaded before the launches that this
/// one waits for have ended.
RESQ_INLINE void resq_rotate_hold(const float *matrix, int64_t size, int64_t column, float *m) {
  RESQ_UNROLL
  for (int k = 0; k < (int)size; ++k)
    m[k] = matrix[k * size + column];
}

/// A column of a block of a row is a thread's at once; sums run over rising k, as everywhere. Blocks of
/// at most RESQ_ROTATE_HELD elements.
RESQ_INLINE void resq_rotate_fast(const float *x, const float *matrix, float *y, int64_t rows,
                                  int64_t ldx, int64_t ldy, int64_t groups, int64_t size,
                                  int64_t blocks, resq_part part) {
  float m[RESQ_ROTATE_HELD];
  const int64_t width = groups * size;
  const resq_turns turns = resq_element_turns(part, rows, width);
  resq_let_next_launch_start();
  for (int64_t at = turns.first + resq_thread(); at < turns.end; at += turns.step) {
    const int64_t j = at % width / size;
    const float *from = x + at / width * ldx + j * size;
    resq_rotate_hold(matrix + j * blocks / groups * size * size, size, at % size, m);
    resq_wait_for_launches();
    float sum = 0.0f;
    RESQ_UNROLL
    for (int k = 0; k < (int)size; ++k)
      sum += from[k] * m[k];
    y[at / width * ldy + at % width] = sum;
  }
  resq_wait_for_launches(); // a launch that has seen no end of those before it must not end itself
}

//===-- rms_norm ----------------------------------------------------------===//

RESQ_INLINE uint32_t resq_norm_at(int64_t i, int64_t width) {
  const int64_t stride = resq_norm_each(width) + 4;
  return 4 * (uint32_t)(i % RESQ_NORM_LANES * stride + i / RESQ_NORM_LANES);
}
/// The root of a row whose squares the block's threads have put where resq_norm_at says, in all of them.
RESQ_INLINE float resq_norm_root(int64_t width, float eps, uint32_t shared) {
  const int thread = resq_thread(), lane = thread % RESQ_NORM_LANES;
  const uint32_t root = shared + (uint32_t)resq_rms_norm_shared(width) - 16;
  const int64_t each = resq_norm_each(width);
  for (int64_t i = width + thread; i < RESQ_NORM_LANES * each; i += resq_threads())
    resq_shared_store_f32(shared + resq_norm_at(i, width), 0.0f);
  resq_sync_block();
  if (thread < RESQ_WARP) {
    float sum = 0.0f;
    RESQ_UNROLL_BY(16)
    for (int64_t k = 0; k < each; k += 4) {
      const resq_u32x4 v =
          resq_shared_load_x4(shared + resq_norm_at(lane, width) + 4 * (uint32_t)k);
      RESQ_UNROLL
      for (int j = 0; j < 4; ++j)
        sum += resq_float_of(v[j]);
    }
    for (int half = RESQ_NORM_LANES / 2; half > 0; half /= 2)
      sum += resq_shuffle_xor_f32(sum, half);
    if (thread == 0)
      resq_shared_store_f32(root, __builtin_sqrtf(sum / (float)width + eps));
  }
  resq_sync_block();
  return resq_shared_load_f32(root);
}

/// A row has at most RESQ_NORM_HELD times as many elements as the block threads.
RESQ_INLINE void resq_rms_norm_fast(const float *x, const float *gain, float *y, int64_t rows,
                                    int64_t ldx, int64_t ldy, int64_t width, float eps,
                                    resq_part part) {
  const uint32_t shared = resq_dynamic_shared();
  const resq_turns turns = resq_turns_of(part, rows, 1, 1);
  const int threads = part.threads, each = (int)((width + threads - 1) / threads);
  float v[RESQ_NORM_HELD], g[RESQ_NORM_HELD];
  resq_let_next_launch_start();
  RESQ_UNROLL
  for (int k = 0; k < each; ++k) {
    const int64_t i = resq_thread() + (int64_t)k * threads;
    g[k] = gain && i < width ? gain[i] : 1.0f;
  }
  resq_wait_for_launches();
  for (int64_t r = turns.first; r < turns.end; r += turns.step) {
    RESQ_UNROLL
    for (int k = 0; k < each; ++k) {
      const int64_t i = resq_thread() + (int64_t)k * threads;
      v[k] = i < width ? x[r * ldx + i] : 0.0f;
    }
    RESQ_UNROLL
    for (int k = 0; k < each; ++k) {
      const int64_t i = resq_thread() + (int64_t)k * threads;
      if (i < width)
        resq_shared_store_f32(shared + resq_norm_at(i, width), v[k] * v[k]);
    }
    const float root = resq_norm_root(width, eps, shared);
    RESQ_UNROLL
    for (int k = 0; k < each; ++k) {
      const int64_t i = resq_thread() + (int64_t)k * threads;
      if (i < width)
        y[r * ldy + i] = gain ? v[k] / root * g[k] : v[k] / root;
    }
    resq_sync_block();
  }
}

//===-- Hadamard ----------------------------------------------------------===//

/// Where element i stands in shared memory: a word is left out after every 32, so that threads whose
/// elements are a multiple of 32 apart meet different banks.
RESQ_INLINE uint32_t resq_hadamard_at(int64_t i) { return 4 * (uint32_t)(i + i / 32); }

/// Signs, a parameter, as floats to shared memory at `to`.
RESQ_INLINE void resq_hadamard_load_signs(uint32_t to, const int8_t *signs, int64_t order,
                                          int threads) {
  const int64_t row = resq_hadamard_row(order);
  for (int64_t i = resq_thread(); i < order * row; i += threads)
    resq_shared_store_f32(to + 4 * (uint32_t)i,
                          i % row < order && signs[i / row * order + i % row] > 0 ? 1.0f : -1.0f);
}

enum { RESQ_HADAMARD_RUNS = 4 }; ///< of a warp, whose shuffles are under way together

/// The butterflies of strides 2^first, 2^(first + 1), ... below `length` and below 32 times the
/// first: lanes hold elements 2^first apart, in place in shared memory.
RESQ_INLINE void resq_hadamard_pass(uint32_t t, int64_t size, int64_t length, int first,
                                    int threads) {
  const int lane = resq_thread() % RESQ_WARP, warps = threads / RESQ_WARP;
  const int64_t apart = (int64_t)1 << first;
  const int64_t runs = (size + RESQ_WARP * apart - 1) / (RESQ_WARP * apart) * apart;
  for (int64_t run = resq_thread() / RESQ_WARP; run < runs; run += RESQ_HADAMARD_RUNS * warps) {
    float v[RESQ_HADAMARD_RUNS];
    int64_t at[RESQ_HADAMARD_RUNS];
    RESQ_UNROLL
    for (int k = 0; k < RESQ_HADAMARD_RUNS; ++k) {
      const int64_t own = run + k * warps;
      at[k] = own < runs ? (own / apart * RESQ_WARP + lane) * apart + own % apart : size;
      v[k] = at[k] < size ? resq_shared_load_f32(t + resq_hadamard_at(at[k])) : 0.0f;
    }
    RESQ_UNROLL
    for (int bit = 0; bit < 5; ++bit)
      if (apart << bit < length)
        RESQ_UNROLL
    for (int k = 0; k < RESQ_HADAMARD_RUNS; ++k) {
      const float other = resq_shuffle_xor_f32(v[k], 1 << bit);
      v[k] = lane >> bit & 1 ? other - v[k] : v[k] + other;
    }
    RESQ_UNROLL
    for (int k = 0; k < RESQ_HADAMARD_RUNS; ++k)
      if (at[k] < size)
        resq_shared_store_f32(t + resq_hadamard_at(at[k]), v[k]);
  }
  resq_sync_block();
}

/// All butterflies of the block of `size` in shared memory at t.
RESQ_INLINE void resq_hadamard_butterflies(uint32_t t, int64_t size, int64_t length, int threads) {
  RESQ_UNROLL
  for (int first = 0; first < 20; first += 5)
    if ((int64_t)1 << first < length)
      resq_hadamard_pass(t, size, length, first, threads);
}

/// Row o of the signs at `signs` by a column v. A product with 1 or -1 is exact, so that a fused sum rounds
/// once, as an addition or a subtraction does.
RESQ_INLINE float resq_hadamard_row_sum(const float *v, uint32_t signs, int64_t o, int64_t order) {
  float sum = 0.0f;
  RESQ_UNROLL
  for (int j = 0; j < (int)order; j += 4) {
    const resq_u32x4 s =
        resq_shared_load_x4(signs + 4 * (uint32_t)(o * resq_hadamard_row(order) + j));
    RESQ_UNROLL
    for (int k = 0; k < 4; ++k)
      if (j + k < order)
        sum = j + k == 0 ? resq_float_of(s[k]) * v[0]
                         : __builtin_fmaf(resq_float_of(s[k]), v[j + k], sum);
  }
  return sum;
}

/// The block of `size` in shared memory at t, whose signs stand behind it, to y.
RESQ_INLINE void resq_hadamard_block(uint32_t t, float *y, int64_t size, int64_t order,
                                     int threads) {
  const int64_t length = size / order;
  const float scale = resq_hadamard_scale(size);
  resq_hadamard_butterflies(t, size, length, threads);
  if (order == 1) {
    for (int64_t i = resq_thread(); i < size; i += threads)
      y[i] = resq_shared_load_f32(t + resq_hadamard_at(i)) * scale;
    return;
  }
  // A thread is a column of some rows: a column each would leave most threads idle.
  const int64_t cuts = length < threads ? threads / length : 1;
  for (int64_t at = resq_thread(); at < length * cuts; at += threads) {
    float v[RESQ_HADAMARD_MOST_ORDER];
    RESQ_UNROLL
    for (int j = 0; j < (int)order; ++j)
      v[j] = resq_shared_load_f32(t + resq_hadamard_at(j * length + at % length));
    for (int64_t o = at / length; o < order; o += cuts)
      y[o * length + at % length] =
          resq_hadamard_row_sum(v, t + resq_hadamard_signs_at(size), o, order) * scale;
  }
}

/// A block of a row is a block's at once.
RESQ_INLINE void resq_hadamard_fast(const float *x, const int8_t *signs, float *y, int64_t rows,
                                    int64_t ldx, int64_t ldy, int64_t width, int64_t size,
                                    int64_t order, resq_part part) {
  const uint32_t t = resq_dynamic_shared();
  const int64_t blocks = width / size;
  const resq_turns turns = resq_turns_of(part, rows, blocks, 1);
  const int threads = part.threads;
  resq_let_next_launch_start();
  if (order > 1)
    resq_hadamard_load_signs(t + resq_hadamard_signs_at(size), signs, order, threads);
  resq_wait_for_launches();
  for (int64_t b = turns.first; b < turns.end; b += turns.step) {
    const float *from = x + b / blocks * ldx + b % blocks * size;
    RESQ_UNROLL_BY(16)
    for (int64_t k = 0; k < (size + threads - 1) / threads; ++k) {
      const int64_t i = resq_thread() + k * threads;
      if (i < size)
        resq_shared_store_f32(t + resq_hadamard_at(i), from[i]);
    }
    resq_sync_block();
    resq_hadamard_block(t, y + b / blocks * ldy + b % blocks * size, size, order, threads);
    resq_sync_block();
  }
}

#endif // RESQ_KERNELS_NVPTX_ROW_OPS_FAST_H
