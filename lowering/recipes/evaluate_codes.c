//===-- evaluate_codes.c --------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Changes of element type: rounding to floats and to weight codes.
//===----------------------------------------------------------------------===//
#include "evaluate.h"
#include "kernels/half.h"
#include "lowering/numeric/clip_ratio.h"
#include "lowering/numeric/quantize_weight.h"
#include "dialect/memory.h"

#include <stdlib.h>
#include <string.h>

//===-- Floats ------------------------------------------------------------===//

bool resq_evaluate_cast(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  const resq_tensor_info *info = &node->info;
  resq_value *x = operands[0];
  if (!resq_value_is_float(x) || info->kind != RESQ_ELEMENT_FLOAT)
    return resq_fail(err, RESQ_BAD_INPUT, "resq.cast goes between float types");
  if (info->element == RESQ_FLOAT_F64 || info->element == RESQ_FLOAT_F32) {
    *out = resq_value_convert(x, info->element == RESQ_FLOAT_F64 ? RESQ_VALUE_F64 : RESQ_VALUE_F32);
    return *out || resq_out_of_memory(err, info);
  }
  *out = resq_value_create(RESQ_VALUE_F32, x->rows, x->width);
  if (!*out)
    return resq_out_of_memory(err, info);
  for (int64_t i = 0; i < x->rows * x->width; ++i) {
    uint16_t bits;
    resq_store_rows(info->element, (const char *)x->data + i * resq_value_element_size(x->kind),
                    x->kind == RESQ_VALUE_F64, 1, &bits);
    resq_f32(*out)[i] =
        info->element == RESQ_FLOAT_BF16 ? resq_f32_from_bf16(bits) : resq_f32_from_f16(bits);
  }
  return true;
}

//===-- Codes -------------------------------------------------------------===//

bool resq_check_codes(const resq_value *q, resq_error *err) {
  return q->codebook.kind != RESQ_CODE_E4M3 ||
         resq_codes_are_numbers(q->data, q->rows * q->width) ||
         resq_fail(err, RESQ_BAD_INPUT,
                   "a weight is NaN or infinite; what becomes E4M3 codes must be finite");
}

bool resq_evaluate_quantize_weight(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  const resq_range range = call->range;
  const resq_tensor_info *info = &node->info;
  int64_t steps = resqQuantizeWeightOpGetSteps(node->op);
  double norm = resqQuantizeWeightOpGetNorm(node->op);
  if (info->kind != RESQ_ELEMENT_QUANT || info->quant.zero ||
      info->width % info->quant.group != 0 || steps < 1 || steps > 39 ||
      !(norm > 0 && norm <= 16) || !resq_value_is_float(operands[0]) ||
      operands[0]->width != info->width)
    return resq_bad_shapes(node, err);
  resq_value *x = resq_value_convert(operands[0], RESQ_VALUE_F32);
  const resq_codebook codes = info->quant.codebook;
  if (x)
    *out = resq_value_create_quant(range.rows, info->width, codes, info->quant.group);
  if (!x || !*out) {
    resq_value_release(x);
    return resq_out_of_memory(err, info);
  }
  resq_weight_code how = {codes, info->quant.group, (int)steps, norm};
  resq_quantize_weight(e->threads, resq_f32(x), x->rows, x->width, &how, (*out)->data,
                       (*out)->scales);
  resq_value_release(x);
  if (resq_check_codes(*out, err))
    return true;
  resq_value_release(*out);
  *out = NULL;
  return false;
}

/// Operands as f32, in parts[i]: samples, then weights, each as wide as the samples.
static bool convert_all(const resq_node *node, resq_value *const *operands, resq_value **parts,
                        resq_error *err) {
  for (int32_t i = 0; i < node->n_operands; ++i) {
    if (!resq_value_is_float(operands[i]) || operands[i]->width != operands[0]->width)
      return resq_bad_shapes(node, err);
    parts[i] = resq_value_convert(operands[i], RESQ_VALUE_F32);
    if (!parts[i])
      return resq_out_of_memory(err, &node->info);
  }
  return true;
}

bool resq_evaluate_clip_ratio(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  int64_t steps = resqClipRatioOpGetSteps(node->op);
  resq_clip_search how = {(int)resqClipRatioOpGetBits(node->op), resqClipRatioOpGetGroup(node->op),
                          (int)steps};
  int32_t n = node->n_operands;
  if (n < 2 || how.bits < 2 || how.bits > 8 || how.group < 1 ||
      operands[RESQ_CLIP_RATIO_SAMPLES]->width % how.group || steps < 1 || steps > 33 ||
      node->info.rows * node->info.width != 1)
    return resq_bad_shapes(node, err);
  resq_value **parts = resq_new((size_t)n, sizeof *parts);
  resq_clip_weight *weights = resq_new((size_t)n, sizeof *weights);
  bool ok =
      convert_all(node, operands, parts, err) && resq_new_value(node, RESQ_VALUE_F32, 1, out, err);
  if (ok) {
    for (int32_t i = 1; i < n; ++i)
      weights[i - 1] = (resq_clip_weight){resq_f32(parts[i]), parts[i]->rows};
    ok = resq_search_clip_ratio(e->threads, resq_f32(parts[0]), parts[0]->rows, parts[0]->width,
                                weights, n - 1, &how, resq_f32(*out), err);
    if (!ok) {
      resq_value_release(*out);
      *out = NULL;
    }
  }
  for (int32_t i = 0; i < n; ++i)
    resq_value_release(parts[i]);
  free(parts);
  free(weights);
  return ok;
}

bool resq_evaluate_dequantize(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  const resq_range range = call->range;
  const resq_value *q = operands[0];
  if (q->kind != RESQ_VALUE_QUANT || q->width != node->info.width)
    return resq_bad_shapes(node, err);
  if (!resq_new_value(node, RESQ_VALUE_F32, range.rows, out, err))
    return false;
  for (int64_t i = 0; i < q->rows * q->width; ++i)
    resq_f32(*out)[i] =
        q->scales[i / q->group] * resq_weight_value(q->codebook, ((const int8_t *)q->data)[i]);
  return true;
}

bool resq_evaluate_pack(const resq_rule_call *call, resq_value **out, resq_error *err) {
  (void)call, (void)out;
  return resq_fail(err, RESQ_BAD_INPUT,
                   "a packed value can only be yielded by a param that functions read");
}
