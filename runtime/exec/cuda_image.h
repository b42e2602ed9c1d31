//===-- cuda_image.h - a program's code on the device ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_EXEC_CUDA_IMAGE_H
#define RESQ_EXEC_CUDA_IMAGE_H

#include "exec/cuda_device.h"
#include "resq/abi.h"

/// A launch list with the functions that it launches.
typedef struct resq_cuda_list {
  const resq_gpu_launches *launches;
  resq_cuda_handle *functions; ///< [launches->n], NULL for what is no kernel
} resq_cuda_list;

/// The index of the best image that the device runs, or of the one that $RESQ_CUDA_CHIP names; -1 after an error
/// (RESQ_NO_DEVICE).
int resq_cuda_image_choose(const resq_cuda_device *device, const resq_program *program,
                           resq_error *err);

/// Loads the image: its cubin where it has one that the driver takes, else its PTX, which the driver compiles, in seconds
/// when it does so for the first time.
bool resq_cuda_module_load(const resq_cuda_device *device, const resq_gpu_image *image,
                           resq_cuda_handle *out, resq_error *err);

/// Finds each kernel of the lists once. `lists` come with their launches and without functions, which the caller frees
/// (free, NULL after a failure).
bool resq_cuda_find_functions(const resq_cuda_device *device, resq_cuda_handle module,
                              resq_cuda_list *lists, int n_lists, resq_error *err);

#endif // RESQ_EXEC_CUDA_IMAGE_H
