//===-- case_kernels.c - each case as a GPU kernel ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linked with the bitcode of runtime/kernels/*_generic.c and inlined, as lowering/gpu/ptx.c does.
//===----------------------------------------------------------------------===//
#include "kernels/kernels.h"
#include "kernels/nvptx/worker.h"

#define FILLS(...)
#define CASE(name, rows_, launches, fills, call)                                                   \
  __attribute__((device_kernel)) void name(void *b0, void *b1, void *b2, void *b3, void *b4,       \
                                           void *b5, void *b6, void *b7, int64_t rows,             \
                                           uint8_t *scratch) {                                     \
    void *const b[] = {b0, b1, b2, b3, b4, b5, b6, b7};                                            \
    resq_worker worker = resq_device_worker(scratch), *w = &worker;                                \
    call;                                                                                          \
  }
#include "cases.h"
