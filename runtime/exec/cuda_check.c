//===-- cuda_check.c ------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/cuda_check.h"

#include <inttypes.h>

/// Limits of every GPU since compute capability 3.0.
enum { MAX_THREADS = 1024, MAX_GRID_Y = 65535, MAX_SHARED = 227 << 10 };

/// What a list may refer to.
typedef struct scope {
  const resq_program *program;
  const resq_gpu_image *image;
  const resq_entry *entry; ///< NULL: the image's prepare list
  const resq_gpu_launches *list;
} scope;

static bool good_arg(const scope *s, const resq_gpu_arg *a) {
  if (a->offset < 0)
    return false;
  switch (a->kind) {
  case RESQ_GPU_WORKSPACE:
    return a->offset < s->list->workspace_bytes;
  case RESQ_GPU_ARGUMENT:
  case RESQ_GPU_ROWS:
    return s->entry && a->index >= 0 && a->index < s->entry->n_args;
  case RESQ_GPU_CACHE:
    return s->entry && a->index >= 0 && a->index < s->program->n_caches;
  case RESQ_GPU_PREPARED:
    return a->offset < s->image->prepared_bytes;
  case RESQ_GPU_PARAM:
  case RESQ_GPU_CAPACITY:
    return true;
  default:
    return false;
  }
}

static bool good_kernel(const resq_gpu_launch *l) {
  return l->kernel && l->items_per_row >= 1 && l->items_per_block >= 1 && l->blocks_per_sm >= 0 &&
         l->grid_y >= 1 && l->grid_y <= MAX_GRID_Y && l->threads >= 1 &&
         l->threads <= MAX_THREADS && l->shared_bytes >= 0 && l->shared_bytes <= MAX_SHARED;
}

static bool is_pointer(const resq_gpu_arg *a) {
  return a->kind != RESQ_GPU_ROWS && a->kind != RESQ_GPU_CAPACITY;
}

static bool good_launch(const scope *s, const resq_gpu_launch *l) {
  const int32_t n_ops = s->entry ? s->entry->n_ops : 1, n_args = s->entry ? s->entry->n_args : 0;
  if (l->op < 0 || l->op >= n_ops || l->rows_of < -1 || l->rows_of >= n_args || l->n_args < 0 ||
      l->n_args > RESQ_GPU_MAX_ARGS || (l->n_args && !l->args))
    return false;
  for (int32_t i = 0; i < l->n_args; ++i)
    if (!good_arg(s, &l->args[i]))
      return false;
  switch (l->kind) {
  case RESQ_GPU_LAUNCH_KERNEL:
    return good_kernel(l);
  case RESQ_GPU_LAUNCH_ZERO:
    return l->n_args == 1 && is_pointer(&l->args[0]) && l->bytes >= 0;
  case RESQ_GPU_LAUNCH_OBSERVE:
    return s->entry && l->n_args == 1 && is_pointer(&l->args[0]) && l->site >= 0 &&
           l->site < s->program->n_sites && l->width >= 1 && l->ld >= l->width;
  default:
    return false;
  }
}

static bool check_list(const scope *s, const char *of, resq_error *err) {
  const resq_gpu_launches *list = s->list;
  if (list->n < 0 || (list->n && !list->items) || list->workspace_bytes < 0 ||
      (s->entry && list->workspace_bytes > s->entry->workspace_bytes))
    return resq_fail(err, RESQ_BAD_INPUT, "@%s: the launch list for %s is malformed", of,
                     s->image->chip);
  for (int32_t i = 0; i < list->n; ++i)
    if (!good_launch(s, &list->items[i]))
      return resq_fail(err, RESQ_BAD_INPUT, "@%s: launch %" PRId32 " for %s is malformed", of, i,
                       s->image->chip);
  return true;
}

static bool check_image(const resq_program *p, int32_t index, resq_error *err) {
  const resq_gpu_image *image = &p->gpu_images[index];
  if (!image->chip || !image->ptx || !image->cubin != !image->cubin_size ||
      image->prepared_bytes < 0)
    return resq_fail(err, RESQ_BAD_INPUT, "GPU image %" PRId32 " is malformed", index);
  return check_list(&(scope){p, image, NULL, &image->prepare}, "prepare", err);
}

bool resq_cuda_check_program(const resq_program *p, resq_error *err) {
  if (p->n_gpu_images < 0 || (p->n_gpu_images && !p->gpu_images))
    return resq_fail(err, RESQ_BAD_INPUT, "the program's GPU images are malformed");
  for (int32_t i = 0; i < p->n_gpu_images; ++i)
    if (!check_image(p, i, err))
      return false;
  for (int32_t i = 0; i < p->n_entries; ++i) {
    const resq_entry *e = &p->entries[i];
    if (!e->gpu)
      continue;
    if (!p->n_gpu_images || !e->gpu->launches)
      return resq_fail(err, RESQ_BAD_INPUT, "@%s: the GPU code is malformed", e->function);
    for (int32_t j = 0; j < p->n_gpu_images; ++j)
      if (!check_list(&(scope){p, &p->gpu_images[j], e, &e->gpu->launches[j]}, e->function, err))
        return false;
  }
  return true;
}

//===-- Parameters --------------------------------------------------------===//

static bool check_params(const resq_gpu_launches *list, const char *of, uint64_t size,
                         resq_error *err) {
  for (int32_t i = 0; i < list->n; ++i)
    for (int32_t j = 0; j < list->items[i].n_args; ++j) {
      const resq_gpu_arg *a = &list->items[i].args[j];
      if (a->kind == RESQ_GPU_PARAM && (uint64_t)a->offset >= size)
        return resq_fail(err, RESQ_BAD_INPUT,
                         "@%s: a kernel reads parameters at %" PRId64 ", there are %" PRIu64
                         " bytes",
                         of, a->offset, size);
    }
  return true;
}

bool resq_cuda_check_params(const resq_program *p, uint64_t size, resq_error *err) {
  for (int32_t i = 0; i < p->n_gpu_images; ++i) {
    if (!check_params(&p->gpu_images[i].prepare, "prepare", size, err))
      return false;
    for (int32_t j = 0; j < p->n_entries; ++j)
      if (p->entries[j].gpu &&
          !check_params(&p->entries[j].gpu->launches[i], p->entries[j].function, size, err))
        return false;
  }
  return true;
}
