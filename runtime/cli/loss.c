//===-- loss.c - log-softmax of long rows ---------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A perplexity window is 100 million exponentials: vectors of sixteen, which compilers
// split where registers are smaller. Each exponential is a float (relative error below
// 3e-7); sums are double. NaN or infinite logits give a NaN loss, never a plausible number.
//===----------------------------------------------------------------------===//
#include "cli/cli.h"
#include "exec/cpu.h"

#include <math.h>
#include <string.h>

enum { lanes = 16 };
typedef float floats __attribute__((vector_size(4 * lanes)));
typedef int32_t ints __attribute__((vector_size(4 * lanes)));
typedef uint32_t words __attribute__((vector_size(4 * lanes)));
typedef double doubles __attribute__((vector_size(8 * lanes)));
typedef floats floats_anywhere __attribute__((aligned(4)));

// Macros, not functions: vectors as arguments have no ABI on the baseline.
#define ALL(value) ((value) - (floats){0})
#define SELECT(mask, yes, no) ((floats)(((mask) & (ints)(yes)) | (~(mask) & (ints)(no))))
#define LOAD(pointer) (*(const floats_anywhere *)(pointer))

/// *sums += 2^t, t <= 0: the nearest integer goes to the exponent, the rest through e^(f ln 2)'s
/// series.
static inline __attribute__((always_inline)) void add_exp2(const floats *arguments, doubles *sums) {
  // 1.5 * 2^23: adding it rounds to an integer, which stands in the low bits.
  const floats magic = ALL(12582912.0f), lowest = ALL(-126.0f);
  ints small = *arguments < lowest;
  floats t = SELECT(small, lowest, *arguments);
  floats shifted = t + magic;
  floats f = t - (shifted - magic);
  floats scale = (floats)(((words)shifted - 0x4b400000u + 127u) << 23);
  floats p = f * 1.5252734e-5f + 1.5403530e-4f;
  p = p * f + 1.3333558e-3f;
  p = p * f + 9.6181291e-3f;
  p = p * f + 5.5504109e-2f;
  p = p * f + 2.4022651e-1f;
  p = p * f + 6.9314718e-1f;
  p = p * f + 1.0f;
  *sums += __builtin_convertvector(p * scale, doubles);
}

static inline __attribute__((always_inline)) double log_sum_exp(const float *row, int64_t n) {
  int64_t whole = n / lanes * lanes;
  floats most = ALL(row[0]);
  for (int64_t i = 0; i < whole; i += lanes) {
    floats x = LOAD(row + i);
    ints larger = x > most;
    most = SELECT(larger, x, most);
  }
  float max = row[0];
  for (int j = 0; j < lanes; ++j)
    max = most[j] > max ? most[j] : max;
  for (int64_t i = whole; i < n; ++i)
    max = row[i] > max ? row[i] : max;
  doubles sums = {0};
  for (int64_t i = 0; i < whole; i += lanes) {
    floats t = (LOAD(row + i) - max) * 1.44269504f;
    add_exp2(&t, &sums);
  }
  double sum = 0;
  for (int j = 0; j < lanes; ++j)
    sum += sums[j];
  for (int64_t i = whole; i < n; ++i)
    sum += exp((double)row[i] - (double)max);
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
