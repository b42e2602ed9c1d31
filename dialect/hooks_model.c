//===-- hooks_model.c - verifiers of the model ops ------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Extents of rows may be dynamic on one side only: a pass that specialises one op
// does not have to touch its neighbours first.
//===----------------------------------------------------------------------===//
#include "dialect/check.h"
#include "dialect/hooks.h"
#include <inttypes.h>

/// Codes that an embedding reads: symmetric integers.
static bool is_code_table(MlirValue table) {
  if (!resq_is_quant(table))
    return false;
  MlirType codes = resq_element(table);
  return resqQuantTypeGetKind(codes) == RESQ_CODE_INTEGER && !resqQuantTypeGetZero(codes) &&
         resq_width(table) % resqQuantTypeGetGroup(codes) == 0;
}

bool resqVerifyEmbed(MlirOperation op) {
  MlirValue tokens = resq_operand(op, 0), table = resq_operand(op, 1), y = resq_result(op, 0);
  if (!resq_is_ids(tokens))
    return resq_refuse(op, "C1: tokens is %s: allowed is tensor<Rxi32>", RESQ_TYPE(tokens));
  if (resq_rank(table) != 2 || !resq_is_static(table) ||
      (!resq_is_weight(table) && !is_code_table(table)))
    return resq_refuse(op,
                       "C2: table is %s: allowed is [vocabulary, width] of f32, bf16, f16, a "
                       "panel, or symmetric integer codes",
                       RESQ_TYPE(table));
  if (!resq_is_f32_rows(y) || resq_width(y) != resq_width(table) ||
      !resq_extents_agree(resq_dim(y, 0), resq_dim(tokens, 0)))
    return resq_refuse(op,
                       "C3: y is %s, but tokens is %s and table is %" PRId64
                       " wide: allowed is [R, %" PRId64 "] of f32",
                       RESQ_TYPE(y), RESQ_TYPE(tokens), resq_width(table), resq_width(table));
  return true;
}

bool resqVerifyRmsNorm(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), gain = resq_operand(op, 1), y = resq_result(op, 0);
  if (!resq_is_f32_rows(x) || !resq_same_type(x, y))
    return resq_refuse(op, "C1: x is %s and y is %s: allowed is one type, [R, width] of f32",
                       RESQ_TYPE(x), RESQ_TYPE(y));
  if (!mlirValueIsNull(gain) && !resq_is_f32_vector(gain, resq_width(x)))
    return resq_refuse(op,
                       "C2: gain is %s, but x is %" PRId64 " wide: allowed is [%" PRId64 "] of f32",
                       RESQ_TYPE(gain), resq_width(x), resq_width(x));
  double eps = resqRmsNormOpGetEps(op);
  if (!(eps >= 0))
    return resq_refuse(op, "C3: eps is %g: allowed is 0 or more", eps);
  return true;
}

static bool verify_product(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), weight = resq_operand(op, 1), y = resq_result(op, 0);
  if (!resq_is_f32_rows(x))
    return resq_refuse(op, "C1: x is %s: allowed is [R, in] of f32", RESQ_TYPE(x));
  if (resq_rank(weight) != 2 || !resq_is_static(weight) || !resq_is_weight(weight) ||
      resq_width(weight) != resq_width(x))
    return resq_refuse(op,
                       "C2: weight is %s, but x is %" PRId64 " wide: allowed is [out, %" PRId64
                       "] of f32, bf16, f16 or a panel",
                       RESQ_TYPE(weight), resq_width(x), resq_width(x));
  int64_t out = resq_dim(weight, 0);
  if (!resq_is_f32_rows(y) || resq_width(y) != out ||
      !resq_extents_agree(resq_dim(x, 0), resq_dim(y, 0)))
    return resq_refuse(op,
                       "C1: y is %s, but x is %s and weight has %" PRId64
                       " rows: allowed is [R, %" PRId64 "] of f32",
                       RESQ_TYPE(y), RESQ_TYPE(x), out, out);
  return true;
}

bool resqVerifyLinear(MlirOperation op) {
  if (!verify_product(op))
    return false;
  MlirValue bias = resq_operand(op, 2);
  int64_t out = resq_width(resq_result(op, 0));
  if (!mlirValueIsNull(bias) && !resq_is_f32_vector(bias, out))
    return resq_refuse(op,
                       "C3: bias is %s, but y is %" PRId64 " wide: allowed is [%" PRId64 "] of f32",
                       RESQ_TYPE(bias), out, out);
  return resq_check_site(op, 4, "site", resqLinearOpHasSite(op), resqLinearOpGetSite(op));
}

bool resqVerifyHead(MlirOperation op) { return verify_product(op); }

bool resqVerifyRopeAngles(MlirOperation op) {
  MlirValue positions = resq_operand(op, 0), factors = resq_operand(op, 1), y = resq_result(op, 0);
  if (!resq_is_ids(positions))
    return resq_refuse(op, "C1: positions is %s: allowed is tensor<Rxi32>", RESQ_TYPE(positions));
  if (!resq_is_f32_rows(y) || resq_width(y) % 2 ||
      !resq_extents_agree(resq_dim(y, 0), resq_dim(positions, 0)))
    return resq_refuse(op,
                       "C2: y is %s, but positions is %s: allowed is [R, size] of f32, size even",
                       RESQ_TYPE(y), RESQ_TYPE(positions));
  double base = resqRopeAnglesOpGetBase(op);
  if (!(base > 0))
    return resq_refuse(op, "C3: base is %g: allowed is more than 0", base);
  int64_t pairs = resq_width(y) / 2;
  if (!mlirValueIsNull(factors) && !resq_is_f32_vector(factors, pairs))
    return resq_refuse(
        op, "C4: factors is %s, but y is %" PRId64 " wide: allowed is [%" PRId64 "] of f32",
        RESQ_TYPE(factors), 2 * pairs, pairs);
  return true;
}

bool resqVerifyRope(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), angles = resq_operand(op, 1), y = resq_result(op, 0);
  int64_t head_size = resqRopeOpGetHeadSize(op);
  if (!resq_is_f32_rows(x) || !resq_same_type(x, y))
    return resq_refuse(
        op, "C1: x is %s and y is %s: allowed is one type, [R, heads * head_size] of f32",
        RESQ_TYPE(x), RESQ_TYPE(y));
  if (head_size < 1 || resq_width(x) % head_size)
    return resq_refuse(op,
                       "C2: x is %" PRId64 " wide and head_size is %" PRId64
                       ": allowed is a head_size of at least 1 that divides the width",
                       resq_width(x), head_size);
  if (!resq_is_f32_rows(angles) || resq_width(angles) % 2 || resq_width(angles) > head_size ||
      !resq_extents_agree(resq_dim(angles, 0), resq_dim(x, 0)))
    return resq_refuse(op,
                       "C3: angles is %s, but x is %s and head_size is %" PRId64
                       ": allowed is [R, size] of f32, size even and at most %" PRId64,
                       RESQ_TYPE(angles), RESQ_TYPE(x), head_size, head_size);
  return true;
}

bool resqVerifyGate(MlirOperation op) {
  MlirValue gate = resq_operand(op, 0), up = resq_operand(op, 1), y = resq_result(op, 0);
  if (!resq_same_type(gate, up) || !resq_same_type(gate, y))
    return resq_refuse(op, "C1: gate is %s, up is %s and y is %s: allowed is one type for all",
                       RESQ_TYPE(gate), RESQ_TYPE(up), RESQ_TYPE(y));
  return true;
}

bool resqVerifyGatherRows(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), rows = resq_operand(op, 1), y = resq_result(op, 0);
  if (!resq_is_ids(rows))
    return resq_refuse(op, "C1: index is %s: allowed is tensor<Nxi32>", RESQ_TYPE(rows));
  if (!resq_is_rows(x, 2) || !resq_is_rows(y, 2) || resq_width(x) != resq_width(y) ||
      !mlirTypeEqual(resq_element(x), resq_element(y)) ||
      !resq_extents_agree(resq_dim(y, 0), resq_dim(rows, 0)))
    return resq_refuse(
        op, "C2: y is %s, but x is %s and index is %s: allowed is [N, width] of x's element",
        RESQ_TYPE(y), RESQ_TYPE(x), RESQ_TYPE(rows));
  return true;
}

bool resqVerifyObserve(MlirOperation op) {
  MlirValue x = resq_operand(op, 0);
  int64_t block = resqObserveOpGetBlock(op);
  if (!resq_is_f32_rows(x))
    return resq_refuse(op, "C1: x is %s: allowed is [R, width] of f32", RESQ_TYPE(x));
  if (block < 1 || resq_width(x) % block)
    return resq_refuse(op,
                       "C2: block is %" PRId64 ", but x is %" PRId64
                       " wide: allowed is a block of at least 1 that divides the width",
                       block, resq_width(x));
  if (!resqObserveOpGetSite(op).length)
    return resq_refuse(op, "C3: site is empty: allowed is a name");
  return true;
}
