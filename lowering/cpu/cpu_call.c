//===-- cpu_call.c - the CPU: SPMD functions that call kernels ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A function loads the call's fields once, then is a sequence of phases, each a straight sequence
// of calls to wrappers. A new phase begins where bytes of one op meet another's in the current one.
// A thread whom resq_barrier tells that a phase is not its own goes around it, to the next barrier.
//===----------------------------------------------------------------------===//
#include "lowering/calls/emit.h"

#include "dialect/memory.h"
#include "mlir-c/Dialect/LLVM.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MlirType pointer_type(lowering *l) { return mlirLLVMPointerTypeGet(l->ctx, 0); }
static MlirType i64_type(lowering *l) { return mlirIntegerTypeGet(l->ctx, 64); }
static MlirType i32_type(lowering *l) { return mlirIntegerTypeGet(l->ctx, 32); }

//===-- Values ------------------------------------------------------------===//

static MlirValue emit_constant(const resq_builder *b, MlirAttribute value, MlirType type) {
  MlirNamedAttribute attr = resq_attr(b->ctx, "value", value);
  return resq_build_value(b, "arith.constant", 0, NULL, type, 1, &attr);
}

static MlirValue emit_i64(const resq_builder *b, int64_t value) {
  MlirType i64 = mlirIntegerTypeGet(b->ctx, 64);
  return emit_constant(b, mlirIntegerAttrGet(i64, value), i64);
}

static MlirValue emit_i32(lowering *l, int32_t value) {
  return emit_constant(&l->b, mlirIntegerAttrGet(i32_type(l), value), i32_type(l));
}

MlirValue emit_constant_arg(const resq_builder *b, const kernel_arg *a) {
  if (a->kind == ARG_CONST)
    return emit_i64(b, a->i);
  MlirType f32 = mlirF32TypeGet(b->ctx);
  return emit_constant(b, mlirFloatAttrDoubleGet(b->ctx, f32, (double)a->f), f32);
}

static MlirValue emit_offset(lowering *l, MlirValue pointer, int64_t bytes) {
  if (bytes == 0)
    return pointer;
  // A dynamic index: constant ones are 32 bits wide, parameter files are not.
  MlirValue operands[] = {pointer, emit_i64(&l->b, bytes)};
  int32_t dynamic = INT32_MIN;
  MlirNamedAttribute attrs[] = {
      resq_attr(l->ctx, "rawConstantIndices", mlirDenseI32ArrayGet(l->ctx, 1, &dynamic)),
      resq_attr(l->ctx, "elem_type", mlirTypeAttrGet(mlirIntegerTypeGet(l->ctx, 8))),
  };
  return resq_build_value(&l->b, "llvm.getelementptr", 2, operands, pointer_type(l), 2, attrs);
}

static MlirValue emit_load(lowering *l, MlirValue pointer, int64_t byte_offset, MlirType type) {
  MlirValue at = emit_offset(l, pointer, byte_offset);
  return resq_build_value(&l->b, "llvm.load", 1, &at, type, 0, NULL);
}

/// The same table twice is one global: tables are found again by their uniqued attribute.
static MlirStringRef find_table(MlirBlock body, MlirAttribute value) {
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_op_is(op, "llvm.mlir.global") && mlirAttributeEqual(resq_op_attr(op, "value"), value))
      return resq_op_str(op, "sym_name");
  return (MlirStringRef){NULL, 0};
}

static MlirStringRef make_table(lowering *l, MlirBlock body, const kernel_arg *a) {
  MlirType tensor = mlirAttributeGetType(a->table);
  MlirType array = mlirLLVMArrayTypeGet(mlirShapedTypeGetElementType(tensor),
                                        (unsigned)mlirShapedTypeGetDimSize(tensor, 0));
  char *fresh = resq_fresh_symbol(l->module, a->prefix);
  MlirNamedAttribute attrs[] = {
      resq_attr_str(l->ctx, "sym_name", fresh),
      resq_attr(l->ctx, "global_type", mlirTypeAttrGet(array)),
      resq_attr(l->ctx, "linkage", mlirLLVMLinkageAttrGet(l->ctx, MlirLLVMLinkageInternal)),
      resq_attr_unit(l->ctx, "constant"),
      resq_attr(l->ctx, "value", a->table),
      resq_attr_i64(l->ctx, "alignment", RESQ_ALIGNMENT),
      resq_attr(l->ctx, "addr_space", mlirIntegerAttrGet(i32_type(l), 0)),
  };
  MlirOperationState state =
      mlirOperationStateGet(resq_str("llvm.mlir.global"), mlirOperationGetLocation(l->source));
  mlirOperationStateAddAttributes(&state, sizeof attrs / sizeof *attrs, attrs);
  MlirRegion region = mlirRegionCreate();
  mlirOperationStateAddOwnedRegions(&state, 1, &region);
  MlirOperation global = mlirOperationCreate(&state);
  mlirBlockInsertOwnedOperation(body, 0, global);
  free(fresh);
  return resq_op_str(global, "sym_name");
}

static MlirValue emit_table(lowering *l, const kernel_arg *a) {
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(l->module));
  MlirStringRef name = find_table(body, a->table);
  if (!name.data)
    name = make_table(l, body, a);
  MlirNamedAttribute attr =
      resq_attr(l->ctx, "global_name", mlirFlatSymbolRefAttrGet(l->ctx, name));
  return resq_build_value(&l->b, "llvm.mlir.addressof", 0, NULL, pointer_type(l), 1, &attr);
}

/// A run-time argument.
static MlirValue emit_argument(lowering *l, const kernel_arg *a) {
  switch (a->kind) {
  case ARG_WORKSPACE:
    return emit_offset(l, l->workspace, a->i);
  case ARG_ARGUMENT:
    return emit_offset(l, l->arg_pointers[a->index], a->i);
  case ARG_PARAM:
    return emit_offset(l, l->params, a->i);
  case ARG_CACHE:
    return emit_load(l, l->caches, a->index * (int64_t)sizeof(uint8_t *), pointer_type(l));
  case ARG_ROWS:
    return l->row_counts[a->index];
  case ARG_CAPACITY:
    return emit_load(l, l->call, offsetof(resq_call, capacity), i64_type(l));
  case ARG_TABLE:
    return emit_table(l, a);
  default:
    return resq_build_value(&l->b, "llvm.mlir.zero", 0, NULL, pointer_type(l), 0, NULL);
  }
}

//===-- Functions ---------------------------------------------------------===//

/// func.func private @name(inputs), with one result where `result` is given and with a body block
/// where out_block is.
static MlirOperation make_function(lowering *l, const char *name, intptr_t n,
                                   const MlirType *inputs, const MlirType *result,
                                   MlirBlock *out_block) {
  MlirLocation loc = mlirOperationGetLocation(l->source);
  MlirNamedAttribute attrs[] = {
      resq_attr_str(l->ctx, "sym_name", name),
      resq_attr(l->ctx, "function_type",
                mlirTypeAttrGet(mlirFunctionTypeGet(l->ctx, n, inputs, result != NULL, result))),
      resq_attr_str(l->ctx, "sym_visibility", "private"),
  };
  MlirOperationState state = mlirOperationStateGet(resq_str("func.func"), loc);
  mlirOperationStateAddAttributes(&state, 3, attrs);
  MlirRegion region = mlirRegionCreate();
  if (out_block) {
    MlirLocation *locs = resq_new((size_t)(n ? n : 1), sizeof *locs);
    for (intptr_t i = 0; i < n; i++)
      locs[i] = loc;
    *out_block = mlirBlockCreate(n, inputs, locs);
    free(locs);
    mlirRegionAppendOwnedBlock(region, *out_block);
  }
  mlirOperationStateAddOwnedRegions(&state, 1, &region);
  MlirOperation func = mlirOperationCreate(&state);
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(l->module));
  mlirBlockInsertOwnedOperationBefore(body, l->source, func);
  return func;
}

static void declare_function(lowering *l, const char *name, intptr_t n, const MlirType *inputs,
                             const MlirType *result) {
  if (mlirOperationIsNull(resq_symbol(l->module, resq_str(name))))
    make_function(l, name, n, inputs, result, NULL);
}

static void emit_call(const resq_builder *b, const char *name, intptr_t n, const MlirValue *args) {
  MlirNamedAttribute attr = resq_attr_sym(b->ctx, "callee", name);
  resq_build_op(b, "func.call", n, args, 0, NULL, 1, &attr);
}

static MlirType argument_type(lowering *l, const kernel_arg *a) {
  if (a->kind == ARG_FLOAT)
    return mlirF32TypeGet(l->ctx);
  bool is_number = a->kind == ARG_CONST || a->kind == ARG_ROWS || a->kind == ARG_CAPACITY;
  return is_number ? i64_type(l) : pointer_type(l);
}

/// The wrapper: the kernel with its constants in place.
static void make_wrapper(const kernel_call *k, const char *name) {
  lowering *l = k->l;
  MlirType all[48], dynamic[48];
  intptr_t n_all = 0, n_dynamic = 0;
  all[n_all++] = dynamic[n_dynamic++] = pointer_type(l);
  all[n_all++] = dynamic[n_dynamic++] = i32_type(l);
  for (int i = 0; i < k->n_args; i++) {
    all[n_all++] = argument_type(l, &k->args[i]);
    if (!arg_is_constant(&k->args[i]))
      dynamic[n_dynamic++] = all[n_all - 1];
  }
  char kernel[96];
  snprintf(kernel, sizeof kernel, "%s_%s", k->name, l->level);
  declare_function(l, kernel, n_all, all, NULL);
  MlirBlock block;
  make_function(l, name, n_dynamic, dynamic, NULL, &block);
  resq_builder b = resq_build_at_end(block, mlirOperationGetLocation(l->source));
  MlirValue args[48];
  intptr_t n = 0, argument = 0;
  args[n++] = mlirBlockGetArgument(block, argument++);
  args[n++] = mlirBlockGetArgument(block, argument++);
  for (int i = 0; i < k->n_args; i++)
    args[n++] = arg_is_constant(&k->args[i]) ? emit_constant_arg(&b, &k->args[i])
                                             : mlirBlockGetArgument(block, argument++);
  emit_call(&b, kernel, n, args);
  resq_build_op(&b, "func.return", 0, NULL, 0, NULL, 0, NULL);
}

//===-- The device --------------------------------------------------------===//

/// func.func @symbol(%worker), extents, pointers and call fields loaded once.
static MlirOperation open_function(lowering *l, const char *symbol) {
  MlirType ptr = pointer_type(l);
  MlirBlock block;
  MlirOperation func = make_function(l, symbol, 1, &ptr, NULL, &block);
  mlirOperationRemoveAttributeByName(func, resq_str("sym_visibility"));
  mlirOperationMoveAfter(func, l->source); // behind the functions that it calls
  l->b = resq_build_at_end(block, mlirOperationGetLocation(l->source));
  l->worker = mlirBlockGetArgument(block, 0);
  l->call = emit_load(l, l->worker, offsetof(resq_worker, call), ptr);
  l->params = emit_load(l, l->call, offsetof(resq_call, params), ptr);
  l->workspace = emit_load(l, l->call, offsetof(resq_call, workspace), ptr);
  l->caches = emit_load(l, l->call, offsetof(resq_call, caches), ptr);
  MlirValue args = emit_load(l, l->call, offsetof(resq_call, args), ptr);
  MlirValue rows = emit_load(l, l->call, offsetof(resq_call, rows), ptr);
  int n = l->n_inputs + l->n_results;
  l->arg_pointers = resq_new((size_t)n + 1, sizeof *l->arg_pointers);
  l->row_counts = resq_new((size_t)n + 1, sizeof *l->row_counts);
  for (int i = 0; i < n; i++) {
    l->arg_pointers[i] = emit_load(l, args, i * (int64_t)sizeof(void *), ptr);
    l->row_counts[i] = emit_load(l, rows, i * (int64_t)sizeof(int64_t), i64_type(l));
  }
  return func;
}

/// A terminator without operands for its successors.
static void emit_branch(lowering *l, const char *name, intptr_t n_operands,
                        const MlirValue *operands, intptr_t n, const MlirBlock *to) {
  MlirOperationState state = mlirOperationStateGet(resq_str(name), l->b.loc);
  mlirOperationStateAddOperands(&state, n_operands, operands);
  mlirOperationStateAddSuccessors(&state, n, to);
  static const int32_t segments[] = {1, 0, 0};
  MlirNamedAttribute attr = resq_attr_segments(l->ctx, 3, segments);
  if (n == 2)
    mlirOperationStateAddAttributes(&state, 1, &attr);
  mlirBlockAppendOwnedOperation(l->b.block, mlirOperationCreate(&state));
}

static MlirBlock append_block(lowering *l) {
  MlirBlock block = mlirBlockCreate(0, NULL, NULL);
  mlirRegionAppendOwnedBlock(mlirOperationGetRegion(l->target, 0), block);
  return block;
}

static void end_phase(lowering *l) {
  if (mlirBlockIsNull(l->after_phase))
    return;
  emit_branch(l, "llvm.br", 0, NULL, 1, &l->after_phase);
  l->b = resq_build_at_end(l->after_phase, l->b.loc);
}

/// if (resq_barrier(worker) != 0), with the builder inside.
static void begin_phase(lowering *l) {
  end_phase(l);
  MlirType ptr = pointer_type(l), i32 = i32_type(l);
  declare_function(l, "resq_barrier", 1, &ptr, &i32);
  MlirNamedAttribute callee = resq_attr_sym(l->ctx, "callee", "resq_barrier");
  MlirValue compared[] = {resq_build_value(&l->b, "func.call", 1, &l->worker, i32, 1, &callee),
                          emit_i32(l, 0)};
  MlirNamedAttribute unequal = resq_attr_i64(l->ctx, "predicate", 1);
  MlirValue enters = resq_build_value(&l->b, "arith.cmpi", 2, compared,
                                      mlirIntegerTypeGet(l->ctx, 1), 1, &unequal);
  MlirBlock to[] = {append_block(l), append_block(l)};
  emit_branch(l, "llvm.cond_br", 1, &enters, 2, to);
  l->b = resq_build_at_end(to[0], l->b.loc);
  l->after_phase = to[1];
}

/// A new phase if needed, the call through its wrapper, resq_op_done.
static void issue_call(kernel_call *k) {
  lowering *l = k->l;
  MlirType ptr = pointer_type(l), i32 = i32_type(l);
  if (mlirBlockIsNull(l->after_phase) || needs_barrier(k)) {
    begin_phase(l);
    after_barrier(k);
  }
  char name[256];
  wrapper_name(k, name, sizeof name);
  if (mlirOperationIsNull(resq_symbol(l->module, resq_str(name))))
    make_wrapper(k, name);
  MlirValue args[48];
  intptr_t n = 0;
  args[n++] = l->worker;
  args[n++] = emit_i32(l, k->ticket);
  for (int i = 0; i < k->n_args; i++)
    if (!arg_is_constant(&k->args[i]))
      args[n++] = emit_argument(l, &k->args[i]);
  emit_call(&l->b, name, n, args);
  MlirType done_types[] = {ptr, i32};
  declare_function(l, "resq_op_done", 2, done_types, NULL);
  emit_call(&l->b, "resq_op_done", 2, args);
}

static void close_function(lowering *l) {
  end_phase(l);
  resq_build_op(&l->b, "func.return", 0, NULL, 0, NULL, 0, NULL);
  free(l->arg_pointers);
  free(l->row_counts);
}

const lower_device cpu_device = {"CPU", open_function, issue_call, close_function};
