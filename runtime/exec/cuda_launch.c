//===-- cuda_launch.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/cuda_launch.h"

#include "base/checked.h"

/// Launches that wait for the one before them by an instruction of their own came with Hopper.
#define EARLY_CAPABILITY 90

uint64_t resq_cuda_value(const resq_cuda_values *v, const resq_gpu_arg *a) {
  const resq_cuda_places *p = v->places;
  switch (a->kind) {
  case RESQ_GPU_WORKSPACE:
    return p->workspace + (uint64_t)a->offset;
  case RESQ_GPU_ARGUMENT:
    return p->arguments + v->argument_offsets[a->index] + (uint64_t)a->offset;
  case RESQ_GPU_PARAM:
    return p->params + (uint64_t)a->offset;
  case RESQ_GPU_CACHE:
    return p->caches[a->index] + (uint64_t)a->offset;
  case RESQ_GPU_PREPARED:
    return p->prepared + (uint64_t)a->offset;
  case RESQ_GPU_ROWS:
    return (uint64_t)v->rows[a->index];
  default: // RESQ_GPU_CAPACITY: resq_cuda_check_program knows no others
    return (uint64_t)p->capacity;
  }
}

int64_t resq_cuda_rows(const resq_cuda_values *v, const resq_gpu_launch *l) {
  return l->rows_of < 0 ? 1 : v->rows[l->rows_of];
}

/// Blocks along x; false where they are more than a grid has.
static bool count_blocks(const resq_cuda_device *d, const resq_gpu_launch *l, int64_t rows,
                         int64_t *out) {
  uint64_t items;
  if (!resq_mul_u64((uint64_t)rows, (uint64_t)l->items_per_row, &items))
    return false;
  const uint64_t blocks =
      items / (uint64_t)l->items_per_block + (items % (uint64_t)l->items_per_block != 0);
  const uint64_t most = (uint64_t)l->blocks_per_sm * (uint64_t)d->multiprocessors;
  *out = (int64_t)(most && blocks > most ? most : blocks);
  return *out <= INT32_MAX;
}

static bool launch_kernel(const resq_cuda_device *d, const resq_cuda_values *v,
                          const resq_gpu_launch *l, resq_cuda_handle function, bool after_kernel,
                          resq_error *err) {
  uint64_t values[RESQ_GPU_MAX_ARGS];
  void *pointers[RESQ_GPU_MAX_ARGS + 1];
  int64_t blocks;
  if (!count_blocks(d, l, resq_cuda_rows(v, l), &blocks))
    return resq_fail(err, RESQ_FAILED, "more blocks than a grid has");
  if (blocks == 0)
    return true;
  for (int32_t i = 0; i < l->n_args; ++i) {
    values[i] = resq_cuda_value(v, &l->args[i]);
    pointers[i] = &values[i];
  }
  pointers[l->n_args] =
      NULL; // the driver knows the kernel's parameters; that of the tests does not
  resq_cuda_attribute early = {.id = RESQ_CUDA_PROGRAMMATIC_SERIALIZATION, .value = {1}};
  const bool may_start_early =
      after_kernel && l->flags & RESQ_GPU_EARLY && d->capability >= EARLY_CAPABILITY;
  const resq_cuda_launch_config config = {.grid = {(unsigned)blocks, (unsigned)l->grid_y, 1},
                                          .block = {(unsigned)l->threads, 1, 1},
                                          .shared_bytes = (unsigned)l->shared_bytes,
                                          .stream = d->stream,
                                          .attributes = may_start_early ? &early : NULL,
                                          .n_attributes = may_start_early};
  return resq_cuda_ok(d, d->driver.cuLaunchKernelEx(&config, function, pointers, NULL), err,
                      "cuLaunchKernelEx");
}

bool resq_cuda_enqueue(const resq_cuda_device *d, const resq_cuda_values *v,
                       const resq_gpu_launch *l, resq_cuda_handle function, bool after_kernel,
                       resq_error *err) {
  if (l->kind == RESQ_GPU_LAUNCH_KERNEL)
    return launch_kernel(d, v, l, function, after_kernel, err);
  return l->bytes == 0 || resq_cuda_ok(d,
                                       d->driver.cuMemsetD8Async(resq_cuda_value(v, &l->args[0]), 0,
                                                                 (size_t)l->bytes, d->stream),
                                       err, "cuMemsetD8Async");
}
