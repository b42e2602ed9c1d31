//===-- ops.c - what several ops have alike -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/ops.h"

// Passes and lowerings that treat linears and heads alike call the operands by the linear's names, and
// a weight that a head and an embedding share is the same operand of both.
_Static_assert((int)RESQ_LINEAR_X == RESQ_HEAD_X && (int)RESQ_LINEAR_WEIGHT == RESQ_HEAD_WEIGHT &&
                   (int)RESQ_LINEAR_WEIGHT == RESQ_EMBED_TABLE,
               "a head's operands are the first of a linear; an embedding's table is its weight");

MlirStringRef resq_linear_name(MlirOperation op) {
  return resqOpIsLinear(op)    ? resqLinearOpGetName(op)
         : resqOpIsQLinear(op) ? resqQLinearOpGetName(op)
                               : (MlirStringRef){NULL, 0};
}

MlirStringRef resq_linear_site(MlirOperation op) {
  return resqOpIsLinear(op)    ? resqLinearOpGetSite(op)
         : resqOpIsQLinear(op) ? resqQLinearOpGetSite(op)
                               : (MlirStringRef){NULL, 0};
}

MlirStringRef resq_cache_name(MlirOperation op) {
  return resqOpIsKvAppend(op)    ? resqKvAppendOpGetCache(op)
         : resqOpIsAttention(op) ? resqAttentionOpGetCache(op)
                                 : (MlirStringRef){NULL, 0};
}

MlirStringRef resq_site_name(MlirOperation op) {
  return resqOpIsMoment(op)    ? resqMomentOpGetSite(op)
         : resqOpIsSamples(op) ? resqSamplesOpGetSite(op)
         : resqOpIsObserve(op) ? resqObserveOpGetSite(op)
                               : (MlirStringRef){NULL, 0};
}
