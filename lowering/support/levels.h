//===-- levels.h - the ISA levels that code is compiled for ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_LEVELS_H
#define RESQ_LOWERING_LEVELS_H

#include <stdbool.h>
#include <stddef.h>

/// What LLVM makes code for, and the kernels that are linked into it.
typedef struct resq_target {
  const char *name;                           ///< "avx512", "sm_90a": for messages
  bool gpu;                                   ///< there is no library, and everything is inlined
  const char *triple;                         ///< "x86_64-pc-linux-gnu"
  const char *cpu, *features;                 ///< LLVM's words for what the code may use
  const unsigned char *kernels, *kernels_end; ///< their bitcode; NULL when there are none
} resq_target;

/// A level: kernels of its name, compiled for its CPU. The runtime knows what a CPU must have for
/// it (runtime/exec/cpu.c).
typedef struct resq_level {
  const char *name;   ///< "avx512"
  bool gpu;           ///< "cuda": code is data, for the chips of lowering/codegen/targets.h
  resq_target target; ///< of the code that the CPU runs; "definition" and "cuda" have no kernels
} resq_level;

/// The level, or NULL. "definition" is the generic lowering itself, compiled: what fast kernels are
/// tested against.
const resq_level *resq_level_find(const char *name);
/// "definition, generic, avx2, avx512, avx512vbmi, cuda", for messages.
const char *resq_level_names(void);

#endif // RESQ_LOWERING_LEVELS_H
