//===-- cuda.c - a session's life on a GPU --------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// All device memory is taken when a session starts, after it is known that there is enough of it.
//===----------------------------------------------------------------------===//
#include "exec/cuda.h"

#include "base/checked.h"
#include "exec/cuda_check.h"
#include "exec/cuda_internal.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Kernels, graphs and what the driver keeps for them.
#define DRIVERS_OWN ((uint64_t)64 << 20)
/// What the driver aligns memory to, and vectors of a kernel may want.
#define ARGUMENT_ALIGNMENT 256

//===-- What is needed ----------------------------------------------------===//

static bool place(uint64_t *at, uint64_t bytes, uint64_t *out_offset) {
  *out_offset = *at;
  return resq_add_u64(*at, bytes, at) && resq_add_u64(*at, ARGUMENT_ALIGNMENT - 1, at) &&
         (*at -= *at % ARGUMENT_ALIGNMENT, true);
}

bool resq_cuda_lay_out(const resq_entry *e, const int64_t *rows, resq_cuda_layout *out) {
  uint64_t at = 0;
  for (int results = 0; results <= 1; ++results) {
    for (int i = 0; i < e->n_args; ++i) {
      const resq_arg *a = &e->args[i];
      if ((a->is_result != 0) != results)
        continue;
      const int64_t n = rows ? rows[i] : a->rows >= 0 ? a->rows : e->max_rows;
      if (!resq_mul_u64((uint64_t)n, (uint64_t)(a->width ? a->width : 1) * 4, &out->bytes[i]) ||
          !place(&at, out->bytes[i], &out->offsets[i]))
        return false;
    }
    if (!results)
      out->inputs = out->results_at = at;
  }
  out->end = at;
  return true;
}

/// Sizes of what all entries share.
typedef struct sizes {
  uint64_t workspace, caches, prepared;
  uint64_t arguments, inputs, results; ///< the largest of all entries
} sizes;

static uint64_t larger(uint64_t a, uint64_t b) { return a > b ? a : b; }

static bool measure(const resq_cuda *c, sizes *s, resq_error *err) {
  const resq_cuda_options *o = &c->options;
  const resq_gpu_image *image = &o->program->gpu_images[c->image];
  *s = (sizes){.workspace = (uint64_t)image->prepare.workspace_bytes,
               .prepared = (uint64_t)image->prepared_bytes};
  for (int32_t i = 0; i < o->program->n_caches; ++i)
    if (!resq_add_u64(s->caches, o->cache_bytes[i], &s->caches))
      return resq_fail(err, RESQ_NO_MEMORY, "the caches do not fit any memory");
  for (int i = 0; i < o->n_entries; ++i) {
    const resq_entry *e = o->entries[i];
    resq_cuda_layout layout;
    if (!resq_cuda_lay_out(e, NULL, &layout))
      return resq_fail(err, RESQ_NO_MEMORY, "@%s: the arguments do not fit any memory",
                       e->function);
    s->workspace = larger(s->workspace, (uint64_t)e->gpu->launches[c->image].workspace_bytes);
    s->arguments = larger(s->arguments, layout.end);
    s->inputs = larger(s->inputs, layout.inputs);
    s->results = larger(s->results, layout.end - layout.results_at);
  }
  return true;
}

/// The device, its image, and whether there is room for everything.
static bool open_device(resq_cuda *c, sizes *s, resq_error *err) {
  if (!resq_cuda_device_open(&c->device, err))
    return false;
  c->image = resq_cuda_image_choose(&c->device, c->options.program, err);
  if (c->image < 0 || !measure(c, s, err))
    return false;
  const resq_cuda_need needs[] = {{"parameters", c->options.params_size},
                                  {"caches", s->caches},
                                  {"workspace", s->workspace},
                                  {"arguments and results", s->arguments},
                                  {"prepared parameters", s->prepared},
                                  {"the driver", DRIVERS_OWN}};
  return resq_cuda_has_room(&c->device, needs, sizeof needs / sizeof *needs, err);
}

//===-- Memory and code ---------------------------------------------------===//

static bool clear(const resq_cuda_device *d, resq_cuda_pointer at, uint64_t bytes, const char *what,
                  resq_error *err) {
  return !bytes || resq_cuda_ok(d, d->driver.cuMemsetD8Async(at, 0, bytes, d->stream), err, what);
}

static bool allocate_caches(resq_cuda *c, resq_error *err) {
  const resq_cuda_options *o = &c->options;
  const resq_cuda_device *d = &c->device;
  const int32_t n = o->program->n_caches;
  c->places.caches = calloc((size_t)n + 1, sizeof *c->places.caches);
  if (!c->places.caches)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for a list of %" PRId32 " caches", n);
  for (int32_t i = 0; i < n; ++i) {
    char what[64];
    snprintf(what, sizeof what, "cache %" PRId32 " of %" PRId32, i + 1, n);
    if (!resq_cuda_allocate(d, o->cache_bytes[i], &c->places.caches[i], what, err) ||
        !clear(d, c->places.caches[i], o->cache_bytes[i], what, err))
      return false;
  }
  return true;
}

static bool allocate(resq_cuda *c, const sizes *s, resq_error *err) {
  const resq_cuda_device *d = &c->device;
  resq_cuda_places *p = &c->places;
  const uint64_t most = larger(larger(c->options.params_size, s->inputs), s->results);
  p->capacity = c->options.capacity;
  // Arguments are cleared, for gaps between them are copied, too.
  return resq_cuda_allocate(d, c->options.params_size, &p->params, "the parameters", err) &&
         resq_cuda_allocate(d, s->workspace, &p->workspace, "the workspace", err) &&
         resq_cuda_allocate(d, s->prepared, &p->prepared, "prepared parameters", err) &&
         resq_cuda_allocate(d, s->arguments, &p->arguments, "arguments and results", err) &&
         clear(d, p->arguments, s->arguments, "arguments and results", err) &&
         allocate_caches(c, err) &&
         resq_cuda_pin(d, s->inputs < RESQ_CUDA_MOST_STAGED ? s->inputs : RESQ_CUDA_MOST_STAGED,
                       &c->staged_inputs, "arguments", err) &&
         resq_cuda_pin(d, s->results < RESQ_CUDA_MOST_STAGED ? s->results : RESQ_CUDA_MOST_STAGED,
                       &c->staged_results, "results", err) &&
         resq_cuda_transfer_open(&c->transfer, d, c->options.pool, most, err);
}

static bool load_code(resq_cuda *c, resq_error *err) {
  const resq_cuda_options *o = &c->options;
  const resq_gpu_image *image = &o->program->gpu_images[c->image];
  c->lists = calloc((size_t)o->n_entries + 1, sizeof *c->lists);
  if (!c->lists)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for %d entries", o->n_entries);
  for (int i = 0; i < o->n_entries; ++i)
    c->lists[i].launches = &o->entries[i]->gpu->launches[c->image];
  c->lists[o->n_entries].launches = &image->prepare;
  return resq_cuda_module_load(&c->device, image, &c->module, err) &&
         resq_cuda_find_functions(&c->device, c->module, c->lists, o->n_entries + 1, err);
}

/// What is done once, with the parameters there: copies of them that kernels like better, for example.
static bool prepare(resq_cuda *c, resq_error *err) {
  const resq_cuda_list *list = &c->lists[c->options.n_entries];
  const resq_cuda_values values = {&c->places, NULL, NULL};
  for (int32_t i = 0; i < list->launches->n; ++i)
    if (!resq_cuda_enqueue(&c->device, &values, &list->launches->items[i], list->functions[i],
                           false, err))
      return resq_fail_in(err, "preparing the parameters (kernel %s)",
                          list->launches->items[i].kernel);
  return resq_cuda_wait(&c->device, err, "preparing the session");
}

static bool copy_params(resq_cuda *c, resq_error *err) {
  return resq_cuda_transfer_in(&c->transfer, c->places.params, c->options.params,
                               c->options.params_size, true, err) ||
         resq_fail_in(err, "copying the parameters");
}

//===-- Life --------------------------------------------------------------===//

static bool is_set(const char *variable, bool otherwise) {
  const char *value = getenv(variable);
  return value && *value ? strcmp(value, "0") != 0 : otherwise;
}

static resq_cuda *begin(const resq_cuda_options *options, resq_error *err) {
  resq_cuda *c = calloc(1, sizeof *c);
  if (!c) {
    resq_fail(err, RESQ_NO_MEMORY, "no memory for a GPU session");
    return NULL;
  }
  c->options = *options;
  c->every_launch = is_set("RESQ_CUDA_SYNC", false);
  c->use_graphs = is_set("RESQ_CUDA_GRAPH", true);
  resq_cuda_graphs_begin(&c->graphs);
  return c;
}

resq_cuda *resq_cuda_create(const resq_cuda_options *options, resq_error *err) {
  resq_cuda *c = begin(options, err);
  sizes s;
  if (c && resq_cuda_check_params(options->program, options->params_size, err) &&
      open_device(c, &s, err) && allocate(c, &s, err) && load_code(c, err) && copy_params(c, err) &&
      prepare(c, err))
    return c;
  resq_cuda_destroy(c);
  return NULL;
}

void resq_cuda_about(const resq_cuda *c, char *out, size_t size) {
  snprintf(out, size, "%s, compute capability %d.%d, code for %s", c->device.name,
           c->device.capability / 10, c->device.capability % 10,
           c->options.program->gpu_images[c->image].chip);
}

bool resq_cuda_describe(const resq_cuda_options *options, char *out, size_t size, resq_error *err) {
  resq_cuda *c = begin(options, err);
  sizes s;
  const bool ok = c && open_device(c, &s, err);
  if (ok)
    resq_cuda_about(c, out, size);
  resq_cuda_destroy(c);
  return ok;
}

/// Everything that the device holds.
static void release(resq_cuda *c) {
  const resq_cuda_device *d = &c->device;
  d->driver.cuCtxSetCurrent(d->context);
  if (d->stream)
    d->driver.cuStreamSynchronize(d->stream);
  resq_cuda_graphs_end(&c->graphs, d);
  for (int i = 0; i < c->n_marks; ++i)
    if (c->marks[i])
      d->driver.cuEventDestroy(c->marks[i]);
  resq_cuda_transfer_close(&c->transfer);
  resq_cuda_unpin(d, &c->staged_inputs);
  resq_cuda_unpin(d, &c->staged_results);
  if (c->module)
    d->driver.cuModuleUnload(c->module);
  for (int32_t i = 0; c->places.caches && i < c->options.program->n_caches; ++i)
    resq_cuda_free(d, &c->places.caches[i]);
  resq_cuda_pointer *const owned[] = {&c->places.params, &c->places.workspace, &c->places.prepared,
                                      &c->places.arguments};
  for (int i = 0; i < 4; ++i)
    resq_cuda_free(d, owned[i]);
}

void resq_cuda_destroy(resq_cuda *c) {
  if (!c)
    return;
  if (c->device.context)
    release(c);
  resq_cuda_device_close(&c->device);
  for (int i = 0; c->lists && i <= c->options.n_entries; ++i)
    free(c->lists[i].functions);
  free(c->lists);
  free(c->places.caches);
  free(c->marks);
  free(c->observed);
  free(c);
}
