//===-- calibrate.h - calibration is a compile ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The unquantised module, instrumented, is compiled, loaded into this process and run over text;
// resq.observe calls back with rows, which statistics.h sums. docs/calibration.md.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CALIBRATE_H
#define RESQ_LOWERING_CALIBRATE_H

#include "dialect/import/checkpoints.h"
#include "lowering/numeric/statistics.h"
#include "lowering/support/stages.h"
#include "lowering/support/workdir.h"
#include "mlir-c/IR.h"

/// Rows kept a site, for choices that need more than moments (clip ratios).
#define RESQ_CALIBRATION_SAMPLES 512
/// Goes into the name of cached statistics: raised with what is kept of the same text.
#define RESQ_CALIBRATION_VERSION 3

/// Comma-separated names of the sites that module's recipes read (resq.moment, then resq.samples),
/// in order; "" for none. malloc'ed.
char *resq_recipe_sites(MlirOperation module);

typedef struct resq_calibration_options {
  const char *text;              ///< a file; NULL: text sampled from the model itself
  int64_t windows;               ///< of 2,048 tokens; 0: 64 of a file, 16 when sampled
  int64_t seed;                  ///< of sampled text
  int threads;                   ///< 0: all
  resq_checkpoints *checkpoints; ///< of the compile
} resq_calibration_options;

/// Windows that these options mean: the text's first, or sampled.
int64_t resq_calibration_windows(const resq_calibration_options *options);

/// Runs `imported` (as imported; not changed) over options->text, or over text it samples
/// itself. sites: those observed, comma-separated; "": all. NULL on failure.
resq_statistics *resq_calibrate(MlirModule imported, const char *sites,
                                const resq_calibration_options *options, const resq_workdir *work,
                                resq_stages *stages, resq_error *err);

#endif // RESQ_LOWERING_CALIBRATE_H
