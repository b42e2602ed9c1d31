//===-- machine.h - what depends on the CPU's architecture ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Defined in runtime/base/<architecture>/machine.c, of which the build takes one.
//===----------------------------------------------------------------------===//
#ifndef RESQ_BASE_MACHINE_H
#define RESQ_BASE_MACHINE_H

/// A row of RESQ_ARCHITECTURE in levels.def: what this code was compiled for.
extern const char resq_cpu_architecture[];

/// What this CPU has: bits RESQ_CPU_... of base/levels.h, set only when the operating system saves their
/// registers.
unsigned resq_cpu_features(void);

/// Tells the CPU that a thread spins.
void resq_cpu_relax(void);

#endif // RESQ_BASE_MACHINE_H
