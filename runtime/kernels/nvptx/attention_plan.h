//===-- attention_plan.h - launch, shared memory, codes to f16 ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What attention_fast.h launches for formats of keys and values, where a block keeps what, and how words of
// codes become pairs of f16. Plain C but for the last: whoever launches reads it, too.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ATTENTION_PLAN_H
#define RESQ_KERNELS_NVPTX_ATTENTION_PLAN_H

#include "kv_words.h"
#include "device.h"

#ifndef RESQ_ATTENTION_WARPS
#define RESQ_ATTENTION_WARPS 8 ///< of a block, where shared memory has room for them
#endif
#ifndef RESQ_ATTENTION_AHEAD
#define RESQ_ATTENTION_AHEAD 2 ///< blocks of tokens that a warp has in shared memory
#endif

enum {
  RESQ_ATTENTION_MOST_QUERIES = 8, ///< query heads of a kv head
  RESQ_ATTENTION_MOST_SIZE = 128,  ///< elements of a head
  RESQ_ATTENTION_MOST_WARPS = RESQ_ATTENTION_WARPS,
  RESQ_ATTENTION_MOST_SPLITS = 64,
  RESQ_ATTENTION_PARTS = RESQ_ATTENTION_MOST_SPLITS / RESQ_WARP, ///< of a lane that combines
  RESQ_ATTENTION_STAGES = RESQ_ATTENTION_AHEAD,
  RESQ_ATTENTION_TABLE = 32768, ///< bytes: a pair of centroids by a byte of codes, 32 times
};

/// Whether the kernel takes vectors of this format.
RESQ_INLINE bool resq_attention_takes(resq_kv_format f) {
  const int64_t low = f.size - f.high;
  if (f.size > RESQ_ATTENTION_MOST_SIZE)
    return false;
  if (f.kind == RESQ_KV_F32 || f.kind == RESQ_KV_F16)
    return f.size % 8 == 0;
  return (f.kind == RESQ_KV_INT || f.kind == RESQ_KV_LM) && f.bits == 4 && low % 8 == 0 &&
         f.high % 4 == 0 && f.high <= 16;
}

/// Where a warp's stage has what, in bytes.
typedef struct resq_attention_plan {
  uint32_t code_bytes[2];         ///< of 64 tokens' keys, values
  uint32_t codes[2];              ///< where they begin
  uint32_t scales[2][2];          ///< [keys or values][part]: 64 f16
  uint32_t zeros[2][2];           ///< 64 bytes
  uint32_t stage, table, results; ///< bytes of a stage, of the table, of a warp's results
  int warps;                      ///< of a block
  uint32_t shared;                ///< of a launch
} resq_attention_plan;

RESQ_INLINE resq_attention_plan resq_attention_plan_of(resq_kv_format keys, resq_kv_format values) {
  resq_attention_plan p = {0};
  uint32_t at = 0;
  RESQ_UNROLL
  for (int i = 0; i < 2; ++i) {
    const resq_kv_format f = i ? values : keys;
    const int coded = f.kind == RESQ_KV_INT || f.kind == RESQ_KV_LM;
    const int64_t bytes = coded ? resq_kv_low_bytes(f) + f.high : resq_kv_vector_bytes(f);
    p.code_bytes[i] = (uint32_t)(RESQ_KV_BLOCK * bytes);
    p.codes[i] = at;
    at += p.code_bytes[i];
    RESQ_UNROLL
    for (int part = 0; part < 2; ++part)
      if (coded && (part == 0 || f.high > 0)) {
        p.scales[i][part] = at;
        at += 2 * RESQ_KV_BLOCK;
      }
    RESQ_UNROLL
    for (int part = 0; part < 2; ++part)
      if (coded && (part == 0 ? f.kind == RESQ_KV_INT : f.high > 0)) {
        p.zeros[i][part] = at;
        at += RESQ_KV_BLOCK;
      }
  }
  p.stage = at;
  p.table = keys.kind == RESQ_KV_LM || values.kind == RESQ_KV_LM ? RESQ_ATTENTION_TABLE : 0;
  p.results = (uint32_t)(RESQ_ATTENTION_MOST_QUERIES * 4 * (keys.size + 2));
  const uint32_t room = 222 * 1024 - p.table;
  int warps = (int)(room / (RESQ_ATTENTION_STAGES * p.stage));
  p.warps = warps > RESQ_ATTENTION_MOST_WARPS ? RESQ_ATTENTION_MOST_WARPS : warps;
  const uint32_t each = RESQ_ATTENTION_STAGES * p.stage;
  p.shared = p.table + (uint32_t)p.warps * (each > p.results ? each : p.results) +
             (uint32_t)p.warps * 8 * RESQ_ATTENTION_STAGES + 16 +
             4 * RESQ_ATTENTION_MOST_QUERIES * (RESQ_ATTENTION_MOST_SPLITS + 2);
  return p;
}

/// Floats of a row's kv head's partial results, of one split.
RESQ_INLINE int64_t resq_attention_partial(int64_t group, int64_t size) {
  return group * (size + 2);
}

//===-- Codes to f16 ------------------------------------------------------===//

/// Four pairs of a word of int codes: (nibble i, nibble i + 4).
RESQ_INLINE void resq_pairs_int4(uint32_t x, uint32_t *to) {
  RESQ_UNROLL
  for (int i = 0; i < 2; ++i) {
    const uint32_t word = i ? x >> 8 : x;
    to[2 * i] = resq_half2_add((word & 0x000f000f) | 0x64006400, 0xe400e400); // 1024 + c
    to[2 * i + 1] =                                                           // 1024 + 16 c, / 16
        resq_half2_fma((word & 0x00f000f0) | 0x64006400, 0x2c002c00, 0xd400d400);
  }
}
/// Four pairs by the bytes of a word: the table's entries.
RESQ_INLINE void resq_pairs_table(uint32_t x, uint32_t table, uint32_t *to) {
  RESQ_UNROLL
  for (int i = 0; i < 4; ++i) {
    const uint32_t at = i == 0 ? x << 7 : i == 1 ? x >> 1 : i == 2 ? x >> 9 : x >> 17;
    to[i] = resq_shared_load(table + (at & 0x7f80));
  }
}
/// 1,024 + a byte in each half, less 1,024.
RESQ_INLINE uint32_t resq_pair_bytes(uint32_t bytes) { return resq_half2_add(bytes, 0xe400e400); }

#endif // RESQ_KERNELS_NVPTX_ATTENTION_PLAN_H
