// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// How the op is evaluated: the file beside lowering/recipes/evaluate_rows.c.
#include "lowering/recipes/evaluate.h"

bool resq_evaluate_negate(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_value *x = call->operands[0];
  if (!resq_value_is_float(x) || x->width != call->node->info.width)
    return resq_bad_shapes(call->node, err);
  if (!resq_new_value(call->node, RESQ_VALUE_F64, call->range.rows, out, err))
    return false;
  for (int64_t i = 0; i < x->rows * x->width; ++i)
    resq_f64(*out)[i] = -(x->kind == RESQ_VALUE_F64 ? resq_f64(x)[i] : (double)resq_f32(x)[i]);
  return true;
}
