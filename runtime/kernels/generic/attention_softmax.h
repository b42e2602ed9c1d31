//===-- attention_softmax.h - the portable online softmax -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_KERNELS_ATTENTION_SOFTMAX_H
#define RESQ_KERNELS_ATTENTION_SOFTMAX_H

#include "kernels/layout/kv_layout.h"
#include "kernels/scalar_math.h"

/// What `group` query heads have of a softmax over the blocks so far.
typedef struct resq_softmax {
  float *value;         ///< [size]: one decoded value
  float *scores;        ///< [group][64], then probabilities
  float *largest, *sum; ///< [group]
  float *y;             ///< [group, size]
  int64_t group, size;
} resq_softmax;

RESQ_INLINE void resq_softmax_begin(const resq_softmax *s) {
  for (int64_t g = 0; g < s->group; ++g) {
    s->largest[g] = -3.0e38f;
    s->sum[g] = 0.0f;
  }
  for (int64_t i = 0; i < s->group * s->size; ++i)
    s->y[i] = 0.0f;
}

/// Scores become probabilities relative to the largest so far; what y and sum hold is rescaled.
RESQ_INLINE void resq_softmax_soften(const resq_softmax *s, int64_t count) {
  for (int64_t g = 0; g < s->group; ++g) {
    float *scores = s->scores + g * RESQ_KV_BLOCK;
    float largest = s->largest[g];
    for (int64_t t = 0; t < count; ++t)
      largest = scores[t] > largest ? scores[t] : largest;
    float factor = resq_exp(s->largest[g] - largest), sum = s->sum[g] * factor;
    for (int64_t t = 0; t < count; ++t) {
      scores[t] = resq_exp(scores[t] - largest);
      sum += scores[t];
    }
    for (int64_t i = 0; i < s->size; ++i)
      s->y[g * s->size + i] *= factor;
    s->largest[g] = largest;
    s->sum[g] = sum;
  }
}

/// The scores of `count` positions from `first` on are in: their values are added to y.
RESQ_INLINE void resq_softmax_add(const resq_softmax *s, const resq_kv_view *value, int64_t first,
                                  int64_t count) {
  resq_softmax_soften(s, count);
  for (int64_t t = 0; t < count; ++t) {
    for (int64_t i = 0; i < s->size; ++i)
      s->value[i] = resq_kv_decode(value, first + t, i);
    for (int64_t g = 0; g < s->group; ++g)
      for (int64_t i = 0; i < s->size; ++i)
        s->y[g * s->size + i] += s->scores[g * RESQ_KV_BLOCK + t] * s->value[i];
  }
}

RESQ_INLINE void resq_softmax_end(const resq_softmax *s) {
  for (int64_t g = 0; g < s->group; ++g)
    for (int64_t i = 0; i < s->size; ++i)
      s->y[g * s->size + i] /= s->sum[g];
}

#endif // RESQ_KERNELS_ATTENTION_SOFTMAX_H
