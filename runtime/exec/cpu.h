//===-- cpu.h - instruction-set levels and this CPU -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A level is a named set of CPU features that kernels are compiled for. A program
// carries entries of several; the best one that the CPU and the operating system
// support is taken when a session starts.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_CPU_H
#define RESQ_EXEC_CPU_H

#include "base/error.h"
#include "resq/abi.h"
#include <stddef.h>

/// Features, one bit each, set only when the operating system saves their registers.
enum {
  RESQ_CPU_AVX512F = 1u << 0,
  RESQ_CPU_AVX512BW = 1u << 1,
  RESQ_CPU_AVX512VL = 1u << 2,
  RESQ_CPU_AVX512DQ = 1u << 3,
  RESQ_CPU_AVX512CD = 1u << 4,
  RESQ_CPU_AVX512VNNI = 1u << 5,
  RESQ_CPU_AVX512VBMI = 1u << 6,
  RESQ_CPU_AVX2 = 1u << 7,
  RESQ_CPU_FMA = 1u << 8,
  RESQ_CPU_V3 = 1u << 9, ///< what else x86-64-v3 has: BMI, BMI2, F16C, LZCNT, MOVBE
};

/// What this CPU has.
unsigned resq_cpu_features(void);
/// "avx2 fma avx512f ..." or "the x86-64 baseline only".
void resq_cpu_describe(unsigned features, char *out, size_t size);
/// True when `level` is known and `features` suffice.
bool resq_cpu_runs(unsigned features, const char *level);
/// The best level that `features` suffice for: what a program made here and now is compiled for.
const char *resq_cpu_best(unsigned features);
/// The level to run `program` at: `wanted`, or the best that fits when NULL. NULL on failure
/// (RESQ_NO_DEVICE: the CPU lacks it; RESQ_USAGE: an unknown level). The result is a string of the
/// program.
const char *resq_cpu_choose(const resq_program *program, unsigned features, const char *wanted,
                            resq_error *err);

#endif // RESQ_EXEC_CPU_H
