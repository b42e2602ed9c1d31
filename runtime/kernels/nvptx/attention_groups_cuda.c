//===-- attention_groups_cuda.c - attention over grouped keys ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block is a head of a row and goes through its groups of 32 tokens in turns; sums of floats have the order of
// attention_groups_generic.c, each in one thread.
//===----------------------------------------------------------------------===//
#include "elements.h"
#include "kernels/layout/kv_groups.h"
#include "kernels/scalar_math.h"

/// Where parts of the shared memory begin: floats.
typedef struct resq_group_attender {
  uint32_t sketched, inliers,
      outliers; ///< S q; of one group of tokens: what its inliers, its outliers have of it
  uint32_t scores, weights; ///< [32]
  uint32_t y;               ///< [size]
} resq_group_attender;

RESQ_INLINE resq_group_attender resq_group_attender_at(uint32_t shared, resq_kv_groups g) {
  resq_group_attender a = {.sketched = shared};
  a.inliers = a.sketched + 4 * (uint32_t)g.rows;
  a.outliers = a.inliers + 4 * (uint32_t)g.rows;
  a.scores = a.outliers + 4 * (uint32_t)g.outlier_rows;
  a.weights = a.scores + 4 * RESQ_KV_GROUP;
  a.y = a.weights + 4 * RESQ_KV_GROUP;
  return a;
}

/// Row j of the sketch: element i at i * RESQ_TILE_N.
RESQ_INLINE const float *resq_group_sketch_row(const float *sketch, int64_t size, int64_t j) {
  return sketch + j / RESQ_TILE_N * RESQ_TILE_N * size + j % RESQ_TILE_N;
}

RESQ_INLINE void resq_group_sketch(const resq_group_attender *a, resq_kv_groups g,
                                   const float *sketch, const float *q, int threads) {
  for (int64_t j = resq_thread(); j < g.rows; j += threads) {
    const float *row = resq_group_sketch_row(sketch, g.size, j);
    float sum = 0.0f;
    for (int64_t i = 0; i < g.size; ++i)
      sum += row[i * RESQ_TILE_N] * q[i];
    resq_shared_store_f32(a->sketched + 4 * (uint32_t)j, sum);
  }
  for (int64_t i = resq_thread(); i < g.size; i += threads)
    resq_shared_store_f32(a->y + 4 * (uint32_t)i, 0.0f);
  resq_sync_block();
}

/// What the group's outlier channels have of S q, and what they leave.
RESQ_INLINE void resq_group_part(const resq_group_attender *a, resq_kv_groups g,
                                 const float *sketch, const uint8_t *indices, const float *q,
                                 int threads) {
  for (int64_t j = resq_thread(); j < g.rows; j += threads) {
    const float *row = resq_group_sketch_row(sketch, g.size, j);
    float out = 0.0f;
    for (int64_t o = 0; o < g.outliers; ++o)
      out += row[indices[o] * RESQ_TILE_N] * q[indices[o]];
    resq_shared_store_f32(a->inliers + 4 * (uint32_t)j,
                          resq_shared_load_f32(a->sketched + 4 * (uint32_t)j) - out);
    if (j < g.outlier_rows)
      resq_shared_store_f32(a->outliers + 4 * (uint32_t)j, out);
  }
  resq_sync_block();
}

/// The dot product of columns in shared memory with the signs of a key.
RESQ_INLINE float resq_group_dot(const resq_kv_view *v, int64_t position, uint32_t columns) {
  float sum = 0.0f;
  for (int64_t i = 0; i < v->size; ++i)
    sum += resq_shared_load_f32(columns + 4 * (uint32_t)i) * resq_kv_decode(v, position, i);
  return sum;
}

RESQ_INLINE float resq_group_score(const resq_group_attender *a, const resq_kv_group_view *v,
                                   resq_kv_groups g, const float *q, int64_t position,
                                   bool is_exact) {
  if (!is_exact)
    return resq_group_dot(&v->inliers, position, a->inliers) +
           resq_group_dot(&v->outliers, position, a->outliers);
  float sum = 0.0f;
  for (int64_t i = 0; i < g.size; ++i)
    sum += q[i] * resq_kv_decode(&v->exact, position % g.window, i);
  return sum;
}

/// The scores of `count` tokens from `first` on are in: their values are added up.
RESQ_INLINE void resq_group_add(const resq_group_attender *a, const resq_kv_view *value,
                                int64_t first, int64_t count, int threads, float *largest,
                                float *sum) {
  const float before = *largest;
  for (int64_t t = 0; t < count; ++t) {
    const float score = resq_shared_load_f32(a->scores + 4 * (uint32_t)t);
    *largest = score > *largest ? score : *largest;
  }
  const float factor = resq_exp(before - *largest);
  if (resq_thread() < count)
    resq_shared_store_f32(
        a->weights + 4 * (uint32_t)resq_thread(),
        resq_exp(resq_shared_load_f32(a->scores + 4 * (uint32_t)resq_thread()) - *largest));
  resq_sync_block();
  *sum *= factor;
  for (int64_t t = 0; t < count; ++t)
    *sum += resq_shared_load_f32(a->weights + 4 * (uint32_t)t);
  for (int64_t i = resq_thread(); i < value->size; i += threads) {
    float v = resq_shared_load_f32(a->y + 4 * (uint32_t)i) * factor;
    for (int64_t t = 0; t < count; ++t)
      v += resq_shared_load_f32(a->weights + 4 * (uint32_t)t) * resq_kv_decode(value, first + t, i);
    resq_shared_store_f32(a->y + 4 * (uint32_t)i, v);
  }
  resq_sync_block();
}

void RESQ_KERNEL(resq_attention_groups)(
    const float *q, const int32_t *positions, const int32_t *sequences, const float *sketch,
    const uint8_t *cache, float *y, int64_t rows, int64_t ldq, int64_t ldy, int64_t capacity,
    int64_t heads, int64_t kv_heads, int64_t head_size, float scale, int64_t k_rows,
    int64_t outliers, int64_t outlier_rows, int64_t buffer, int64_t window, int64_t v_kind,
    int64_t v_bits, int64_t v_high, int64_t variant, uint8_t *scratch) {
  const resq_kv_groups g = {head_size, k_rows, outliers, outlier_rows, buffer, window};
  const resq_kv_format values = {head_size, v_kind, v_bits, v_high, 0};
  const resq_group_attender a = resq_group_attender_at(resq_dynamic_shared(), g);
  const int threads = RESQ_KV_GROUPS_THREADS;
  (void)variant, (void)scratch;
  resq_begin();
  for (int64_t item = resq_block_x(); item < rows * heads; item += resq_blocks_x()) {
    const int64_t row = item / heads, head = item % heads, tokens = (int64_t)positions[row] + 1;
    const int64_t flushed = resq_kv_flushed(g, positions[row]);
    const resq_kv_group_view v = resq_kv_group_head((uint8_t *)cache, g, values, capacity, kv_heads,
                                                    sequences[row], head / (heads / kv_heads));
    const float *query = q + row * ldq + head * head_size;
    float largest = -3.0e38f, sum = 0.0f; // every thread's, the same
    resq_group_sketch(&a, g, sketch, query, threads);
    for (int64_t first = 0; first < tokens; first += RESQ_KV_GROUP) {
      const int64_t count = tokens - first < RESQ_KV_GROUP ? tokens - first : RESQ_KV_GROUP;
      if (first < flushed)
        resq_group_part(&a, g, sketch, resq_kv_group_indices(&v, first), query, threads);
      if (resq_thread() < count)
        resq_shared_store_f32(
            a.scores + 4 * (uint32_t)resq_thread(),
            resq_group_score(&a, &v, g, query, first + resq_thread(), first >= flushed) * scale);
      resq_sync_block();
      resq_group_add(&a, &v.value, first, count, threads, &largest, &sum);
    }
    for (int64_t i = resq_thread(); i < head_size; i += threads)
      y[row * ldy + head * head_size + i] = resq_shared_load_f32(a.y + 4 * (uint32_t)i) / sum;
    resq_sync_block();
  }
}
