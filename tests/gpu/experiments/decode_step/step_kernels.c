//===-- step_kernels.c - what a decode step launches, but for attention ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The row operations of runtime/kernels/nvptx with shapes as constants; the same fused around the
// linears (1 row). decode_step.c says how they are launched.
//===----------------------------------------------------------------------===//
#include "nvptx/row_ops_fast.h"
#include "nvptx/quantize_fast.h"

#define KERNEL __attribute__((device_kernel)) void

KERNEL fill(uint32_t *p, int64_t words, uint32_t seed) {
  for (int64_t i = resq_block_x() * resq_threads() + resq_thread(); i < words;
       i += resq_blocks_x() * resq_threads()) {
    uint32_t v = (uint32_t)i * 2654435761u + seed;
    v ^= v >> 15;
    v *= 2246822519u;
    v ^= v >> 13;
    p[i] = v;
  }
}
KERNEL empty(void) {
  resq_let_next_launch_start();
  resq_wait_for_launches();
}

/// `turns` barriers of the whole grid, whose blocks all run at once.
KERNEL grid_barriers(uint32_t *counter, int32_t turns) {
  const uint32_t blocks = (uint32_t)resq_blocks_x();
  for (int32_t i = 0; i < turns; ++i) {
    resq_sync_block();
    if (resq_thread() == 0) {
      resq_fence_gpu();
      resq_count_up(counter, 0xffffffffu);
      while (resq_load(counter) < blocks * (uint32_t)(i + 1)) {
      }
      resq_fence_gpu();
    }
    resq_sync_block();
  }
}

//===-- Operations of their own -------------------------------------------===//

/// Sums of a linear to floats: element `at` of channel block n.
RESQ_INLINE float settle(int32_t *sums, const float *scales, int64_t channel, float high,
                         float low) {
  int32_t *at = sums + channel / 128 * 256 + channel % 128;
  const float y = (float)at[0] * high * scales[channel] + (float)at[128] * low * scales[channel];
  at[0] = at[128] = 0;
  return y;
}
KERNEL finish(int32_t *sums, const float *scales, const float *row_scales, float *y, int64_t n) {
  resq_let_next_launch_start();
  resq_wait_for_launches();
  const int64_t i = resq_block_x() * resq_threads() + resq_thread();
  if (i < n)
    y[i] = settle(sums, scales, i, row_scales[0], row_scales[1]);
}

enum { NORM_THREADS = 1024 };

/// `part` of `width` elements from x[first] on, which threads hold, normed: element me + k * threads.
RESQ_INLINE void fused_quantize(uint32_t x, int64_t first, int64_t width, float root,
                                const float *gain, int8_t *codes, resq_quant_meta *meta,
                                uint32_t rest) {
  const resq_team team = {resq_thread(), NORM_THREADS, rest};
  float v[RESQ_QUANTIZE_HELD];
  RESQ_UNROLL
  for (int k = 0; k < (int)((width + NORM_THREADS - 1) / NORM_THREADS); ++k) {
    const int64_t i = team.me + k * NORM_THREADS;
    v[k] = i < width ? resq_shared_load_f32(x + 4 * (uint32_t)(first + i)) / root * gain[first + i]
                     : 0.0f;
  }
  resq_quantize_held(team, v, codes, meta, width, 8, 1.0f);
}

RESQ_INLINE void fused_norm(int32_t *sums, const float *scales, const float *row_scales,
                            float *stream, const float *gain, int8_t *codes, resq_quant_meta *meta,
                            int64_t h, int64_t low) {
  const uint32_t x = resq_dynamic_shared(), squares = x + 4 * (uint32_t)h;
  const uint32_t rest = squares + (uint32_t)resq_rms_norm_shared(h);
  const int each = (int)((h + NORM_THREADS - 1) / NORM_THREADS);
  float v[RESQ_NORM_HELD];
  resq_let_next_launch_start();
  resq_wait_for_launches();
  RESQ_UNROLL
  for (int k = 0; k < each; ++k) {
    const int64_t i = resq_thread() + k * NORM_THREADS;
    if (i < h)
      v[k] = stream[i] + settle(sums, scales, i, row_scales[0], row_scales[1]);
  }
  RESQ_UNROLL
  for (int k = 0; k < each; ++k) {
    const int64_t i = resq_thread() + k * NORM_THREADS;
    if (i < h) {
      stream[i] = v[k];
      resq_shared_store_f32(x + 4 * (uint32_t)i, v[k]);
      resq_shared_store_f32(squares + resq_norm_at(i, h), v[k] * v[k]);
    }
  }
  const float root = resq_norm_root(h, 1e-5f, squares);
  fused_quantize(x, 0, low, root, gain, codes, meta, rest);
  fused_quantize(x, low, h - low, root, gain, codes + 65536, meta + 1, rest);
}

RESQ_INLINE void fused_silu(int32_t *sums, const float *scales, const float *row_scales,
                            float *parts, int64_t f, int64_t f_low, int64_t length, int threads) {
  const uint32_t t = resq_dynamic_shared();
  const int64_t at = resq_block_x() * threads + resq_thread();
  resq_let_next_launch_start();
  resq_wait_for_launches();
  const float g = settle(sums, scales, at, row_scales[0], row_scales[1]);
  const float u = settle(sums, scales, f + at, row_scales[0], row_scales[1]);
  const float y = g / (1.0f + resq_exp(-g)) * u;
  if (at >= f_low) { // the whole block
    parts[at] = y;
    return;
  }
  resq_shared_store_f32(t + resq_hadamard_at(resq_thread()), y);
  resq_sync_block();
  resq_hadamard_butterflies(t, threads, length, threads);
  parts[at] = resq_shared_load_f32(t + resq_hadamard_at(resq_thread()));
}

/// Block 0: the low part; block 1: the high part.
RESQ_INLINE void fused_down(const float *parts, const int8_t *signs, int8_t *codes,
                            resq_quant_meta *meta, int64_t f, int64_t f_low, int64_t order,
                            int threads) {
  const uint32_t t = resq_dynamic_shared(), rest = t + 4 * RESQ_HADAMARD_MOST_ORDER * 64;
  const resq_team team = {resq_thread(), threads, rest};
  const int64_t length = f_low / order, cuts = threads / length, column = team.me % length;
  resq_let_next_launch_start();
  if (resq_block_x() == 1) {
    resq_wait_for_launches();
    resq_quantize_range_fast(team, parts + f_low, codes + 65536, meta + 1, f - f_low, f - f_low, 8,
                             1.0f);
    return;
  }
  resq_hadamard_load_signs(t, signs, order, threads);
  resq_sync_block();
  resq_wait_for_launches();
  const float scale = resq_hadamard_scale(f_low);
  float v[RESQ_HADAMARD_MOST_ORDER], y[RESQ_QUANTIZE_HELD];
  RESQ_UNROLL
  for (int j = 0; j < (int)order; ++j)
    v[j] = parts[j * length + column];
  RESQ_UNROLL // thread (cut, column) has rows cut, cut + cuts, ...: elements `threads` apart
      for (int k = 0; k < (int)(order / cuts); ++k) y[k] =
          resq_hadamard_row_sum(v, t, team.me / length + k * cuts, order) * scale;
  resq_quantize_held(team, y, codes, meta, f_low, 8, 1.0f);
}

enum { QUANTIZE_THREADS = 512 };
/// Of a block of the Hadamard transform of a model: rows of 1,024 or of 64 elements.
#define HADAMARD_THREADS(order) ((order) == 12 ? 1024 : 256)

/// h: width; q: what attention takes, heads of `size`; f: of the feed-forward; the parts that the
/// low codes have, with o's groups; Hadamard's order.
#define MODEL(m, h, low, heads, kv_heads, size, size_low, f, f_low, order)                         \
  KERNEL norm_##m(const float *x, const float *gain, float *y, int64_t rows) {                     \
    resq_rms_norm_fast(x, gain, y, rows, h, h, h, 1e-5f, resq_whole(512));                         \
  }                                                                                                \
  KERNEL add_##m(const float *a, const float *b, float *y, int64_t rows) {                         \
    resq_add_fast(a, b, y, rows, h, h, h, h, resq_whole(resq_threads()));                          \
  }                                                                                                \
  KERNEL split_##m(const float *x, float *l, float *hi, int64_t rows) {                            \
    resq_split_fast(x, l, hi, rows, h, low, h - low, h, h, h - low, resq_whole(resq_threads()));   \
  }                                                                                                \
  KERNEL split_o_##m(const float *x, float *l, float *hi, int64_t rows) {                          \
    resq_split_fast(x, l, hi, rows, heads * size, heads * size_low, heads * (size - size_low),     \
                    heads * size, size, size - size_low, resq_whole(resq_threads()));              \
  }                                                                                                \
  KERNEL split_f_##m(const float *x, float *l, float *hi, int64_t rows) {                          \
    resq_split_fast(x, l, hi, rows, f, f_low, f - f_low, f, f, f - f_low,                          \
                    resq_whole(resq_threads()));                                                   \
  }                                                                                                \
  KERNEL quantize_low_##m(const float *x, int8_t *c, resq_quant_meta *meta, int64_t rows) {        \
    resq_quantize_fast(x, 0, c, meta, rows, low, low, low, low, 8, 1.0f,                           \
                       resq_whole(QUANTIZE_THREADS));                                              \
  }                                                                                                \
  KERNEL quantize_high_##m(const float *x, int8_t *c, resq_quant_meta *meta, int64_t rows) {       \
    resq_quantize_fast(x, 0, c, meta, rows, h - low, h - low, h - low, h - low, 8, 1.0f,           \
                       resq_whole(QUANTIZE_THREADS));                                              \
  }                                                                                                \
  KERNEL quantize_o_low_##m(const float *x, int8_t *c, resq_quant_meta *meta, int64_t rows) {      \
    resq_quantize_fast(x, 0, c, meta, rows, heads * size_low, heads * size_low, size_low,          \
                       size_low, 8, 1.0f, resq_whole(QUANTIZE_THREADS));                           \
  }                                                                                                \
  KERNEL quantize_o_high_##m(const float *x, int8_t *c, resq_quant_meta *meta, int64_t rows) {     \
    resq_quantize_fast(x, 0, c, meta, rows, heads * (size - size_low), heads * (size - size_low),  \
                       size - size_low, size - size_low, 8, 1.0f, resq_whole(QUANTIZE_THREADS));   \
  }                                                                                                \
  KERNEL quantize_f_low_##m(const float *x, int8_t *c, resq_quant_meta *meta, int64_t rows) {      \
    resq_quantize_fast(x, 0, c, meta, rows, f_low, f_low, f_low, f_low, 8, 1.0f,                   \
                       resq_whole(QUANTIZE_THREADS));                                              \
  }                                                                                                \
  KERNEL quantize_f_high_##m(const float *x, int8_t *c, resq_quant_meta *meta, int64_t rows) {     \
    resq_quantize_fast(x, 0, c, meta, rows, f - f_low, f - f_low, f - f_low, f - f_low, 8, 1.0f,   \
                       resq_whole(QUANTIZE_THREADS));                                              \
  }                                                                                                \
  KERNEL rope_q_##m(const float *x, const float *angles, float *y, int64_t rows) {                 \
    resq_rope_fast(x, angles, y, rows, (heads + 2 * kv_heads) * size, heads * size, heads, size,   \
                   size, resq_whole(resq_threads()));                                              \
  }                                                                                                \
  KERNEL rope_k_##m(const float *x, const float *angles, float *y, int64_t rows) {                 \
    resq_rope_fast(x, angles, y, rows, (heads + 2 * kv_heads) * size, kv_heads * size, kv_heads,   \
                   size, size, resq_whole(resq_threads()));                                        \
  }                                                                                                \
  KERNEL rotate_q_##m(const float *x, const float *matrix, float *y, int64_t rows) {               \
    resq_rotate_fast(x, matrix, y, rows, heads * size, heads * size, heads, size, kv_heads,        \
                     resq_whole(resq_threads()));                                                  \
  }                                                                                                \
  KERNEL rotate_k_##m(const float *x, const float *matrix, float *y, int64_t rows) {               \
    resq_rotate_fast(x, matrix, y, rows, kv_heads * size, kv_heads * size, kv_heads, size,         \
                     kv_heads, resq_whole(resq_threads()));                                        \
  }                                                                                                \
  KERNEL silu_##m(const float *gate, const float *up, float *y, int64_t rows) {                    \
    resq_silu_gate_fast(gate, up, y, rows, 2 * f, 2 * f, f, f, resq_whole(resq_threads()));        \
  }                                                                                                \
  KERNEL hadamard_##m(const float *x, const int8_t *signs, float *y, int64_t rows) {               \
    resq_hadamard_fast(x, signs, y, rows, f_low, f_low, f_low, f_low, order,                       \
                       resq_whole(HADAMARD_THREADS(order)));                                       \
  }                                                                                                \
  /* Sums of a linear, the residual stream, the norm, both parts' codes. */                        \
  KERNEL fused_norm_##m(int32_t *sums, const float *scales, const float *row_scales,               \
                        float *stream, const float *gain, int8_t *codes, resq_quant_meta *meta) {  \
    fused_norm(sums, scales, row_scales, stream, gain, codes, meta, h, low);                       \
  }                                                                                                \
  /* A head of q, k or v: sums, RoPE, rotation. */                                                 \
  KERNEL fused_heads_##m(int32_t *sums, const float *scales, const float *row_scales,              \
                         const float *angles, const float *matrix, float *q, float *k, float *v) { \
    const uint32_t x = resq_dynamic_shared(), y = x + 4 * size;                                    \
    const int64_t head = resq_block_x();                                                           \
    const int64_t kv = head < heads ? head / (heads / kv_heads) : (head - heads) % kv_heads;       \
    resq_let_next_launch_start();                                                                  \
    const int i = resq_thread();                                                                   \
    float column[size];                                                                            \
    resq_rotate_hold(matrix + kv * size * size, size, i, column);                                  \
    resq_wait_for_launches();                                                                      \
    const float own = settle(sums, scales, head * size + i, row_scales[0], row_scales[1]);         \
    if (head >= heads + kv_heads) {                                                                \
      v[(head - heads - kv_heads) * size + i] = own;                                               \
      return;                                                                                      \
    }                                                                                              \
    resq_shared_store_f32(x + 4 * (uint32_t)i, own);                                               \
    resq_sync_block();                                                                             \
    const float other = resq_shared_load_f32(x + 4 * (uint32_t)((i + size / 2) % size));           \
    const float c = angles[i % (size / 2)], s = angles[size / 2 + i % (size / 2)];                 \
    resq_shared_store_f32(y + 4 * (uint32_t)i,                                                     \
                          i < size / 2 ? own * c - other * s : own * c + other * s);               \
    resq_sync_block();                                                                             \
    float sum = 0.0f;                                                                              \
    RESQ_UNROLL                                                                                    \
    for (int j = 0; j < size; ++j)                                                                 \
      sum += resq_shared_load_f32(y + 4 * (uint32_t)j) * column[j];                                \
    if (head < heads)                                                                              \
      q[head * size + i] = sum;                                                                    \
    else                                                                                           \
      k[(head - heads) * size + i] = sum;                                                          \
  }                                                                                                \
  /* Attention's results to both parts' codes: a block is a head. */                               \
  KERNEL fused_o_##m(const float *x, int8_t *codes, resq_quant_meta *meta) {                       \
    const int64_t head = resq_block_x();                                                           \
    const uint32_t shared = resq_dynamic_shared();                                                 \
    const resq_team team = {resq_thread() % RESQ_WARP, RESQ_WARP, shared};                         \
    resq_let_next_launch_start();                                                                  \
    resq_wait_for_launches();                                                                      \
    if (resq_thread() < RESQ_WARP)                                                                 \
      resq_quantize_range_fast(team, x + head * size, codes + head * resq_round_up(size_low, 8),   \
                               meta + head, size_low, size_low, 8, 1.0f);                          \
    else                                                                                           \
      resq_quantize_range_fast(team, x + head * size + size_low, codes + 65536 + head * 32,        \
                               meta + heads + head, size - size_low, size - size_low, 8, 1.0f);    \
  }                                                                                                \
  /* Gate and up: sums, SiLU, butterflies of the low part's rows. */                               \
  KERNEL fused_silu_##m(int32_t *sums, const float *scales, const float *row_scales,               \
                        float *parts) {                                                            \
    fused_silu(sums, scales, row_scales, parts, f, f_low, f_low / order, HADAMARD_THREADS(order)); \
  }                                                                                                \
  /* The signs of the Hadamard transform, both parts' codes. */                                    \
  KERNEL fused_down_##m(const float *parts, const int8_t *signs, int8_t *codes,                    \
                        resq_quant_meta *meta) {                                                   \
    fused_down(parts, signs, codes, meta, f, f_low, order, HADAMARD_THREADS(order));               \
  }

MODEL(8b, 4096, 3584, 32, 8, 128, 112, 14336, 12288, 12)
MODEL(smol, 576, 504, 9, 3, 64, 56, 1536, 1280, 20)
