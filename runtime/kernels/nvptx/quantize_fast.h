//===-- quantize_fast.h - resq_quantize, a block for each row -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Codes, scales and sums equal level "generic" bit for bit: extremes and sums of integers need no order,
// the rest is the arithmetic of quantize_range.h. Where a range is long, the block looks for its
// extremes together, else warps take ranges in turns. The threads of a block are a constant, a multiple
// of 32 up to 1,024, so that loops have known lengths and their loads are under way together (loops
// whose length is not known stay rolled: collectives must not be cloned into remainders).
// RESQ_QUANTIZE_SHARED bytes of shared memory.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_QUANTIZE_FAST_H
#define RESQ_KERNELS_NVPTX_QUANTIZE_FAST_H

#include "kernels/quantize_range.h"
#include "elements.h"

/// Threads that take a range together: `threads` of which this is number `me`.
typedef struct resq_team {
  int me, threads;
  uint32_t shared; ///< of the block's warps; not used by a team of one warp
} resq_team;

/// The smallest and the largest of what the lanes of a warp bring, in all of them.
RESQ_INLINE void resq_warp_extremes(float *low, float *high) {
  RESQ_UNROLL
  for (int distance = RESQ_WARP / 2; distance > 0; distance /= 2) {
    const float l = resq_shuffle_xor_f32(*low, distance), h = resq_shuffle_xor_f32(*high, distance);
    *low = l < *low ? l : *low;
    *high = h > *high ? h : *high;
  }
}
/// The same of a team.
RESQ_INLINE void resq_team_extremes(resq_team t, float *low, float *high) {
  const int lane = t.me % RESQ_WARP, warp = t.me / RESQ_WARP;
  resq_warp_extremes(low, high);
  if (t.threads == RESQ_WARP)
    return;
  if (lane == 0) {
    resq_shared_store_f32(t.shared + 8 * (uint32_t)warp, *low);
    resq_shared_store_f32(t.shared + 8 * (uint32_t)warp + 4, *high);
  }
  resq_sync_block();
  if (lane < t.threads / RESQ_WARP) {
    *low = resq_shared_load_f32(t.shared + 8 * (uint32_t)lane);
    *high = resq_shared_load_f32(t.shared + 8 * (uint32_t)lane + 4);
  }
  resq_warp_extremes(low, high);
}

/// The sum of what the team's threads bring, in its first thread. A barrier of the block comes before the
/// next use of the team's memory.
RESQ_INLINE int32_t resq_team_sum(resq_team t, int32_t v) {
  const uint32_t sums = t.shared + 8 * 32;
  v = resq_warp_add(v);
  if (t.threads == RESQ_WARP)
    return v;
  if (t.me % RESQ_WARP == 0)
    resq_shared_store(sums + 4 * (uint32_t)(t.me / RESQ_WARP), (uint32_t)v);
  resq_sync_block();
  if (t.me < RESQ_WARP)
    v = resq_warp_add(
        t.me < t.threads / RESQ_WARP ? (int32_t)resq_shared_load(sums + 4 * (uint32_t)t.me) : 0);
  resq_sync_block();
  return v;
}

/// A stored code, and what it takes from x.
RESQ_INLINE int32_t resq_quantize_one(float x, resq_range r) {
  int32_t code = (int32_t)resq_rne(resq_limit_quotient(x / r.scale)) + r.zero;
  code = code < 0 ? 0 : code > r.top ? r.top : code;
  return code - r.base;
}

enum { RESQ_QUANTIZE_HELD = 16 };

/// A range that is a group, of at most RESQ_QUANTIZE_HELD elements `v` for each thread of the team: element
/// me + k * threads is v[k], 0 behind the last.
RESQ_INLINE void resq_quantize_held(resq_team t, const float *v, int8_t *codes,
                                    resq_quant_meta *meta, int64_t group, int64_t bits,
                                    float clip) {
  const int each = (int)((group + t.threads - 1) / t.threads);
  float low = 0.0f, high = 0.0f;
  RESQ_UNROLL
  for (int k = 0; k < each; ++k) {
    low = v[k] < low ? v[k] : low;
    high = v[k] > high ? v[k] : high;
  }
  resq_team_extremes(t, &low, &high);
  const resq_range r = resq_range_of(low, high, bits, clip);
  int32_t sum = 0;
  RESQ_UNROLL
  for (int k = 0; k < each; ++k) {
    const int64_t i = t.me + (int64_t)k * t.threads;
    const int32_t code = i < group ? resq_quantize_one(v[k], r) : 0;
    if (i < resq_round_up(group, 8))
      codes[i] = (int8_t)code;
    sum += code;
  }
  for (int64_t i = t.me + (int64_t)each * t.threads; i < resq_round_up(group, 8); i += t.threads)
    codes[i] = 0;
  sum = resq_team_sum(t, sum);
  if (t.me == 0)
    *meta = resq_range_meta(r, sum);
}

/// Groups of one range: codes and metas, padding included.
RESQ_INLINE void resq_quantize_range_fast(resq_team t, const float *x, int8_t *codes,
                                          resq_quant_meta *meta, int64_t group, int64_t range,
                                          int64_t bits, float clip) {
  const int64_t padded = resq_round_up(group, 8);
  if (range == group && range <= (int64_t)RESQ_QUANTIZE_HELD * t.threads) {
    float v[RESQ_QUANTIZE_HELD];
    RESQ_UNROLL
    for (int k = 0; k < (int)((range + t.threads - 1) / t.threads); ++k) {
      const int64_t i = t.me + (int64_t)k * t.threads;
      v[k] = i < range ? x[i] : 0.0f;
    }
    resq_quantize_held(t, v, codes, meta, group, bits, clip);
    return;
  }
  float low = 0.0f, high = 0.0f;
  for (int64_t i = t.me; i < range; i += t.threads) {
    low = x[i] < low ? x[i] : low;
    high = x[i] > high ? x[i] : high;
  }
  resq_team_extremes(t, &low, &high);
  const resq_range r = resq_range_of(low, high, bits, clip);
  for (int64_t g = 0; g < range / group; ++g) {
    int32_t sum = 0;
    for (int64_t i = t.me; i < padded; i += t.threads) {
      const int32_t code = i < group ? resq_quantize_one(x[g * group + i], r) : 0;
      codes[g * padded + i] = (int8_t)code;
      sum += code;
    }
    sum = resq_team_sum(t, sum);
    if (t.me == 0)
      meta[g] = resq_range_meta(r, sum);
  }
}

/// The ranges [begin, end) of a row by the whole block, of `threads` threads; with the last what is behind
/// the codes.
RESQ_INLINE void resq_quantize_row_fast(const float *x, int8_t *codes, resq_quant_meta *meta,
                                        int64_t width, int64_t group, int64_t range, int64_t bits,
                                        float clip, uint32_t shared, int threads, int64_t begin,
                                        int64_t end) {
  const int thread = resq_thread();
  const int64_t padded = resq_round_up(group, 8), groups = range / group;
  const bool together = range >= RESQ_QUANTIZE_LONG;
  const resq_team team = {together ? thread : thread % RESQ_WARP, together ? threads : RESQ_WARP,
                          shared};
  const int64_t first = together ? 0 : thread / RESQ_WARP, by = together ? 1 : threads / RESQ_WARP;
  for (int64_t i = begin + first; i < end; i += by)
    resq_quantize_range_fast(team, x + i * range, codes + i * groups * padded, meta + i * groups,
                             group, range, bits, clip);
  for (int64_t i = width / group * padded + thread;
       end == width / range && i < resq_code_stride(width, group); i += threads)
    codes[i] = 0;
}

RESQ_INLINE void resq_quantize_fast(const float *x, const float *clip_by, int8_t *codes,
                                    resq_quant_meta *meta, int64_t rows, int64_t ldx, int64_t width,
                                    int64_t group, int64_t range, int64_t bits, float clip,
                                    resq_part part) {
  const int64_t cuts = part.units ? part.units : 1, ranges = width / range / cuts;
  const resq_turns turns = resq_turns_of(part, rows, cuts, 1);
  resq_let_next_launch_start();
  if (clip_by)
    clip = *clip_by;
  resq_wait_for_launches();
  for (int64_t i = turns.first; i < turns.end; i += turns.step) {
    const int64_t r = i / cuts, begin = i % cuts * ranges;
    resq_quantize_row_fast(x + r * ldx, codes + r * resq_code_stride(width, group),
                           meta + r * (width / group), width, group, range, bits, clip,
                           resq_dynamic_shared(), part.threads, begin, begin + ranges);
  }
}

#endif // RESQ_KERNELS_NVPTX_QUANTIZE_FAST_H
