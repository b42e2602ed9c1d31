//===-- attention_scores.h - a warp's queries by its keys -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first half of attention_fast.h: a warp loads its queries, copies blocks of 64 tokens ahead, and
// makes their scores.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ATTENTION_SCORES_H
#define RESQ_KERNELS_NVPTX_ATTENTION_SCORES_H

#include "attention_plan.h"

// Results are within bounds here, not pinned: products and sums may be fused.
#ifdef __clang__
#pragma clang fp contract(fast)
#endif

//===-- A warp's work -----------------------------------------------------===//

enum {
  RESQ_ATTENTION_SLOTS = 20, ///< pairs of a lane's columns of a query: 16 low ones, 4 high ones
  RESQ_ATTENTION_GROUPS = 2, ///< of 64 columns of values, of the low part
};

/// How vectors are coded. Apart from the rest, whose arrays the compiler can only take to registers once it
/// has unrolled loops whose lengths depend on this.
typedef struct resq_attention_formats {
  resq_kv_format keys, values;
} resq_attention_formats;

typedef struct resq_attention_warp {
  resq_attention_plan plan;
  resq_kv_view key, value;
  int lane, g, q, queries;
  uint32_t table;  ///< the lane's copy
  uint32_t stages; ///< of this warp
  uint32_t barriers;
  uint32_t hi[RESQ_ATTENTION_SLOTS], lo[RESQ_ATTENTION_SLOTS]; ///< the query
  float query_sum[2];                                          ///< of a part's columns
  float largest, sum, zeros[2];
  float low[RESQ_ATTENTION_GROUPS][8][2], high[2][2]; ///< sums of values
} resq_attention_warp;

RESQ_INLINE bool resq_attention_coded(resq_kv_format f) {
  return f.kind == RESQ_KV_INT || f.kind == RESQ_KV_LM;
}
/// Columns of the low part, all where there is no other.
RESQ_INLINE int64_t resq_attention_low(resq_kv_format f) {
  return resq_attention_coded(f) ? f.size - f.high : f.size;
}
RESQ_INLINE int64_t resq_attention_high(resq_kv_format f) {
  return resq_attention_coded(f) ? f.high : 0;
}
/// Columns of a word of the low part, and words of a vector.
RESQ_INLINE int resq_attention_per_word(resq_kv_format f) {
  return resq_attention_coded(f) ? 8 : f.kind == RESQ_KV_F16 ? 2 : 1;
}
RESQ_INLINE int resq_attention_words(resq_kv_format f) {
  return (int)(resq_attention_low(f) / resq_attention_per_word(f));
}
/// Slots of the low part: pairs of columns that a lane brings to products.
RESQ_INLINE int resq_attention_low_slots(resq_kv_format f) {
  const int words = resq_attention_words(f), turns = (words + 3) / 4;
  const int slots = resq_attention_coded(f) ? 4 * turns
                    : f.kind == RESQ_KV_F16 ? turns
                                            : (turns + 1) / 2;
  return (slots + 1) / 2 * 2;
}
RESQ_INLINE int resq_attention_high_slots(resq_kv_format f) {
  return resq_attention_high(f) ? 2 : 0;
}

/// The two columns of slot s of the low part, in lane q: -1 where there is none.
RESQ_INLINE void resq_attention_slot(resq_kv_format f, int s, int q, int *first, int *second) {
  const int words = resq_attention_words(f);
  if (resq_attention_coded(f)) {
    const int word = 4 * (s / 4) + q, i = s % 4;
    *first = 8 * word + (f.kind == RESQ_KV_INT ? i : 2 * i);
    *second = *first + (f.kind == RESQ_KV_INT ? 4 : 1);
    if (word >= words)
      *first = *second = -1;
  } else if (f.kind == RESQ_KV_F16) {
    const int word = 4 * s + q;
    *first = word < words ? 2 * word : -1;
    *second = word < words ? 2 * word + 1 : -1;
  } else {
    *first = 8 * s + q < words ? 8 * s + q : -1;
    *second = 8 * s + 4 + q < words ? 8 * s + 4 + q : -1;
  }
}

RESQ_INLINE void resq_attention_load_slot(resq_attention_warp *w, const float *q, int slot,
                                          int first, int second, float scale, int part) {
  const bool there = w->g < w->queries;
  const float a = there && first >= 0 ? q[first] * scale : 0.0f;
  const float b = there && second >= 0 ? q[second] * scale : 0.0f;
  w->hi[slot] = resq_half2(a, b);
  w->lo[slot] = resq_half2(a - resq_half_low(w->hi[slot]), b - resq_half_high(w->hi[slot]));
  w->query_sum[part] += a + b;
}

/// The query of head g, times scale and log2 e.
RESQ_INLINE void resq_attention_load_query(const resq_attention_formats *f, resq_attention_warp *w,
                                           const float *q, float scale) {
  const int slots = resq_attention_low_slots(f->keys);
  w->query_sum[0] = w->query_sum[1] = 0.0f;
  q += w->g < w->queries ? w->g * f->keys.size : 0;
  RESQ_UNROLL
  for (int s = 0; s < slots; ++s) {
    int first, second;
    resq_attention_slot(f->keys, s, w->q, &first, &second);
    resq_attention_load_slot(w, q, s, first, second, scale, 0);
  }
  RESQ_UNROLL
  for (int s = 0; s < resq_attention_high_slots(f->keys); ++s) {
    const int at = 4 * w->q + 2 * s, low = (int)resq_attention_low(f->keys);
    const bool there = at < resq_attention_high(f->keys);
    resq_attention_load_slot(w, q, slots + s, there ? low + at : -1, there ? low + at + 1 : -1,
                             scale, 1);
  }
  RESQ_UNROLL
  for (int part = 0; part < 2; ++part) {
    w->query_sum[part] += resq_shuffle_xor_f32(w->query_sum[part], 1);
    w->query_sum[part] += resq_shuffle_xor_f32(w->query_sum[part], 2);
  }
}

/// Lane i copies piece i of the block of 64 tokens from `first` on: all that a stage holds.
RESQ_INLINE void resq_attention_copy(const resq_attention_warp *w, int64_t first, int stage) {
  const uint32_t barrier = w->barriers + 8 * (uint32_t)stage;
  const uint32_t to = w->stages + w->plan.stage * (uint32_t)stage;
  if (w->lane == 0)
    resq_mbarrier_expect(barrier, w->plan.stage);
  int piece = 0;
  RESQ_UNROLL
  for (int i = 0; i < 2; ++i) {
    const resq_kv_view *v = i ? &w->value : &w->key;
    if (w->lane == piece++)
      resq_bulk_copy_once(to + w->plan.codes[i],
                          v->codes + first / RESQ_KV_BLOCK * w->plan.code_bytes[i],
                          w->plan.code_bytes[i], barrier);
    RESQ_UNROLL
    for (int part = 0; part < 2; ++part) {
      if (w->plan.scales[i][part] && w->lane == piece++)
        resq_bulk_copy(to + w->plan.scales[i][part], v->scales[part] + 2 * first, 2 * RESQ_KV_BLOCK,
                       barrier);
      if (w->plan.zeros[i][part] && w->lane == piece++)
        resq_bulk_copy(to + w->plan.zeros[i][part], v->zeros[part] + first, RESQ_KV_BLOCK, barrier);
    }
  }
}

/// A lane's 16 scales of a plane, or its 16 zero points.
RESQ_INLINE void resq_attention_scales(uint32_t plane, int q, float *to) {
  RESQ_UNROLL
  for (int i = 0; i < 2; ++i) {
    const resq_u32x4 v = resq_shared_load_x4(plane + 32 * (uint32_t)q + 16 * (uint32_t)i);
    RESQ_UNROLL
    for (int j = 0; j < 4; ++j) {
      to[8 * i + 2 * j] = resq_half_low(v[j]);
      to[8 * i + 2 * j + 1] = resq_half_high(v[j]);
    }
  }
}
RESQ_INLINE void resq_attention_zeros(uint32_t plane, int q, float *to) {
  const resq_u32x4 v = resq_shared_load_x4(plane + 16 * (uint32_t)q);
  RESQ_UNROLL
  for (int i = 0; i < 16; ++i)
    to[i] = // 2^23 and a byte, less 2^23: conversions of integers are slow
        resq_float_of(resq_pick_bytes(v[i / 4], 0x4b000000, 0x7540 | (uint32_t)(i % 4))) - 0x1p23f;
}

/// c += the query by keys whose slots are `b`.
RESQ_INLINE void resq_attention_multiply(const resq_attention_warp *w, float *c, int slot,
                                         const uint32_t *b) {
  resq_mma_f16(c, w->hi[slot], w->lo[slot], w->hi[slot + 1], w->lo[slot + 1], b[0], b[1]);
}

/// Four words of tokens i .. i + 3 of the lane's eight.
RESQ_INLINE resq_u32x4 resq_attention_key_words(const resq_attention_warp *w, uint32_t codes,
                                                int word, int i) {
  const uint32_t tile = codes + (uint32_t)(w->g / 2) * (w->plan.code_bytes[0] / 4);
  return resq_shared_load_x4(tile + 64 * (uint32_t)word + 4 * (uint32_t)(8 * (w->g & 1) + i));
}

/// Products of the low part for tokens i .. i + 3 of the lane's eight.
RESQ_INLINE void resq_attention_low_scores(const resq_attention_formats *f,
                                           const resq_attention_warp *w, uint32_t codes, int i,
                                           float (*c)[4]) {
  const int words = resq_attention_words(f->keys);
  const resq_u32x4 none = {0, 0, 0, 0};
  if (f->keys.kind == RESQ_KV_F32) {
    RESQ_UNROLL
    for (int s = 0; s < resq_attention_low_slots(f->keys); s += 2) {
      resq_u32x4 v[4];
      RESQ_UNROLL
      for (int j = 0; j < 4; ++j) {
        const int word = 8 * s + 4 * j + w->q;
        v[j] = word < words ? resq_attention_key_words(w, codes, word, i) : none;
      }
      RESQ_UNROLL
      for (int t = 0; t < 4; ++t) {
        uint32_t hi[2], lo[2];
        RESQ_UNROLL
        for (int j = 0; j < 2; ++j) {
          const float a = resq_float_of(v[2 * j][t]), b = resq_float_of(v[2 * j + 1][t]);
          hi[j] = resq_half2(a, b);
          lo[j] = resq_half2(a - resq_half_low(hi[j]), b - resq_half_high(hi[j]));
        }
        resq_attention_multiply(w, c[t], s, hi);
        resq_attention_multiply(w, c[t], s, lo);
      }
    }
    return;
  }
  if (f->keys.kind == RESQ_KV_F16) {
    RESQ_UNROLL
    for (int s = 0; s < resq_attention_low_slots(f->keys); s += 2) {
      resq_u32x4 v[2];
      RESQ_UNROLL
      for (int j = 0; j < 2; ++j) {
        const int word = 4 * (s + j) + w->q;
        v[j] = word < words ? resq_attention_key_words(w, codes, word, i) : none;
      }
      RESQ_UNROLL
      for (int t = 0; t < 4; ++t)
        resq_attention_multiply(w, c[t], s, (uint32_t[]){v[0][t], v[1][t]});
    }
    return;
  }
  RESQ_UNROLL
  for (int j = 0; j < (words + 3) / 4; ++j) {
    const int word = 4 * j + w->q;
    const resq_u32x4 v = word < words ? resq_attention_key_words(w, codes, word, i) : none;
    RESQ_UNROLL
    for (int t = 0; t < 4; ++t) {
      uint32_t b[4];
      if (f->keys.kind == RESQ_KV_INT)
        resq_pairs_int4(v[t], b);
      else
        resq_pairs_table(v[t], w->table, b);
      resq_attention_multiply(w, c[t], 4 * j, b);
      resq_attention_multiply(w, c[t], 4 * j + 2, b + 2);
    }
  }
}

RESQ_INLINE void resq_attention_high_scores(const resq_attention_formats *f,
                                            const resq_attention_warp *w, uint32_t codes, int i,
                                            float (*c)[4]) {
  const bool there = 4 * w->q < resq_attention_high(f->keys);
  resq_u32x4 v = {0, 0, 0, 0};
  if (there)
    v = resq_attention_key_words(w, codes, resq_attention_words(f->keys) + w->q, i);
  RESQ_UNROLL
  for (int t = 0; t < 4; ++t) {
    const uint32_t b[2] = {resq_pair_bytes(resq_pick_bytes(v[t], 0x64646464, 0x4140)),
                           resq_pair_bytes(resq_pick_bytes(v[t], 0x64646464, 0x4342))};
    resq_attention_multiply(w, c[t], resq_attention_low_slots(f->keys), b);
  }
}

/// A lane's scores: [i] of token 16 q + i.
RESQ_INLINE void resq_attention_scores(const resq_attention_formats *f,
                                       const resq_attention_warp *w, uint32_t stage, float *score) {
  const bool coded = resq_attention_coded(f->keys), has_high = resq_attention_high(f->keys) > 0;
  float scale[2][16] = {{0}}, zero[2][16] = {{0}};
  if (coded)
    resq_attention_scales(stage + w->plan.scales[0][0], w->q, scale[0]);
  if (f->keys.kind == RESQ_KV_INT)
    resq_attention_zeros(stage + w->plan.zeros[0][0], w->q, zero[0]);
  if (has_high) {
    resq_attention_scales(stage + w->plan.scales[0][1], w->q, scale[1]);
    resq_attention_zeros(stage + w->plan.zeros[0][1], w->q, zero[1]);
  }
  RESQ_UNROLL
  for (int i = 0; i < 8; i += 4) {
    float low[4][4] = {{0}}, high[4][4] = {{0}};
    resq_attention_low_scores(f, w, stage + w->plan.codes[0], i, low);
    if (has_high)
      resq_attention_high_scores(f, w, stage + w->plan.codes[0], i, high);
    RESQ_UNROLL
    for (int t = 0; t < 4; ++t)
      RESQ_UNROLL
    for (int h = 0; h < 2; ++h) {
      const int at = i + t + 8 * h;
      float s = low[t][h] + low[t][h + 2];
      if (coded)
        s = scale[0][at] * (s - zero[0][at] * w->query_sum[0]);
      if (has_high)
        s += scale[1][at] * (high[t][h] + high[t][h + 2] - zero[1][at] * w->query_sum[1]);
      score[at] = s;
    }
  }
}

#ifdef __clang__
#pragma clang fp contract(off)
#endif

#endif // RESQ_KERNELS_NVPTX_ATTENTION_SCORES_H
