//===-- hadamard_cuda.c - orthonormal Hadamard transforms -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "row_ops_fast.h"

/// Blocks that shared memory has no room for, or of orders whose columns registers have no room for: butterflies run
/// in y, products with signs by a few columns at a time.
RESQ_INLINE void resq_hadamard_wide(const float *x, const int8_t *signs, float *y, int64_t rows,
                                    int64_t ldx, int64_t ldy, int64_t width, int64_t size,
                                    int64_t order, resq_part part) {
  const uint32_t shared = resq_dynamic_shared();
  const int64_t blocks = width / size, length = size / order;
  const int64_t columns = resq_hadamard_columns(order);
  const float scale = resq_hadamard_scale(size);
  const resq_turns turns = resq_turns_of(part, rows, blocks, 1);
  const int thread = resq_thread(), threads = part.threads;
  resq_begin();
  for (int64_t b = turns.first; b < turns.end; b += turns.step) {
    const float *from = x + b / blocks * ldx + b % blocks * size;
    float *t = y + b / blocks * ldy + b % blocks * size;
    for (int64_t i = thread; i < size; i += threads)
      t[i] = from[i];
    resq_sync_block();
    for (int64_t stride = 1; stride < length; stride *= 2) {
      for (int64_t i = thread; i < size / 2; i += threads) {
        const int64_t first = i / stride * 2 * stride + i % stride;
        const float p = t[first], q = t[first + stride];
        t[first] = p + q;
        t[first + stride] = p - q;
      }
      resq_sync_block();
    }
    for (int64_t c = 0; c < length; c += columns) {
      const int64_t count = length - c < columns ? length - c : columns;
      for (int64_t i = thread; i < order * count; i += threads)
        resq_shared_store_f32(shared + 4 * (uint32_t)i, t[i / count * length + c + i % count]);
      resq_sync_block();
      for (int64_t i = thread; i < order * count; i += threads) {
        const int64_t o = i / count;
        const uint32_t column = shared + 4 * (uint32_t)(i % count);
        const float first = resq_shared_load_f32(column);
        float sum = order == 1 || signs[o * order] > 0 ? first : -first;
        for (int64_t j = 1; j < order; ++j) {
          const float v = resq_shared_load_f32(column + 4 * (uint32_t)(j * count));
          sum = signs[o * order + j] > 0 ? sum + v : sum - v;
        }
        t[o * length + c + i % count] = sum * scale;
      }
      resq_sync_block();
    }
  }
}

void RESQ_KERNEL(resq_hadamard)(const float *x, const int8_t *signs, float *y, int64_t rows,
                                int64_t ldx, int64_t ldy, int64_t width, int64_t size,
                                int64_t order, int64_t variant, uint8_t *scratch, int64_t threads,
                                int64_t unit, int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  (void)scratch;
  if (variant == RESQ_GPU_AHEAD)
    resq_bring_near(signs, order > 1 ? order * order : 0, threads);
  else if (variant == RESQ_HADAMARD_SHARED)
    resq_hadamard_fast(x, signs, y, rows, ldx, ldy, width, size, order, part);
  else
    resq_hadamard_wide(x, signs, y, rows, ldx, ldy, width, size, order, part);
}
