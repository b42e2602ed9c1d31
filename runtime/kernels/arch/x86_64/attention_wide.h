//===-- attention_wide.h - causal softmax attention over a cache ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel of the levels with vec16.h.
//===----------------------------------------------------------------------===//
#include "attention_block.h"

RESQ_INLINE shape shape_of_keys(resq_kv_format keys) {
  return shape_of(keys.size, resq_kv_columns(keys), resq_kv_columns(keys));
}
RESQ_INLINE int64_t most_queries(resq_kv_format keys) {
  return most_queries_of(shape_of_keys(keys));
}

/// The columns of the queries, row after row.
RESQ_INLINE void load_queries(const state *st, shape s, const resq_kv_view *key,
                              const resq_queries *q) {
  const int64_t queries = q->rows * q->heads;
  for (int64_t i = 0; i < queries; ++i) {
    const float *from = q->q + i / q->heads * q->ldq + i % q->heads * s.size;
    float *to = st->q + i * s.columns;
    if (key->kind == RESQ_KV_QJL) {
      copy_scaled(from, st->out + i * s.padded, key->elements, q->scale);
      copy_scaled(from + key->elements, to + key->low, key->high, q->scale);
    } else {
      copy_scaled(from, to, s.size, q->scale);
    }
  }
  const sketch_panel panel = {q->sketch, key->low, key->elements};
  if (key->kind == RESQ_KV_QJL)
    for (int64_t at = 0; at < queries; at += RESQ_BLOCK_ROWS)
      RESQ_WITH_ROWS(queries - at, ROWS, sketch_rows(st, s, panel, 0, at, ROWS))
  clear_results(st, s, queries);
}

RESQ_INLINE void attend(uint8_t *scratch, resq_kv_format keys, const resq_kv_view *key,
                        const resq_kv_view *value, const resq_queries *q) {
  const shape s = shape_of_keys(keys);
  const int64_t positions = q->position + q->rows, queries = q->rows * q->heads;
  const state room = lay_out(scratch, s, queries), *st = &room;
  load_queries(st, s, key, q);
  for (int64_t block = 0; block < positions; block += RESQ_KV_BLOCK) {
    int64_t left = positions - block, count = left < RESQ_KV_BLOCK ? left : RESQ_KV_BLOCK;
    for (int64_t t = 0; t < count; t += 16)
      resq_decode_keys(key, block + t, st->panel + t / 16 * s.key_stride);
    for (int64_t at = 0; at < queries; at += RESQ_BLOCK_ROWS)
      RESQ_WITH_ROWS(queries - at, ROWS, score(st, s, at, ROWS, 4, 0, 0, s.columns))
    add_block(st, s, q, value, block, count);
  }
  store_results(st, s, q);
}

#include "attention.h"
