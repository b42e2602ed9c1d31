//===-- decoder_rope.h - what a checkpoint says of rotary embedding -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_CHECKPOINT_DECODER_ROPE_H
#define RESQ_DIALECT_IMPORT_CHECKPOINT_DECODER_ROPE_H

#include <stdbool.h>
#include <stdint.h>

/// What Llama 3.1's scaling is computed from. Waves that turn at least `high` times within the context
/// of training stay as they are, those that turn at most `low` times are made `factor` times longer,
/// and those between are interpolated.
typedef struct resq_decoder_llama3 {
  double factor; ///< 0: no such scaling
  double low, high;
  double context; ///< original_max_position_embeddings
} resq_decoder_llama3;

typedef struct resq_decoder_rope {
  float base;
  float divisor;     ///< of all frequencies: linear scaling; 1: none
  float attn_factor; ///< of all cosines and sines, so that scores have its square; 1: none
  resq_decoder_llama3 llama3;
} resq_decoder_rope;

/// What each of the head_size / 2 frequencies is divided by, of a rope with llama3.factor.
void resq_decoder_llama3_factors(const resq_decoder_rope *rope, int64_t head_size, float *out);

#endif // RESQ_DIALECT_IMPORT_CHECKPOINT_DECODER_ROPE_H
