//===-- indices.c - do constant indices fit the ops that read them? -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Indices that are a param are known when it is made. What a caller passes is checked at
// each call; these never would be, and a kernel follows them wherever they point. Which operands
// are indices of what is said by `roles` of dialect/resq.td.
//===----------------------------------------------------------------------===//
#include "dialect/diagnostics.h"
#include "evaluate.h"
#include "lowering/entries/facts.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct checking {
  resq_evaluator *e;
  MlirStringRef param;
  const int32_t *values;
  int64_t n;
  bool ok;
  resq_error *err;
} checking;

/// `allowed` says what the element should be.
static bool refuse(checking *c, MlirOperation reader, int64_t at, const char *allowed) {
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(reader));
  char where[512];
  resq_location_text(mlirOperationGetLocation(reader), where, sizeof where);
  return resq_fail(c->err, RESQ_BAD_INPUT,
                   "element %" PRId64 " is %" PRId32 ", but '%.*s'%s%s reads it as an index: %s",
                   at, c->values[at], (int)name.length, name.data, where[0] ? " at " : "", where,
                   allowed);
}

static bool check_range(checking *c, MlirOperation reader, int64_t limit) {
  char allowed[64] = "0 or more is allowed";
  if (limit >= 0)
    snprintf(allowed, sizeof allowed, "0 to %" PRId64 " are allowed", limit - 1);
  for (int64_t i = 0; i < c->n; ++i)
    if (c->values[i] < 0 || (limit >= 0 && c->values[i] >= limit))
      return refuse(c, reader, i, allowed);
  return true;
}

static bool check_permutation(checking *c, MlirOperation reader) {
  if (!check_range(c, reader, c->n))
    return false;
  bool *seen = calloc((size_t)c->n + 1, sizeof *seen);
  if (!seen)
    return resq_fail(c->err, RESQ_NO_MEMORY, "no memory for %" PRId64 " indices", c->n);
  int64_t twice = -1;
  for (int64_t i = 0; twice < 0 && i < c->n; ++i) {
    if (seen[c->values[i]])
      twice = i;
    seen[c->values[i]] = true;
  }
  free(seen);
  char allowed[64];
  snprintf(allowed, sizeof allowed, "each of 0 to %" PRId64 " once is allowed", c->n - 1);
  return twice < 0 || refuse(c, reader, twice, allowed);
}

static bool check_use(checking *c, MlirOperation reader, intptr_t operand) {
  const char *roles = resq_row_roles(mlirIdentifierStr(mlirOperationGetName(reader)));
  // The ops that take indices have no operands in segments: one letter per operand.
  switch (roles && operand < (intptr_t)strlen(roles) ? roles[operand] : 'w') {
  case 'c':
    return check_permutation(c, reader);
  case 't':
    return check_range(c, reader, resq_dim(mlirOperationGetOperand(reader, operand + 1), 0));
  case 'i':
    return check_range(c, reader, resq_dim(mlirOperationGetOperand(reader, 0), 0));
  case 'p':
  case 's':
    return check_range(c, reader, -1);
  default:
    return true;
  }
}

static void check_get(MlirOperation get, void *opaque) {
  checking *c = opaque;
  if (!mlirStringRefEqual(resqGetOpGetParam(get), c->param))
    return;
  MlirOpOperand use = mlirValueGetFirstUse(mlirOperationGetResult(get, 0));
  for (; c->ok && !mlirOpOperandIsNull(use); use = mlirOpOperandGetNextUse(use))
    c->ok = check_use(c, mlirOpOperandGetOwner(use), mlirOpOperandGetOperandNumber(use));
}

bool resq_check_indices(resq_evaluator *e, MlirOperation param, const int32_t *values, int64_t n,
                        resq_error *err) {
  checking c = {e, resq_symbol_name(param), values, n, true, err};
  MlirBlock body = mlirRegionGetFirstBlock(mlirOperationGetRegion(e->module, 0));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); c.ok && !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (!resqOpIsParam(op))
      resq_for_each(op, RESQ_OP_GET, check_get, &c);
  return c.ok;
}
