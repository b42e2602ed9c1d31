//===-- ptx.h - gpu.modules to PTX ----------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_CODEGEN_PTX_H
#define RESQ_LOWERING_CODEGEN_PTX_H

#include "object.h"

/// Lowers the chip's gpu.module, which resq_lower_gpu left in each of the modules, to the LLVM dialect, and translates
/// them as one module of LLVM IR, in which kernels of one name are one kernel. resq_object_compile makes of it, with
/// RESQ_OBJECT_ASSEMBLY, the chip's PTX; of an emulated chip, with RESQ_OBJECT_CODE, an object of plain functions.
bool resq_gpu_translate(const MlirOperation *modules, int count, const resq_gpu_target *chip,
                        resq_object_source *source, resq_error *err);

#endif // RESQ_LOWERING_CODEGEN_PTX_H
