//===-- cuda.h - a session's entries on a GPU -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What level "cuda" means to a session. When it starts, parameters are streamed to the device, caches and workspace
// are taken there and the program's kernels are loaded. A call copies its inputs in, runs an entry's launches in order
// on one stream, as a graph from its second time on, and copies its results out. Nothing here knows what a kernel
// computes: the launch lists are the compiler's (abi.h).
//
//   cuda_driver    the driver's functions           cuda_device    one GPU and its memory
//   cuda_transfer  much data, through two buffers   cuda_image     code, from cubin or PTX
//   cuda_launch    one step of a list               cuda_graph     recorded calls
//   cuda_call      a call                           cuda_check     are the tables whole?
//
// Environment, beside the driver's own: RESQ_LIBCUDA (another driver), RESQ_CUDA_CHIP (the image of that name),
// RESQ_CUDA_GRAPH=0 (no graphs), RESQ_CUDA_SYNC=1 (wait after each launch: an error names the op that failed).
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_CUDA_H
#define RESQ_EXEC_CUDA_H

#include "base/error.h"
#include "exec/threads.h"
#include "resq/abi.h"
#include <stddef.h>
#include <stdint.h>

typedef struct resq_cuda resq_cuda;

/// What of a session the device needs; everything stays the session's and must outlive the device.
typedef struct resq_cuda_options {
  const resq_program *program;
  const resq_entry *const *entries; ///< all at level "cuda"
  int n_entries;
  const uint8_t
      *params; ///< in the map of a file: pages leave this process's memory once they were copied
  uint64_t params_size;
  const uint64_t *cache_bytes; ///< [program->n_caches]
  int64_t capacity;
  resq_pool *pool; ///< copies large arguments and the parameters
} resq_cuda_options;

/// NULL on failure: no driver, no GPU, one too old (RESQ_NO_DEVICE), not enough memory (RESQ_NO_MEMORY), damaged
/// code (RESQ_BAD_INPUT).
resq_cuda *resq_cuda_create(const resq_cuda_options *options, resq_error *err);
void resq_cuda_destroy(resq_cuda *cuda);

/// "NVIDIA H200, compute capability 9.0, code for sm_90a".
void resq_cuda_about(const resq_cuda *cuda, char *out, size_t size);
/// The same of a session that is not started: whether resq_cuda_create would find a device with enough memory, as far
/// as that can be told without taking it. pool and params may be NULL.
bool resq_cuda_describe(const resq_cuda_options *options, char *out, size_t size, resq_error *err);

/// One call of an entry.
typedef struct resq_cuda_call {
  void *const *args;
  const int64_t *rows;
  int64_t *op_ns; ///< NULL, or [n_ops]: gets each op's time added, as the device's clock has it
  resq_observer observe; ///< NULL unless calibrating
  void *observe_user;
} resq_cuda_call;

/// Runs entry `index` of the options; returns when results are in args. After a failure that the device does not get
/// over, all further calls fail, too, and say so.
bool resq_cuda_run(resq_cuda *cuda, int index, const resq_cuda_call *call, resq_error *err);

#endif // RESQ_EXEC_CUDA_H
