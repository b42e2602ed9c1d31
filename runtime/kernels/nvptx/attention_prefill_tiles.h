//===-- attention_prefill_tiles.h - keys and values of 64 tokens as f16 ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The first half of attention_prefill.h: what has been copied from a cache of words becomes operands of matrix products
// in shared memory, once for all queries of a block. Codes less their zero points are exact; scales stay apart, as f32.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ATTENTION_PREFILL_TILES_H
#define RESQ_KERNELS_NVPTX_ATTENTION_PREFILL_TILES_H

#include "attention_values.h"

/// What a block works with; formats and places are constants after inlining.
typedef struct resq_prefill {
  resq_attention_formats f;
  resq_prefill_plan p;
  uint32_t shared;
  int lane, g, q, warp;
  uint32_t doubles_at, singles_at,
      values_at; ///< what the lane multiplies by: words of keys, values
  resq_attention_piece piece;
} resq_prefill;

/// Four tokens' word `word` of what has been copied; i: which four.
RESQ_INLINE resq_u32x4 resq_prefill_words(const resq_prefill *b, int is_value, int word, int i) {
  const uint32_t tile = b->shared + b->p.raw + b->p.stage.codes[is_value] +
                        (uint32_t)(i / 4) * (b->p.stage.code_bytes[is_value] / 4);
  return resq_shared_load_x4(tile + 64 * (uint32_t)word + 16 * (uint32_t)(i % 4));
}
/// Zero points of four tokens, 0 where there are none.
RESQ_INLINE uint32_t resq_prefill_zeros(const resq_prefill *b, int is_value, int part, int i) {
  const uint32_t at = b->p.stage.zeros[is_value][part];
  return at ? resq_shared_load(b->shared + b->p.raw + at + 4 * (uint32_t)i) : 0;
}

//===-- Keys --------------------------------------------------------------===//

/// Words of a key's line that are the low part's.
RESQ_INLINE int resq_prefill_low_words(const resq_prefill_plan *p) {
  return 16 * p->doubles + 8 * p->singles;
}

/// The two columns of word `word` of a key's line: false where there are none.
RESQ_INLINE bool resq_prefill_columns(const resq_prefill *b, int word, int *first, int *second) {
  const int low = (int)resq_attention_low(b->f.keys), words = resq_prefill_low_words(&b->p);
  const bool is_high = word >= words;
  if (is_high)
    *first = low + 2 * (word - words);
  else if (b->f.keys.kind == RESQ_KV_INT)
    *first = 8 * (word / 4) + word % 4;
  else
    *first = 2 * word;
  *second = *first + (!is_high && b->f.keys.kind == RESQ_KV_INT ? 4 : 1);
  return is_high ? *first < (int)b->f.keys.size : *first < low;
}

/// Lines of keys of codes.
RESQ_INLINE void resq_prefill_coded_keys(const resq_prefill *b) {
  const int words = resq_attention_words(b->f.keys), highs = (int)b->f.keys.high / 4;
  const uint32_t keys = b->shared + b->p.keys, table = b->shared + 4 * (uint32_t)b->lane;
  const uint32_t high_at = 4 * (uint32_t)resq_prefill_low_words(&b->p);
  for (int item = resq_thread(); item < words * 16; item += RESQ_PREFILL_THREADS) {
    const int word = item % words, i = item / words; // neighbors write neighboring words
    const resq_u32x4 v = resq_prefill_words(b, 0, word, i);
    const uint32_t zeros = resq_prefill_zeros(b, 0, 0, i);
    RESQ_UNROLL
    for (int t = 0; t < 4; ++t) {
      uint32_t pairs[4];
      if (b->f.keys.kind == RESQ_KV_INT)
        resq_pairs_int4(v[t], resq_attention_bias_of(resq_attention_zero_twice(zeros, t)), pairs);
      else
        resq_pairs_table(v[t], table, pairs);
      resq_shared_store_x4(keys + (uint32_t)(4 * i + t) * b->p.key_line + 16 * (uint32_t)word,
                           (resq_u32x4){pairs[0], pairs[1], pairs[2], pairs[3]});
    }
  }
  for (int item = resq_thread(); item < highs * 16; item += RESQ_PREFILL_THREADS) {
    const int word = item % highs, i = item / highs;
    const resq_u32x4 v = resq_prefill_words(b, 0, words + word, i);
    const uint32_t zeros = resq_prefill_zeros(b, 0, 1, i);
    RESQ_UNROLL
    for (int t = 0; t < 4; ++t) {
      const resq_attention_bias bias = resq_attention_bias_of(resq_attention_zero_twice(zeros, t));
      const uint32_t at =
          keys + (uint32_t)(4 * i + t) * b->p.key_line + high_at + 8 * (uint32_t)word;
      resq_shared_store(at, resq_pair_bytes(resq_pick_bytes(v[t], 0, 0x4140), bias));
      resq_shared_store(at + 4, resq_pair_bytes(resq_pick_bytes(v[t], 0, 0x4342), bias));
    }
  }
}

/// Lines of keys of floats: words of the cache are pairs of f16, or pairs of words are.
RESQ_INLINE void resq_prefill_float_keys(const resq_prefill *b) {
  const int words = (int)b->f.keys.size / 2;
  const uint32_t keys = b->shared + b->p.keys, rest = keys + b->p.key_bytes;
  for (int item = resq_thread(); item < words * 16; item += RESQ_PREFILL_THREADS) {
    const int word = item % words, i = item / words;
    const uint32_t at = (uint32_t)(4 * i) * b->p.key_line + 4 * (uint32_t)word;
    if (b->f.keys.kind == RESQ_KV_F16) {
      const resq_u32x4 v = resq_prefill_words(b, 0, word, i);
      RESQ_UNROLL
      for (int t = 0; t < 4; ++t)
        resq_shared_store(keys + at + (uint32_t)t * b->p.key_line, v[t]);
      continue;
    }
    const resq_u32x4 x = resq_prefill_words(b, 0, 2 * word, i);
    const resq_u32x4 y = resq_prefill_words(b, 0, 2 * word + 1, i);
    RESQ_UNROLL
    for (int t = 0; t < 4; ++t) {
      uint32_t hi, lo;
      resq_attention_halves(resq_float_of(x[t]), resq_float_of(y[t]), &hi, &lo);
      resq_shared_store(keys + at + (uint32_t)t * b->p.key_line, hi);
      resq_shared_store(rest + at + (uint32_t)t * b->p.key_line, lo);
    }
  }
}

//===-- Values ------------------------------------------------------------===//

/// Lines of the values' columns: word t of a line is tokens 2 t and 2 t + 1, of which the call sees `count`.
RESQ_INLINE void resq_prefill_values(const resq_prefill *b, int64_t count) {
  const resq_kv_format f = b->f.values;
  const int per = resq_attention_per_word(f), words = resq_attention_words(f);
  const uint32_t values = b->shared + b->p.values, rest_at = values + b->p.value_bytes;
  for (int item = resq_thread(); item < words * 16; item += RESQ_PREFILL_THREADS) {
    const int word = item / 16, i = item % 16; // neighbors write neighboring tokens
    resq_u32x4 v = resq_prefill_words(b, 1, word, i);
    const uint32_t zeros = resq_prefill_zeros(b, 1, 0, i);
    uint32_t pairs[2][8], rest[2][1];
    if (!resq_attention_is_coded(f)) {
      RESQ_UNROLL
      for (int t = 0; t < 4; ++t) // what nobody wrote may be anything
        v[t] = 4 * i + t < count ? v[t] : 0;
    }
    RESQ_UNROLL
    for (int h = 0; h < 2; ++h)
      resq_attention_value_pairs(f, b->shared + 4 * (uint32_t)b->lane,
                                 resq_attention_bias_of(resq_attention_zero_pair(
                                     zeros >> 16 * h, zeros >> (16 * h + 8), 0)),
                                 v[2 * h], v[2 * h + 1], pairs[h], rest[h]);
    RESQ_UNROLL
    for (int n = 0; n < per; ++n) {
      const uint32_t at = (uint32_t)(word * per + n) * RESQ_PREFILL_VALUE_LINE + 8 * (uint32_t)i;
      resq_shared_store_x2(values + at, (resq_u32x2){pairs[0][n], pairs[1][n]});
      if (f.kind == RESQ_KV_F32)
        resq_shared_store_x2(rest_at + at, (resq_u32x2){rest[0][0], rest[1][0]});
    }
  }
  const int highs = (int)resq_attention_high(f) / 4;
  for (int item = resq_thread(); item < highs * 16; item += RESQ_PREFILL_THREADS) {
    const int word = item / 16, i = item % 16;
    const resq_u32x4 v = resq_prefill_words(b, 1, words + word, i);
    const uint32_t zeros = resq_prefill_zeros(b, 1, 1, i);
    RESQ_UNROLL
    for (int n = 0; n < 4; ++n) {
      uint32_t pairs[2];
      RESQ_UNROLL
      for (int h = 0; h < 2; ++h)
        pairs[h] = resq_pair_bytes(resq_attention_zero_pair(v[2 * h], v[2 * h + 1], n),
                                   resq_attention_bias_of(resq_attention_zero_pair(
                                       zeros >> 16 * h, zeros >> (16 * h + 8), 0)));
      resq_shared_store_x2(values +
                               (uint32_t)(words * per + 4 * word + n) * RESQ_PREFILL_VALUE_LINE +
                               8 * (uint32_t)i,
                           (resq_u32x2){pairs[0], pairs[1]});
    }
  }
}

//===-- Scales ------------------------------------------------------------===//

/// Scales of 64 tokens, of which the call sees `count`, by one warp: [keys or values][part]. Those of values are
/// multiplied by what resq_attention_fit says of the largest, whose counterpart comes to stand at `back`.
RESQ_INLINE void resq_prefill_scales(const resq_prefill *b, int64_t count) {
  float scales[4][2] = {{0}}, largest = 0.0f, back;
  RESQ_UNROLL
  for (int i = 0; i < 4; ++i)
    if (b->p.stage.scales[i / 2][i % 2]) {
      RESQ_UNROLL
      for (int k = 0; k < 2; ++k) {
        const int t = b->lane + RESQ_WARP * k;
        const uint32_t half = resq_shared_load_u16(
            b->shared + b->p.raw, b->p.stage.scales[i / 2][i % 2] + 2 * (uint32_t)t);
        scales[i][k] = t < count ? resq_half_low(half) : 0.0f;
        if (i >= 2)
          largest = scales[i][k] > largest ? scales[i][k] : largest;
      }
    }
  for (int distance = RESQ_WARP / 2; distance > 0; distance /= 2) {
    const float other = resq_shuffle_xor_f32(largest, distance);
    largest = other > largest ? other : largest;
  }
  const float fit = resq_attention_fit(largest, &back);
  RESQ_UNROLL
  for (int i = 0; i < 4; ++i)
    if (b->p.stage.scales[i / 2][i % 2]) {
      RESQ_UNROLL
      for (int k = 0; k < 2; ++k)
        resq_shared_store_f32(b->shared + b->p.scales +
                                  4 * (uint32_t)(i * RESQ_PREFILL_TOKENS + b->lane + RESQ_WARP * k),
                              i >= 2 ? scales[i][k] * fit : scales[i][k]);
    }
  if (b->lane == 0)
    resq_shared_store_f32(b->shared + b->p.back, back);
}

/// Scales of tokens 16 q + 2 j and the next.
RESQ_INLINE void resq_prefill_two_scales(const resq_prefill *b, int is_value, int part, int j,
                                         float *to) {
  const resq_u32x2 v = resq_shared_load_x2(
      b->shared + b->p.scales +
      4 * (uint32_t)((2 * is_value + part) * RESQ_PREFILL_TOKENS + 16 * b->q + 2 * j));
  to[0] = resq_float_of(v[0]);
  to[1] = resq_float_of(v[1]);
}

#endif // RESQ_KERNELS_NVPTX_ATTENTION_PREFILL_TILES_H
