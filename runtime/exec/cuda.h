//===-- cuda.h - a session's entries on a GPU -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What level "cuda" means to a session: parameters are copied to the device once, caches and
// workspace live there, PTX is loaded when the session starts, and a call copies its inputs
// in, launches an entry's kernels in order on one stream, and copies its results out.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_CUDA_H
#define RESQ_EXEC_CUDA_H

#include "base/error.h"
#include "resq/abi.h"
#include <stdint.h>

typedef struct resq_cuda resq_cuda;

/// What of a session the device needs; arrays stay the session's and must outlive the device.
typedef struct resq_cuda_options {
  const resq_entry *const *entries; ///< all at level "cuda"
  int n_entries;
  const resq_gpu_image *images; ///< the program's
  int n_images;
  const uint8_t *params;
  uint64_t params_size;
  const uint64_t *cache_bytes;
  int n_caches;
  int64_t capacity;
  uint64_t workspace_bytes;
} resq_cuda_options;

/// NULL on failure: no driver, no GPU, one too old (RESQ_NO_DEVICE), no memory, PTX refused.
resq_cuda *resq_cuda_create(const resq_cuda_options *options, resq_error *err);
void resq_cuda_destroy(resq_cuda *cuda);

/// Runs entry `index` of the options; returns when results are in args. op_ns, unless NULL, gets
/// each op's time added.
bool resq_cuda_run(resq_cuda *cuda, int index, void *const *args, const int64_t *rows,
                   int64_t *op_ns, resq_error *err);

/// Refuses images that cannot be loaded, before any GPU is asked for.
bool resq_cuda_check_images(const resq_program *program, resq_error *err);
/// The same for launch lists of an entry that do not hold together.
bool resq_cuda_check_entry(const resq_entry *entry, const resq_program *program, resq_error *err);

#endif // RESQ_EXEC_CUDA_H
