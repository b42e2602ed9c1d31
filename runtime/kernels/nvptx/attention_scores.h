//===-- attention_scores.h - a warp's queries by its keys -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first half of attention_fast.h: a block loads its queries, a warp copies 32 tokens at a time ahead, and makes their
// scores.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ATTENTION_SCORES_H
#define RESQ_KERNELS_NVPTX_ATTENTION_SCORES_H

#include "attention_codes.h"

// Results are within bounds here, not pinned: products and sums may be fused.
#ifdef __clang__
#pragma clang fp contract(fast)
#endif

//===-- Copies ------------------------------------------------------------===//

/// What a lane copies of each unit of a stage's tokens: keys or values, or a plane of theirs. No bytes: nothing.
typedef struct resq_attention_piece {
  const uint8_t *from; ///< of the first unit; that of the next is `bytes` behind it
  uint32_t at, bytes;  ///< in a stage
} resq_attention_piece;

RESQ_INLINE resq_attention_piece resq_attention_piece_of(const resq_attention_stage *s,
                                                         const resq_kv_view *key,
                                                         const resq_kv_view *value, int lane) {
  resq_attention_piece p = {0};
  int n = 0;
  RESQ_UNROLL
  for (int i = 0; i < 2; ++i) {
    const resq_kv_view *v = i ? value : key;
    if (lane == n++)
      p = (resq_attention_piece){v->codes, s->codes[i], s->code_bytes[i]};
    RESQ_UNROLL
    for (int part = 0; part < 2; ++part) {
      if (s->scales[i][part] && lane == n++)
        p = (resq_attention_piece){v->scales[part], s->scales[i][part], 2 * s->tokens};
      if (s->zeros[i][part] && lane == n++)
        p = (resq_attention_piece){v->zeros[part], s->zeros[i][part], s->tokens};
    }
  }
  return p;
}

/// Unit `unit` to a stage of `stage_bytes`, by all lanes of a warp.
RESQ_INLINE void resq_attention_copy(const resq_attention_piece *p, int64_t unit, uint32_t to,
                                     uint32_t stage_bytes, uint32_t barrier, int lane) {
  if (lane == 0)
    resq_mbarrier_expect(barrier, stage_bytes);
  if (p->bytes)
    resq_bulk_copy(to + p->at, p->from + unit * p->bytes, p->bytes, barrier);
}

//===-- A warp ------------------------------------------------------------===//

enum { RESQ_ATTENTION_GROUPS = 2 }; ///< of 64 columns of values, of the low part

/// How vectors are coded. Apart from the rest, whose arrays the compiler can only take to registers once it
/// has unrolled loops whose lengths depend on this.
typedef struct resq_attention_formats {
  resq_kv_format keys, values;
} resq_attention_formats;

typedef struct resq_attention_warp {
  resq_attention_stage stage; ///< where a stage has what
  resq_attention_piece piece;
  int lane, g, q, queries;
  uint32_t table; ///< the lane's copy
  uint32_t queries_at, stages, barriers;
  float largest, sum;
  float low[RESQ_ATTENTION_GROUPS][8][2], high[2][2]; ///< sums of values
} resq_attention_warp;

//===-- Queries -----------------------------------------------------------===//
// Queries and probabilities are sums of two f16 that are rows g and g + 8 of a product whose 16 rows would else be half
// empty: 22 bits of them count.

/// Slots of the low part: pairs of columns that a lane brings to products, an even number.
RESQ_INLINE int resq_attention_low_slots(resq_kv_format f) {
  const int turns = (resq_attention_words(f) + 3) / 4;
  const int slots = resq_attention_is_coded(f) ? 4 * turns
                    : f.kind == RESQ_KV_F16    ? turns
                                               : (turns + 1) / 2;
  return (slots + 1) / 2 * 2;
}
RESQ_INLINE int resq_attention_slots(resq_kv_format f) {
  return resq_attention_low_slots(f) + (resq_attention_high(f) ? 2 : 0);
}

/// The two columns of slot s in lane q: -1 where there is none.
RESQ_INLINE void resq_attention_slot(resq_kv_format f, int s, int q, int *first, int *second) {
  const int words = resq_attention_words(f), high = s - resq_attention_low_slots(f);
  bool there;
  if (high >= 0) {
    *first = (int)resq_attention_low(f) + 4 * q + 2 * high;
    *second = *first + 1;
    there = 4 * q < resq_attention_high(f);
  } else if (resq_attention_is_coded(f)) {
    const int word = 4 * (s / 4) + q, i = s % 4;
    *first = 8 * word + (f.kind == RESQ_KV_INT ? i : 2 * i);
    *second = *first + (f.kind == RESQ_KV_INT ? 4 : 1);
    there = word < words;
  } else if (f.kind == RESQ_KV_F16) {
    *first = 2 * (4 * s + q);
    *second = *first + 1;
    there = 4 * s + q < words;
  } else {
    *first = 8 * s + q;
    *second = 8 * s + 4 + q < words ? 8 * s + 4 + q : -1;
    there = 8 * s + q < words;
  }
  if (!there)
    *first = *second = -1;
}

/// Queries of `queries` heads side by side, times scale and log2 e, to shared memory: of two slots, 16 bytes for each lane.
RESQ_INLINE void resq_attention_load_queries(const resq_attention_formats *f, uint32_t to,
                                             const float *q, int queries, float scale,
                                             int threads) {
  const int all = resq_attention_slots(f->keys) / 2 * RESQ_WARP;
  for (int item = resq_thread(); item < all; item += threads) {
    const int lane = item % RESQ_WARP, g = lane / 4;
    uint32_t v[4];
    RESQ_UNROLL
    for (int j = 0; j < 2; ++j) {
      int first, second;
      resq_attention_slot(f->keys, 2 * (item / RESQ_WARP) + j, lane % 4, &first, &second);
      const float *from = q + g * f->keys.size;
      const float a = g < queries && first >= 0 ? from[first] * scale : 0.0f;
      const float b = g < queries && second >= 0 ? from[second] * scale : 0.0f;
      v[2 * j] = resq_half2(a, b);
      v[2 * j + 1] = resq_half2(a - resq_half_low(v[2 * j]), b - resq_half_high(v[2 * j]));
    }
    resq_shared_store_x4(to + 16 * (uint32_t)item, (resq_u32x4){v[0], v[1], v[2], v[3]});
  }
}

/// The lane's share of two slots of the queries.
RESQ_INLINE resq_u32x4 resq_attention_query(const resq_attention_warp *w, int slot) {
  return resq_shared_load_x4(w->queries_at + (uint32_t)(slot / 2) * RESQ_ATTENTION_Q_BYTES +
                             16 * (uint32_t)w->lane);
}
RESQ_INLINE void resq_attention_multiply(float *c, resq_u32x4 a, uint32_t b0, uint32_t b1) {
  resq_mma_f16(c, a[0], a[1], a[2], a[3], b0, b1);
}

//===-- Scores ------------------------------------------------------------===//
// A lane is 4 g + q. Column g of product t of four is token 4 g + t, so that the scores of a lane are those of tokens
// 8 q .. 8 q + 7, which are side by side in planes: score t + 4 h is column 2 q + h of product t.

/// A lane's 8 scales of a plane.
RESQ_INLINE void resq_attention_scales(uint32_t plane, int q, float *to) {
  const resq_u32x4 v = resq_shared_load_x4(plane + 16 * (uint32_t)q);
  RESQ_UNROLL
  for (int j = 0; j < 4; ++j) {
    to[2 * j] = resq_half_low(v[j]);
    to[2 * j + 1] = resq_half_high(v[j]);
  }
}

/// What makes numbers of the keys' codes of tokens 4 g .. + 3.
RESQ_INLINE void resq_attention_key_bias(const resq_attention_warp *w, uint32_t stage, int part,
                                         resq_attention_bias *to) {
  const uint32_t zeros =
      w->stage.zeros[0][part]
          ? resq_shared_load(stage + w->stage.zeros[0][part] + 4 * (uint32_t)w->g)
          : 0;
  RESQ_UNROLL
  for (int t = 0; t < 4; ++t)
    to[t] = resq_attention_bias_of(resq_attention_zero_twice(zeros, t));
}

/// Word `word` of tokens 4 g .. + 3.
RESQ_INLINE resq_u32x4 resq_attention_key_words(const resq_attention_warp *w, uint32_t codes,
                                                int word) {
  const uint32_t tile = codes + (uint32_t)(w->g / 4) * (w->stage.code_bytes[0] / 2);
  return resq_shared_load_x4(tile + 64 * (uint32_t)word + 16 * (uint32_t)(w->g % 4));
}

/// c[t] += the low part's products for token t of the lane's four.
RESQ_INLINE void resq_attention_low_scores(const resq_attention_formats *f,
                                           const resq_attention_warp *w, uint32_t stage,
                                           float (*c)[4]) {
  const int words = resq_attention_words(f->keys);
  const uint32_t codes = stage + w->stage.codes[0];
  const resq_u32x4 none = {0, 0, 0, 0};
  if (f->keys.kind == RESQ_KV_F32) {
    RESQ_UNROLL
    for (int s = 0; s < resq_attention_low_slots(f->keys); s += 2) {
      const resq_u32x4 a = resq_attention_query(w, s);
      resq_u32x4 v[4];
      RESQ_UNROLL
      for (int j = 0; j < 4; ++j) {
        const int word = 8 * s + 4 * j + w->q;
        v[j] = word < words ? resq_attention_key_words(w, codes, word) : none;
      }
      RESQ_UNROLL
      for (int t = 0; t < 4; ++t) {
        uint32_t hi[2], lo[2];
        RESQ_UNROLL
        for (int j = 0; j < 2; ++j) {
          const float x = resq_float_of(v[2 * j][t]), y = resq_float_of(v[2 * j + 1][t]);
          hi[j] = resq_half2(x, y);
          lo[j] = resq_half2(x - resq_half_low(hi[j]), y - resq_half_high(hi[j]));
        }
        resq_attention_multiply(c[t], a, hi[0], hi[1]);
        resq_attention_multiply(c[t], a, lo[0], lo[1]);
      }
    }
    return;
  }
  if (f->keys.kind == RESQ_KV_F16) {
    RESQ_UNROLL
    for (int s = 0; s < resq_attention_low_slots(f->keys); s += 2) {
      const resq_u32x4 a = resq_attention_query(w, s);
      resq_u32x4 v[2];
      RESQ_UNROLL
      for (int j = 0; j < 2; ++j) {
        const int word = 4 * (s + j) + w->q;
        v[j] = word < words ? resq_attention_key_words(w, codes, word) : none;
      }
      RESQ_UNROLL
      for (int t = 0; t < 4; ++t)
        resq_attention_multiply(c[t], a, v[0][t], v[1][t]);
    }
    return;
  }
  resq_attention_bias bias[4];
  resq_attention_key_bias(w, stage, 0, bias);
  RESQ_UNROLL
  for (int j = 0; j < (words + 3) / 4; ++j) {
    const int word = 4 * j + w->q;
    const resq_u32x4 a = resq_attention_query(w, 4 * j), b = resq_attention_query(w, 4 * j + 2);
    const resq_u32x4 v = word < words ? resq_attention_key_words(w, codes, word) : none;
    RESQ_UNROLL
    for (int t = 0; t < 4; ++t) {
      uint32_t pairs[4];
      if (f->keys.kind == RESQ_KV_INT)
        resq_pairs_int4(v[t], bias[t], pairs);
      else
        resq_pairs_table(v[t], w->table, pairs);
      resq_attention_multiply(c[t], a, pairs[0], pairs[1]);
      resq_attention_multiply(c[t], b, pairs[2], pairs[3]);
    }
  }
}

RESQ_INLINE void resq_attention_high_scores(const resq_attention_formats *f,
                                            const resq_attention_warp *w, uint32_t stage,
                                            float (*c)[4]) {
  const resq_u32x4 a = resq_attention_query(w, resq_attention_low_slots(f->keys));
  resq_attention_bias bias[4];
  resq_u32x4 v = {0, 0, 0, 0};
  resq_attention_key_bias(w, stage, 1, bias);
  if (4 * w->q < resq_attention_high(f->keys))
    v = resq_attention_key_words(w, stage + w->stage.codes[0],
                                 resq_attention_words(f->keys) + w->q);
  RESQ_UNROLL
  for (int t = 0; t < 4; ++t)
    resq_attention_multiply(c[t], a, resq_pair_bytes(resq_pick_bytes(v[t], 0, 0x4140), bias[t]),
                            resq_pair_bytes(resq_pick_bytes(v[t], 0, 0x4342), bias[t]));
}

/// A lane's scores: [i] of token 8 q + i.
RESQ_INLINE void resq_attention_scores(const resq_attention_formats *f,
                                       const resq_attention_warp *w, uint32_t stage, float *score) {
  const bool coded = resq_attention_is_coded(f->keys), has_high = resq_attention_high(f->keys) > 0;
  float c[4][4] = {{0}}, scale[RESQ_ATTENTION_SHARE];
  resq_attention_low_scores(f, w, stage, c);
  if (coded)
    resq_attention_scales(stage + w->stage.scales[0][0], w->q, scale);
  RESQ_UNROLL
  for (int i = 0; i < RESQ_ATTENTION_SHARE; ++i) {
    const float sum = c[i % 4][i / 4] + c[i % 4][i / 4 + 2];
    score[i] = coded ? scale[i] * sum : sum;
  }
  if (!has_high)
    return;
  float d[4][4] = {{0}};
  resq_attention_high_scores(f, w, stage, d);
  resq_attention_scales(stage + w->stage.scales[0][1], w->q, scale);
  RESQ_UNROLL
  for (int i = 0; i < RESQ_ATTENTION_SHARE; ++i)
    score[i] += scale[i] * (d[i % 4][i / 4] + d[i % 4][i / 4 + 2]);
}

#ifdef __clang__
#pragma clang fp contract(off)
#endif

#endif // RESQ_KERNELS_NVPTX_ATTENTION_SCORES_H
