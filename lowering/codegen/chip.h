//===-- chip.h - the chip that one form of a compile is for ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_CODEGEN_CHIP_H
#define RESQ_LOWERING_CODEGEN_CHIP_H

#include "base/file.h"
#include "lowering/support/levels.h"

/// A chip by its name, "sm_80", or emulated, "sm_80:FILE": the launches and shapes are those of the chip, the kernels are
/// those of FILE, LLVM bitcode for this machine's CPU, in which an emulator stands for what a CPU does not have.
typedef struct resq_chip {
  resq_gpu_target target;
  resq_map file; ///< of an emulated chip; target points into it
} resq_chip;

/// NULL: the chip whose code all later ones run, too. False after an error, with nothing to be closed.
bool resq_chip_open(const char *text, resq_chip *out, resq_error *err);
void resq_chip_close(resq_chip *chip);

#endif // RESQ_LOWERING_CODEGEN_CHIP_H
