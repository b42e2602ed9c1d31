//===-- attention_block.h - online softmax over blocks of positions --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The queries of a chunk (a row and query head each) form a matrix; block after block of 64
// positions is decoded once into panels in scratch, and both products run on the panel kernel
// with an online softmax between. Blocks start at multiples of 64 and rows do not mix, so a
// row's result depends neither on the batch nor on the number of threads.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_ATTENTION_BLOCK_H
#define RESQ_KERNELS_ATTENTION_BLOCK_H

#include "kernels/templates/attention_cut.h"
#include "kv_decode.h"
#include "panel.h"

enum {
  MOST_ROWS = 32,
  MOST_QUERIES = 192,
  VALUE_STRIDE = (RESQ_KV_BLOCK + 1) * 16, ///< odd in lines: tiles fall on different cache sets
  SLACK_FLOATS = 64                        ///< for arrays in whole vectors
};

typedef struct shape {
  int64_t size, padded; ///< of a head; in whole vectors
  int64_t columns;      ///< floats of a query as it is multiplied with keys
  int64_t key_stride;   ///< between tiles of keys
} shape;

/// What a chunk works on, in scratch.
typedef struct state {
  float *panel;            ///< one block's keys, then (the scores done) its values
  float *q;                ///< [queries][columns], scaled
  float *p;                ///< [queries][64] scores, then probabilities
  float *out;              ///< [queries][padded]
  float *sum;              ///< [queries][16], added up at the end
  float *largest, *factor; ///< [queries], in whole vectors
} state;

/// `most`: columns of the widest keys.
RESQ_INLINE shape shape_of(int64_t size, int64_t columns, int64_t most) {
  shape s = {size, resq_round_up(size, 16), columns, (most + 1) * 16};
  return s;
}

/// Floats of scratch whatever the queries, and a query's.
RESQ_INLINE int64_t fixed_floats(shape s) {
  int64_t keys = 4 * s.key_stride, values = s.padded / 16 * VALUE_STRIDE;
  return keys > values ? keys : values;
}
RESQ_INLINE int64_t query_floats(shape s) { return s.columns + s.padded + RESQ_KV_BLOCK + 16 + 2; }

RESQ_INLINE int64_t most_queries_of(shape s) {
  const int64_t floats = RESQ_SCRATCH_BYTES / 4 - fixed_floats(s) - SLACK_FLOATS;
  return resq_smaller(MOST_QUERIES, floats / query_floats(s));
}

RESQ_INLINE state lay_out(uint8_t *scratch, shape s, int64_t queries) {
  state st;
  st.panel = (float *)scratch;
  st.p = st.panel + fixed_floats(s);
  st.out = st.p + queries * RESQ_KV_BLOCK;
  st.sum = st.out + queries * s.padded;
  st.largest = st.sum + queries * 16;
  st.factor = st.largest + resq_round_up(queries, 16);
  st.q = st.factor + resq_round_up(queries, 16);
  return st;
}

//===-- Products ----------------------------------------------------------===//

/// Scores of `rows` queries from `at` on against tiles [tile, tile + tiles) of keys in the panel,
/// whose first becomes positions from `place` on: columns [first, first + count) of the queries.
RESQ_INLINE void score_tiles(const state *st, shape s, int64_t at, int rows, int tile, int tiles,
                             int64_t place, int64_t first, int64_t count) {
  resq_block block;
  resq_block_clear(&block, rows, tiles);
  resq_block_multiply(&block, rows, tiles, st->q + at * s.columns + first, s.columns,
                      st->panel + tile * s.key_stride, s.key_stride, count, RESQ_AS_F32, 0);
#pragma GCC unroll 6
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int t = 0; t < tiles; ++t)
      v16_store(st->p + (at + r) * RESQ_KV_BLOCK + place + (tile + t) * 16, block.sum[r][t]);
}

/// The same of `tiles` tiles: 2 or 4.
RESQ_INLINE void score(const state *st, shape s, int64_t at, int rows, int tiles, int64_t place,
                       int64_t first, int64_t count) {
  const int step = resq_block_tiles(tiles);
#pragma GCC unroll 4
  for (int tile = 0; tile < tiles; tile += step)
    score_tiles(st, s, at, rows, tile, step, place, first, count);
}

/// out = factor out + p values, for `rows` queries from `at` on and `tiles` tiles of elements.
RESQ_INLINE void mix(const state *st, shape s, int64_t at, int rows, int64_t tile, int tiles,
                     int64_t count) {
  resq_block block;
  float *out = st->out + at * s.padded + tile * 16;
#pragma GCC unroll 6
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int t = 0; t < tiles; ++t)
      block.sum[r][t] = v16_mul(v16_load(out + r * s.padded + t * 16), v16_set(st->factor[at + r]));
  resq_block_multiply(&block, rows, tiles, st->p + at * RESQ_KV_BLOCK, RESQ_KV_BLOCK,
                      st->panel + tile * VALUE_STRIDE, VALUE_STRIDE, count, RESQ_AS_F32, 0);
#pragma GCC unroll 6
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int t = 0; t < tiles; ++t)
      v16_store(out + r * s.padded + t * 16, block.sum[r][t]);
}

/// All elements of `rows` queries.
RESQ_INLINE void mix_tiles(const state *st, shape s, int64_t at, int rows, int64_t count) {
  const int64_t tiles = s.padded / 16;
  int64_t tile = 0;
  for (; tile + RESQ_BLOCK_TILES <= tiles; tile += RESQ_BLOCK_TILES)
    mix(st, s, at, rows, tile, RESQ_BLOCK_TILES, count);
  for (; RESQ_BLOCK_TILES > 2 && tile + 2 <= tiles; tile += 2)
    mix(st, s, at, rows, tile, resq_block_tiles(2), count);
  for (; tile < tiles; ++tile)
    mix(st, s, at, rows, tile, 1, count);
}

//===-- Softmax -----------------------------------------------------------===//

/// Lanes of vector t of a block whose first `allowed` positions count.
RESQ_INLINE v16m allowed_lanes(int64_t allowed, int t) { return v16_lanes(allowed - t * 16); }

/// The largest score so far; factor: how much, as an exponent, it rose.
RESQ_INLINE void raise_largest(const state *st, int64_t query, int64_t allowed) {
  v16f most = v16_set(st->largest[query]);
#pragma GCC unroll 4
  for (int t = 0; t < 4; ++t)
    most = v16_max_some(allowed_lanes(allowed, t), most,
                        v16_load(st->p + query * RESQ_KV_BLOCK + t * 16));
  float largest = v16_largest(most);
  st->factor[query] = st->largest[query] - largest;
  st->largest[query] = largest;
}

/// Scores to probabilities relative to the largest so far.
RESQ_INLINE void exponentiate(const state *st, int64_t query, int64_t allowed) {
  v16f largest = v16_set(st->largest[query]);
  v16f sum = v16_mul(v16_load(st->sum + query * 16), v16_set(st->factor[query]));
#pragma GCC unroll 4
  for (int t = 0; t < 4; ++t) {
    float *p = st->p + query * RESQ_KV_BLOCK + t * 16;
    v16f power = v16_exp_down(v16_sub(v16_load(p), largest));
    power = v16_keep(allowed_lanes(allowed, t), power);
    v16_store(p, power);
    sum = v16_add(sum, power);
  }
  v16_store(st->sum + query * 16, sum);
}

/// Scores of a block to probabilities. Loop by loop: a query alone is one long dependency.
RESQ_INLINE void soften(const state *st, int64_t queries, int64_t heads, int64_t allowed) {
  for (int64_t i = 0; i < queries; ++i)
    raise_largest(st, i, allowed + i / heads);
  for (int64_t i = 0; i < queries; i += 16)
    v16_store(st->factor + i, v16_exp_down(v16_load(st->factor + i)));
  for (int64_t i = 0; i < queries; ++i)
    exponentiate(st, i, allowed + i / heads);
}

/// The scores of the block of `count` positions from `block` on are in: its values are added.
RESQ_INLINE void add_block(const state *st, shape s, const resq_queries *q,
                           const resq_kv_view *value, int64_t block, int64_t count) {
  const int64_t queries = q->rows * q->heads;
  soften(st, queries, q->heads, q->position + 1 - block);
  resq_decode_values(value, block, count, st->panel, VALUE_STRIDE);
  for (int64_t at = 0; at < queries; at += RESQ_BLOCK_ROWS)
    RESQ_WITH_ROWS(queries - at, ROWS, mix_tiles(st, s, at, ROWS, count))
}

//===-- Queries and results -----------------------------------------------===//

/// `count` elements from `from` to `to`, times scale.
RESQ_INLINE void copy_scaled(const float *from, float *to, int64_t count, float scale) {
  for (int64_t e = 0; e < count; e += 16) {
    v16m mask = v16_lanes(count - e);
    v16_store_some(to + e, mask, v16_mul(v16_load_some(mask, from + e), v16_set(scale)));
  }
}

/// The panel of a sketch, [rows, elements].
typedef struct sketch_panel {
  const float *panel;
  int64_t rows, elements;
} sketch_panel;

/// Columns [to + tile * 16, to + (tile + tiles) * 16) of `rows` queries from `at` on: the sketch
/// times their elements, which stand in out.
RESQ_INLINE void sketch_tiles(const state *st, shape s, sketch_panel sketch, int64_t to, int64_t at,
                              int rows, int64_t tile, int tiles) {
  const int64_t stride = sketch.elements * RESQ_TILE_N;
  resq_block block;
  resq_block_clear(&block, rows, tiles);
  resq_block_multiply(&block, rows, tiles, st->out + at * s.padded, s.padded,
                      sketch.panel + tile * stride, stride, sketch.elements, RESQ_AS_F32, 0);
#pragma GCC unroll 6
  for (int r = 0; r < rows; ++r)
#pragma GCC unroll 4
    for (int t = 0; t < tiles; ++t)
      v16_store_some(st->q + (at + r) * s.columns + to + (tile + t) * 16,
                     v16_lanes(sketch.rows - (tile + t) * 16), block.sum[r][t]);
}

RESQ_INLINE void sketch_rows(const state *st, shape s, sketch_panel sketch, int64_t to, int64_t at,
                             int rows) {
  const int64_t tiles = (sketch.rows + 15) / 16,
                whole = tiles / RESQ_BLOCK_TILES * RESQ_BLOCK_TILES;
  for (int64_t tile = 0; tile < whole; tile += RESQ_BLOCK_TILES)
    sketch_tiles(st, s, sketch, to, at, rows, tile, RESQ_BLOCK_TILES);
  for (int64_t tile = whole; tile < tiles; ++tile)
    sketch_tiles(st, s, sketch, to, at, rows, tile, 1);
}

/// Sums and results to zero, the largest scores to less than any.
RESQ_INLINE void clear_results(const state *st, shape s, int64_t queries) {
  for (int64_t i = 0; i < queries; ++i) {
    for (int64_t e = 0; e < s.padded; e += 16)
      v16_store(st->out + i * s.padded + e, v16_zero());
    st->largest[i] = -3.0e38f;
    v16_store(st->sum + i * 16, v16_zero());
  }
}

RESQ_INLINE void store_results(const state *st, shape s, const resq_queries *q) {
  for (int64_t i = 0; i < q->rows * q->heads; ++i) {
    float *to = q->y + i / q->heads * q->ldy + i % q->heads * s.size;
    v16f sum = v16_set(v16_sum(v16_load(st->sum + i * 16)));
    for (int64_t e = 0; e < s.size; e += 16)
      v16_store_some(to + e, v16_lanes(s.size - e),
                     v16_div(v16_load(st->out + i * s.padded + e), sum));
  }
}

#endif // RESQ_KERNELS_ATTENTION_BLOCK_H
