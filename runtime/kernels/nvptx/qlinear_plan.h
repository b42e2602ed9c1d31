//===-- qlinear_plan.h - how quantized linears cut their work and memory --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Plain C, which the compiler plans launches with (plans.h) and kernels find their way around shared memory by. Most of
// it is of qlinear_fast.h: chunks are what one bulk copy brings: whole groups of a tile's weights, as many as a stage of a ring has
// room for, or a part of one group.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_QLINEAR_PLAN_H
#define RESQ_KERNELS_NVPTX_QLINEAR_PLAN_H

#include "kernels/templates/qlinear_shape.h"
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

#endif // RESQ_KERNELS_NVPTX_QLINEAR_PLAN_H
