//===-- kernel_call.c - calls, wrappers, barriers, constants --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/cpu/emit.h"

#include "mlir-c/Dialect/LLVM.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static MlirType pointer_type(lowering *l) { return mlirLLVMPointerTypeGet(l->ctx, 0); }
static MlirType i64_type(lowering *l) { return mlirIntegerTypeGet(l->ctx, 64); }
static MlirType i32_type(lowering *l) { return mlirIntegerTypeGet(l->ctx, 32); }

void lower_fail(lowering *l, MlirOperation op, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  resq_emit_error(op, "%s", text);
  l->failed = true;
}

//===-- Values ------------------------------------------------------------===//

static MlirValue emit_constant(const resq_builder *b, MlirAttribute value, MlirType type) {
  MlirNamedAttribute attr = resq_attr(b->ctx, "value", value);
  return resq_build_value(b, "arith.constant", 0, NULL, type, 1, &attr);
}

MlirValue emit_i64(lowering *l, int64_t value) {
  return emit_constant(&l->b, mlirIntegerAttrGet(i64_type(l), value), i64_type(l));
}

static MlirValue emit_i32(lowering *l, int32_t value) {
  return emit_constant(&l->b, mlirIntegerAttrGet(i32_type(l), value), i32_type(l));
}

MlirValue emit_offset(lowering *l, MlirValue pointer, int64_t bytes) {
  if (bytes == 0)
    return pointer;
  // A dynamic index: constant ones are 32 bits wide, parameter files are not.
  MlirValue operands[] = {pointer, emit_i64(l, bytes)};
  int32_t dynamic = INT32_MIN;
  MlirNamedAttribute attrs[] = {
      resq_attr(l->ctx, "rawConstantIndices", mlirDenseI32ArrayGet(l->ctx, 1, &dynamic)),
      resq_attr(l->ctx, "elem_type", mlirTypeAttrGet(mlirIntegerTypeGet(l->ctx, 8))),
  };
  return resq_build_value(&l->b, "llvm.getelementptr", 2, operands, pointer_type(l), 2, attrs);
}

MlirValue emit_load(lowering *l, MlirValue pointer, int64_t byte_offset, MlirType type) {
  MlirValue at = emit_offset(l, pointer, byte_offset);
  return resq_build_value(&l->b, "llvm.load", 1, &at, type, 0, NULL);
}

MlirValue emit_table(lowering *l, const char *prefix, const void *data, int64_t bytes,
                     table_kind kind) {
  MlirType element = kind == TABLE_F32 ? mlirF32TypeGet(l->ctx)
                                       : mlirIntegerTypeGet(l->ctx, kind == TABLE_I32 ? 32 : 8);
  int64_t count = kind == TABLE_I8 ? bytes : bytes / 4;
  MlirType tensor = resq_tensor(element, 1, &count);
  MlirAttribute value = mlirDenseElementsAttrRawBufferGet(tensor, (size_t)bytes, data);
  // The same table twice is one global: tables are found again by their uniqued attribute.
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(l->module));
  MlirStringRef name = {NULL, 0};
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_op_is(op, "llvm.mlir.global") && mlirAttributeEqual(resq_op_attr(op, "value"), value))
      name = resq_op_str(op, "sym_name");
  if (!name.data) {
    char *fresh = resq_fresh_symbol(l->module, prefix);
    MlirType array = mlirLLVMArrayTypeGet(element, (unsigned)count);
    MlirNamedAttribute attrs[] = {
        resq_attr_str(l->ctx, "sym_name", fresh),
        resq_attr(l->ctx, "global_type", mlirTypeAttrGet(array)),
        resq_attr(l->ctx, "linkage", mlirLLVMLinkageAttrGet(l->ctx, MlirLLVMLinkageInternal)),
        resq_attr_unit(l->ctx, "constant"),
        resq_attr(l->ctx, "value", value),
        resq_attr_i64(l->ctx, "alignment", RESQ_ALIGNMENT),
        resq_attr(l->ctx, "addr_space", mlirIntegerAttrGet(i32_type(l), 0)),
    };
    MlirLocation loc = mlirOperationGetLocation(l->source);
    MlirOperationState state = mlirOperationStateGet(resq_str("llvm.mlir.global"), loc);
    mlirOperationStateAddAttributes(&state, sizeof attrs / sizeof *attrs, attrs);
    MlirRegion region = mlirRegionCreate();
    mlirOperationStateAddOwnedRegions(&state, 1, &region);
    MlirOperation global = mlirOperationCreate(&state);
    mlirBlockInsertOwnedOperation(body, 0, global);
    name = resq_op_str(global, "sym_name");
    free(fresh);
  }
  MlirNamedAttribute attr =
      resq_attr(l->ctx, "global_name", mlirFlatSymbolRefAttrGet(l->ctx, name));
  return resq_build_value(&l->b, "llvm.mlir.addressof", 0, NULL, pointer_type(l), 1, &attr);
}

//===-- Functions ---------------------------------------------------------===//

/// func.func private @name(inputs), with a body block when out_block is given.
static MlirOperation make_function(lowering *l, const char *name, intptr_t n,
                                   const MlirType *inputs, MlirBlock *out_block) {
  MlirLocation loc = mlirOperationGetLocation(l->source);
  MlirNamedAttribute attrs[] = {
      resq_attr_str(l->ctx, "sym_name", name),
      resq_attr(l->ctx, "function_type",
                mlirTypeAttrGet(mlirFunctionTypeGet(l->ctx, n, inputs, 0, NULL))),
      resq_attr_str(l->ctx, "sym_visibility", "private"),
  };
  MlirOperationState state = mlirOperationStateGet(resq_str("func.func"), loc);
  mlirOperationStateAddAttributes(&state, 3, attrs);
  MlirRegion region = mlirRegionCreate();
  if (out_block) {
    MlirLocation *locs = malloc((size_t)(n ? n : 1) * sizeof *locs);
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

void declare_function(lowering *l, const char *name, intptr_t n, const MlirType *inputs) {
  if (mlirOperationIsNull(resq_symbol(l->module, resq_str(name))))
    make_function(l, name, n, inputs, NULL);
}

static void emit_call(const resq_builder *b, const char *name, intptr_t n, const MlirValue *args) {
  MlirNamedAttribute attr = resq_attr_sym(b->ctx, "callee", name);
  resq_build_op(b, "func.call", n, args, 0, NULL, 1, &attr);
}

//===-- Hazards -----------------------------------------------------------===//

static void touch(kernel_call *k, place_kind kind, int key, int64_t begin, int64_t end,
                  bool write) {
  lowering *l = k->l;
  if (l->n_since + 1 > l->since_capacity) {
    l->since_capacity = l->n_since * 2 + 64;
    l->since_barrier = realloc(l->since_barrier, (size_t)l->since_capacity * sizeof *l->since_barrier);
  }
  l->since_barrier[l->n_since++] = (struct hazard){kind, key, begin, end, write};
}

static void touch_place(kernel_call *k, const place *p, bool write) {
  if (p->kind == PLACE_WORKSPACE)
    touch(k, PLACE_WORKSPACE, 0, p->begin, p->begin + p->size, write);
  else if (p->kind == PLACE_ARGUMENT)
    touch(k, PLACE_ARGUMENT, p->argument, 0, INT64_MAX, write);
}

/// True when the accesses of this op (from `first` on) meet an earlier unsynchronised one.
static bool needs_barrier(const lowering *l, int first) {
  for (int i = first; i < l->n_since; i++)
    for (int j = 0; j < first; j++) {
      const struct hazard *a = &l->since_barrier[i], *b = &l->since_barrier[j];
      if ((a->write || b->write) && a->kind == b->kind && a->key == b->key &&
          a->begin < b->end && b->begin < a->end)
        return true;
    }
  return false;
}

//===-- Calls -------------------------------------------------------------===//

void kernel_begin(kernel_call *k, lowering *l, MlirOperation op, const char *name) {
  memset(k, 0, sizeof *k);
  k->l = l;
  k->op = op;
  k->first = l->n_since;
  snprintf(k->name, sizeof k->name, "%s", name);
}

void kernel_value(kernel_call *k, MlirValue v) { k->args[k->n_args++].dynamic = v; }

void kernel_read(kernel_call *k, const place *p) {
  touch_place(k, p, false);
  kernel_value(k, place_pointer(k->l, p));
}

void kernel_read_meta(kernel_call *k, const place *p) {
  kernel_value(k, place_meta_pointer(k->l, p));
}

void kernel_write(kernel_call *k, const place *p) {
  touch_place(k, p, true);
  kernel_value(k, place_pointer(k->l, p));
}

void kernel_write_meta(kernel_call *k, const place *p) { kernel_read_meta(k, p); }

void kernel_cache(kernel_call *k, MlirStringRef cache, bool write) {
  lowering *l = k->l;
  int index = 0;
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(l->module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op)) {
    if (!resq_op_is(op, "resq.kv_cache"))
      continue;
    if (mlirStringRefEqual(resq_op_str(op, "sym_name"), cache)) {
      touch(k, PLACE_NONE, index, 0, INT64_MAX, write);
      kernel_value(k, emit_load(l, l->caches, index * (int64_t)sizeof(uint8_t *), pointer_type(l)));
      return;
    }
    index++;
  }
  lower_fail(l, k->op, "no resq.kv_cache @%.*s", (int)cache.length, cache.data);
}

void kernel_null(kernel_call *k) {
  kernel_value(k, resq_build_value(&k->l->b, "llvm.mlir.zero", 0, NULL, pointer_type(k->l), 0, NULL));
}

void kernel_rows(kernel_call *k, const place *p) { kernel_value(k, k->l->row_counts[p->rows_of]); }

void kernel_const(kernel_call *k, int64_t value) {
  k->args[k->n_args].is_constant = true;
  k->args[k->n_args++].i = value;
}

void kernel_float(kernel_call *k, float value) {
  k->args[k->n_args].is_constant = k->args[k->n_args].is_float = true;
  k->args[k->n_args++].f = value;
}

/// resq_<kernel>_<level>__<constants>: kernels specialised by shape, shared by all layers.
static void wrapper_name(const kernel_call *k, char *out, size_t size) {
  int n = snprintf(out, size, "%s_%s_", k->name, k->l->level);
  for (int i = 0; i < k->n_args && n < (int)size; i++) {
    if (!k->args[i].is_constant)
      continue;
    uint32_t bits;
    memcpy(&bits, &k->args[i].f, sizeof bits);
    n += k->args[i].is_float ? snprintf(out + n, size - (size_t)n, "_f%08" PRIx32, bits)
                             : snprintf(out + n, size - (size_t)n, "_%" PRId64, k->args[i].i);
  }
}

/// The wrapper's body: the kernel with its constants in place.
static void make_wrapper(const kernel_call *k, const char *name) {
  lowering *l = k->l;
  MlirType all[48], dynamic[48];
  intptr_t n_all = 0, n_dynamic = 0;
  all[n_all++] = dynamic[n_dynamic++] = pointer_type(l);
  all[n_all++] = dynamic[n_dynamic++] = i32_type(l);
  for (int i = 0; i < k->n_args; i++) {
    if (k->args[i].is_constant)
      all[n_all++] = k->args[i].is_float ? mlirF32TypeGet(l->ctx) : i64_type(l);
    else
      all[n_all++] = dynamic[n_dynamic++] = mlirValueGetType(k->args[i].dynamic);
  }
  char kernel[96];
  snprintf(kernel, sizeof kernel, "%s_%s", k->name, l->level);
  declare_function(l, kernel, n_all, all);
  MlirBlock block;
  make_function(l, name, n_dynamic, dynamic, &block);
  resq_builder b = resq_build_at_end(block, mlirOperationGetLocation(l->source));
  MlirValue args[48];
  intptr_t n = 0, argument = 0;
  args[n++] = mlirBlockGetArgument(block, argument++);
  args[n++] = mlirBlockGetArgument(block, argument++);
  for (int i = 0; i < k->n_args; i++) {
    if (!k->args[i].is_constant)
      args[n++] = mlirBlockGetArgument(block, argument++);
    else if (k->args[i].is_float)
      args[n++] = emit_constant(&b, mlirFloatAttrDoubleGet(l->ctx, mlirF32TypeGet(l->ctx), (double)k->args[i].f),
                                mlirF32TypeGet(l->ctx));
    else
      args[n++] = emit_constant(&b, mlirIntegerAttrGet(i64_type(l), k->args[i].i), i64_type(l));
  }
  emit_call(&b, kernel, n, args);
  resq_build_op(&b, "func.return", 0, NULL, 0, NULL, 0, NULL);
}

/// "l0.q: resq_linear_f32": what profiles show. The layer part is the location's name, else the op's `name`.
static MlirAttribute op_label(const kernel_call *k) {
  char text[160], place_name[96] = "";
  MlirLocation loc = mlirOperationGetLocation(k->op);
  MlirStringRef name = {NULL, 0};
  if (mlirLocationIsAName(loc))
    name = mlirIdentifierStr(mlirLocationNameGetName(loc));
  if (resq_op_str(k->op, "name").data)
    name = resq_op_str(k->op, "name");
  if (name.data)
    snprintf(place_name, sizeof place_name, "%.*s", (int)name.length, name.data);
  snprintf(text, sizeof text, "%s: %s", place_name, k->name + strlen("resq_"));
  return mlirStringAttrGet(k->l->ctx, resq_str(text));
}

void kernel_end(kernel_call *k) {
  lowering *l = k->l;
  if (l->failed)
    return;
  MlirType ptr = pointer_type(l), i32 = i32_type(l);
  if (needs_barrier(l, k->first)) {
    declare_function(l, "resq_barrier", 1, &ptr);
    emit_call(&l->b, "resq_barrier", 1, &l->worker);
    int own = l->n_since - k->first;
    memmove(l->since_barrier, l->since_barrier + k->first, (size_t)own * sizeof *l->since_barrier);
    l->n_since = own;
  }
  char name[256];
  wrapper_name(k, name, sizeof name);
  if (mlirOperationIsNull(resq_symbol(l->module, resq_str(name))))
    make_wrapper(k, name);

  if (l->ticket + 1 > l->op_names_capacity) {
    l->op_names_capacity = l->ticket * 2 + 64;
    l->op_names = realloc(l->op_names, (size_t)l->op_names_capacity * sizeof *l->op_names);
  }
  l->op_names[l->ticket] = op_label(k);
  MlirValue args[48];
  intptr_t n = 0;
  args[n++] = l->worker;
  args[n++] = emit_i32(l, l->ticket++);
  for (int i = 0; i < k->n_args; i++)
    if (!k->args[i].is_constant)
      args[n++] = k->args[i].dynamic;
  emit_call(&l->b, name, n, args);
  MlirType done_types[] = {ptr, i32};
  declare_function(l, "resq_op_done", 2, done_types);
  emit_call(&l->b, "resq_op_done", 2, args);
}
