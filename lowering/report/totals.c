//===-- totals.c - what is stored, by what reads it -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/report/report.h"

#include "dialect/ops.h"

typedef struct reading {
  MlirStringRef param;
  resq_report_group group;
} reading;

/// By what reads it; a table that the head shares is the embedding's.
static resq_report_group group_of(MlirOperation reader) {
  bool linear = resqOpIsQLinear(reader) || resqOpIsLinear(reader);
  if (resqOpIsEmbed(reader))
    return RESQ_GROUP_EMBEDDING;
  if (resqOpIsHead(reader) || (linear && resq_str_eq(resq_linear_name(reader), "head")))
    return RESQ_GROUP_HEAD;
  return linear ? RESQ_GROUP_LINEARS : RESQ_GROUP_OTHER;
}

static void note_reader(MlirOperation get, void *user) {
  reading *r = user;
  MlirValue value = mlirOperationGetResult(get, 0);
  // A bias stands behind the weights and is none.
  if (!mlirStringRefEqual(resqGetOpGetParam(get), r->param) ||
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
    if (!resqOpIsParam(op) || !resqParamOpHasSize(op))
      continue;
    reading r = {resq_symbol_name(op), RESQ_GROUP_OTHER};
    resq_for_each(materialized, RESQ_OP_GET, note_reader, &r);
    MlirType type = resqParamOpGetType(op);
    int64_t elements = 1;
    for (intptr_t i = 0; i < mlirShapedTypeGetRank(type); i++)
      elements *= mlirShapedTypeGetDimSize(type, i);
    resq_report_total *total = &facts->totals[r.group];
    total->params++;
    total->elements += elements;
    total->bytes += resqParamOpGetSize(op);
  }
}
