//===-- plans.h - the launch of each kernel -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// resq_<op>_plan(shape, setting) for each kernel of kernels.def that a GPU runs. Whatever is shared between a plan and
// its kernel is defined here.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_PLANS_H
#define RESQ_KERNELS_NVPTX_PLANS_H

#include "attention_fast_plan.h"
#include "attention_tiles.h"
#include "kernels/layout/pack_layout.h"
#include "kernels/shapes.h"
#include "plan.h"

//===-- An element for each thread ----------------------------------------===//

enum { RESQ_ELEMENT_THREADS = 256 };

static inline resq_gpu_plan resq_elements_plan(int64_t items_per_row) {
  return (resq_gpu_plan){.items_per_row = items_per_row,
                         .items_per_block = RESQ_ELEMENT_THREADS,
                         .threads = RESQ_ELEMENT_THREADS};
}

#define RESQ_ELEMENTS_PLAN(op, items)                                                              \
  static inline resq_gpu_plan op##_plan(const op##_shape *s, resq_gpu_setting g) {                 \
    (void)g;                                                                                       \
    return resq_elements_plan(items);                                                              \
  }
RESQ_ELEMENTS_PLAN(resq_embed_f32, s->width)
RESQ_ELEMENTS_PLAN(resq_embed_bf16, s->width)
RESQ_ELEMENTS_PLAN(resq_embed_f16, s->width)
RESQ_ELEMENTS_PLAN(resq_embed_codes, s->width)
RESQ_ELEMENTS_PLAN(resq_rope_angles, s->size / 2)
RESQ_ELEMENTS_PLAN(resq_rope, s->heads *(s->head_size - s->size / 2))
RESQ_ELEMENTS_PLAN(resq_silu_gate, s->width)
RESQ_ELEMENTS_PLAN(resq_add, s->width)
RESQ_ELEMENTS_PLAN(resq_gather_rows, s->width)
RESQ_ELEMENTS_PLAN(resq_permute, s->width)
RESQ_ELEMENTS_PLAN(resq_split, s->width)
RESQ_ELEMENTS_PLAN(resq_join, s->width)
#undef RESQ_ELEMENTS_PLAN

//===-- A row, or a part of one, for each block ---------------------------===//

static inline resq_gpu_plan resq_blocks_plan(int64_t items_per_row, int32_t threads,
                                             int64_t shared_bytes, int32_t variant) {
  return (resq_gpu_plan){.items_per_row = items_per_row,
                         .items_per_block = 1,
                         .threads = threads,
                         .shared_bytes = (int32_t)shared_bytes,
                         .variant = variant};
}

enum resq_rms_norm_variant { RESQ_RMS_NORM_HELD, RESQ_RMS_NORM_WIDE };
enum { RESQ_NORM_LANES = 16, RESQ_NORM_HELD = 16 }; ///< partial sums; elements of a thread at most

static inline int32_t resq_rms_norm_threads(int64_t width) {
  return resq_plan_threads(resq_plan_ceil(width, 8), 64, 1024);
}
/// Squares stand lane after lane, 4 words apart from bank to bank, zeros behind each lane's last: adding
/// them changes nothing.
static inline int64_t resq_norm_each(int64_t width) {
  return (width + 4 * RESQ_NORM_LANES - 1) / (4 * RESQ_NORM_LANES) * 4;
}
/// Bytes of shared memory that a row's squares and their root take.
static inline int64_t resq_rms_norm_shared(int64_t width) {
  return 4 * RESQ_NORM_LANES * (resq_norm_each(width) + 4) + 16;
}
static inline resq_gpu_plan resq_rms_norm_plan(const resq_rms_norm_shape *s, resq_gpu_setting g) {
  const int32_t threads = resq_rms_norm_threads(s->width);
  (void)g;
  if (s->width > RESQ_NORM_HELD * threads)
    return resq_blocks_plan(1, threads, 16, RESQ_RMS_NORM_WIDE);
  return resq_blocks_plan(1, threads, resq_rms_norm_shared(s->width), RESQ_RMS_NORM_HELD);
}

enum { RESQ_QUANTIZE_SHARED = 3 * 4 * 32, RESQ_QUANTIZE_LONG = 512 };

/// A range of `width` that is long is a block's, others are a warp's.
static inline int32_t resq_quantize_threads(int64_t width, int64_t range) {
  return range >= RESQ_QUANTIZE_LONG ? resq_plan_threads(resq_plan_ceil(range, 8), 64, 1024)
                                     : resq_plan_threads(width / range * 32, 32, 512);
}
static inline resq_gpu_plan resq_quantize_plan(const resq_quantize_shape *s, resq_gpu_setting g) {
  (void)g;
  return resq_blocks_plan(1, resq_quantize_threads(s->width, s->range), RESQ_QUANTIZE_SHARED, 0);
}
static inline resq_gpu_plan resq_quantize_e4m3_plan(const resq_quantize_e4m3_shape *s,
                                                    resq_gpu_setting g) {
  (void)g;
  return resq_blocks_plan(1, resq_quantize_threads(s->width, s->group), RESQ_QUANTIZE_SHARED, 0);
}

//===-- Hadamard transforms -----------------------------------------------===//

enum resq_hadamard_variant { RESQ_HADAMARD_SHARED, RESQ_HADAMARD_GLOBAL };
enum { RESQ_HADAMARD_MOST_ORDER = 64, RESQ_HADAMARD_WIDE_THREADS = 512 };

static inline uint32_t resq_hadamard_signs_at(int64_t size) {
  return 4 * (uint32_t)((size + size / 32 + 4) / 4 * 4);
}
static inline int64_t resq_hadamard_row(int64_t order) { return (order + 3) / 4 * 4; }
/// Bytes of shared memory: a block's elements, and the signs as floats, rows of a multiple of 4.
static inline int64_t resq_hadamard_shared(int64_t size, int64_t order) {
  return resq_hadamard_signs_at(size) + 4 * order * resq_hadamard_row(order);
}
/// A thread holds a column of `order` in registers.
static inline int32_t resq_hadamard_threads(int64_t size, int64_t order) {
  return resq_plan_threads(resq_plan_ceil(size, 4), 64, order > 32 ? 256 : order > 8 ? 512 : 1024);
}
/// Columns that a block in global memory takes at once, for the products with signs.
static inline int64_t resq_hadamard_columns(int64_t order) {
  return resq_plan_most(1, resq_plan_least(32, RESQ_GPU_MOST_SHARED_80 / (4 * order)));
}
static inline resq_gpu_plan resq_hadamard_plan(const resq_hadamard_shape *s, resq_gpu_setting g) {
  const int64_t shared = resq_hadamard_shared(s->size, s->order), blocks = s->width / s->size;
  if (s->order <= RESQ_HADAMARD_MOST_ORDER && shared <= resq_plan_most_shared(g.capability))
    return resq_blocks_plan(blocks, resq_hadamard_threads(s->size, s->order), shared,
                            RESQ_HADAMARD_SHARED);
  return resq_blocks_plan(blocks, RESQ_HADAMARD_WIDE_THREADS,
                          4 * s->order * resq_hadamard_columns(s->order), RESQ_HADAMARD_GLOBAL);
}

//===-- Products with floats ----------------------------------------------===//
// float_tile.h: a block does tiles of rows by channels.

enum resq_tile_variant { RESQ_TILE_FEW, RESQ_TILE_MANY };
enum {
  RESQ_TILE_THREADS = 256,
  RESQ_FEW_STEP =
      256, ///< inputs that a block has in shared memory, for RESQ_GPU_FEW_ROWS by a tile of 16
  RESQ_FEW_LINE = RESQ_FEW_STEP + 16,
  RESQ_FEW_SHARED = 4 * (RESQ_GPU_FEW_ROWS * RESQ_FEW_LINE + RESQ_FEW_STEP * RESQ_TILE_N),
  RESQ_MANY_ROWS = 64, ///< by as many channels, 4 by 4 a thread's
  RESQ_MANY_STEP = 32,
  RESQ_MANY_X_LINE = 68, ///< apart from bank to bank
  RESQ_MANY_W_LINE = 80,
  RESQ_MANY_SHARED = 4 * RESQ_MANY_STEP * (RESQ_MANY_X_LINE + RESQ_MANY_W_LINE),
};

/// `products` of rows with [n, k] side by side.
static inline resq_gpu_plan resq_tile_plan(int64_t products, int64_t n, int64_t max_rows) {
  const int few = max_rows <= RESQ_GPU_FEW_ROWS;
  const int64_t channels = few ? RESQ_TILE_N : RESQ_MANY_ROWS;
  return (resq_gpu_plan){.items_per_row = products * resq_plan_ceil(n, channels),
                         .items_per_block = 1,
                         .threads = RESQ_TILE_THREADS,
                         .blocks_per_sm = 4,
                         .shared_bytes = few ? RESQ_FEW_SHARED : RESQ_MANY_SHARED,
                         .variant = few ? RESQ_TILE_FEW : RESQ_TILE_MANY};
}

#define RESQ_TILE_PLAN(op, products, n)                                                            \
  static inline resq_gpu_plan op##_plan(const op##_shape *s, resq_gpu_setting g) {                 \
    return resq_tile_plan(products, n, g.max_rows);                                                \
  }
RESQ_TILE_PLAN(resq_linear_f32, 1, s->n)
RESQ_TILE_PLAN(resq_linear_bf16, 1, s->n)
RESQ_TILE_PLAN(resq_linear_f16, 1, s->n)
RESQ_TILE_PLAN(resq_rotate, s->groups, s->size)
RESQ_TILE_PLAN(resq_qlinear_e4m3, 1, s->n)
#undef RESQ_TILE_PLAN

//===-- Quantized linears -------------------------------------------------===//
// qlinear_tile.h: few rows, a block does a tile of 16 channels and its warps share the inputs; many, a warp does a
// tile of 16 channels by RESQ_QTILE_ROWS rows.

enum {
  RESQ_QFEW_THREADS = 256,
  RESQ_QMANY_THREADS = 128,
  RESQ_QTILE_ROWS = 64,
  RESQ_QTABLE = 64, ///< bytes of shared memory for what the trellis codes of a branch stand for
  RESQ_QFEW_COLUMNS = RESQ_GPU_FEW_ROWS + 1, ///< rows, and the sums of weights
};

/// Groups of both branches: each has sums of its own.
static inline int64_t resq_qlinear_slots(const resq_qlinear_shape *s) {
  return s->k_a / s->group_a + (s->k_b ? s->k_b / s->group_b : 0);
}
/// Slots whose sums a block has in shared memory at once.
static inline int64_t resq_qlinear_slots_at_once(const resq_qlinear_shape *s) {
  return resq_plan_least(resq_qlinear_slots(s), 64);
}
static inline resq_gpu_plan resq_qlinear_plan(const resq_qlinear_shape *s, resq_gpu_setting g) {
  const int64_t tiles = resq_plan_ceil(s->n, RESQ_TILE_N);
  if (g.max_rows <= RESQ_GPU_FEW_ROWS)
    return (resq_gpu_plan){.items_per_row = tiles,
                           .items_per_block = 1,
                           .threads = RESQ_QFEW_THREADS,
                           .blocks_at_once = 2,
                           .blocks_per_sm = 4,
                           .shared_bytes =
                               (int32_t)(2 * RESQ_QTABLE + resq_qlinear_slots_at_once(s) *
                                                               RESQ_QFEW_COLUMNS * RESQ_TILE_N * 4),
                           .variant = RESQ_TILE_FEW};
  return (resq_gpu_plan){.items_per_row = tiles,
                         .items_per_block = RESQ_QMANY_THREADS / 32,
                         .threads = RESQ_QMANY_THREADS,
                         .blocks_per_sm = 8,
                         .shared_bytes = 2 * RESQ_QTABLE,
                         .variant = RESQ_TILE_MANY};
}

//===-- Caches ------------------------------------------------------------===//

enum { RESQ_KV_APPEND_THREADS = 128, RESQ_KV_GROUPS_THREADS = 128 };

/// Bytes of shared memory of a warp: a byte for each code of a vector.
static inline int64_t resq_kv_append_bytes(resq_kv_format keys, resq_kv_format values) {
  return resq_round_up(resq_plan_most(resq_kv_columns(keys), resq_kv_columns(values)), 16);
}
static inline resq_kv_format resq_kv_append_keys(const resq_kv_append_shape *s) {
  return (resq_kv_format){s->head_size, s->k_kind, s->k_bits, s->k_high, s->k_rows};
}
static inline resq_kv_format resq_kv_append_values(const resq_kv_append_shape *s) {
  return (resq_kv_format){s->head_size, s->v_kind, s->v_bits, s->v_high, 0};
}
static inline resq_gpu_plan resq_kv_append_plan(const resq_kv_append_shape *s, resq_gpu_setting g) {
  const resq_kv_format keys = resq_kv_append_keys(s), values = resq_kv_append_values(s);
  const int32_t warps = RESQ_KV_APPEND_THREADS / 32;
  return (resq_gpu_plan){.items_per_row = 2 * s->heads, // keys and values
                         .items_per_block = warps,
                         .threads = RESQ_KV_APPEND_THREADS,
                         .shared_bytes = (int32_t)(warps * resq_kv_append_bytes(keys, values)),
                         .variant = (int32_t)resq_gpu_kv_layout_of(keys, values, g)};
}

static inline resq_gpu_plan resq_attention_plan(const resq_attention_shape *s, resq_gpu_setting g) {
  if (resq_gpu_kv_layout_of(resq_attention_keys(s), resq_attention_values(s), g) ==
      RESQ_GPU_KV_WORDS)
    return g.max_rows <= RESQ_ATTENTION_FEW_ROWS ? resq_attention_few_plan(s)
                                                 : resq_attention_many_plan(s);
  const int64_t queries =
      resq_attention_queries(s, g.max_rows, resq_plan_most_shared(g.capability));
  const resq_attention_tiles t = resq_attention_tiles_of(s, queries);
  // Tiles are cut for each call anew, so that one more than rows / t.rows may have a row: blocks without a tile end at
  // once.
  return (resq_gpu_plan){.items_per_row = s->kv_heads * t.pieces,
                         .items_per_block = t.rows > 1 ? t.rows / 2 : 1,
                         .threads = RESQ_ATTENTION_THREADS,
                         .blocks_at_once = queries >= 16 ? 2 : 0,
                         .shared_bytes = (int32_t)resq_attention_shared(s, queries),
                         .variant = (int32_t)queries};
}

/// Grouped keys: a block is a head of a row. Bytes of shared memory of the group whose keys are coded, its window rows.
static inline int64_t resq_kv_groups_shared(const resq_kv_append_groups_shape *s) {
  return 4 * RESQ_KV_GROUP * s->head_size + 8 * s->head_size + 4 * RESQ_KV_GROUP +
         resq_round_up(s->head_size, 16);
}
static inline resq_gpu_plan resq_kv_append_groups_plan(const resq_kv_append_groups_shape *s,
                                                       resq_gpu_setting g) {
  (void)g;
  return resq_blocks_plan(s->heads, RESQ_KV_GROUPS_THREADS, resq_kv_groups_shared(s), 0);
}

static inline int64_t resq_attention_groups_shared(const resq_attention_groups_shape *s) {
  return 4 * (2 * s->k_rows + s->outlier_rows + 2 * RESQ_KV_GROUP + s->head_size);
}
static inline resq_gpu_plan resq_attention_groups_plan(const resq_attention_groups_shape *s,
                                                       resq_gpu_setting g) {
  (void)g;
  return resq_blocks_plan(s->heads, RESQ_KV_GROUPS_THREADS, resq_attention_groups_shared(s), 0);
}

//===-- What is no kernel -------------------------------------------------===//

/// Observing is a kind of launch of its own.
static inline resq_gpu_plan resq_observe_plan(const resq_observe_shape *s, resq_gpu_setting g) {
  (void)s, (void)g;
  return (resq_gpu_plan){0};
}

#endif // RESQ_KERNELS_NVPTX_PLANS_H
