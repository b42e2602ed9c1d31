//===-- cuda_check.h - are a program's tables for the GPU whole? ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_EXEC_CUDA_CHECK_H
#define RESQ_EXEC_CUDA_CHECK_H

#include "base/error.h"
#include "resq/abi.h"

/// Refuses images and launch lists that do not hold together, before any GPU is asked for. Pointers into the parameters
/// are checked by resq_cuda_check_params, once the size of their section is known.
bool resq_cuda_check_program(const resq_program *program, resq_error *err);
bool resq_cuda_check_params(const resq_program *program, uint64_t params_size, resq_error *err);

#endif // RESQ_EXEC_CUDA_CHECK_H
