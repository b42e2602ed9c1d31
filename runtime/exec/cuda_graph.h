//===-- cuda_graph.h - calls that were recorded ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A call of an entry with the same rows does the same launches with the same arguments, for positions are read on the
// device: recorded once, it is replayed without changes, which costs 0.5 us a launch in place of 3.
//
// The first call of its kind runs as it is, and the second is recorded: a graph for a prompt's length, which
// seldom comes again, would cost more than its launches; and by the second call the driver has loaded all
// kernels, which it does when one is first launched and cannot while it records.
//===----------------------------------------------------------------------===//
#ifndef RESQ_EXEC_CUDA_GRAPH_H
#define RESQ_EXEC_CUDA_GRAPH_H

#include "exec/cuda_device.h"
#include "resq/abi.h"

enum { RESQ_CUDA_GRAPHS = 32 }; ///< that are kept; the one not used for longest goes

typedef struct resq_cuda_graph {
  int entry; ///< -1: free
  int n_rows;
  int64_t rows[RESQ_MAX_ARGS];
  int64_t used;                ///< when, in calls
  resq_cuda_handle executable; ///< NULL until it is recorded
} resq_cuda_graph;

typedef struct resq_cuda_graphs {
  resq_cuda_graph items[RESQ_CUDA_GRAPHS];
  int64_t calls;
} resq_cuda_graphs;

void resq_cuda_graphs_begin(resq_cuda_graphs *graphs);
void resq_cuda_graphs_end(resq_cuda_graphs *graphs, const resq_cuda_device *device);

/// The place of calls of `entry` with these rows. *out_again: there was one before.
resq_cuda_graph *resq_cuda_graphs_find(resq_cuda_graphs *graphs, const resq_cuda_device *device,
                                       int entry, const int64_t *rows, int n_rows, bool *out_again);

/// From begin to end, what is enqueued on the device's stream is recorded and not done. `end` is called in every
/// case: with ok false it throws away what was recorded and keeps the error.
bool resq_cuda_graph_begin(const resq_cuda_device *device, resq_error *err);
bool resq_cuda_graph_end(resq_cuda_graph *graph, const resq_cuda_device *device, bool ok,
                         resq_error *err);

#endif // RESQ_EXEC_CUDA_GRAPH_H
