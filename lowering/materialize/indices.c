//===-- indices.c - do constant indices fit the ops that read them? -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Indices that are a param are known when it is made. What a caller passes is checked at
// each call; these never would be, and a kernel follows them wherever they point.
//===----------------------------------------------------------------------===//
#include "dialect/diagnostics.h"
#include "evaluate.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

/// An operand that is an index, and what it may be.
typedef struct index_operand {
  const char *op;
  intptr_t operand;
  int rows_of;      ///< below the rows of this operand, where they are static; -1: any that is not
                    ///< negative
  bool permutation; ///< each of the last dimension's elements once
} index_operand;

static const index_operand index_operands[] = {
    {"resq.permute", 1, -1, true},     {"resq.embed", 0, 1, false},
    {"resq.gather_rows", 1, 0, false}, {"resq.rope_angles", 0, -1, false},
    {"resq.kv_append", 2, -1, false},  {"resq.kv_append", 3, -1, false},
    {"resq.attention", 1, -1, false},  {"resq.attention", 2, -1, false},
};

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
  for (size_t i = 0; i < sizeof index_operands / sizeof *index_operands; ++i) {
    const index_operand *rule = &index_operands[i];
    if (rule->operand != operand || !resq_op_is(reader, rule->op))
      continue;
    if (rule->permutation)
      return check_permutation(c, reader);
    return check_range(
        c, reader,
        rule->rows_of < 0 ? -1 : resq_dim(mlirOperationGetOperand(reader, rule->rows_of), 0));
  }
  return true;
}

static void check_get(MlirOperation get, void *opaque) {
  checking *c = opaque;
  if (!mlirStringRefEqual(resq_op_str(get, "param"), c->param))
    return;
  MlirOpOperand use = mlirValueGetFirstUse(mlirOperationGetResult(get, 0));
  for (; c->ok && !mlirOpOperandIsNull(use); use = mlirOpOperandGetNextUse(use))
    c->ok = check_use(c, mlirOpOperandGetOwner(use), mlirOpOperandGetOperandNumber(use));
}

bool resq_check_indices(resq_evaluator *e, MlirOperation param, const int32_t *values, int64_t n,
                        resq_error *err) {
  checking c = {e, resq_op_str(param, "sym_name"), values, n, true, err};
  MlirBlock body = mlirRegionGetFirstBlock(mlirOperationGetRegion(e->module, 0));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); c.ok && !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (!resq_op_is(op, "resq.param"))
      resq_for_each(op, "resq.get", check_get, &c);
  return c.ok;
}
