//===-- loss_row.h - log-softmax of long rows -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A perplexity window is 100 million exponentials: vectors of sixteen, which compilers
// split where registers are smaller. Each exponential is a float (relative error below
// 3e-7); sums are double. NaN or infinite logits give a NaN loss and divergence, never a plausible
// number.
//
// Functions are inlined into those of <architecture>/loss.c, which say what they are compiled for.
//===----------------------------------------------------------------------===//
#ifndef RESQ_CLI_LOSS_ROW_H
#define RESQ_CLI_LOSS_ROW_H

#include "cli/cli.h"

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
/// series. *powers are the sixteen that were added.
static inline __attribute__((always_inline)) void add_exp2(const floats *arguments, doubles *sums,
                                                           doubles *powers) {
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
  *powers = __builtin_convertvector(p * scale, doubles);
  *sums += *powers;
}

/// The first of the largest entries; NaN when row[0] is.
typedef struct largest {
  float value;
  int64_t index;
} largest;

static inline __attribute__((always_inline)) largest find_largest(const float *row, int64_t n) {
  int64_t whole = n / lanes * lanes;
  floats most = ALL(row[0]);
  ints where = {0}, here = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};
  for (int64_t i = 0; i < whole; i += lanes, here += lanes) {
    floats x = LOAD(row + i);
    ints larger = x > most;
    most = SELECT(larger, x, most);
    where = (larger & here) | (~larger & where);
  }
  largest best = {row[0], 0};
  for (int j = 0; j < lanes; ++j)
    if (most[j] > best.value || (most[j] == best.value && where[j] < best.index))
      best = (largest){most[j], where[j]};
  for (int64_t i = whole; i < n; ++i)
    if (row[i] > best.value)
      best = (largest){row[i], i};
  return best;
}

static inline __attribute__((always_inline)) double log_sum_exp(const float *row, int64_t n,
                                                                float max) {
  int64_t whole = n / lanes * lanes;
  doubles sums = {0}, powers;
  for (int64_t i = 0; i < whole; i += lanes) {
    floats t = (LOAD(row + i) - max) * 1.44269504f;
    add_exp2(&t, &sums, &powers);
  }
  double sum = 0;
  for (int j = 0; j < lanes; ++j)
    sum += sums[j];
  for (int64_t i = whole; i < n; ++i)
    sum += exp((double)row[i] - (double)max);
  return (double)max + log(sum);
}

static inline __attribute__((always_inline)) double row_loss(const float *row, int64_t n,
                                                             int32_t target) {
  return log_sum_exp(row, n, find_largest(row, n).value) - (double)row[target];
}

/// With P = softmax(a) and Q = softmax(b): KL(P || Q) = sum P (a - b) - lse(a) + lse(b).
static inline __attribute__((always_inline)) void
row_compare(const float *b, const float *a, int64_t n, int32_t target, resq_row_comparison *out) {
  largest top_a = find_largest(a, n), top_b = find_largest(b, n);
  int64_t whole = n / lanes * lanes;
  doubles sums = {0}, weighted = {0}, powers;
  for (int64_t i = 0; i < whole; i += lanes) {
    floats x = LOAD(a + i), t = (x - top_a.value) * 1.44269504f;
    add_exp2(&t, &sums, &powers);
    weighted += powers * __builtin_convertvector(x - LOAD(b + i), doubles);
  }
  double sum = 0, difference = 0;
  for (int j = 0; j < lanes; ++j) {
    sum += sums[j];
    difference += weighted[j];
  }
  for (int64_t i = whole; i < n; ++i) {
    double p = exp((double)a[i] - (double)top_a.value);
    sum += p;
    difference += p * ((double)a[i] - (double)b[i]);
  }
  double lse_a = (double)top_a.value + log(sum), lse_b = log_sum_exp(b, n, top_b.value);
  double divergence = difference / sum - lse_a + lse_b;
  out->loss = lse_b - (double)b[target];
  out->reference_loss = lse_a - (double)a[target];
  // Never negative but by rounding; NaN stays.
  out->divergence = divergence < 0 ? 0 : divergence;
  out->agrees = top_a.index == top_b.index;
}

#endif // RESQ_CLI_LOSS_ROW_H
