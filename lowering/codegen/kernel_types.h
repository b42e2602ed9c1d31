//===-- kernel_types.h - linked kernels against kernels.def ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Pointers are opaque in LLVM: a call and a kernel that disagree about their arguments would link without a word and
// corrupt memory. So each kernel that a level's bitcode defines is compared with its row of runtime/kernels/kernels.def
// before it is linked. Calls are made of the same rows.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CODEGEN_KERNEL_TYPES_H
#define RESQ_LOWERING_CODEGEN_KERNEL_TYPES_H

#include "base/error.h"
#include "lowering/support/levels.h"
#include <llvm-c/Types.h>

/// Each function that `kernels` defines for others is the kernel of a row, for this target, with the row's types:
/// behind (worker, op) on a CPU, alone on a GPU. The error names kernel and argument, what was found and what is allowed.
bool resq_check_kernel_types(LLVMModuleRef kernels, const resq_target *target, resq_error *err);

#endif // RESQ_LOWERING_CODEGEN_KERNEL_TYPES_H
