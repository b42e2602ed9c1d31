//===-- evaluate_rows.c ---------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Ops on the last dimension: rows stay apart, so a weight comes through in blocks.
// Rotations compute in f64 and their results stay so until they are cast or stored.
//===----------------------------------------------------------------------===//
#include "evaluate.h"
#include "lowering/numeric/hadamard_rows.h"
#include "kernels/layout/trellis_weights.h"
#include "lowering/numeric/linalg.h"
#include "dialect/memory.h"

#include <stdlib.h>
#include <string.h>

//===-- Rotations ---------------------------------------------------------===//

static void rotate_blocks(resq_evaluator *e, const resq_value *x, const resq_value *matrix,
                          bool transposed, resq_value *y) {
  int64_t size = matrix->width, blocks = matrix->rows / size, groups = x->width / size;
  for (int64_t j = 0; j < groups; ++j)
    resq_matmul_f64(e->threads, resq_f64(x) + j * size, x->width,
                    resq_f64(matrix) + j * blocks / groups * size * size, size, transposed,
                    resq_f64(y) + j * size, y->width, x->rows, size, size);
}

bool resq_evaluate_rotate(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  const resq_range range = call->range;
  resq_value *from = operands[RESQ_ROTATE_X], *by = operands[RESQ_ROTATE_MATRIX];
  int64_t size = by->width;
  if (!resq_value_is_float(from) || !resq_value_is_float(by) || by->rows % size != 0 ||
      from->width % size != 0 || from->width / size % (by->rows / size) != 0 ||
      from->width != node->info.width)
    return resq_bad_shapes(node, err);
  resq_value *x = resq_value_convert(from, RESQ_VALUE_F64);
  resq_value *matrix = resq_value_convert(by, RESQ_VALUE_F64);
  bool ok = x && matrix;
  if (!ok)
    resq_out_of_memory(err, &node->info);
  ok = ok && resq_new_value(node, RESQ_VALUE_F64, range.rows, out, err);
  if (ok)
    rotate_blocks(e, x, matrix, resqRotateOpGetTransposed(node->op), *out);
  resq_value_release(x);
  resq_value_release(matrix);
  return ok;
}

bool resq_evaluate_hadamard(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  int64_t size = resqHadamardOpGetSize(node->op);
  int64_t order = size > 0 ? resqHadamardOrder(size) : 0;
  if (order == 0 || node->info.width % size != 0 || !resq_value_is_float(operands[0]))
    return resq_fail(err, RESQ_BAD_INPUT,
                     "resq.hadamard: size %lld has no known factorisation or does not divide %lld",
                     (long long)size, (long long)node->info.width);
  resq_value *wide = resq_value_convert(operands[0], RESQ_VALUE_F64);
  // A conversion is ours alone; anything else may have other readers.
  if (wide && wide == operands[0]) {
    resq_value_release(wide);
    wide = resq_value_create(RESQ_VALUE_F64, operands[0]->rows, operands[0]->width);
    if (wide)
      memcpy(wide->data, operands[0]->data, (size_t)(wide->rows * wide->width) * sizeof(double));
  }
  int8_t *signs = malloc((size_t)(order * order));
  bool ok = wide && signs;
  if (ok) {
    resqHadamardSigns(order, signs);
    ok = resq_hadamard_rows(e->threads, resq_f64(wide), wide->rows, wide->width, size, order, signs,
                            resqHadamardOpGetTransposed(node->op));
  }
  free(signs);
  if (ok) {
    *out = wide;
    return true;
  }
  resq_value_release(wide);
  return resq_out_of_memory(err, &node->info);
}

//===-- Movement ----------------------------------------------------------===//

/// Copies columns [from, from + count) of each row of x to columns [to, ...) of y.
static void copy_columns(const resq_value *x, int64_t from, int64_t count, resq_value *y,
                         int64_t to) {
  int64_t element = resq_value_element_size(x->kind);
  for (int64_t r = 0; r < x->rows; ++r)
    memcpy((char *)y->data + (r * y->width + to) * element,
           (const char *)x->data + (r * x->width + from) * element, (size_t)(count * element));
}

/// The order as a list that is known to be a permutation; malloc'ed, NULL on failure.
static int64_t *permutation(const resq_node *node, resq_value *const *operands, resq_error *err) {
  size_t width = (size_t)node->info.width;
  const int64_t *list = resqPermuteOpGetOrder(node->op);
  resq_value *indices =
      node->n_operands > RESQ_PERMUTE_INDICES ? operands[RESQ_PERMUTE_INDICES] : NULL;
  int64_t count = indices ? indices->rows * indices->width : resqPermuteOpGetNumOrder(node->op);
  if (count != (int64_t)width || (indices && indices->kind != RESQ_VALUE_I32)) {
    resq_fail(err, RESQ_BAD_INPUT, "resq.permute: the order must have %lld entries",
              (long long)width);
    return NULL;
  }
  int64_t *order = calloc(width, sizeof *order);
  bool *seen = calloc(width, sizeof *seen);
  bool ok = order && seen;
  if (!ok)
    resq_out_of_memory(err, &node->info);
  for (int64_t i = 0; ok && i < (int64_t)width; ++i) {
    int64_t at = indices ? resq_i32(indices)[i] : list[i];
    ok = at >= 0 && at < (int64_t)width && !seen[at];
    if (ok) {
      seen[at] = true;
      order[i] = at;
    } else {
      resq_fail(err, RESQ_BAD_INPUT,
                "resq.permute: entry %lld is %lld: no permutation of 0 to %lld", (long long)i,
                (long long)at, (long long)width - 1);
    }
  }
  free(seen);
  if (ok)
    return order;
  free(order);
  return NULL;
}

bool resq_evaluate_permute(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  const resq_range range = call->range;
  const resq_value *x = operands[0];
  if (x->width != node->info.width || x->kind == RESQ_VALUE_QUANT)
    return resq_bad_shapes(node, err);
  int64_t *order = permutation(node, operands, err);
  bool ok = order && resq_new_value(node, x->kind, range.rows, out, err);
  if (ok && x->kind == RESQ_VALUE_F64) {
    for (int64_t r = 0; r < x->rows; ++r)
      for (int64_t i = 0; i < x->width; ++i)
        resq_f64(*out)[r * x->width + i] = resq_f64(x)[r * x->width + order[i]];
  } else if (ok) {
    for (int64_t r = 0; r < x->rows; ++r) // 4-byte elements, whatever they mean
      for (int64_t i = 0; i < x->width; ++i)
        resq_i32(*out)[r * x->width + i] = resq_i32(x)[r * x->width + order[i]];
  }
  free(order);
  return ok;
}

bool resq_evaluate_split(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  const resq_range range = call->range;
  const resq_value *x = operands[0];
  int64_t block = resqSplitOpGetBlock(node->op), high = resqSplitOpGetHigh(node->op);
  if (block < 2 || high < 1 || high >= block || x->width % block != 0 ||
      x->kind == RESQ_VALUE_QUANT)
    return resq_bad_shapes(node, err);
  int64_t from = node->result == 0 ? 0 : block - high, count = node->result ? high : block - high;
  if (node->info.width != x->width / block * count)
    return resq_bad_shapes(node, err);
  if (!resq_new_value(node, x->kind, range.rows, out, err))
    return false;
  for (int64_t b = 0; b < x->width / block; ++b)
    copy_columns(x, b * block + from, count, *out, b * count);
  return true;
}

/// Operands side by side must share a storage kind: the widest float among them.
static bool same_kind(const resq_node *node, resq_value *const *operands, resq_value **converted,
                      resq_error *err) {
  resq_value_kind kind = operands[0]->kind;
  bool ok = true;
  for (int32_t i = 0; i < node->n_operands; ++i) {
    ok = ok && operands[i]->kind != RESQ_VALUE_QUANT &&
         resq_value_is_float(operands[i]) == resq_value_is_float(operands[0]);
    kind = operands[i]->kind == RESQ_VALUE_F64 ? RESQ_VALUE_F64 : kind;
  }
  if (!ok)
    return resq_bad_shapes(node, err);
  for (int32_t i = 0; i < node->n_operands; ++i) {
    converted[i] = kind == RESQ_VALUE_I32 ? resq_value_retain(operands[i])
                                          : resq_value_convert(operands[i], kind);
    if (!converted[i])
      return resq_out_of_memory(err, &node->info);
  }
  return true;
}

typedef bool (*combine)(const resq_evaluator *e, const resq_node *node, resq_value *const *parts,
                        resq_value **out, resq_error *err);

static bool with_same_kind(resq_evaluator *e, const resq_node *node, resq_value *const *operands,
                           combine run, resq_value **out, resq_error *err) {
  if (node->n_operands == 0)
    return resq_bad_shapes(node, err);
  resq_value **parts = resq_new((size_t)node->n_operands, sizeof *parts);
  bool ok = same_kind(node, operands, parts, err) && run(e, node, parts, out, err);
  for (int32_t i = 0; i < node->n_operands; ++i)
    resq_value_release(parts[i]);
  free(parts);
  return ok;
}

static bool join_parts(const resq_evaluator *e, const resq_node *node, resq_value *const *parts,
                       resq_value **out, resq_error *err) {
  (void)e;
  int64_t block = resqJoinOpGetBlock(node->op), high = resqJoinOpGetHigh(node->op);
  int64_t width = node->info.width, low = block - high;
  if (block < 2 || high < 1 || low < 1 || width % block != 0 ||
      parts[0]->width != width / block * low || parts[1]->width != width / block * high)
    return resq_bad_shapes(node, err);
  if (!resq_new_value(node, parts[0]->kind, parts[0]->rows, out, err))
    return false;
  for (int64_t b = 0; b < width / block; ++b) {
    copy_columns(parts[0], b * low, low, *out, b * block);
    copy_columns(parts[1], b * high, high, *out, b * block + low);
  }
  return true;
}

bool resq_evaluate_join(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  return with_same_kind(e, node, operands, join_parts, out, err);
}

/// Extents before and behind `dim`.
static void around(const resq_tensor_info *info, int64_t dim, int64_t *outer, int64_t *inner) {
  *outer = *inner = 1;
  for (int i = 0; i < info->rank; ++i) {
    if (i < dim)
      *outer *= info->shape[i];
    if (i > dim)
      *inner *= info->shape[i];
  }
}

bool resq_evaluate_slice(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  const resq_range range = call->range;
  const resq_value *x = operands[0];
  const resq_tensor_info *from = resq_operand_info(e, node, 0);
  int64_t dim = resqSliceOpGetDim(node->op), begin = resqSliceOpGetBegin(node->op);
  if (dim < 0 || dim >= node->info.rank || from->rank != node->info.rank || begin < 0 ||
      begin > from->shape[dim] - node->info.shape[dim] || x->kind == RESQ_VALUE_QUANT)
    return resq_bad_shapes(node, err);
  if (!resq_new_value(node, x->kind, range.rows, out, err))
    return false;
  if (node->mode == RESQ_MODE_ROWS) {
    copy_columns(x, begin, node->info.width, *out, 0);
    return true;
  }
  int64_t outer, inner, element = resq_value_element_size(x->kind);
  around(from, dim, &outer, &inner);
  int64_t bytes = node->info.shape[dim] * inner * element;
  for (int64_t o = 0; o < outer; ++o)
    memcpy((char *)(*out)->data + o * bytes,
           (const char *)x->data + (o * from->shape[dim] + begin) * inner * element, (size_t)bytes);
  return true;
}

static bool concat_parts(const resq_evaluator *e, const resq_node *node, resq_value *const *parts,
                         resq_value **out, resq_error *err) {
  int64_t dim = resqConcatOpGetDim(node->op), sum = 0;
  for (int32_t i = 0; i < node->n_operands; ++i) {
    const resq_tensor_info *part = resq_operand_info(e, node, i);
    if (dim < 0 || dim >= node->info.rank || part->rank != node->info.rank)
      return resq_bad_shapes(node, err);
    sum += part->shape[dim];
    for (int d = 0; d < part->rank; ++d)
      if (d != dim && part->shape[d] != node->info.shape[d])
        return resq_bad_shapes(node, err);
  }
  if (sum != node->info.shape[dim])
    return resq_bad_shapes(node, err);
  // Along the last dimension parts hold a range of rows; else everything.
  bool rowwise = node->mode == RESQ_MODE_ROWS;
  if (!resq_new_value(node, parts[0]->kind, rowwise ? parts[0]->rows : node->info.rows, out, err))
    return false;
  int64_t outer, inner, at = 0, element = resq_value_element_size(parts[0]->kind);
  around(&node->info, dim, &outer, &inner);
  for (int32_t i = 0; i < node->n_operands; ++i) {
    int64_t extent = resq_operand_info(e, node, i)->shape[dim];
    if (rowwise)
      copy_columns(parts[i], 0, extent, *out, at);
    for (int64_t o = 0; !rowwise && o < outer; ++o)
      memcpy((char *)(*out)->data + (o * sum + at) * inner * element,
             (const char *)parts[i]->data + o * extent * inner * element,
             (size_t)(extent * inner * element));
    at += extent;
  }
  return true;
}

/// Weight codes on top of each other: rows and their scales are both contiguous.
static bool concat_codes(const resq_node *node, resq_value *const *parts, resq_value **out,
                         resq_error *err) {
  const resq_tensor_info *info = &node->info;
  if (resqConcatOpGetDim(node->op) != 0 || info->kind != RESQ_ELEMENT_QUANT || info->quant.zero)
    return resq_bad_shapes(node, err);
  int64_t rows = 0;
  for (int32_t i = 0; i < node->n_operands; ++i) {
    if (parts[i]->kind != RESQ_VALUE_QUANT || parts[i]->width != info->width ||
        !resq_codebook_equal(parts[i]->codebook, info->quant.codebook) ||
        parts[i]->group != info->quant.group)
      return resq_bad_shapes(node, err);
    if (info->quant.codebook.kind == RESQ_CODE_TRELLIS && rows % RESQ_TRELLIS_LENGTH != 0)
      return resq_fail(err, RESQ_BAD_INPUT,
                       "resq.concat: trellis codes begin at row %lld, allowed: multiples of %d",
                       (long long)rows, RESQ_TRELLIS_LENGTH);
    rows += parts[i]->rows;
  }
  if (rows != info->rows)
    return resq_bad_shapes(node, err);
  *out = resq_value_create_quant(rows, info->width, info->quant.codebook, info->quant.group);
  if (!*out)
    return resq_out_of_memory(err, info);
  int64_t at = 0, groups = info->width / info->quant.group;
  for (int32_t i = 0; i < node->n_operands; ++i) {
    memcpy((int8_t *)(*out)->data + at * info->width, parts[i]->data,
           (size_t)(parts[i]->rows * info->width));
    memcpy((*out)->scales + at * groups, parts[i]->scales,
           (size_t)(parts[i]->rows * groups) * sizeof(float));
    at += parts[i]->rows;
  }
  return true;
}

bool resq_evaluate_concat(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  if (operands[0]->kind == RESQ_VALUE_QUANT)
    return concat_codes(node, operands, out, err);
  return with_same_kind(e, node, operands, concat_parts, out, err);
}

//===-- Arithmetic --------------------------------------------------------===//

static bool add_parts(const resq_evaluator *e, const resq_node *node, resq_value *const *parts,
                      resq_value **out, resq_error *err) {
  (void)e;
  const resq_value *a = parts[0], *b = parts[1];
  if (!resq_value_is_float(a) || a->rows != b->rows || a->width != b->width ||
      a->width != node->info.width)
    return resq_bad_shapes(node, err);
  if (!resq_new_value(node, a->kind, a->rows, out, err))
    return false;
  int64_t count = a->rows * a->width;
  if (a->kind == RESQ_VALUE_F64)
    for (int64_t i = 0; i < count; ++i)
      resq_f64(*out)[i] = resq_f64(a)[i] + resq_f64(b)[i];
  else
    for (int64_t i = 0; i < count; ++i)
      resq_f32(*out)[i] = resq_f32(a)[i] + resq_f32(b)[i];
  return true;
}

bool resq_evaluate_add(const resq_rule_call *call, resq_value **out, resq_error *err) {
  resq_evaluator *e = call->e;
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  return with_same_kind(e, node, operands, add_parts, out, err);
}

/// In f64, like rotations: the product of two f32 is exact there.
bool resq_evaluate_scale_columns(const resq_rule_call *call, resq_value **out, resq_error *err) {
  const resq_node *node = call->node;
  resq_value *const *operands = call->operands;
  const resq_range range = call->range;
  const resq_value *x = operands[RESQ_SCALE_COLUMNS_X];
  resq_value *by = operands[RESQ_SCALE_COLUMNS_GAIN];
  if (!resq_value_is_float(x) || !resq_value_is_float(by) || by->rows * by->width != x->width ||
      x->width != node->info.width)
    return resq_bad_shapes(node, err);
  resq_value *gain = resq_value_convert(by, RESQ_VALUE_F64);
  if (!gain)
    return resq_out_of_memory(err, &node->info);
  bool ok = resq_new_value(node, RESQ_VALUE_F64, range.rows, out, err);
  for (int64_t r = 0; ok && r < x->rows; ++r)
    for (int64_t i = 0; i < x->width; ++i) {
      int64_t at = r * x->width + i;
      double value = x->kind == RESQ_VALUE_F64 ? resq_f64(x)[at] : (double)resq_f32(x)[at];
      resq_f64(*out)[at] = value * resq_f64(gain)[i];
    }
  resq_value_release(gain);
  return ok;
}
