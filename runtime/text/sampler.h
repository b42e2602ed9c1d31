//===-- sampler.h - logits to the next token ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Order of the steps: repeat penalty, temperature, top-k, top-p, min-p, draw. Draws are
// a function of (seed, number of the draw): the same inputs give the same tokens. Probabilities have
// the precision of float.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_SAMPLER_H
#define RESQ_TEXT_SAMPLER_H

#include "base/error.h"
#include <stdint.h>

typedef struct resq_sampler_options {
  double temperature;    ///< 0: greedy (the first of equal logits); otherwise > 0
  int64_t top_k;         ///< keep so many; 0: all
  double top_p;          ///< keep the fewest that reach this probability; 1: all
  double min_p;          ///< keep those of at least this share of the best; 0: all
  double repeat_penalty; ///< > 0; 1: none
  int64_t repeat_window; ///< last tokens the penalty looks at; 0: none
  uint64_t seed;
} resq_sampler_options;

/// Greedy; every filter off.
static inline resq_sampler_options resq_sampler_defaults(void) {
  return (resq_sampler_options){.top_p = 1, .repeat_penalty = 1, .repeat_window = 64};
}

typedef struct resq_sampler resq_sampler;

/// NULL for an option out of range.
resq_sampler *resq_sampler_create(const resq_sampler_options *options, resq_error *err);
void resq_sampler_destroy(resq_sampler *s);
/// Back to the first draw and an empty history.
void resq_sampler_reset(resq_sampler *s);

/// The next token, or -1 with *err (no logit is a number, no memory). NaN counts as minus infinity.
/// The token joins the history.
int32_t resq_sampler_next(resq_sampler *s, const float *logits, int64_t n, resq_error *err);
/// Adds a token that was not drawn here (the prompt) to the history of the repeat penalty.
void resq_sampler_accept(resq_sampler *s, int32_t token);

#endif // RESQ_TEXT_SAMPLER_H
