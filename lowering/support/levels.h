//===-- levels.h - levels and GPU chips as LLVM sees them -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The rows of runtime/base/levels.def with their kernels, which are embedded in the compiler.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_LEVELS_H
#define RESQ_LOWERING_LEVELS_H

#include "base/levels.h"
#include "kernels/nvptx/plan.h"
#include <stddef.h>

/// What LLVM makes code for, and the kernels that are linked into it.
typedef struct resq_target {
  const char *name; ///< "avx512", "sm_90a": for messages
  bool gpu;         ///< there is no library, and everything is inlined
  bool
      emulated; ///< of a GPU: its kernels are functions of this CPU that call an emulator of the chip, for tests
  const char *triple;                         ///< "x86_64-pc-linux-gnu"
  const char *cpu, *features;                 ///< LLVM's words for what the code may use
  const unsigned char *kernels, *kernels_end; ///< their bitcode; NULL when there are none
} resq_target;

typedef struct resq_level {
  const resq_level_row *row;
  const char *name;   ///< the row's
  bool gpu;           ///< code is data, for the chips below
  resq_target target; ///< of the code that the CPU runs
} resq_level;

/// The level, or NULL. "definition" is the generic lowering itself, compiled: what fast kernels are
/// tested against.
const resq_level *resq_level_find(const char *name);

/// LLVM's triple of the machine that this runs on.
extern const char *const resq_native_triple;

/// A chip that level "cuda" has code for; `target.name` is its name, other fields as in resq_gpu_image.
typedef struct resq_gpu_target {
  resq_target target;
  int capability;
  bool exact;
} resq_gpu_target;

extern const resq_gpu_target resq_gpu_targets[]; ///< best first, the one that runs everywhere last
extern const int resq_n_gpu_targets;
/// "sm_90a, sm_80", for messages.
const char *resq_gpu_target_names(void);
/// The chip of that name, of `length` bytes; NULL: there is none.
const resq_gpu_target *resq_gpu_target_find(const char *name, size_t length);

/// "fast, exact", for messages, and the one of that name, of `length` bytes: false where there is none.
const char *resq_gpu_arithmetic_name(resq_gpu_arithmetic arithmetic);
const char *resq_gpu_arithmetic_names(void);
bool resq_gpu_arithmetic_find(const char *name, size_t length, resq_gpu_arithmetic *out);

/// How a module is lowered for a GPU.
typedef struct resq_gpu_lowering {
  const resq_gpu_target *chip;
  resq_gpu_arithmetic arithmetic;
} resq_gpu_lowering;

#endif // RESQ_LOWERING_LEVELS_H
