//===-- cuda_check.c - is a launch list whole? ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/cuda.h"

#include <inttypes.h>

/// Limits of every GPU since compute capability 3.0.
enum { MAX_THREADS = 1024, MAX_GRID_YZ = 65535, MAX_SHARED = 227 << 10, MAX_KERNEL_ARGS = 64 };

static bool good_arg(const resq_entry *e, const resq_gpu_arg *a, int32_t n_caches) {
  if (a->offset < 0)
    return false;
  switch (a->kind) {
  case RESQ_GPU_WORKSPACE:
    return a->offset < e->workspace_bytes;
  case RESQ_GPU_ARGUMENT:
  case RESQ_GPU_ROWS:
    return a->index >= 0 && a->index < e->n_args;
  case RESQ_GPU_CACHE:
    return a->index >= 0 && a->index < n_caches;
  case RESQ_GPU_PARAM:
  case RESQ_GPU_CAPACITY:
    return true;
  default:
    return false;
  }
}

static bool good_grid(const resq_entry *e, const resq_gpu_launch *l) {
  return l->kernel && l->op >= 0 && l->op < e->n_ops && l->rows_of >= 0 && l->rows_of < e->n_args &&
         l->rows_per_block >= 1 && l->grid_y >= 1 && l->grid_y <= MAX_GRID_YZ && l->grid_z >= 1 &&
         l->grid_z <= MAX_GRID_YZ && l->threads >= 1 && l->threads <= MAX_THREADS &&
         l->shared_bytes >= 0 && l->shared_bytes <= MAX_SHARED && l->n_args >= 0 &&
         l->n_args <= MAX_KERNEL_ARGS && (!l->n_args || l->args);
}

bool resq_cuda_check_entry(const resq_entry *e, int32_t n_caches, resq_error *err) {
  const resq_gpu_code *g = e->gpu;
  if (g->n_images < 1 || !g->images || g->n_launches < 0 || (g->n_launches && !g->launches))
    return resq_fail(err, RESQ_BAD_INPUT, "@%s: the GPU code is malformed", e->function);
  for (int32_t i = 0; i < g->n_images; ++i)
    if (!g->images[i].chip || !g->images[i].ptx)
      return resq_fail(err, RESQ_BAD_INPUT, "@%s: GPU image %" PRId32 " is empty", e->function, i);
  for (int32_t i = 0; i < g->n_launches; ++i) {
    const resq_gpu_launch *l = &g->launches[i];
    bool ok = good_grid(e, l);
    for (int32_t j = 0; ok && j < l->n_args; ++j)
      ok = good_arg(e, &l->args[j], n_caches);
    if (!ok)
      return resq_fail(err, RESQ_BAD_INPUT, "@%s: kernel launch %" PRId32 " is malformed",
                       e->function, i);
  }
  return true;
}
