//===-- attention_groups_wide.h - attention over grouped keys ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel of the levels with vec16.h. A query has four parts of columns: itself, for exact keys;
// S q; and, made anew for each group of 32 tokens, S (q - q_out) and S' q_out, q_out its outlier
// channels in that group. Rows before the group's flush read it exactly, the others by signs.
//===----------------------------------------------------------------------===//
#include "attention_block.h"
#include "kv_groups.h"

/// Where the parts of a query begin.
typedef struct parts {
  int64_t sketched, inliers, outliers, all;
} parts;

RESQ_INLINE parts parts_of(resq_kv_groups g) {
  parts p = {g.size, g.size + g.rows, g.size + 2 * g.rows, g.size + 2 * g.rows + g.outlier_rows};
  return p;
}

RESQ_INLINE shape shape_of_groups(resq_kv_groups g) {
  const int64_t signs = g.rows + g.outlier_rows;
  return shape_of(g.size, parts_of(g).all, signs > g.size ? signs : g.size);
}
RESQ_INLINE int64_t most_queries(resq_kv_groups g) { return most_queries_of(shape_of_groups(g)); }

/// Scaled queries and their sketches.
RESQ_INLINE void load_queries(const state *st, shape s, resq_kv_groups g, const resq_queries *q) {
  const int64_t queries = q->rows * q->heads;
  for (int64_t i = 0; i < queries; ++i) {
    const float *from = q->q + i / q->heads * q->ldq + i % q->heads * s.size;
    copy_scaled(from, st->out + i * s.padded, s.size, q->scale);
    copy_scaled(st->out + i * s.padded, st->q + i * s.columns, s.size, 1.0f);
  }
  const sketch_panel sketch = {q->sketch, g.rows, g.size};
  for (int64_t at = 0; at < queries; at += RESQ_BLOCK_ROWS)
    RESQ_WITH_ROWS(queries - at, ROWS, sketch_rows(st, s, sketch, s.size, at, ROWS))
  clear_results(st, s, queries);
}

/// The parts of a query that depend on the group: q_out's sketch, and what it leaves of q's.
RESQ_INLINE void part_query(float *q, resq_kv_groups g, const float *sketch,
                            const uint8_t *indices) {
  const parts p = parts_of(g);
  for (int64_t j = 0; j < g.rows; j += 16) {
    const float *panel = sketch + j * g.size;
    v16f out = v16_zero();
    for (int64_t o = 0; o < g.outliers; ++o)
      out = v16_fma(v16_load(panel + indices[o] * RESQ_TILE_N), v16_set(q[indices[o]]), out);
    v16m mask = v16_lanes(g.rows - j);
    v16f all = v16_load_some(mask, q + p.sketched + j);
    v16_store_some(q + p.inliers + j, mask, v16_sub(all, out));
    if (j < g.outlier_rows)
      v16_store_some(q + p.outliers + j, v16_lanes(g.outlier_rows - j), out);
  }
}

/// Signs of the group from token `first` on: queries from `from` on.
RESQ_INLINE void score_signs(const state *st, shape s, resq_kv_groups g,
                             const resq_kv_group_view *v, const float *sketch, int64_t first,
                             int64_t place, int64_t from, int64_t queries) {
  const parts p = parts_of(g);
  for (int64_t i = from; i < queries; ++i)
    part_query(st->q + i * s.columns, g, sketch, resq_kv_group_indices(v, first));
  for (int64_t t = 0; t < RESQ_KV_GROUP; t += 16) {
    float *keys = st->panel + t / 16 * s.key_stride;
    resq_decode_keys(&v->inliers, first + t, keys);
    resq_decode_keys(&v->outliers, first + t, keys + g.rows * 16);
  }
  for (int64_t at = from; at < queries; at += RESQ_BLOCK_ROWS)
    RESQ_WITH_ROWS(queries - at, ROWS,
                   score(st, s, at, ROWS, 2, place, p.inliers, g.rows + g.outlier_rows))
}

/// The group's exact keys: queries up to `queries`.
RESQ_INLINE void score_exact(const state *st, shape s, resq_kv_groups g,
                             const resq_kv_group_view *v, int64_t first, int64_t place,
                             int64_t queries) {
  for (int64_t t = 0; t < RESQ_KV_GROUP; t += 16)
    resq_decode_keys(&v->exact, (first + t) % g.window, st->panel + t / 16 * s.key_stride);
  for (int64_t at = 0; at < queries; at += RESQ_BLOCK_ROWS)
    RESQ_WITH_ROWS(queries - at, ROWS, score(st, s, at, ROWS, 2, place, 0, s.size))
}

/// Scores of the group from token `first` on, at `place` of the block. Rows are flushed in turn.
RESQ_INLINE void score_group(const state *st, shape s, resq_kv_groups g,
                             const resq_kv_group_view *v, const resq_queries *q, int64_t first,
                             int64_t place) {
  int64_t exact = 0; // rows that read the group exactly
  while (exact < q->rows && resq_kv_flushed(g, q->position + exact) <= first)
    ++exact;
  if (exact > 0)
    score_exact(st, s, g, v, first, place, exact * q->heads);
  if (exact < q->rows)
    score_signs(st, s, g, v, q->sketch, first, place, exact * q->heads, q->rows * q->heads);
}

RESQ_INLINE void attend(uint8_t *scratch, resq_kv_groups g, const resq_kv_group_view *v,
                        const resq_queries *q) {
  const shape s = shape_of_groups(g);
  const int64_t positions = q->position + q->rows, queries = q->rows * q->heads;
  const state room = lay_out(scratch, s, queries), *st = &room;
  load_queries(st, s, g, q);
  for (int64_t block = 0; block < positions; block += RESQ_KV_BLOCK) {
    int64_t left = positions - block, count = left < RESQ_KV_BLOCK ? left : RESQ_KV_BLOCK;
    for (int64_t t = 0; t < count; t += RESQ_KV_GROUP)
      score_group(st, s, g, v, q, block + t, t);
    add_block(st, s, q, &v->value, block, count);
  }
  store_results(st, s, q);
}

#include "attention_groups.h"
