//===-- decode_ring.h - a linear of 4-bit ring codes at 1 to 16 rows ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel of one variant: one that includes this has defined NAME and ROWS (1, 4, 8, 16), and
// for 1 and 4 rows MERGED (1: two inputs to a register, 0: one). docs/gpu-measurements.md says what
// was measured of it.
//
// Work is units of 2 KB, 128 channels by 32 inputs, shared evenly among the blocks in the order of
// memory; a warp takes every eighth and copies two of them ahead. Int32 sums are exact in any
// order: shared memory first, then global memory, where the consumer finds them.
//===----------------------------------------------------------------------===//
#ifndef DECODE_RING_COMMON
#define DECODE_RING_COMMON

#include "nvptx/device.h"

enum {
  WARPS = 8,
  THREADS = WARPS * RESQ_WARP,
  STAGES = 2,
  UNIT = 2048,
  TABLE = 65536, ///< bytes of the pair table: 512 lines of a word, each 32 times
  SEGMENTS = 4,  ///< for one row: sums of so many channel blocks may be under way
};

/// Arguments, as decode_linear.cu has them.
typedef struct decode_arguments {
  const uint8_t *weights;
  const resq_u32x2 *x; ///< (step, row, q): inputs 4 q .. and 16 + 4 q .. of a step of 32
  const float *scale_high, *scale_low, *row_scale;
  float *out;
  int32_t *sums; ///< (channel block, high or low, element), zero before
  uint32_t *arrived;
  int32_t blocks, high, low; ///< channel blocks; steps of 8-bit and of 4-bit weights
  int32_t channels;
  const resq_u32x2 *zero; ///< 64 bytes
  const void *stream;
  int32_t flags;
} decode_arguments;

/// Words of the pair table: the weights of two neighbouring channels by the byte that holds their
/// codes.
extern uint32_t pair_lines[512];

/// A warp's walk over its units.
typedef struct walk {
  const uint8_t *next; ///< what is copied next
  uint32_t stages, bars;
  int32_t v, last; ///< unit, and where the block's end
  uint32_t count;
} walk;

RESQ_INLINE void copy_unit(uint32_t to, const uint8_t *from, uint32_t barrier) {
  resq_mbarrier_expect(barrier, UNIT);
  resq_bulk_copy_once(to, from, UNIT, barrier);
}

/// The next unit's 64 bytes of this lane; what follows it is on its way.
RESQ_INLINE void take_unit(walk *w, int lane, uint32_t *u) {
  const uint32_t stage = w->count % STAGES;
  resq_mbarrier_wait(w->bars + 8 * stage, w->count / STAGES % 2);
  RESQ_UNROLL
  for (int i = 0; i < 4; ++i) {
    const resq_u32x4 v = resq_shared_load_x4(w->stages + UNIT * stage + 512 * i + 16 * lane);
    RESQ_UNROLL
    for (int j = 0; j < 4; ++j)
      u[4 * i + j] = v[j];
  }
  resq_sync_warp();
  if (lane == 0 && w->v < w->last - STAGES * WARPS)
    copy_unit(w->stages + UNIT * stage, w->next, w->bars + 8 * stage);
  w->next += UNIT * WARPS;
  ++w->count;
}

/// The weights of pair p of a ring (lo, hi), channel 2 p in the lower byte; lane4: the lane's copy
/// of the table, which begins the launch's shared memory.
RESQ_INLINE uint32_t look_up(int p, uint32_t lo, uint32_t hi, uint32_t lane4) {
  const uint32_t x = p == 0   ? resq_shift_left(lo, hi, 8)
                     : p == 1 ? lo
                     : p == 2 ? lo >> 8
                     : p == 3 ? lo >> 16
                     : p == 4 ? resq_shift_left(hi, lo, 8)
                     : p == 5 ? hi
                     : p == 6 ? hi >> 8
                              : hi >> 16;
  return resq_shared_load_u16(resq_dynamic_shared(), (x & 0xff82) | lane4);
}

RESQ_INLINE void look_up_8(int p, const uint32_t *u, uint32_t lane4, uint32_t *e) {
  RESQ_UNROLL
  for (int i = 0; i < 8; ++i)
    e[i] = look_up(p, u[2 * i], u[2 * i + 1], lane4);
}

#endif // DECODE_RING_COMMON

//===-- Of one variant ----------------------------------------------------===//

#define ELEMENTS (128 * ROWS)
#define STUFFED (ROWS <= 4)        ///< columns of B are (row, channel parity)
#define N_TILES (ROWS > 8 ? 2 : 1) ///< of 8 columns
#define COPIES (ROWS == 1 ? SEGMENTS : 1)
#define SUMS TABLE
#define SUMS_BYTES (COPIES * 2 * ELEMENTS * 4)
#define STAGES_AT (SUMS + SUMS_BYTES)
#define BARS (STAGES_AT + WARPS * STAGES * UNIT)
#define CAT_(a, b) a##_##b
#define CAT(a, b) CAT_(a, b)
#define FUNCTION(name) CAT(name, NAME)

/// The row whose codes this lane feeds to B's tile t.
RESQ_INLINE int FUNCTION(row_of)(int g, int t) { return STUFFED ? g >> 1 : g + 8 * t; }

RESQ_INLINE void FUNCTION(load_x)(const decode_arguments *a, int step, int g, int q,
                                  resq_u32x2 *x) {
  RESQ_UNROLL
  for (int t = 0; t < N_TILES; ++t) {
    const int row = FUNCTION(row_of)(g, t);
    x[t] = resq_load_x2(row < ROWS ? a->x + ((int64_t)step * ROWS + row) * 4 + q : a->zero);
  }
}

RESQ_INLINE int FUNCTION(step_of)(const decode_arguments *a, int unit) {
  return unit < 2 * a->high ? unit >> 1 : unit - a->high;
}

/// Four pairs of 8-bit weights, as they are: half a unit's channels.
RESQ_INLINE void FUNCTION(multiply_high)(int32_t (*acc)[8][4], const uint32_t *u,
                                         const resq_u32x2 *x, int first) {
  RESQ_UNROLL
  for (int t = 0; t < N_TILES; ++t)
    RESQ_UNROLL
  for (int p = 0; p < 4;
       ++p) // a stuffed row stands in two columns, of which the second is not read
    resq_mma_s8(acc[t][first + p], u[4 * p], u[4 * p + 2], u[4 * p + 1], u[4 * p + 3], x[t][0],
                x[t][1]);
}

#if STUFFED
/// A unit of ring codes: pairs 2 p are rows g, 2 p + 1 rows g + 8; a lookup's two weights meet
/// their input in different columns, so that nothing is taken apart.
RESQ_INLINE void FUNCTION(multiply_low)(int32_t (*acc)[8][4], const uint32_t *u,
                                        const resq_u32x2 *x, int g, uint32_t lane4) {
  uint32_t b[8];
  RESQ_UNROLL
  for (int i = 0; i < (MERGED ? 4 : 8); ++i) {
    const uint32_t word = x[0][MERGED ? i / 2 : i / 4];
    const uint32_t even = MERGED ? (i % 2 ? 0x4342 : 0x4140) : 0x4440 | (i & 3);
    const uint32_t odd = MERGED ? (i % 2 ? 0x3424 : 0x1404) : 0x4404 | (i & 3) << 4;
    b[i] = resq_pick_bytes(word, 0, g & 1 ? odd : even);
  }
  RESQ_UNROLL
  for (int p = 0; p < 4; ++p) {
    uint32_t e[8], f[8];
    look_up_8(2 * p, u, lane4, e);
    look_up_8(2 * p + 1, u, lane4, f);
    RESQ_UNROLL
    for (int i = 0; i < 8; i += MERGED ? 4 : 2)
      if (MERGED)
        resq_mma_s8(acc[0][p], resq_merge_halves(e[i + 1], e[i]), resq_merge_halves(f[i + 1], f[i]),
                    resq_merge_halves(e[i + 3], e[i + 2]), resq_merge_halves(f[i + 3], f[i + 2]),
                    b[i / 2], b[i / 2 + 1]);
      else
        resq_mma_s8(acc[0][p], e[i], f[i], e[i + 1], f[i + 1], b[i], b[i + 1]);
  }
}
#else
RESQ_INLINE void FUNCTION(multiply_low)(int32_t (*acc)[8][4], const uint32_t *u,
                                        const resq_u32x2 *x, int g, uint32_t lane4) {
  (void)g;
  RESQ_UNROLL
  for (int p = 0; p < 8; ++p) {
    uint32_t e[8], m[4];
    look_up_8(p, u, lane4, e);
    RESQ_UNROLL
    for (int i = 0; i < 4; ++i)
      m[i] = resq_merge_halves(e[2 * i + 1], e[2 * i]);
    const uint32_t a0 = resq_pick_bytes(m[0], m[1], 0x6420),
                   a1 = resq_pick_bytes(m[0], m[1], 0x7531);
    const uint32_t a2 = resq_pick_bytes(m[2], m[3], 0x6420),
                   a3 = resq_pick_bytes(m[2], m[3], 0x7531);
    RESQ_UNROLL
    for (int t = 0; t < N_TILES; ++t)
      resq_mma_s8(acc[t][p], a0, a1, a2, a3, x[t][0], x[t][1]);
  }
}
#endif

/// A warp's sums to the block's, at `to` in shared memory. What is apart: stuffed sums of low
/// weights.
RESQ_INLINE void FUNCTION(add_up)(int32_t (*acc)[8][4], int apart, uint32_t to, int lane) {
  const int g = lane >> 2, q = lane & 3;
  if (ROWS <= 4) {
    if (ROWS > 1 || q == 0)
      RESQ_UNROLL
    for (int i = 0; i < 16; ++i)
      resq_shared_add(to + 4 * (ROWS == 1 ? i * 8 + g : i * 32 + lane),
                      apart ? acc[0][i >> 2][i & 3] : acc[0][i >> 1][2 * (i & 1)]);
    return;
  }
  RESQ_UNROLL
  for (int t = 0; t < N_TILES; ++t)
    RESQ_UNROLL
  for (int i = 0; i < 32; ++i)
    resq_shared_add(to + 4 * ((t * 32 + i) * 32 + lane), acc[t][i >> 2][i & 3]);
}

/// The block's sums of one channel block to global memory, by `threads` of which this is number
/// `me`.
RESQ_INLINE void FUNCTION(hand_over)(uint32_t from, int32_t *to, int had_high, int me,
                                     int threads) {
  RESQ_UNROLL
  for (int i = 0; i < ELEMENTS / (ROWS == 1 ? RESQ_WARP : THREADS); ++i) {
    const int at = i * threads + me;
    const int32_t low = (int32_t)resq_shared_load(from + 4 * (ELEMENTS + at));
    resq_shared_store(from + 4 * (ELEMENTS + at), 0);
    if (had_high) {
      const int32_t high = (int32_t)resq_shared_load(from + 4 * at);
      resq_shared_store(from + 4 * at, 0);
      resq_global_add(to + at, high);
    }
    resq_global_add(to + ELEMENTS + at, low);
  }
}

__attribute__((device_kernel)) void NAME(decode_arguments a) {
  const int thread = resq_thread(), lane = thread % RESQ_WARP, warp = thread / RESQ_WARP;
  const int g = lane >> 2, q = lane & 3;
  const uint32_t shared = resq_dynamic_shared(), lane4 = 4 * (uint32_t)lane;
  resq_let_next_launch_start();

  const int32_t per = 2 * a.high + a.low; // units of a channel block
  const int64_t total = (int64_t)a.blocks * per, block = resq_block_x(), blocks = resq_blocks_x();
  const int32_t first = (int32_t)(total * block / blocks);
  walk w = {.last = (int32_t)(total * (block + 1) / blocks), .v = first + warp};
  w.next = a.weights + (int64_t)w.v * UNIT;
  w.stages = shared + STAGES_AT + (uint32_t)warp * (STAGES * UNIT);
  w.bars = shared + BARS + (uint32_t)warp * (STAGES * 8);
  if (lane == 0) {
    RESQ_UNROLL
    for (int s = 0; s < STAGES; ++s)
      resq_mbarrier_init(w.bars + 8 * s, 1);
    resq_mbarrier_init_fence();
    RESQ_UNROLL
    for (int s = 0; s < STAGES; ++s)
      if (w.v + s * WARPS < w.last)
        copy_unit(w.stages + UNIT * s, w.next + s * WARPS * UNIT, w.bars + 8 * s);
  }
  w.next += STAGES * WARPS * UNIT;
  resq_sync_warp();
  for (int line = thread; line < 512; line += THREADS) {
    const uint32_t v = pair_lines[line];
    RESQ_UNROLL
    for (int i = 0; i < 8; ++i) // in turns, for the sake of the banks
      resq_shared_store_x4(shared + line * 128 + ((i + line) & 7) * 16, (resq_u32x4){v, v, v, v});
  }
  for (int i = thread; i < SUMS_BYTES / 4; i += THREADS)
    resq_shared_store(shared + SUMS + 4 * i, 0);
  resq_sync_block();
  resq_wait_for_launches();
  if (first >= w.last)
    return;

  int32_t unit = w.v % per, segment = 0; // in the channel block
  resq_u32x2 x[N_TILES];
  FUNCTION(load_x)(&a, FUNCTION(step_of)(&a, w.v < w.last ? unit : 0), g, q, x);
  for (int32_t n = first / per; (int64_t)n * per < w.last; ++n, ++segment) {
    const uint32_t sums = shared + SUMS + (uint32_t)(segment % COPIES) * (2 * ELEMENTS * 4);
    const int32_t end_all = (n + 1) * per, end = w.last < end_all ? w.last : end_all;
    const int32_t after_high = n * per + 2 * a.high, end_high = end < after_high ? end : after_high;
    if (w.v < end_high) {
      int32_t acc[N_TILES][8][4] = {0};
      while (w.v < end_high) {
        uint32_t u[16];
        resq_u32x2 following[N_TILES];
        take_unit(&w, lane, u);
        const int32_t next = unit + WARPS;
        FUNCTION(load_x)
        (&a, FUNCTION(step_of)(&a, next >= per ? next - per : next), g, q, following);
        if (unit & 1)
          FUNCTION(multiply_high)(acc, u, x, 4);
        else
          FUNCTION(multiply_high)(acc, u, x, 0);
        RESQ_UNROLL
        for (int t = 0; t < N_TILES; ++t)
          x[t] = following[t];
        w.v += WARPS;
        unit = next >= per ? next - per : next;
      }
      FUNCTION(add_up)(acc, 0, sums, lane);
    }
    if (w.v < end) {
      int32_t acc[N_TILES][8][4] = {0};
      const resq_u32x2 *at[N_TILES]; // a lane without a row reads zeros
      int32_t by[N_TILES];
      RESQ_UNROLL
      for (int t = 0; t < N_TILES; ++t) {
        const int row = FUNCTION(row_of)(g, t);
        const int64_t step = w.v - n * per - a.high + WARPS;
        at[t] = row < ROWS ? a.x + (step * ROWS + row) * 4 + q : a.zero;
        by[t] = row < ROWS ? WARPS * ROWS * 4 : 0;
      }
      while (w.v < end) {
        uint32_t u[16];
        resq_u32x2 following[N_TILES];
        take_unit(&w, lane, u);
        RESQ_UNROLL
        for (int t = 0; t < N_TILES; ++t) {
          following[t] = resq_load_x2(at[t]);
          at[t] += by[t];
        }
        FUNCTION(multiply_low)(acc, u, x, g, lane4);
        RESQ_UNROLL
        for (int t = 0; t < N_TILES; ++t)
          x[t] = following[t];
        w.v += WARPS;
      }
      unit = w.v - n * per;
      if (unit >= per) {
        unit -= per;
        if (w.v < w.last)
          FUNCTION(load_x)(&a, FUNCTION(step_of)(&a, unit), g, q, x);
      }
      FUNCTION(add_up)(acc, STUFFED, sums + 4 * ELEMENTS, lane);
    }
    const int32_t begin = first > n * per ? first : n * per;
    int32_t *to = a.sums + (int64_t)n * 2 * ELEMENTS;
    if (ROWS == 1) { // one warp hands a segment over while the others go on
      resq_fence_block();
      if (warp != segment % WARPS) {
        resq_barrier_arrive(1 + segment % SEGMENTS, THREADS);
        continue;
      }
      resq_barrier_sync(1 + segment % SEGMENTS, THREADS);
      FUNCTION(hand_over)(sums, to, begin < after_high, lane, RESQ_WARP);
    } else {
      resq_sync_block();
      FUNCTION(hand_over)(sums, to, begin < after_high, thread, THREADS);
      resq_sync_block();
    }
  }
}

#undef ELEMENTS
#undef STUFFED
#undef N_TILES
#undef COPIES
#undef SUMS
#undef SUMS_BYTES
#undef STAGES_AT
#undef BARS
#undef FUNCTION
#undef CAT
#undef CAT_
#undef NAME
#undef ROWS
#undef MERGED
