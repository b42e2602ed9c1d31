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

#include "kv_words.h"
#include "device.h"

enum {
  RESQ_ATTENTION_MOST_QUERIES = 8, ///< query heads of a kv head
  RESQ_ATTENTION_MOST_SIZE = 128,  ///< elements of a head
  RESQ_ATTENTION_MOST_WARPS = 8,
  RESQ_ATTENTION_MOST_SPLITS = 64,
  RESQ_ATTENTION_STAGES = 2,
  RESQ_ATTENTION_TABLE = 32768, ///< bytes: a pair of centroids by a byte of codes, 32 times
};

/// Whether the kernel takes vectors of this format.
RESQ_INLINE bool resq_attention_takes(resq_kv_format f) {
  const int64_t low = f.size - f.high;
  if (f.size > RESQ_ATTENTION_MOST_SIZE)
    return false;
  if (f.kind == RESQ_KV_F32 || f.kind == RESQ_KV_F16)
    return f.size % 8 == 0;
  return (f.kind == RESQ_KV_INT || f.kind == RESQ_KV_LM) && f.bits == 4 && low % 8 == 0 &&
         f.high % 4 == 0 && f.high <= 16;
}

/// Where a warp's stage has what, in bytes.
typedef struct resq_attention_plan {
  uint32_t code_bytes[2];         ///< of 64 tokens' keys, values
  uint32_t codes[2];              ///< where they begin
  uint32_t scales[2][2];          ///< [keys or values][part]: 64 f16
  uint32_t zeros[2][2];           ///< 64 bytes
  uint32_t stage, table, results; ///< bytes of a stage, of the table, of a warp's results
  int warps;                      ///< of a block
  uint32_t shared;                ///< of a launch
} resq_attention_plan;

RESQ_INLINE resq_attention_plan resq_attention_plan_of(resq_kv_format keys, resq_kv_format values) {
  resq_attention_plan p = {0};
  uint32_t at = 0;
  RESQ_UNROLL
  for (int i = 0; i < 2; ++i) {
    const resq_kv_format f = i ? values : keys;
    const int coded = f.kind == RESQ_KV_INT || f.kind == RESQ_KV_LM;
    const int64_t bytes = coded ? resq_kv_low_bytes(f) + f.high : resq_kv_vector_bytes(f);
    p.code_bytes[i] = (uint32_t)(RESQ_KV_BLOCK * bytes);
    p.codes[i] = at;
    at += p.code_bytes[i];
    RESQ_UNROLL
    for (int part = 0; part < 2; ++part)
      if (coded && (part == 0 || f.high > 0)) {
        p.scales[i][part] = at;
        at += 2 * RESQ_KV_BLOCK;
      }
    RESQ_UNROLL
    for (int part = 0; part < 2; ++part)
      if (coded && (part == 0 ? f.kind == RESQ_KV_INT : f.high > 0)) {
        p.zeros[i][part] = at;
        at += RESQ_KV_BLOCK;
      }
  }
  p.stage = at;
  p.table = keys.kind == RESQ_KV_LM || values.kind == RESQ_KV_LM ? RESQ_ATTENTION_TABLE : 0;
  p.results = (uint32_t)(RESQ_ATTENTION_MOST_QUERIES * 4 * (keys.size + 2));
  const uint32_t room = 222 * 1024 - p.table;
  int warps = (int)(room / (RESQ_ATTENTION_STAGES * p.stage));
  p.warps = warps > RESQ_ATTENTION_MOST_WARPS ? RESQ_ATTENTION_MOST_WARPS : warps;
  const uint32_t each = RESQ_ATTENTION_STAGES * p.stage;
  p.shared = p.table + (uint32_t)p.warps * (each > p.results ? each : p.results) +
             (uint32_t)p.warps * 8 * RESQ_ATTENTION_STAGES + 16 +
             4 * RESQ_ATTENTION_MOST_QUERIES * (RESQ_ATTENTION_MOST_SPLITS + 2);
  return p;
}

/// Floats of a row's kv head's partial results, of one split.
RESQ_INLINE int64_t resq_attention_partial(int64_t group, int64_t size) {
  return group * (size + 2);
}

//===-- Codes to f16 ------------------------------------------------------===//

/// Four pairs of a word of int codes: (nibble i, nibble i + 4).
RESQ_INLINE void resq_pairs_int4(uint32_t x, uint32_t *to) {
  RESQ_UNROLL
  for (int i = 0; i < 2; ++i) {
    const uint32_t word = i ? x >> 8 : x;
    to[2 * i] = resq_half2_add((word & 0x000f000f) | 0x64006400, 0xe400e400); // 1024 + c
    to[2 * i + 1] =                                                           // 1024 + 16 c, / 16
        resq_half2_fma((word & 0x00f000f0) | 0x64006400, 0x2c002c00, 0xd400d400);
  }
}
/// Four pairs by the bytes of a word: the table's entries.
RESQ_INLINE void resq_pairs_table(uint32_t x, uint32_t table, uint32_t *to) {
  RESQ_UNROLL
  for (int i = 0; i < 4; ++i) {
    const uint32_t at = i == 0 ? x << 7 : i == 1 ? x >> 1 : i == 2 ? x >> 9 : x >> 17;
    to[i] = resq_shared_load(table + (at & 0x7f80));
  }
}
/// 1,024 + a byte in each half, less 1,024.
RESQ_INLINE uint32_t resq_pair_bytes(uint32_t bytes) { return resq_half2_add(bytes, 0xe400e400); }

//===-- A warp's work -----------------------------------------------------===//

enum {
  RESQ_ATTENTION_SLOTS = 20, ///< pairs of a lane's columns of a query: 16 low ones, 4 high ones
  RESQ_ATTENTION_GROUPS = 2, ///< of 64 columns of values, of the low part
};

/// How vectors are coded. Apart from the rest, whose arrays the compiler can only take to registers once it
/// has unrolled loops whose lengths depend on this.
typedef struct resq_attention_shape {
  resq_kv_format keys, values;
} resq_attention_shape;

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
RESQ_INLINE void resq_attention_load_query(const resq_attention_shape *f, resq_attention_warp *w,
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
    to[i] = (float)(v[i / 4] >> 8 * (i % 4) & 255);
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
RESQ_INLINE void resq_attention_low_scores(const resq_attention_shape *f,
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
          const float a = resq_number(v[2 * j][t]), b = resq_number(v[2 * j + 1][t]);
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

RESQ_INLINE void resq_attention_high_scores(const resq_attention_shape *f,
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
RESQ_INLINE void resq_attention_scores(const resq_attention_shape *f, const resq_attention_warp *w,
                                       uint32_t stage, float *score) {
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

/// Sums of values take their weights as two f16; `fit` brings the largest to about 2^11.
RESQ_INLINE float resq_attention_fit(float largest, float *back) {
  uint32_t exponent = resq_bits(largest) >> 23 & 255;
  exponent = exponent < 97 ? 97 : exponent > 157 ? 157 : exponent;
  *back = resq_number((exponent - 11) << 23);
  return resq_number((265 - exponent) << 23);
}

/// A lane's weights of a part's 64 tokens as the left operand of four products.
typedef struct resq_attention_weights {
  uint32_t a[4][4];
} resq_attention_weights;

RESQ_INLINE void resq_attention_weigh(const float *weight, resq_attention_weights *to) {
  RESQ_UNROLL
  for (int s = 0; s < 4; ++s)
    RESQ_UNROLL
  for (int h = 0; h < 2; ++h) {
    const float a = weight[2 * s + h], b = weight[2 * s + h + 8];
    const uint32_t hi = resq_half2(a, b);
    to->a[s][2 * h] = hi;
    to->a[s][2 * h + 1] = resq_half2(a - resq_half_low(hi), b - resq_half_high(hi));
  }
}

/// Word `word` of tokens 16 q + 4 i .. + 3.
RESQ_INLINE resq_u32x4 resq_attention_value_words(const resq_attention_warp *w, uint32_t codes,
                                                  int word, int i) {
  const uint32_t tile = codes + (uint32_t)w->q * (w->plan.code_bytes[1] / 4);
  return resq_shared_load_x4(tile + 64 * (uint32_t)word + 16 * (uint32_t)i);
}

/// A word of each of two tokens: its columns as pairs, eight to a group of 64 columns. The index of
/// the pair in its group is `first` + what it has of a word.
RESQ_INLINE void resq_attention_value_pairs(const resq_attention_shape *f,
                                            const resq_attention_warp *w, uint32_t a, uint32_t b,
                                            uint32_t *pairs, uint32_t *rest) {
  if (f->values.kind == RESQ_KV_INT) {
    resq_pairs_int4(resq_pick_bytes(a, b, 0x5410), pairs);
    resq_pairs_int4(resq_pick_bytes(a, b, 0x7632), pairs + 4);
  } else if (f->values.kind == RESQ_KV_LM) {
    uint32_t even[4], odd[4];
    resq_pairs_table((a & 0x0f0f0f0f) | (b & 0x0f0f0f0f) << 4, w->table, even);
    resq_pairs_table((a >> 4 & 0x0f0f0f0f) | (b & 0xf0f0f0f0), w->table, odd);
    RESQ_UNROLL
    for (int i = 0; i < 4; ++i) {
      pairs[2 * i] = even[i];
      pairs[2 * i + 1] = odd[i];
    }
  } else if (f->values.kind == RESQ_KV_F16) {
    pairs[0] = resq_pick_bytes(a, b, 0x5410);
    pairs[1] = resq_pick_bytes(a, b, 0x7632);
  } else {
    const float x = resq_number(a), y = resq_number(b);
    pairs[0] = resq_half2(x, y);
    rest[0] = resq_half2(x - resq_half_low(pairs[0]), y - resq_half_high(pairs[0]));
  }
}

/// A word of a vector that holds column g of group `group`, turn `turn`.
RESQ_INLINE int resq_attention_value_word(resq_kv_format f, int group, int turn, int g) {
  return g + 8 * (group * (8 / resq_attention_per_word(f)) + turn);
}

/// low += the weighted values of a block of tokens, of which the lane has `valid[i]`.
RESQ_INLINE void resq_attention_add_low(const resq_attention_shape *f, resq_attention_warp *w,
                                        uint32_t codes, const resq_attention_weights *weights,
                                        int64_t valid, float back) {
  const int per = resq_attention_per_word(f->values), words = resq_attention_words(f->values);
  const bool floats = !resq_attention_coded(f->values);
  RESQ_UNROLL
  for (int group = 0; group < (words * per + 63) / 64; ++group) {
    float c[8][4] = {{0}};
    RESQ_UNROLL
    for (int turn = 0; turn < 8 / per; ++turn) {
      const int word = resq_attention_value_word(f->values, group, turn, w->g);
      RESQ_UNROLL
      for (int i = 0; i < 2; ++i) { // tokens 4 i .. and 8 + 4 i ..
        resq_u32x4 first = {0, 0, 0, 0}, second = {0, 0, 0, 0};
        if (word < words) {
          first = resq_attention_value_words(w, codes, word, i);
          second = resq_attention_value_words(w, codes, word, 2 + i);
        }
        RESQ_UNROLL
        for (int t = 0; t < 4 && floats; ++t) { // what nobody wrote may be anything
          first[t] = 16 * w->q + 4 * i + t < valid ? first[t] : 0;
          second[t] = 16 * w->q + 8 + 4 * i + t < valid ? second[t] : 0;
        }
        RESQ_UNROLL
        for (int s = 0; s < 2; ++s) {
          uint32_t b[2][8], rest[2][1];
          RESQ_UNROLL
          for (int h = 0; h < 2; ++h)
            resq_attention_value_pairs(f, w, first[2 * s + h], second[2 * s + h], b[h], rest[h]);
          const uint32_t *a = weights->a[2 * i + s];
          RESQ_UNROLL
          for (int n = 0; n < per; ++n) {
            resq_mma_f16(c[turn * per + n], a[0], a[1], a[2], a[3], b[0][n], b[1][n]);
            if (f->values.kind == RESQ_KV_F32)
              resq_mma_f16(c[turn * per + n], a[0], a[1], a[2], a[3], rest[0][0], rest[1][0]);
          }
        }
      }
    }
    RESQ_UNROLL
    for (int n = 0; n < 8; ++n)
      RESQ_UNROLL
    for (int h = 0; h < 2; ++h)
      w->low[group][n][h] += (c[n][h] + c[n][h + 2]) * back;
  }
}

/// The same of the high part: columns 2 g and 2 g + 1.
RESQ_INLINE void resq_attention_add_high(const resq_attention_shape *f, resq_attention_warp *w,
                                         uint32_t codes, const resq_attention_weights *weights,
                                         float back) {
  const bool there = 2 * w->g < resq_attention_high(f->values);
  const uint32_t byte = 2 * (uint32_t)(w->g & 1);
  float c[2][4] = {{0}};
  RESQ_UNROLL
  for (int i = 0; i < 2; ++i) {
    resq_u32x4 first = {0, 0, 0, 0}, second = {0, 0, 0, 0};
    if (there) {
      const int word = resq_attention_words(f->values) + w->g / 2;
      first = resq_attention_value_words(w, codes, word, i);
      second = resq_attention_value_words(w, codes, word, 2 + i);
    }
    RESQ_UNROLL
    for (int s = 0; s < 2; ++s)
      RESQ_UNROLL
    for (int n = 0; n < 2; ++n) {
      const uint32_t select = (byte + (uint32_t)n) | (4 + byte + (uint32_t)n) << 8;
      uint32_t b[2];
      RESQ_UNROLL
      for (int h = 0; h < 2; ++h)
        b[h] = resq_pair_bytes(
            (resq_pick_bytes(first[2 * s + h], second[2 * s + h], select) & 0x00ff00ff) |
            0x64006400);
      const uint32_t *a = weights->a[2 * i + s];
      resq_mma_f16(c[n], a[0], a[1], a[2], a[3], b[0], b[1]);
    }
  }
  RESQ_UNROLL
  for (int n = 0; n < 2; ++n)
    RESQ_UNROLL
  for (int h = 0; h < 2; ++h)
    w->high[n][h] += (c[n][h] + c[n][h + 2]) * back;
}

/// A part's values by probabilities p; its zero points go to sums of their own.
RESQ_INLINE void resq_attention_add_part(const resq_attention_shape *f, resq_attention_warp *w,
                                         uint32_t stage, const float *p, int part, int64_t valid) {
  float weight[16], zero[16] = {0};
  const bool coded = resq_attention_coded(f->values);
  if (coded) {
    resq_attention_scales(stage + w->plan.scales[1][part], w->q, weight);
    if (part == 1 || f->values.kind == RESQ_KV_INT)
      resq_attention_zeros(stage + w->plan.zeros[1][part], w->q, zero);
  }
  float largest = coded ? 0.0f : 1.0f;
  RESQ_UNROLL
  for (int i = 0; i < 16; ++i) {
    weight[i] = 16 * w->q + i >= valid ? 0.0f : coded ? weight[i] : 1.0f;
    largest = weight[i] > largest ? weight[i] : largest;
  }
  RESQ_UNROLL
  for (int distance = 1; distance <= 2; ++distance) {
    const float other = resq_shuffle_xor_f32(largest, distance);
    largest = other > largest ? other : largest;
  }
  float back;
  const float fit = resq_attention_fit(largest, &back);
  RESQ_UNROLL
  for (int i = 0; i < 16; ++i) {
    weight[i] *= p[i];
    w->zeros[part] += weight[i] * zero[i];
    weight[i] *= fit;
  }
  resq_attention_weights a;
  resq_attention_weigh(weight, &a);
  if (part)
    resq_attention_add_high(f, w, stage + w->plan.codes[1], &a, back);
  else
    resq_attention_add_low(f, w, stage + w->plan.codes[1], &a, valid, back);
}

/// A block of 64 tokens, `valid` of which the row may see.
RESQ_INLINE void resq_attention_block(const resq_attention_shape *f, resq_attention_warp *w,
                                      uint32_t stage, int64_t valid) {
  float p[16];
  resq_attention_scores(f, w, stage, p);
  float largest = w->largest;
  RESQ_UNROLL
  for (int i = 0; i < 16; ++i) {
    p[i] = 16 * w->q + i < valid ? p[i] : -1.0e30f;
    largest = p[i] > largest ? p[i] : largest;
  }
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
RESQ_INLINE void resq_attention_put(const resq_attention_shape *f, const resq_attention_warp *w,
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
  for (int i = 0; lane + RESQ_WARP * i < count; ++i)
    most = largest[i] > most ? largest[i] : most;
  for (int distance = RESQ_WARP / 2; distance > 0; distance /= 2) {
    const float other = resq_shuffle_xor_f32(most, distance);
    most = other > most ? other : most;
  }
  for (int i = 0; lane + RESQ_WARP * i < count; ++i) {
    const float factor = resq_exp2(largest[i] - most);
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
  const resq_attention_shape f = {{head_size, k_kind, k_bits, k_high, 0},
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
    resq_attention_block(&f, &w, w.stages + w.plan.stage * s, tokens - next * RESQ_KV_BLOCK);
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
    float sum[1] = {0.0f}, largest[1] = {-1.0e30f};
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
    float sum[RESQ_ATTENTION_MOST_SPLITS / RESQ_WARP];
    float largest[RESQ_ATTENTION_MOST_SPLITS / RESQ_WARP];
    RESQ_UNROLL
    for (int i = 0; i < RESQ_ATTENTION_MOST_SPLITS / RESQ_WARP; ++i) {
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

#endif // RESQ_KERNELS_NVPTX_ATTENTION_FAST_H
