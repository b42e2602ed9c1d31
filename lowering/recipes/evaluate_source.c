//===-- evaluate_source.c -------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Where values come from: checkpoints, calibration, constants and seeds.
//===----------------------------------------------------------------------===//
#include "evaluate.h"
#include "dialect/memory.h"
#include "lowering/numeric/linalg.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void drop(resq_value **out) {
  resq_value_release(*out);
  *out = NULL;
}

//===-- Leaves ------------------------------------------------------------===//

/// The tensor in the recipe's shape; other writers' dimensions of 1 are overlooked.
static bool shape_tensor(const resq_checkpoint *c, const char *name, const resq_tensor_info *info,
                         resq_checkpoint_tensor *out, resq_error *err) {
  resq_checkpoint_tensor tensor;
  if (!resq_checkpoint_find(c, name, &tensor))
    return resq_fail(err, RESQ_BAD_INPUT, "'%s' has no tensor '%s'", c->path, name);
  if (info->kind != RESQ_ELEMENT_FLOAT)
    return resq_fail(err, RESQ_BAD_INPUT, "a leaf is decoded to a float type only");
  if (resq_checkpoint_view(&tensor, (uint32_t)info->rank, info->shape, out))
    return true;
  char have[RESQ_SHAPE_TEXT], want[RESQ_SHAPE_TEXT];
  resq_shape_text(tensor.rank, tensor.shape, have);
  resq_shape_text((uint32_t)info->rank, info->shape, want);
  return resq_fail(err, RESQ_BAD_INPUT,
                   "tensor '%s' of '%s' has shape [%s], but the recipe says [%s]", name, c->path,
                   have, want);
}

static bool read_leaf(const resq_rule_call *call, const resq_checkpoint *c, const char *name,
                      resq_value **out, resq_error *err) {
  const resq_range range = call->range;
  resq_checkpoint_tensor tensor;
  if (!shape_tensor(c, name, &call->node->info, &tensor, err) ||
      !resq_new_value(call->node, RESQ_VALUE_F32, range.rows, out, err))
    return false;
  if (resq_checkpoint_rows(c, &tensor, range.begin, range.begin + range.rows, resq_f32(*out), err))
    return true;
  drop(out);
  return false;
}

bool resq_evaluate_leaf(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  const resq_named_checkpoint *c =
      resq_named_checkpoint_get(call->e, resqLeafOpGetCheckpoint(node->op), err);
  if (!c)
    return false;
  if (!c->checkpoint)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "checkpoint @%s is a model's shape, without tensors: its parameters cannot be "
                     "computed",
                     c->symbol);
  MlirStringRef text = resqLeafOpGetTensor(node->op);
  char *name = resq_copy_part(text.data, text.length);
  bool ok = read_leaf(call, c->checkpoint, name, out, err);
  free(name);
  if (!ok || node->info.element == RESQ_FLOAT_F32 || node->info.element == RESQ_FLOAT_F64)
    return ok;
  resq_value *raw = *out;
  ok = resq_evaluate_cast(&(resq_rule_call){call->e, node, call->range, &raw}, out, err);
  resq_value_release(raw);
  return ok;
}

//===-- Calibration -------------------------------------------------------===//

enum { MAX_SITE = 1024 };

/// The name of the op's site; fails when nothing was calibrated.
static bool find_site(const resq_evaluator *e, const resq_node *node, char site[MAX_SITE],
                      resq_error *err) {
  MlirStringRef text = resq_site_name(node->op);
  snprintf(site, MAX_SITE, "%.*s", (int)text.length, text.data);
  return e->statistics ||
         resq_fail(err, RESQ_FAILED, "site '%s' needs calibration, and there are no statistics",
                   site);
}

bool resq_evaluate_moment(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  const resq_range range = call->range;
  char site[MAX_SITE];
  if (!find_site(e, node, site, err))
    return false;
  int64_t n = node->info.width;
  if (!resq_new_value(node, RESQ_VALUE_F64, range.rows, out, err))
    return false;
  if (resq_statistics_moment(e->statistics, site, node->info.rows / n, n, range.begin, range.rows,
                             resq_f64(*out), err))
    return true;
  drop(out);
  return false;
}

/// Row i of R is kept row floor(i * kept / R).
bool resq_evaluate_samples(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  const resq_range range = call->range;
  char site[MAX_SITE];
  if (!find_site(e, node, site, err))
    return false;
  int32_t index = resq_statistics_find(e->statistics, site);
  if (index < 0)
    return resq_fail(err, RESQ_FAILED, "no statistics of site '%s' among the %d calibrated sites",
                     site, resq_statistics_sites(e->statistics));
  int64_t kept = resq_statistics_kept(e->statistics, index);
  int64_t width = resq_statistics_width(e->statistics, index);
  if (kept < 1 || width != node->info.width)
    return resq_fail(err, RESQ_FAILED,
                     "site '%s' has %lld sampled rows of %lld; rows of %lld are asked for", site,
                     (long long)kept, (long long)width, (long long)node->info.width);
  if (!resq_new_value(node, RESQ_VALUE_F32, range.rows, out, err))
    return false;
  for (int64_t r = 0; r < range.rows; ++r)
    if (!resq_statistics_samples(e->statistics, index, (range.begin + r) * kept / node->info.rows,
                                 1, resq_f32(*out) + r * width, err)) {
      drop(out);
      return false;
    }
  return true;
}

//===-- Constants ---------------------------------------------------------===//

static double constant_f64(MlirAttribute value, bool is_single, bool splat, int64_t i) {
  if (is_single)
    return (double)(splat ? mlirDenseElementsAttrGetFloatSplatValue(value)
                          : mlirDenseElementsAttrGetFloatValue(value, i));
  return splat ? mlirDenseElementsAttrGetDoubleSplatValue(value)
               : mlirDenseElementsAttrGetDoubleValue(value, i);
}

bool resq_evaluate_constant(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  const resq_range range = call->range;
  MlirAttribute value = resq_op_attr(node->op, "value");
  const resq_tensor_info *info = &node->info;
  bool is_float = info->kind == RESQ_ELEMENT_FLOAT &&
                  (info->element == RESQ_FLOAT_F32 || info->element == RESQ_FLOAT_F64);
  if (mlirAttributeIsNull(value) || !mlirAttributeIsADenseElements(value) ||
      (!is_float && info->kind != RESQ_ELEMENT_I32))
    return resq_fail(err, RESQ_BAD_INPUT, "a constant is a dense<> of f32, f64 or i32");
  // One element for all would fit any size.
  if (!mlirTypeEqual(mlirAttributeGetType(value),
                     mlirValueGetType(mlirOperationGetResult(node->op, 0))))
    return resq_fail(err, RESQ_BAD_INPUT, "a constant's value is not of its type");
  bool splat = mlirDenseElementsAttrIsSplat(value), single = info->element == RESQ_FLOAT_F32;
  resq_value_kind kind = !is_float ? RESQ_VALUE_I32 : single ? RESQ_VALUE_F32 : RESQ_VALUE_F64;
  if (!resq_new_value(node, kind, range.rows, out, err))
    return false;
  int64_t first = range.begin * info->width;
  for (int64_t i = 0; i < range.rows * info->width; ++i) {
    if (!is_float)
      resq_i32(*out)[i] = splat ? mlirDenseElementsAttrGetInt32SplatValue(value)
                                : mlirDenseElementsAttrGetInt32Value(value, first + i);
    else if (single)
      resq_f32(*out)[i] = (float)constant_f64(value, true, splat, first + i);
    else
      resq_f64(*out)[i] = constant_f64(value, false, splat, first + i);
  }
  return true;
}

bool resq_evaluate_eye(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  const resq_range range = call->range;
  if (node->info.kind != RESQ_ELEMENT_FLOAT || node->info.rank != 2 ||
      node->info.rows != node->info.width)
    return resq_fail(err, RESQ_BAD_INPUT, "resq.eye makes a square float matrix");
  if (!resq_new_value(node, RESQ_VALUE_F64, range.rows, out, err))
    return false;
  memset((*out)->data, 0, (size_t)(range.rows * node->info.width) * sizeof(double));
  for (int64_t r = 0; r < range.rows; ++r)
    resq_f64(*out)[r * node->info.width + range.begin + r] = 1;
  return true;
}
