//===-- attention_tiles.h - how resq_attention cuts its work on a GPU -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block does `queries` queries: the heads of a kv head, or a piece of them, of some neighboring rows. Plain C, for
// plans.h.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ATTENTION_TILES_H
#define RESQ_KERNELS_NVPTX_ATTENTION_TILES_H

#include "kernels/layout/kv_layout.h"
#include "kernels/shapes.h"
#include "plan.h"

enum {
  RESQ_ATTENTION_THREADS = 256,
  RESQ_ATTENTION_TOGETHER = 4,    ///< queries of a thread
  RESQ_ATTENTION_MOST_HELD = 64,  ///< sums of values that a thread should have at most
  RESQ_ATTENTION_COLUMNS = 128,   ///< columns of keys, elements of values in shared memory at once
  RESQ_ATTENTION_STATE_FLOATS = 4 ///< of a query: largest score, sum, factor, position
};

static inline resq_kv_format resq_attention_keys(const resq_attention_shape *s) {
  return (resq_kv_format){s->head_size, s->k_kind, s->k_bits, s->k_high, s->k_rows};
}
static inline resq_kv_format resq_attention_values(const resq_attention_shape *s) {
  return (resq_kv_format){s->head_size, s->v_kind, s->v_bits, s->v_high, 0};
}

typedef struct resq_attention_tiles {
  int64_t piece, pieces; ///< heads of a block; pieces of the heads of a kv head
  int64_t rows;          ///< of a block at most
} resq_attention_tiles;

static inline resq_attention_tiles resq_attention_tiles_of(const resq_attention_shape *s,
                                                           int64_t queries) {
  const int64_t group = s->heads / s->kv_heads, piece = resq_plan_least(group, queries);
  return (resq_attention_tiles){piece, resq_plan_ceil(group, piece), queries / piece};
}

/// Threads that share four queries.
static inline int64_t resq_attention_lanes(int64_t queries) {
  return RESQ_ATTENTION_THREADS / (queries / RESQ_ATTENTION_TOGETHER);
}

/// Lines of shared memory, in floats: a token's values, a token's scores.
static inline int64_t resq_attention_value_line(const resq_attention_shape *s) {
  return resq_plan_least(resq_round_up(s->head_size, 4), RESQ_ATTENTION_COLUMNS) + 4;
}
static inline int64_t resq_attention_score_line(int64_t queries) { return queries + 8; }

/// Parts of the shared memory, in floats: keys or values, queries, scores, states.
static inline int64_t resq_attention_coded(const resq_attention_shape *s) {
  const int64_t columns =
      resq_plan_least(resq_kv_columns(resq_attention_keys(s)), RESQ_ATTENTION_COLUMNS);
  return RESQ_KV_BLOCK * resq_plan_most(columns, resq_attention_value_line(s));
}
static inline int64_t resq_attention_shared(const resq_attention_shape *s, int64_t queries) {
  return 4 * (resq_attention_coded(s) + resq_kv_columns(resq_attention_keys(s)) * queries +
              RESQ_KV_BLOCK * resq_attention_score_line(queries) +
              RESQ_ATTENTION_STATE_FLOATS * queries);
}

/// Queries of a block: with few rows those of one, else as many as there is room for.
static inline int64_t resq_attention_queries(const resq_attention_shape *s, int64_t max_rows,
                                             int64_t most_shared) {
  if (max_rows <= RESQ_GPU_FEW_ROWS)
    return s->heads / s->kv_heads <= 4 ? 4 : 8;
  int64_t queries = 64;
  while (queries > 4 &&
         (resq_attention_shared(s, queries) > most_shared / 2 ||
          resq_plan_ceil(s->head_size, resq_attention_lanes(queries)) * RESQ_ATTENTION_TOGETHER >
              RESQ_ATTENTION_MOST_HELD))
    queries /= 2;
  return queries;
}

#endif // RESQ_KERNELS_NVPTX_ATTENTION_TILES_H
