//===-- cpu.h - instruction-set levels and this CPU -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A level is a named set of CPU features that kernels are compiled for. A program
// carries entries of several; the best one that the CPU and the operating system
// support is taken when a session starts.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_CPU_H
#define RESQ_EXEC_CPU_H

#include "base/levels.h"
#include "base/machine.h"
#include "resq/abi.h"
#include <stddef.h>

/// "avx2 fma avx512f ..." or "the x86_64 baseline only".
void resq_cpu_describe(unsigned features, char *out, size_t size);
/// True when `level` is known, of this architecture, and `features` suffice.
bool resq_cpu_runs(unsigned features, const char *level);
/// The best level that `features` suffice for: what a program made here and now is compiled for. NULL when
/// this architecture has none.
const char *resq_cpu_best(unsigned features);
/// The level to run `program` at: `wanted`, or the best that this CPU runs itself when NULL. NULL on failure
/// (RESQ_NO_DEVICE: the CPU lacks it; RESQ_USAGE: an unknown level). The result is a string of the
/// program.
const char *resq_cpu_choose(const resq_program *program, unsigned features, const char *wanted,
                            resq_error *err);

#endif // RESQ_EXEC_CPU_H
