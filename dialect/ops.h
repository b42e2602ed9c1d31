//===-- ops.h - the ops of the dialect, typed, from C ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// resq.td is the one place that names an op's operands, attributes and results. What follows is
// generated from it (dialect/generate/) when resq is built, so that a misspelt or missing name and
// a value of another type do not compile. Its bodies, in dialect.cpp, call the methods that
// mlir-tblgen makes of the same file; they know operand segments and defaults, which nobody writes
// again. A generator of our own, because upstream has none for C; over the JSON of llvm-tblgen,
// because its other form, a TableGen backend, would be C++. To read what there is:
// BUILD/dialect/accessors/ResqOpsC.h.inc.
//
// Of an op resq.rope with `ins Resq_Rows:$x, ..., I64Attr:$head_size` and `outs Resq_Rows:$y`:
//
//   RESQ_OP_ROPE                      "resq.rope"
//   RESQ_ROPE_X, RESQ_ROPE_ANGLES     numbers of operands, up to a variadic one
//   resqOpIsRope(op)                  false of a null op
//   resqRopeOpGetX(op), GetY          operand and result; null where an optional one is absent
//   resqRopeOpGetHeadSize(op)         the value of an attribute; with an ODS default, that
//   resqRopeOpSetHeadSize(op, 64)
//   resqRopeOpBuild(&at, x, angles, 64, type)
//
// - A variadic operand or result: GetNumParts(op) and GetParts(op, i).
// - An optional attribute: HasGroup(op); GetGroup(op) of an absent one is a fatal error. A text is
//   {NULL, 0} where it is absent, and setting it to that removes it. A flag is false.
// - A list of integers: GetNumSizes(op) and GetSizes(op), which lives as long as the context.
// - Any other attribute, or a list: an MlirAttribute, null where it is absent. Setting it to null
//   removes it.
// - An enum: resq_random_kind with the constants RESQ_RANDOM_KIND_*, and resqRandomKindName(kind).
// - A builder takes operands, attributes that have no default and may not be absent, and the types
//   of results, each in the order of resq.td. It returns the result of an op that has exactly one,
//   otherwise the op. Set what is optional or has a default on it afterwards.
//
// RESQ_RECIPE_OPS(ROW) is ROW(<mnemonic>) for each op that may be in a recipe, RESQ_FUNCTION_OPS(ROW)
// is ROW(<mnemonic>, "<roles>") for each that may be in a function.
//
// To call an accessor on an op of another class (or a null one) is a fatal error, in every build.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_OPS_H
#define RESQ_DIALECT_OPS_H

#include "dialect/build.h"

#ifdef __cplusplus
extern "C" {
#endif

#include "ResqOpsC.h.inc"

//===-- What several ops have alike (ops.c) -------------------------------===//
// {NULL, 0} of an op that has no such name.

MlirStringRef resq_linear_name(MlirOperation op); ///< the name of a linear or a qlinear
MlirStringRef resq_linear_site(MlirOperation op); ///< the site of a linear's or a qlinear's input
MlirStringRef resq_cache_name(MlirOperation op);  ///< the cache of a kv_append or an attention
MlirStringRef resq_site_name(MlirOperation op);   ///< the site of a moment, samples or an observe

#ifdef __cplusplus
}
#endif
#endif // RESQ_DIALECT_OPS_H
