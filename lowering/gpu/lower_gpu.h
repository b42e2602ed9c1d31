//===-- lower_gpu.h - resq functions to launches --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --resq-lower-gpu turns each func.func over row tensors into a func.func `@<name>__cuda__r<rows>` of resq.launch ops, in
// the order of its ops. The kernels that they name are gpu.funcs in one gpu.module for the chip, one for each distinct
// (microkernel, constants), which call the microkernel (runtime/kernels/nvptx) with its constants in place. How a launch
// shares its work is what the microkernel's plan says (kernels/nvptx/plans.h). The walk, the places of values and the
// emitters of ops are lowering/calls' own; code generation makes PTX of the gpu.module (codegen/ptx.h) and puts the
// launches into the program table.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_GPU_LOWER_GPU_H
#define RESQ_LOWERING_GPU_LOWER_GPU_H

#include "lowering/entries/entry.h"
#include "lowering/support/levels.h"

/// Lowers every public func.func of `module` in place for calls of at most max_rows rows, as resq_lower_cpu does, and
/// for one chip and arithmetic. The entries have that chip's launches; row.gpu, with those of all chips, is code generation's.
bool resq_lower_gpu(MlirOperation module, const resq_gpu_lowering *how, int64_t max_rows,
                    resq_entries *entries);

#endif // RESQ_LOWERING_GPU_LOWER_GPU_H
