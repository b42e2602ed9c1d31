//===-- decoder_rope.c ----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rule is that of transformers (ROPE_INIT_FUNCTIONS["llama3"]) and of llama.cpp's converter, which
// stores its result as the tensor rope_freqs.weight.
//===----------------------------------------------------------------------===//
#include "dialect/import/checkpoint/decoder_rope.h"

#include <math.h>

static double factor_of(const resq_decoder_llama3 *l, double frequency) {
  static const double two_pi = 6.283185307179586;
  double wave = two_pi / frequency;
  if (wave < l->context / l->high)
    return 1;
  if (wave > l->context / l->low)
    return l->factor;
  double smooth = (l->context / wave - l->low) / (l->high - l->low);
  return 1 / ((1 - smooth) / l->factor + smooth);
}

void resq_decoder_llama3_factors(const resq_decoder_rope *rope, int64_t head_size, float *out) {
  for (int64_t i = 0; i < head_size / 2; ++i)
    out[i] = (float)factor_of(&rope->llama3,
                              pow((double)rope->base, -2.0 * (double)i / (double)head_size));
}
