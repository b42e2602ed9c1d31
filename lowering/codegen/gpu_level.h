//===-- gpu_level.h - level cuda of a program -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_CODEGEN_GPU_LEVEL_H
#define RESQ_LOWERING_CODEGEN_GPU_LEVEL_H

#include "object.h"
#include "program.h"

/// Lowers the module, which stays as it is, for calls of up to rows[0], rows[1], ... rows on every chip of
/// resq_gpu_targets. The program gets the entries with the launches of all chips, sources[chip] the chip's kernels.
bool resq_gpu_level_lower(MlirOperation module, const resq_level *level,
                          resq_gpu_arithmetic arithmetic, const int64_t *rows, int n_rows,
                          resq_program_builder *program, resq_object_source *sources,
                          resq_error *err);

/// The kernels of one chip alone, those of all entries.
bool resq_gpu_level_kernels(MlirOperation module, const resq_level *level,
                            const resq_gpu_lowering *how, const int64_t *rows, int n_rows,
                            resq_object_source *source, resq_error *err);

#endif // RESQ_LOWERING_CODEGEN_GPU_LEVEL_H
