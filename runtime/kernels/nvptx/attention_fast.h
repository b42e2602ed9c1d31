//===-- attention_fast.h - resq_attention at few rows, split over positions ===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block is a split of the positions of a kv head of a row, or the whole where the context is short or there are many
// rows; its warps take 32 tokens at a time in turns, each copied to shared memory ahead of its use: codes, scales, zero
// points. All query heads that share the kv head go together, at most 8. Scores and sums of values are matrix products
// of f16 with sums in f32:
//   - codes are small integers, or f16 centroids, exact in f16 (centroids within 2^-12); scales come in behind the product;
//   - queries and probabilities are sums of two f16.
// The last block of a row's kv head to finish combines the splits in their order: equal calls give equal bits. Against
// level "generic", tests hold 1e-5 of the norm for int, f16 and f32 caches and 5e-4 for Lloyd-Max, whose centroids are
// rounded.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ATTENTION_FAST_H
#define RESQ_KERNELS_NVPTX_ATTENTION_FAST_H

#include "attention_values.h"
#include "elements.h"

// Results are within bounds here, not pinned: products and sums may be fused.
#ifdef __clang__
#pragma clang fp contract(fast)
#endif

/// A call: the arguments of resq_attention, and what they are constants of.
typedef struct resq_attention_call {
  const float *q;
  const int32_t *positions, *sequences;
  uint8_t *cache;
  float *y;
  int64_t rows, capacity;
  float scale;
} resq_attention_call;

/// For each row's kv head that is split: how many of its splits have ended. 0 between launches: the last one wraps it. All
/// launches of a session have this in common, which works since they run one after the other.
static uint32_t resq_attention_ended[RESQ_ATTENTION_BLOCKS];

/// 32 tokens, `valid` of which the row may see.
RESQ_INLINE void resq_attention_step(const resq_attention_formats *f, resq_attention_warp *w,
                                     uint32_t stage, int valid) {
  float p[RESQ_ATTENTION_SHARE];
  resq_attention_scores(f, w, stage, p);
  float largest = w->largest;
  RESQ_UNROLL
  for (int i = 0; i < RESQ_ATTENTION_SHARE; ++i) {
    p[i] = 8 * w->q + i < valid ? p[i] : -1.0e30f;
    largest = p[i] > largest ? p[i] : largest;
  }
  RESQ_UNROLL
  for (int distance = 1; distance <= 2; ++distance) {
    const float other = resq_shuffle_xor_f32(largest, distance);
    largest = other > largest ? other : largest;
  }
  // Factors belong to the lane's row of queries, as the sums do.
  const float factor = resq_exp2(w->largest - largest);
  w->largest = largest;
  w->sum *= factor;
  RESQ_UNROLL
  for (int i = 0; i < RESQ_ATTENTION_SHARE; ++i) {
    p[i] = resq_exp2(p[i] - largest);
    w->sum += p[i];
  }
  resq_attention_add_part(f, w, stage, p, 0, valid, factor);
  if (resq_attention_high(f->values) > 0)
    resq_attention_add_part(f, w, stage, p, 1, valid, factor);
}

//===-- Warps and splits together -----------------------------------------===//

/// Of query g: what it has to divide by, its largest score, then its sums.
RESQ_INLINE void resq_attention_put(const resq_attention_formats *f, const resq_attention_warp *w,
                                    uint32_t to) {
  float sum = w->sum;
  RESQ_UNROLL
  for (int distance = 1; distance <= 2; ++distance)
    sum += resq_shuffle_xor_f32(sum, distance);
  if (w->g >= w->queries)
    return;
  to += (uint32_t)w->g * 4 * (uint32_t)(f->values.size + 2);
  if (w->q == 0) {
    resq_shared_store_f32(to, sum);
    resq_shared_store_f32(to + 4, w->largest);
  }
  to += 8;
  const int per = resq_attention_per_word(f->values), words = resq_attention_words(f->values);
  RESQ_UNROLL
  for (int group = 0; group < (words * per + 63) / 64; ++group)
    RESQ_UNROLL
  for (int n = 0; n < 8; ++n)
    RESQ_UNROLL
  for (int h = 0; h < 2; ++h) {
    const int word = resq_attention_value_word(f->values, group, n / per, 2 * w->q + h);
    if (word < words)
      resq_shared_store_f32(to + 4 * (uint32_t)(word * per + n % per), w->low[group][n][h]);
  }
  RESQ_UNROLL
  for (int n = 0; n < 2; ++n)
    RESQ_UNROLL
  for (int h = 0; h < 2; ++h) {
    const int column = 2 * (2 * w->q + h) + n;
    if (column < resq_attention_high(f->values))
      resq_shared_store_f32(to + 4 * (uint32_t)(resq_attention_low(f->values) + column),
                            w->high[n][h]);
  }
}

/// Parts of a softmax put together: `count` of them, each a sum and a largest score for every query,
/// whose factors come to stand in shared memory at `factors` (count floats, then what to divide by and the
/// largest score), a query after the other.
RESQ_INLINE uint32_t resq_attention_factors_at(uint32_t factors, int count, int query) {
  return factors + 4 * (uint32_t)(query * (count + 2));
}
/// By one warp, of one query: lane l brings the sums and largest scores of parts l, l + 32, ...
RESQ_INLINE void resq_attention_weigh_parts(uint32_t to, int count, int lane, const float *sum,
                                            const float *largest) {
  float most = -1.0e30f, total = 0.0f;
  RESQ_UNROLL
  for (int i = 0; i < RESQ_ATTENTION_PARTS; ++i)
    most = largest[i] > most ? largest[i] : most;
  for (int distance = RESQ_WARP / 2; distance > 0; distance /= 2) {
    const float other = resq_shuffle_xor_f32(most, distance);
    most = other > most ? other : most;
  }
  RESQ_UNROLL
  for (int i = 0; i < RESQ_ATTENTION_PARTS; ++i) {
    const float factor = resq_exp2(largest[i] - most);
    if (lane + RESQ_WARP * i < count)
      resq_shared_store_f32(to + 4 * (uint32_t)(lane + RESQ_WARP * i), factor);
    total += factor * sum[i];
  }
  total = resq_warp_sum(total);
  if (lane == 0) {
    resq_shared_store_f32(to + 4 * (uint32_t)count, total);
    resq_shared_store_f32(to + 4 * (uint32_t)count + 4, most);
  }
}

/// Where a block is in its call.
typedef struct resq_attention_item {
  int64_t pair, splits; ///< row and piece of a kv head's queries; blocks that may share them
  int split, used;      ///< this one, of those that do
  int64_t tokens;
  float *out; ///< of the first query
} resq_attention_item;

/// Unit `unit` of 32 tokens to a stage of the warp.
RESQ_INLINE void resq_attention_copy_ahead(const resq_attention_warp *w, int64_t unit,
                                           uint32_t stage) {
  resq_attention_copy(&w->piece, unit, w->stages + w->stage.bytes * stage, w->stage.bytes,
                      w->barriers + 8 * stage, w->lane);
}

/// A warp's share of the positions: units of 32 tokens. `turn` counts what its stages have held.
RESQ_INLINE void resq_attention_walk(const resq_attention_formats *f, resq_attention_warp *w,
                                     const resq_attention_item *item, int warp, int warps,
                                     uint32_t *turn) {
  const int64_t units = (item->tokens + RESQ_ATTENTION_TOKENS - 1) / RESQ_ATTENTION_TOKENS;
  const int64_t end = units * (item->split + 1) / item->used;
  int64_t next = units * item->split / item->used + warp;
  for (int64_t ahead = 0; ahead < RESQ_ATTENTION_STAGES; ++ahead)
    if (next + ahead * warps < end)
      resq_attention_copy_ahead(w, next + ahead * warps,
                                (uint32_t)(*turn + ahead) % RESQ_ATTENTION_STAGES);
  w->largest = -1.0e30f;
  w->sum = 0.0f;
  RESQ_UNROLL
  for (int group = 0; group < RESQ_ATTENTION_GROUPS; ++group)
    RESQ_UNROLL
  for (int n = 0; n < 16; ++n)
    w->low[group][n / 2][n % 2] = 0.0f;
  RESQ_UNROLL
  for (int n = 0; n < 4; ++n)
    w->high[n / 2][n % 2] = 0.0f;
  resq_sync_block(); // queries are there
  for (; next < end; next += warps, ++*turn) {
    const uint32_t s = *turn % RESQ_ATTENTION_STAGES;
    const int64_t left = item->tokens - next * RESQ_ATTENTION_TOKENS;
    resq_mbarrier_wait(w->barriers + 8 * s, *turn / RESQ_ATTENTION_STAGES & 1);
    resq_attention_step(f, w, w->stages + w->stage.bytes * s,
                        left < RESQ_ATTENTION_TOKENS ? (int)left : RESQ_ATTENTION_TOKENS);
    resq_sync_warp();
    const int64_t after = next + (int64_t)RESQ_ATTENTION_STAGES * warps;
    if (after < end)
      resq_attention_copy_ahead(w, after, s);
  }
  resq_sync_warp(); // results take the place of stages
}

/// Results of warps to the call's, or to the split's own.
RESQ_INLINE void resq_attention_join_warps(const resq_attention_warp *w,
                                           const resq_attention_item *item,
                                           const resq_attention_split_plan *p, uint32_t shared,
                                           int64_t size, float *own) {
  const int thread = resq_thread(), warp = thread / RESQ_WARP, warps = p->warps;
  const int stride = (int)size + 2, all = w->queries * (int)size;
  const uint32_t results = shared + p->areas, factors = shared + p->factors;
  for (int head = warp; head < w->queries; head += warps) {
    float sum[RESQ_ATTENTION_PARTS] = {0}, largest[RESQ_ATTENTION_PARTS] = {-1.0e30f, -1.0e30f};
    if (w->lane < warps) {
      const uint32_t from = results + (uint32_t)w->lane * p->area + 4 * (uint32_t)(head * stride);
      sum[0] = resq_shared_load_f32(from);
      largest[0] = resq_shared_load_f32(from + 4);
    }
    resq_attention_weigh_parts(resq_attention_factors_at(factors, warps, head), warps, w->lane, sum,
                               largest);
  }
  resq_sync_block();
  for (int at = thread; at < all; at += warps * RESQ_WARP) {
    const int head = at / (int)size, column = at % (int)size;
    const uint32_t f_at = resq_attention_factors_at(factors, warps, head);
    float value = 0.0f;
    RESQ_UNROLL
    for (int i = 0; i < warps; ++i)
      value += resq_shared_load_f32(f_at + 4 * (uint32_t)i) *
               resq_shared_load_f32(results + (uint32_t)i * p->area +
                                    4 * (uint32_t)(head * stride + 2 + column));
    const float total = resq_shared_load_f32(f_at + 4 * (uint32_t)warps);
    if (item->used == 1)
      item->out[at] = value / total;
    else {
      own[head * stride + 2 + column] = value;
      if (column == 0) {
        own[head * stride] = total;
        own[head * stride + 1] = resq_shared_load_f32(f_at + 4 * (uint32_t)warps + 4);
      }
    }
  }
}

/// By the block that ends last: results of splits, which are `partial` floats apart, to the call's.
RESQ_INLINE void resq_attention_join_splits(const resq_attention_warp *w,
                                            const resq_attention_item *item,
                                            const resq_attention_split_plan *p, uint32_t shared,
                                            int64_t size, const float *from, int64_t partial) {
  const int thread = resq_thread(), warp = thread / RESQ_WARP, warps = p->warps, n = item->used;
  const int stride = (int)size + 2, all = w->queries * (int)size;
  const uint32_t factors = shared + p->factors;
  for (int head = warp; head < w->queries; head += warps) {
    float sum[RESQ_ATTENTION_PARTS], largest[RESQ_ATTENTION_PARTS];
    RESQ_UNROLL
    for (int i = 0; i < RESQ_ATTENTION_PARTS; ++i) {
      const int64_t at = w->lane + RESQ_WARP * i;
      sum[i] = at < n ? resq_load_f32(from + at * partial + head * stride) : 0.0f;
      largest[i] = at < n ? resq_load_f32(from + at * partial + head * stride + 1) : -1.0e30f;
    }
    resq_attention_weigh_parts(resq_attention_factors_at(factors, n, head), n, w->lane, sum,
                               largest);
  }
  resq_sync_block();
  for (int at = thread; at < all; at += warps * RESQ_WARP) {
    const int head = at / (int)size, column = at % (int)size;
    const uint32_t f_at = resq_attention_factors_at(factors, n, head);
    float value = 0.0f;
    for (int first = 0; first < n; first += 16) { // loads of 16 splits under way together
      float v[16];
      RESQ_UNROLL
      for (int i = 0; i < 16; ++i)
        v[i] = first + i < n
                   ? resq_load_f32(from + (first + i) * partial + head * stride + 2 + column)
                   : 0.0f;
      RESQ_UNROLL
      for (int i = 0; i < 16; ++i)
        if (first + i < n)
          value += resq_shared_load_f32(f_at + 4 * (uint32_t)(first + i)) * v[i];
    }
    item->out[at] = value / resq_shared_load_f32(f_at + 4 * (uint32_t)n);
  }
}

/// resq_attention over a cache of words, any rows; launched as resq_attention_few_plan says. A row's positions are split
/// among as many blocks as the grid has for it, when they are many.
RESQ_INLINE void resq_attention_few(const resq_attention_call *c, const resq_attention_shape *s,
                                    float *partials) {
  const resq_attention_formats f = {resq_attention_keys(s), resq_attention_values(s)};
  const resq_attention_split_plan p = resq_attention_split_plan_of(f.keys, f.values);
  const resq_attention_tiles t = resq_attention_tiles_of(s, RESQ_ATTENTION_QUERIES);
  const int warp = resq_thread() / RESQ_WARP, threads = p.warps * RESQ_WARP;
  const uint32_t shared = resq_dynamic_shared(), is_last = shared + p.is_last;
  resq_attention_warp w = {.stage = p.stage, .lane = resq_thread() % RESQ_WARP};
  w.g = w.lane / 4;
  w.q = w.lane % 4;
  w.table = shared + 4 * (uint32_t)w.lane;
  w.queries_at = shared + p.queries;
  w.stages = shared + p.areas + (uint32_t)warp * p.area;
  w.barriers = shared + p.barriers + (uint32_t)warp * 8 * RESQ_ATTENTION_STAGES;
  resq_let_next_launch_start();
  if (w.lane == 0) {
    RESQ_UNROLL
    for (int i = 0; i < RESQ_ATTENTION_STAGES; ++i)
      resq_mbarrier_init(w.barriers + 8 * (uint32_t)i, 1);
    resq_mbarrier_init_fence();
  }
  resq_sync_warp();
  if (resq_attention_table(f.keys, f.values))
    resq_attention_make_table(shared, threads);
  resq_wait_for_launches();
  const int64_t group = s->heads / s->kv_heads, pairs = c->rows * s->kv_heads * t.pieces;
  const int64_t blocks = resq_plan_least(resq_blocks_x(), RESQ_ATTENTION_BLOCKS);
  const int64_t partial = resq_attention_partial(t.piece, s->head_size);
  resq_attention_item item = {
      .splits = pairs < blocks ? resq_plan_least(blocks / pairs, RESQ_ATTENTION_MOST_SPLITS) : 1};
  uint32_t turn = 0;
  for (int64_t i = resq_block_x(); i < pairs * item.splits; i += resq_blocks_x()) {
    item.pair = i / item.splits;
    item.split = (int)(i % item.splits);
    const int64_t row = item.pair / (s->kv_heads * t.pieces);
    const int64_t kv = item.pair / t.pieces % s->kv_heads, first = item.pair % t.pieces * t.piece;
    item.tokens = (int64_t)c->positions[row] + 1;
    item.used =
        (int)resq_plan_least(item.splits, resq_plan_ceil(item.tokens, RESQ_ATTENTION_SPLIT_TOKENS));
    if (item.split >= item.used)
      continue;
    const int64_t head = kv * group + first;
    w.queries = (int)resq_plan_least(t.piece, group - first);
    const resq_kv_view key = resq_kv_head(c->cache, f.keys, f.values, c->capacity, s->kv_heads,
                                          c->sequences[row], kv, 1);
    const resq_kv_view value = resq_kv_head(c->cache, f.keys, f.values, c->capacity, s->kv_heads,
                                            c->sequences[row], kv, 0);
    w.piece = resq_attention_piece_of(&p.stage, &key, &value, w.lane);
    item.out = c->y + row * s->ldy + head * s->head_size;
    resq_attention_load_queries(&f, w.queries_at, c->q + row * s->ldq + head * s->head_size,
                                w.queries, c->scale * 1.44269504f, threads);
    resq_attention_walk(&f, &w, &item, warp, p.warps, &turn);
    resq_attention_put(&f, &w, w.stages);
    resq_sync_block();
    resq_attention_join_warps(&w, &item, &p, shared, s->head_size, partials + i * partial);
    if (item.used > 1) {
      resq_fence_gpu();
      resq_sync_block();
      if (resq_thread() == 0)
        resq_shared_store(is_last,
                          resq_count_up(&resq_attention_ended[item.pair],
                                        (uint32_t)item.used - 1) == (uint32_t)item.used - 1);
      resq_sync_block();
      if (resq_shared_load(is_last)) {
        resq_fence_gpu();
        resq_attention_join_splits(&w, &item, &p, shared, s->head_size,
                                   partials + item.pair * item.splits * partial, partial);
      }
    }
    resq_sync_block(); // before another item's queries and stages
  }
}

#ifdef __clang__
#pragma clang fp contract(off)
#endif

#endif // RESQ_KERNELS_NVPTX_ATTENTION_FAST_H
