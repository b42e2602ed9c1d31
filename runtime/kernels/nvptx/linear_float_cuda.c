//===-- linear_float_cuda.c - y = x W^T + b, float weights ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "float_tile.h"

RESQ_INLINE void resq_linear_float(const float *x, const void *panel, int as, const float *bias,
                                   float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t n,
                                   int64_t k, int64_t variant) {
  const resq_tile_product p = {RESQ_TILE_PANEL, as, x, ldx, panel, rows, n, k};
  const int64_t channels = resq_tile_channels(variant), height = resq_tile_rows(variant);
  const int64_t across = (n + channels - 1) / channels, down = (rows + height - 1) / height;
  resq_begin();
  for (int64_t i = resq_block_x(); i < down * across; i += resq_blocks_x())
    resq_tile_multiply(&p, bias, y, ldy, i / across * height, i % across * channels, variant);
}

void RESQ_KERNEL(resq_linear_f32)(const float *x, const float *panel, const float *bias, float *y,
                                  int64_t rows, int64_t ldx, int64_t ldy, int64_t n, int64_t k,
                                  int64_t variant, uint8_t *scratch) {
  (void)scratch;
  resq_linear_float(x, panel, RESQ_AS_F32, bias, y, rows, ldx, ldy, n, k, variant);
}

void RESQ_KERNEL(resq_linear_bf16)(const float *x, const resq_bf16 *panel, const float *bias,
                                   float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t n,
                                   int64_t k, int64_t variant, uint8_t *scratch) {
  (void)scratch;
  resq_linear_float(x, panel, RESQ_AS_BF16, bias, y, rows, ldx, ldy, n, k, variant);
}

void RESQ_KERNEL(resq_linear_f16)(const float *x, const resq_f16 *panel, const float *bias,
                                  float *y, int64_t rows, int64_t ldx, int64_t ldy, int64_t n,
                                  int64_t k, int64_t variant, uint8_t *scratch) {
  (void)scratch;
  resq_linear_float(x, panel, RESQ_AS_F16, bias, y, rows, ldx, ldy, n, k, variant);
}
