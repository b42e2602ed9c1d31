//===-- attention_tile_scores.h - queries, keys and scores of a tile ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first half of attention_cuda.c: what a block works with, its queries, and the probabilities of 64 positions.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ATTENTION_TILE_SCORES_H
#define RESQ_KERNELS_NVPTX_ATTENTION_TILE_SCORES_H

#include "elements.h"
#include "kernels/scalar_math.h"

enum {
  TOGETHER = RESQ_ATTENTION_TOGETHER,
  BLOCK = RESQ_KV_BLOCK,
  MOST_EACH = RESQ_ATTENTION_MOST_HELD / TOGETHER, ///< elements of a thread
  MOST_TOKENS = 4,                                 ///< of a thread
  LEAST_AT_ONCE = 2, ///< elements of a thread whose loads are under way together
  MOST_AT_ONCE = 16,
  LEAST_SHARE = 4, ///< threads that soften the scores of a query together
};

/// What a block works with; all but rows and places are constants after inlining.
typedef struct resq_attender {
  resq_attention_shape shape;
  int64_t queries, piece;
  int threads, lanes;
  uint32_t coded, q, scores, states; ///< where parts of the shared memory begin
  resq_kv_view key, value;
  int64_t begin, end; ///< rows, of one sequence
  int64_t head, heads;
  float scale;
  const int32_t *positions;
} resq_attender;

/// What the vector of a token is scaled by.
typedef struct resq_token {
  float scales[2];
  int32_t zeros[2];
} resq_token;

RESQ_INLINE resq_token resq_token_of(const resq_kv_view *v, int64_t position) {
  resq_token t = {{1.0f, 1.0f}, {0, 0}};
  if (v->kind == RESQ_KV_F32 || v->kind == RESQ_KV_F16)
    return t;
  t.scales[0] = resq_kv_scale(v, position, 0);
  if (v->kind == RESQ_KV_QJL)
    t.scales[0] = resq_qjl_weight(t.scales[0], v->low);
  if (v->kind == RESQ_KV_INT)
    t.zeros[0] = v->zeros[0][position];
  if (v->high > 0) {
    t.scales[1] = resq_kv_scale(v, position, 1);
    t.zeros[1] = v->zeros[1][position];
  }
  return t;
}

/// resq_kv_decode of a token.
RESQ_INLINE float resq_token_column(const resq_kv_view *v, const resq_token *t, int64_t position,
                                    int64_t i) {
  if (v->kind == RESQ_KV_F32 || v->kind == RESQ_KV_F16)
    return resq_kv_decode(v, position, i);
  const int32_t code = resq_kv_code_of(v, position, i);
  if (i >= v->low)
    return t->scales[1] * (float)(code - t->zeros[1]);
  if (v->kind == RESQ_KV_LM)
    return t->scales[0] * resq_lm_centroid(v->bits, code);
  if (v->kind == RESQ_KV_QJL)
    return code ? t->scales[0] : -t->scales[0];
  return t->scales[0] * (float)(code - t->zeros[0]);
}

/// Elements of a thread whose loads are under way together: with many queries other warps wait less.
RESQ_INLINE int resq_attender_at_once(const resq_attender *a) {
  return a->queries >= 16 ? LEAST_AT_ONCE : MOST_AT_ONCE;
}

//===-- Queries -----------------------------------------------------------===//

/// The row of query i of the block, or -1 where there is none.
RESQ_INLINE int64_t resq_attender_row(const resq_attender *a, int64_t i) {
  const int64_t row = a->begin + i / a->piece;
  return i < a->queries / a->piece * a->piece && row < a->end && i % a->piece < a->heads ? row : -1;
}

RESQ_INLINE float resq_query_column(const resq_kv_view *key, const float *q, const float *sketch,
                                    int64_t j) {
  if (key->kind != RESQ_KV_QJL)
    return q[j];
  if (j >= key->low)
    return q[key->elements + j - key->low];
  const float *row = sketch + j / RESQ_TILE_N * RESQ_TILE_N * key->elements + j % RESQ_TILE_N;
  float sum = 0.0f;
  for (int64_t i = 0; i < key->elements; ++i)
    sum += row[i * RESQ_TILE_N] * q[i];
  return sum;
}

/// Columns of all queries, zeros of those that are not there, and the states that they begin with.
RESQ_INLINE void resq_attender_load(const resq_attender *a, const float *q, const float *sketch,
                                    int64_t ldq) {
  const int64_t all = a->key.size * a->queries;
  const int at_once = resq_attender_at_once(a);
  for (int64_t first = resq_thread(); first < all; first += at_once * a->threads) {
    float v[MOST_AT_ONCE];
    RESQ_UNROLL
    for (int k = 0; k < at_once; ++k) {
      const int64_t at = first + k * a->threads, i = at / a->key.size, j = at % a->key.size;
      const int64_t row = at < all ? resq_attender_row(a, i) : -1;
      const float *from = q + row * ldq + (a->head + i % a->piece) * a->shape.head_size;
      v[k] = row < 0 ? 0.0f : resq_query_column(&a->key, from, sketch, j);
    }
    RESQ_UNROLL
    for (int k = 0; k < at_once; ++k) {
      const int64_t at = first + k * a->threads, i = at / a->key.size, j = at % a->key.size;
      if (at < all)
        resq_shared_store_f32(a->q + 4 * (uint32_t)(j * a->queries + i), v[k]);
    }
  }
  for (int64_t i = resq_thread(); i < a->queries; i += a->threads) {
    const int64_t row = resq_attender_row(a, i);
    resq_shared_store_x4(a->states + 16 * (uint32_t)i,
                         (resq_u32x4){resq_bits_of(-3.0e38f), resq_bits_of(0.0f),
                                      resq_bits_of(1.0f),
                                      row < 0 ? (uint32_t)-1 : (uint32_t)a->positions[row]});
  }
}

/// How many of the block's positions query i may see; 0 or less: none.
RESQ_INLINE int64_t resq_attender_count(const resq_attender *a, int64_t i, int64_t first) {
  return (int64_t)(int32_t)resq_shared_load(a->states + 16 * (uint32_t)i + 12) + 1 - first;
}

//===-- Scores ------------------------------------------------------------===//

/// Elements or columns [from, from + count) of a token, of which the thread has each `share`th from `me` on, to
/// shared memory: `apart` bytes from one to the next, zeros where there is no token.
RESQ_INLINE void resq_attender_decode(const resq_attender *a, const resq_kv_view *v,
                                      int64_t position, bool is_there, int64_t from, int64_t count,
                                      int me, int share, uint32_t to, uint32_t apart) {
  const int at_once = resq_attender_at_once(a);
  const resq_token token =
      is_there ? resq_token_of(v, position) : (resq_token){{0.0f, 0.0f}, {0, 0}};
  for (int64_t first = me; first < count; first += at_once * share) {
    float x[MOST_AT_ONCE];
    RESQ_UNROLL
    for (int k = 0; k < at_once; ++k) {
      const int64_t i = first + k * share;
      x[k] = is_there && i < count ? resq_token_column(v, &token, position, from + i) : 0.0f;
    }
    RESQ_UNROLL
    for (int k = 0; k < at_once; ++k)
      if (first + k * share < count)
        resq_shared_store_f32(to + apart * (uint32_t)(first + k * share), x[k]);
  }
}

/// Columns [from, from + count) of the keys of 64 positions, column by column.
RESQ_INLINE void resq_attender_keys(const resq_attender *a, int64_t first, int64_t tokens,
                                    int64_t from, int64_t count) {
  const int t = resq_thread() % BLOCK;
  resq_attender_decode(a, &a->key, first + t, t < tokens, from, count, resq_thread() / BLOCK,
                       a->threads / BLOCK, a->coded + 4 * (uint32_t)t, 4 * BLOCK);
}

/// Adds columns [from, from + count) to the scores of the thread's queries and tokens.
RESQ_INLINE void resq_attender_add_scores(const resq_attender *a, int64_t from, int64_t count,
                                          float (*sums)[MOST_TOKENS]) {
  const int group = resq_thread() / a->lanes, lane = resq_thread() % a->lanes;
  const int each = BLOCK > a->lanes ? BLOCK / a->lanes : 1;
  uint32_t k_at = a->coded + 4 * (uint32_t)(lane * each);
  uint32_t q_at = a->q + 4 * (uint32_t)(from * a->queries + group * TOGETHER);
  if (lane >= BLOCK)
    return;
  RESQ_UNROLL_BY(4)
  for (int64_t i = 0; i < count; ++i) {
    const resq_u32x4 q = resq_shared_load_x4(q_at);
    resq_u32x4 k = {0, 0, 0, 0};
    if (each == 4)
      k = resq_shared_load_x4(k_at);
    else {
      RESQ_UNROLL
      for (int t = 0; t < each; ++t)
        k[t] = resq_shared_load(k_at + 4 * (uint32_t)t);
    }
    RESQ_UNROLL
    for (int g = 0; g < TOGETHER; ++g)
      RESQ_UNROLL
    for (int t = 0; t < each; ++t)
      sums[g][t] += resq_float_of(q[g]) * resq_float_of(k[t]);
    k_at += 4 * BLOCK;
    q_at += 4 * (uint32_t)a->queries;
  }
}

RESQ_INLINE void resq_attender_put_scores(const resq_attender *a, float (*sums)[MOST_TOKENS]) {
  const int group = resq_thread() / a->lanes, lane = resq_thread() % a->lanes;
  const int each = BLOCK > a->lanes ? BLOCK / a->lanes : 1;
  const uint32_t line = 4 * (uint32_t)resq_attention_score_line(a->queries);
  if (lane >= BLOCK)
    return;
  RESQ_UNROLL
  for (int t = 0; t < each; ++t)
    resq_shared_store_x4(
        a->scores + line * (uint32_t)(lane * each + t) + 4 * (uint32_t)(group * TOGETHER),
        (resq_u32x4){resq_bits_of(sums[0][t] * a->scale), resq_bits_of(sums[1][t] * a->scale),
                     resq_bits_of(sums[2][t] * a->scale), resq_bits_of(sums[3][t] * a->scale)});
}

/// Scores of all queries and of `tokens` positions from `first` on.
RESQ_INLINE void resq_attender_score(const resq_attender *a, int64_t first, int64_t tokens) {
  float sums[TOGETHER][MOST_TOKENS] = {{0}};
  for (int64_t from = 0; from < a->key.size; from += RESQ_ATTENTION_COLUMNS) {
    const int64_t left = a->key.size - from;
    const int64_t count = left < RESQ_ATTENTION_COLUMNS ? left : RESQ_ATTENTION_COLUMNS;
    resq_attender_keys(a, first, tokens, from, count);
    resq_sync_block();
    resq_attender_add_scores(a, from, count, sums);
    resq_sync_block();
  }
  resq_attender_put_scores(a, sums);
  resq_sync_block();
}

/// Scores become probabilities relative to the largest so far; states know by what results are scaled. Some
/// lanes of a warp share a query.
RESQ_INLINE void resq_attender_soften(const resq_attender *a, int64_t first) {
  const int wanted = a->threads / (int)a->queries, share = wanted < RESQ_WARP ? wanted : RESQ_WARP;
  const uint32_t line = 4 * (uint32_t)resq_attention_score_line(a->queries);
  const int me = resq_thread() % share, i = resq_thread() / share;
  if (resq_thread() / RESQ_WARP * RESQ_WARP >= share * (int)a->queries)
    return; // whole warps
  const uint32_t state = a->states + 16 * (uint32_t)i, at = a->scores + 4 * (uint32_t)i;
  const int64_t seen = resq_attender_count(a, i, first);
  const int count = (int)(seen < BLOCK ? seen : BLOCK);
  const float before = resq_shared_load_f32(state);
  float largest = before, scores[BLOCK / LEAST_SHARE];
  RESQ_UNROLL
  for (int k = 0; k < BLOCK / share; ++k) {
    scores[k] = resq_shared_load_f32(at + line * (uint32_t)(me + k * share));
    largest = me + k * share < count && scores[k] > largest ? scores[k] : largest;
  }
  for (int distance = share / 2; distance > 0; distance /= 2) {
    const float other = resq_shuffle_xor_f32(largest, distance);
    largest = other > largest ? other : largest;
  }
  RESQ_UNROLL
  for (int k = 0; k < BLOCK / share; ++k)
    if (me + k * share < count)
      resq_shared_store_f32(at + line * (uint32_t)(me + k * share), resq_exp(scores[k] - largest));
  resq_sync_warp();
  if (me == 0 && count > 0) {
    const float factor = resq_exp(before - largest);
    float sum = resq_shared_load_f32(state + 4) * factor;
    RESQ_UNROLL_BY(16)
    for (int t = 0; t < BLOCK; ++t) {
      const float p = resq_shared_load_f32(at + line * (uint32_t)t);
      sum = t < count ? sum + p : sum;
    }
    resq_shared_store_f32(state, largest);
    resq_shared_store_f32(state + 4, sum);
    resq_shared_store_f32(state + 8, factor);
  }
}

#endif // RESQ_KERNELS_NVPTX_ATTENTION_TILE_SCORES_H
