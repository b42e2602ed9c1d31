//===-- launch.c - a kernel call as a launch ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Launches of one stream run in order and see each other's writes, so no barriers are placed:
// a function is its list of launches. Kernels are functions of run-time arguments only.
//===----------------------------------------------------------------------===//
#include "lowering/gpu/launch.h"

#include "dialect/memory.h"
#include "lowering/gpu/geometry.h"
#include "mlir-c/Dialect/LLVM.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// -1: not what a launch can pass.
static int32_t abi_kind(const kernel_arg *a) {
  switch (a->kind) {
  case ARG_WORKSPACE:
    return RESQ_GPU_WORKSPACE;
  case ARG_ARGUMENT:
    return RESQ_GPU_ARGUMENT;
  case ARG_PARAM:
    return RESQ_GPU_PARAM;
  case ARG_CACHE:
    return RESQ_GPU_CACHE;
  case ARG_ROWS:
    return RESQ_GPU_ROWS;
  case ARG_CAPACITY:
    return RESQ_GPU_CAPACITY;
  default:
    return -1;
  }
}

/// A null pointer is a constant here: the wrapper then has no code for it.
static bool is_inside(const kernel_arg *a) { return arg_is_constant(a) || a->kind == ARG_NULL; }

static MlirType argument_type(MlirContext ctx, const kernel_arg *a) {
  if (a->kind == ARG_FLOAT)
    return mlirF32TypeGet(ctx);
  bool is_number = a->kind == ARG_CONST || a->kind == ARG_ROWS || a->kind == ARG_CAPACITY;
  return is_number ? mlirIntegerTypeGet(ctx, 64) : mlirLLVMPointerTypeGet(ctx, 0);
}

//===-- Kernels -----------------------------------------------------------===//

static MlirBlock device_body(const lowering *l) {
  return mlirRegionGetFirstBlock(mlirOperationGetRegion(l->target, 0));
}

static bool has_symbol(const lowering *l, const char *name) {
  for (MlirOperation op = mlirBlockGetFirstOperation(device_body(l)); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_str_eq(resq_op_str(op, "sym_name"), name))
      return true;
  return false;
}

/// A function op in the gpu.module; a null body declares.
static void add_function(lowering *l, const char *op, const char *name, intptr_t n,
                         const MlirType *types, MlirBlock body, intptr_t n_more,
                         const MlirNamedAttribute *more) {
  MlirNamedAttribute attrs[] = {
      resq_attr_str(l->ctx, "sym_name", name),
      resq_attr(l->ctx, "function_type",
                mlirTypeAttrGet(mlirFunctionTypeGet(l->ctx, n, types, 0, NULL))),
  };
  MlirOperationState state =
      mlirOperationStateGet(resq_str(op), mlirOperationGetLocation(l->source));
  mlirOperationStateAddAttributes(&state, 2, attrs);
  mlirOperationStateAddAttributes(&state, n_more, more);
  MlirRegion region = mlirRegionCreate();
  if (!mlirBlockIsNull(body))
    mlirRegionAppendOwnedBlock(region, body);
  mlirOperationStateAddOwnedRegions(&state, 1, &region);
  mlirBlockAppendOwnedOperation(device_body(l), mlirOperationCreate(&state));
}

static void declare_kernel(const kernel_call *k, const char *name) {
  lowering *l = k->l;
  if (has_symbol(l, name))
    return;
  MlirType types[40];
  for (int i = 0; i < k->n_args; i++)
    types[i] = argument_type(l->ctx, &k->args[i]);
  MlirNamedAttribute is_private = resq_attr_str(l->ctx, "sym_visibility", "private");
  add_function(l, "func.func", name, k->n_args, types, (MlirBlock){NULL}, 1, &is_private);
}

static void make_wrapper(const kernel_call *k, const char *name, int threads) {
  lowering *l = k->l;
  char kernel[96];
  snprintf(kernel, sizeof kernel, "%s_%s", k->name, l->level);
  declare_kernel(k, kernel);
  MlirType types[40];
  MlirLocation loc = mlirOperationGetLocation(l->source), locs[40];
  intptr_t n = 0;
  for (int i = 0; i < k->n_args; i++)
    if (!is_inside(&k->args[i])) {
      locs[n] = loc;
      types[n++] = argument_type(l->ctx, &k->args[i]);
    }
  MlirBlock body = mlirBlockCreate(n, types, locs);
  resq_builder b = resq_build_at_end(body, loc);
  b.ctx = l->ctx;
  MlirValue args[40];
  intptr_t next = 0;
  for (int i = 0; i < k->n_args; i++) {
    if (k->args[i].kind == ARG_NULL)
      args[i] = resq_build_value(&b, "llvm.mlir.zero", 0, NULL, mlirLLVMPointerTypeGet(l->ctx, 0),
                                 0, NULL);
    else
      args[i] = is_inside(&k->args[i]) ? emit_constant_arg(&b, &k->args[i])
                                       : mlirBlockGetArgument(body, next++);
  }
  MlirNamedAttribute callee = resq_attr_sym(l->ctx, "callee", kernel);
  resq_build_op(&b, "func.call", k->n_args, args, 0, NULL, 1, &callee);
  resq_build_op(&b, "gpu.return", 0, NULL, 0, NULL, 0, NULL);
  int32_t block[] = {threads, 1, 1};
  MlirNamedAttribute more[] = {
      resq_attr_unit(l->ctx, "gpu.kernel"),
      resq_attr(l->ctx, "known_block_size", mlirDenseI32ArrayGet(l->ctx, 3, block)),
  };
  add_function(l, "gpu.func", name, n, types, body, 2, more);
}

//===-- Launches ----------------------------------------------------------===//

static resq_gpu_launch describe_launch(const kernel_call *k, const char *kernel,
                                       const gpu_grid *grid) {
  resq_arena *memory = &k->l->entries->memory;
  resq_gpu_arg *args = resq_arena_new(memory, (size_t)k->n_args, sizeof *args);
  int32_t n = 0;
  for (int i = 0; i < k->n_args; i++) {
    const kernel_arg *a = &k->args[i];
    if (is_inside(a))
      continue;
    assert(abi_kind(a) >= 0); // issue_launch has refused calls with others
    args[n++] = (resq_gpu_arg){.kind = abi_kind(a), .index = a->index, .offset = a->i};
  }
  return (resq_gpu_launch){.kernel = resq_arena_text(memory, kernel, strlen(kernel)),
                           .op = k->ticket,
                           .rows_of = grid->rows_of,
                           .rows_per_block = grid->rows_per_block,
                           .grid_y = (int32_t)grid->grid_y,
                           .grid_z = (int32_t)grid->grid_z,
                           .threads = grid->threads,
                           .shared_bytes = grid->shared_bytes,
                           .n_args = n,
                           .args = args};
}

//===-- The device --------------------------------------------------------===//

static MlirOperation open_module(lowering *l, const char *symbol) {
  MlirLocation loc = mlirOperationGetLocation(l->source);
  MlirOperationState state = mlirOperationStateGet(resq_str("gpu.module"), loc);
  MlirNamedAttribute name = resq_attr_str(l->ctx, "sym_name", symbol);
  mlirOperationStateAddAttributes(&state, 1, &name);
  MlirRegion region = mlirRegionCreate();
  mlirRegionAppendOwnedBlock(region, mlirBlockCreate(0, NULL, NULL));
  mlirOperationStateAddOwnedRegions(&state, 1, &region);
  MlirOperation module = mlirOperationCreate(&state);
  mlirBlockInsertOwnedOperationAfter(mlirOperationGetBlock(l->source), l->source, module);
  return module;
}

static void issue_launch(kernel_call *k) {
  lowering *l = k->l;
  after_barrier(k); // a stream's order is a barrier after every launch
  gpu_grid grid;
  if (!gpu_grid_of(k, &grid)) {
    lower_fail(l, k->op, "no GPU kernel %s yet", k->name);
    return;
  }
  for (int i = 0; i < k->n_args; i++)
    if (!is_inside(&k->args[i]) && abi_kind(&k->args[i]) < 0) {
      lower_fail(l, k->op, "%s: constant tables are not lowered for a GPU yet", k->name);
      return;
    }
  char name[256];
  wrapper_name(k, name, sizeof name);
  // Null pointers are constants: kernels with and without them are two.
  size_t used = strlen(name);
  for (int i = 0; i < k->n_args && used + 8 < sizeof name; i++)
    if (k->args[i].kind == ARG_NULL)
      used += (size_t)snprintf(name + used, sizeof name - used, "_null%d", i);
  if (!has_symbol(l, name))
    make_wrapper(k, name, grid.threads);
  if (l->ticket > l->launches_capacity) {
    l->launches_capacity = l->ticket * 2 + 64;
    l->launches = resq_resize(l->launches, (size_t)l->launches_capacity, sizeof *l->launches);
  }
  l->launches[k->ticket] = describe_launch(k, name, &grid);
}

static void close_module(lowering *l) {
  resq_arena *memory = &l->entries->memory;
  int32_t n = l->failed ? 0 : l->ticket; // of a call that failed there is no launch
  resq_gpu_launch *launches = resq_arena_new(memory, (size_t)n, sizeof *launches);
  for (int32_t i = 0; i < n; i++)
    launches[i] = l->launches[i];
  free(l->launches);
  l->entry->gpu = resq_arena_new(memory, 1, sizeof *l->entry->gpu);
  *l->entry->gpu = (resq_gpu_code){.n_launches = n, .launches = launches};
  l->entry->row.gpu = l->entry->gpu;
}

const lower_device gpu_device = {"GPU", open_module, issue_launch, close_module};
