//===-- fake_kernels.c - the kernels of cuda_session_test.c ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What $RESQ_FAKE_KERNELS names in that test, linked with the emulator.
//===----------------------------------------------------------------------===//
#include "tests/gpu/emulator/emulator.h"

void twice(const float *x, float *tmp, int64_t rows);
void shift(const float *tmp, const float *param, float *cache, float *y, int64_t rows,
           int64_t capacity);
void prepare(float *prepared, const float *param);
void stray(float *p);

static int64_t first(void) {
  const emulator_place p = emulator_here();
  return (int64_t)p.block_x * p.threads + p.thread;
}
static int64_t step(void) {
  const emulator_place p = emulator_here();
  return (int64_t)p.blocks_x * p.threads;
}

/// tmp[r, 0..3) = 2 x[r, 0..3)
void twice(const float *x, float *tmp, int64_t rows) {
  for (int64_t i = first(); i < 3 * rows && !emulator_here().block_y; i += step())
    tmp[i] = 2 * x[i];
}

/// y = tmp + param[0] + cache[0] + capacity, and cache[1] counts its calls: the next takes it over.
void shift(const float *tmp, const float *param, float *cache, float *y, int64_t rows,
           int64_t capacity) {
  if (emulator_here().block_y)
    return;
  for (int64_t i = first(); i < 3 * rows; i += step())
    y[i] = tmp[i] + param[0] + cache[0] + (float)capacity;
  if (first() == 0)
    cache[1] += 1;
}

/// Adds what shift has counted. A launch of its own: blocks of one have no order.
void carry(float *cache);
void carry(float *cache) {
  if (first() == 0)
    cache[0] = cache[1];
}

/// prepared[0] = param[0] + 5
void prepare(float *prepared, const float *param) {
  if (first() == 0)
    prepared[0] = param[0] + 5;
}

/// Writes behind p's 1,024 bytes.
void stray(float *p) {
  if (first() == 0)
    p[256] = 1;
}
