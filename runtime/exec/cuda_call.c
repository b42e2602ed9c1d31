//===-- cuda_call.c - one call of an entry on a GPU -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A call is a copy of the inputs, the launches and a copy of the results, in order on one stream, waited for at
// the end. Where somebody watches (a profile, an observer, $RESQ_CUDA_SYNC) it is not recorded, for then the host
// has something to do between launches.
//===----------------------------------------------------------------------===//
#include "exec/cuda_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// A call under way.
typedef struct running {
  resq_cuda *c;
  const resq_entry *entry;
  const resq_cuda_list *list;
  const resq_cuda_call *call;
  resq_cuda_layout layout;
  resq_cuda_values values;
  bool stage_inputs, stage_results; ///< through pinned memory, in one copy
} running;

static bool in_op(const running *r, const resq_gpu_launch *l, resq_error *err) {
  return resq_fail_in(err, "@%s: op '%s' (%s)", r->entry->function,
                      r->entry->op_names ? r->entry->op_names[l->op] : "?",
                      l->kernel ? l->kernel : "no kernel");
}

//===-- Arguments ---------------------------------------------------------===//

/// Large inputs travel here; small ones are put together, and travel with the launches.
static bool bring_inputs(running *r, resq_error *err) {
  const resq_cuda_layout *y = &r->layout;
  for (int i = 0; i < r->entry->n_args; ++i) {
    if (r->entry->args[i].is_result || !y->bytes[i])
      continue;
    if (r->stage_inputs)
      memcpy(r->c->staged_inputs + y->offsets[i], r->call->args[i], y->bytes[i]);
    else if (!resq_cuda_transfer_in(&r->c->transfer, r->c->places.arguments + y->offsets[i],
                                    r->call->args[i], y->bytes[i], false, err))
      return resq_fail_in(err, "@%s: copying argument '%s'", r->entry->function,
                          r->entry->args[i].name);
  }
  return true;
}

static bool take_results(running *r, resq_error *err) {
  const resq_cuda_layout *y = &r->layout;
  for (int i = 0; i < r->entry->n_args; ++i) {
    if (!r->entry->args[i].is_result || !y->bytes[i])
      continue;
    if (r->stage_results)
      memcpy(r->call->args[i], r->c->staged_results + (y->offsets[i] - y->results_at), y->bytes[i]);
    else if (!resq_cuda_transfer_out(&r->c->transfer, r->call->args[i],
                                     r->c->places.arguments + y->offsets[i], y->bytes[i], err))
      return resq_fail_in(err, "@%s: copying result '%s'", r->entry->function,
                          r->entry->args[i].name);
  }
  return true;
}

static bool copy_inputs(const running *r, resq_error *err) {
  const resq_cuda_device *d = &r->c->device;
  if (!r->stage_inputs || !r->layout.inputs)
    return true;
  return resq_cuda_ok(d,
                      d->driver.cuMemcpyHtoDAsync(r->c->places.arguments, r->c->staged_inputs,
                                                  r->layout.inputs, d->stream),
                      err, "cuMemcpyHtoDAsync") ||
         resq_fail_in(err, "@%s: copying arguments", r->entry->function);
}

static bool copy_results(const running *r, resq_error *err) {
  const resq_cuda_device *d = &r->c->device;
  const uint64_t bytes = r->layout.end - r->layout.results_at;
  if (!r->stage_results || !bytes)
    return true;
  return resq_cuda_ok(d,
                      d->driver.cuMemcpyDtoHAsync(r->c->staged_results,
                                                  r->c->places.arguments + r->layout.results_at,
                                                  bytes, d->stream),
                      err, "cuMemcpyDtoHAsync") ||
         resq_fail_in(err, "@%s: copying results", r->entry->function);
}

//===-- Observers ---------------------------------------------------------===//

static bool observe(running *r, const resq_gpu_launch *l, resq_error *err) {
  resq_cuda *c = r->c;
  const int64_t rows = resq_cuda_rows(&r->values, l);
  if (rows == 0)
    return true;
  // What a kernel was launched for fits the device's memory, so this does not overflow.
  const uint64_t bytes = (uint64_t)((rows - 1) * l->ld + l->width) * sizeof(float);
  if (bytes > c->observed_bytes) {
    uint8_t *grown = realloc(c->observed, bytes);
    if (!grown)
      return resq_fail(err, RESQ_NO_MEMORY, "no memory for the rows of a site");
    c->observed = grown;
    c->observed_bytes = bytes;
  }
  if (!resq_cuda_transfer_out(&c->transfer, c->observed, resq_cuda_value(&r->values, &l->args[0]),
                              bytes, err))
    return false;
  r->call->observe(r->call->observe_user, l->site, (const float *)(const void *)c->observed, rows,
                   l->width, l->ld);
  return true;
}

//===-- Profiles ----------------------------------------------------------===//

/// An event before the first launch and one after each.
static bool make_marks(resq_cuda *c, int count, resq_error *err) {
  if (count > c->n_marks) {
    resq_cuda_handle *grown = realloc(c->marks, (size_t)count * sizeof *grown);
    if (!grown)
      return resq_fail(err, RESQ_NO_MEMORY, "no memory for the profile of %d launches", count);
    c->marks = grown;
    for (; c->n_marks < count; ++c->n_marks) {
      c->marks[c->n_marks] = NULL;
      if (!resq_cuda_ok(&c->device, c->device.driver.cuEventCreate(&c->marks[c->n_marks], 0), err,
                        "cuEventCreate"))
        return false;
    }
  }
  return true;
}

static bool mark(const running *r, int index, resq_error *err) {
  const resq_cuda_device *d = &r->c->device;
  return !r->call->op_ns || resq_cuda_ok(d, d->driver.cuEventRecord(r->c->marks[index], d->stream),
                                         err, "cuEventRecord");
}

static bool add_times(const running *r, resq_error *err) {
  const resq_cuda_device *d = &r->c->device;
  for (int32_t i = 0; r->call->op_ns && i < r->list->launches->n; ++i) {
    float ms;
    if (!resq_cuda_ok(d, d->driver.cuEventElapsedTime(&ms, r->c->marks[i], r->c->marks[i + 1]), err,
                      "cuEventElapsedTime"))
      return false;
    r->call->op_ns[r->list->launches->items[i].op] += (int64_t)((double)ms * 1e6);
  }
  return true;
}

//===-- Launches ----------------------------------------------------------===//

static bool enqueue(const running *r, resq_error *err) {
  bool after_kernel = false;
  if (!copy_inputs(r, err))
    return false;
  for (int32_t i = 0; i < r->list->launches->n; ++i) {
    const resq_gpu_launch *l = &r->list->launches->items[i];
    if (l->kind == RESQ_GPU_LAUNCH_OBSERVE)
      continue;
    if (!resq_cuda_enqueue(&r->c->device, &r->values, l, r->list->functions[i], after_kernel, err))
      return in_op(r, l, err);
    after_kernel = l->kind == RESQ_GPU_LAUNCH_KERNEL;
  }
  return copy_results(r, err);
}

/// One launch after the other, with what is to be done between them.
static bool run_watched(running *r, resq_error *err) {
  resq_cuda *c = r->c;
  if (r->call->op_ns && !make_marks(c, r->list->launches->n + 1, err))
    return false;
  if (!copy_inputs(r, err) || !mark(r, 0, err))
    return false;
  for (int32_t i = 0; i < r->list->launches->n; ++i) {
    const resq_gpu_launch *l = &r->list->launches->items[i];
    const bool is_observed = l->kind == RESQ_GPU_LAUNCH_OBSERVE;
    bool ok = true;
    if (is_observed)
      ok = !r->call->observe || observe(r, l, err);
    else
      ok = resq_cuda_enqueue(&c->device, &r->values, l, r->list->functions[i], false, err);
    if (!ok || !mark(r, i + 1, err) ||
        (c->every_launch && !resq_cuda_wait(&c->device, err, "the kernel failed")))
      return in_op(r, l, err);
  }
  return copy_results(r, err);
}

static bool run_recorded(running *r, resq_cuda_graph *graph, resq_error *err) {
  const resq_cuda_device *d = &r->c->device;
  if (!graph->executable) {
    if (!resq_cuda_graph_begin(d, err))
      return false;
    const bool ok = enqueue(r, err);
    if (!resq_cuda_graph_end(graph, d, ok, err))
      return false;
  }
  return resq_cuda_ok(d, d->driver.cuGraphLaunch(graph->executable, d->stream), err,
                      "cuGraphLaunch") ||
         resq_fail_in(err, "@%s", r->entry->function);
}

static bool run(running *r, int index, resq_error *err) {
  resq_cuda *c = r->c;
  bool again = false;
  if (!bring_inputs(r, err))
    return false;
  if (r->call->op_ns || r->call->observe || c->every_launch)
    return run_watched(r, err);
  resq_cuda_graph *graph = c->use_graphs
                               ? resq_cuda_graphs_find(&c->graphs, &c->device, index, r->call->rows,
                                                       r->entry->n_args, &again)
                               : NULL;
  return again ? run_recorded(r, graph, err) : enqueue(r, err);
}

//===-- Failures ----------------------------------------------------------===//

/// Nothing of the call is under way any more. Where not even that can be had, the device is lost to this session: errors
/// of its kernels and its hardware stay, whatever is asked of it.
static bool give_up(resq_cuda *c, resq_error *err) {
  resq_error now = {RESQ_FAILED, ""};
  if (resq_cuda_wait(&c->device, &now, "the GPU"))
    return false;
  c->lost = now;
  if (err) {
    size_t used = strlen(err->message);
    snprintf(err->message + used, sizeof err->message - used,
             "; the GPU is lost to this session, and what it held there is gone");
  }
  return false;
}

bool resq_cuda_run(resq_cuda *c, int index, const resq_cuda_call *call, resq_error *err) {
  const resq_cuda_device *d = &c->device;
  running r = {.c = c,
               .entry = c->options.entries[index],
               .list = &c->lists[index],
               .call = call,
               .values = {.places = &c->places, .rows = call->rows}};
  if (c->lost.code != RESQ_OK)
    return resq_fail(err, RESQ_FAILED,
                     "this session has lost its GPU in an earlier call (%s): start another",
                     c->lost.message);
  if (!resq_cuda_lay_out(r.entry, call->rows, &r.layout))
    return resq_fail(err, RESQ_NO_MEMORY, "@%s: the arguments do not fit any memory",
                     r.entry->function);
  r.values.argument_offsets = r.layout.offsets;
  r.stage_inputs = r.layout.inputs <= RESQ_CUDA_MOST_STAGED;
  r.stage_results = r.layout.end - r.layout.results_at <= RESQ_CUDA_MOST_STAGED;
  if (!resq_cuda_ok(d, d->driver.cuCtxSetCurrent(d->context), err, "cuCtxSetCurrent"))
    return give_up(c, err);
  if (!run(&r, index, err))
    return give_up(c, err);
  if (!resq_cuda_wait(d, err, "a kernel failed")) {
    resq_fail_in(err, "@%s: %s", r.entry->function,
                 c->every_launch ? "at the end" : "RESQ_CUDA_SYNC=1 says in which op");
    return give_up(c, err);
  }
  return (take_results(&r, err) && add_times(&r, err)) || give_up(c, err);
}
