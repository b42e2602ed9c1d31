//===-- attention_groups_avx512.c - attention over grouped keys ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A query has four parts of columns: itself, for exact keys; S q; and, made anew for each group of
// 32 tokens, S (q - q_out) and S' q_out, q_out its outlier channels in that group. Rows before
// the group's flush read it exactly, the others by signs.
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

/// Scaled queries and their sketches.
RESQ_INLINE void load_queries(const state *st, shape s, sketch_panel sketch, const float *q,
                              int64_t ldq, int64_t rows, int64_t heads, float scale) {
  const int64_t queries = rows * heads;
  for (int64_t i = 0; i < queries; ++i) {
    copy_scaled(q + i / heads * ldq + i % heads * s.size, st->out + i * s.padded, s.size, scale);
    copy_scaled(st->out + i * s.padded, st->q + i * s.columns, s.size, 1.0f);
  }
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
    __m512 out = _mm512_setzero_ps();
    for (int64_t o = 0; o < g.outliers; ++o)
      out = _mm512_fmadd_ps(_mm512_loadu_ps(panel + indices[o] * RESQ_TILE_N),
                            _mm512_set1_ps(q[indices[o]]), out);
    __mmask16 mask = resq_lanes(g.rows - j);
    __m512 all = _mm512_maskz_loadu_ps(mask, q + p.sketched + j);
    _mm512_mask_storeu_ps(q + p.inliers + j, mask, _mm512_sub_ps(all, out));
    if (j < g.outlier_rows)
      _mm512_mask_storeu_ps(q + p.outliers + j, resq_lanes(g.outlier_rows - j), out);
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
                             const resq_kv_group_view *v, const float *sketch, int64_t first,
                             int64_t place, int64_t position, int64_t rows, int64_t heads) {
  int64_t exact = 0; // rows that read the group exactly
  while (exact < rows && resq_kv_flushed(g, position + exact) <= first)
    ++exact;
  if (exact > 0)
    score_exact(st, s, g, v, first, place, exact * heads);
  if (exact < rows)
    score_signs(st, s, g, v, sketch, first, place, exact * heads, rows * heads);
}

/// `rows` rows from `position` on, `heads` query heads each, whose queries are loaded.
RESQ_INLINE void attend(const state *st, shape s, resq_kv_groups g, const resq_kv_group_view *v,
                        const float *sketch, int64_t position, int64_t rows, int64_t heads) {
  const int64_t positions = position + rows, queries = rows * heads;
  for (int64_t block = 0; block < positions; block += RESQ_KV_BLOCK) {
    int64_t left = positions - block, count = left < RESQ_KV_BLOCK ? left : RESQ_KV_BLOCK;
    for (int64_t t = 0; t < count; t += RESQ_KV_GROUP)
      score_group(st, s, g, v, sketch, block + t, t, position, rows, heads);
    soften(st, queries, heads, position + 1 - block);
    resq_decode_values(&v->value, block, count, st->panel, VALUE_STRIDE);
    for (int64_t at = 0; at < queries; at += RESQ_BLOCK_ROWS)
      RESQ_WITH_ROWS(queries - at, ROWS, mix_tiles(st, s, at, ROWS, count))
  }
}

void RESQ_KERNEL(resq_attention_groups)(resq_worker *w, int32_t op, const float *q,
                                        const int32_t *positions, const int32_t *sequences,
                                        const float *sketch, const uint8_t *cache, float *y,
                                        int64_t rows, int64_t ldq, int64_t ldy, int64_t capacity,
                                        int64_t heads, int64_t kv_heads, int64_t head_size,
                                        float scale, int64_t k_rows, int64_t outliers,
                                        int64_t outlier_rows, int64_t buffer, int64_t window,
                                        int64_t v_kind, int64_t v_bits, int64_t v_high) {
  const resq_kv_groups g = {head_size, k_rows, outliers, outlier_rows, buffer, window};
  const resq_kv_format values = {head_size, v_kind, v_bits, v_high, 0};
  const int64_t signs = k_rows + outlier_rows;
  const shape s = shape_of(head_size, parts_of(g).all, signs > head_size ? signs : head_size);
  const sketch_panel panel = {sketch, k_rows, head_size};
  const cut c = cut_call(w, s, positions, sequences, rows, heads, kv_heads);
  int64_t chunk;
  while ((chunk = resq_next_chunk(w, op)) < c.chunks) {
    const span p = chunk_span(&c, positions, sequences, rows, chunk);
    const int64_t count = p.end - p.begin;
    const resq_kv_group_view v = resq_kv_group_head((uint8_t *)cache, g, values, capacity, kv_heads,
                                                    sequences[p.begin], p.kv_head);
    state st = lay_out(w->scratch, s, count * p.heads);
    load_queries(&st, s, panel, q + p.begin * ldq + p.head * s.size, ldq, count, p.heads, scale);
    attend(&st, s, g, &v, sketch, positions[p.begin], count, p.heads);
    store_results(&st, s, y + p.begin * ldy + p.head * s.size, ldy, count, p.heads);
  }
}
