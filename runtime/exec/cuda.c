//===-- cuda.c - device memory, modules and launches ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All device memory is taken when a session starts; a call allocates nothing. The launch list
// is the compiler's: nothing here knows what a kernel computes.
//===----------------------------------------------------------------------===//
#include "exec/cuda.h"

#include "base/checked.h"
#include "exec/cuda_driver.h"
#include "exec/threads.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// What a kernel may use of shared memory without being told.
#define DEFAULT_SHARED (48 << 10)
#define OLDEST_CAPABILITY 80

/// An entry's launches for the image, and the functions that they name.
typedef struct loaded_entry {
  const resq_gpu_launches *launches;
  resq_cuda_handle *functions; ///< [launches->n]
} loaded_entry;

struct resq_cuda {
  resq_cuda_driver driver;
  resq_cuda_options options;
  int device, capability, processors;
  char name[128];
  resq_cuda_handle context, stream, module;
  resq_cuda_pointer params, workspace, arguments;
  resq_cuda_pointer *caches;     ///< [n_caches]
  uint64_t argument_offsets[64]; ///< into `arguments`, by position, for the largest entry
  loaded_entry *entries;
  bool every_launch; ///< wait after each: $RESQ_CUDA_SYNC, to learn which op failed
};

static bool check(const resq_cuda *c, int result, resq_error *err, const char *what) {
  return resq_cuda_check(&c->driver, result, err, what);
}

//===-- Device ------------------------------------------------------------===//

static bool open_device(resq_cuda *c, resq_error *err) {
  const resq_cuda_driver *d = &c->driver;
  int count = 0, major = 0, minor = 0;
  if (!check(c, d->cuDeviceGetCount(&count), err, "cuDeviceGetCount"))
    return false;
  if (count < 1)
    return resq_fail(err, RESQ_NO_DEVICE,
                     "the driver sees no GPU (is CUDA_VISIBLE_DEVICES empty?)");
  if (!check(c, d->cuDeviceGet(&c->device, 0), err, "cuDeviceGet") ||
      !check(c, d->cuDeviceGetName(c->name, sizeof c->name, c->device), err, "cuDeviceGetName") ||
      !check(c, d->cuDeviceGetAttribute(&major, RESQ_CUDA_CAPABILITY_MAJOR, c->device), err,
             c->name) ||
      !check(c, d->cuDeviceGetAttribute(&minor, RESQ_CUDA_CAPABILITY_MINOR, c->device), err,
             c->name) ||
      !check(c, d->cuDeviceGetAttribute(&c->processors, RESQ_CUDA_PROCESSORS, c->device), err,
             c->name))
    return false;
  c->capability = 10 * major + minor;
  if (c->capability < OLDEST_CAPABILITY)
    return resq_fail(err, RESQ_NO_DEVICE, "%s has compute capability %d.%d, needed is 8.0 or later",
                     c->name, major, minor);
  return check(c, d->cuDevicePrimaryCtxRetain(&c->context, c->device), err, c->name) &&
         check(c, d->cuCtxSetCurrent(c->context), err, "cuCtxSetCurrent") &&
         check(c, d->cuStreamCreate(&c->stream, RESQ_CUDA_STREAM_NON_BLOCKING), err,
               "cuStreamCreate");
}

//===-- Memory ------------------------------------------------------------===//

static bool allocate(resq_cuda *c, uint64_t bytes, resq_cuda_pointer *out, const char *what,
                     resq_error *err) {
  *out = 0;
  if (bytes == 0)
    return true;
  int result = c->driver.cuMemAlloc(out, bytes);
  if (result == RESQ_CUDA_OUT_OF_MEMORY) {
    size_t free_bytes = 0, total = 0;
    c->driver.cuMemGetInfo(&free_bytes, &total);
    return resq_fail(err, RESQ_NO_MEMORY,
                     "%s: no memory for %s: %" PRIu64 " bytes, %zu of %zu are free", c->name, what,
                     bytes, free_bytes, total);
  }
  return check(c, result, err, what);
}

static bool copy_params(resq_cuda *c, resq_error *err) {
  const resq_cuda_options *o = &c->options;
  return allocate(c, o->params_size, &c->params, "the parameters", err) &&
         (!o->params_size || check(c, c->driver.cuMemcpyHtoD(c->params, o->params, o->params_size),
                                   err, "copying the parameters"));
}

static bool allocate_caches(resq_cuda *c, resq_error *err) {
  const resq_cuda_options *o = &c->options;
  c->caches = calloc((size_t)o->n_caches + 1, sizeof *c->caches);
  if (!c->caches)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for a list of %d caches", o->n_caches);
  for (int i = 0; i < o->n_caches; ++i) {
    char what[64];
    snprintf(what, sizeof what, "cache %d of %d", i + 1, o->n_caches);
    if (!allocate(c, o->cache_bytes[i], &c->caches[i], what, err) ||
        (o->cache_bytes[i] &&
         !check(c, c->driver.cuMemsetD8(c->caches[i], 0, o->cache_bytes[i]), err, what)))
      return false;
  }
  return true;
}

/// Bytes of argument i of an entry at its largest; false when they do not fit 64 bits.
static bool argument_bytes(const resq_entry *e, int i, int64_t rows, uint64_t *out) {
  const resq_arg *a = &e->args[i];
  return resq_mul_u64((uint64_t)rows, (uint64_t)(a->width ? a->width : 1) * 4, out);
}

/// One buffer for the arguments of any entry: position i where the largest i-th ones fit.
static bool allocate_arguments(resq_cuda *c, resq_error *err) {
  uint64_t total = 0;
  const int limit = sizeof c->argument_offsets / sizeof *c->argument_offsets;
  for (int i = 0; i < limit; ++i) {
    uint64_t largest = 0;
    for (int j = 0; j < c->options.n_entries; ++j) {
      const resq_entry *e = c->options.entries[j];
      uint64_t bytes;
      if (i >= e->n_args)
        continue;
      if (!argument_bytes(e, i, e->args[i].rows >= 0 ? e->args[i].rows : e->max_rows, &bytes))
        return resq_fail(err, RESQ_NO_MEMORY, "@%s: argument '%s' does not fit memory", e->function,
                         e->args[i].name);
      largest = bytes > largest ? bytes : largest;
    }
    c->argument_offsets[i] = total;
    if (!resq_add_u64(total, (largest + 255) / 256 * 256, &total))
      return resq_fail(err, RESQ_NO_MEMORY, "the arguments do not fit memory");
  }
  return allocate(c, total, &c->arguments, "arguments and results", err);
}

//===-- Code --------------------------------------------------------------===//

/// The index of the best image that the GPU runs; -1 after an error.
static int choose_image(const resq_cuda *c, resq_error *err) {
  const resq_cuda_options *o = &c->options;
  char list[256] = "";
  for (int i = 0; i < o->n_images; ++i) {
    const resq_gpu_image *image = &o->images[i];
    if (image->exact ? image->capability == c->capability : image->capability <= c->capability)
      return i;
    size_t used = strlen(list);
    snprintf(list + used, sizeof list - used, "%s%s", i ? ", " : "", image->chip);
  }
  resq_fail(err, RESQ_NO_DEVICE,
            "%s has compute capability %d.%d; the program was compiled for: %s", c->name,
            c->capability / 10, c->capability % 10, list);
  return -1;
}

static bool load_module(resq_cuda *c, const resq_gpu_image *image, resq_error *err) {
  char log[600] = "";
  int options[] = {RESQ_CUDA_JIT_ERROR_LOG, RESQ_CUDA_JIT_ERROR_LOG_SIZE};
  void *values[] = {log, (void *)(uintptr_t)sizeof log};
  int result = c->driver.cuModuleLoadDataEx(&c->module, image->ptx, 2, options, values);
  log[sizeof log - 1] = 0;
  char what[128];
  snprintf(what, sizeof what, "the driver refuses the PTX for %s", image->chip);
  if (check(c, result, err, what))
    return true;
  if (err && log[0]) {
    log[strcspn(log, "\n")] = 0; // the first complaint says it; the others often follow from it
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used, ": %s", log);
  }
  return false;
}

static bool load_entry(resq_cuda *c, int index, int image, resq_error *err) {
  const resq_entry *e = c->options.entries[index];
  loaded_entry *loaded = &c->entries[index];
  const resq_gpu_launches *launches = loaded->launches = &e->gpu->launches[image];
  for (int32_t i = 0; i < launches->n; ++i)
    for (int32_t j = 0; j < launches->items[i].n_args; ++j) {
      const resq_gpu_arg *a = &launches->items[i].args[j];
      if (a->kind == RESQ_GPU_PARAM && (uint64_t)a->offset >= c->options.params_size)
        return resq_fail(err, RESQ_BAD_INPUT,
                         "@%s: a kernel reads parameters at %" PRId64 ", there are %" PRIu64
                         " bytes",
                         e->function, a->offset, c->options.params_size);
    }
  loaded->functions = calloc((size_t)launches->n + 1, sizeof *loaded->functions);
  if (!loaded->functions)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for %" PRId32 " launches", launches->n);
  for (int32_t i = 0; i < launches->n; ++i) {
    const resq_gpu_launch *l = &launches->items[i];
    if (!check(c, c->driver.cuModuleGetFunction(&loaded->functions[i], c->module, l->kernel), err,
               l->kernel))
      return false;
    if (l->shared_bytes > DEFAULT_SHARED &&
        !check(c,
               c->driver.cuFuncSetAttribute(loaded->functions[i], RESQ_CUDA_MAX_DYNAMIC_SHARED,
                                            l->shared_bytes),
               err, l->kernel))
      return false;
  }
  return true;
}

static bool load_entries(resq_cuda *c, resq_error *err) {
  c->entries = calloc((size_t)c->options.n_entries + 1, sizeof *c->entries);
  if (!c->entries)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for %d entries", c->options.n_entries);
  const int image = choose_image(c, err);
  if (image < 0 || !load_module(c, &c->options.images[image], err))
    return false;
  for (int i = 0; i < c->options.n_entries; ++i)
    if (!load_entry(c, i, image, err))
      return false;
  return true;
}

//===-- Life --------------------------------------------------------------===//

resq_cuda *resq_cuda_create(const resq_cuda_options *options, resq_error *err) {
  resq_cuda *c = calloc(1, sizeof *c);
  if (!c) {
    resq_fail(err, RESQ_NO_MEMORY, "no memory for a GPU session");
    return NULL;
  }
  c->options = *options;
  const char *sync = getenv("RESQ_CUDA_SYNC");
  c->every_launch = sync && *sync && strcmp(sync, "0");
  if (resq_cuda_driver_open(&c->driver, err) && open_device(c, err) && copy_params(c, err) &&
      allocate(c, options->workspace_bytes, &c->workspace, "the workspace", err) &&
      allocate_caches(c, err) && allocate_arguments(c, err) && load_entries(c, err))
    return c;
  resq_fail_in(err, "level 'cuda'");
  resq_cuda_destroy(c);
  return NULL;
}

void resq_cuda_destroy(resq_cuda *c) {
  if (!c)
    return;
  if (c->context) {
    const resq_cuda_driver *d = &c->driver;
    d->cuCtxSetCurrent(c->context);
    if (c->module)
      d->cuModuleUnload(c->module);
    for (int i = 0; c->caches && i < c->options.n_caches; ++i)
      if (c->caches[i])
        d->cuMemFree(c->caches[i]);
    const resq_cuda_pointer owned[] = {c->params, c->workspace, c->arguments};
    for (int i = 0; i < 3; ++i)
      if (owned[i])
        d->cuMemFree(owned[i]);
    if (c->stream)
      d->cuStreamDestroy(c->stream);
    d->cuDevicePrimaryCtxRelease(c->device);
  }
  for (int i = 0; c->entries && i < c->options.n_entries; ++i)
    free(c->entries[i].functions);
  free(c->entries);
  free(c->caches);
  free(c);
}

//===-- A call ------------------------------------------------------------===//

static bool copy_arguments(resq_cuda *c, const resq_entry *e, void *const *args,
                           const int64_t *rows, bool results, resq_error *err) {
  for (int i = 0; i < e->n_args; ++i) {
    uint64_t bytes;
    if ((e->args[i].is_result != 0) != results || rows[i] == 0 ||
        !argument_bytes(e, i, rows[i], &bytes))
      continue;
    resq_cuda_pointer at = c->arguments + c->argument_offsets[i];
    int result = results ? c->driver.cuMemcpyDtoHAsync(args[i], at, bytes, c->stream)
                         : c->driver.cuMemcpyHtoDAsync(at, args[i], bytes, c->stream);
    if (!check(c, result, err, e->args[i].name))
      return resq_fail_in(err, "@%s: copying an argument", e->function);
  }
  return true;
}

/// The value of a kernel's argument: 8 bytes, a pointer or an int64_t.
static uint64_t argument_value(const resq_cuda *c, const resq_gpu_arg *a, const int64_t *rows) {
  switch (a->kind) {
  case RESQ_GPU_WORKSPACE:
    return c->workspace + (uint64_t)a->offset;
  case RESQ_GPU_ARGUMENT:
    return c->arguments + c->argument_offsets[a->index] + (uint64_t)a->offset;
  case RESQ_GPU_PARAM:
    return c->params + (uint64_t)a->offset;
  case RESQ_GPU_CACHE:
    return c->caches[a->index] + (uint64_t)a->offset;
  case RESQ_GPU_ROWS:
    return (uint64_t)rows[a->index];
  default: // RESQ_GPU_CAPACITY: resq_cuda_check_entry lets no others pass
    return (uint64_t)c->options.capacity;
  }
}

static bool fail_in_op(const resq_entry *e, const resq_gpu_launch *l, resq_error *err) {
  return resq_fail_in(err, "@%s: op '%s' (kernel %s)", e->function,
                      e->op_names ? e->op_names[l->op] : "?", l->kernel);
}

static bool launch(resq_cuda *c, const resq_entry *e, const resq_gpu_launch *l,
                   resq_cuda_handle function, const int64_t *rows, resq_error *err) {
  uint64_t values[RESQ_GPU_MAX_ARGS];
  void *pointers[RESQ_GPU_MAX_ARGS];
  for (int32_t i = 0; i < l->n_args; ++i) {
    values[i] = argument_value(c, &l->args[i], rows);
    pointers[i] = &values[i];
  }
  const int64_t items = (l->rows_of < 0 ? 1 : rows[l->rows_of]) * l->items_per_row;
  const int64_t most = (int64_t)l->blocks_per_sm * c->processors;
  int64_t blocks = (items + l->items_per_block - 1) / l->items_per_block;
  if (most > 0 && blocks > most)
    blocks = most;
  if (blocks == 0)
    return true;
  int result = c->driver.cuLaunchKernel(function, (unsigned)blocks, (unsigned)l->grid_y, 1,
                                        (unsigned)l->threads, 1, 1, (unsigned)l->shared_bytes,
                                        c->stream, pointers, NULL);
  return check(c, result, err, "cuLaunchKernel") || fail_in_op(e, l, err);
}

bool resq_cuda_run(resq_cuda *c, int index, void *const *args, const int64_t *rows, int64_t *op_ns,
                   resq_error *err) {
  const resq_entry *e = c->options.entries[index];
  if (!check(c, c->driver.cuCtxSetCurrent(c->context), err, "cuCtxSetCurrent") ||
      !copy_arguments(c, e, args, rows, false, err))
    return false;
  const bool wait = op_ns || c->every_launch;
  if (wait && !check(c, c->driver.cuStreamSynchronize(c->stream), err, "copying arguments"))
    return resq_fail_in(err, "@%s", e->function);
  int64_t last = resq_now_ns();
  const resq_gpu_launches *launches = c->entries[index].launches;
  for (int32_t i = 0; i < launches->n; ++i) {
    const resq_gpu_launch *l = &launches->items[i];
    if (!launch(c, e, l, c->entries[index].functions[i], rows, err))
      return false;
    if (!wait)
      continue;
    if (!check(c, c->driver.cuStreamSynchronize(c->stream), err, "cuStreamSynchronize"))
      return fail_in_op(e, l, err);
    int64_t now = resq_now_ns();
    if (op_ns)
      op_ns[l->op] += now - last;
    last = now;
  }
  if (!copy_arguments(c, e, args, rows, true, err))
    return false;
  return check(c, c->driver.cuStreamSynchronize(c->stream), err, "cuStreamSynchronize") ||
         resq_fail_in(err, "@%s: a kernel failed (RESQ_CUDA_SYNC=1 says which op)", e->function);
}
