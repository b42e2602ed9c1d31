//===-- sampling.h - how generation draws its tokens ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each setting comes from the first of: the command line, the model's own generation
// settings (object "generation" of the artifact's metadata, which the import wrote from
// the checkpoint's general.sampling.* keys), and the defaults that llama.cpp has:
// temperature 0.8, top-k 40, top-p 0.95, min-p 0.05, no repeat penalty.
//===----------------------------------------------------------------------===//
#ifndef RESQ_CLI_SAMPLING_H
#define RESQ_CLI_SAMPLING_H

#include "cli/options.h"
#include "text/sampler.h"
#include <stdint.h>

struct resq_model_context;

/// What the command line says; a negative number was not given.
typedef struct resq_sampling_options {
  bool greedy; ///< the likeliest token, always: excludes the others but the repeat penalty
  double temperature, top_p, min_p, repeat_penalty;
  int64_t top_k, repeat_window;
  resq_seed seed;
} resq_sampling_options;

#define RESQ_SAMPLING_NOT_GIVEN                                                                    \
  {                                                                                                \
    false, -1, -1, -1, -1, -1, -1, { 1, false }                                                    \
  }

/// Fills in what was not given. Says on stderr which seed the system drew, where it was asked to. RESQ_USAGE when
/// options exclude each other; RESQ_BAD_INPUT when the model's own settings are out of range.
bool resq_sampling_resolve(const resq_sampling_options *given,
                           const struct resq_model_context *context, resq_sampler_options *out,
                           resq_error *err);

#endif // RESQ_CLI_SAMPLING_H
