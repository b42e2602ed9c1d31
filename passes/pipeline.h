//===-- pipeline.h - running a pass pipeline given as text ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_PIPELINE_H
#define RESQ_LOWERING_PIPELINE_H

#include "dialect/diagnostics.h"

#include <stdbool.h>

/// Runs a pipeline text ("builtin.module(...)", or the list inside it) on a module. The first error
/// goes into *err, remarks to `remark` (NULL: dropped).
bool resq_run_pipeline(MlirModule module, const char *pipeline, resq_remark_handler remark,
                       void *user, resq_error *err);

#endif // RESQ_LOWERING_PIPELINE_H
