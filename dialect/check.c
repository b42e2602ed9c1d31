//===-- check.c - what verifiers ask, and how they refuse -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/check.h"

#include "dialect/text_buffer.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool resq_refuse(MlirOperation op, const char *format, ...) {
  char message[900];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(op));
  resq_emit_error(op, "'%.*s' op %s", (int)name.length, name.data, message);
  return false;
}

resq_type_text resq_print_type(MlirType type) {
  resq_type_text out;
  resq_text_buffer whole = {0};
  mlirTypePrint(type, resq_text_buffer_add, &whole);
  snprintf(out.text, sizeof out.text, "%s", resq_text_buffer_text(&whole));
  if (whole.size >= sizeof out.text)
    strcpy(out.text + sizeof out.text - sizeof "...", "...");
  resq_text_buffer_free(&whole);
  return out;
}

bool resq_check_site(MlirOperation op, int constraint, const char *name, bool given,
                     MlirStringRef site) {
  return !given || site.length ||
         resq_refuse(op, "C%d: %s is empty: allowed is a name, or none", constraint, name);
}

int64_t resq_rank(MlirValue v) { return mlirShapedTypeGetRank(mlirValueGetType(v)); }

bool resq_is_rows(MlirValue v, int64_t rank) {
  if (resq_rank(v) != rank)
    return false;
  for (int64_t i = 1; i < rank; i++)
    if (resq_dim(v, (intptr_t)i) < 0)
      return false;
  return true;
}

bool resq_is_static(MlirValue v) { return mlirShapedTypeHasStaticShape(mlirValueGetType(v)); }

bool resq_is_f32(MlirValue v) { return mlirTypeIsAF32(resq_element(v)); }

bool resq_is_i32(MlirValue v) {
  MlirType e = resq_element(v);
  return mlirTypeIsAInteger(e) && mlirIntegerTypeIsSignless(e) && mlirIntegerTypeGetWidth(e) == 32;
}

static bool is_short_float(MlirType e) {
  return mlirTypeIsAF32(e) || mlirTypeIsABF16(e) || mlirTypeIsAF16(e);
}

bool resq_is_float(MlirValue v) {
  return is_short_float(resq_element(v)) || mlirTypeIsAF64(resq_element(v));
}

bool resq_is_weight(MlirValue v) {
  return is_short_float(resq_element(v)) || resqTypeIsPanel(resq_element(v));
}

bool resq_is_quant(MlirValue v) { return resqTypeIsQuant(resq_element(v)); }

bool resq_same_type(MlirValue a, MlirValue b) {
  return mlirTypeEqual(mlirValueGetType(a), mlirValueGetType(b));
}

bool resq_extents_agree(int64_t a, int64_t b) { return a < 0 || b < 0 || a == b; }

bool resq_shapes_agree(MlirValue a, MlirValue b, int64_t except) {
  int64_t rank = resq_rank(a);
  if (rank != resq_rank(b))
    return false;
  for (int64_t i = 0; i < rank; i++)
    if (i != except && !resq_extents_agree(resq_dim(a, (intptr_t)i), resq_dim(b, (intptr_t)i)))
      return false;
  return true;
}

bool resq_is_ids(MlirValue v) { return resq_rank(v) == 1 && resq_is_i32(v); }

bool resq_is_f32_rows(MlirValue v) { return resq_is_rows(v, 2) && resq_is_f32(v); }

bool resq_is_f32_vector(MlirValue v, int64_t n) {
  return resq_rank(v) == 1 && resq_dim(v, 0) == n && resq_is_f32(v);
}

MlirValue resq_operand(MlirOperation op, intptr_t i) {
  if (i >= mlirOperationGetNumOperands(op))
    return (MlirValue){NULL};
  return mlirOperationGetOperand(op, i);
}

MlirValue resq_result(MlirOperation op, intptr_t i) { return mlirOperationGetResult(op, i); }
