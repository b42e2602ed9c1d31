//===-- cuda_device.h - one GPU: what it can do and its memory ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_EXEC_CUDA_DEVICE_H
#define RESQ_EXEC_CUDA_DEVICE_H

#include "exec/cuda_driver.h"

/// The first visible GPU, its primary context and one stream, on which everything happens in order.
typedef struct resq_cuda_device {
  resq_cuda_driver driver;
  int ordinal;
  int capability; ///< 10 * major + minor
  int multiprocessors;
  int most_shared; ///< bytes of dynamic shared memory that a block may ask for
  char name[128];
  resq_cuda_handle context, stream; ///< NULL before they are there
} resq_cuda_device;

/// Opens the driver and the device. False (RESQ_NO_DEVICE mostly): no driver, one that is too old, no GPU, one of a
/// capability below 8.0. After a failure, too, the device has to be closed.
bool resq_cuda_device_open(resq_cuda_device *out, resq_error *err);
/// Waits for what is under way. A device that was never opened must be all zeros.
void resq_cuda_device_close(resq_cuda_device *device);

/// As resq_cuda_check.
bool resq_cuda_ok(const resq_cuda_device *device, int result, resq_error *err, const char *what);
/// Until all that was enqueued is done. Errors of kernels are found out here.
bool resq_cuda_wait(const resq_cuda_device *device, resq_error *err, const char *what);

/// What a session takes of the device's memory, and what for.
typedef struct resq_cuda_need {
  const char *what; ///< "parameters"
  uint64_t bytes;
} resq_cuda_need;

/// Whether so much is free. The error (RESQ_NO_MEMORY) says in one sentence how much is needed and what for.
bool resq_cuda_has_room(const resq_cuda_device *device, const resq_cuda_need *needs, int count,
                        resq_error *err);

/// Device memory, 0 for 0 bytes. False: RESQ_NO_MEMORY, with what it was for.
bool resq_cuda_allocate(const resq_cuda_device *device, uint64_t bytes, resq_cuda_pointer *out,
                        const char *what, resq_error *err);
/// 0 is fine; *pointer becomes 0.
void resq_cuda_free(const resq_cuda_device *device, resq_cuda_pointer *pointer);

/// Host memory that the device copies from and to without the driver's help, NULL for 0 bytes. False: the system
/// gives no more (RESQ_NO_MEMORY).
bool resq_cuda_pin(const resq_cuda_device *device, uint64_t bytes, uint8_t **out, const char *what,
                   resq_error *err);
/// NULL is fine; *memory becomes NULL.
void resq_cuda_unpin(const resq_cuda_device *device, uint8_t **memory);

#endif // RESQ_EXEC_CUDA_DEVICE_H
