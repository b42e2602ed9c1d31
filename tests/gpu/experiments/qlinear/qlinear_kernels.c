//===-- qlinear_kernels.c - qlinear_fast.h as GPU kernels of fixed shapes -===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Built once for each plan: WARPS, STAGES and UNITS are its numbers.
//===----------------------------------------------------------------------===//
#include "nvptx/qlinear_fast.h"
#include "qlinear_cases.h"

#define KERNEL_(rows_, kind, name, n, k_a, group_a, k_b, group_b)                                  \
  __attribute__((device_kernel)) void q_##name##_##kind##_##rows_(                                 \
      const int8_t *codes_a, const resq_quant_meta *meta_a, const uint8_t *weight_a,               \
      const int8_t *codes_b, const resq_quant_meta *meta_b, const uint8_t *weight_b, float *y,     \
      int64_t rows) {                                                                              \
    const resq_qshape a = {codes_a, meta_a, weight_a, n, k_a, group_a, k_a, 8, 4, kind};           \
    const resq_qshape b = {codes_b, meta_b, weight_b, n, k_b, group_b, k_b, 8, 8, 0};              \
    resq_qlinear_fast(&a, &b, 0, y, rows, n, (resq_qplan){rows_, WARPS, STAGES, UNITS});           \
  }
#define SHAPE(...) QLINEAR_ROWS(KERNEL_, 0, __VA_ARGS__) QLINEAR_ROWS(KERNEL_, 1, __VA_ARGS__)
QLINEAR_SHAPES(SHAPE)

__attribute__((device_kernel)) void recode(uint8_t *weight, int64_t n, int64_t k, int64_t group) {
  resq_qrecode(weight, n, k, group, 256 / RESQ_WARP);
}
__attribute__((device_kernel)) void fill(uint32_t *p, int64_t words, uint32_t seed) {
  for (int64_t i = resq_block_x() * 256 + resq_thread(); i < words; i += resq_blocks_x() * 256) {
    uint64_t z = ((uint64_t)i + seed * 0x100000001ull) * 0x9E3779B97F4A7C15ull;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9ull;
    z = (z ^ z >> 27) * 0x94D049BB133111EBull;
    p[i] = (uint32_t)(z ^ z >> 31);
  }
}
