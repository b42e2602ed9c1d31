//===-- attention_values.h - values by their probabilities ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The second half of what a warp of attention_fast.h does for 32 tokens. Lane 4 g + q has the probabilities of tokens
// 8 q .. + 7; tokens i and i + 4 of them are a pair of the products' operands.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ATTENTION_VALUES_H
#define RESQ_KERNELS_NVPTX_ATTENTION_VALUES_H

#include "attention_scores.h"

// Results are within bounds here, not pinned: products and sums may be fused.
#ifdef __clang__
#pragma clang fp contract(fast)
#endif

/// Sums of values take their weights as two f16; the factor that this gives brings the largest scale to about 2^11, and
/// *back takes it away again.
RESQ_INLINE float resq_attention_fit(float largest, float *back) {
  uint32_t exponent = resq_bits_of(largest) >> 23 & 255;
  exponent = exponent < 97 ? 97 : exponent > 157 ? 157 : exponent;
  *back = resq_float_of((exponent - 11) << 23);
  return resq_float_of((265 - exponent) << 23);
}

/// Two floats as sums of two f16.
RESQ_INLINE void resq_attention_halves(float a, float b, uint32_t *hi, uint32_t *lo) {
  *hi = resq_half2(a, b);
  *lo = resq_half2(a - resq_half_low(*hi), b - resq_half_high(*hi));
}

/// A lane's weights of a part's 32 tokens as the left operand of two products, and what sums are multiplied by then.
typedef struct resq_attention_weights {
  uint32_t a[2][4];
  float back;
} resq_attention_weights;

/// Word `word` of tokens 8 q + 4 i .. + 3.
RESQ_INLINE resq_u32x4 resq_attention_value_words(const resq_attention_warp *w, uint32_t codes,
                                                  int word, int i) {
  const uint32_t tile = codes + (uint32_t)(w->q / 2) * (w->stage.code_bytes[1] / 2);
  return resq_shared_load_x4(tile + 64 * (uint32_t)word + 32 * (uint32_t)(w->q % 2) +
                             16 * (uint32_t)i);
}

/// Zero points of the lane's four pairs of tokens.
RESQ_INLINE void resq_attention_value_bias(const resq_attention_warp *w, uint32_t stage, int part,
                                           resq_attention_bias *to) {
  resq_u32x2 zeros = {0, 0};
  if (w->stage.zeros[1][part])
    zeros = resq_shared_load_x2(stage + w->stage.zeros[1][part] + 8 * (uint32_t)w->q);
  RESQ_UNROLL
  for (int t = 0; t < 4; ++t)
    to[t] = resq_attention_bias_of(resq_attention_zero_pair(zeros[0], zeros[1], t));
}

/// A word of each of two tokens: its columns as pairs, and what is left of f32.
RESQ_INLINE void resq_attention_value_pairs(resq_kv_format f, uint32_t table,
                                            resq_attention_bias bias, uint32_t a, uint32_t b,
                                            uint32_t *pairs, uint32_t *rest) {
  if (f.kind == RESQ_KV_INT) {
    resq_pairs_int4(resq_pick_bytes(a, b, 0x5410), bias, pairs);
    resq_pairs_int4(resq_pick_bytes(a, b, 0x7632), bias, pairs + 4);
  } else if (f.kind == RESQ_KV_LM) {
    uint32_t even[4], odd[4];
    resq_pairs_table((a & 0x0f0f0f0f) | (b & 0x0f0f0f0f) << 4, table, even);
    resq_pairs_table((a >> 4 & 0x0f0f0f0f) | (b & 0xf0f0f0f0), table, odd);
    RESQ_UNROLL
    for (int i = 0; i < 4; ++i) {
      pairs[2 * i] = even[i];
      pairs[2 * i + 1] = odd[i];
    }
  } else if (f.kind == RESQ_KV_F16) {
    pairs[0] = resq_pick_bytes(a, b, 0x5410);
    pairs[1] = resq_pick_bytes(a, b, 0x7632);
  } else {
    resq_attention_halves(resq_float_of(a), resq_float_of(b), &pairs[0], rest);
  }
}

/// A word of a vector that holds column g of group `group`, turn `turn`.
RESQ_INLINE int resq_attention_value_word(resq_kv_format f, int group, int turn, int g) {
  return g + 8 * (group * (8 / resq_attention_per_word(f)) + turn);
}

/// low = low * factor + the weighted values of 32 tokens, of which the row may see `valid`.
RESQ_INLINE void resq_attention_add_low(const resq_attention_formats *f, resq_attention_warp *w,
                                        uint32_t stage, const resq_attention_weights *weights,
                                        int valid, float factor) {
  const int per = resq_attention_per_word(f->values), words = resq_attention_words(f->values);
  const uint32_t codes = stage + w->stage.codes[1];
  resq_attention_bias bias[4];
  resq_attention_value_bias(w, stage, 0, bias);
  RESQ_UNROLL
  for (int group = 0; group < (words * per + 63) / 64; ++group) {
    float c[8][4] = {{0}};
    RESQ_UNROLL
    for (int turn = 0; turn < 8 / per; ++turn) {
      const int word = resq_attention_value_word(f->values, group, turn, w->g);
      resq_u32x4 first = {0, 0, 0, 0}, second = {0, 0, 0, 0};
      if (word < words) {
        first = resq_attention_value_words(w, codes, word, 0);
        second = resq_attention_value_words(w, codes, word, 1);
      }
      if (!resq_attention_is_coded(f->values) && valid < RESQ_ATTENTION_TOKENS) {
        RESQ_UNROLL
        for (int t = 0; t < 4; ++t) { // what nobody wrote may be anything
          first[t] = 8 * w->q + t < valid ? first[t] : 0;
          second[t] = 8 * w->q + 4 + t < valid ? second[t] : 0;
        }
      }
      RESQ_UNROLL
      for (int s = 0; s < 2; ++s) {
        uint32_t b[2][8], rest[2][1];
        RESQ_UNROLL
        for (int h = 0; h < 2; ++h)
          resq_attention_value_pairs(f->values, w->table, bias[2 * s + h], first[2 * s + h],
                                     second[2 * s + h], b[h], rest[h]);
        const uint32_t *a = weights->a[s];
        RESQ_UNROLL
        for (int n = 0; n < per; ++n) {
          resq_mma_f16(c[turn * per + n], a[0], a[1], a[2], a[3], b[0][n], b[1][n]);
          if (f->values.kind == RESQ_KV_F32)
            resq_mma_f16(c[turn * per + n], a[0], a[1], a[2], a[3], rest[0][0], rest[1][0]);
        }
      }
    }
    RESQ_UNROLL
    for (int n = 0; n < 8; ++n)
      RESQ_UNROLL
    for (int h = 0; h < 2; ++h)
      w->low[group][n][h] = w->low[group][n][h] * factor + (c[n][h] + c[n][h + 2]) * weights->back;
  }
}

/// The same of the high part: columns 2 g and 2 g + 1.
RESQ_INLINE void resq_attention_add_high(const resq_attention_formats *f, resq_attention_warp *w,
                                         uint32_t stage, const resq_attention_weights *weights,
                                         float factor) {
  const uint32_t byte = 2 * (uint32_t)(w->g & 1);
  resq_attention_bias bias[4];
  resq_u32x4 first = {0, 0, 0, 0}, second = {0, 0, 0, 0};
  float c[2][4] = {{0}};
  resq_attention_value_bias(w, stage, 1, bias);
  if (2 * w->g < resq_attention_high(f->values)) {
    const int word = resq_attention_words(f->values) + w->g / 2;
    first = resq_attention_value_words(w, stage + w->stage.codes[1], word, 0);
    second = resq_attention_value_words(w, stage + w->stage.codes[1], word, 1);
  }
  RESQ_UNROLL
  for (int s = 0; s < 2; ++s)
    RESQ_UNROLL
  for (int n = 0; n < 2; ++n) {
    const uint32_t select = (byte + (uint32_t)n) | (4 + byte + (uint32_t)n) << 8;
    uint32_t b[2];
    RESQ_UNROLL
    for (int h = 0; h < 2; ++h)
      b[h] =
          resq_pair_bytes(resq_pick_bytes(first[2 * s + h], second[2 * s + h], select) & 0x00ff00ff,
                          bias[2 * s + h]);
    const uint32_t *a = weights->a[s];
    resq_mma_f16(c[n], a[0], a[1], a[2], a[3], b[0], b[1]);
  }
  RESQ_UNROLL
  for (int n = 0; n < 2; ++n)
    RESQ_UNROLL
  for (int h = 0; h < 2; ++h)
    w->high[n][h] = w->high[n][h] * factor + (c[n][h] + c[n][h + 2]) * weights->back;
}

/// Sums of a part times `factor`, and its values by probabilities p.
RESQ_INLINE void resq_attention_add_part(const resq_attention_formats *f, resq_attention_warp *w,
                                         uint32_t stage, const float *p, int part, int valid,
                                         float factor) {
  float weight[RESQ_ATTENTION_SHARE];
  const bool coded = resq_attention_is_coded(f->values);
  if (coded) {
    resq_attention_scales(stage + w->stage.scales[1][part], w->q, weight);
  } else {
    RESQ_UNROLL
    for (int i = 0; i < RESQ_ATTENTION_SHARE; ++i)
      weight[i] = 1.0f;
  }
  float largest = coded ? 0.0f : 1.0f;
  RESQ_UNROLL
  for (int i = 0; i < RESQ_ATTENTION_SHARE; ++i) {
    weight[i] = 8 * w->q + i < valid ? weight[i] : 0.0f; // nor may what nobody wrote count
    largest = weight[i] > largest ? weight[i] : largest;
  }
  if (coded) {
    RESQ_UNROLL
    for (int distance = 1; distance <= 2; ++distance) {
      const float other = resq_shuffle_xor_f32(largest, distance);
      largest = other > largest ? other : largest;
    }
  }
  resq_attention_weights to;
  const float fit = resq_attention_fit(largest, &to.back);
  RESQ_UNROLL
  for (int s = 0; s < 2; ++s)
    RESQ_UNROLL
  for (int h = 0; h < 2; ++h) {
    const int i = 2 * s + h;
    resq_attention_halves(weight[i] * p[i] * fit, weight[i + 4] * p[i + 4] * fit, &to.a[s][2 * h],
                          &to.a[s][2 * h + 1]);
  }
  if (part)
    resq_attention_add_high(f, w, stage, &to, factor);
  else
    resq_attention_add_low(f, w, stage, &to, valid, factor);
}

#ifdef __clang__
#pragma clang fp contract(off)
#endif

#endif // RESQ_KERNELS_NVPTX_ATTENTION_VALUES_H
