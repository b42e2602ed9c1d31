//===-- qlinear_many.h - quantized linears of many rows -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block does a tile of channels by rows over all inputs of both branches. Each warp decodes 16 channels of a stage, two
// steps of 32 inputs, to int8 in shared memory, in the order in which lanes hold them for a product, while activations of
// later stages are on their way there; then it multiplies 32 channels with its rows. So weights are decoded once for all
// rows of the tile, and everything that a product takes is read from shared memory. Lanes hold what qlinear_tile.h says.
// Sums of integers are exact; the f32 steps of qlinear_shape.h are taken in their order by the lane that has the sum.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_QLINEAR_MANY_H
#define RESQ_KERNELS_NVPTX_QLINEAR_MANY_H

#include "qlinear_tile.h"

/// A tile under way: constants, and where the warp's share of it is.
typedef struct resq_qmany {
  resq_qmany_cut cut;
  uint32_t table, weights,
      codes; ///< in shared memory: of trellis codes, decoded weights, activations
  int64_t first_tile, first_row; ///< of the block
  int64_t rows;
  int lane, warp;
} resq_qmany;

/// Step `step` of a branch, counted over all groups.
typedef struct resq_qmany_step {
  int64_t group, of_group;
} resq_qmany_step;
RESQ_INLINE resq_qmany_step resq_qmany_step_at(const resq_qshape *b, int64_t step) {
  const int64_t each = resq_qgroup_steps(b);
  return (resq_qmany_step){step / each, step % each};
}
RESQ_INLINE int64_t resq_qmany_steps(const resq_qshape *b) {
  return resq_qgroups(b) * resq_qgroup_steps(b);
}

//===-- What a stage needs ------------------------------------------------===//

/// The codes of the warp's tile of 16 channels for the steps of stage `stage`.
RESQ_INLINE void resq_qmany_load(const resq_qmany *w, const resq_qshape *b, int64_t stage,
                                 resq_qraw *raw) {
  const int64_t steps = resq_qmany_steps(b), wanted = w->first_tile + w->warp;
  const int64_t tile = wanted < resq_qtiles(b->n) ? wanted : 0; // nobody reads what comes of it
  RESQ_UNROLL
  for (int i = 0; i < RESQ_QMANY_STEPS; ++i) {
    const int64_t step = RESQ_QMANY_STEPS * stage + i;
    const resq_qmany_step s = resq_qmany_step_at(b, step < steps ? step : 0);
    raw[i] = resq_qstep_load(b, resq_qweight(b, tile, s.group), s.of_group, w->lane);
  }
}

RESQ_INLINE uint32_t resq_qmany_weights_at(const resq_qmany *w, int64_t stage, int step, int tile) {
  const int tiles = 2 * w->cut.across;
  return w->weights + 512 * (uint32_t)(((stage & 1) * RESQ_QMANY_STEPS + step) * tiles + tile) +
         16 * (uint32_t)w->lane;
}

RESQ_INLINE void resq_qmany_decode(const resq_qmany *w, const resq_qshape *b, int64_t stage,
                                   const resq_qraw *raw) {
  RESQ_UNROLL
  for (int i = 0; i < RESQ_QMANY_STEPS; ++i) {
    const resq_qints v = resq_qdecode(b, &raw[i], w->table, w->cut.copies, w->lane);
    resq_shared_store_x4(resq_qmany_weights_at(w, stage, i, w->warp),
                         (resq_u32x4){v.a[0], v.a[1], v.a[2], v.a[3]});
  }
}

/// Row `row` of the tile, unit `unit` of step `step`.
RESQ_INLINE uint32_t resq_qmany_codes_at(const resq_qmany *w, int64_t stage, int step, int row,
                                         int unit) {
  const int rows = resq_qmany_rows(&w->cut);
  const int slot = (int)(stage % RESQ_QMANY_STAGES) * RESQ_QMANY_STEPS + step;
  return w->codes + (uint32_t)((slot * rows + row) * 8 * RESQ_QSTEP + 8 * unit);
}

/// The activations of a stage on their way to shared memory, zeros where there are none: of each row a thread's are a unit
/// of one step.
RESQ_INLINE void resq_qmany_copy(const resq_qmany *w, const resq_qshape *b, int64_t stage) {
  enum { EACH = RESQ_QMANY_STEPS * RESQ_QSTEP };
  const int threads = resq_qmany_threads(&w->cut), apart = threads / EACH;
  const int at = w->warp * RESQ_WARP + w->lane, slot = at % RESQ_QSTEP;
  const int step = at % EACH / RESQ_QSTEP, row = at / EACH;
  const int64_t own = RESQ_QMANY_STEPS * stage + step, left = w->rows - w->first_row - row;
  const bool there = own < resq_qmany_steps(b);
  const resq_qmany_step s = resq_qmany_step_at(b, there ? own : 0);
  const int64_t unit = s.of_group * RESQ_QSTEP + slot;
  const bool any = there && unit < resq_qunits(b);
  const int8_t *from = resq_hide(
      any && left > 0 ? resq_qcodes(b, w->first_row + row, s.group) + 8 * unit : b->codes);
  const uint32_t to = resq_qmany_codes_at(w, stage, step, row, slot);
  RESQ_UNROLL
  for (int k = 0; k < resq_qmany_rows(&w->cut) / apart; ++k)
    resq_copy_ahead_x2(to + (uint32_t)(k * apart * 8 * RESQ_QSTEP),
                       from + k * apart * resq_code_stride(b->k, b->group),
                       any && k * apart < left);
  resq_copies_end_group();
}

//===-- Products ----------------------------------------------------------===//

enum { RESQ_QMANY_MOST_TILES = 8 }; ///< of 8 rows, of a warp

/// A warp's sums of a group: [tile of channels][tile of rows], and of weights.
typedef struct resq_qmany_sums {
  int32_t of[2][RESQ_QMANY_MOST_TILES][4], weights[2][4];
} resq_qmany_sums;

typedef resq_qresult resq_qmany_results[2][RESQ_QMANY_MOST_TILES][4];

RESQ_INLINE void resq_qmany_multiply(const resq_qmany *w, const resq_qshape *b, int64_t stage,
                                     int step, int64_t of_group, resq_qmany_sums *sums) {
  const int tile = 2 * (w->warp % w->cut.across), row = w->warp / w->cut.across * 8 * w->cut.tiles;
  resq_qints v[2];
  RESQ_UNROLL
  for (int m = 0; m < 2; ++m) {
    const resq_u32x4 own = resq_shared_load_x4(resq_qmany_weights_at(w, stage, step, tile + m));
    v[m] = (resq_qints){{own[0], own[1], own[2], own[3]}};
    if (b->abits == 8)
      resq_qproduct(sums->weights[m], &v[m], resq_qsum_of_weights(b, of_group, w->lane));
  }
  RESQ_UNROLL
  for (int t = 0; t < w->cut.tiles; ++t) {
    const resq_u32x2 x = resq_shared_load_x2(
        resq_qmany_codes_at(w, stage, step, row + 8 * t + (w->lane >> 2), w->lane & 3));
    RESQ_UNROLL
    for (int m = 0; m < 2; ++m)
      resq_qproduct(sums->of[m][t], &v[m], x);
  }
}

/// The lane's channel i of tile m; its row i of tile t.
RESQ_INLINE int64_t resq_qmany_channel(const resq_qmany *w, int m, int i) {
  return (w->first_tile + 2 * (w->warp % w->cut.across) + m) * RESQ_TILE_N + 2 * (w->lane >> 2) + i;
}
RESQ_INLINE int64_t resq_qmany_row(const resq_qmany *w, int t, int i) {
  return w->first_row + (w->warp / w->cut.across * w->cut.tiles + t) * 8 + 2 * (w->lane & 3) + i;
}

/// Scales of the lane's channels of tile m for group g.
RESQ_INLINE const resq_bf16 *resq_qmany_scales(const resq_qmany *w, const resq_qshape *b, int m,
                                               int64_t g) {
  const int64_t tile = resq_qmany_channel(w, m, 0) / RESQ_TILE_N;
  return resq_qscales(b, tile < resq_qtiles(b->n) ? tile : 0, resq_qscale_per_row(b) ? 0 : g) +
         2 * (w->lane >> 2);
}

/// Group g is in: its sums to the results, and zero. Pointers are hidden, or a register would hold one for each row.
RESQ_INLINE void resq_qmany_add(const resq_qmany *w, const resq_qshape *b, int64_t g,
                                resq_qmany_sums *sums, resq_qmany_results results) {
  const int64_t first = resq_qmany_row(w, 0, 0);
  const resq_quant_meta *metas = resq_hide(b->meta + first * resq_qgroups(b) + g);
  float scales[2][2];
  RESQ_UNROLL
  for (int m = 0; m < 2; ++m) {
    const resq_bf16 *of = resq_hide(resq_qmany_scales(w, b, m, g));
    scales[m][0] = resq_f32_from_bf16(of[0]), scales[m][1] = resq_f32_from_bf16(of[1]);
  }
  RESQ_UNROLL
  for (int t = 0; t < w->cut.tiles; ++t)
    RESQ_UNROLL
  for (int i = 0; i < 2; ++i) {
    resq_qscaling by = {0, 0};
    if (first + 8 * t + i < w->rows) {
      const resq_quant_meta *meta = metas + (8 * t + i) * resq_qgroups(b);
      by.scale = resq_float_of(resq_load(&meta->scale));
      by.shift = b->abits == 8 ? (int32_t)resq_load(&meta->shift) : 0;
    }
    RESQ_UNROLL
    for (int m = 0; m < 2; ++m)
      RESQ_UNROLL
    for (int c = 0; c < 2; ++c) {
      resq_qadd_group(b, g, by, sums->of[m][t][2 * c + i], sums->weights[m][2 * c], scales[m][c],
                      &results[m][t][2 * c + i]);
      sums->of[m][t][2 * c + i] = 0;
    }
  }
  RESQ_UNROLL
  for (int m = 0; m < 2; ++m)
    RESQ_UNROLL
  for (int i = 0; i < 4; ++i)
    sums->weights[m][i] = 0;
}

/// A branch's product of the tile to the results.
RESQ_INLINE void resq_qmany_branch(const resq_qmany *w, const resq_qshape *b,
                                   resq_qmany_results results) {
  const int64_t steps = resq_qmany_steps(b), each = resq_qgroup_steps(b);
  const int64_t stages = (steps + RESQ_QMANY_STEPS - 1) / RESQ_QMANY_STEPS;
  const bool has_rows = resq_qmany_row(w, 0, 0) - 2 * (w->lane & 3) < w->rows; // all lanes alike
  resq_qmany_sums sums = {{{{0}}}, {{0}}};
  resq_qraw raw[RESQ_QMANY_STEPS];
  // Copies of one thread land in any order: none of those before may land later, and nobody may still read.
  resq_copies_wait(0);
  resq_sync_block();
  RESQ_UNROLL
  for (int64_t stage = 0; stage < RESQ_QMANY_STAGES - 1; ++stage)
    resq_qmany_copy(w, b, stage);
  resq_qmany_load(w, b, 0, raw);
  resq_qmany_decode(w, b, 0, raw);
  resq_qmany_load(w, b, 1, raw);
  for (int64_t stage = 0; stage < stages; ++stage) {
    resq_copies_wait(RESQ_QMANY_STAGES - 2);
    resq_sync_block();
    resq_qmany_copy(w, b, stage + RESQ_QMANY_STAGES - 1);
    resq_qmany_decode(w, b, stage + 1, raw);
    resq_qmany_load(w, b, stage + 2, raw);
    if (!has_rows)
      continue;
    RESQ_UNROLL
    for (int i = 0; i < RESQ_QMANY_STEPS; ++i) {
      const int64_t step = RESQ_QMANY_STEPS * stage + i;
      if (step >= steps)
        continue;
      const resq_qmany_step s = resq_qmany_step_at(b, step);
      resq_qmany_multiply(w, b, stage, i, s.of_group, &sums);
      if (s.of_group + 1 == each)
        resq_qmany_add(w, b, s.group, &sums, results);
    }
  }
}

RESQ_INLINE void resq_qmany_finish(const resq_qmany *w, int64_t n, float *y, int64_t ldy,
                                   resq_qmany_results results) {
  RESQ_UNROLL
  for (int m = 0; m < 2; ++m)
    RESQ_UNROLL
  for (int t = 0; t < w->cut.tiles; ++t)
    RESQ_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int64_t channel = resq_qmany_channel(w, m, i / 2), row = resq_qmany_row(w, t, i % 2);
    if (row < w->rows && channel < n)
      y[row * ldy + channel] = results[m][t][i].y;
  }
}

/// All tiles of the block. Neighbors share weights.
RESQ_INLINE void resq_qlinear_many(const resq_qshape *a, const resq_qshape *b, const float *bias,
                                   float *y, int64_t rows, int64_t ldy, resq_qmany_cut cut) {
  const int64_t across = resq_plan_ceil(resq_qtiles(a->n), 2 * cut.across);
  const int64_t down = resq_plan_ceil(rows, resq_qmany_rows(&cut));
  const uint32_t shared = resq_dynamic_shared();
  resq_qmany w = {.cut = cut,
                  .table = shared,
                  .weights = shared + (uint32_t)resq_qmany_weights_offset(&cut),
                  .codes = shared + (uint32_t)resq_qmany_codes_offset(&cut),
                  .rows = rows,
                  .lane = resq_thread() % RESQ_WARP,
                  .warp = resq_thread() / RESQ_WARP};
  resq_let_next_launch_start();
  if (resq_block_x() < across * down)
    resq_qtable_fill(w.table, a, b, cut.copies); // a branch begins with a barrier
  resq_wait_for_launches();
  for (int64_t item = resq_block_x(); item < across * down; item += resq_blocks_x()) {
    w.first_tile = item / down * 2 * cut.across;
    w.first_row = item % down * resq_qmany_rows(&cut);
    resq_qmany_results results;
    RESQ_UNROLL
    for (int m = 0; m < 2; ++m)
      RESQ_UNROLL
    for (int t = 0; t < cut.tiles; ++t)
      RESQ_UNROLL
    for (int i = 0; i < 4; ++i) {
      const int64_t channel = resq_qmany_channel(&w, m, i / 2);
      results[m][t][i] = (resq_qresult){0.0f, bias && channel < a->n ? bias[channel] : 0.0f};
    }
    resq_qmany_branch(&w, a, results);
    if (b->k)
      resq_qmany_branch(&w, b, results);
    resq_qmany_finish(&w, a->n, y, ldy, results);
  }
}

#endif // RESQ_KERNELS_NVPTX_QLINEAR_MANY_H
