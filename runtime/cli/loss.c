//===-- loss.c - log-softmax of long rows ---------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A perplexity window is 100 million exponentials: written so that compilers turn the
// lanes into vectors. Each exponential is a float (relative error below 3e-7); sums are
// double. NaN or infinite logits give a NaN loss, never a plausible number.
//===----------------------------------------------------------------------===//
#include "cli/cli.h"
#include "exec/cpu.h"

#include <math.h>
#include <string.h>

enum { lanes = 16 };

/// 2^t for t <= 0: the nearest integer goes to the exponent, the rest through 2^f = e^(f ln 2)'s series.
static inline __attribute__((always_inline)) float exp2_negative(float t) {
  const float magic = 12582912.0f; // 1.5 * 2^23: adding it rounds to an integer, in the low bits
  t = t < -126.0f ? -126.0f : t;
  float shifted = t + magic;
  float f = t - (shifted - magic);
  uint32_t bits;
  memcpy(&bits, &shifted, 4);
  bits = (bits - 0x4b400000u + 127u) << 23;
  float scale;
  memcpy(&scale, &bits, 4);
  float p = 1.5252734e-5f;
  p = p * f + 1.5403530e-4f;
  p = p * f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.0f;
  return p * scale;
}

static inline __attribute__((always_inline)) double log_sum_exp(const float *row, int64_t n) {
  float most[lanes];
  double sums[lanes] = {0};
  for (int j = 0; j < lanes; ++j)
    most[j] = row[0];
  int64_t whole = n / lanes * lanes;
  for (int64_t i = 0; i < whole; i += lanes)
    for (int j = 0; j < lanes; ++j)
      most[j] = row[i + j] > most[j] ? row[i + j] : most[j];
  float max = row[0];
  for (int j = 0; j < lanes; ++j)
    max = most[j] > max ? most[j] : max;
  for (int64_t i = whole; i < n; ++i)
    max = row[i] > max ? row[i] : max;
  const float log2e = 1.44269504f;
  for (int64_t i = 0; i < whole; i += lanes)
    for (int j = 0; j < lanes; ++j)
      sums[j] += (double)exp2_negative((row[i + j] - max) * log2e);
  double sum = 0;
  for (int j = 0; j < lanes; ++j)
    sum += sums[j];
  for (int64_t i = whole; i < n; ++i)
    sum += (double)exp2_negative((row[i] - max) * log2e);
  return (double)max + log(sum);
}

static double log_sum_exp_baseline(const float *row, int64_t n) { return log_sum_exp(row, n); }

#if defined(__x86_64__)
__attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma"))) static double
log_sum_exp_avx512(const float *row, int64_t n) {
  return log_sum_exp(row, n);
}
#endif

double resq_row_loss(const float *row, int64_t n, int32_t target) {
#if defined(__x86_64__)
  // CPUID traps on virtual machines: asked once. Racing threads write the same value.
  static int has_avx512 = -1;
  int has = __atomic_load_n(&has_avx512, __ATOMIC_RELAXED);
  if (has < 0) {
    has = resq_cpu_runs(resq_cpu_features(), "avx512");
    __atomic_store_n(&has_avx512, has, __ATOMIC_RELAXED);
  }
  if (has)
    return log_sum_exp_avx512(row, n) - (double)row[target];
#endif
  return log_sum_exp_baseline(row, n) - (double)row[target];
}
