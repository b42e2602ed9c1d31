//===-- attention_groups_generic.c - attention over grouped keys -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row at a time; a block is one group of 32 tokens, read exactly or by signs.
//===----------------------------------------------------------------------===//
#include "kernels/templates/attention_cut.h"
#include "attention_softmax.h"
#include "kernels/layout/kv_groups.h"

typedef struct scratch {
  resq_softmax softmax;
  const float *q;            ///< [group, size], of the call
  float *sketched;           ///< [group][rows]: S q
  float *inliers, *outliers; ///< [rows], [outlier_rows]: of one head and group of tokens
} scratch;

RESQ_INLINE int64_t fixed_floats(resq_kv_groups g) { return g.rows + g.outlier_rows + g.size; }
RESQ_INLINE int64_t query_floats(resq_kv_groups g) { return g.rows + RESQ_KV_BLOCK + 2; }

RESQ_INLINE scratch lay_out(uint8_t *bytes, resq_kv_groups g, int64_t heads, const float *q,
                            float *y) {
  scratch s = {.q = q, .inliers = (float *)bytes};
  s.outliers = s.inliers + g.rows;
  s.sketched = s.outliers + g.outlier_rows;
  s.softmax =
      (resq_softmax){.value = s.sketched + heads * g.rows, .y = y, .group = heads, .size = g.size};
  s.softmax.scores = s.softmax.value + g.size;
  s.softmax.largest = s.softmax.scores + heads * RESQ_KV_BLOCK;
  s.softmax.sum = s.softmax.largest + heads;
  return s;
}

/// Row j of the sketch: element i at i * RESQ_TILE_N.
RESQ_INLINE const float *sketch_row(const float *sketch, int64_t size, int64_t j) {
  return sketch + j / RESQ_TILE_N * RESQ_TILE_N * size + j % RESQ_TILE_N;
}

RESQ_INLINE void sketch_queries(const scratch *s, resq_kv_groups g, const float *sketch) {
  for (int64_t h = 0; h < s->softmax.group; ++h)
    for (int64_t j = 0; j < g.rows; ++j) {
      const float *row = sketch_row(sketch, g.size, j);
      float sum = 0.0f;
      for (int64_t i = 0; i < g.size; ++i)
        sum += row[i * RESQ_TILE_N] * s->q[h * g.size + i];
      s->sketched[h * g.rows + j] = sum;
    }
}

/// What the group's outlier channels of head h have of S q, and what they leave.
RESQ_INLINE void part_query(const scratch *s, resq_kv_groups g, const float *sketch,
                            const uint8_t *indices, int64_t h) {
  for (int64_t j = 0; j < g.rows; ++j) {
    const float *row = sketch_row(sketch, g.size, j);
    float out = 0.0f;
    for (int64_t o = 0; o < g.outliers; ++o)
      out += row[indices[o] * RESQ_TILE_N] * s->q[h * g.size + indices[o]];
    s->inliers[j] = s->sketched[h * g.rows + j] - out;
    if (j < g.outlier_rows)
      s->outliers[j] = out;
  }
}

/// The dot product of a vector of columns with a decoded key.
RESQ_INLINE float dot_key(const resq_kv_view *key, int64_t position, const float *columns) {
  float sum = 0.0f;
  for (int64_t i = 0; i < key->size; ++i)
    sum += columns[i] * resq_kv_decode(key, position, i);
  return sum;
}

/// Scores of `count` tokens from `first` on, a group's.
RESQ_INLINE void score_group(const scratch *s, resq_kv_groups g, const resq_kv_group_view *v,
                             const float *sketch, int64_t first, int64_t count, int is_exact,
                             float scale) {
  for (int64_t h = 0; h < s->softmax.group; ++h) {
    float *scores = s->softmax.scores + h * RESQ_KV_BLOCK;
    if (!is_exact)
      part_query(s, g, sketch, resq_kv_group_indices(v, first), h);
    for (int64_t t = 0; t < count; ++t) {
      float dot = is_exact ? dot_key(&v->exact, (first + t) % g.window, s->q + h * g.size)
                           : dot_key(&v->inliers, first + t, s->inliers) +
                                 dot_key(&v->outliers, first + t, s->outliers);
      scores[t] = dot * scale;
    }
  }
}

enum { MOST_ROWS = 1 };

RESQ_INLINE int64_t most_queries(resq_kv_groups g) {
  return (RESQ_SCRATCH_BYTES / 4 - fixed_floats(g)) / query_floats(g);
}

RESQ_INLINE void attend(uint8_t *bytes, resq_kv_groups g, const resq_kv_group_view *v,
                        const resq_queries *q) {
  const int64_t tokens = q->position + 1, flushed = resq_kv_flushed(g, q->position);
  const scratch s = lay_out(bytes, g, q->heads, q->q, q->y);
  sketch_queries(&s, g, q->sketch);
  resq_softmax_begin(&s.softmax);
  for (int64_t first = 0; first < tokens; first += RESQ_KV_GROUP) {
    int64_t left = tokens - first, count = left < RESQ_KV_GROUP ? left : RESQ_KV_GROUP;
    score_group(&s, g, v, q->sketch, first, count, first >= flushed, q->scale);
    resq_softmax_add(&s.softmax, &v->value, first, count);
  }
  resq_softmax_end(&s.softmax);
}

#include "kernels/templates/attention_groups.inc"
