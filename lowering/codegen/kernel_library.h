//===-- kernel_library.h - a target's kernels and the functions they join -===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Kernels arrive as unoptimized bitcode, and the functions of a translated module call them with
// constant shapes. A function is one of three things:
//   an entry    the program table or a GPU's driver calls it: it stays visible and is never inlined;
//   a kernel    what the target's bitcode defines: it is inlined into what calls it, so that loops
//               over shapes become loops over constants, and disappears;
//   a wrapper   all others. On a CPU they stay apart, since all layers share them and a forward
//               stays a short list of calls; on a GPU a kernel contains everything.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_KERNEL_LIBRARY_H
#define RESQ_LOWERING_KERNEL_LIBRARY_H

#include "base/error.h"
#include "lowering/support/levels.h"
#include <llvm-c/Types.h>

/// Marks a function of the module as an entry, until resq_link_kernels has used the mark.
void resq_mark_entry(LLVMValueRef function);
bool resq_is_entry(LLVMValueRef function);
/// LLVM's calling convention of GPU kernels; whatever has it is an entry without a mark.
#define RESQ_PTX_KERNEL 71

/// Links the target's kernels into the module, which has the target's layout already, and sets
/// linkage and inlining of everything.
bool resq_link_kernels(LLVMModuleRef module, const resq_target *target, resq_error *err);

/// After optimization: nothing that the module still refers to is a kernel that the target lacks, and on
/// a GPU, where there is no library, nothing is missing at all.
bool resq_check_complete(LLVMModuleRef module, const resq_target *target, resq_error *err);

#endif // RESQ_LOWERING_KERNEL_LIBRARY_H
