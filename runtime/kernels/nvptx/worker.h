//===-- worker.h - the worker that a GPU thread is ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Lets the portable kernels, runtime/kernels/*_generic.c, run on a GPU as they are: each thread of
// the grid is one of the threads among which a call's chunks are shared (resq_next_chunk in abi.h),
// and brings scratch memory of its own. That is slow, for threads of a warp share no work, but
// exact: built with -ffp-contract=off, these kernels give the bits that level "generic" gives on a
// CPU.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_NVPTX_WORKER_H
#define RESQ_KERNELS_NVPTX_WORKER_H

#include "resq/abi.h"

/// The calling thread's worker, new for each launch. `scratch` holds RESQ_SCRATCH_BYTES for each
/// thread of the grid. There is no call: a kernel that reads it (resq_observe) cannot run here.
static inline resq_worker resq_device_worker(uint8_t *scratch) {
  const int32_t threads = (int32_t)__nvvm_read_ptx_sreg_ntid_x();
  const int32_t index =
      (int32_t)__nvvm_read_ptx_sreg_ctaid_x() * threads + (int32_t)__nvvm_read_ptx_sreg_tid_x();
  return (resq_worker){.call = (resq_call *)0,
                       .index = index,
                       .count = (int32_t)__nvvm_read_ptx_sreg_nctaid_x() * threads,
                       .scratch = scratch + (int64_t)index * RESQ_SCRATCH_BYTES};
}

#endif // RESQ_KERNELS_NVPTX_WORKER_H
