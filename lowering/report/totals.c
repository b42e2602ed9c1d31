//===-- totals.c - what is stored, by what reads it -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/report/report.h"

#include "dialect/build.h"

typedef struct reading {
  MlirStringRef param;
  resq_report_group group;
} reading;

/// By what reads it; a table that the head shares is the embedding's.
static resq_report_group group_of(MlirOperation reader) {
  bool linear = resq_op_is(reader, "resq.qlinear") || resq_op_is(reader, "resq.linear");
  if (resq_op_is(reader, "resq.embed"))
    return RESQ_GROUP_EMBEDDING;
  if (resq_op_is(reader, "resq.head") ||
      (linear && resq_str_eq(resq_op_str(reader, "name"), "head")))
    return RESQ_GROUP_HEAD;
  return linear ? RESQ_GROUP_LINEARS : RESQ_GROUP_OTHER;
}

static void note_reader(MlirOperation get, void *user) {
  reading *r = user;
  MlirValue value = mlirOperationGetResult(get, 0);
  // A bias stands behind the weights and is none.
  if (!mlirStringRefEqual(resq_op_str(get, "param"), r->param) ||
      mlirShapedTypeGetRank(mlirValueGetType(value)) != 2)
    return;
  for (MlirOpOperand use = mlirValueGetFirstUse(value); !mlirOpOperandIsNull(use);
       use = mlirOpOperandGetNextUse(use))
    if (r->group != RESQ_GROUP_EMBEDDING)
      r->group = group_of(mlirOpOperandGetOwner(use));
}

void resq_report_count(MlirOperation materialized, resq_facts *facts) {
  MlirBlock body = mlirRegionGetFirstBlock(mlirOperationGetRegion(materialized, 0));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op)) {
    if (!resq_op_is(op, "resq.param") || !resq_op_has(op, "size"))
      continue;
    reading r = {resq_op_str(op, "sym_name"), RESQ_GROUP_OTHER};
    resq_for_each(materialized, "resq.get", note_reader, &r);
    MlirType type = mlirTypeAttrGetValue(resq_op_attr(op, "type"));
    int64_t elements = 1;
    for (intptr_t i = 0; i < mlirShapedTypeGetRank(type); i++)
      elements *= mlirShapedTypeGetDimSize(type, i);
    resq_report_total *total = &facts->totals[r.group];
    total->params++;
    total->elements += elements;
    total->bytes += resq_op_i64(op, "size");
  }
}
