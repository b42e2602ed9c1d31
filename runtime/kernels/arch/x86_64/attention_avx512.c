//===-- attention_avx512.c - causal softmax attention over a cache ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "attention_block.h"

/// The columns of the queries of `rows` rows: heads [first, first + heads), row after row.
RESQ_INLINE void load_queries(const state *st, shape s, const resq_kv_view *key, const float *q,
                              int64_t ldq, const float *sketch, int64_t rows, int64_t heads,
                              float scale) {
  const int64_t queries = rows * heads;
  for (int64_t i = 0; i < queries; ++i) {
    const float *from = q + i / heads * ldq + i % heads * s.size;
    float *to = st->q + i * s.columns;
    if (key->kind == RESQ_KV_QJL) {
      copy_scaled(from, st->out + i * s.padded, key->elements, scale);
      copy_scaled(from + key->elements, to + key->low, key->high, scale);
    } else {
      copy_scaled(from, to, s.size, scale);
    }
  }
  const sketch_panel panel = {sketch, key->low, key->elements};
  if (key->kind == RESQ_KV_QJL)
    for (int64_t at = 0; at < queries; at += RESQ_BLOCK_ROWS)
      RESQ_WITH_ROWS(queries - at, ROWS, sketch_rows(st, s, panel, 0, at, ROWS))
  clear_results(st, s, queries);
}

/// `rows` rows from position `position` on, `heads` query heads each, whose queries are loaded.
RESQ_INLINE void attend(const state *st, shape s, const resq_kv_view *key,
                        const resq_kv_view *value, int64_t position, int64_t rows, int64_t heads) {
  int64_t positions = position + rows, queries = rows * heads;
  for (int64_t block = 0; block < positions; block += RESQ_KV_BLOCK) {
    int64_t left = positions - block, count = left < RESQ_KV_BLOCK ? left : RESQ_KV_BLOCK;
    for (int64_t t = 0; t < count; t += 16)
      resq_decode_keys(key, block + t, st->panel + t / 16 * s.key_stride);
    for (int64_t at = 0; at < queries; at += RESQ_BLOCK_ROWS)
      RESQ_WITH_ROWS(queries - at, ROWS, score(st, s, at, ROWS, 4, 0, 0, s.columns))
    soften(st, queries, heads, position + 1 - block);
    resq_decode_values(value, block, count, st->panel, VALUE_STRIDE);
    for (int64_t at = 0; at < queries; at += RESQ_BLOCK_ROWS)
      RESQ_WITH_ROWS(queries - at, ROWS, mix_tiles(st, s, at, ROWS, count))
  }
}

RESQ_INLINE void attention(resq_worker *w, int32_t op, const float *q, const int32_t *positions,
                           const int32_t *sequences, const float *sketch, uint8_t *cache, float *y,
                           int64_t rows, int64_t ldq, int64_t ldy, int64_t capacity, int64_t heads,
                           int64_t kv_heads, resq_kv_format keys, resq_kv_format values,
                           float scale) {
  const shape s = shape_of(keys.size, resq_kv_columns(keys), resq_kv_columns(keys));
  const cut c = cut_call(w, s, positions, sequences, rows, heads, kv_heads);
  int64_t chunk;
  while ((chunk = resq_next_chunk(w, op)) < c.chunks) {
    const span p = chunk_span(&c, positions, sequences, rows, chunk);
    const int64_t count = p.end - p.begin, sequence = sequences[p.begin];
    resq_kv_view key =
        resq_kv_head(cache, keys, values, capacity, kv_heads, sequence, p.kv_head, 1);
    resq_kv_view value =
        resq_kv_head(cache, keys, values, capacity, kv_heads, sequence, p.kv_head, 0);
    state st = lay_out(w->scratch, s, count * p.heads);
    load_queries(&st, s, &key, q + p.begin * ldq + p.head * s.size, ldq, sketch, count, p.heads,
                 scale);
    attend(&st, s, &key, &value, positions[p.begin], count, p.heads);
    store_results(&st, s, y + p.begin * ldy + p.head * s.size, ldy, count, p.heads);
  }
}

void RESQ_KERNEL(resq_attention)(resq_worker *w, int32_t op, const float *q,
                                 const int32_t *positions, const int32_t *sequences,
                                 const float *sketch, const uint8_t *cache, float *y, int64_t rows,
                                 int64_t ldq, int64_t ldy, int64_t capacity, int64_t heads,
                                 int64_t kv_heads, int64_t head_size, float scale, int64_t k_kind,
                                 int64_t k_bits, int64_t k_high, int64_t k_rows, int64_t v_kind,
                                 int64_t v_bits, int64_t v_high) {
  const resq_kv_format keys = {head_size, k_kind, k_bits, k_high, k_rows};
  const resq_kv_format values = {head_size, v_kind, v_bits, v_high, 0};
  attention(w, op, q, positions, sequences, sketch, (uint8_t *)cache, y, rows, ldq, ldy, capacity,
            heads, kv_heads, keys, values, scale);
}
