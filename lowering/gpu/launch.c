//===-- launch.c - a kernel call as a launch ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Launches of one stream run in order and see each other's writes, so no barriers are placed:
// a function is its list of launches. Kernels are functions of run-time arguments only.
//===----------------------------------------------------------------------===//
#include "lowering/gpu/launch.h"

#include "dialect/memory.h"
#include "lowering/calls/kernel_call.h"
#include "lowering/gpu/launch_plan.h"
#include "lowering/support/levels.h"
#include "mlir-c/Dialect/LLVM.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// What the GPU keeps for a function: the device_state of its frame.
typedef struct gpu_function {
  resq_gpu_launch *launches; ///< [calls so far]
  int capacity;
} gpu_function;

/// All chips run the launches of the least capable one.
enum { LEAST_CAPABILITY = 80, MORE_FORMALS = 2 /* variant, scratch */ };

/// -1: not what a launch can pass.
static int32_t abi_kind(const resq_actual *a) {
  switch (a->kind) {
  case RESQ_ACTUAL_WORKSPACE:
    return RESQ_GPU_WORKSPACE;
  case RESQ_ACTUAL_ARGUMENT:
    return RESQ_GPU_ARGUMENT;
  case RESQ_ACTUAL_PARAM:
    return RESQ_GPU_PARAM;
  case RESQ_ACTUAL_CACHE:
    return RESQ_GPU_CACHE;
  case RESQ_ACTUAL_ROWS:
    return RESQ_GPU_ROWS;
  case RESQ_ACTUAL_CAPACITY:
    return RESQ_GPU_CAPACITY;
  default:
    return -1;
  }
}

/// A null pointer is a constant here: the wrapper then has no code for it.
static bool is_inside(const resq_actual *a) {
  return resq_actual_is_constant(a) || a->kind == RESQ_ACTUAL_NULL;
}

//===-- Kernels -----------------------------------------------------------===//

static MlirBlock device_body(const resq_frame *f) {
  return mlirRegionGetFirstBlock(mlirOperationGetRegion(f->target, 0));
}

static bool has_symbol(const resq_frame *f, const char *name) {
  for (MlirOperation op = mlirBlockGetFirstOperation(device_body(f)); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_str_eq(resq_symbol_name(op), name))
      return true;
  return false;
}

/// A function op in the gpu.module; a null body declares.
static void add_function(resq_frame *f, const char *op, const char *name, intptr_t n,
                         const MlirType *types, MlirBlock body, intptr_t n_more,
                         const MlirNamedAttribute *more) {
  MlirNamedAttribute attrs[] = {
      resq_attr_symbol_name(f->ctx, name),
      resq_attr(f->ctx, "function_type",
                mlirTypeAttrGet(mlirFunctionTypeGet(f->ctx, n, types, 0, NULL))),
  };
  MlirOperationState state =
      mlirOperationStateGet(resq_str(op), mlirOperationGetLocation(f->source));
  mlirOperationStateAddAttributes(&state, 2, attrs);
  mlirOperationStateAddAttributes(&state, n_more, more);
  MlirRegion region = mlirRegionCreate();
  if (!mlirBlockIsNull(body))
    mlirRegionAppendOwnedBlock(region, body);
  mlirOperationStateAddOwnedRegions(&state, 1, &region);
  mlirBlockAppendOwnedOperation(device_body(f), mlirOperationCreate(&state));
}

static void declare_kernel(const resq_kernel_call *k, const char *name) {
  resq_frame *f = k->frame;
  if (has_symbol(f, name))
    return;
  MlirType types[RESQ_MAX_FORMALS + MORE_FORMALS];
  int n = k->kernel->n_formals;
  for (int i = 0; i < n; i++)
    types[i] = resq_formal_type(f->ctx, &k->kernel->formals[i]);
  types[n++] = mlirIntegerTypeGet(f->ctx, 64);
  types[n++] = mlirLLVMPointerTypeGet(f->ctx, 0);
  MlirNamedAttribute is_private = resq_attr_str(f->ctx, "sym_visibility", "private");
  add_function(f, "func.func", name, n, types, (MlirBlock){NULL}, 1, &is_private);
}

static void make_wrapper(const resq_kernel_call *k, const char *name, const resq_gpu_plan *plan) {
  resq_frame *f = k->frame;
  char kernel[96];
  snprintf(kernel, sizeof kernel, "%s_%s", k->kernel->name, f->level);
  declare_kernel(k, kernel);
  MlirType types[RESQ_MAX_FORMALS];
  MlirLocation loc = mlirOperationGetLocation(f->source), locs[RESQ_MAX_FORMALS];
  intptr_t n = 0;
  for (int i = 0; i < k->kernel->n_formals; i++)
    if (!is_inside(&k->actuals[i])) {
      locs[n] = loc;
      types[n++] = resq_formal_type(f->ctx, &k->kernel->formals[i]);
    }
  MlirBlock body = mlirBlockCreate(n, types, locs);
  resq_builder b = resq_build_at_end(body, loc);
  b.ctx = f->ctx;
  MlirValue args[RESQ_MAX_FORMALS + MORE_FORMALS];
  intptr_t next = 0;
  for (int i = 0; i < k->kernel->n_formals; i++) {
    if (k->actuals[i].kind == RESQ_ACTUAL_NULL)
      args[i] = resq_build_null(&b);
    else
      args[i] = is_inside(&k->actuals[i]) ? resq_build_constant(&b, &k->actuals[i])
                                          : mlirBlockGetArgument(body, next++);
  }
  args[k->kernel->n_formals] = resq_build_i64(&b, plan->variant);
  args[k->kernel->n_formals + 1] = resq_build_null(&b); // no plan asks for scratch memory yet
  MlirNamedAttribute callee = resq_attr_sym(f->ctx, "callee", kernel);
  resq_build_op(&b, "func.call", k->kernel->n_formals + MORE_FORMALS, args, 0, NULL, 1, &callee);
  resq_build_op(&b, "gpu.return", 0, NULL, 0, NULL, 0, NULL);
  int32_t block[] = {plan->threads, 1, 1};
  MlirNamedAttribute more[] = {
      resq_attr_unit(f->ctx, "gpu.kernel"),
      resq_attr(f->ctx, "known_block_size", mlirDenseI32ArrayGet(f->ctx, 3, block)),
  };
  add_function(f, "gpu.func", name, n, types, body, 2, more);
}

//===-- Launches ----------------------------------------------------------===//

static resq_gpu_launch describe_launch(const resq_kernel_call *k, const char *kernel,
                                       const resq_gpu_plan *plan) {
  resq_arena *memory = &k->frame->entries->memory;
  resq_gpu_arg *args = resq_arena_new(memory, (size_t)k->kernel->n_formals, sizeof *args);
  int32_t n = 0, rows_of = -1;
  for (int i = 0; i < k->kernel->n_formals; i++) {
    const resq_actual *a = &k->actuals[i];
    if (a->kind == RESQ_ACTUAL_ROWS)
      rows_of = a->index;
    if (is_inside(a))
      continue;
    assert(abi_kind(a) >= 0); // issue_launch has refused calls with others
    args[n++] = (resq_gpu_arg){.kind = abi_kind(a), .index = a->index, .offset = a->i};
  }
  return (resq_gpu_launch){.kind = RESQ_GPU_LAUNCH_KERNEL,
                           .op = k->ticket,
                           .kernel = resq_arena_text(memory, kernel, strlen(kernel)),
                           .rows_of = rows_of,
                           .threads = plan->threads,
                           .blocks_per_sm = plan->blocks_per_sm,
                           .grid_y = 1,
                           .items_per_row = plan->items_per_row,
                           .items_per_block = plan->items_per_block,
                           .shared_bytes = plan->shared_bytes,
                           .n_args = n,
                           .args = args};
}

//===-- The device --------------------------------------------------------===//

static void open_module(resq_frame *f, const char *symbol) {
  f->device_state = resq_new(1, sizeof(gpu_function));
  MlirLocation loc = mlirOperationGetLocation(f->source);
  MlirOperationState state = mlirOperationStateGet(resq_str("gpu.module"), loc);
  MlirNamedAttribute name = resq_attr_symbol_name(f->ctx, symbol);
  mlirOperationStateAddAttributes(&state, 1, &name);
  MlirRegion region = mlirRegionCreate();
  mlirRegionAppendOwnedBlock(region, mlirBlockCreate(0, NULL, NULL));
  mlirOperationStateAddOwnedRegions(&state, 1, &region);
  f->target = mlirOperationCreate(&state);
  mlirBlockInsertOwnedOperationAfter(mlirOperationGetBlock(f->source), f->source, f->target);
}

static void issue_launch(resq_kernel_call *k) {
  resq_frame *f = k->frame;
  gpu_function *g = f->device_state;
  resq_hazards_barrier(&f->hazards); // a stream's order is a barrier after every launch
  const resq_gpu_plan plan = resq_launch_plan(k, LEAST_CAPABILITY);
  if (!plan.threads) {
    resq_lower_fail(f, k->op, "no GPU kernel %s yet", k->kernel->name);
    return;
  }
  for (int i = 0; i < k->kernel->n_formals; i++)
    if (!is_inside(&k->actuals[i]) && abi_kind(&k->actuals[i]) < 0) {
      resq_lower_fail(f, k->op, "%s: constant tables are not lowered for a GPU yet",
                      k->kernel->name);
      return;
    }
  char name[256];
  resq_wrapper_name(k, name, sizeof name);
  // Null pointers are constants: kernels with and without them are two.
  size_t used = strlen(name);
  for (int i = 0; i < k->kernel->n_formals && used + 8 < sizeof name; i++)
    if (k->actuals[i].kind == RESQ_ACTUAL_NULL)
      used += (size_t)snprintf(name + used, sizeof name - used, "_null%d", i);
  if (plan.variant && used + 8 < sizeof name)
    snprintf(name + used, sizeof name - used, "_v%d", plan.variant);
  if (!has_symbol(f, name))
    make_wrapper(k, name, &plan);
  if (f->n_calls > g->capacity) {
    g->capacity = f->n_calls * 2 + 64;
    g->launches = resq_resize(g->launches, (size_t)g->capacity, sizeof *g->launches);
  }
  g->launches[k->ticket] = describe_launch(k, name, &plan);
}

static void close_module(resq_frame *f) {
  gpu_function *g = f->device_state;
  resq_arena *memory = &f->entries->memory;
  const int32_t n = f->failed ? 0 : f->n_calls; // of a call that failed there is no launch
  resq_gpu_launch *launches = resq_arena_new(memory, (size_t)n, sizeof *launches);
  for (int32_t i = 0; i < n; i++)
    launches[i] = g->launches[i];
  free(g->launches);
  free(g);
  f->device_state = NULL;
  f->entry->gpu = resq_arena_new(memory, 1, sizeof *f->entry->gpu);
  resq_gpu_launches *lists = resq_arena_new(memory, (size_t)resq_n_gpu_targets, sizeof *lists);
  for (int i = 0; i < resq_n_gpu_targets; i++) // every chip has the same kernels
    lists[i] =
        (resq_gpu_launches){.n = n, .items = launches, .workspace_bytes = f->workspace.bytes};
  *f->entry->gpu = (resq_gpu_code){.launches = lists};
  f->entry->row.gpu = f->entry->gpu;
}

const resq_device resq_gpu_device = {"GPU", open_module, issue_launch, close_module};
