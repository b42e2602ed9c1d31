//===-- attention_values.h - values by their probabilities ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The second half of what a warp of attention_fast.h does for a block of 64 tokens.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ATTENTION_VALUES_H
#define RESQ_KERNELS_NVPTX_ATTENTION_VALUES_H

#include "attention_scores.h"

// Results are within bounds here, not pinned: products and sums may be fused.
#ifdef __clang__
#pragma clang fp contract(fast)
#endif

/// Sums of values take their weights as two f16; `fit` brings the largest to about 2^11.
RESQ_INLINE float resq_attention_fit(float largest, float *back) {
  uint32_t exponent = resq_bits_of(largest) >> 23 & 255;
  exponent = exponent < 97 ? 97 : exponent > 157 ? 157 : exponent;
  *back = resq_float_of((exponent - 11) << 23);
  return resq_float_of((265 - exponent) << 23);
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
RESQ_INLINE void resq_attention_value_pairs(const resq_attention_formats *f,
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
    const float x = resq_float_of(a), y = resq_float_of(b);
    pairs[0] = resq_half2(x, y);
    rest[0] = resq_half2(x - resq_half_low(pairs[0]), y - resq_half_high(pairs[0]));
  }
}

/// A word of a vector that holds column g of group `group`, turn `turn`.
RESQ_INLINE int resq_attention_value_word(resq_kv_format f, int group, int turn, int g) {
  return g + 8 * (group * (8 / resq_attention_per_word(f)) + turn);
}

/// low += the weighted values of a block of tokens, of which the lane has `valid[i]`.
RESQ_INLINE void resq_attention_add_low(const resq_attention_formats *f, resq_attention_warp *w,
                                        uint32_t codes, const resq_attention_weights *weights,
                                        int valid, float back) {
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
        if (floats && valid < RESQ_KV_BLOCK) { // what nobody wrote may be anything
          RESQ_UNROLL
          for (int t = 0; t < 4; ++t) {
            first[t] = 16 * w->q + 4 * i + t < valid ? first[t] : 0;
            second[t] = 16 * w->q + 8 + 4 * i + t < valid ? second[t] : 0;
          }
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
RESQ_INLINE void resq_attention_add_high(const resq_attention_formats *f, resq_attention_warp *w,
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
RESQ_INLINE void resq_attention_add_part(const resq_attention_formats *f, resq_attention_warp *w,
                                         uint32_t stage, const float *p, int part, int valid) {
  float weight[16], zero[16] = {0};
  const bool coded = resq_attention_coded(f->values);
  if (coded) {
    resq_attention_scales(stage + w->plan.scales[1][part], w->q, weight);
    if (part == 1 || f->values.kind == RESQ_KV_INT)
      resq_attention_zeros(stage + w->plan.zeros[1][part], w->q, zero);
  }
  float largest = coded ? 0.0f : 1.0f;
  if (!coded) {
    RESQ_UNROLL
    for (int i = 0; i < 16; ++i)
      weight[i] = 1.0f;
  }
  if (valid < RESQ_KV_BLOCK) { // nor may what nobody wrote count
    RESQ_UNROLL
    for (int i = 0; i < 16; ++i)
      weight[i] = 16 * w->q + i < valid ? weight[i] : 0.0f;
  }
  RESQ_UNROLL
  for (int i = 0; i < 16; ++i)
    largest = weight[i] > largest ? weight[i] : largest;
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

#ifdef __clang__
#pragma clang fp contract(off)
#endif

#endif // RESQ_KERNELS_NVPTX_ATTENTION_VALUES_H
