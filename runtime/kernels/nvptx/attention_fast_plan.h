//===-- attention_fast_plan.h - launches of the fast attention ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What attention_fast.h (few rows) and attention_prefill.h (many) launch for formats of keys and values, and where a
// block keeps what. Plain C, for plans.h.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_ATTENTION_FAST_PLAN_H
#define RESQ_KERNELS_NVPTX_ATTENTION_FAST_PLAN_H

#include "attention_tiles.h"
#include "kv_words.h"

/// Codes of resq_attention: these, or how many queries a block of the exact kernel does, at least 4.
enum resq_attention_variant { RESQ_ATTENTION_FEW = 1, RESQ_ATTENTION_MANY };

/// Entries of at most so many rows take the kernel that splits positions.
enum { RESQ_ATTENTION_FEW_ROWS = 64 };

static inline bool resq_attention_is_coded(resq_kv_format f) {
  return f.kind == RESQ_KV_INT || f.kind == RESQ_KV_LM;
}
/// Columns of the low part, all where there is no other; of the high part.
static inline int64_t resq_attention_low(resq_kv_format f) {
  return resq_attention_is_coded(f) ? f.size - f.high : f.size;
}
static inline int64_t resq_attention_high(resq_kv_format f) {
  return resq_attention_is_coded(f) ? f.high : 0;
}
/// Bytes of a vector's codes.
static inline int64_t resq_attention_code_bytes(resq_kv_format f) {
  return resq_attention_is_coded(f) ? resq_kv_low_bytes(f) + f.high : resq_kv_vector_bytes(f);
}

/// A pair of f16 centroids by a byte of two codes, 32 times, for a lane each.
enum { RESQ_ATTENTION_TABLE = 32768 };
static inline uint32_t resq_attention_table(resq_kv_format keys, resq_kv_format values) {
  return keys.kind == RESQ_KV_LM || values.kind == RESQ_KV_LM ? RESQ_ATTENTION_TABLE : 0;
}

/// A piece of a cache in shared memory: where it has what, in bytes.
typedef struct resq_attention_stage {
  uint32_t tokens;
  uint32_t code_bytes[2]; ///< of all tokens' keys, values
  uint32_t codes[2];      ///< where they begin
  uint32_t scales[2][2];  ///< [keys or values][part]: an f16 for each token; 0: there are none
  uint32_t zeros[2][2];   ///< a byte for each token; 0: there are none
  uint32_t bytes;
} resq_attention_stage;

/// `tokens`: a multiple of 16.
RESQ_INLINE resq_attention_stage resq_attention_stage_of(resq_kv_format keys, resq_kv_format values,
                                                         uint32_t tokens) {
  resq_attention_stage s = {.tokens = tokens};
  RESQ_UNROLL
  for (int i = 0; i < 2; ++i) {
    const resq_kv_format f = i ? values : keys;
    s.code_bytes[i] = tokens * (uint32_t)resq_attention_code_bytes(f);
    s.codes[i] = s.bytes;
    s.bytes += s.code_bytes[i];
    RESQ_UNROLL
    for (int part = 0; part < 2; ++part)
      if (resq_attention_is_coded(f) && (part == 0 || f.high > 0)) {
        s.scales[i][part] = s.bytes;
        s.bytes += 2 * tokens;
      }
    RESQ_UNROLL
    for (int part = 0; part < 2; ++part)
      if (resq_attention_is_coded(f) && (part == 0 ? f.kind == RESQ_KV_INT : f.high > 0)) {
        s.zeros[i][part] = s.bytes;
        s.bytes += tokens;
      }
  }
  return s;
}

//===-- Few rows ----------------------------------------------------------===//

enum {
  RESQ_ATTENTION_QUERIES = 8,        ///< query heads of a kv head that a block does at most
  RESQ_ATTENTION_TOKENS = 32,        ///< that a warp does at once
  RESQ_ATTENTION_SHARE = 8,          ///< of them a lane's
  RESQ_ATTENTION_WARPS = 16,         ///< of a block at most
  RESQ_ATTENTION_STAGES = 2,         ///< pieces of tokens that a warp has in shared memory
  RESQ_ATTENTION_SPLIT_TOKENS = 256, ///< below that, another split would not pay
  RESQ_ATTENTION_MOST_SPLITS = 64,
  RESQ_ATTENTION_PARTS = RESQ_ATTENTION_MOST_SPLITS / 32, ///< of a lane that combines splits
  RESQ_ATTENTION_BLOCKS = 256,  ///< that have results to be combined, at most
  RESQ_ATTENTION_SLOTS = 20,    ///< pairs of a lane's columns of a query: 16 low ones, 4 high ones
  RESQ_ATTENTION_Q_BYTES = 512, ///< of queries for two slots of all lanes
};

/// The shared memory of a block: table, queries, areas of warps, barriers, who is last, factors.
typedef struct resq_attention_split_plan {
  resq_attention_stage stage;
  int warps;
  uint32_t area; ///< of a warp: its stages, later its results
  uint32_t queries, areas, barriers, is_last, factors, shared;
} resq_attention_split_plan;

RESQ_INLINE resq_attention_split_plan resq_attention_split_plan_of(resq_kv_format keys,
                                                                   resq_kv_format values) {
  resq_attention_split_plan p = {.stage =
                                     resq_attention_stage_of(keys, values, RESQ_ATTENTION_TOKENS)};
  const uint32_t stages = RESQ_ATTENTION_STAGES * p.stage.bytes;
  const uint32_t results = RESQ_ATTENTION_QUERIES * 4 * (uint32_t)(keys.size + 2);
  p.area = stages > results ? stages : results;
  p.queries = resq_attention_table(keys, values);
  p.areas = p.queries + RESQ_ATTENTION_SLOTS / 2 * RESQ_ATTENTION_Q_BYTES;
  const uint32_t factors = 4 * RESQ_ATTENTION_QUERIES * (RESQ_ATTENTION_MOST_SPLITS + 2);
  const uint32_t room = RESQ_GPU_MOST_SHARED - p.areas - factors - 16;
  const uint32_t fit = room / (p.area + 8 * RESQ_ATTENTION_STAGES);
  p.warps = fit < RESQ_ATTENTION_WARPS ? (int)fit : RESQ_ATTENTION_WARPS;
  p.barriers = p.areas + (uint32_t)p.warps * p.area;
  p.is_last = p.barriers + (uint32_t)p.warps * 8 * RESQ_ATTENTION_STAGES;
  p.factors = p.is_last + 16;
  p.shared = p.factors + factors;
  return p;
}

/// Floats of the results of one split of `queries` queries: of each a sum, the largest score, sums of values.
static inline int64_t resq_attention_partial(int64_t queries, int64_t size) {
  return queries * (size + 2);
}

static inline resq_gpu_plan resq_attention_few_plan(const resq_attention_shape *s) {
  const resq_attention_split_plan p =
      resq_attention_split_plan_of(resq_attention_keys(s), resq_attention_values(s));
  const resq_attention_tiles t = resq_attention_tiles_of(s, RESQ_ATTENTION_QUERIES);
  return (resq_gpu_plan){.items_per_row = s->kv_heads * t.pieces * RESQ_ATTENTION_MOST_SPLITS,
                         .items_per_block = 1,
                         .threads = 32 * p.warps,
                         .blocks_per_sm = 1,
                         .blocks_at_once = 1,
                         .shared_bytes = (int32_t)p.shared,
                         .variant = RESQ_ATTENTION_FEW,
                         .scratch_bytes = 4 * RESQ_ATTENTION_BLOCKS *
                                          resq_attention_partial(t.piece, s->head_size)};
}

//===-- Many rows ---------------------------------------------------------===//

enum {
  RESQ_PREFILL_THREADS = 128,
  RESQ_PREFILL_QUERIES = 64, ///< of a block, 16 for each warp
  RESQ_PREFILL_TOKENS = 64,  ///< at once
  RESQ_PREFILL_STEPS = 9,    ///< products of 16 columns that a score is the sum of, at most
  RESQ_PREFILL_VALUE_LINE = 2 * RESQ_PREFILL_TOKENS + 16, ///< bytes of a column of values
};

/// The shared memory of a block: table, what is copied from the cache, keys and values as f16, scales, a barrier. Keys are
/// a line for each token, values a line for each column. A key's line is steps of 8 words, pairs of columns: first
/// `doubles` times two, whose words are in an order of their own, then single ones, the last of them the high part's.
typedef struct resq_prefill_plan {
  resq_attention_stage stage;
  int doubles, singles, highs;     ///< 2 doubles + singles + highs steps
  uint32_t key_line;               ///< bytes
  int copies;                      ///< of f32: two, f16 and what they leave
  uint32_t key_bytes, value_bytes; ///< of a copy
  uint32_t raw, keys, values, scales, back, barrier, shared;
} resq_prefill_plan;

RESQ_INLINE resq_prefill_plan resq_prefill_plan_of(resq_kv_format keys, resq_kv_format values) {
  resq_prefill_plan p = {.stage = resq_attention_stage_of(keys, values, RESQ_PREFILL_TOKENS)};
  const int words = (int)resq_attention_low(keys) / 2, rest = words % 16;
  p.doubles = words / 16 + (rest > 8);
  p.singles = rest > 0 && rest <= 8;
  p.highs = resq_attention_high(keys) > 0;
  // Neighboring lines are 16 banks apart.
  const uint32_t line = (uint32_t)(16 * p.doubles + 8 * (p.singles + p.highs));
  p.key_line = 4 * ((line + 15) / 32 * 32 + 16);
  p.copies = keys.kind == RESQ_KV_F32 || values.kind == RESQ_KV_F32 ? 2 : 1;
  p.key_bytes = RESQ_PREFILL_TOKENS * p.key_line;
  p.value_bytes = (uint32_t)values.size * RESQ_PREFILL_VALUE_LINE;
  p.raw = resq_attention_table(keys, values);
  p.keys = p.raw + p.stage.bytes;
  p.values = p.keys + (uint32_t)p.copies * p.key_bytes;
  p.scales = p.values + (uint32_t)p.copies * p.value_bytes;
  p.back = p.scales + 4 * 4 * RESQ_PREFILL_TOKENS;
  p.barrier = p.back + 16;
  p.shared = p.barrier + 16;
  return p;
}

static inline resq_gpu_plan resq_attention_many_plan(const resq_attention_shape *s) {
  const resq_prefill_plan p =
      resq_prefill_plan_of(resq_attention_keys(s), resq_attention_values(s));
  const resq_attention_tiles t = resq_attention_tiles_of(s, RESQ_PREFILL_QUERIES);
  // Tiles are cut for each call anew, so that one more than rows / t.rows may have a row: blocks without a tile end at
  // once.
  return (resq_gpu_plan){.items_per_row = s->kv_heads * t.pieces,
                         .items_per_block = t.rows > 1 ? t.rows / 2 : 1,
                         .threads = RESQ_PREFILL_THREADS,
                         .blocks_at_once = (int32_t)resq_plan_least(RESQ_GPU_MOST_SHARED / p.shared,
                                                                    s->head_size <= 64 ? 3 : 2),
                         .shared_bytes = (int32_t)p.shared,
                         .variant = RESQ_ATTENTION_MANY};
}

#endif // RESQ_KERNELS_NVPTX_ATTENTION_FAST_PLAN_H
