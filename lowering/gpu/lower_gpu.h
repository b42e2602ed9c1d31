//===-- lower_gpu.h - resq functions to launch lists ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --resq-lower-gpu turns each func.func over row tensors into one gpu.module
// `@<name>__cuda__r<rows>`: a gpu.func kernel for each distinct (microkernel, shape), which calls
// the microkernel (runtime/kernels/nvptx) with its constants. The launches of those kernels, in order,
// are resq/abi.h's resq_gpu_launch in the function's entry; the pass shows them as text (resq.entry):
//   launches = [{kernel, rows_of, rows_per_block, grid_y, grid_z, threads, shared,
//     args = [["argument", 0, 0], ["param", 0, 128], ["rows", 0, 0], ...]}]
// (kind, index, byte offset: resq_gpu_arg). The walk, the places of values and the emitters of
// ops are lowering/calls' own. Code generation adds the images (codegen/ptx.h).
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_GPU_LOWER_GPU_H
#define RESQ_LOWERING_GPU_LOWER_GPU_H

#include "lowering/entries/entry.h"

/// Lowers every public func.func of `module` in place for calls of at most max_rows rows, as
/// resq_lower_cpu does.
bool resq_lower_gpu(MlirOperation module, int64_t max_rows, resq_entries *entries);

#endif // RESQ_LOWERING_GPU_LOWER_GPU_H
