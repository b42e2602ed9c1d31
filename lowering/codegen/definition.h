//===-- definition.h - the generic lowering as an executable level --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// After --resq-lower-generic a function is upstream dialects only. Here it becomes
// LLVM-dialect code behind the ABI of resq/abi.h, so that differential tests run the
// definitions beside the kernels, in one binary. Thread 0 computes, the others return
// at once; buffers come from malloc. Made to be right, not fast.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_DEFINITION_H
#define RESQ_LOWERING_DEFINITION_H

#include "base/error.h"
#include "lowering/entries/entry.h"
#include <stdio.h>

/// Lowers a module that --resq-lower-generic left, params materialised before, in place: the function
/// of each entry becomes the LLVM function `symbol`(worker). The entries are those of the module while
/// its ops were there (resq_entries_add).
bool resq_lower_definition(MlirOperation module, const resq_entries *entries, resq_error *err);

//===-- definition_entry.c ------------------------------------------------===//

/// Puts the entry point of a bufferised function behind it: func.func @<entry>(%worker: !llvm.ptr),
/// on memrefs made of the call's pointers. n_own: the function's arguments before params. Null
/// after filling err.
MlirOperation resq_definition_entry(MlirOperation func, intptr_t n_own, const char *entry,
                                    resq_error *err);

#endif // RESQ_LOWERING_DEFINITION_H
