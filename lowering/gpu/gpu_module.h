//===-- gpu_module.h - the gpu.module of a chip's kernels -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What all functions of a module share for one chip: wrappers, the kernels that they call, constant arrays, each once
// under a name that says what it is.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_GPU_GPU_MODULE_H
#define RESQ_LOWERING_GPU_GPU_MODULE_H

#include "lowering/calls/kernel_call.h"
#include "lowering/support/levels.h"

/// The gpu.module of a chip's kernels, made at the beginning of the module where it is not there yet.
MlirOperation resq_gpu_module(MlirOperation module, const resq_gpu_target *chip);
bool resq_gpu_has_symbol(MlirOperation gpu_module, const char *name);
/// A function or a global of that name at the end of the gpu.module; takes the region, which declares where it is empty.
void resq_gpu_add_symbol(MlirOperation gpu_module, const char *op, const char *name,
                         MlirRegion region, intptr_t n, const MlirNamedAttribute *attrs);

/// An empty func.func @name() -> () behind `after`, whose body has no terminator yet.
MlirOperation resq_gpu_add_function(MlirOperation after, MlirLocation loc, const char *name,
                                    bool is_private);

enum { RESQ_TABLE_NAME = 80 };
/// "inv_freq_0123456789abcdef" to `out`, RESQ_TABLE_NAME bytes: of equal constant arrays the same.
void resq_gpu_name_table(const resq_actual *a, char *out);
/// A pointer that kernels can have to a constant array, made where it is not there yet: what they get from launches has
/// no address space of its own.
MlirValue resq_gpu_build_table(const resq_builder *b, MlirOperation gpu_module,
                               const resq_gpu_target *chip, const resq_actual *a);

#endif // RESQ_LOWERING_GPU_GPU_MODULE_H
