//===-- cuda_check.c - is a launch list whole? ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/cuda.h"

#include <inttypes.h>

/// Limits of every GPU since compute capability 3.0; of shared memory, that of 9.0.
enum { MAX_THREADS = 1024, MAX_GRID_Y = 65535, MAX_SHARED = 227 << 10 };

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
  return l->kind == RESQ_GPU_LAUNCH_KERNEL && l->kernel && l->op >= 0 && l->op < e->n_ops &&
         l->rows_of >= -1 && l->rows_of < e->n_args && l->items_per_row >= 1 &&
         l->items_per_row <= INT32_MAX && l->items_per_block >= 1 && l->blocks_per_sm >= 0 &&
         l->grid_y >= 1 && l->grid_y <= MAX_GRID_Y && l->threads >= 1 &&
         l->threads <= MAX_THREADS && l->shared_bytes >= 0 && l->shared_bytes <= MAX_SHARED &&
         l->n_args >= 0 && l->n_args <= RESQ_GPU_MAX_ARGS && (!l->n_args || l->args);
}

bool resq_cuda_check_images(const resq_program *p, resq_error *err) {
  if (p->n_gpu_images < 0 || (p->n_gpu_images && !p->gpu_images))
    return resq_fail(err, RESQ_BAD_INPUT, "the program's GPU images are malformed");
  for (int32_t i = 0; i < p->n_gpu_images; ++i)
    if (!p->gpu_images[i].chip || !p->gpu_images[i].ptx)
      return resq_fail(err, RESQ_BAD_INPUT, "GPU image %" PRId32 " of the program is empty", i);
  return true;
}

static bool check_launches(const resq_entry *e, const resq_gpu_launches *list, const char *chip,
                           int32_t n_caches, resq_error *err) {
  if (list->n < 0 || (list->n && !list->items) || list->workspace_bytes < 0 ||
      list->workspace_bytes > e->workspace_bytes)
    return resq_fail(err, RESQ_BAD_INPUT, "@%s: the GPU code for %s is malformed", e->function,
                     chip);
  for (int32_t i = 0; i < list->n; ++i) {
    const resq_gpu_launch *l = &list->items[i];
    bool ok = good_grid(e, l);
    for (int32_t j = 0; ok && j < l->n_args; ++j)
      ok = good_arg(e, &l->args[j], n_caches);
    if (!ok)
      return resq_fail(err, RESQ_BAD_INPUT, "@%s: launch %" PRId32 " for %s is malformed",
                       e->function, i, chip);
  }
  return true;
}

bool resq_cuda_check_entry(const resq_entry *e, const resq_program *p, resq_error *err) {
  if (p->n_gpu_images < 1 || !e->gpu->launches)
    return resq_fail(err, RESQ_BAD_INPUT, "@%s: there is no GPU code", e->function);
  for (int32_t i = 0; i < p->n_gpu_images; ++i)
    if (!check_launches(e, &e->gpu->launches[i], p->gpu_images[i].chip, p->n_caches, err))
      return false;
  return true;
}
