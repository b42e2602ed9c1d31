//===-- decode_wgmma.h - the same at 8 and 16 rows by wgmma ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The kernel of one variant: one that includes this has defined NAME, ROWS (8, 16) and SLICES: 1
// decodes to whole registers of four inputs, 2 to halves and 4 to single lookups, which meet an x
// that is stuffed with zeros (and `x` holds so): B has a column for each row (SLICES 1) or for each
// row and channel parity.
//
// Only the low part, only to learn what wgmma brings. A group is 4 channel blocks by 32 inputs, one
// block a warp; a warpgroup walks its own share of all groups and adds its sums to global memory.
//===----------------------------------------------------------------------===//
#define COLUMNS (SLICES == 1 ? ROWS : 2 * ROWS)
#define SLICE (COLUMNS * 32) ///< bytes
#define X_STEP (SLICES * SLICE)
#define X_STAGES (X_STEP <= 1024 ? 4 : 2)
#define GROUP (4 * UNIT)
#define SETS (SLICES == 1 ? 8 : 4) ///< of accumulators
#define HOLDS (COLUMNS / 2)        ///< of each, in a lane
#define W_AT (TABLE)
#define X_AT (W_AT + 2 * STAGES * GROUP)
#define BARS (X_AT + 2 * X_STAGES * X_STEP)
#define CAT_(a, b) a##_##b
#define CAT(a, b) CAT_(a, b)
#define FUNCTION(name) CAT(name, NAME)

RESQ_INLINE void FUNCTION(multiply)(int32_t *c, const uint32_t *a, uint64_t b) {
#if COLUMNS == 8
  resq_wgmma_s8_n8(c, a, b);
#elif COLUMNS == 16
  resq_wgmma_s8_n16(c, a, b);
#else
  resq_wgmma_s8_n32(c, a, b);
#endif
}

/// Set s of A: SLICES fragments of 4 registers.
RESQ_INLINE void FUNCTION(decode)(int s, const uint32_t *u, uint32_t lane4, uint32_t *a) {
  uint32_t e[8], f[8];
#if SLICES == 1
  (void)f;
  look_up_8(s, u, lane4, e);
  RESQ_UNROLL
  for (int i = 0; i < 4; ++i)
    f[i] = resq_merge_halves(e[2 * i + 1], e[2 * i]);
  a[0] = resq_pick_bytes(f[0], f[1], 0x6420);
  a[1] = resq_pick_bytes(f[0], f[1], 0x7531);
  a[2] = resq_pick_bytes(f[2], f[3], 0x6420);
  a[3] = resq_pick_bytes(f[2], f[3], 0x7531);
#else
  look_up_8(2 * s, u, lane4, e);
  look_up_8(2 * s + 1, u, lane4, f);
  RESQ_UNROLL
  for (int i = 0; i < SLICES; ++i) {
    const int at = i * (8 / SLICES);
    a[4 * i] = SLICES == 4 ? e[at] : resq_merge_halves(e[at + 1], e[at]);
    a[4 * i + 1] = SLICES == 4 ? f[at] : resq_merge_halves(f[at + 1], f[at]);
    a[4 * i + 2] = SLICES == 4 ? e[at + 1] : resq_merge_halves(e[at + 3], e[at + 2]);
    a[4 * i + 3] = SLICES == 4 ? f[at + 1] : resq_merge_halves(f[at + 3], f[at + 2]);
  }
#endif
}

__attribute__((device_kernel)) void NAME(decode_arguments a) {
  const int thread = resq_thread(), lane = thread % RESQ_WARP, warp = thread / RESQ_WARP % 4;
  const int half = __nvvm_shfl_sync_idx_i32(0xffffffffu, thread / 128, 0,
                                            31); // the same in a warp, and known so
  const uint32_t shared = resq_dynamic_shared(), lane4 = 4 * (uint32_t)lane;
  const bool leads = thread % 128 == 0;
  resq_let_next_launch_start();

  // Steps of all superblocks in a row, shared among warpgroups.
  const int32_t per = a.low;
  const int64_t total = (int64_t)a.blocks * per, workers = 2 * resq_blocks_x();
  const int64_t worker = 2 * resq_block_x() + half;
  const int32_t first = (int32_t)(total * worker / workers),
                last = (int32_t)(total * (worker + 1) / workers);
  const uint32_t weights = shared + W_AT + (uint32_t)half * (STAGES * GROUP);
  const uint32_t codes = shared + X_AT + (uint32_t)half * (X_STAGES * X_STEP);
  // Weights landed, weights read, x landed, x used.
  const uint32_t w_full = shared + BARS + (uint32_t)half * 128, w_free = w_full + 8 * STAGES;
  const uint32_t x_full = w_free + 8 * STAGES, x_free = x_full + 8 * X_STAGES;
  const uint8_t *const source = a.weights + (int64_t)first * GROUP;
  const uint8_t *const x = (const uint8_t *)a.x;
  const int32_t count = last - first;
  int32_t step = first % per;
  if (leads) {
    RESQ_UNROLL
    for (int s = 0; s < STAGES; ++s) {
      resq_mbarrier_init(w_full + 8 * s, 1);
      resq_mbarrier_init(w_free + 8 * s, 4);
    }
    RESQ_UNROLL
    for (int s = 0; s < X_STAGES; ++s) {
      resq_mbarrier_init(x_full + 8 * s, 1);
      resq_mbarrier_init(x_free + 8 * s, 4);
    }
    resq_mbarrier_init_fence();
    for (int s = 0; s < STAGES && s < count; ++s) {
      resq_mbarrier_expect(w_full + 8 * s, GROUP);
      resq_bulk_copy_once(weights + GROUP * s, source + GROUP * s, GROUP, w_full + 8 * s);
    }
  }
  for (int line = thread; line < 512; line += THREADS) {
    const uint32_t v = pair_lines[line];
    RESQ_UNROLL
    for (int i = 0; i < 8; ++i)
      resq_shared_store_x4(shared + line * 128 + ((i + line) & 7) * 16, (resq_u32x4){v, v, v, v});
  }
  resq_sync_block();
  resq_wait_for_launches();
  if (leads)
    for (int s = 0; s < X_STAGES && s < count; ++s) {
      resq_mbarrier_expect(x_full + 8 * s, X_STEP);
      resq_bulk_copy(codes + X_STEP * s, x + (int64_t)((step + s) % per) * X_STEP, X_STEP,
                     x_full + 8 * s);
    }

  int32_t k = 0; // groups done
  for (int32_t n = first / per; k < count; ++n) {
    int32_t acc[SETS][HOLDS] = {0};
    for (; k < count && step < per; ++k, ++step) {
      const uint32_t stage = (uint32_t)k % STAGES, x_stage = (uint32_t)k % X_STAGES;
      uint32_t u[16], fragments[2][4 * SLICES];
      resq_mbarrier_wait(w_full + 8 * stage, (uint32_t)k / STAGES & 1);
      RESQ_UNROLL
      for (int i = 0; i < 4; ++i) {
        const resq_u32x4 v =
            resq_shared_load_x4(weights + GROUP * stage + UNIT * warp + 512 * i + 16 * lane);
        RESQ_UNROLL
        for (int j = 0; j < 4; ++j)
          u[4 * i + j] = v[j];
      }
      resq_sync_warp();
      if (lane == 0)
        resq_mbarrier_arrive(w_free + 8 * stage);
      RESQ_UNROLL
      for (int s = 0; s < SETS; ++s) {
        FUNCTION(decode)(s, u, lane4, fragments[s & 1]);
        if (s == 0)
          resq_mbarrier_wait(x_full + 8 * x_stage, (uint32_t)k / X_STAGES & 1);
        resq_wgmma_fence();
        RESQ_UNROLL
        for (int i = 0; i < SLICES; ++i)
          // clang-format off
          FUNCTION(multiply)(acc[s], fragments[s & 1] + 4 * i,
                             resq_wgmma_operand(codes + X_STEP * x_stage + SLICE * i, SLICE / 2));
        // clang-format on
        resq_wgmma_commit();
        if (s == 1 && leads && k + STAGES < count) { // what the others have read by now is replaced
          resq_mbarrier_wait(w_free + 8 * stage, (uint32_t)k / STAGES & 1);
          resq_mbarrier_expect(w_full + 8 * stage, GROUP);
          resq_bulk_copy_once(weights + GROUP * stage, source + (int64_t)(k + STAGES) * GROUP,
                              GROUP, w_full + 8 * stage);
        }
        if (s + 1 < SETS)
          resq_wgmma_wait(1);
        else
          resq_wgmma_wait(0);
      }
      if (lane == 0)
        resq_mbarrier_arrive(x_free + 8 * x_stage);
      if (leads && k + X_STAGES < count) {
        resq_mbarrier_wait(x_free + 8 * x_stage, (uint32_t)k / X_STAGES & 1);
        resq_mbarrier_expect(x_full + 8 * x_stage, X_STEP);
        resq_bulk_copy(codes + X_STEP * x_stage, x + (int64_t)((step + X_STAGES) % per) * X_STEP,
                       X_STEP, x_full + 8 * x_stage);
      }
    }
    step = 0;
    int32_t *to = a.sums + (((int64_t)n * 4 + warp) * 2 + 1) * (128 * ROWS) + lane;
    RESQ_UNROLL
    for (int s = 0; s < SETS; ++s)
      RESQ_UNROLL
    for (int i = 0; i < HOLDS; ++i)
      resq_global_add(to + (s * HOLDS + i) * 32, acc[s][i]);
  }
}

#undef COLUMNS
#undef SLICE
#undef X_STEP
#undef X_STAGES
#undef GROUP
#undef SETS
#undef HOLDS
#undef W_AT
#undef X_AT
#undef BARS
#undef CAT_
#undef CAT
#undef FUNCTION
#undef NAME
#undef ROWS
#undef SLICES
