//===-- qlinear_fast.h - quantized linears of 1 to 16 rows ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// resq_qlinear of kernels.def for few rows, the same bits as level "generic": integers of 4 and of 8 bits, and trellis
// codes of 4 bits. Codes of other widths, which have planes or a base of 2 bits, are not for this kernel.
//
// A block owns whole tiles of 16 output channels over all inputs of both branches, so that it finishes them itself: no
// sums in global memory, no order among blocks. Its tiles stand behind each other in memory. They are cut into
// chunks, whole groups of a tile or parts of one; warps take chunks in turns, each copying `stages` of them ahead into a
// ring of its own. One tensor core product does 16 channels by a step of 4 units, 32 inputs; which of its 32 inputs
// is which does not matter as long as weights and activations agree: lane 4 g + q holds channels 2 g and
// 2 g + 1 of unit q, 8 neighboring bytes of a packed unit, and 8 bytes of a row's codes.
// Columns are rows of activations, and one column of ones, which gives the sums of weights that a zero point needs. Sums of a
// group are added up in shared memory, exact in any order; the warp whose turn it is takes the f32 steps of
// qlinear_shape.h in their order while the others are at the next tile.
//
// Integers are read as the parameter section holds them (kernels.h), trellis codes recoded (qlinear_trellis.h).
//
// Launch: up to one block for each multiprocessor or tile, `warps` warps, resq_qlinear_fast_shared bytes of shared
// memory. Chip: 9.0 and later (bulk copies).
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_QLINEAR_FAST_H
#define RESQ_KERNELS_NVPTX_QLINEAR_FAST_H

#include "qlinear_plan.h"
#include "qlinear_trellis.h"

/// The table of pairs at the beginning of shared memory: each bank has a copy.
RESQ_INLINE void resq_qmake_table(int threads) {
  for (int line = resq_thread(); line < RESQ_QPAIR_LINES; line += threads) {
    const uint32_t v = resq_qpair_line((uint32_t)line);
    RESQ_UNROLL
    for (int i = 0; i < 8; ++i) // in turns, for the sake of the banks
      resq_shared_store_x4(resq_dynamic_shared() + (uint32_t)line * 128 +
                               (uint32_t)((i + line) & 7) * 16,
                           (resq_u32x4){v, v, v, v});
  }
}

//===-- Products ----------------------------------------------------------===//

/// The weights of a lane, as resq_mma_s8 takes them.
typedef struct resq_qweights {
  uint32_t a[4];
} resq_qweights;

/// Step of `units` units at `at`: 16 times the integers of 4 bits, those of 8 bits, or what trellis codes stand for.
RESQ_INLINE resq_qweights resq_qweights_of(const resq_qshape *b, uint32_t at, int units, int lane) {
  const uint32_t g = (uint32_t)lane >> 2, q = (lane & 3) < units ? (uint32_t)lane & 3 : 0;
  if (b->trellis) {
    const resq_u32x2 own = resq_shared_load_x2(at + 8 * ((uint32_t)units * g + q));
    const resq_u32x2 below = resq_shared_load_x2(at + 8 * ((uint32_t)units * ((g + 7) & 7) + q));
    uint32_t e[8];
    resq_qweights v;
    RESQ_UNROLL
    for (uint32_t i = 0; i < 8; ++i)
      e[i] =
          resq_shared_load_u16(resq_dynamic_shared(),
                               (resq_qpair_of_input(own, below, i) & 0xff82) | 4 * (uint32_t)lane);
    resq_qpairs_apart(e, v.a);
    return v;
  }
  if (b->wbits == 8) {
    const resq_u32x2 v = resq_shared_load_x2(at + 128 * q + 8 * g);
    const resq_u32x2 h = resq_shared_load_x2(at + 128 * q + 64 + 8 * g);
    return (resq_qweights){
        {v[0] ^ 0x80808080, v[1] ^ 0x80808080, h[0] ^ 0x80808080, h[1] ^ 0x80808080}};
  }
  const resq_u32x2 v = resq_shared_load_x2(at + 64 * q + 8 * g);
  return (resq_qweights){{(v[0] << 4 ^ 0x80808080) & 0xf0f0f0f0,
                          (v[1] << 4 ^ 0x80808080) & 0xf0f0f0f0, (v[0] ^ 0x80808080) & 0xf0f0f0f0,
                          (v[1] ^ 0x80808080) & 0xf0f0f0f0}};
}

enum { RESQ_QMOST_COLUMN_TILES = 3 };

/// Ones where unit `unit` of a group has inputs, byte by byte.
RESQ_INLINE resq_u32x2 resq_qones(const resq_qshape *b, int32_t unit) {
  resq_u32x2 ones = {0x01010101, 0x01010101};
  const int64_t last = b->group % 8; // inputs of the last unit, 0: all
  if (last && unit + 1 == resq_qunits(b)) {
    const uint64_t mask = ((uint64_t)1 << 8 * last) - 1;
    ones[0] &= (uint32_t)mask;
    ones[1] &= (uint32_t)(mask >> 32);
  }
  return ones;
}

/// What the lane feeds to tile t of columns: its unit of the step, of its row or of ones.
RESQ_INLINE resq_u32x2 resq_qcolumn(const resq_qwork *w, const resq_qshape *b, const resq_qchunk *c,
                                    const int8_t *codes, int units, int step, int t, int64_t rows,
                                    int lane) {
  const int column = 8 * t + (lane >> 2);
  const int32_t unit = step * RESQ_QSTEP_UNITS + (lane & 3);
  resq_u32x2 x = {0, 0};
  if (unit < units && column < rows)
    x = resq_load_x2(codes + column * resq_code_stride(b->k, b->group) + 8 * unit);
  if (b->abits == 8 && unit < units && column == w->plan.rows)
    x = resq_qones(b, c->first + unit);
  return x;
}

/// A warp's sums to its tile's, and zero.
RESQ_INLINE void resq_qadd_up(const resq_qwork *w, int32_t (*acc)[RESQ_QMOST_COLUMN_TILES][4],
                              uint32_t slot, int lane) {
  const int columns = (int)resq_qcolumns(&w->plan), tiles = (columns + 7) / 8;
  RESQ_UNROLL
  for (int t = 0; t < tiles; ++t)
    RESQ_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int column = 8 * t + 2 * (lane & 3) + (i & 1);
    if (column < columns)
      resq_shared_add(slot +
                          4 * (uint32_t)(column * RESQ_QCOLUMN_WORDS + (lane >> 2) + 8 * (i >> 1)),
                      acc[0][t][i] + acc[1][t][i]);
    acc[0][t][i] = acc[1][t][i] = 0;
  }
}

/// Sums that a warp has of each column, so that products need not wait for each other; where there are other
/// products or lookups between, a second only costs registers.
RESQ_INLINE int64_t resq_qsum_sets(const resq_qwork *w) {
  return resq_qcolumns(&w->plan) <= 8 && !resq_qrings_at(w) ? 2 : 1;
}

/// What a warp has of a tile.
typedef struct resq_qtile {
  /// Of group `slot`, none where that is below 0; the second set is 0 where there is one.
  int32_t acc[2][RESQ_QMOST_COLUMN_TILES][4];
  int32_t slot;
  uint32_t sums;          ///< the tile's, in shared memory
  uint32_t empty, parity; ///< who waits for these may add to them
  bool may_add;
} resq_qtile;

RESQ_INLINE void resq_qmay_add(resq_qtile *t) {
  if (!t->may_add)
    resq_mbarrier_wait(t->empty, t->parity);
  t->may_add = true;
}
RESQ_INLINE void resq_qflush(const resq_qwork *w, resq_qtile *t, int lane) {
  resq_qmay_add(t);
  if (t->slot >= 0)
    resq_qadd_up(w, t->acc,
                 t->sums + (uint32_t)(t->slot * resq_qcolumns(&w->plan) * RESQ_QCOLUMN_WORDS * 4),
                 lane);
  t->slot = -1;
}

/// The products of a chunk of branch i, which has `units` in each of its groups, a constant, once it has landed at
/// `at`. Codes of rows are on their way before that.
RESQ_INLINE void resq_qmultiply(const resq_qwork *w, int i, const resq_qchunk *c, int units,
                                int64_t rows, uint32_t at, uint32_t barrier, uint32_t parity,
                                int lane, resq_qtile *tile) {
  const resq_qshape *b = &w->branch[i];
  const int steps = (int)resq_qsteps(units), groups = (int)resq_qtogether(w, i);
  const int tiles = (int)(resq_qcolumns(&w->plan) - (b->abits == 8 ? 0 : 1) + 7) / 8;
  const int sets = (int)resq_qsum_sets(w);
  resq_u32x2 x[RESQ_QMOST_STEPS][RESQ_QMOST_COLUMN_TILES];
  RESQ_UNROLL
  for (int s = 0; s < groups * steps; ++s)
    RESQ_UNROLL
  for (int t = 0; t < tiles; ++t)
    if (s / steps < c->groups)
      x[s][t] =
          resq_qcolumn(w, b, c, c->codes + s / steps * units * 8, units, s % steps, t, rows, lane);
  resq_mbarrier_wait(barrier, parity);
  RESQ_UNROLL
  for (int s = 0; s < groups * steps; ++s) {
    const int j = s / steps, first = s % steps * RESQ_QSTEP_UNITS;
    if (j >= c->groups)
      continue;
    if (first == 0 && c->slot + j != tile->slot) {
      resq_qflush(w, tile, lane);
      tile->slot = c->slot + j;
    }
    const int left = units - first;
    const resq_qweights v =
        resq_qweights_of(b, at + (uint32_t)((j * units + first) * resq_qunit_bytes(b)),
                         left < RESQ_QSTEP_UNITS ? left : RESQ_QSTEP_UNITS, lane);
    RESQ_UNROLL
    for (int t = 0; t < tiles; ++t)
      resq_mma_s8(tile->acc[s % sets][t], v.a[0], v.a[1], v.a[2], v.a[3], x[s][t][0], x[s][t][1]);
  }
}

//===-- The f32 steps of a tile -------------------------------------------===//

/// Scales and shifts of rows to shared memory; who waits for a tile's sums finds them.
RESQ_INLINE void resq_qstage_metas(const resq_qwork *w, int64_t rows) {
  const uint32_t at = resq_dynamic_shared() + (uint32_t)resq_qmetas_at(w);
  const int64_t slots = resq_qslots(w), before = resq_qgroups_of(&w->branch[0]);
  for (int64_t i = resq_thread(); i < rows * slots; i += w->plan.warps * RESQ_WARP) {
    const int64_t row = i / slots, slot = i % slots;
    const resq_quant_meta *meta = slot < before
                                      ? &w->branch[0].meta[row * before + slot]
                                      : &w->branch[1].meta[row * (slots - before) + slot - before];
    const uint32_t scale = resq_load(&meta->scale), shift = resq_load(&meta->shift);
    resq_shared_store(at + 8 * (uint32_t)i, scale);
    resq_shared_store(at + 8 * (uint32_t)i + 4, shift);
  }
}

/// t of qlinear_shape.h of group g: the exact sum times the activation's scale.
RESQ_INLINE float resq_qgroup_value(const resq_qwork *w, int i, uint32_t sums, int64_t row,
                                    int64_t g, int place) {
  const resq_qshape *b = &w->branch[i];
  const int64_t slot = g + (i ? resq_qgroups_of(&w->branch[0]) : 0);
  const resq_u32x2 meta = resq_shared_load_x2(resq_dynamic_shared() + (uint32_t)resq_qmetas_at(w) +
                                              8 * (uint32_t)(row * resq_qslots(w) + slot));
  const uint32_t at =
      sums + 4 * (uint32_t)(slot * resq_qcolumns(&w->plan) * RESQ_QCOLUMN_WORDS + place);
  const int down =
      b->wbits <= 4 && !b->trellis ? 4 : 0; // those sums are 16 times what they stand for
  int32_t sum = (int32_t)resq_shared_load(at + 4 * (uint32_t)(row * RESQ_QCOLUMN_WORDS)) >> down;
  if (b->abits == 8)
    sum +=
        (int32_t)meta[1] *
        ((int32_t)resq_shared_load(at + 4 * (uint32_t)(w->plan.rows * RESQ_QCOLUMN_WORDS)) >> down);
  return (float)sum * resq_float_of(meta[0]);
}

enum { RESQ_QGROUPS_AT_ONCE = 8 }; ///< whose loads are under way together

/// y + the product of branch i.
RESQ_INLINE float resq_qbranch_value(const resq_qwork *w, int i, uint32_t sums, int64_t tile,
                                     int64_t row, int channel, float y) {
  const resq_qshape *b = &w->branch[i];
  const int place = channel / 2 + 8 * (channel % 2);
  float part = 0;
  for (int64_t from = 0; from < resq_qgroups(b); from += RESQ_QGROUPS_AT_ONCE)
    RESQ_UNROLL
  for (int64_t g = from; g < from + RESQ_QGROUPS_AT_ONCE; ++g) {
    if (g >= resq_qgroups(b))
      continue;
    const float t = resq_qgroup_value(w, i, sums, row, g, place);
    if (!resq_qscale_per_row(b))
      y += resq_f32_from_bf16(resq_qscales(b, tile, g)[channel]) * t;
    else
      part = g > 0 ? part + t : t;
  }
  if (resq_qscale_per_row(b))
    y += resq_f32_from_bf16(resq_qscales(b, tile, 0)[channel]) * part;
  return y;
}

/// Rows of a tile by `threads`, of which this is number `me`.
RESQ_INLINE void resq_qfinish(const resq_qwork *w, uint32_t sums, int64_t tile, const float *bias,
                              float *y, int64_t rows, int64_t ldy, int me, int threads) {
  RESQ_UNROLL
  for (int k = 0; k < (w->plan.rows * RESQ_TILE_N + threads - 1) / threads; ++k) {
    const int i = k * threads + me, channel = i % RESQ_TILE_N;
    const int64_t row = i / RESQ_TILE_N, n = tile * RESQ_TILE_N + channel;
    if (row >= rows || n >= w->branch[0].n)
      continue;
    float value = bias ? bias[n] : 0.0f;
    value = resq_qbranch_value(w, 0, sums, tile, row, channel, value);
    if (w->branch[1].k)
      value = resq_qbranch_value(w, 1, sums, tile, row, channel, value);
    y[row * ldy + n] = value;
  }
}
RESQ_INLINE void resq_qclear_sums(const resq_qwork *w, uint32_t sums, int me, int threads) {
  for (uint32_t i = 4 * (uint32_t)me; i < resq_qsums_bytes(w); i += 4 * (uint32_t)threads)
    resq_shared_store(sums + i, 0);
}

/// Scales of a block's tiles on their way to the L2 cache, where there is one for a row.
RESQ_INLINE void resq_qprefetch_scales(const resq_qwork *w, int64_t begin, int32_t count) {
  RESQ_UNROLL
  for (int i = 0; i < 2; ++i)
    if (w->branch[i].k && resq_qscale_per_row(&w->branch[i]))
      for (int64_t t = resq_thread(); t < count; t += w->plan.warps * RESQ_WARP)
        resq_prefetch(resq_qscales(&w->branch[i], begin + t, 0));
}

/// A chunk on its way to shared memory.
RESQ_INLINE void resq_qcopy(const resq_qchunk *c, uint32_t to, uint32_t barrier) {
  resq_mbarrier_expect(barrier, c->bytes);
  resq_bulk_copy_once(to, c->from, c->bytes, barrier);
}

//===-- The kernel --------------------------------------------------------===//

/// The branches and the other arguments of resq_qlinear; plan.rows is at least rows. All but pointers and rows is constant.
RESQ_INLINE void resq_qlinear_fast(const resq_qshape *a, const resq_qshape *b, const float *bias,
                                   float *y, int64_t rows, int64_t ldy, resq_qplan plan) {
  resq_qwork w = {{*a, *b}, plan};
  if (!b->k)
    w.branch[1].group = 1; // of no inputs
  const int64_t n = a->n, warps = plan.warps, stages = plan.stages, units = plan.units;
  const int lane = resq_thread() % RESQ_WARP, warp = resq_thread() / RESQ_WARP;
  const uint32_t shared = resq_dynamic_shared();
  resq_let_next_launch_start();

  const int64_t tiles = resq_qtiles(n), begin = tiles * resq_block_x() / resq_blocks_x();
  const int32_t count = (int32_t)(tiles * (resq_block_x() + 1) / resq_blocks_x() - begin);
  const int32_t per = (int32_t)(resq_qbranch_chunks(&w, 0) + resq_qbranch_chunks(&w, 1));
  const uint32_t chunk_bytes = (uint32_t)(64 * units);
  const uint32_t ring = shared + (uint32_t)(resq_qrings_at(&w) + warp * resq_qring_bytes(&w));
  const uint32_t bars = shared + (uint32_t)(resq_qbarriers_at(&w) + 8 * warp * stages);
  const uint32_t full = shared + (uint32_t)(resq_qbarriers_at(&w) + 8 * warps * stages);
  const uint32_t empty = full + 8 * RESQ_QMOST_COPIES;
  const int32_t copies = (int32_t)resq_qcopies(&w), step = (int32_t)warps;
  const bool together = resq_qfinish_together(&w);

  if (lane == 0) {
    for (int s = 0; s < stages; ++s)
      resq_mbarrier_init(bars + 8 * (uint32_t)s, 1);
    if (warp == 0)
      RESQ_UNROLL
    for (int i = 0; i < RESQ_QMOST_COPIES; ++i) {
      resq_mbarrier_init(full + 8 * (uint32_t)i, (uint32_t)warps);
      resq_mbarrier_init(empty + 8 * (uint32_t)i, 1);
    }
    resq_mbarrier_init_fence();
  }
  int32_t ahead = warp, ahead_tile = 0; // what is copied next
  for (uint32_t s = 0; s < stages; ++s) {
    for (; ahead >= per; ahead -= per)
      ++ahead_tile;
    if (lane == 0 && ahead_tile < count) {
      const resq_qchunk c = resq_qchunk_at(&w, begin + ahead_tile, ahead);
      resq_qcopy(&c, ring + chunk_bytes * s, bars + 8 * s);
    }
    ahead += step;
  }
  resq_qprefetch_scales(&w, begin, count);
  if (resq_qrings_at(&w))
    resq_qmake_table((int)warps * RESQ_WARP);
  for (int64_t i = resq_thread(); i < copies * resq_qsums_bytes(&w) / 4; i += warps * RESQ_WARP)
    resq_shared_store(shared + (uint32_t)(resq_qsums_at(&w) + 4 * i), 0);
  resq_sync_block();
  resq_wait_for_launches();

  resq_qstage_metas(&w, rows);

  int32_t next = warp; // chunk of the tile
  uint32_t stage = 0, parity = 0;
  for (int32_t tile = 0; tile < count; ++tile) {
    const uint32_t copy = (uint32_t)(tile % copies), round = (uint32_t)(tile / copies);
    resq_qtile mine = {.slot = -1,
                       .sums = shared + (uint32_t)(resq_qsums_at(&w) + copy * resq_qsums_bytes(&w)),
                       .empty = empty + 8 * copy,
                       .parity = (round - 1) & 1,
                       .may_add = together || tile < copies};
    for (; next < per; next += step) {
      const resq_qchunk c = resq_qchunk_at(&w, begin + tile, next);
      const uint32_t at = ring + chunk_bytes * stage, bar = bars + 8 * stage;
      RESQ_UNROLL
      for (int i = 0; i < 2; ++i) {
        if (c.second != i || !w.branch[i].k)
          continue;
        const int whole = (int)resq_qchunk_units(&w, i);
        const int rest = (int)(resq_qunits(&w.branch[i]) % whole);
        if (rest == 0 || c.units == whole)
          resq_qmultiply(&w, i, &c, whole, rows, at, bar, parity, lane, &mine);
        else
          resq_qmultiply(&w, i, &c, rest, rows, at, bar, parity, lane, &mine);
      }
      resq_sync_warp();
      for (; ahead >= per; ahead -= per)
        ++ahead_tile;
      if (lane == 0 && ahead_tile < count) {
        const resq_qchunk later = resq_qchunk_at(&w, begin + ahead_tile, ahead);
        resq_qcopy(&later, at, bar);
      }
      ahead += step;
      stage = stage + 1 == stages ? 0 : stage + 1;
      parity ^= stage == 0;
    }
    next -= per;
    resq_qflush(&w, &mine,
                lane); // waits: nor may a warp arrive before the tile that had this copy is done
    if (together) {
      const int threads = step * RESQ_WARP;
      resq_sync_block();
      resq_qfinish(&w, mine.sums, begin + tile, bias, y, rows, ldy, resq_thread(), threads);
      resq_sync_block();
      resq_qclear_sums(&w, mine.sums, resq_thread(), threads);
      resq_sync_block();
      continue;
    }
    resq_sync_warp();
    if (lane == 0)
      resq_mbarrier_arrive(full + 8 * copy);
    if (warp != tile % step)
      continue;
    resq_mbarrier_wait(full + 8 * copy, round & 1);
    resq_qfinish(&w, mine.sums, begin + tile, bias, y, rows, ldy, lane, RESQ_WARP);
    resq_sync_warp();
    resq_qclear_sums(&w, mine.sums, lane, RESQ_WARP);
    resq_sync_warp();
    if (lane == 0)
      resq_mbarrier_arrive(empty + 8 * copy);
  }
}

#endif // RESQ_KERNELS_NVPTX_QLINEAR_FAST_H
