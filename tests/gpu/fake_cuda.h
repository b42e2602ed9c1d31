//===-- fake_cuda.h - what tests ask of the fake driver -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// fake_cuda.c is a libcuda.so for machines without a GPU: device memory is host memory, a
// "kernel" is a C function that it knows by name, and every call is recorded. A test sets
// the state below through the library's symbol `fake_cuda`.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_GPU_FAKE_CUDA_H
#define RESQ_TESTS_GPU_FAKE_CUDA_H

#include <stdint.h>

typedef struct fake_launch {
  char kernel[64];
  unsigned grid[3], block[3], shared;
} fake_launch;

typedef struct fake_cuda_state {
  // Set by the test.
  int devices;        ///< how many there are
  int capability;     ///< 80, 90
  char fail_call[32]; ///< this entry point fails, or ""
  int fail_result;    ///< with this CUresult
  int fail_after;     ///< after so many good calls of it
  // Recorded.
  char image[64]; ///< the first bytes of the last PTX loaded
  fake_launch launches[64];
  int n_launches;
  int64_t allocations; ///< alive now
  int modules, streams, contexts;
  int copies_in, copies_out, synchronised;
} fake_cuda_state;

#endif // RESQ_TESTS_GPU_FAKE_CUDA_H
