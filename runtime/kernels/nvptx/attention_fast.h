//===-- attention_fast.h - resq_attention at few rows, split over positions ===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block of the grid is a split of the positions (x) of a kv head of a row (y); its warps take blocks
// of 64 tokens in turns, each copied to shared memory ahead of its use: codes, scales, zero points.
// All query heads that share the kv head go together, at most 8. Scores and sums of values are
// matrix products of f16 with sums in f32:
//   - codes are small integers, or f16 centroids, exact in f16 (centroids within 2^-12); scales and
//     zero points come in behind the product, s (sum of q c - z sum of q);
//   - queries and probabilities are sums of two f16, which stand in rows g and g + 8 of a product
//     whose 16 rows would else be half empty: 22 bits of them count.
// The last block of a row's kv head to finish combines the splits in their order: equal calls give
// equal bits. Against level "generic", tests hold 1e-5 of the norm for int, f16 and f32 caches and
// 3e-4 for Lloyd-Max, whose centroids are rounded.
//
// A lane is 4 g + q. Token columns: column g of product i of a block of 64 is token 8 g + i, so that
// the scores of a lane are those of tokens 16 q .. 16 q + 15, which stand side by side in planes.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ATTENTION_FAST_H
#define RESQ_KERNELS_NVPTX_ATTENTION_FAST_H

#include "attention_values.h"

// Results are within bounds here, not pinned: products and sums may be fused.
#ifdef __clang__
#pragma clang fp contract(fast)
#endif

RESQ_INLINE int64_t resq_attention_least(int64_t a, int64_t b) { return a < b ? a : b; }

/// A block of 64 tokens, `valid` of which the row may see.
RESQ_INLINE void resq_attention_block(const resq_attention_formats *f, resq_attention_warp *w,
                                      uint32_t stage, int valid) {
  float p[16];
  resq_attention_scores(f, w, stage, p);
  float largest = w->largest;
  if (valid < RESQ_KV_BLOCK) {
    RESQ_UNROLL
    for (int i = 0; i < 16; ++i)
      p[i] = 16 * w->q + i < valid ? p[i] : -1.0e30f;
  }
  RESQ_UNROLL
  for (int i = 0; i < 16; ++i)
    largest = p[i] > largest ? p[i] : largest;
  RESQ_UNROLL
  for (int distance = 1; distance <= 2; ++distance) {
    const float other = resq_shuffle_xor_f32(largest, distance);
    largest = other > largest ? other : largest;
  }
  const float factor = resq_exp2(w->largest - largest);
  w->largest = largest;
  w->sum *= factor;
  RESQ_UNROLL
  for (int i = 0; i < 16; ++i) {
    p[i] = resq_exp2(p[i] - largest);
    w->sum += p[i];
  }
  w->zeros[0] *= factor;
  w->zeros[1] *= factor;
  // Factors belong to the lane's row of queries, as the sums do.
  RESQ_UNROLL
  for (int group = 0; group < RESQ_ATTENTION_GROUPS; ++group)
    RESQ_UNROLL
  for (int n = 0; n < 16; ++n)
    w->low[group][n / 2][n % 2] *= factor;
  RESQ_UNROLL
  for (int n = 0; n < 4; ++n)
    w->high[n / 2][n % 2] *= factor;
  resq_attention_add_part(f, w, stage, p, 0, valid);
  if (resq_attention_high(f->values) > 0)
    resq_attention_add_part(f, w, stage, p, 1, valid);
}

//===-- Warps and splits together -----------------------------------------===//

/// Of query g: what it has to divide by, its largest score, then its sums.
RESQ_INLINE void resq_attention_put(const resq_attention_formats *f, const resq_attention_warp *w,
                                    uint32_t to) {
  float sum = w->sum, zeros[2] = {w->zeros[0], w->zeros[1]};
  RESQ_UNROLL
  for (int distance = 1; distance <= 2; ++distance) {
    sum += resq_shuffle_xor_f32(sum, distance);
    zeros[0] += resq_shuffle_xor_f32(zeros[0], distance);
    zeros[1] += resq_shuffle_xor_f32(zeros[1], distance);
  }
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
      resq_shared_store_f32(to + 4 * (uint32_t)(word * per + n % per),
                            w->low[group][n][h] - zeros[0]);
  }
  RESQ_UNROLL
  for (int n = 0; n < 2; ++n)
    RESQ_UNROLL
  for (int h = 0; h < 2; ++h) {
    const int column = 2 * (2 * w->q + h) + n;
    if (column < resq_attention_high(f->values))
      resq_shared_store_f32(to + 4 * (uint32_t)(resq_attention_low(f->values) + column),
                            w->high[n][h] - zeros[1]);
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

/// resq_attention of the formats that resq_attention_takes, without a sketch. Grid: splits by
/// rows * kv_heads, at most RESQ_ATTENTION_MOST_SPLITS splits; threads and shared memory as resq_attention_plan_of says. partials:
/// resq_attention_partial floats for each block of the grid; counters: a word for each row and kv
/// head, 0 before and after.
RESQ_INLINE void resq_attention_fast(const float *q, const int32_t *positions,
                                     const int32_t *sequences, const uint8_t *cache, float *y,
                                     int64_t ldq, int64_t ldy, int64_t capacity, int64_t heads,
                                     int64_t kv_heads, int64_t head_size, float scale,
                                     int64_t k_kind, int64_t k_bits, int64_t k_high, int64_t v_kind,
                                     int64_t v_bits, int64_t v_high, float *partials,
                                     uint32_t *counters) {
  const resq_attention_formats f = {{head_size, k_kind, k_bits, k_high, 0},
                                    {head_size, v_kind, v_bits, v_high, 0}};
  resq_attention_warp w = {0};
  const int thread = resq_thread(), warp = thread / RESQ_WARP;
  const int64_t row = resq_block_y() / kv_heads, kv = resq_block_y() % kv_heads;
  const int splits = (int)resq_blocks_x(), split = (int)resq_block_x();
  const uint32_t shared = resq_dynamic_shared();
  resq_let_next_launch_start();
  w.plan = resq_attention_plan_of(f.keys, f.values);
  w.lane = thread % RESQ_WARP;
  w.g = w.lane / 4;
  w.q = w.lane % 4;
  w.queries = (int)(heads / kv_heads);
  const uint32_t each = RESQ_ATTENTION_STAGES * w.plan.stage;
  const uint32_t area = each > w.plan.results ? each : w.plan.results;
  w.table = shared + 4 * (uint32_t)w.lane;
  w.stages = shared + w.plan.table + (uint32_t)warp * area;
  w.barriers = shared + w.plan.table + (uint32_t)w.plan.warps * area +
               (uint32_t)warp * 8 * RESQ_ATTENTION_STAGES;
  const uint32_t is_last = shared + w.plan.table + (uint32_t)w.plan.warps * area +
                           (uint32_t)w.plan.warps * 8 * RESQ_ATTENTION_STAGES;
  if (w.lane == 0) {
    RESQ_UNROLL
    for (int s = 0; s < RESQ_ATTENTION_STAGES; ++s)
      resq_mbarrier_init(w.barriers + 8 * (uint32_t)s, 1);
    resq_mbarrier_init_fence();
  }
  resq_sync_warp();
  if (w.plan.table) {
    for (int line = thread; line < 256; line += w.plan.warps * RESQ_WARP) {
      const uint32_t v = resq_half2(resq_lm_centroid(4, line & 15), resq_lm_centroid(4, line >> 4));
      RESQ_UNROLL
      for (int i = 0; i < 8; ++i)
        resq_shared_store_x4(shared + (uint32_t)(line * 128 + ((i + line) & 7) * 16),
                             (resq_u32x4){v, v, v, v});
    }
    resq_sync_block();
  }
  resq_wait_for_launches();
  const int64_t tokens = (int64_t)positions[row] + 1;
  const int64_t blocks = (tokens + RESQ_KV_BLOCK - 1) / RESQ_KV_BLOCK;
  const int64_t end = blocks * (split + 1) / splits;
  int64_t next = blocks * split / splits + warp;
  w.key =
      resq_kv_head((uint8_t *)cache, f.keys, f.values, capacity, kv_heads, sequences[row], kv, 1);
  w.value =
      resq_kv_head((uint8_t *)cache, f.keys, f.values, capacity, kv_heads, sequences[row], kv, 0);
  RESQ_UNROLL
  for (int s = 0; s < RESQ_ATTENTION_STAGES; ++s)
    if (next + s * w.plan.warps < end)
      resq_attention_copy(&w, (next + s * w.plan.warps) * RESQ_KV_BLOCK, s);
  w.largest = -1.0e30f;
  if (next < end)
    resq_attention_load_query(&f, &w, q + row * ldq + kv * w.queries * head_size,
                              scale * 1.44269504f);
  uint32_t turn = 0;
  for (; next < end; next += w.plan.warps, ++turn) {
    const uint32_t s = turn % RESQ_ATTENTION_STAGES;
    resq_mbarrier_wait(w.barriers + 8 * s, turn / RESQ_ATTENTION_STAGES & 1);
    resq_attention_block(&f, &w, w.stages + w.plan.stage * s,
                         (int)resq_attention_least(tokens - next * RESQ_KV_BLOCK, RESQ_KV_BLOCK));
    resq_sync_warp();
    const int64_t after = next + RESQ_ATTENTION_STAGES * w.plan.warps;
    if (after < end)
      resq_attention_copy(&w, after * RESQ_KV_BLOCK, (int)s);
  }
  resq_sync_warp(); // results stand where stages were
  resq_attention_put(&f, &w, w.stages);
  resq_sync_block();

  const int stride = (int)head_size + 2, warps = w.plan.warps, all = w.queries * (int)head_size;
  const int64_t partial = resq_attention_partial(w.queries, head_size);
  const uint32_t results = shared + w.plan.table, factors = is_last + 16;
  for (int head = warp; head < w.queries; head += warps) {
    float sum[RESQ_ATTENTION_PARTS] = {0}, largest[RESQ_ATTENTION_PARTS] = {-1.0e30f, -1.0e30f};
    if (w.lane < warps) {
      const uint32_t from = results + (uint32_t)w.lane * area + 4 * (uint32_t)(head * stride);
      sum[0] = resq_shared_load_f32(from);
      largest[0] = resq_shared_load_f32(from + 4);
    }
    resq_attention_weigh_parts(resq_attention_factors_at(factors, warps, head), warps, w.lane, sum,
                               largest);
  }
  resq_sync_block();
  float *own = partials + (resq_block_y() * splits + split) * partial;
  float *out = y + row * ldy + kv * w.queries * head_size;
  for (int at = thread; at < all; at += warps * RESQ_WARP) {
    const int head = at / (int)head_size, column = at % (int)head_size;
    const uint32_t f_at = resq_attention_factors_at(factors, warps, head);
    float value = 0.0f;
    RESQ_UNROLL
    for (int i = 0; i < warps; ++i)
      value += resq_shared_load_f32(f_at + 4 * (uint32_t)i) *
               resq_shared_load_f32(results + (uint32_t)i * area +
                                    4 * (uint32_t)(head * stride + 2 + column));
    const float total = resq_shared_load_f32(f_at + 4 * (uint32_t)warps);
    if (splits == 1)
      out[at] = value / total;
    else {
      own[head * stride + 2 + column] = value;
      if (column == 0) {
        own[head * stride] = total;
        own[head * stride + 1] = resq_shared_load_f32(f_at + 4 * (uint32_t)warps + 4);
      }
    }
  }
  if (splits == 1)
    return;
  resq_fence_gpu();
  resq_sync_block();
  if (thread == 0)
    resq_shared_store(is_last, resq_count_up(counters + resq_block_y(), (uint32_t)splits - 1) ==
                                   (uint32_t)splits - 1);
  resq_sync_block();
  if (!resq_shared_load(is_last))
    return;
  resq_fence_gpu();
  const float *from = partials + resq_block_y() * splits * partial;
  for (int head = warp; head < w.queries; head += warps) {
    float sum[RESQ_ATTENTION_PARTS];
    float largest[RESQ_ATTENTION_PARTS];
    RESQ_UNROLL
    for (int i = 0; i < RESQ_ATTENTION_PARTS; ++i) {
      const int64_t at = w.lane + RESQ_WARP * i;
      sum[i] = at < splits ? resq_load_f32(from + at * partial + head * stride) : 0.0f;
      largest[i] = at < splits ? resq_load_f32(from + at * partial + head * stride + 1) : -1.0e30f;
    }
    resq_attention_weigh_parts(resq_attention_factors_at(factors, splits, head), splits, w.lane,
                               sum, largest);
  }
  resq_sync_block();
  for (int at = thread; at < all; at += warps * RESQ_WARP) {
    const int head = at / (int)head_size, column = at % (int)head_size;
    const uint32_t f_at = resq_attention_factors_at(factors, splits, head);
    float value = 0.0f;
    for (int first = 0; first < splits; first += 16) { // loads of 16 splits under way together
      float v[16];
      RESQ_UNROLL
      for (int i = 0; i < 16; ++i)
        v[i] = first + i < splits
                   ? resq_load_f32(from + (first + i) * partial + head * stride + 2 + column)
                   : 0.0f;
      RESQ_UNROLL
      for (int i = 0; i < 16; ++i)
        if (first + i < splits)
          value += resq_shared_load_f32(f_at + 4 * (uint32_t)(first + i)) * v[i];
    }
    out[at] = value / resq_shared_load_f32(f_at + 4 * (uint32_t)splits);
  }
}

#ifdef __clang__
#pragma clang fp contract(off)
#endif

#endif // RESQ_KERNELS_NVPTX_ATTENTION_FAST_H
