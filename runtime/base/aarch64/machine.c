//===-- machine.c - 64-bit Arm --------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/machine.h"

#include "base/levels.h"

const char resq_cpu_architecture[] = "aarch64";

void resq_cpu_relax(void) { __asm__ volatile("yield"); }

/// No level needs more than Armv8-A, which has floating point and NEON.
unsigned resq_cpu_features(void) { return RESQ_CPU_SET_BASELINE; }
