//===-- attention_kernels.c - attention and cache kernels to be timed -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What the compiler will make of the kernels of runtime/kernels/nvptx: wrappers in which shapes are
// constants. Launch dimensions: decode_step.c.
//===----------------------------------------------------------------------===//
#include "nvptx/attention_fast.h"
#include "nvptx/kv_append_fast.h"

#define KERNEL __attribute__((device_kernel)) void

/// heads, kv heads, head size; capacity; keys; values: kind, bits, high.
#define ATTENTION(name, heads, kv_heads, size, capacity, k_kind, k_bits, k_high, v_kind, v_bits,   \
                  v_high)                                                                          \
  KERNEL attention_##name(const float *q, const int32_t *positions, const int32_t *sequences,      \
                          const uint8_t *cache, float *y, float *partials, uint32_t *counters) {   \
    resq_attention_fast(q, positions, sequences, cache, y, (heads + 2 * kv_heads) * size,          \
                        heads * size, capacity, heads, kv_heads, size, 0.088388f, k_kind, k_bits,  \
                        k_high, v_kind, v_bits, v_high, partials, counters);                       \
  }                                                                                                \
  KERNEL append_##name(const float *k, const float *v, const int32_t *positions,                   \
                       const int32_t *sequences, uint8_t *cache, int64_t rows) {                   \
    resq_kv_append_fast(k, v, positions, sequences, cache, rows, (heads + 2 * kv_heads) * size,    \
                        (heads + 2 * kv_heads) * size, capacity, kv_heads, size, k_kind, k_bits,   \
                        k_high, v_kind, v_bits, v_high);                                           \
  }

ATTENTION(int4_8b, 32, 8, 128, 32768, RESQ_KV_INT, 4, 16, RESQ_KV_INT, 4, 16)
ATTENTION(lm4_8b, 32, 8, 128, 32768, RESQ_KV_LM, 4, 16, RESQ_KV_LM, 4, 16)
#ifndef RESQ_CHECK // the others take a while to compile
ATTENTION(f16_8b, 32, 8, 128, 32768, RESQ_KV_F16, 0, 0, RESQ_KV_F16, 0, 0)
ATTENTION(f32_8b, 32, 8, 128, 32768, RESQ_KV_F32, 0, 0, RESQ_KV_F32, 0, 0)
ATTENTION(int4_smol, 9, 3, 64, 2048, RESQ_KV_INT, 4, 8, RESQ_KV_INT, 4, 8)
ATTENTION(lm4_smol, 9, 3, 64, 2048, RESQ_KV_LM, 4, 8, RESQ_KV_LM, 4, 8)
#endif
