//===-- cuda_launch.h - one step of a launch list -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_EXEC_CUDA_LAUNCH_H
#define RESQ_EXEC_CUDA_LAUNCH_H

#include "exec/cuda_device.h"
#include "resq/abi.h"

/// Where a session's memory is on the device.
typedef struct resq_cuda_places {
  resq_cuda_pointer params, workspace, prepared, arguments;
  resq_cuda_pointer *caches; ///< [n_caches]
  int64_t capacity;
} resq_cuda_places;

/// What values in a launch list stand for in one call.
typedef struct resq_cuda_values {
  const resq_cuda_places *places;
  const uint64_t *argument_offsets; ///< into places->arguments, by argument
  const int64_t *rows;              ///< by argument
} resq_cuda_values;

/// A launch's argument: a pointer or an int64_t.
uint64_t resq_cuda_value(const resq_cuda_values *values, const resq_gpu_arg *arg);
/// Rows that a launch is for.
int64_t resq_cuda_rows(const resq_cuda_values *values, const resq_gpu_launch *launch);

/// Enqueues a kernel or a clearing of memory on the device's stream; an OBSERVE is the caller's. after_kernel: the last
/// thing enqueued was a kernel of the same list, whose end this one may wait for itself (RESQ_GPU_EARLY).
bool resq_cuda_enqueue(const resq_cuda_device *device, const resq_cuda_values *values,
                       const resq_gpu_launch *launch, resq_cuda_handle function, bool after_kernel,
                       resq_error *err);

#endif // RESQ_EXEC_CUDA_LAUNCH_H
