//===-- stream.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/stream.h"
#include "dialect/memory.h"

#include <stdlib.h>

bool resq_stream_holds(const resq_stream *s, MlirValue v) {
  for (intptr_t i = 0; i < s->count; i++)
    if (mlirValueEqual(s->values[i], v))
      return true;
  return false;
}

static void join(resq_stream *s, MlirValue v) {
  if (resq_stream_holds(s, v))
    return;
  s->values = RESQ_GROW(s->values, s->count);
  s->values[s->count++] = v;
}

static bool joins(MlirOperation op) { return resqOpIsAdd(op) || resqOpIsGatherRows(op); }

/// The operands of a joining op that are stream values: both of an add, the rows of a gather.
static void join_all(resq_stream *s, MlirOperation op) {
  intptr_t n = resqOpIsAdd(op) ? 2 : 1;
  for (intptr_t i = 0; i < n; i++)
    join(s, mlirOperationGetOperand(op, i));
  join(s, mlirOperationGetResult(op, 0));
}

resq_stream resq_stream_of(MlirValue v) {
  resq_stream s = {NULL, 0};
  join(&s, v);
  for (intptr_t i = 0; i < s.count; i++) {
    MlirOperation def = resq_defining_op(s.values[i]);
    if (!mlirOperationIsNull(def) && joins(def))
      join_all(&s, def);
    for (MlirOpOperand use = mlirValueGetFirstUse(s.values[i]); !mlirOpOperandIsNull(use);
         use = mlirOpOperandGetNextUse(use)) {
      MlirOperation user = mlirOpOperandGetOwner(use);
      if (resqOpIsAdd(user) ||
          (resqOpIsGatherRows(user) && mlirOpOperandGetOperandNumber(use) == 0))
        join_all(&s, user);
    }
  }
  return s;
}

void resq_stream_free(resq_stream *s) {
  free(s->values);
  *s = (resq_stream){NULL, 0};
}

MlirOperation *resq_stream_norms(const resq_stream *s, intptr_t *out_count) {
  MlirOperation *norms = NULL;
  intptr_t n = 0;
  // Program order: one walk over the block.
  MlirBlock block;
  if (mlirValueIsABlockArgument(s->values[0]))
    block = mlirBlockArgumentGetOwner(s->values[0]);
  else
    block = mlirOperationGetBlock(mlirOpResultGetOwner(s->values[0]));
  for (MlirOperation op = mlirBlockGetFirstOperation(block); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resqOpIsRmsNorm(op) && resq_stream_holds(s, resqRmsNormOpGetX(op))) {
      norms = RESQ_GROW(norms, n);
      norms[n++] = op;
    }
  *out_count = n;
  return norms;
}
