//===-- cuda_graph.c ------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/cuda_graph.h"

#include <string.h>

void resq_cuda_graphs_begin(resq_cuda_graphs *g) {
  memset(g, 0, sizeof *g);
  for (int i = 0; i < RESQ_CUDA_GRAPHS; ++i)
    g->items[i].entry = -1;
}

static void drop(resq_cuda_graph *graph, const resq_cuda_device *d) {
  if (graph->executable)
    d->driver.cuGraphExecDestroy(graph->executable);
  *graph = (resq_cuda_graph){.entry = -1};
}

void resq_cuda_graphs_end(resq_cuda_graphs *g, const resq_cuda_device *d) {
  for (int i = 0; i < RESQ_CUDA_GRAPHS; ++i)
    drop(&g->items[i], d);
}

resq_cuda_graph *resq_cuda_graphs_find(resq_cuda_graphs *g, const resq_cuda_device *d, int entry,
                                       const int64_t *rows, int n_rows, bool *out_again) {
  resq_cuda_graph *oldest = &g->items[0];
  const int64_t now = ++g->calls;
  for (int i = 0; i < RESQ_CUDA_GRAPHS; ++i) {
    resq_cuda_graph *item = &g->items[i];
    if (item->entry == entry && item->n_rows == n_rows &&
        !memcmp(item->rows, rows, (size_t)n_rows * sizeof *rows)) {
      item->used = now;
      *out_again = true;
      return item;
    }
    if (item->used < oldest->used)
      oldest = item;
  }
  drop(oldest, d);
  oldest->entry = entry;
  oldest->n_rows = n_rows;
  oldest->used = now;
  memcpy(oldest->rows, rows, (size_t)n_rows * sizeof *rows);
  *out_again = false;
  return oldest;
}

bool resq_cuda_graph_begin(const resq_cuda_device *d, resq_error *err) {
  return resq_cuda_ok(d, d->driver.cuStreamBeginCapture(d->stream, RESQ_CUDA_CAPTURE_THREAD_LOCAL),
                      err, "cuStreamBeginCapture");
}

bool resq_cuda_graph_end(resq_cuda_graph *graph, const resq_cuda_device *d, bool ok,
                         resq_error *err) {
  resq_cuda_handle recorded = NULL;
  const int result = d->driver.cuStreamEndCapture(d->stream, &recorded);
  ok = ok && resq_cuda_ok(d, result, err, "cuStreamEndCapture") &&
       resq_cuda_ok(d, d->driver.cuGraphInstantiateWithFlags(&graph->executable, recorded, 0), err,
                    "cuGraphInstantiate");
  if (!ok)
    graph->executable = NULL;
  if (recorded)
    d->driver.cuGraphDestroy(recorded);
  return ok;
}
