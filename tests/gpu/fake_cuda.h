//===-- fake_cuda.h - what tests ask of the fake driver -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A libcuda.so for machines without a GPU. Device memory is host memory between fences, and kernels are the functions of
// the library that $RESQ_FAKE_KERNELS names: plain functions of the launches' names, whose arguments are all of 8 bytes,
// linked with the emulator (emulator/emulator.h), on which each launch runs with its grid, whatever the module's text is.
//
// It is as strict as a driver, and more: what is enqueued happens when somebody waits for it and not before; copies go
// between device memory and pinned memory only; a kernel that touches memory outside of all allocations ends in an error
// that stays; capture, graphs and events are there. A test sets the state below through the library's symbol `fake_cuda`;
// without one, the driver has one GPU of $RESQ_FAKE_CAPABILITY (90).
//
//   fake_cuda.c    the driver's functions      fake_queue.c   what is enqueued, and runs it
//   fake_memory.c  memory between fences
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_GPU_FAKE_CUDA_H
#define RESQ_TESTS_GPU_FAKE_CUDA_H

#include <stdint.h>

typedef struct fake_launch {
  char kernel[64];
  unsigned grid[3], block[3], shared;
  int early; ///< it might begin before the one in front of it had ended
} fake_launch;

typedef struct fake_cuda_state {
  // Set by the test.
  int devices;        ///< how many there are
  int capability;     ///< 80, 90; 0: the environment's
  int driver_version; ///< as cuDriverGetVersion has it; 0: 13000
  uint64_t memory;    ///< bytes of the device; 0: 1 TiB
  char fail_call[32]; ///< this entry point fails, or ""
  int fail_after;     ///< after so many good calls of it
  int64_t fail_at;    ///< the call of this number fails, of all that count; 0: none
  int fail_result;    ///< with this CUresult
  int fail_once;      ///< and no other
  int fail_for_ever;  ///< and so does everything after it
  // Recorded.
  int64_t calls;   ///< that count: all but those which describe an error
  int lost;        ///< the result of everything from now on; 0: all is well
  char fault[256]; ///< what a kernel did wrong
  char image[64];  ///< the first bytes of the last code loaded
  fake_launch launches[64];
  int n_launches;              ///< that ran, in graphs or not
  uint64_t used;               ///< bytes of the device's memory
  int64_t allocations, pinned; ///< alive now
  int modules, streams, contexts, events, graphs, executables;
  int copies_in, copies_out, synchronised, captured, replayed;
} fake_cuda_state;

#endif // RESQ_TESTS_GPU_FAKE_CUDA_H
