//===-- quantize_e4m3_cuda.c - E4M3 activation codes ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A block is a row. Where a group is long, its threads look for the peak together, else warps take groups in
// turns.
//===----------------------------------------------------------------------===//
#include "elements.h"
#include "kernels/e4m3.h"
#include "quantize_fast.h"

RESQ_INLINE void resq_quantize_e4m3_group(resq_team t, const float *x, uint8_t *codes, float *scale,
                                          int64_t group) {
  float low = 0.0f, peak = 0.0f;
  for (int64_t i = t.me; i < group; i += t.threads) {
    const float magnitude = resq_float_of(resq_bits_of(x[i]) & 0x7fffffffu);
    peak = magnitude > peak ? magnitude : peak;
  }
  resq_team_extremes(t, &low, &peak);
  const float own = resq_e4m3_scale(peak);
  for (int64_t i = t.me; i < resq_round_up(group, 8); i += t.threads)
    codes[i] = i < group ? resq_e4m3_from_f32(x[i] / own) : 0;
  if (t.me == 0)
    *scale = own;
}

void RESQ_KERNEL(resq_quantize_e4m3)(const float *x, uint8_t *codes, float *scales, int64_t rows,
                                     int64_t ldx, int64_t width, int64_t group, int64_t variant,
                                     uint8_t *scratch, int64_t threads, int64_t unit,
                                     int64_t units) {
  const resq_part part = {(int)threads, unit, units};
  const int thread = resq_thread();
  const int64_t padded = resq_round_up(group, 8), stride = resq_code_stride(width, group);
  const bool together = group >= RESQ_QUANTIZE_LONG;
  const resq_team team = {together ? thread : thread % RESQ_WARP,
                          together ? (int)threads : RESQ_WARP, resq_dynamic_shared()};
  const int64_t first = together ? 0 : thread / RESQ_WARP, by = together ? 1 : threads / RESQ_WARP;
  const int64_t cuts = units ? units : 1, groups = width / group / cuts;
  const resq_turns turns = resq_turns_of(part, rows, cuts, 1);
  (void)variant, (void)scratch;
  resq_begin();
  for (int64_t at = turns.first; at < turns.end; at += turns.step) {
    const int64_t r = at / cuts, begin = at % cuts * groups, end = begin + groups;
    for (int64_t g = begin + first; g < end; g += by) {
      resq_quantize_e4m3_group(team, x + r * ldx + g * group, codes + r * stride + g * padded,
                               scales + r * (width / group) + g, group);
      if (together)
        resq_sync_block(); // before the team's memory is used again
    }
    for (int64_t i = width / group * padded + thread; end == width / group && i < stride;
         i += threads)
      codes[r * stride + i] = 0;
  }
}
