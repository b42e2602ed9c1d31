//===-- ptxas.h - PTX assembled when a model is compiled ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// NVIDIA's assembler, which resq neither has nor needs: a driver assembles PTX itself, each time that it sees a program
// for the first time. What is made here saves it that.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CODEGEN_PTXAS_H
#define RESQ_LOWERING_CODEGEN_PTXAS_H

#include "backend.h"
#include "lowering/support/workdir.h"

/// The chip's code of its PTX, by the ptxas at `path`. Errors say what ptxas said.
bool resq_ptxas(const char *path, const resq_target *chip, const resq_bytes *ptx,
                const resq_workdir *work, resq_bytes *cubin, resq_error *err);

#endif // RESQ_LOWERING_CODEGEN_PTXAS_H
