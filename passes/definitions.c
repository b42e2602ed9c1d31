//===-- definitions.c - the definitions of all ops, ready to be inlined ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The text is embedded by cmake/ResqEmbed.cmake. Bodies are one block each and call
// nothing once the inliner has run on them, so that copying is moving a clone's ops.
//===----------------------------------------------------------------------===//
#include "passes/definitions.h"
#include "mlir-c/Pass.h"
#include "mlir-c/Transforms.h"
#include <stdio.h>

extern const unsigned char resq_definition_text[], resq_definition_text_end[];

/// What definitions are written in: a context that has seen no such op may not have loaded them.
static const char *const dialects[] = {"func",   "arith", "math",  "tensor",
                                       "linalg", "scf",   "memref"};

bool resq_definitions_open(MlirContext ctx, resq_definitions *out) {
  for (size_t i = 0; i < sizeof dialects / sizeof *dialects; i++)
    mlirContextGetOrLoadDialect(ctx, resq_str(dialects[i]));
  MlirStringRef text =
      mlirStringRefCreate((const char *)resq_definition_text,
                          (size_t)(resq_definition_text_end - resq_definition_text));
  out->module = mlirModuleCreateParse(ctx, text);
  if (mlirModuleIsNull(out->module))
    return false;
  MlirPassManager pm = mlirPassManagerCreate(ctx);
  mlirPassManagerAddOwnedPass(pm, mlirCreateTransformsInliner());
  MlirLogicalResult inlined = mlirPassManagerRunOnOp(pm, mlirModuleGetOperation(out->module));
  mlirPassManagerDestroy(pm);
  if (mlirLogicalResultIsSuccess(inlined))
    return true;
  resq_definitions_close(out);
  return false;
}

void resq_definitions_close(resq_definitions *definitions) {
  if (!mlirModuleIsNull(definitions->module))
    mlirModuleDestroy(definitions->module);
  definitions->module = (MlirModule){NULL};
}

MlirValue resq_cast_shape(const resq_builder *b, MlirValue v, MlirType type) {
  if (mlirTypeEqual(mlirValueGetType(v), type))
    return v;
  return resq_build_value(b, "tensor.cast", 1, &v, type, 0, NULL);
}

/// Can be made equal to the definition's type by tensor.cast: same element and rank, or the same
/// type.
static bool fits(MlirType type, MlirType wanted) {
  if (mlirTypeEqual(type, wanted))
    return true;
  return mlirTypeIsARankedTensor(type) && mlirTypeIsARankedTensor(wanted) &&
         mlirShapedTypeGetRank(type) == mlirShapedTypeGetRank(wanted) &&
         mlirTypeEqual(mlirShapedTypeGetElementType(type), mlirShapedTypeGetElementType(wanted));
}

/// Locations of the text mean nothing to users: all ops stand where the op they define stood.
static MlirWalkResult relocate(MlirOperation op, void *user) {
  mlirOperationSetLocation(op, *(MlirLocation *)user);
  return MlirWalkResultAdvance;
}

bool resq_define(const resq_definitions *definitions, const resq_builder *b, const char *name,
                 intptr_t n_args, const MlirValue *args, intptr_t n_results, MlirValue *results) {
  char symbol[96];
  snprintf(symbol, sizeof symbol, "resq.def.%s", name);
  MlirOperation func = resq_symbol(mlirModuleGetOperation(definitions->module), resq_str(symbol));
  if (mlirOperationIsNull(func)) {
    resq_emit_error_at(b->loc, "no definition @%s", symbol);
    return false;
  }
  MlirOperation clone = mlirOperationClone(func);
  MlirLocation location = b->loc;
  mlirOperationWalk(clone, relocate, &location, MlirWalkPreOrder);
  MlirBlock body = mlirRegionGetFirstBlock(mlirOperationGetRegion(clone, 0));
  MlirOperation end = mlirBlockGetTerminator(body);
  bool ok =
      mlirBlockGetNumArguments(body) == n_args && mlirOperationGetNumOperands(end) == n_results;
  for (intptr_t i = 0; ok && i < n_args; i++) {
    MlirValue parameter = mlirBlockGetArgument(body, i);
    ok = fits(mlirValueGetType(args[i]), mlirValueGetType(parameter));
    if (ok)
      mlirValueReplaceAllUsesOfWith(parameter,
                                    resq_cast_shape(b, args[i], mlirValueGetType(parameter)));
  }
  if (!ok) {
    resq_emit_error_at(b->loc, "operands do not fit @%s: rank-2 rows of f32 (ids: i32) are lowered",
                       symbol);
    mlirOperationDestroy(clone);
    return false;
  }
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationEqual(op, end);
       op = mlirBlockGetFirstOperation(body))
    mlirOperationMoveBefore(op, b->before);
  for (intptr_t i = 0; i < n_results; i++)
    results[i] = mlirOperationGetOperand(end, i);
  mlirOperationDestroy(clone);
  return true;
}
