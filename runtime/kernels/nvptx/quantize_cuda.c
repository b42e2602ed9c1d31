//===-- quantize_cuda.c - asymmetric activation codes -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "elements.h"
#include "quantize_fast.h"

void RESQ_KERNEL(resq_quantize)(const float *x, const float *clip_by, int8_t *codes,
                                resq_quant_meta *meta, int64_t rows, int64_t ldx, int64_t width,
                                int64_t group, int64_t range, int64_t bits, float clip,
                                int64_t variant, uint8_t *scratch, int64_t threads, int64_t unit,
                                int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  (void)variant, (void)scratch;
  resq_quantize_fast(x, clip_by, codes, meta, rows, ldx, width, group, range, bits, clip, part);
}
