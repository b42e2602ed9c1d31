//===-- case_kernels.c - each call as a GPU kernel ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linked with the bitcode of runtime/kernels/nvptx/*_cuda.c and inlined, as lowering/codegen/ptx.c does: a kernel for each
// plan of cases.h, NAME_few and NAME_many, and one for each call of steps.h.
//===----------------------------------------------------------------------===//
#include "calls.h"

#define FILLS(...)
#define ENTRY(name, max_rows, kernel, ...)                                                         \
  __attribute__((device_kernel)) void name(void *b0, void *b1, void *b2, void *b3, void *b4,       \
                                           void *b5, void *b6, void *b7, int64_t rows) {           \
    void *const b[] = {b0, b1, b2, b3, b4, b5, b6, b7};                                            \
    const kernel##_arguments a = {__VA_ARGS__};                                                    \
    const resq_gpu_plan plan = kernel##_planned(&a, max_rows, RESQ_SM);                            \
    kernel##_on_gpu(&a, &plan);                                                                    \
  }
#define CASE(name, rows_, fills, kernel, ...)                                                      \
  ENTRY(name##_few, RESQ_GPU_FEW_ROWS, kernel, __VA_ARGS__)                                        \
  ENTRY(name##_many, 2048, kernel, __VA_ARGS__)
#include "cases.h"
#define STEP(name, rows_, launches, fills, kernel, ...) ENTRY(name, rows_, kernel, __VA_ARGS__)
#include "steps.h"
/// What a session does before launches that read weights recoded; `plans` has a line for it, too.
__attribute__((device_kernel)) void recode(uint8_t *weight, int64_t n, int64_t k, int64_t group) {
  const resq_qlinear_recode_arguments a = {weight, n, k, group};
  const resq_gpu_plan plan = resq_qlinear_recode_planned(&a, 1, RESQ_SM);
  resq_qlinear_recode_on_gpu(&a, &plan);
}
