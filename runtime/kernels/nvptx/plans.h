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
#include "qlinear_plan.h"

//===-- An element for each thread ----------------------------------------===//

enum {
  RESQ_ELEMENT_THREADS = 256,
  RESQ_UNIT_ELEMENTS = 4, ///< of a thread, where a block has a unit
};

/// A row can be cut into `units`, 0: it is never done by units.
static inline resq_gpu_plan resq_elements_plan(int64_t items_per_row, int64_t units) {
  return (resq_gpu_plan){
      .items_per_row = items_per_row,
      .items_per_block = RESQ_ELEMENT_THREADS,
      .threads = RESQ_ELEMENT_THREADS,
      .unit = {.most = units,
               .threads = resq_plan_ceil(items_per_row, RESQ_UNIT_ELEMENTS),
               .most_threads = RESQ_GPU_MOST_THREADS},
  };
}

#define RESQ_ELEMENTS_PLAN(op, items, units)                                                       \
  static inline resq_gpu_plan op##_plan(const op##_shape *s, resq_gpu_setting g) {                 \
    (void)g;                                                                                       \
    return resq_elements_plan(items, units);                                                       \
  }
RESQ_ELEMENTS_PLAN(resq_embed_f32, s->width, s->width)
RESQ_ELEMENTS_PLAN(resq_embed_bf16, s->width, s->width)
RESQ_ELEMENTS_PLAN(resq_embed_f16, s->width, s->width)
RESQ_ELEMENTS_PLAN(resq_embed_codes, s->width, s->width / s->group)
RESQ_ELEMENTS_PLAN(resq_rope_angles, s->size / 2, 1)
RESQ_ELEMENTS_PLAN(resq_rope, s->heads *(s->head_size - s->size / 2), s->heads)
RESQ_ELEMENTS_PLAN(resq_silu_gate, s->width, s->width)
RESQ_ELEMENTS_PLAN(resq_add, s->width, s->width)
RESQ_ELEMENTS_PLAN(resq_gather_rows, s->width, 0)
RESQ_ELEMENTS_PLAN(resq_permute, s->width, 1)
RESQ_ELEMENTS_PLAN(resq_split, s->width, s->width % s->block ? 1 : s->width / s->block)
RESQ_ELEMENTS_PLAN(resq_join, s->width, s->width % s->block ? 1 : s->width / s->block)
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
/// The same by units: `units` of a row, in which `threads` have work, or fewer units.
static inline resq_gpu_plan resq_plan_by_units(resq_gpu_plan plan, int64_t units, int64_t threads) {
  plan.unit = (resq_unit_plan){.most = units,
                               .threads = threads,
                               .most_threads = RESQ_GPU_MOST_THREADS,
                               .shared_bytes = plan.shared_bytes,
                               .variant = plan.variant};
  return plan;
}

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
/// Whether the registers of so many threads hold a row.
static inline int resq_rms_norm_is_held(int64_t width, int64_t threads) {
  return width <= RESQ_NORM_HELD * threads;
}
static inline resq_gpu_plan resq_rms_norm_plan(const resq_rms_norm_shape *s, resq_gpu_setting g) {
  const int32_t threads = resq_rms_norm_threads(s->width);
  (void)g;
  // A wide row needs the least of it, but a block that has more threads than this one holds it.
  const int64_t shared =
      resq_rms_norm_is_held(s->width, RESQ_GPU_MOST_THREADS) ? resq_rms_norm_shared(s->width) : 16;
  resq_gpu_plan plan = resq_plan_by_units(resq_blocks_plan(1, threads, shared, 0), 1,
                                          resq_plan_ceil(s->width, RESQ_UNIT_ELEMENTS));
  plan.unit.ahead = 1;
  return plan;
}

enum { RESQ_QUANTIZE_SHARED = 3 * 4 * 32, RESQ_QUANTIZE_LONG = 256 };

/// A range of `width` that is long is a block's, others are a warp's.
static inline int32_t resq_quantize_threads(int64_t width, int64_t range) {
  return range >= RESQ_QUANTIZE_LONG ? resq_plan_threads(resq_plan_ceil(range, 8), 64, 1024)
                                     : resq_plan_threads(width / range * 32, 32, 512);
}
static inline resq_gpu_plan resq_ranges_plan(int64_t width, int64_t range) {
  return resq_plan_by_units(
      resq_blocks_plan(1, resq_quantize_threads(width, range), RESQ_QUANTIZE_SHARED, 0),
      width / range,
      range >= RESQ_QUANTIZE_LONG ? resq_plan_ceil(width, RESQ_UNIT_ELEMENTS) : width / range * 32);
}
static inline resq_gpu_plan resq_quantize_plan(const resq_quantize_shape *s, resq_gpu_setting g) {
  (void)g;
  return resq_ranges_plan(s->width, s->range);
}
static inline resq_gpu_plan resq_quantize_e4m3_plan(const resq_quantize_e4m3_shape *s,
                                                    resq_gpu_setting g) {
  (void)g;
  return resq_ranges_plan(s->width, s->group);
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
static inline int32_t resq_hadamard_most_threads(int64_t order) {
  return order > 32 ? 256 : order > 16 ? 512 : RESQ_GPU_MOST_THREADS;
}
static inline int32_t resq_hadamard_threads(int64_t size, int64_t order) {
  return resq_plan_threads(resq_plan_ceil(size, 4), 64,
                           order > 8 ? resq_plan_least(512, resq_hadamard_most_threads(order))
                                     : RESQ_GPU_MOST_THREADS);
}
/// Columns that a block in global memory takes at once, for the products with signs.
static inline int64_t resq_hadamard_columns(int64_t order) {
  return resq_plan_most(1, resq_plan_least(32, RESQ_GPU_MOST_SHARED_80 / (4 * order)));
}
static inline resq_gpu_plan resq_hadamard_plan(const resq_hadamard_shape *s, resq_gpu_setting g) {
  const int64_t shared = resq_hadamard_shared(s->size, s->order), blocks = s->width / s->size;
  if (s->order > RESQ_HADAMARD_MOST_ORDER || shared > resq_plan_most_shared(g.capability))
    return resq_plan_by_units(resq_blocks_plan(blocks, RESQ_HADAMARD_WIDE_THREADS,
                                               4 * s->order * resq_hadamard_columns(s->order),
                                               RESQ_HADAMARD_GLOBAL),
                              blocks, blocks * RESQ_HADAMARD_WIDE_THREADS);
  const int32_t threads = resq_hadamard_threads(s->size, s->order);
  resq_gpu_plan plan = resq_plan_by_units(
      resq_blocks_plan(blocks, threads, shared, RESQ_HADAMARD_SHARED), blocks, blocks * threads);
  plan.unit.most_threads = resq_hadamard_most_threads(s->order);
  plan.unit.ahead = 1;
  return plan;
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
RESQ_TILE_PLAN(resq_qlinear_e4m3, 1, s->n)
#undef RESQ_TILE_PLAN

enum { RESQ_ROTATE_HELD = 128 }; ///< a column of a matrix that a thread has in registers, at most

/// A unit is done by a thread for each element; many rows want tiles, which use a matrix for 64 of them.
static inline resq_gpu_plan resq_rotate_plan(const resq_rotate_shape *s, resq_gpu_setting g) {
  resq_gpu_plan plan = resq_tile_plan(s->groups, s->size, g.max_rows);
  if (g.max_rows <= RESQ_GPU_FEW_ROWS && s->size <= RESQ_ROTATE_HELD)
    plan.unit = (resq_unit_plan){
        .most = s->groups, .threads = s->groups * s->size, .most_threads = 256, .ahead = 1};
  return plan;
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
  const resq_gpu_plan plan = {.items_per_row = 2 * s->heads, // keys and values
                              .items_per_block = warps,
                              .threads = RESQ_KV_APPEND_THREADS,
                              .shared_bytes = (int32_t)(warps * resq_kv_append_bytes(keys, values)),
                              .variant = (int32_t)resq_gpu_kv_layout_of(keys, values, g)};
  return resq_plan_by_units(plan, s->heads, 2 * s->heads * 32);
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
  // once. The registers of two blocks at once are too few for some tiles on chips of 8.0: ptxas spills.
  return (resq_gpu_plan){.items_per_row = s->kv_heads * t.pieces,
                         .items_per_block = t.rows > 1 ? t.rows / 2 : 1,
                         .threads = RESQ_ATTENTION_THREADS,
                         .blocks_at_once = g.capability < 90 ? 1
                                           : queries >= 16   ? 2
                                                             : 0,
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
