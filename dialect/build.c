//===-- build.c - making and reading ops from C ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The bodies of build.h. Nothing here knows more of an op than its name.
//===----------------------------------------------------------------------===//
#include "dialect/build.h"
#include "dialect/hooks.h"
#include "dialect/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

//===-- Where -------------------------------------------------------------===//

resq_builder resq_build_before(MlirOperation op) {
  return (resq_builder){mlirOperationGetContext(op), mlirOperationGetLocation(op),
                        mlirOperationGetBlock(op), op};
}

resq_builder resq_build_after(MlirOperation op) {
  resq_builder b = resq_build_before(op);
  b.before = mlirOperationGetNextInBlock(op);
  return b;
}

resq_builder resq_build_at_end(MlirBlock block, MlirLocation loc) {
  return (resq_builder){mlirLocationGetContext(loc), loc, block, {NULL}};
}

//===-- Attributes --------------------------------------------------------===//

MlirNamedAttribute resq_attr(MlirContext ctx, const char *name, MlirAttribute value) {
  return mlirNamedAttributeGet(mlirIdentifierGet(ctx, resq_str(name)), value);
}

MlirNamedAttribute resq_attr_i64(MlirContext ctx, const char *name, int64_t value) {
  return resq_attr(ctx, name, mlirIntegerAttrGet(mlirIntegerTypeGet(ctx, 64), value));
}

MlirNamedAttribute resq_attr_f32(MlirContext ctx, const char *name, float value) {
  return resq_attr(ctx, name, mlirFloatAttrDoubleGet(ctx, mlirF32TypeGet(ctx), value));
}

MlirNamedAttribute resq_attr_str(MlirContext ctx, const char *name, const char *value) {
  return resq_attr(ctx, name, mlirStringAttrGet(ctx, resq_str(value)));
}

MlirNamedAttribute resq_attr_sym(MlirContext ctx, const char *name, const char *symbol) {
  return resq_attr(ctx, name, mlirFlatSymbolRefAttrGet(ctx, resq_str(symbol)));
}

MlirNamedAttribute resq_attr_unit(MlirContext ctx, const char *name) {
  return resq_attr(ctx, name, mlirUnitAttrGet(ctx));
}

MlirNamedAttribute resq_attr_segments(MlirContext ctx, intptr_t n, const int32_t *sizes) {
  return resq_attr(ctx, "operandSegmentSizes", mlirDenseI32ArrayGet(ctx, n, sizes));
}

//===-- Ops ---------------------------------------------------------------===//

static MlirOperation create(const resq_builder *b, MlirOperationState *state) {
  MlirOperation op = mlirOperationCreate(state);
  if (mlirOperationIsNull(op)) // properties did not parse; MLIR has said why
    return op;
  if (mlirOperationIsNull(b->before))
    mlirBlockAppendOwnedOperation(b->block, op);
  else
    mlirBlockInsertOwnedOperationBefore(b->block, b->before, op);
  return op;
}

MlirOperation resq_build_op(const resq_builder *b, const char *name, intptr_t n_operands,
                            const MlirValue *operands, intptr_t n_results, const MlirType *results,
                            intptr_t n_attrs, const MlirNamedAttribute *attrs) {
  MlirOperationState state = mlirOperationStateGet(resq_str(name), b->loc);
  mlirOperationStateAddOperands(&state, n_operands, operands);
  mlirOperationStateAddResults(&state, n_results, results);
  mlirOperationStateAddAttributes(&state, n_attrs, attrs);
  return create(b, &state);
}

MlirValue resq_build_value(const resq_builder *b, const char *name, intptr_t n_operands,
                           const MlirValue *operands, MlirType result, intptr_t n_attrs,
                           const MlirNamedAttribute *attrs) {
  MlirOperation op = resq_build_op(b, name, n_operands, operands, 1, &result, n_attrs, attrs);
  return mlirOperationIsNull(op) ? (MlirValue){NULL} : mlirOperationGetResult(op, 0);
}

MlirOperation resq_build_param(const resq_builder *b, const char *name, MlirType type,
                               MlirBlock *out_block) {
  MlirOperation param = resqParamOpBuild(b, resq_str(name), type);
  if (out_block) {
    *out_block = mlirBlockCreate(0, NULL, NULL);
    mlirRegionAppendOwnedBlock(mlirOperationGetRegion(param, 0), *out_block);
  }
  return param;
}

void resq_build_yield(MlirBlock block, MlirValue value) {
  MlirOperation maker = resq_defining_op(value);
  MlirContext ctx = mlirTypeGetContext(mlirValueGetType(value));
  MlirLocation loc =
      mlirOperationIsNull(maker) ? mlirLocationUnknownGet(ctx) : mlirOperationGetLocation(maker);
  resq_builder b = resq_build_at_end(block, loc);
  resqYieldOpBuild(&b, value);
}

MlirValue resq_build_get(const resq_builder *b, const char *param, MlirType type) {
  return resqGetOpBuild(b, resq_str(param), type);
}

MlirType resq_tensor(MlirType element, intptr_t rank, const int64_t *shape) {
  int64_t buffer[8], *extents = rank <= 8 ? buffer : resq_new((size_t)rank, sizeof *extents);
  for (intptr_t i = 0; i < rank; i++)
    extents[i] = shape[i] < 0 ? mlirShapedTypeGetDynamicSize() : shape[i];
  MlirType type = mlirRankedTensorTypeGet(rank, extents, element, mlirAttributeGetNull());
  if (extents != buffer)
    free(extents);
  return type;
}

//===-- Reading -----------------------------------------------------------===//

bool resq_str_eq(MlirStringRef a, const char *b) { return mlirStringRefEqual(a, resq_str(b)); }

bool resq_op_is(MlirOperation op, const char *name) {
  return !mlirOperationIsNull(op) && resq_str_eq(mlirIdentifierStr(mlirOperationGetName(op)), name);
}

MlirOperation resq_defining_op(MlirValue v) {
  if (mlirValueIsNull(v) || !mlirValueIsAOpResult(v))
    return (MlirOperation){NULL};
  return mlirOpResultGetOwner(v);
}

bool resq_value_is_from(MlirValue v, const char *name) {
  return resq_op_is(resq_defining_op(v), name);
}

MlirAttribute resq_op_attr(MlirOperation op, const char *name) {
  return mlirOperationGetAttributeByName(op, resq_str(name));
}

bool resq_op_has(MlirOperation op, const char *name) {
  return !mlirAttributeIsNull(resq_op_attr(op, name));
}

int64_t resq_op_i64(MlirOperation op, const char *name) {
  MlirAttribute attr = resq_op_attr(op, name);
  if (mlirAttributeIsNull(attr) || !mlirAttributeIsAInteger(attr))
    return 0;
  return mlirIntegerAttrGetValueInt(attr);
}

double resq_op_f64(MlirOperation op, const char *name) {
  MlirAttribute attr = resq_op_attr(op, name);
  if (mlirAttributeIsNull(attr) || !mlirAttributeIsAFloat(attr))
    return 0;
  return mlirFloatAttrGetValueDouble(attr);
}

MlirStringRef resq_op_str(MlirOperation op, const char *name) {
  MlirAttribute attr = resq_op_attr(op, name);
  if (!mlirAttributeIsNull(attr) && mlirAttributeIsAString(attr))
    return mlirStringAttrGetValue(attr);
  if (!mlirAttributeIsNull(attr) && mlirAttributeIsAFlatSymbolRef(attr))
    return mlirFlatSymbolRefAttrGetValue(attr);
  return (MlirStringRef){NULL, 0};
}

intptr_t resq_operand_segment(MlirOperation op, intptr_t i) {
  MlirAttribute sizes = resq_op_attr(op, "operandSegmentSizes");
  if (mlirAttributeIsNull(sizes))
    return i;
  intptr_t segment = 0, end = mlirDenseI32ArrayGetElement(sizes, 0);
  while (i >= end)
    end += mlirDenseI32ArrayGetElement(sizes, ++segment);
  return segment;
}

int64_t resq_dim(MlirValue v, intptr_t i) {
  MlirType type = mlirValueGetType(v);
  return mlirShapedTypeIsDynamicDim(type, i) ? -1 : mlirShapedTypeGetDimSize(type, i);
}

int64_t resq_width(MlirValue v) {
  return resq_dim(v, (intptr_t)mlirShapedTypeGetRank(mlirValueGetType(v)) - 1);
}

MlirType resq_element(MlirValue v) { return mlirShapedTypeGetElementType(mlirValueGetType(v)); }

//===-- Symbols -----------------------------------------------------------===//

static MlirBlock body_of(MlirOperation module) {
  return mlirRegionGetFirstBlock(mlirOperationGetRegion(module, 0));
}

/// What upstream calls the attribute, as text that ends in a null character.
static const char *symbol_name_attribute(void) {
  return mlirSymbolTableGetSymbolAttributeName().data;
}

MlirNamedAttribute resq_attr_symbol_name(MlirContext ctx, const char *name) {
  return resq_attr_str(ctx, symbol_name_attribute(), name);
}

MlirStringRef resq_symbol_name(MlirOperation op) {
  return resq_op_str(op, symbol_name_attribute());
}

MlirOperation resq_symbol(MlirOperation module, MlirStringRef name) {
  MlirOperation op = mlirBlockGetFirstOperation(body_of(module));
  for (; !mlirOperationIsNull(op); op = mlirOperationGetNextInBlock(op))
    if (mlirStringRefEqual(resq_symbol_name(op), name))
      return op;
  return op;
}

char *resq_fresh_symbol(MlirOperation module, const char *base) {
  size_t size = strlen(base) + 24; // "_" and any 64-bit number
  char *name = resq_new(size, 1);
  snprintf(name, size, "%s", base);
  for (long i = 1; !mlirOperationIsNull(resq_symbol(module, resq_str(name))); i++)
    snprintf(name, size, "%s_%ld", base, i);
  return name;
}

//===-- Diagnostics -------------------------------------------------------===//

static void emit(MlirLocation loc, void (*send)(MlirLocation, const char *), const char *format,
                 va_list args) {
  char fixed[1024], *message = fixed;
  va_list again;
  va_copy(again, args);
  int length = vsnprintf(fixed, sizeof fixed, format, args);
  if (length >= (int)sizeof fixed) {
    message = resq_new((size_t)length + 1, 1);
    vsnprintf(message, (size_t)length + 1, format, again);
  }
  va_end(again);
  send(loc, message);
  if (message != fixed)
    free(message);
}

void resq_emit_error(MlirOperation op, const char *format, ...) {
  va_list args;
  va_start(args, format);
  emit(mlirOperationGetLocation(op), mlirEmitError, format, args);
  va_end(args);
}

void resq_emit_error_at(MlirLocation loc, const char *format, ...) {
  va_list args;
  va_start(args, format);
  emit(loc, mlirEmitError, format, args);
  va_end(args);
}

void resq_emit_remark(MlirOperation op, const char *format, ...) {
  va_list args;
  va_start(args, format);
  emit(mlirOperationGetLocation(op), resqEmitRemark, format, args);
  va_end(args);
}

//===-- Rewriting ---------------------------------------------------------===//

void resq_replace(MlirOperation op, intptr_t n, const MlirValue *values) {
  for (intptr_t i = 0; i < n; i++)
    mlirValueReplaceAllUsesOfWith(mlirOperationGetResult(op, i), values[i]);
  mlirOperationDestroy(op);
}

/// The ops that a walk found, in order.
typedef struct found_ops {
  const char *name;
  MlirOperation *ops;
  size_t n, room;
} found_ops;

static MlirWalkResult collect(MlirOperation op, void *user) {
  found_ops *found = user;
  if (!resq_op_is(op, found->name))
    return MlirWalkResultAdvance;
  if (found->n == found->room) {
    found->room = found->room ? 2 * found->room : 64;
    found->ops = resq_resize(found->ops, found->room, sizeof *found->ops);
  }
  found->ops[found->n++] = op;
  return MlirWalkResultAdvance;
}

// All are collected first: visit may erase its op, and what it inserts is not visited.
void resq_for_each(MlirOperation root, const char *name, void (*visit)(MlirOperation, void *),
                   void *user) {
  found_ops found = {name, NULL, 0, 0};
  mlirOperationWalk(root, collect, &found, MlirWalkPreOrder);
  for (size_t i = 0; i < found.n; i++)
    visit(found.ops[i], user);
  free(found.ops);
}
