//===-- cuda_image.c ------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/cuda_image.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// What a kernel may use of shared memory without being told.
#define DEFAULT_SHARED (48 << 10)

//===-- Choice ------------------------------------------------------------===//

static bool runs_on(const resq_gpu_image *image, int capability) {
  return image->exact ? image->capability == capability : image->capability <= capability;
}

static void list_chips(const resq_program *p, char *out, size_t size) {
  size_t used = 0;
  out[0] = 0;
  for (int32_t i = 0; i < p->n_gpu_images && used < size; ++i)
    used += (size_t)snprintf(out + used, size - used, "%s%s", i ? ", " : "", p->gpu_images[i].chip);
}

int resq_cuda_image_choose(const resq_cuda_device *d, const resq_program *p, resq_error *err) {
  const char *wanted = getenv("RESQ_CUDA_CHIP");
  char list[256];
  list_chips(p, list, sizeof list);
  if (wanted && !*wanted)
    wanted = NULL;
  bool known = !wanted;
  for (int32_t i = 0; i < p->n_gpu_images; ++i) {
    const bool named = !wanted || !strcmp(p->gpu_images[i].chip, wanted);
    known = known || named;
    if (named && runs_on(&p->gpu_images[i], d->capability))
      return i;
  }
  if (!known)
    resq_fail(err, RESQ_USAGE,
              "RESQ_CUDA_CHIP is '%.50s'; the program was compiled for the GPUs: %s", wanted, list);
  else
    resq_fail(err, RESQ_NO_DEVICE, "%s has compute capability %d.%d; the program's code is for: %s",
              d->name, d->capability / 10, d->capability % 10, wanted ? wanted : list);
  return -1;
}

//===-- Module ------------------------------------------------------------===//

/// A cubin runs on its own capability, and on later ones of the same major number where it is not exact.
static bool fits_cubin(const resq_gpu_image *image, int capability) {
  return image->cubin && image->capability / 10 == capability / 10;
}

static bool load_ptx(const resq_cuda_device *d, const resq_gpu_image *image, resq_cuda_handle *out,
                     resq_error *err) {
  char log[600] = "", what[96];
  int options[] = {RESQ_CUDA_JIT_ERROR_LOG, RESQ_CUDA_JIT_ERROR_LOG_SIZE};
  void *values[] = {log, (void *)(uintptr_t)sizeof log};
  int result = d->driver.cuModuleLoadDataEx(out, image->ptx, 2, options, values);
  log[sizeof log - 1] = 0;
  snprintf(what, sizeof what, "the driver refuses the PTX for %.30s", image->chip);
  if (resq_cuda_ok(d, result, err, what))
    return true;
  *out = NULL;
  if (err && log[0]) {
    log[strcspn(log, "\n")] = 0; // the first complaint says it; the others often follow from it
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s", log);
  }
  return false;
}

bool resq_cuda_module_load(const resq_cuda_device *d, const resq_gpu_image *image,
                           resq_cuda_handle *out, resq_error *err) {
  *out = NULL;
  if (fits_cubin(image, d->capability)) {
    const int result = d->driver.cuModuleLoadDataEx(out, image->cubin, 0, NULL, NULL);
    if (result == 0)
      return true;
    *out = NULL;
    if (result == RESQ_CUDA_OUT_OF_MEMORY)
      return resq_cuda_ok(d, result, err, "loading the program's kernels");
    // One of a newer ptxas than the driver knows: the PTX says the same.
  }
  return load_ptx(d, image, out, err);
}

//===-- Functions ---------------------------------------------------------===//

typedef struct kernel {
  const char *name;
  int32_t shared_bytes; ///< the most that a launch wants
  resq_cuda_handle function;
} kernel;

static int by_name(const void *a, const void *b) {
  return strcmp(((const kernel *)a)->name, ((const kernel *)b)->name);
}

/// All launches' kernels, each name once. NULL: no memory.
static kernel *collect(const resq_cuda_list *lists, int n_lists, int *out_count) {
  size_t launches = 0, n = 0, unique = 0;
  for (int i = 0; i < n_lists; ++i)
    launches += (size_t)lists[i].launches->n;
  kernel *all = calloc(launches + 1, sizeof *all);
  if (!all)
    return NULL;
  for (int i = 0; i < n_lists; ++i)
    for (int32_t j = 0; j < lists[i].launches->n; ++j) {
      const resq_gpu_launch *l = &lists[i].launches->items[j];
      if (l->kind == RESQ_GPU_LAUNCH_KERNEL)
        all[n++] = (kernel){l->kernel, l->shared_bytes, NULL};
    }
  qsort(all, n, sizeof *all, by_name);
  for (size_t i = 0; i < n; ++i) {
    if (!unique || strcmp(all[unique - 1].name, all[i].name))
      all[unique++] = all[i];
    else if (all[i].shared_bytes > all[unique - 1].shared_bytes)
      all[unique - 1].shared_bytes = all[i].shared_bytes;
  }
  *out_count = (int)unique;
  return all;
}

static bool find(const resq_cuda_device *d, resq_cuda_handle module, kernel *k, resq_error *err) {
  if (!resq_cuda_ok(d, d->driver.cuModuleGetFunction(&k->function, module, k->name), err, k->name))
    return resq_fail_in(err, "finding a kernel");
  if (k->shared_bytes > d->most_shared)
    return resq_fail(err, RESQ_NO_DEVICE,
                     "kernel %s needs %" PRId32 " bytes of shared memory a block, %s has %d",
                     k->name, k->shared_bytes, d->name, d->most_shared);
  return k->shared_bytes <= DEFAULT_SHARED ||
         resq_cuda_ok(d,
                      d->driver.cuFuncSetAttribute(k->function, RESQ_CUDA_MAX_DYNAMIC_SHARED,
                                                   k->shared_bytes),
                      err, k->name);
}

/// The functions of one list, from all kernels.
static bool fill(resq_cuda_list *list, const kernel *kernels, int count, resq_error *err) {
  const int32_t n = list->launches->n;
  list->functions = calloc((size_t)n + 1, sizeof *list->functions);
  if (!list->functions)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for %" PRId32 " launches", n);
  for (int32_t i = 0; i < n; ++i) {
    const kernel key = {list->launches->items[i].kernel, 0, NULL};
    if (list->launches->items[i].kind != RESQ_GPU_LAUNCH_KERNEL)
      continue;
    const kernel *found = bsearch(&key, kernels, (size_t)count, sizeof *kernels, by_name);
    list->functions[i] = found->function; // collect took all names
  }
  return true;
}

bool resq_cuda_find_functions(const resq_cuda_device *d, resq_cuda_handle module,
                              resq_cuda_list *lists, int n_lists, resq_error *err) {
  int count = 0;
  kernel *kernels = collect(lists, n_lists, &count);
  bool ok = kernels || resq_fail(err, RESQ_NO_MEMORY, "no memory for a list of kernels");
  for (int i = 0; ok && i < count; ++i)
    ok = find(d, module, &kernels[i], err);
  for (int i = 0; ok && i < n_lists; ++i)
    ok = fill(&lists[i], kernels, count, err);
  free(kernels);
  return ok;
}
