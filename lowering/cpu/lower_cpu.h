//===-- lower_cpu.h - resq functions to kernel calls ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --resq-lower-cpu turns each func.func over row tensors into one SPMD function
// `@<name>__<level>__r<rows>(%worker: !llvm.ptr)`: a straight sequence of calls to
// microkernels (runtime/kernels/kernels.h) on buffers of a planned workspace, with
// barriers where a later op reads what an earlier one wrote. A kernel's shape
// arguments are constants: each distinct (kernel, shape) becomes one wrapper function, which LLVM
// specialises after the kernels' bitcode is linked. Results are func, arith and llvm ops only.
// What the program table needs to know of them comes back as entries; the pass puts it onto the
// functions as text (resq.entry).
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CPU_LOWER_CPU_H
#define RESQ_LOWERING_CPU_LOWER_CPU_H

#include "lowering/entries/entry.h"

/// Lowers every public func.func of `module` in place, for calls of at most max_rows rows, to
/// kernels of `level`
/// (a level of base/levels.def that has kernels). Params must be materialised (offset, size). Symbols of the
/// resq dialect are erased. Adds an entry for each function. False after an emitted error.
bool resq_lower_cpu(MlirOperation module, const char *level, int64_t max_rows,
                    resq_entries *entries);

#endif // RESQ_LOWERING_CPU_LOWER_CPU_H
