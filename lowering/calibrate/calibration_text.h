//===-- calibration_text.h - what calibration runs over -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_CALIBRATION_TEXT_H
#define RESQ_LOWERING_CALIBRATION_TEXT_H

#include "dialect/import/checkpoints.h"
#include "lowering/support/stages.h"
#include "lowering/support/workdir.h"
#include "mlir-c/IR.h"
#include "text/tokenizer.h"

/// Tokens of a window.
#define RESQ_CALIBRATION_WINDOW 2048

/// Tokens, [count][RESQ_CALIBRATION_WINDOW]; malloc'ed.
typedef struct resq_windows {
  int32_t *ids;
  int64_t count;
} resq_windows;

void resq_windows_free(resq_windows *w);

/// The first `most` windows of a text file, or as many as it has; an error when it has none.
bool resq_windows_read(resq_windows *out, const resq_tokenizer *tokenizer, const char *path,
                       int64_t most, resq_error *err);

typedef struct resq_sampling {
  int64_t windows;
  int64_t seed;
  int threads;
  resq_checkpoints *checkpoints; ///< that the module's recipes read
} resq_sampling;

/// Goes into the name of cached statistics: raised with the text that a model makes of a seed.
#define RESQ_SAMPLING_VERSION 2

/// Text that the model makes itself at temperature 1: short documents behind openings
/// (calibration_openings.h), one after the other. `imported` is not changed. The same tokens at any
/// number of threads. calibration_documents.h, calibration_sample.c.
bool resq_windows_sample(resq_windows *out, MlirModule imported, const resq_tokenizer *tokenizer,
                         const resq_sampling *how, const resq_workdir *work, resq_stages *stages,
                         resq_error *err);

#endif // RESQ_LOWERING_CALIBRATION_TEXT_H
