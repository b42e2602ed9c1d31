//===-- cpu_call.c - the CPU: SPMD functions that call kernels ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A function loads the call's fields once, then is a sequence of phases, each a straight sequence
// of calls to wrappers. A new phase begins where bytes of one op meet another's in the current one.
// A thread whom resq_barrier tells that a phase is not its own goes around it, to the next barrier.
//===----------------------------------------------------------------------===//
#include "cpu_device.h"

#include "dialect/memory.h"
#include "lowering/calls/kernel_call.h"
#include "mlir-c/Dialect/LLVM.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

/// What the CPU keeps for a function: the device_state of its frame.
typedef struct cpu_function {
  resq_builder b;                                    ///< inside the new function
  MlirValue worker, call, params, workspace, caches; ///< loaded once at entry
  MlirValue *row_counts;                             ///< [inputs, then results] i64, likewise
  MlirValue *arg_pointers;                           ///< [inputs, then results], likewise
  MlirBlock after_phase; ///< behind the phase's ops; null before the first
} cpu_function;

static MlirType pointer_type(const resq_frame *f) { return mlirLLVMPointerTypeGet(f->ctx, 0); }
static MlirType i64_type(const resq_frame *f) { return mlirIntegerTypeGet(f->ctx, 64); }
static MlirType i32_type(const resq_frame *f) { return mlirIntegerTypeGet(f->ctx, 32); }

//===-- Values ------------------------------------------------------------===//

static MlirValue build_i32(const resq_builder *b, int32_t value) {
  MlirType i32 = mlirIntegerTypeGet(b->ctx, 32);
  MlirNamedAttribute attr = resq_attr(b->ctx, "value", mlirIntegerAttrGet(i32, value));
  return resq_build_value(b, "arith.constant", 0, NULL, i32, 1, &attr);
}

static MlirValue build_offset(const resq_builder *b, MlirValue pointer, int64_t bytes) {
  if (bytes == 0)
    return pointer;
  // A dynamic index: constant ones are 32 bits wide, parameter files are not.
  MlirValue operands[] = {pointer, resq_build_i64(b, bytes)};
  int32_t dynamic = INT32_MIN;
  MlirNamedAttribute attrs[] = {
      resq_attr(b->ctx, "rawConstantIndices", mlirDenseI32ArrayGet(b->ctx, 1, &dynamic)),
      resq_attr(b->ctx, "elem_type", mlirTypeAttrGet(mlirIntegerTypeGet(b->ctx, 8))),
  };
  return resq_build_value(b, "llvm.getelementptr", 2, operands, mlirLLVMPointerTypeGet(b->ctx, 0),
                          2, attrs);
}

static MlirValue build_load(const resq_builder *b, MlirValue pointer, int64_t byte_offset,
                            MlirType type) {
  MlirValue at = build_offset(b, pointer, byte_offset);
  return resq_build_value(b, "llvm.load", 1, &at, type, 0, NULL);
}

/// The same table twice is one global: tables are found again by their uniqued attribute.
static MlirStringRef find_table(MlirBlock body, MlirAttribute value) {
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_op_is(op, "llvm.mlir.global") && mlirAttributeEqual(resq_op_attr(op, "value"), value))
      return resq_symbol_name(op);
  return (MlirStringRef){NULL, 0};
}

static MlirStringRef make_table(const resq_frame *f, MlirBlock body, const resq_actual *a) {
  MlirType tensor = mlirAttributeGetType(a->table);
  MlirType array = mlirLLVMArrayTypeGet(mlirShapedTypeGetElementType(tensor),
                                        (unsigned)mlirShapedTypeGetDimSize(tensor, 0));
  char *fresh = resq_fresh_symbol(f->module, a->prefix);
  MlirNamedAttribute attrs[] = {
      resq_attr_symbol_name(f->ctx, fresh),
      resq_attr(f->ctx, "global_type", mlirTypeAttrGet(array)),
      resq_attr(f->ctx, "linkage", mlirLLVMLinkageAttrGet(f->ctx, MlirLLVMLinkageInternal)),
      resq_attr_unit(f->ctx, "constant"),
      resq_attr(f->ctx, "value", a->table),
      resq_attr_i64(f->ctx, "alignment", RESQ_ALIGNMENT),
      resq_attr(f->ctx, "addr_space", mlirIntegerAttrGet(i32_type(f), 0)),
  };
  MlirOperationState state =
      mlirOperationStateGet(resq_str("llvm.mlir.global"), mlirOperationGetLocation(f->source));
  mlirOperationStateAddAttributes(&state, sizeof attrs / sizeof *attrs, attrs);
  MlirRegion region = mlirRegionCreate();
  mlirOperationStateAddOwnedRegions(&state, 1, &region);
  MlirOperation global = mlirOperationCreate(&state);
  mlirBlockInsertOwnedOperation(body, 0, global);
  free(fresh);
  return resq_symbol_name(global);
}

static MlirValue build_table(const resq_frame *f, const resq_builder *b, const resq_actual *a) {
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(f->module));
  MlirStringRef name = find_table(body, a->table);
  if (!name.data)
    name = make_table(f, body, a);
  MlirNamedAttribute attr =
      resq_attr(f->ctx, "global_name", mlirFlatSymbolRefAttrGet(f->ctx, name));
  return resq_build_value(b, "llvm.mlir.addressof", 0, NULL, pointer_type(f), 1, &attr);
}

/// A run-time argument.
static MlirValue build_argument(const resq_frame *f, const resq_actual *a) {
  const cpu_function *c = f->device_state;
  switch (a->kind) {
  case RESQ_ACTUAL_WORKSPACE:
    return build_offset(&c->b, c->workspace, a->i);
  case RESQ_ACTUAL_ARGUMENT:
    return build_offset(&c->b, c->arg_pointers[a->index], a->i);
  case RESQ_ACTUAL_PARAM:
    return build_offset(&c->b, c->params, a->i);
  case RESQ_ACTUAL_CACHE:
    return build_load(&c->b, c->caches, a->index * (int64_t)sizeof(uint8_t *), pointer_type(f));
  case RESQ_ACTUAL_ROWS:
    return c->row_counts[a->index];
  case RESQ_ACTUAL_CAPACITY:
    return build_load(&c->b, c->call, offsetof(resq_call, capacity), i64_type(f));
  case RESQ_ACTUAL_TABLE:
    return build_table(f, &c->b, a);
  case RESQ_ACTUAL_NULL:
    return resq_build_null(&c->b);
  case RESQ_ACTUAL_MISSING: // no call with a missing argument is issued
  case RESQ_ACTUAL_I64:     // constants are the wrapper's
  case RESQ_ACTUAL_F32:
    break;
  }
  assert(false);
  return resq_build_null(&c->b);
}

//===-- Functions ---------------------------------------------------------===//

/// func.func private @name(inputs), with one result where `result` is given and with a body block
/// where out_block is.
static MlirOperation make_function(const resq_frame *f, const char *name, intptr_t n,
                                   const MlirType *inputs, const MlirType *result,
                                   MlirBlock *out_block) {
  MlirLocation loc = mlirOperationGetLocation(f->source);
  MlirNamedAttribute attrs[] = {
      resq_attr_symbol_name(f->ctx, name),
      resq_attr(f->ctx, "function_type",
                mlirTypeAttrGet(mlirFunctionTypeGet(f->ctx, n, inputs, result != NULL, result))),
      resq_attr_str(f->ctx, "sym_visibility", "private"),
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
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(f->module));
  mlirBlockInsertOwnedOperationBefore(body, f->source, func);
  return func;
}

static void declare_function(const resq_frame *f, const char *name, intptr_t n,
                             const MlirType *inputs, const MlirType *result) {
  if (mlirOperationIsNull(resq_symbol(f->module, resq_str(name))))
    make_function(f, name, n, inputs, result, NULL);
}

static void build_call(const resq_builder *b, const char *name, intptr_t n, const MlirValue *args) {
  MlirNamedAttribute attr = resq_attr_sym(b->ctx, "callee", name);
  resq_build_op(b, "func.call", n, args, 0, NULL, 1, &attr);
}

/// The wrapper: the kernel with its constants in place.
static void make_wrapper(const resq_kernel_call *k, const char *name) {
  const resq_frame *f = k->frame;
  MlirType all[RESQ_MAX_FORMALS + 2], dynamic[RESQ_MAX_FORMALS + 2];
  intptr_t n_all = 0, n_dynamic = 0;
  all[n_all++] = dynamic[n_dynamic++] = pointer_type(f);
  all[n_all++] = dynamic[n_dynamic++] = i32_type(f);
  for (int i = 0; i < k->kernel->n_formals; i++) {
    all[n_all++] = resq_formal_type(f->ctx, &k->kernel->formals[i]);
    if (!resq_actual_is_constant(&k->actuals[i]))
      dynamic[n_dynamic++] = all[n_all - 1];
  }
  char kernel[96];
  snprintf(kernel, sizeof kernel, "%s_%s", k->kernel->name, f->level);
  declare_function(f, kernel, n_all, all, NULL);
  MlirBlock block;
  make_function(f, name, n_dynamic, dynamic, NULL, &block);
  resq_builder b = resq_build_at_end(block, mlirOperationGetLocation(f->source));
  MlirValue args[RESQ_MAX_FORMALS + 2];
  intptr_t n = 0, argument = 0;
  args[n++] = mlirBlockGetArgument(block, argument++);
  args[n++] = mlirBlockGetArgument(block, argument++);
  for (int i = 0; i < k->kernel->n_formals; i++)
    args[n++] = resq_actual_is_constant(&k->actuals[i]) ? resq_build_constant(&b, &k->actuals[i])
                                                        : mlirBlockGetArgument(block, argument++);
  build_call(&b, kernel, n, args);
  resq_build_op(&b, "func.return", 0, NULL, 0, NULL, 0, NULL);
}

//===-- The device --------------------------------------------------------===//

/// func.func @symbol(%worker), extents, pointers and call fields loaded once.
static void open_function(resq_frame *f, const char *symbol) {
  cpu_function *c = f->device_state = resq_new(1, sizeof *c);
  MlirType ptr = pointer_type(f);
  MlirBlock block;
  f->target = make_function(f, symbol, 1, &ptr, NULL, &block);
  mlirOperationRemoveAttributeByName(f->target, resq_str("sym_visibility"));
  mlirOperationMoveAfter(f->target, f->source); // behind the functions that it calls
  c->b = resq_build_at_end(block, mlirOperationGetLocation(f->source));
  c->worker = mlirBlockGetArgument(block, 0);
  c->call = build_load(&c->b, c->worker, offsetof(resq_worker, call), ptr);
  c->params = build_load(&c->b, c->call, offsetof(resq_call, params), ptr);
  c->workspace = build_load(&c->b, c->call, offsetof(resq_call, workspace), ptr);
  c->caches = build_load(&c->b, c->call, offsetof(resq_call, caches), ptr);
  MlirValue args = build_load(&c->b, c->call, offsetof(resq_call, args), ptr);
  MlirValue rows = build_load(&c->b, c->call, offsetof(resq_call, rows), ptr);
  const int n = f->n_inputs + f->n_results;
  c->arg_pointers = resq_new((size_t)n + 1, sizeof *c->arg_pointers);
  c->row_counts = resq_new((size_t)n + 1, sizeof *c->row_counts);
  for (int i = 0; i < n; i++) {
    c->arg_pointers[i] = build_load(&c->b, args, i * (int64_t)sizeof(void *), ptr);
    c->row_counts[i] = build_load(&c->b, rows, i * (int64_t)sizeof(int64_t), i64_type(f));
  }
}

/// A terminator without operands for its successors.
static void build_branch(const resq_builder *b, const char *name, intptr_t n_operands,
                         const MlirValue *operands, intptr_t n, const MlirBlock *to) {
  MlirOperationState state = mlirOperationStateGet(resq_str(name), b->loc);
  mlirOperationStateAddOperands(&state, n_operands, operands);
  mlirOperationStateAddSuccessors(&state, n, to);
  static const int32_t segments[] = {1, 0, 0};
  MlirNamedAttribute attr = resq_attr_segments(b->ctx, 3, segments);
  if (n == 2)
    mlirOperationStateAddAttributes(&state, 1, &attr);
  mlirBlockAppendOwnedOperation(b->block, mlirOperationCreate(&state));
}

static MlirBlock append_block(const resq_frame *f) {
  MlirBlock block = mlirBlockCreate(0, NULL, NULL);
  mlirRegionAppendOwnedBlock(mlirOperationGetRegion(f->target, 0), block);
  return block;
}

static void end_phase(cpu_function *c) {
  if (mlirBlockIsNull(c->after_phase))
    return;
  build_branch(&c->b, "llvm.br", 0, NULL, 1, &c->after_phase);
  c->b = resq_build_at_end(c->after_phase, c->b.loc);
}

/// if (resq_barrier(worker) != 0), with the builder inside.
static void begin_phase(const resq_frame *f) {
  cpu_function *c = f->device_state;
  end_phase(c);
  MlirType ptr = pointer_type(f), i32 = i32_type(f);
  declare_function(f, "resq_barrier", 1, &ptr, &i32);
  MlirNamedAttribute callee = resq_attr_sym(f->ctx, "callee", "resq_barrier");
  MlirValue compared[] = {resq_build_value(&c->b, "func.call", 1, &c->worker, i32, 1, &callee),
                          build_i32(&c->b, 0)};
  MlirNamedAttribute unequal = resq_attr_i64(f->ctx, "predicate", 1);
  MlirValue enters = resq_build_value(&c->b, "arith.cmpi", 2, compared,
                                      mlirIntegerTypeGet(f->ctx, 1), 1, &unequal);
  MlirBlock to[] = {append_block(f), append_block(f)};
  build_branch(&c->b, "llvm.cond_br", 1, &enters, 2, to);
  c->b = resq_build_at_end(to[0], c->b.loc);
  c->after_phase = to[1];
}

/// A new phase if needed, the call through its wrapper, resq_op_done.
static void issue_call(resq_kernel_call *k) {
  resq_frame *f = k->frame;
  cpu_function *c = f->device_state;
  c->b.loc = mlirOperationGetLocation(k->op);
  MlirType ptr = pointer_type(f), i32 = i32_type(f);
  if (mlirBlockIsNull(c->after_phase) || resq_hazards_meet(&f->hazards)) {
    begin_phase(f);
    resq_hazards_barrier(&f->hazards);
  }
  char name[256];
  resq_wrapper_name(k, name, sizeof name);
  if (mlirOperationIsNull(resq_symbol(f->module, resq_str(name))))
    make_wrapper(k, name);
  MlirValue args[RESQ_MAX_FORMALS + 2];
  intptr_t n = 0;
  args[n++] = c->worker;
  args[n++] = build_i32(&c->b, k->ticket);
  for (int i = 0; i < k->kernel->n_formals; i++)
    if (!resq_actual_is_constant(&k->actuals[i]))
      args[n++] = build_argument(f, &k->actuals[i]);
  build_call(&c->b, name, n, args);
  MlirType done_types[] = {ptr, i32};
  declare_function(f, "resq_op_done", 2, done_types, NULL);
  build_call(&c->b, "resq_op_done", 2, args);
}

static void close_function(resq_frame *f) {
  cpu_function *c = f->device_state;
  end_phase(c);
  resq_build_op(&c->b, "func.return", 0, NULL, 0, NULL, 0, NULL);
  free(c->arg_pointers);
  free(c->row_counts);
  free(c);
  f->device_state = NULL;
}

const resq_device resq_cpu_device = {
    .kind = "CPU", .open = open_function, .issue = issue_call, .close = close_function};
