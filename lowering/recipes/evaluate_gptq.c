//===-- evaluate_gptq.c ---------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// resq.gptq_factor and resq.gptq_weight on values: shapes checked, operands in the types that
// gptq.h takes. Both make all their results at once.
//===----------------------------------------------------------------------===//
#include "evaluate.h"
#include "lowering/numeric/gptq.h"
#include "dialect/memory.h"

#include <stdlib.h>

static void drop(resq_value **values, intptr_t n) {
  for (intptr_t i = 0; i < n; ++i) {
    resq_value_release(values[i]);
    values[i] = NULL;
  }
}

//===-- Factor ------------------------------------------------------------===//

/// The attribute's parts, which sum to n, to be freed; NULL on failure.
static int64_t *parts_of(const resq_node *node, int64_t n, int *count, resq_error *err) {
  const int64_t *given = resqGptqFactorOpGetParts(node->op);
  *count = (int)resqGptqFactorOpGetNumParts(node->op);
  int64_t *parts = resq_new((size_t)*count, sizeof *parts), left = n;
  bool ok = true;
  for (int i = 0; ok && i < *count; ++i) {
    parts[i] = given[i];
    ok = parts[i] > 0 && parts[i] <= left;
    left -= parts[i];
  }
  if (ok && left == 0)
    return parts;
  free(parts);
  resq_bad_shapes(node, err);
  return NULL;
}

bool resq_evaluate_gptq_factor(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  const resq_tensor_info *from = resq_operand_info(e, node, 0);
  int64_t n = from->width;
  float asked = resqGptqFactorOpGetDamping(node->op);
  if (from->rank != 2 || from->rows != n || !resq_value_is_float(operands[0]) ||
      node->info.kind != RESQ_ELEMENT_I32 || node->info.width != n || !(asked > 0 && asked <= 1))
    return resq_bad_shapes(node, err);
  int count;
  int64_t *parts = parts_of(node, n, &count, err);
  if (!parts)
    return false;
  resq_value *moment = resq_value_convert(operands[0], RESQ_VALUE_F64);
  out[0] = resq_value_create(RESQ_VALUE_I32, 1, n);
  out[1] = resq_value_create(RESQ_VALUE_F32, n, n);
  double damping = (double)asked;
  bool ok = (moment && out[0] && out[1]) || resq_out_of_memory(err, from);
  ok = ok && resq_gptq_factor(e->threads, resq_f64(moment), n, count, parts, &damping,
                              resq_i32(out[0]), resq_f32(out[1]), err);
  if (ok && damping > (double)asked)
    resq_emit_remark(node->op,
                     "a moment is not positive definite: damping raised from %g to %g of its mean "
                     "diagonal",
                     (double)asked, damping);
  resq_value_release(moment);
  free(parts);
  if (!ok)
    drop(out, 2);
  return ok;
}

//===-- Codes -------------------------------------------------------------===//

/// Weight i in f32, and the values that its codes go to.
static bool open_part(resq_evaluator *e, const resq_node *first, int i, resq_value *operand,
                      resq_value **w, resq_value **out, resq_gptq_part *part, resq_error *err) {
  const resq_tensor_info *info = &first[i].info, *from = resq_operand_info(e, first, i);
  if (info->kind != RESQ_ELEMENT_QUANT || info->quant.zero ||
      info->width % info->quant.group != 0 || !resq_value_is_float(operand) ||
      from->width != info->width || from->rows != info->rows || info->rows != first->info.rows)
    return resq_bad_shapes(first, err);
  *w = resq_value_convert(operand, RESQ_VALUE_F32);
  const resq_codebook codes = info->quant.codebook;
  *out = resq_value_create_quant(info->rows, info->width, codes, info->quant.group);
  if (!*w || !*out)
    return resq_out_of_memory(err, info);
  int64_t steps = resqGptqWeightOpGetSteps(first->op);
  double norm = resqGptqWeightOpGetNorm(first->op);
  *part = (resq_gptq_part){.w = resq_f32(*w),
                           .width = info->width,
                           .how = {codes, info->quant.group, (int)steps, norm},
                           .codes = (*out)->data,
                           .scales = (*out)->scales};
  return (steps >= 1 && steps <= 39 && norm > 0 && norm <= 16) || resq_bad_shapes(first, err);
}

bool resq_evaluate_gptq_weight(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  int n = node->n_operands - 2;
  if (n < 1 || n > RESQ_MAX_RESULTS || mlirOperationGetNumResults(node->op) != n)
    return resq_bad_shapes(node, err);
  const resq_value *order = operands[n], *factor = operands[n + 1];
  resq_value *weights[RESQ_MAX_RESULTS] = {NULL};
  resq_gptq_part parts[RESQ_MAX_RESULTS];
  int64_t width = 0;
  bool ok = true;
  for (int i = 0; ok && i < n; ++i) {
    ok = open_part(e, node, i, operands[i], &weights[i], &out[i], &parts[i], err);
    width += ok ? parts[i].width : 0;
  }
  if (ok && (order->kind != RESQ_VALUE_I32 || order->rows * order->width != width ||
             factor->kind != RESQ_VALUE_F32 || factor->rows != width || factor->width != width))
    ok = resq_bad_shapes(node, err);
  ok = ok && resq_gptq_weight(e->threads, node->info.rows, n, parts, resq_i32(order),
                              resq_f32(factor), err);
  for (int i = 0; ok && i < n; ++i)
    ok = resq_check_codes(out[i], err);
  drop(weights, n);
  if (!ok)
    drop(out, n);
  return ok;
}
