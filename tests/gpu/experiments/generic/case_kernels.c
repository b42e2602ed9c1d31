//===-- case_kernels.c - each case as a GPU kernel ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Linked with the bitcode of runtime/kernels/*_generic.c and inlined, as lowering/codegen/ptx.c does.
// RESQ_LANES: with those of lanes.h in their place.
//===----------------------------------------------------------------------===//
#include "kernels/kernels.h"
#include "kernels/nvptx/worker.h"

#ifdef RESQ_LANES
#include "lanes.h"
#define resq_qlinear_generic resq_qlinear_lanes
#define resq_rotate_generic resq_rotate_lanes
#define resq_attention_generic resq_attention_lanes
#define resq_rms_norm_generic resq_rms_norm_lanes
#define resq_quantize_generic resq_quantize_lanes
#define resq_hadamard_generic resq_hadamard_lanes
#endif

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
