//===-- levels.h - the ISA levels that code is compiled for ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_LEVELS_H
#define RESQ_LOWERING_LEVELS_H

#include <stdbool.h>
#include <stddef.h>

/// A level: kernels of its name, compiled for its CPU. The runtime knows what a CPU must have for
/// it (runtime/exec/cpu.c).
typedef struct resq_level {
  const char *name;     ///< "avx512"
  const char *cpu;      ///< LLVM target CPU
  const char *features; ///< LLVM target features
  const unsigned char *bitcode,
      *bitcode_end; ///< kernels; NULL when the level has none ("definition", "cuda")
  bool gpu;         ///< "cuda": chips and kernels are those of lowering/codegen/targets.h
} resq_level;

/// The level, or NULL. "definition" is the generic lowering itself, compiled: what fast kernels are
/// tested against.
const resq_level *resq_level_find(const char *name);
/// "definition, generic, avx2, avx512, avx512vbmi, cuda", for messages.
const char *resq_level_names(void);

#endif // RESQ_LOWERING_LEVELS_H
