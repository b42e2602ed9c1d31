//===-- kv_append_cuda.c - keys and values coded into a cache ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A warp for each vector. The variant is the layout of the cache.
//===----------------------------------------------------------------------===//
#include "elements.h"
#include "kv_vector.h"

void RESQ_KERNEL(resq_kv_append)(const float *k, const float *v, const int32_t *positions,
                                 const int32_t *sequences, const float *sketch, uint8_t *cache,
                                 int64_t rows, int64_t ldk, int64_t ldv, int64_t capacity,
                                 int64_t heads, int64_t head_size, int64_t k_kind, int64_t k_bits,
                                 int64_t k_high, int64_t k_rows, int64_t v_kind, int64_t v_bits,
                                 int64_t v_high, int64_t variant, uint8_t *scratch, int64_t threads,
                                 int64_t unit, int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  const resq_kv_format keys = {head_size, k_kind, k_bits, k_high, k_rows};
  const resq_kv_format values = {head_size, v_kind, v_bits, v_high, 0};
  const int warps = (int)resq_plan_least(threads, RESQ_KV_APPEND_THREADS) / RESQ_WARP;
  const int warp = resq_thread() / RESQ_WARP;
  const int lane = resq_thread() % RESQ_WARP;
  const uint32_t codes =
      resq_dynamic_shared() + (uint32_t)(warp * resq_kv_append_bytes(keys, values));
  const resq_turns turns = resq_turns_of(part, rows, 2 * heads, warps);
  const resq_gpu_kv_layout layout = (resq_gpu_kv_layout)variant;
  (void)scratch;
  resq_begin();
  for (int64_t i = turns.first + warp; warp < warps && i < turns.end; i += turns.step) {
    const int64_t row = i / (2 * heads), head = i / 2 % heads;
    if (i % 2 == 0) {
      const resq_kv_view key =
          resq_kv_head(cache, keys, values, capacity, heads, sequences[row], head, 1);
      resq_kv_warp_store(&key, layout, k + row * ldk + head * head_size, sketch, positions[row],
                         codes, lane);
    } else {
      const resq_kv_view value =
          resq_kv_head(cache, keys, values, capacity, heads, sequences[row], head, 0);
      resq_kv_warp_store(&value, layout, v + row * ldv + head * head_size, sketch, positions[row],
                         codes, lane);
    }
  }
}
