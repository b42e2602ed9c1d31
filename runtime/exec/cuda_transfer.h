//===-- cuda_transfer.h - much data between host and device ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two pinned buffers, of which the session's threads fill or empty one while the other travels. Why two
// of 16 MiB: pinning costs 0.4 ms for each MiB, and no larger ones were faster (docs/gpu-measurements.md,
// section 4). So the host holds no second copy of what passes.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_CUDA_TRANSFER_H
#define RESQ_EXEC_CUDA_TRANSFER_H

#include "exec/cuda_device.h"
#include "exec/threads.h"

typedef struct resq_cuda_transfer {
  const resq_cuda_device *device;
  resq_pool *pool;
  uint64_t size;             ///< of each buffer
  uint8_t *buffers[2];       ///< pinned
  resq_cuda_handle ready[2]; ///< events: the buffer has traveled
} resq_cuda_transfer;

/// Buffers for pieces of up to 16 MiB, smaller where `most`, the largest transfer, is. Device and pool stay the
/// caller's. After a failure, too, it has to be closed.
bool resq_cuda_transfer_open(resq_cuda_transfer *out, const resq_cuda_device *device,
                             resq_pool *pool, uint64_t most, resq_error *err);
/// The device must be idle. All zeros is fine.
void resq_cuda_transfer_close(resq_cuda_transfer *t);

/// Enqueues a copy to the device; `from` may change or go afterwards. drop_behind: `from` is a read-only mapping of a
/// file, of which pages leave this process's memory once they are copied.
bool resq_cuda_transfer_in(resq_cuda_transfer *t, resq_cuda_pointer to, const uint8_t *from,
                           uint64_t bytes, bool drop_behind, resq_error *err);
/// Copies from the device, after all that was enqueued; the bytes are there afterwards.
bool resq_cuda_transfer_out(resq_cuda_transfer *t, uint8_t *to, resq_cuda_pointer from,
                            uint64_t bytes, resq_error *err);

#endif // RESQ_EXEC_CUDA_TRANSFER_H
