//===-- qlinear_cuda.c - quantized linears --------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Few rows on chips of 9.0 and later: qlinear_fast.h. What that does not take: a block owns a tile of 16 channels, its warps share the inputs and add their exact sums up in shared
// memory, where a slot is a group of a branch; then each thread takes the f32 steps of a row and a channel.
// Many rows: qlinear_many.h.
//===----------------------------------------------------------------------===//
#include "qlinear_many.h"
#if RESQ_SM >= 90
#include "qlinear_fast.h"
#endif

//===-- Few rows ----------------------------------------------------------===//

enum {
  FEW_WARPS = RESQ_QFEW_THREADS / 32,
  FEW_AT_ONCE = 4, ///< steps whose loads are under way together
  FEW_GROUPS = 4,  ///< groups, likewise
};

/// A warp's sums of a slot, which has columns of 16 channels: rows, then sums of weights.
typedef struct resq_qfew_sums {
  int32_t rows[RESQ_GPU_FEW_ROWS / 8][4], weights[4];
} resq_qfew_sums;

/// To the slot at `slot`, which has so many rows, and zero.
RESQ_INLINE void resq_qfew_flush(const resq_qshape *b, resq_qfew_sums *s, uint32_t slot,
                                 int64_t rows, int lane) {
  const int g = lane >> 2, q = lane & 3;
  RESQ_UNROLL
  for (int t = 0; t < RESQ_GPU_FEW_ROWS / 8; ++t)
    RESQ_UNROLL
  for (int i = 0; i < 4; ++i) {
    const int column = 8 * t + 2 * q + i % 2, channel = 2 * g + i / 2;
    if (column < rows)
      resq_shared_add(slot + 4 * (uint32_t)(column * RESQ_TILE_N + channel), s->rows[t][i]);
    s->rows[t][i] = 0;
  }
  RESQ_UNROLL
  for (int i = 0; i < 4; i += 2) {
    const int channel = 2 * g + i / 2; // all columns are the same
    if (b->abits == 8 && q == 0)
      resq_shared_add(slot + 4 * (uint32_t)(RESQ_GPU_FEW_ROWS * RESQ_TILE_N + channel),
                      s->weights[i]);
  }
  RESQ_UNROLL
  for (int i = 0; i < 4; ++i)
    s->weights[i] = 0;
}

/// The sums of groups [begin, end) of a branch to slots from `slots` on, by all warps.
RESQ_INLINE void resq_qfew_multiply(const resq_qshape *b, int64_t tile, int64_t row, int64_t rows,
                                    int64_t begin, int64_t end, uint32_t slots, uint32_t table) {
  const int lane = resq_thread() % RESQ_WARP, warp = resq_thread() / RESQ_WARP;
  const int64_t steps = resq_qgroup_steps(b), all = (end - begin) * steps;
  const int64_t last = all * (warp + 1) / FEW_WARPS;
  resq_qfew_sums sums = {{{0}}, {0}};
  int64_t slot = -1;
  for (int64_t first = all * warp / FEW_WARPS; first < last; first += FEW_AT_ONCE) {
    resq_qraw raw[FEW_AT_ONCE];
    resq_u32x2 x[FEW_AT_ONCE][RESQ_GPU_FEW_ROWS / 8];
    RESQ_UNROLL
    for (int k = 0; k < FEW_AT_ONCE; ++k) {
      const int64_t at = first + k < last ? first + k : first, g = begin + at / steps;
      raw[k] = resq_qstep_load(b, resq_qweight(b, tile, g), at % steps, lane);
      RESQ_UNROLL
      for (int t = 0; t < RESQ_GPU_FEW_ROWS / 8; ++t)
        x[k][t] = resq_qactivations(b, row + 8 * t, rows, g, at % steps, lane);
    }
    RESQ_UNROLL
    for (int k = 0; k < FEW_AT_ONCE; ++k) {
      if (first + k >= last)
        continue; // the whole warp
      const int64_t at = first + k;
      if (at / steps != slot) {
        if (slot >= 0)
          resq_qfew_flush(b, &sums, slots + 4 * (uint32_t)(slot * RESQ_QFEW_COLUMNS * RESQ_TILE_N),
                          rows - row, lane);
        slot = at / steps;
      }
      const resq_qints v = resq_qdecode(b, &raw[k], table, 1, lane);
      RESQ_UNROLL
      for (int t = 0; t < RESQ_GPU_FEW_ROWS / 8; ++t)
        if (row + 8 * t < rows) // for all lanes
          resq_qproduct(sums.rows[t], &v, x[k][t]);
      if (b->abits == 8)
        resq_qproduct(sums.weights, &v, resq_qsum_of_weights(b, at % steps, lane));
    }
  }
  if (slot >= 0)
    resq_qfew_flush(b, &sums, slots + 4 * (uint32_t)(slot * RESQ_QFEW_COLUMNS * RESQ_TILE_N),
                    rows - row, lane);
}

/// y += the branch's product of one row and channel, the thread's.
RESQ_INLINE float resq_qfew_branch(const resq_qshape *b, int64_t tile, int64_t row, int64_t rows,
                                   int64_t at_once, uint32_t slots, uint32_t table, float y) {
  const int64_t own = row + resq_thread() / RESQ_TILE_N, c = resq_thread() % RESQ_TILE_N;
  const uint32_t each = 4 * RESQ_QFEW_COLUMNS * RESQ_TILE_N;
  resq_qresult result = {0.0f, y};
  for (int64_t begin = 0; begin < resq_qgroups(b); begin += at_once) {
    const int64_t left = resq_qgroups(b) - begin, count = left < at_once ? left : at_once;
    for (uint32_t at = 4 * (uint32_t)resq_thread(); at < count * each; at += 4 * RESQ_QFEW_THREADS)
      resq_shared_store(slots + at, 0);
    resq_sync_block();
    resq_qfew_multiply(b, tile, row, rows, begin, begin + count, slots, table);
    resq_sync_block();
    for (int64_t first = 0; first < count && own < rows; first += FEW_GROUPS) {
      resq_qscaling by[FEW_GROUPS];
      float scales[FEW_GROUPS];
      RESQ_UNROLL
      for (int k = 0; k < FEW_GROUPS; ++k) {
        const int64_t g = first + k < count ? begin + first + k : begin;
        by[k] = resq_qscaling_of(b, own, g);
        scales[k] = resq_qweight_scale(b, tile * RESQ_TILE_N + c, g);
      }
      RESQ_UNROLL
      for (int k = 0; k < FEW_GROUPS; ++k) {
        if (first + k >= count)
          continue;
        const uint32_t slot = slots + each * (uint32_t)(first + k);
        const uint32_t column = 4 * (uint32_t)((own - row) * RESQ_TILE_N + c);
        const uint32_t weights = 4 * (uint32_t)(RESQ_GPU_FEW_ROWS * RESQ_TILE_N + c);
        resq_qadd_group(b, begin + first + k, by[k], (int32_t)resq_shared_load(slot + column),
                        b->abits == 8 ? (int32_t)resq_shared_load(slot + weights) : 0, scales[k],
                        &result);
      }
    }
    resq_sync_block();
  }
  return result.y;
}

RESQ_INLINE void resq_qlinear_few(const resq_qshape *a, const resq_qshape *b, const float *bias,
                                  float *y, int64_t rows, int64_t ldy, int64_t at_once) {
  const uint32_t table = resq_dynamic_shared(), slots = table + RESQ_QTABLE;
  const int64_t tiles = resq_qtiles(a->n), down = resq_plan_ceil(rows, RESQ_GPU_FEW_ROWS);
  for (int64_t item = resq_block_x(); item < tiles * down; item += resq_blocks_x()) {
    const int64_t tile = item % tiles, row = item / tiles * RESQ_GPU_FEW_ROWS;
    const int64_t own = row + resq_thread() / RESQ_TILE_N;
    const int64_t channel = tile * RESQ_TILE_N + resq_thread() % RESQ_TILE_N;
    float value = bias && channel < a->n ? bias[channel] : 0.0f;
    value = resq_qfew_branch(a, tile, row, rows, at_once, slots, table, value);
    if (b->k)
      value = resq_qfew_branch(b, tile, row, rows, at_once, slots, table, value);
    if (own < rows && channel < a->n)
      y[own * ldy + channel] = value;
  }
}

//===-- The kernel --------------------------------------------------------===//

void RESQ_KERNEL(resq_qlinear)(const int8_t *codes_a, const resq_quant_meta *meta_a,
                               const uint8_t *weight_a, const int8_t *codes_b,
                               const resq_quant_meta *meta_b, const uint8_t *weight_b,
                               const float *bias, float *y, int64_t rows, int64_t ldy, int64_t n,
                               int64_t k_a, int64_t group_a, int64_t wgroup_a, int64_t abits_a,
                               int64_t wbits_a, int64_t trellis_a, int64_t k_b, int64_t group_b,
                               int64_t wgroup_b, int64_t abits_b, int64_t wbits_b,
                               int64_t trellis_b, int64_t variant, uint8_t *scratch) {
  const resq_qlinear_shape s = {ldy,       n,   k_a,     group_a,  wgroup_a, abits_a, wbits_a,
                                trellis_a, k_b, group_b, wgroup_b, abits_b,  wbits_b, trellis_b};
  const resq_qshape a = {codes_a, meta_a,   weight_a, n,       k_a,
                         group_a, wgroup_a, abits_a,  wbits_a, trellis_a};
  const resq_qshape b = {codes_b, meta_b,   weight_b, n,       k_b,
                         group_b, wgroup_b, abits_b,  wbits_b, trellis_b};
  (void)scratch;
#if RESQ_SM >= 90 // the plan of other chips never says so
  if (variant % 4 == RESQ_QLINEAR_FAST) {
    const resq_qfast_cut c = resq_qfast_of_variant(variant);
    if (rows == 1)
      resq_qlinear_fast(&a, &b, bias, y, rows, ldy,
                        (resq_qplan){1, c.warps, RESQ_QFAST_STAGES, c.units_of_one});
    else
      resq_qlinear_fast(&a, &b, bias, y, rows, ldy,
                        (resq_qplan){RESQ_GPU_FEW_ROWS, c.warps, RESQ_QFAST_STAGES, c.units});
    return;
  }
#endif
  if (variant != RESQ_QLINEAR_FEW) {
    resq_qlinear_many(&a, &b, bias, y, rows, ldy, resq_qmany_of_variant(variant));
    return;
  }
  if (trellis_a || trellis_b) {
    resq_qtable_fill(resq_dynamic_shared(), &a, &b, 1);
    resq_sync_block();
  }
  resq_begin();
  resq_qlinear_few(&a, &b, bias, y, rows, ldy, resq_qlinear_slots_at_once(&s));
}
