//===-- plan.h - how a kernel call becomes a launch -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// plans.h has a plan for each kernel: plain C that the compiler makes launches of, and by which the kernels find their
// way around shared memory. A launch has
//   blocks = ceil(rows * items_per_row / items_per_block), at most blocks_per_sm for each multiprocessor
// (one row where rows_together), and kernels stride over their work by the grid, so that any number of blocks gives the same result.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_PLAN_H
#define RESQ_KERNELS_NVPTX_PLAN_H

#include <stdint.h>

/// How a kernel runs by units (KERNEL_BY_UNITS of kernels.def). A row is one unit or is cut into several, equal parts of
/// its columns, so that a block does one unit of this call and then, behind a barrier, the same unit of the next
/// (lowering/gpu/group.h). Whatever the number of units and of threads, bits are the same.
typedef struct resq_unit_plan {
  int64_t most;         ///< units of a row, or any number that divides it; 0: not by units
  int64_t threads;      ///< those that have work when a block does a whole row; a unit has its part
  int32_t most_threads; ///< a block may not have more: they would not find registers
  int32_t shared_bytes; ///< dynamic, of any unit
  int32_t variant;      ///< which of the kernel's codes
  int32_t ahead;        ///< 1: there is a variant RESQ_GPU_AHEAD
} resq_unit_plan;

/// The variant of a kernel by units that only has the parameters of its unit brought near: a block calls it before it waits
/// for the launches before its own, for each of its kernels that have one.
enum { RESQ_GPU_AHEAD = 1 << 30 };

typedef struct resq_gpu_plan {
  int64_t items_per_row;   ///< work items of a row
  int64_t items_per_block; ///< a block does so many items, neighbors in the list of all rows' items
  int32_t threads;         ///< of a block, a multiple of 32
  int32_t blocks_per_sm;   ///< 0: as many blocks as there is work
  int32_t rows_together;   ///< 1: the items of a row are those of all rows together
  int32_t
      blocks_at_once; ///< so many blocks must find registers on a multiprocessor; 0: the assembler chooses
  int32_t shared_bytes; ///< dynamic
  int32_t
      recoded; ///< bit i: reads trellis codes of weight i as resq_qlinear_recode leaves them; of the shape alone
  int32_t variant; ///< which of the kernel's codes, a constant of its wrapper. Plans of a shape
                   ///< with equal variants have equal threads and shared_bytes
  int64_t scratch_bytes; ///< of the workspace, for this launch alone; 0: none
  resq_unit_plan unit;   ///< the launch of several calls by units
} resq_gpu_plan;

enum {
  RESQ_GPU_FEW_ROWS = 16,       ///< an entry of so many rows decodes
  RESQ_GPU_MOST_THREADS = 1024, ///< of a block
  RESQ_GPU_MOST_SHARED =
      220 * 1024, ///< dynamic shared memory of a block, at most, on a chip of 9.0
  RESQ_GPU_MOST_SHARED_80 =
      99 * 1024, ///< of all chips that run an image of 8.0: 8.6 and 8.9 have so much
};

/// How results relate to those of level "generic": its bits, or within bounds (docs/gpu.md). A choice of who compiles,
/// the same for all launches of a program.
#define RESQ_GPU_ARITHMETICS(X) X(FAST, "fast") X(EXACT, "exact")
typedef enum resq_gpu_arithmetic {
#define RESQ_GPU_ARITHMETIC(name, word) RESQ_GPU_##name,
  RESQ_GPU_ARITHMETICS(RESQ_GPU_ARITHMETIC)
#undef RESQ_GPU_ARITHMETIC
} resq_gpu_arithmetic;

/// What a launch is planned for, besides the constants of its call.
typedef struct resq_gpu_setting {
  int64_t max_rows;   ///< the most that the calls of an entry have
  int64_t capability; ///< the chip's: 80, 90
  resq_gpu_arithmetic arithmetic;
} resq_gpu_setting;

static inline int64_t resq_plan_most_shared(int64_t capability) {
  return capability >= 90 ? RESQ_GPU_MOST_SHARED : RESQ_GPU_MOST_SHARED_80;
}
static inline int64_t resq_plan_ceil(int64_t a, int64_t b) { return (a + b - 1) / b; }
static inline int64_t resq_plan_least(int64_t a, int64_t b) { return a < b ? a : b; }
static inline int64_t resq_plan_most(int64_t a, int64_t b) { return a > b ? a : b; }
/// `wanted` threads, whole warps between `least` and `most`.
static inline int32_t resq_plan_threads(int64_t wanted, int64_t least, int64_t most) {
  return (int32_t)(resq_plan_ceil(resq_plan_most(resq_plan_least(wanted, most), least), 32) * 32);
}

#endif // RESQ_KERNELS_NVPTX_PLAN_H
