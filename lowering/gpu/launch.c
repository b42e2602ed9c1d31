//===-- launch.c - a kernel call as a launch ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Launches of one stream run in order and see each other's writes, so no barriers are placed: a function is its list of
// launches. Calls that may be of a group (group.h) wait until one comes that is not of it.
//===----------------------------------------------------------------------===//
#include "launch.h"

#include "dialect/memory.h"
#include "dialect/ops.h"
#include "gpu_module.h"
#include "gpu_wrapper.h"
#include "prepare.h"

#include <assert.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// From this capability on launches of one stream may overlap, and every kernel of runtime/kernels/nvptx waits itself
/// for the launch before it.
enum { OVERLAPPING = 90 };

/// What the GPU keeps for a function: the device_state of its frame.
typedef struct gpu_function {
  const resq_gpu_lowering *how;
  MlirOperation kernels; ///< the gpu.module
  resq_builder b;        ///< inside the new function
  resq_group waiting;    ///< calls without a launch so far
} gpu_function;

//===-- Arguments ---------------------------------------------------------===//

/// Triples of resq.launch.
typedef struct launch_args {
  int64_t numbers[3 * RESQ_GPU_MAX_ARGS];
  intptr_t n;
} launch_args;
_Static_assert(RESQ_MAX_FORMALS + 1 <= RESQ_GPU_MAX_ARGS,
               "a launch takes all of a kernel's, and scratch memory");

static void push(launch_args *args, int64_t kind, int64_t index, int64_t offset) {
  args->numbers[args->n++] = kind;
  args->numbers[args->n++] = index;
  args->numbers[args->n++] = offset;
}

static void push_actual(launch_args *args, const resq_actual *a) {
  switch (a->kind) {
  case RESQ_ACTUAL_WORKSPACE:
    push(args, RESQ_GPU_WORKSPACE, 0, a->i);
    return;
  case RESQ_ACTUAL_ARGUMENT:
    push(args, RESQ_GPU_ARGUMENT, a->index, a->i);
    return;
  case RESQ_ACTUAL_PARAM:
    push(args, RESQ_GPU_PARAM, 0, a->i);
    return;
  case RESQ_ACTUAL_CACHE:
    push(args, RESQ_GPU_CACHE, a->index, 0);
    return;
  case RESQ_ACTUAL_ROWS:
    push(args, RESQ_GPU_ROWS, a->index, 0);
    return;
  case RESQ_ACTUAL_CAPACITY:
    push(args, RESQ_GPU_CAPACITY, 0, 0);
    return;
  case RESQ_ACTUAL_MISSING: // no call with a missing argument is issued
  case RESQ_ACTUAL_NULL:    // these are the wrapper's
  case RESQ_ACTUAL_TABLE:
  case RESQ_ACTUAL_I64:
  case RESQ_ACTUAL_F32:
    break;
  }
  assert(false);
}

static void push_outside(launch_args *args, const resq_kernel_call *k) {
  for (int i = 0; i < k->kernel->n_formals; i++)
    if (!resq_gpu_is_inside(&k->actuals[i]))
      push_actual(args, &k->actuals[i]);
}

static const resq_actual *actual(const resq_kernel_call *k, const char *name) {
  const int i = resq_formal_find(k->kernel, name);
  assert(i >= 0); // kernels.def has it
  return &k->actuals[i];
}

//===-- Launches ----------------------------------------------------------===//

static MlirStringRef label(const resq_kernel_call *k) {
  return resq_str(k->frame->op_names[k->ticket]);
}

static void launch_observe(const resq_kernel_call *k, const resq_builder *at) {
  launch_args args = {.n = 0};
  push_actual(&args, actual(k, "x"));
  resqLaunchObserveOpBuild(at, k->ticket, label(k), args.n, args.numbers, resq_call_rows_of(k),
                           actual(k, "site")->i, actual(k, "width")->i, actual(k, "ld")->i);
}

static void launch_kernel(const resq_kernel_call *k, const resq_gpu_plan *plan,
                          const resq_builder *at) {
  resq_frame *f = k->frame;
  const gpu_function *g = f->device_state;
  const resq_gpu_wrapper wrapper = resq_gpu_wrapper_of(k, g->how->chip, plan, g->kernels);
  launch_args args = {.n = 0};
  push_outside(&args, k);
  if (wrapper.takes_scratch) {
    const resq_range scratch =
        resq_workspace_allocate(&f->workspace, plan->scratch_bytes, f->op_index);
    push(&args, RESQ_GPU_WORKSPACE, 0, scratch.begin);
  }
  MlirOperation op =
      resqLaunchOpBuild(at, k->ticket, label(k), wrapper.symbol, args.n, args.numbers,
                        plan->items_per_row, plan->items_per_block, plan->threads);
  if (!plan->rows_together)
    resqLaunchOpSetRowsOf(op, resq_call_rows_of(k));
  resqLaunchOpSetBlocksPerSm(op, plan->blocks_per_sm);
  resqLaunchOpSetSharedBytes(op, plan->shared_bytes);
  resqLaunchOpSetEarly(op, g->how->chip->capability >= OVERLAPPING);
}

static void launch_group(const resq_group *group, const resq_builder *at) {
  const resq_kernel_call *first = &group->calls[0].call;
  const gpu_function *g = first->frame->device_state;
  const resq_group_shape shape = resq_group_shape_of(group);
  MlirAttribute kernel = resq_gpu_group_wrapper(group, &shape, g->how->chip, g->kernels);
  launch_args args = {.n = 0};
  for (int i = 0; i < group->n; i++)
    push_outside(&args, &group->calls[i].call);
  MlirOperation op = resqLaunchOpBuild(at, first->ticket, label(first), kernel, args.n,
                                       args.numbers, shape.all_units, 1, shape.threads);
  resqLaunchOpSetRowsOf(op, resq_call_rows_of(first));
  resqLaunchOpSetSharedBytes(op, shape.shared_bytes);
  resqLaunchOpSetEarly(op, g->how->chip->capability >= OVERLAPPING);
}

//===-- Calls that wait ---------------------------------------------------===//

/// The launch of the calls that wait.
static void launch_waiting(resq_frame *f) {
  gpu_function *g = f->device_state;
  const resq_group *w = &g->waiting;
  if (w->n > 0) {
    const resq_kernel_call *first = &w->calls[0].call;
    g->b.loc = mlirOperationGetLocation(first->op);
    if (w->n > 1)
      launch_group(w, &g->b);
    else
      launch_kernel(first, &w->calls[0].plan, &g->b);
  }
  g->waiting = (resq_group){0};
  f->held_from = INT_MAX;
}

/// The last call that waits has the number and the name of the first, behind which its kernel stands; its own number is
/// the next call's.
static void share_ticket(resq_frame *f, const resq_group *waiting) {
  const resq_kernel_call *first = &waiting->calls[0].call;
  const char *kernel = waiting->calls[waiting->n - 1].call.kernel->name + strlen("resq_");
  char *text = resq_print_text("%s + %s", f->op_names[first->ticket], kernel);
  f->op_names[first->ticket] = resq_arena_text(&f->entries->memory, text, strlen(text));
  f->n_calls--;
  free(text);
}

static bool make_wait(resq_kernel_call *k, const resq_gpu_plan *plan) {
  resq_frame *f = k->frame;
  gpu_function *g = f->device_state;
  if (!resq_group_take(&g->waiting, k, plan))
    return false;
  if (g->waiting.n > 1)
    share_ticket(f, &g->waiting);
  else
    f->held_from = f->op_index;
  return true;
}

//===-- The device --------------------------------------------------------===//

/// func.func @symbol(), and the chip's gpu.module.
static void open_function(resq_frame *f, const char *symbol) {
  gpu_function *g = f->device_state = resq_new(1, sizeof *g);
  g->how = f->device->options;
  g->kernels = resq_gpu_module(f->module, g->how->chip);
  MlirLocation loc = mlirOperationGetLocation(f->source);
  f->target = resq_gpu_add_function(f->source, loc, symbol, false);
  g->b = resq_build_at_end(mlirRegionGetFirstBlock(mlirOperationGetRegion(f->target, 0)), loc);
  g->b.ctx = f->ctx;
}

static void issue_launch(resq_kernel_call *k) {
  resq_frame *f = k->frame;
  gpu_function *g = f->device_state;
  resq_hazards_barrier(&f->hazards); // a stream's order is a barrier after every launch
  const resq_gpu_plan plan = resq_launch_plan(k, g->how);
  if (!plan.unit.most)
    launch_waiting(f); // preparing looks at the launches of the calls so far
  resq_prepare_params(k, g->how, &plan, g->kernels);
  if (f->failed || make_wait(k, &plan))
    return;
  launch_waiting(f);
  if (make_wait(k, &plan))
    return;
  g->b.loc = mlirOperationGetLocation(k->op);
  if (plan.threads)
    launch_kernel(k, &plan, &g->b);
  else
    launch_observe(k, &g->b);
}

static void close_function(resq_frame *f) {
  gpu_function *g = f->device_state;
  launch_waiting(f);
  resq_build_op(&g->b, "func.return", 0, NULL, 0, NULL, 0, NULL);
  free(g);
  f->device_state = NULL;
}

resq_device resq_gpu_device(const resq_gpu_lowering *how) {
  return (resq_device){.kind = "GPU",
                       .options = how,
                       .open = open_function,
                       .issue = issue_launch,
                       .close = close_function};
}
