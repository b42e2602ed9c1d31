//===-- qlinear_plan.h - how quantized linears cut their work and memory --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plain C, which the compiler plans launches with (plans.h) and kernels find their way around shared memory by. Most of
// it is of qlinear_fast.h: chunks are what one bulk copy brings: whole groups of a tile's weights, as many as a stage of a ring has
// room for, or a part of one group.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_QLINEAR_PLAN_H
#define RESQ_KERNELS_NVPTX_QLINEAR_PLAN_H

#include "kernels/layout/pack_layout.h"
#include "kernels/shapes.h"
#include "kernels/templates/qlinear_shape.h"
#include "plan.h"
#include <stdbool.h>

enum {
  RESQ_QSTEP_UNITS = 4,      ///< of one product
  RESQ_QMOST_STEPS = 16,     ///< of a chunk
  RESQ_QPAIR_LINES = 512,    ///< of the table of trellis codes, 4 bytes each: two pairs of weights
  RESQ_QTABLE_BYTES = 65536, ///< of the table, each line 32 times
  RESQ_QCOLUMN_WORDS =
      20, ///< 16 sums of a column, so placed that a warp's additions meet no bank twice
  RESQ_QMOST_COPIES = 8,      ///< of a tile's sums: tiles that are under way
  RESQ_QCOPIES_BYTES = 20480, ///< there are fewer copies where they are larger together
};

/// How a launch is cut; all constants.
typedef struct resq_qplan {
  int64_t rows;   ///< at most, 1 to 16
  int64_t warps;  ///< of a block
  int64_t stages; ///< chunks that each warp has in its ring
  int64_t units;  ///< of 64 bytes in a chunk: a multiple of 8
} resq_qplan;

/// What a block works with: constants after inlining, but for pointers.
typedef struct resq_qwork {
  resq_qshape branch[2];
  resq_qplan plan;
} resq_qwork;

//===-- Sizes -------------------------------------------------------------===//

/// Columns of sums: rows, and the sums of weights.
RESQ_INLINE int64_t resq_qcolumns(const resq_qplan *p) { return p->rows + 1; }

/// Groups of the branch, none of a branch that is not there.
RESQ_INLINE int64_t resq_qgroups_of(const resq_qshape *b) { return b->k ? resq_qgroups(b) : 0; }

/// Units of a chunk that holds no whole group, at most.
RESQ_INLINE int64_t resq_qmost_units(const resq_qwork *w, int i) {
  return w->branch[i].wbits == 8 ? w->plan.units / 2 : w->plan.units;
}
/// Chunks of a group, and groups of a chunk: one of the two is 1.
RESQ_INLINE int64_t resq_qparts(const resq_qwork *w, int i) {
  const int64_t most = resq_qmost_units(w, i);
  return (resq_qunits(&w->branch[i]) + most - 1) / most;
}
RESQ_INLINE int64_t resq_qsteps(int64_t units) {
  return (units + RESQ_QSTEP_UNITS - 1) / RESQ_QSTEP_UNITS;
}
/// Whether trellis codes are read as resq_qlinear_recode leaves them (qlinear_trellis.h): those of 4 bits, by all kernels.
RESQ_INLINE bool resq_qrecodes(int64_t wbits, int64_t trellis) { return trellis && wbits == 4; }
RESQ_INLINE bool resq_qis_recoded(const resq_qshape *b) {
  return resq_qrecodes(b->wbits, b->trellis);
}
/// Steps of all groups of a weight [n, k]: what resq_qlinear_recode has to do.
RESQ_INLINE int64_t resq_qrecode_steps(int64_t n, int64_t k, int64_t group) {
  return resq_qtiles(n) * (k / group) * resq_qsteps((group + 7) / 8);
}
RESQ_INLINE int64_t resq_qleast(int64_t a, int64_t b) { return a < b ? a : b; }
RESQ_INLINE int64_t resq_qtogether(const resq_qwork *w, int i) {
  const int64_t units = resq_qunits(&w->branch[i]), all = resq_qgroups_of(&w->branch[i]);
  const int64_t room =
      resq_qleast(resq_qmost_units(w, i) / units, RESQ_QMOST_STEPS / resq_qsteps(units));
  const int64_t shared = (all + w->plan.warps - 1) / w->plan.warps; // so that all warps have some
  const int64_t groups = resq_qleast(room, shared);
  return groups < 1 ? 1 : groups;
}
/// Units of one group in a whole chunk.
RESQ_INLINE int64_t resq_qchunk_units(const resq_qwork *w, int i) {
  const int64_t most = resq_qmost_units(w, i), units = resq_qunits(&w->branch[i]);
  return units < most ? units : most;
}
RESQ_INLINE int64_t resq_qbranch_chunks(const resq_qwork *w, int i) {
  if (w->branch[i].k == 0)
    return 0;
  const int64_t together = resq_qtogether(w, i);
  return (resq_qgroups(&w->branch[i]) + together - 1) / together * resq_qparts(w, i);
}

/// Groups of both branches, each with sums of its own.
RESQ_INLINE int64_t resq_qslots(const resq_qwork *w) {
  return resq_qgroups_of(&w->branch[0]) + resq_qgroups_of(&w->branch[1]);
}
/// Whether all warps finish a tile together: one would take too long for many groups.
RESQ_INLINE bool resq_qfinish_together(const resq_qwork *w) { return resq_qslots(w) > 4; }

RESQ_INLINE int64_t resq_qsums_bytes(const resq_qwork *w) {
  return resq_qslots(w) * resq_qcolumns(&w->plan) * RESQ_QCOLUMN_WORDS * 4;
}
RESQ_INLINE int64_t resq_qcopies(const resq_qwork *w) {
  int64_t copies = resq_qfinish_together(w) ? 1 : RESQ_QMOST_COPIES;
  while (copies > 1 && copies * resq_qsums_bytes(w) > RESQ_QCOPIES_BYTES)
    copies /= 2;
  return copies;
}

/// Where parts of the shared memory begin: the table, rings, sums, barriers, scales of rows.
RESQ_INLINE int64_t resq_qrings_at(const resq_qwork *w) {
  return w->branch[0].trellis || w->branch[1].trellis ? RESQ_QTABLE_BYTES : 0;
}
RESQ_INLINE int64_t resq_qring_bytes(const resq_qwork *w) {
  return w->plan.stages * w->plan.units * 64;
}
RESQ_INLINE int64_t resq_qsums_at(const resq_qwork *w) {
  return resq_qrings_at(w) + w->plan.warps * resq_qring_bytes(w);
}
RESQ_INLINE int64_t resq_qbarriers_at(const resq_qwork *w) {
  return resq_qsums_at(w) + resq_qcopies(w) * resq_qsums_bytes(w);
}
/// Scales and shifts of rows, (row, slot).
RESQ_INLINE int64_t resq_qmetas_at(const resq_qwork *w) {
  return resq_qbarriers_at(w) + 8 * (w->plan.warps * w->plan.stages + 2 * RESQ_QMOST_COPIES);
}
RESQ_INLINE int64_t resq_qshared_bytes(const resq_qwork *w) {
  return resq_qmetas_at(w) + 8 * w->plan.rows * resq_qslots(w);
}

/// Bytes of dynamic shared memory of a launch.
RESQ_INLINE int64_t resq_qlinear_fast_shared(int64_t k_a, int64_t group_a, int64_t wbits_a,
                                             int64_t trellis_a, int64_t k_b, int64_t group_b,
                                             int64_t wbits_b, int64_t trellis_b, int64_t most_rows,
                                             int64_t warps, int64_t stages, int64_t units) {
  const resq_qwork w = {
      {{.k = k_a, .group = group_a, .wbits = wbits_a, .trellis = trellis_a},
       {.k = k_b, .group = group_b ? group_b : 1, .wbits = wbits_b, .trellis = trellis_b}},
      {most_rows, warps, stages, units}};
  return resq_qshared_bytes(&w);
}

//===-- Chunks ------------------------------------------------------------===//

/// Whole groups of one tile's weights, or a part of one.
typedef struct resq_qchunk {
  const uint8_t *from;
  uint32_t bytes;
  const int8_t *codes; ///< of row 0
  int32_t groups;
  int32_t units; ///< of each group
  int32_t first; ///< unit in its group
  int32_t slot;  ///< of the first group's sums
  int second;    ///< of the second branch
} resq_qchunk;

/// Chunk `at` of branch i of a tile.
RESQ_INLINE resq_qchunk resq_qbranch_chunk(const resq_qwork *w, int i, int64_t tile, int32_t at) {
  const resq_qshape *b = &w->branch[i];
  const int32_t whole = (int32_t)resq_qchunk_units(w, i), parts = (int32_t)resq_qparts(w, i);
  const int32_t together = (int32_t)resq_qtogether(w, i), all = (int32_t)resq_qgroups(b);
  const int32_t run = all == 1 ? 0 : at / parts, part = at - run * parts, g = run * together;
  const int32_t first = part * whole, left = (int32_t)resq_qunits(b) - first;
  const int32_t groups = all - g < together ? all - g : together;
  const int32_t units = left < whole ? left : whole;
  return (resq_qchunk){.from = resq_qweight(b, tile, g) + first * resq_qunit_bytes(b),
                       .bytes = (uint32_t)(groups * units * resq_qunit_bytes(b)),
                       .codes = resq_qcodes(b, 0, g) + 8 * first,
                       .groups = groups,
                       .units = units,
                       .first = first,
                       .slot = g + (i ? (int32_t)resq_qgroups_of(&w->branch[0]) : 0),
                       .second = i};
}

/// Chunk `at` of a tile.
RESQ_INLINE resq_qchunk resq_qchunk_at(const resq_qwork *w, int64_t tile, int32_t at) {
  const int32_t before = (int32_t)resq_qbranch_chunks(w, 0);
  if (w->branch[1].k && at >= before)
    return resq_qbranch_chunk(w, 1, tile, at - before);
  return resq_qbranch_chunk(w, 0, tile, at);
}

//===-- Quantized linears -------------------------------------------------===//
// qlinear_fast.h: few rows, blocks own tiles of 16 channels, whose weights are copied ahead. Where that does not do,
// qlinear_cuda.c has a block for a tile of 16 channels, whose warps share the inputs. qlinear_many.h: many rows, a block does
// a tile of 64 or 128 channels by as many rows. All of them read trellis codes as resq_qlinear_recode leaves them.

enum resq_qlinear_variant {
  RESQ_QLINEAR_FEW,
  RESQ_QLINEAR_MANY, ///< + 4 times the cut, as the next
  RESQ_QLINEAR_FAST,
};
enum {
  RESQ_QFEW_THREADS = 256,
  RESQ_QVALUES = 64, ///< bytes of shared memory for what trellis codes of 3 bits stand for
  RESQ_QTABLE = RESQ_QVALUES + 4 * RESQ_QPAIR_LINES, ///< and for the pairs of those of 4 bits
  RESQ_QRECODE_THREADS = 256,
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

/// Of every plan of the shape: all of its kernels read trellis codes in one form.
static inline int32_t resq_qlinear_recoded(const resq_qlinear_shape *s) {
  return resq_qrecodes(s->wbits_a, s->trellis_a) |
         (s->k_b && resq_qrecodes(s->wbits_b, s->trellis_b)) << 1;
}

/// How qlinear_fast.h is cut. There are two codes, chosen by the rows of a call, with one number of threads.
typedef struct resq_qfast_cut {
  int64_t warps;
  int64_t units_of_one; ///< in a chunk, of the code for one row
  int64_t units;        ///< of that for up to RESQ_GPU_FEW_ROWS
} resq_qfast_cut;
enum {
  RESQ_QFAST_STAGES = 2,
  RESQ_QFAST_TWO_BLOCKS = 113 * 1024 /* bytes, so that two find room */
};

static inline int64_t resq_qfast_shared(const resq_qlinear_shape *s, int64_t rows, int64_t warps,
                                        int64_t units) {
  return resq_qlinear_fast_shared(s->k_a, s->group_a, s->wbits_a, s->trellis_a, s->k_b, s->group_b,
                                  s->wbits_b, s->trellis_b, rows, warps, RESQ_QFAST_STAGES, units);
}
static inline int64_t resq_qfast_shared_of(const resq_qlinear_shape *s, const resq_qfast_cut *c) {
  return resq_plan_most(resq_qfast_shared(s, 1, c->warps, c->units_of_one),
                        resq_qfast_shared(s, RESQ_GPU_FEW_ROWS, c->warps, c->units));
}
/// The most units of a chunk, 32, 24, 16 or 8, with which the code for so many rows fits; 0: none.
static inline int64_t resq_qfast_units(const resq_qlinear_shape *s, int64_t rows, int64_t warps,
                                       int64_t most_shared) {
  int64_t units = 32;
  while (units > 0 && resq_qfast_shared(s, rows, warps, units) > most_shared)
    units -= 8;
  return units;
}
/// Whether a branch is one for qlinear_fast.h: codes of nibbles or bytes, and sums of 16 times the products within 32 bits.
static inline int resq_qfast_takes(int64_t k, int64_t group, int64_t wbits) {
  return k == 0 || ((wbits == 4 || wbits == 8) && group <= 65536);
}
/// Two blocks of 8 warps for each multiprocessor where they find room, else one of 16; units are 0 where nothing does.
static inline resq_qfast_cut resq_qfast_cut_of(const resq_qlinear_shape *s, int64_t most_shared) {
  const resq_qfast_cut two = {8, 32, 32};
  if (resq_qfast_shared_of(s, &two) <= RESQ_QFAST_TWO_BLOCKS)
    return two;
  return (resq_qfast_cut){16, resq_qfast_units(s, 1, 16, most_shared),
                          resq_qfast_units(s, RESQ_GPU_FEW_ROWS, 16, most_shared)};
}
/// The cut as the variant has it, and back.
static inline int32_t resq_qfast_variant(const resq_qfast_cut *c) {
  return (int32_t)(RESQ_QLINEAR_FAST +
                   4 * (c->units_of_one / 8 - 1 + 4 * (c->units / 8 - 1) + 16 * (c->warps / 16)));
}
static inline resq_qfast_cut resq_qfast_of_variant(int64_t variant) {
  return (resq_qfast_cut){variant / 64 ? 16 : 8, (variant / 4 % 4 + 1) * 8,
                          (variant / 16 % 4 + 1) * 8};
}
static inline resq_gpu_plan resq_qlinear_fast_plan(const resq_qlinear_shape *s,
                                                   const resq_qfast_cut *c) {
  return (resq_gpu_plan){.items_per_row = resq_plan_ceil(s->n, RESQ_TILE_N),
                         .items_per_block = 1,
                         .rows_together = 1,
                         .threads = (int32_t)(32 * c->warps),
                         .blocks_at_once = c->warps == 8 ? 2 : 1,
                         .blocks_per_sm = c->warps == 8 ? 2 : 1,
                         .shared_bytes = (int32_t)resq_qfast_shared_of(s, c),
                         .recoded = resq_qlinear_recoded(s),
                         .variant = resq_qfast_variant(c)};
}

/// How qlinear_many.h cuts a tile: `across` warps of 32 channels each by RESQ_QMANY_ALONG warps of 8 * tiles rows each.
typedef struct resq_qmany_cut {
  int across, tiles;
  int copies; ///< of the table of trellis codes; 0: there is none
} resq_qmany_cut;
enum {
  RESQ_QMANY_ALONG = 2,
  RESQ_QMANY_STEPS = 2,  ///< of 32 inputs in a stage
  RESQ_QMANY_STAGES = 4, ///< of activations in shared memory; of weights there are two
  RESQ_QMANY_BUSY = 96,  ///< large tiles are for shapes of which 512 rows have so many
};
static inline int resq_qmany_rows(const resq_qmany_cut *c) {
  return RESQ_QMANY_ALONG * 8 * c->tiles;
}
static inline int resq_qmany_threads(const resq_qmany_cut *c) {
  return 32 * RESQ_QMANY_ALONG * c->across;
}
/// Where parts of the shared memory begin: the table, decoded weights, activations.
static inline int64_t resq_qmany_weights_offset(const resq_qmany_cut *c) {
  return RESQ_QVALUES + 4 * RESQ_QPAIR_LINES * c->copies;
}
static inline int64_t resq_qmany_codes_offset(const resq_qmany_cut *c) {
  return resq_qmany_weights_offset(c) + 2 * RESQ_QMANY_STEPS * 512 * (2 * c->across);
}
static inline int64_t resq_qmany_shared(const resq_qmany_cut *c) {
  return resq_qmany_codes_offset(c) +
         RESQ_QMANY_STAGES * RESQ_QMANY_STEPS * 32 * resq_qmany_rows(c);
}
/// Whether each branch has one group: sums of a group are no registers of their own then.
static inline int resq_qlinear_one_group(const resq_qlinear_shape *s) {
  return resq_qlinear_slots(s) == (s->k_b ? 2 : 1);
}
static inline resq_qmany_cut resq_qmany_cut_of(const resq_qlinear_shape *s, int64_t capability) {
  const int large =
      resq_qlinear_one_group(s) && resq_plan_ceil(s->n, 128) * (512 / 128) >= RESQ_QMANY_BUSY;
  const int copies = !resq_qlinear_recoded(s) ? 0 : large && capability >= 90 ? 32 : 8;
  return large ? (resq_qmany_cut){4, 8, copies} : (resq_qmany_cut){2, 4, copies};
}
static inline int32_t resq_qmany_variant(const resq_qmany_cut *c) {
  return RESQ_QLINEAR_MANY + 4 * ((c->across == 4) + 2 * (c->copies / 8));
}
static inline resq_qmany_cut resq_qmany_of_variant(int64_t variant) {
  const int large = variant / 4 % 2, copies = (int)(variant / 8) * 8;
  return large ? (resq_qmany_cut){4, 8, copies} : (resq_qmany_cut){2, 4, copies};
}
static inline resq_gpu_plan resq_qlinear_many_plan(const resq_qlinear_shape *s,
                                                   int64_t capability) {
  const resq_qmany_cut c = resq_qmany_cut_of(s, capability);
  const int32_t blocks = c.across == 4               ? 1
                         : resq_qlinear_one_group(s) ? 3
                                                     : 2; // as registers allow
  // The last rows fill no tile, so that there may be more tiles than rows / tile rows: blocks without one end at once.
  return (resq_gpu_plan){.items_per_row = resq_plan_ceil(s->n, 32 * c.across),
                         .items_per_block = resq_qmany_rows(&c) / 2,
                         .threads = resq_qmany_threads(&c),
                         .blocks_at_once = blocks,
                         .blocks_per_sm = blocks,
                         .shared_bytes = (int32_t)resq_qmany_shared(&c),
                         .recoded = resq_qlinear_recoded(s),
                         .variant = resq_qmany_variant(&c)};
}

static inline resq_gpu_plan resq_qlinear_plan(const resq_qlinear_shape *s, resq_gpu_setting g) {
  const int64_t tiles = resq_plan_ceil(s->n, RESQ_TILE_N);
  const resq_qfast_cut cut = resq_qfast_cut_of(s, resq_plan_most_shared(g.capability));
  if (g.max_rows <= RESQ_GPU_FEW_ROWS && g.capability >= 90 && // bulk copies
      resq_qfast_takes(s->k_a, s->group_a, s->wbits_a) &&
      resq_qfast_takes(s->k_b, s->group_b, s->wbits_b) && cut.units_of_one && cut.units)
    return resq_qlinear_fast_plan(s, &cut);
  if (g.max_rows <= RESQ_GPU_FEW_ROWS)
    return (resq_gpu_plan){.items_per_row = tiles,
                           .items_per_block = 1,
                           .threads = RESQ_QFEW_THREADS,
                           .blocks_at_once = 2,
                           .blocks_per_sm = 4,
                           .shared_bytes =
                               (int32_t)(RESQ_QTABLE + resq_qlinear_slots_at_once(s) *
                                                           RESQ_QFEW_COLUMNS * RESQ_TILE_N * 4),
                           .recoded = resq_qlinear_recoded(s),
                           .variant = RESQ_QLINEAR_FEW};
  return resq_qlinear_many_plan(s, g.capability);
}

static inline resq_gpu_plan resq_qlinear_recode_plan(const resq_qlinear_recode_shape *s,
                                                     resq_gpu_setting g) {
  (void)g;
  return (resq_gpu_plan){.items_per_row = resq_qrecode_steps(s->n, s->k, s->group),
                         .items_per_block = RESQ_QRECODE_THREADS / 32,
                         .threads = RESQ_QRECODE_THREADS,
                         .blocks_per_sm = 8};
}

#endif // RESQ_KERNELS_NVPTX_QLINEAR_PLAN_H
