//===-- loss.c - losses on x86-64: AVX-512 where the CPU has it -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/levels.h"
#include "base/machine.h"
#include "cli/loss_row.h"

static double row_loss_baseline(const float *row, int64_t n, int32_t target) {
  return row_loss(row, n, target);
}
static void row_compare_baseline(const float *b, const float *a, int64_t n, int32_t target,
                                 resq_row_comparison *out) {
  row_compare(b, a, n, target, out);
}

#define AVX512 __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")))
AVX512 static double row_loss_avx512(const float *row, int64_t n, int32_t target) {
  return row_loss(row, n, target);
}
AVX512 static void row_compare_avx512(const float *b, const float *a, int64_t n, int32_t target,
                                      resq_row_comparison *out) {
  row_compare(b, a, n, target, out);
}

/// CPUID traps on virtual machines: asked once. Racing threads write the same value.
static bool has_avx512(void) {
  static int known = -1;
  int has = __atomic_load_n(&known, __ATOMIC_RELAXED);
  if (has < 0) {
    has = !(RESQ_CPU_SET_CASCADE_LAKE & ~resq_cpu_features());
    __atomic_store_n(&known, has, __ATOMIC_RELAXED);
  }
  return has;
}

double resq_row_loss(const float *row, int64_t n, int32_t target) {
  return (has_avx512() ? row_loss_avx512 : row_loss_baseline)(row, n, target);
}

void resq_row_compare(const float *row, const float *reference, int64_t n, int32_t target,
                      resq_row_comparison *out) {
  (has_avx512() ? row_compare_avx512 : row_compare_baseline)(row, reference, n, target, out);
}
