//===-- attention_prefill.h - resq_attention at many rows -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block does 64 queries, the heads of a kv head in neighboring rows of a sequence, 64 tokens at a time: these are
// decoded to shared memory once, while the next ones are on their way from the cache. A warp does 16 queries. Scores
// and sums of values are matrix products of f16 with sums in f32; queries are sums of two f16, and so are f32 caches, and
// probabilities where values are floats. Bounds are those of attention_fast.h, but 5e-4 where values are codes.
//
// A lane is 4 g + q. Column 2 q + i of product j of 8 is token 16 q + 2 j + i, so that a lane has the scores of 16
// neighboring tokens, for query g in [j][0], [j][1], for query g + 8 in [j][2], [j][3].
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ATTENTION_PREFILL_H
#define RESQ_KERNELS_NVPTX_ATTENTION_PREFILL_H

#include "attention_fast.h"
#include "attention_prefill_tiles.h"

// Results are within bounds here, not pinned: products and sums may be fused.
#ifdef __clang__
#pragma clang fp contract(fast)
#endif

enum { RESQ_PREFILL_COLUMNS = RESQ_ATTENTION_MOST_SIZE / 8 }; ///< of values, by 8

/// A warp's queries as left operands, of 16 columns each.
typedef struct resq_prefill_queries {
  uint32_t hi[RESQ_PREFILL_STEPS][4], lo[RESQ_PREFILL_STEPS][4];
} resq_prefill_queries;

/// What a lane has of queries g and g + 8.
typedef struct resq_prefill_state {
  float largest[2], sum[2];
  float o[RESQ_PREFILL_COLUMNS][4];
} resq_prefill_state;

/// Rows of one sequence, and heads, that a block does.
typedef struct resq_prefill_run {
  int64_t begin, end, head, heads, piece;
} resq_prefill_run;

/// The row of query i, or -1 where there is none.
RESQ_INLINE int64_t resq_prefill_row(const resq_prefill_run *r, int64_t i) {
  const int64_t row = r->begin + i / r->piece;
  return i < RESQ_PREFILL_QUERIES / r->piece * r->piece && row < r->end && i % r->piece < r->heads
             ? row
             : -1;
}

/// Where the words of a step begin in a key's line, for lane q.
RESQ_INLINE int resq_prefill_step_word(const resq_prefill_plan *p, int step, int q) {
  return step < 2 * p->doubles ? 16 * (step / 2) + 4 * q + 2 * (step % 2) : 8 * step + 2 * q;
}

RESQ_INLINE void resq_prefill_load_queries(const resq_prefill *b, const resq_prefill_run *r,
                                           const float *q, int64_t ldq, float scale,
                                           resq_prefill_queries *to) {
  const int steps = 2 * b->p.doubles + b->p.singles + b->p.highs;
  RESQ_UNROLL
  for (int step = 0; step < steps; ++step)
    RESQ_UNROLL
  for (int part = 0; part < 4; ++part) {
    const int64_t i = 16 * b->warp + b->g + 8 * (part % 2), row = resq_prefill_row(r, i);
    const float *from = q + row * ldq + (r->head + i % r->piece) * b->f.keys.size;
    int first, second;
    const bool there = resq_prefill_columns(b, resq_prefill_step_word(&b->p, step, b->q) + part / 2,
                                            &first, &second) &&
                       row >= 0;
    resq_attention_halves(there ? from[first] * scale : 0.0f, there ? from[second] * scale : 0.0f,
                          &to->hi[step][part], &to->lo[step][part]);
  }
}

RESQ_INLINE void resq_prefill_multiply(float *c, const uint32_t *a, uint32_t b0, uint32_t b1) {
  resq_mma_f16(c, a[0], a[1], a[2], a[3], b0, b1);
}

//===-- Scores ------------------------------------------------------------===//

enum { RESQ_PREFILL_AT_ONCE = 4 }; ///< products whose sums are under way together

/// c[j] += products of `count` steps from `step` on, for four j from `j` on: keys of a copy by a half of the queries or both.
RESQ_INLINE void resq_prefill_steps(const resq_prefill *b, const resq_prefill_queries *a, int step,
                                    int count, int j, uint32_t copy, bool both, float (*c)[4]) {
  uint32_t k[RESQ_PREFILL_AT_ONCE][4];
  RESQ_UNROLL
  for (int i = 0; i < RESQ_PREFILL_AT_ONCE; ++i) {
    const uint32_t line = copy * b->p.key_bytes + (uint32_t)(2 * (j + i)) * b->p.key_line;
    const uint32_t at = count == 2 ? b->doubles_at + line + 32 * (uint32_t)step
                                   : b->singles_at + line + 32 * (uint32_t)step;
    if (count == 2) {
      const resq_u32x4 v = resq_shared_load_x4(at);
      k[i][0] = v[0], k[i][1] = v[1], k[i][2] = v[2], k[i][3] = v[3];
    } else {
      const resq_u32x2 v = resq_shared_load_x2(at);
      k[i][0] = v[0], k[i][1] = v[1];
    }
  }
  RESQ_UNROLL
  for (int s = 0; s < count; ++s) {
    RESQ_UNROLL
    for (int i = 0; i < RESQ_PREFILL_AT_ONCE; ++i)
      resq_prefill_multiply(c[j + i], a->hi[step + s], k[i][2 * s], k[i][2 * s + 1]);
    if (!both)
      continue;
    RESQ_UNROLL
    for (int i = 0; i < RESQ_PREFILL_AT_ONCE; ++i)
      resq_prefill_multiply(c[j + i], a->lo[step + s], k[i][2 * s], k[i][2 * s + 1]);
  }
}

/// All products of a part for four j.
RESQ_INLINE void resq_prefill_low(const resq_prefill *b, const resq_prefill_queries *a, int j,
                                  float (*c)[4]) {
  const int copies = b->f.keys.kind == RESQ_KV_F32 ? 2 : 1;
  RESQ_UNROLL
  for (int copy = 0; copy < copies; ++copy) {
    RESQ_UNROLL
    for (int s = 0; s < b->p.doubles; ++s)
      resq_prefill_steps(b, a, 2 * s, 2, j, (uint32_t)copy, copy == 0, c);
    if (b->p.singles)
      resq_prefill_steps(b, a, 2 * b->p.doubles, 1, j, (uint32_t)copy, copy == 0, c);
  }
}

RESQ_INLINE void resq_prefill_scores(const resq_prefill *b, const resq_prefill_queries *a,
                                     float (*c)[4]) {
  RESQ_UNROLL
  for (int j = 0; j < 8; j += RESQ_PREFILL_AT_ONCE) {
    resq_prefill_low(b, a, j, c);
    if (!resq_attention_is_coded(b->f.keys))
      continue;
    float d[8][4] = {{0}};
    if (b->p.highs)
      resq_prefill_steps(b, a, 2 * b->p.doubles + b->p.singles, 1, j, 0, true, d);
    RESQ_UNROLL
    for (int i = j; i < j + RESQ_PREFILL_AT_ONCE; ++i) {
      float low[2], high[2] = {0.0f, 0.0f};
      resq_prefill_two_scales(b, 0, 0, i, low);
      if (b->p.highs)
        resq_prefill_two_scales(b, 0, 1, i, high);
      RESQ_UNROLL
      for (int k = 0; k < 4; ++k)
        c[i][k] = b->p.highs ? low[k % 2] * c[i][k] + high[k % 2] * d[i][k] : low[k % 2] * c[i][k];
    }
  }
}

/// Scores become probabilities relative to the largest so far; factors are what sums so far are multiplied by. counts: what
/// the two queries see of the tokens; `all`: the warp's see all.
RESQ_INLINE void resq_prefill_soften(const resq_prefill *b, resq_prefill_state *s, float (*p)[4],
                                     const int64_t *counts, bool all, float *factors) {
  if (!all) {
    RESQ_UNROLL
    for (int j = 0; j < 8; ++j)
      RESQ_UNROLL
    for (int k = 0; k < 4; ++k)
      p[j][k] = 16 * b->q + 2 * j + k % 2 < counts[k / 2] ? p[j][k] : -1.0e30f;
  }
  RESQ_UNROLL
  for (int h = 0; h < 2; ++h) {
    float largest = s->largest[h];
    RESQ_UNROLL
    for (int j = 0; j < 8; ++j)
      RESQ_UNROLL
    for (int i = 0; i < 2; ++i)
      largest = p[j][2 * h + i] > largest ? p[j][2 * h + i] : largest;
    RESQ_UNROLL
    for (int distance = 1; distance <= 2; ++distance) {
      const float other = resq_shuffle_xor_f32(largest, distance);
      largest = other > largest ? other : largest;
    }
    factors[h] = resq_exp2(s->largest[h] - largest);
    s->largest[h] = largest;
    float sum = 0.0f;
    RESQ_UNROLL
    for (int j = 0; j < 8; ++j)
      RESQ_UNROLL
    for (int i = 0; i < 2; ++i) {
      p[j][2 * h + i] = resq_exp2(p[j][2 * h + i] - largest);
      sum += p[j][2 * h + i];
    }
    s->sum[h] = s->sum[h] * factors[h] + sum;
  }
}

//===-- Values ------------------------------------------------------------===//

/// Probabilities by scales as left operands of four products of 16 tokens: of floats sums of two f16. Codes are far enough
/// from what they stand for that one f16 does.
typedef struct resq_prefill_weights {
  uint32_t hi[4][4], lo[4][4];
} resq_prefill_weights;

RESQ_INLINE void resq_prefill_weigh(const resq_prefill *b, float (*p)[4], int part,
                                    resq_prefill_weights *w) {
  RESQ_UNROLL
  for (int j = 0; j < 8; ++j)
    RESQ_UNROLL
  for (int h = 0; h < 2; ++h) {
    uint32_t *hi = &w->hi[j / 2][2 * (j % 2) + h];
    if (resq_attention_is_coded(b->f.values)) {
      float scale[2];
      resq_prefill_two_scales(b, 1, part, j, scale);
      *hi = resq_half2(p[j][2 * h] * scale[0], p[j][2 * h + 1] * scale[1]);
    } else {
      resq_attention_halves(p[j][2 * h] * 0x1p11f, p[j][2 * h + 1] * 0x1p11f, hi,
                            &w->lo[j / 2][2 * (j % 2) + h]);
    }
  }
}

/// o = o * factors + the weighted values, for `count` times 8 columns from `first` on.
RESQ_INLINE void resq_prefill_add(const resq_prefill *b, resq_prefill_state *s, int first,
                                  int count, const resq_prefill_weights *w, const float *factors,
                                  float back) {
  const int copies = b->f.values.kind == RESQ_KV_F32 ? 2 : 1;
  RESQ_UNROLL
  for (int n = first; n < first + count; ++n) {
    float c[2][4] = {{0}};
    RESQ_UNROLL
    for (int copy = 0; copy < copies; ++copy) {
      const uint32_t at = b->values_at + (uint32_t)copy * b->p.value_bytes +
                          (uint32_t)(8 * n) * RESQ_PREFILL_VALUE_LINE;
      RESQ_UNROLL
      for (int t = 0; t < 4; t += 2) {
        const resq_u32x4 v = resq_shared_load_x4(at + 8 * (uint32_t)t);
        RESQ_UNROLL
        for (int i = 0; i < 2; ++i) {
          resq_prefill_multiply(c[i], w->hi[t + i], v[2 * i], v[2 * i + 1]);
          if (copy == 0 && !resq_attention_is_coded(b->f.values))
            resq_prefill_multiply(c[1 - i], w->lo[t + i], v[2 * i], v[2 * i + 1]);
        }
      }
    }
    RESQ_UNROLL
    for (int k = 0; k < 4; ++k)
      s->o[n][k] = s->o[n][k] * factors[k / 2] + (c[0][k] + c[1][k]) * back;
  }
}

RESQ_INLINE void resq_prefill_add_values(const resq_prefill *b, resq_prefill_state *s,
                                         float (*p)[4], const float *factors) {
  const int lows = (int)resq_attention_low(b->f.values) / 8;
  const float back =
      resq_attention_is_coded(b->f.values) ? resq_shared_load_f32(b->shared + b->p.back) : 0x1p-11f;
  resq_prefill_weights w;
  resq_prefill_weigh(b, p, 0, &w);
  resq_prefill_add(b, s, 0, lows, &w, factors, back);
  if (resq_attention_high(b->f.values)) {
    resq_prefill_weigh(b, p, 1, &w);
    resq_prefill_add(b, s, lows, (int)resq_attention_high(b->f.values) / 8, &w, factors, back);
  }
}

//===-- The kernel --------------------------------------------------------===//

/// 64 tokens on their way to the block's stage, by one warp.
RESQ_INLINE void resq_prefill_copy(const resq_prefill *b, int64_t unit) {
  resq_attention_copy(&b->piece, unit, b->shared + b->p.raw, b->p.stage.bytes,
                      b->shared + b->p.barrier, b->lane);
}

/// One run: `turn` counts what has been copied to the block's stage.
RESQ_INLINE void resq_prefill_run_rows(const resq_prefill *b, const resq_attention_call *call,
                                       const resq_attention_shape *shape, const resq_prefill_run *r,
                                       uint32_t *turn) {
  const uint32_t barrier = b->shared + b->p.barrier;
  resq_prefill_state s = {{-1.0e30f, -1.0e30f}, {0.0f, 0.0f}, {{0}}};
  resq_prefill_queries a;
  int64_t positions = 0, least = INT32_MAX, sees[2];
  for (int64_t row = r->begin; row < r->end; ++row)
    positions = call->positions[row] + 1 > positions ? call->positions[row] + 1 : positions;
  if (b->warp == 0)
    resq_prefill_copy(b, 0);
  RESQ_UNROLL
  for (int h = 0; h < 2; ++h) {
    const int64_t row = resq_prefill_row(r, 16 * b->warp + b->g + 8 * h);
    sees[h] = row < 0 ? 0 : call->positions[row] + 1;
    least = row >= 0 && sees[h] < least ? sees[h] : least;
  }
  for (int distance = 4; distance < RESQ_WARP; distance *= 2) {
    const int32_t other = (int32_t)resq_shuffle_xor((uint32_t)least, distance);
    least = other < least ? other : least;
  }
  resq_prefill_load_queries(b, r, call->q, shape->ldq, call->scale * 1.44269504f, &a);
  for (int64_t first = 0; first < positions; first += RESQ_PREFILL_TOKENS, ++*turn) {
    resq_mbarrier_wait(barrier, *turn & 1);
    if (resq_attention_is_coded(b->f.keys))
      resq_prefill_coded_keys(b);
    else
      resq_prefill_float_keys(b);
    resq_prefill_values(b, positions - first);
    if (b->warp == RESQ_PREFILL_THREADS / RESQ_WARP - 1)
      resq_prefill_scales(b, positions - first);
    resq_sync_block();
    if (b->warp == 0 && first + RESQ_PREFILL_TOKENS < positions)
      resq_prefill_copy(b, first / RESQ_PREFILL_TOKENS + 1);
    const int64_t counts[2] = {sees[0] - first, sees[1] - first};
    float p[8][4] = {{0}}, factors[2];
    resq_prefill_scores(b, &a, p);
    resq_prefill_soften(b, &s, p, counts, least - first >= RESQ_PREFILL_TOKENS, factors);
    resq_prefill_add_values(b, &s, p, factors);
    resq_sync_block(); // before the next tokens take the place of these
  }
  RESQ_UNROLL
  for (int h = 0; h < 2; ++h) {
    const int64_t i = 16 * b->warp + b->g + 8 * h, row = resq_prefill_row(r, i);
    float sum = s.sum[h];
    RESQ_UNROLL
    for (int distance = 1; distance <= 2; ++distance)
      sum += resq_shuffle_xor_f32(sum, distance);
    float *to = call->y + row * shape->ldy + (r->head + i % r->piece) * shape->head_size + 2 * b->q;
    if (row >= 0) {
      RESQ_UNROLL
      for (int n = 0; n < (int)b->f.values.size / 8; ++n) {
        to[8 * n] = s.o[n][2 * h] / sum;
        to[8 * n + 1] = s.o[n][2 * h + 1] / sum;
      }
    }
  }
}

/// resq_attention over a cache of words, any rows; launched as resq_attention_many_plan says.
RESQ_INLINE void resq_attention_many(const resq_attention_call *c, const resq_attention_shape *s) {
  const resq_kv_format keys = resq_attention_keys(s), values = resq_attention_values(s);
  const resq_attention_tiles tiles = resq_attention_tiles_of(s, RESQ_PREFILL_QUERIES);
  const int64_t group = s->heads / s->kv_heads, row_tiles = resq_plan_ceil(c->rows, tiles.rows);
  resq_prefill b = {.f = {keys, values},
                    .p = resq_prefill_plan_of(keys, values),
                    .shared = resq_dynamic_shared(),
                    .lane = resq_thread() % RESQ_WARP,
                    .warp = resq_thread() / RESQ_WARP};
  uint32_t turn = 0;
  b.g = b.lane / 4;
  b.q = b.lane % 4;
  const uint32_t keys_at =
      b.shared + b.p.keys + (uint32_t)(16 * (b.g / 2) + b.g % 2) * b.p.key_line;
  b.doubles_at = keys_at + 16 * (uint32_t)b.q;
  b.singles_at = keys_at + 8 * (uint32_t)b.q;
  b.values_at =
      b.shared + b.p.values + (uint32_t)b.g * RESQ_PREFILL_VALUE_LINE + 32 * (uint32_t)b.q;
  resq_let_next_launch_start();
  if (resq_thread() == 0) {
    resq_mbarrier_init(b.shared + b.p.barrier, 1);
    resq_mbarrier_init_fence();
  }
  if (resq_attention_table(keys, values))
    resq_attention_make_table(b.shared, RESQ_PREFILL_THREADS);
  // Words of keys behind the last column stay 0.
  for (uint32_t at = 16 * (uint32_t)resq_thread(); at < (uint32_t)b.p.copies * b.p.key_bytes;
       at += 16 * RESQ_PREFILL_THREADS)
    resq_shared_store_x4(b.shared + b.p.keys + at, (resq_u32x4){0, 0, 0, 0});
  resq_wait_for_launches();
  resq_sync_block();
  for (int64_t item = resq_block_x(); item < row_tiles * s->kv_heads * tiles.pieces;
       item += resq_blocks_x()) {
    const int64_t kv = item / tiles.pieces % s->kv_heads, first = item % tiles.pieces * tiles.piece;
    // The last rows read the most positions: they go first.
    const int64_t tile = row_tiles - 1 - item / (s->kv_heads * tiles.pieces);
    const int64_t last = resq_plan_least((tile + 1) * tiles.rows, c->rows);
    resq_prefill_run r = {.head = kv * group + first,
                          .heads = resq_plan_least(tiles.piece, group - first),
                          .piece = tiles.piece};
    for (r.begin = tile * tiles.rows; r.begin < last; r.begin = r.end) {
      r.end = r.begin + 1;
      while (r.end < last && c->sequences[r.end] == c->sequences[r.begin])
        ++r.end;
      const resq_kv_view key = resq_kv_head(c->cache, keys, values, c->capacity, s->kv_heads,
                                            c->sequences[r.begin], kv, 1);
      const resq_kv_view value = resq_kv_head(c->cache, keys, values, c->capacity, s->kv_heads,
                                              c->sequences[r.begin], kv, 0);
      b.piece = resq_attention_piece_of(&b.p.stage, &key, &value, b.lane);
      resq_prefill_run_rows(&b, c, s, &r, &turn);
    }
  }
}

#ifdef __clang__
#pragma clang fp contract(off)
#endif

#endif // RESQ_KERNELS_NVPTX_ATTENTION_PREFILL_H
