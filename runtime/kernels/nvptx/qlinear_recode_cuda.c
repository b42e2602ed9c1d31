//===-- qlinear_recode_cuda.c - trellis codes as a GPU reads them ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A launch of an image's prepare list: a warp does a step of a tile.
//===----------------------------------------------------------------------===//
#include "elements.h"
#include "qlinear_trellis.h"

void RESQ_KERNEL(resq_qlinear_recode)(uint8_t *weight, int64_t n, int64_t k, int64_t group,
                                      int64_t variant, uint8_t *scratch) {
  (void)variant, (void)scratch;
  resq_begin();
  resq_qrecode(weight, n, k, group, RESQ_QRECODE_THREADS / RESQ_WARP);
}
