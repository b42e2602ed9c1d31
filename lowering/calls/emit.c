//===-- emit.c - the emitter of an op: its own, or its kernel by name -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/signature.h"
#include "kernel_call.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

//===-- By name -----------------------------------------------------------===//

/// The first operand that has rows, or ids for them: the op's results have as many.
static MlirValue rows_operand(MlirOperation op, const resq_argument *arguments) {
  for (const resq_argument *a = arguments; a->name; a++)
    if (a->kind == RESQ_ARGUMENT_OPERAND && strchr("rqtpsni", a->role) &&
        !mlirValueIsNull(a->get.value(op)))
      return a->get.value(op);
  assert(!"an op without such an operand has an emitter: dialect/generate checks it");
  return (MlirValue){NULL};
}

static void give(resq_kernel_call *k, const resq_argument *a, intptr_t *operand, intptr_t *result) {
  switch (a->kind) {
  case RESQ_ARGUMENT_OPERAND:
    if (mlirValueIsNull(a->get.value(k->op)))
      resq_call_null(k, a->name);
    else
      resq_call_operand(k, a->name, (*operand)++);
    break;
  case RESQ_ARGUMENT_NUMBER:
    resq_call_i64(k, a->name, a->get.number(k->op));
    break;
  case RESQ_ARGUMENT_REAL:
    resq_call_f32(k, a->name, a->get.real(k->op));
    break;
  case RESQ_ARGUMENT_FLAG:
    resq_call_i64(k, a->name, a->get.flag(k->op));
    break;
  case RESQ_ARGUMENT_WORD: // is part of the kernel's name
    break;
  case RESQ_ARGUMENT_RESULT:
    resq_call_result(k, a->name, (*result)++);
    break;
  }
}

void resq_emit_by_name(resq_frame *f, MlirOperation op, resq_kernel_id kernel) {
  const resq_argument *arguments = resq_signature_of(op);
  assert(arguments); // the walk is through ops of functions
  MlirValue rows = rows_operand(op, arguments), columns = rows;
  const resq_place *x = resq_place_of(f, rows);
  assert(x); // the walk goes through ops in order, and each has placed its results
  resq_kernel_call k;
  resq_call_begin(&k, f, op, kernel);
  for (intptr_t i = 0; i < mlirOperationGetNumResults(op); i++)
    resq_place_rows(f, mlirOperationGetResult(op, i), x->rows_of);
  if (mlirOperationGetNumResults(op) > 0)
    columns = mlirOperationGetResult(op, 0);
  intptr_t operand = 0, result = 0;
  bool is_width_given = false;
  for (const resq_argument *a = arguments; a->name; a++) {
    give(&k, a, &operand, &result);
    is_width_given |= !strcmp(a->name, "width");
  }
  // The columns of the first result, or of the rows where there is none.
  if (!is_width_given && resq_formal_find(k.kernel, "width") >= 0)
    resq_call_i64(&k, "width", resq_width(columns));
  resq_call_end(&k);
}

//===-- The emitter of an op ----------------------------------------------===//

static const struct emitter {
  const char *op;
  void (*emit)(resq_frame *f, MlirOperation op);
} emitters[] = {
#define ROW(op) {"resq." #op, resq_emitter_##op},
    RESQ_OPS_WITH_EMITTER(ROW)
#undef ROW
};

void resq_emit_op(resq_frame *f, MlirOperation op) {
  for (size_t i = 0; i < sizeof emitters / sizeof *emitters; i++)
    if (resq_op_is(op, emitters[i].op)) {
      emitters[i].emit(f, op);
      return;
    }
  resq_kernel_id kernel = RESQ_KERNEL_COUNT;
  if (resq_signature_of(op)) {
    char variant[RESQ_VARIANT_SIZE], name[RESQ_VARIANT_SIZE + 8];
    resq_variant_name(op, variant);
    snprintf(name, sizeof name, "resq_%s", variant);
    kernel = resq_kernel_named(name);
  }
  if (kernel != RESQ_KERNEL_COUNT) {
    resq_emit_by_name(f, op, kernel);
    return;
  }
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(op));
  resq_lower_fail(f, op, "no %s kernel for %.*s", f->device->kind, (int)name.length, name.data);
}
