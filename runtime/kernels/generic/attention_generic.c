//===-- attention_generic.c - causal softmax attention over a cache --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A row at a time: keys and values are decoded once, 64 positions at a time, for the query heads
// that share them (as many as scratch holds); the softmax runs online over those blocks, in f32.
//===----------------------------------------------------------------------===//
#include "kernels/templates/attention_cut.h"
#include "attention_softmax.h"

typedef struct scratch {
  resq_softmax softmax;
  float *keys; ///< [columns][16]: a tile of decoded keys
  float *q;    ///< [group][columns]
} scratch;

RESQ_INLINE int64_t fixed_floats(int64_t columns, int64_t size) {
  return columns * RESQ_KV_TILE + size;
}
RESQ_INLINE int64_t query_floats(int64_t columns) { return columns + RESQ_KV_BLOCK + 2; }

RESQ_INLINE scratch lay_out(uint8_t *bytes, int64_t columns, int64_t size, int64_t group,
                            float *y) {
  scratch s;
  s.keys = (float *)bytes;
  s.q = s.keys + columns * RESQ_KV_TILE;
  s.softmax = (resq_softmax){.value = s.q + group * columns, .y = y, .group = group, .size = size};
  s.softmax.scores = s.softmax.value + size;
  s.softmax.largest = s.softmax.scores + group * RESQ_KV_BLOCK;
  s.softmax.sum = s.softmax.largest + group;
  return s;
}

/// A tile of 16 keys, column by column.
RESQ_INLINE void decode_keys(const resq_kv_view *v, int64_t first, float *keys) {
  for (int64_t i = 0; i < v->size; ++i)
    for (int64_t t = 0; t < RESQ_KV_TILE; ++t)
      keys[i * RESQ_KV_TILE + t] = resq_kv_decode(v, first + t, i);
}

/// The columns of a query: itself, or S q_low (elements rising) and q_high.
RESQ_INLINE void load_query(const resq_kv_view *key, const float *q, const float *sketch,
                            float *columns) {
  if (key->kind == RESQ_KV_QJL) {
    for (int64_t j = 0; j < key->low; ++j) {
      const float *row = sketch + j / RESQ_TILE_N * RESQ_TILE_N * key->elements + j % RESQ_TILE_N;
      columns[j] = 0.0f;
      for (int64_t i = 0; i < key->elements; ++i)
        columns[j] += row[i * RESQ_TILE_N] * q[i];
    }
    columns += key->low;
    q += key->elements;
  }
  int64_t rest = key->kind == RESQ_KV_QJL ? key->high : key->size;
  for (int64_t i = 0; i < rest; ++i)
    columns[i] = q[i];
}

/// scores[g][at..at+16) = scale * q_g . keys, columns rising.
RESQ_INLINE void score_tile(const scratch *s, int64_t at, int64_t columns, float scale) {
  for (int64_t g = 0; g < s->softmax.group; ++g) {
    float sums[RESQ_KV_TILE] = {0};
    for (int64_t i = 0; i < columns; ++i)
      for (int64_t t = 0; t < RESQ_KV_TILE; ++t)
        sums[t] += s->q[g * columns + i] * s->keys[i * RESQ_KV_TILE + t];
    for (int64_t t = 0; t < RESQ_KV_TILE; ++t)
      s->softmax.scores[g * RESQ_KV_BLOCK + at + t] = sums[t] * scale;
  }
}

enum { MOST_ROWS = 1 };

RESQ_INLINE int64_t most_queries(resq_kv_format keys) {
  const int64_t columns = resq_kv_columns(keys);
  return (RESQ_SCRATCH_BYTES / 4 - fixed_floats(columns, keys.size)) / query_floats(columns);
}

RESQ_INLINE void attend(uint8_t *bytes, resq_kv_format keys, const resq_kv_view *key,
                        const resq_kv_view *value, const resq_queries *q) {
  const int64_t positions = q->position + 1, columns = resq_kv_columns(keys);
  const scratch s = lay_out(bytes, columns, keys.size, q->heads, q->y);
  for (int64_t i = 0; i < q->heads; ++i)
    load_query(key, q->q + i * keys.size, q->sketch, s.q + i * columns);
  resq_softmax_begin(&s.softmax);
  for (int64_t block = 0; block < positions; block += RESQ_KV_BLOCK) {
    int64_t left = positions - block, count = left < RESQ_KV_BLOCK ? left : RESQ_KV_BLOCK;
    for (int64_t t = 0; t < count; t += RESQ_KV_TILE) {
      decode_keys(key, block + t, s.keys);
      score_tile(&s, t, key->size, q->scale);
    }
    resq_softmax_add(&s.softmax, value, block, count);
  }
  resq_softmax_end(&s.softmax);
}

#include "kernels/templates/attention.inc"
