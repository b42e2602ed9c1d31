//===-- cuda_internal.h - the structure behind cuda.h ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared by cuda.c, which makes it, and cuda_call.c, which runs calls.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_CUDA_INTERNAL_H
#define RESQ_EXEC_CUDA_INTERNAL_H

#include "exec/cuda.h"
#include "exec/cuda_device.h"
#include "exec/cuda_graph.h"
#include "exec/cuda_image.h"
#include "exec/cuda_launch.h"
#include "exec/cuda_transfer.h"

/// Inputs and results up to so much go through pinned memory of their own, inside a call's graph; larger ones through
/// the transfer's buffers, before and after it.
enum { RESQ_CUDA_MOST_STAGED = 4 << 20 };

/// Where a call's arguments lie in the device's buffer for them: inputs, then results, each aligned.
typedef struct resq_cuda_layout {
  uint64_t offsets[RESQ_MAX_ARGS], bytes[RESQ_MAX_ARGS];
  uint64_t inputs;          ///< bytes of all inputs, which begin at 0
  uint64_t results_at, end; ///< of all results
} resq_cuda_layout;

/// For `rows` rows of each argument; NULL: as many as the entry takes. False: more than 64 bits count.
bool resq_cuda_lay_out(const resq_entry *e, const int64_t *rows, resq_cuda_layout *out);

struct resq_cuda {
  resq_cuda_options options;
  resq_cuda_device device;
  int image;
  resq_cuda_handle module;
  resq_cuda_list *lists; ///< [n_entries], then that of the image's preparation
  resq_cuda_places places;
  resq_cuda_transfer transfer;
  uint8_t *staged_inputs, *staged_results; ///< pinned; NULL without
  resq_cuda_graphs graphs;
  bool use_graphs;         ///< unless $RESQ_CUDA_GRAPH is 0
  bool every_launch;       ///< wait after each: $RESQ_CUDA_SYNC
  resq_cuda_handle *marks; ///< [n_marks] events of a profile, between launches
  int n_marks;
  uint8_t *observed; ///< rows on their way to an observer
  uint64_t observed_bytes;
  resq_error lost; ///< what ended the device for this session; RESQ_OK: nothing
};

#endif // RESQ_EXEC_CUDA_INTERNAL_H
