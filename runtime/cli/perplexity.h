//===-- perplexity.h - what `perplexity` measures, and how it is told -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_CLI_PERPLEXITY_H
#define RESQ_CLI_PERPLEXITY_H

#include "base/error.h"
#include "cli/score.h"

/// Losses in nats. A window of `window` tokens gives window - 1 predictions.
typedef struct resq_perplexity {
  int64_t windows, window;
  double seconds; ///< reference included
  resq_tally loss;
  double *window_losses; ///< [windows] means: what two models' runs are compared by, in pairs
  const char *reference; ///< the other binary; NULL: none, and nothing below
  resq_tally reference_loss, excess; ///< excess: loss - reference_loss, prediction by prediction
  resq_tally divergence;             ///< KL(reference || this)
  resq_tally agreement;              ///< 1 where both find the same token most likely, else 0
  double *divergences;               ///< [divergence.n], sorted for quantiles when printed
} resq_perplexity;

bool resq_perplexity_print_text(const resq_perplexity *p, resq_error *err);
bool resq_perplexity_print_json(const resq_perplexity *p, resq_error *err);

#endif // RESQ_CLI_PERPLEXITY_H
