//===-- attention_cuda.c - causal softmax attention over a cache ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block does a tile of queries (attention_tiles.h), 64 positions at a time, as attention_generic.c does: keys, then
// values are decoded to shared memory once for all of them, a token by the same threads. Sums of floats keep
// generic's order: a score is one thread's, over columns rising; so is an element of the result, over positions
// rising; so is the sum of a query's probabilities. A thread has four queries by some tokens or elements.
//
// Caches of words have kernels of their own, which are not bound to those orders.
//===----------------------------------------------------------------------===//
#include "attention_tile_scores.h"
#if RESQ_SM >= 90 // kv_words.h lets no other chip have such a cache
#include "attention_prefill.h"
#endif

//===-- Values ------------------------------------------------------------===//

/// Elements [from, from + count) of the values of 64 positions, token by token.
RESQ_INLINE void resq_attender_values(const resq_attender *a, int64_t first, int64_t tokens,
                                      int64_t from, int64_t count) {
  const int share = a->threads / BLOCK, t = resq_thread() / share;
  const uint32_t line = 4 * (uint32_t)resq_attention_value_line(&a->shape);
  resq_attender_decode(a, &a->value, first + t, t < tokens, from, count, resq_thread() % share,
                       share, a->coded + line * (uint32_t)t, 4);
}

/// What values are added to: element base + lane + lanes * j of query g, `each` of them a thread's.
typedef struct resq_attender_part {
  int64_t base, from, count; ///< elements [from, from + count) are in shared memory
  int each;
} resq_attender_part;

/// Adds position t to the thread's results. `counts`: what the queries see, NULL: all see it.
RESQ_INLINE void resq_attender_add_value(const resq_attender *a, const resq_attender_part *part,
                                         int t, const int *counts, float (*y)[TOGETHER]) {
  const int group = resq_thread() / a->lanes, lane = resq_thread() % a->lanes;
  const uint32_t value_line = 4 * (uint32_t)resq_attention_value_line(&a->shape);
  const uint32_t score_line = 4 * (uint32_t)resq_attention_score_line(a->queries);
  const resq_u32x4 p =
      resq_shared_load_x4(a->scores + score_line * (uint32_t)t + 4 * (uint32_t)(group * TOGETHER));
  RESQ_UNROLL
  for (int j = 0; j < part->each; ++j) {
    const int64_t i = part->base + lane + (int64_t)j * a->lanes - part->from;
    if (i < 0 || i >= part->count)
      continue;
    const float v = resq_shared_load_f32(a->coded + value_line * (uint32_t)t + 4 * (uint32_t)i);
    RESQ_UNROLL
    for (int g = 0; g < TOGETHER; ++g)
      if (!counts || t < counts[g])
        y[j][g] += resq_float_of(p[g]) * v;
  }
}

/// Adds `tokens` positions; counts: what the thread's queries see of them.
RESQ_INLINE void resq_attender_add_values(const resq_attender *a, const resq_attender_part *part,
                                          int64_t tokens, const int *counts, float (*y)[TOGETHER]) {
  bool all = tokens == BLOCK;
  RESQ_UNROLL
  for (int g = 0; g < TOGETHER; ++g)
    all = all && counts[g] >= BLOCK;
  if (all) {
    RESQ_UNROLL_BY(4)
    for (int t = 0; t < BLOCK; ++t)
      resq_attender_add_value(a, part, t, (const int *)0, y);
    return;
  }
  for (int t = 0; t < tokens; ++t)
    resq_attender_add_value(a, part, t, counts, y);
}

//===-- The kernel --------------------------------------------------------===//

/// Elements [base, end) of the results of rows of one sequence, at most MOST_EACH for each thread.
RESQ_INLINE void resq_attender_run(const resq_attender *a, float *out, int64_t ldy, int64_t base,
                                   int64_t end) {
  const int group = resq_thread() / a->lanes, lane = resq_thread() % a->lanes;
  const int each = (int)((end - base + a->lanes - 1) / a->lanes);
  float y[MOST_EACH][TOGETHER] = {{0}};
  int64_t positions = 0;
  for (int64_t r = a->begin; r < a->end; ++r)
    positions = a->positions[r] + 1 > positions ? a->positions[r] + 1 : positions;
  for (int64_t first = 0; first < positions; first += BLOCK) {
    const int64_t tokens = positions - first < BLOCK ? positions - first : BLOCK;
    int counts[TOGETHER];
    resq_attender_score(a, first, tokens);
    resq_attender_soften(a, first);
    for (int64_t from = base; from < end; from += RESQ_ATTENTION_COLUMNS) {
      const int64_t left = end - from;
      const int64_t count = left < RESQ_ATTENTION_COLUMNS ? left : RESQ_ATTENTION_COLUMNS;
      resq_attender_values(a, first, tokens, from, count);
      resq_sync_block();
      if (from == base) {
        RESQ_UNROLL
        for (int g = 0; g < TOGETHER; ++g) {
          const int64_t i = group * TOGETHER + g;
          const float factor = resq_shared_load_f32(a->states + 16 * (uint32_t)i + 8);
          counts[g] = (int)resq_attender_count(a, i, first);
          RESQ_UNROLL
          for (int j = 0; j < each; ++j)
            y[j][g] = counts[g] > 0 ? y[j][g] * factor : y[j][g];
        }
      }
      const resq_attender_part part = {base, from, count, each};
      resq_attender_add_values(a, &part, tokens, counts, y);
      resq_sync_block();
    }
  }
  RESQ_UNROLL
  for (int g = 0; g < TOGETHER; ++g) {
    const int64_t i = group * TOGETHER + g, row = resq_attender_row(a, i);
    const float sum = resq_shared_load_f32(a->states + 16 * (uint32_t)i + 4);
    float *to = out + row * ldy + (a->head + i % a->piece) * a->shape.head_size;
    RESQ_UNROLL
    for (int j = 0; j < each; ++j)
      if (row >= 0 && base + lane + (int64_t)j * a->lanes < end)
        to[base + lane + (int64_t)j * a->lanes] = y[j][g] / sum;
  }
  resq_sync_block(); // before other queries take the place of these
}

void RESQ_KERNEL(resq_attention)(const float *q, const int32_t *positions, const int32_t *sequences,
                                 const float *sketch, const uint8_t *cache, float *y, int64_t rows,
                                 int64_t ldq, int64_t ldy, int64_t capacity, int64_t heads,
                                 int64_t kv_heads, int64_t head_size, float scale, int64_t k_kind,
                                 int64_t k_bits, int64_t k_high, int64_t k_rows, int64_t v_kind,
                                 int64_t v_bits, int64_t v_high, int64_t variant,
                                 uint8_t *scratch) {
  const resq_attention_shape shape = {ldq,    ldy,    heads,  kv_heads, head_size, k_kind,
                                      k_bits, k_high, k_rows, v_kind,   v_bits,    v_high};
#if RESQ_SM >= 90
  if (variant == RESQ_ATTENTION_FEW || variant == RESQ_ATTENTION_MANY) {
    const resq_attention_call call = {q, positions, sequences, (uint8_t *)cache,
                                      y, rows,      capacity,  scale};
    if (variant == RESQ_ATTENTION_FEW)
      resq_attention_few(&call, &shape, (float *)scratch);
    else
      resq_attention_many(&call, &shape);
    return;
  }
#else
  (void)scratch;
#endif
  const resq_kv_format keys = resq_attention_keys(&shape), values = resq_attention_values(&shape);
  const resq_attention_tiles tiles = resq_attention_tiles_of(&shape, variant);
  const int64_t group = heads / kv_heads, row_tiles = (rows + tiles.rows - 1) / tiles.rows;
  resq_attender a = {.shape = shape,
                     .queries = variant,
                     .piece = tiles.piece,
                     .threads = RESQ_ATTENTION_THREADS,
                     .lanes = (int)resq_attention_lanes(variant),
                     .coded = resq_dynamic_shared(),
                     .scale = scale,
                     .positions = positions};
  const int64_t at_once = (int64_t)MOST_EACH * a.lanes;
  a.q = a.coded + 4 * (uint32_t)resq_attention_coded(&shape);
  a.scores = a.q + 4 * (uint32_t)(resq_kv_columns(keys) * variant);
  a.states = a.scores + 4 * (uint32_t)(BLOCK * resq_attention_score_line(variant));
  resq_begin();
  for (int64_t item = resq_block_x(); item < row_tiles * kv_heads * tiles.pieces;
       item += resq_blocks_x()) {
    const int64_t kv = item / tiles.pieces % kv_heads, first = item % tiles.pieces * tiles.piece;
    // The last rows read the most positions: they go first.
    const int64_t tile = row_tiles - 1 - item / (kv_heads * tiles.pieces);
    const int64_t last = (tile + 1) * tiles.rows < rows ? (tile + 1) * tiles.rows : rows;
    a.head = kv * group + first;
    a.heads = group - first < tiles.piece ? group - first : tiles.piece;
    for (a.begin = tile * tiles.rows; a.begin < last; a.begin = a.end) {
      a.end = a.begin + 1;
      while (a.end < last && sequences[a.end] == sequences[a.begin])
        ++a.end;
      a.key = resq_kv_head((uint8_t *)cache, keys, values, capacity, kv_heads, sequences[a.begin],
                           kv, 1);
      a.value = resq_kv_head((uint8_t *)cache, keys, values, capacity, kv_heads, sequences[a.begin],
                             kv, 0);
      for (int64_t base = 0; base < head_size;
           base += at_once) { // more than once where heads are huge
        resq_attender_load(&a, q, sketch, ldq);
        resq_sync_block();
        resq_attender_run(&a, y, ldy, base,
                          base + at_once < head_size ? base + at_once : head_size);
      }
    }
  }
}
