//===-- lower_generic_method.c - rotations, parts, codes ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function an op: which definition it is, and the arguments of that.
//===----------------------------------------------------------------------===//
#include "dialect/memory.h"
#include "passes/lower_generic.h"
#include <stdlib.h>
//===-- Method ops --------------------------------------------------------===//

/// A rotation matrix as [blocks, size, size] of f32.
static bool rotation(generic *g, MlirValue m, MlirValue *out) {
  MlirType element = resq_element(m);
  *out = m;
  if (mlirShapedTypeGetRank(mlirValueGetType(m)) == 2) {
    int64_t shape[] = {1, resq_dim(m, 0), resq_dim(m, 1)};
    MlirAttribute groups = mlirAttributeParseGet(g->ctx, resq_str("[[0, 1], [2]]"));
    MlirNamedAttribute attrs[] = {
        resq_attr(g->ctx, "reassociation", groups),
        resq_attr(g->ctx, "static_output_shape", mlirDenseI64ArrayGet(g->ctx, 3, shape))};
    *out = resq_build_value(&g->b, "tensor.expand_shape", 1, &m, resq_tensor(element, 3, shape), 2,
                            attrs);
  }
  if (mlirTypeIsAF64(element))
    return resq_define(&g->definitions, &g->b, "narrow_f64", 1, out, 1, out);
  return true;
}

bool resq_define_rotate(generic *g, MlirOperation op) {
  MlirValue args[] = {
      resqRotateOpGetX(op), {NULL}, generic_integer(g, 1, resqRotateOpGetTransposed(op))};
  return rotation(g, resqRotateOpGetMatrix(op), &args[1]) &&
         generic_define(g, op, "rotate", 3, args);
}

/// The constant order of a permute as tensor<width x i32>.
static MlirValue order_constant(generic *g, MlirOperation permute) {
  int64_t n = resqPermuteOpGetNumOrder(permute);
  const int64_t *order = resqPermuteOpGetOrder(permute);
  int32_t *columns = resq_new((size_t)(n ? n : 1), sizeof *columns);
  for (int64_t i = 0; i < n; i++)
    columns[i] = (int32_t)order[i];
  MlirType type = resq_tensor(mlirIntegerTypeGet(g->ctx, 32), 1, &n);
  MlirValue value = generic_constant(g, type, mlirDenseElementsAttrInt32Get(type, n, columns));
  free(columns);
  return value;
}

bool resq_define_permute(generic *g, MlirOperation op) {
  MlirValue indices = resqPermuteOpGetIndices(op);
  MlirValue args[] = {resqPermuteOpGetX(op),
                      mlirValueIsNull(indices) ? order_constant(g, op) : indices};
  return generic_define(g, op, "permute", 2, args);
}

/// The [order, order] signs, transposed where asked.
static MlirValue sign_constant(generic *g, int64_t order, bool transposed) {
  size_t n = (size_t)(order * order);
  int8_t *signs = resq_new(2 * n, 1);
  resqHadamardSigns(order, signs);
  for (int64_t i = 0; i < order; i++)
    for (int64_t j = 0; j < order; j++)
      signs[n + (size_t)(i * order + j)] = signs[transposed ? j * order + i : i * order + j];
  int64_t shape[] = {order, order};
  MlirType type = resq_tensor(mlirIntegerTypeGet(g->ctx, 8), 2, shape);
  MlirValue value =
      generic_constant(g, type, mlirDenseElementsAttrInt8Get(type, (intptr_t)n, signs + n));
  free(signs);
  return value;
}

bool resq_define_hadamard(generic *g, MlirOperation op) {
  int64_t size = resqHadamardOpGetSize(op), order = resqHadamardOrder(size), stages = 0;
  while (order > 0 && order << stages < size)
    stages++;
  MlirValue signs = {NULL};
  if (order > 0)
    signs = sign_constant(g, order, resqHadamardOpGetTransposed(op));
  if (mlirValueIsNull(signs)) {
    resq_emit_error(op, "no Hadamard matrix of size %lld", (long long)size);
    return false;
  }
  MlirValue args[] = {resqHadamardOpGetX(op), signs, generic_index(g, size),
                      generic_index(g, stages)};
  return generic_define(g, op, "hadamard", 4, args);
}

bool resq_define_split(generic *g, MlirOperation op) {
  int64_t block = resqSplitOpGetBlock(op), high = resqSplitOpGetHigh(op);
  MlirValue results[2];
  for (int part = 0; part < 2; part++) {
    MlirValue args[] = {resqSplitOpGetX(op), generic_index(g, block),
                        generic_index(g, part ? block - high : 0),
                        generic_index(g, part ? high : block - high)};
    if (!resq_define(&g->definitions, &g->b, "split_part", 4, args, 1, &results[part]))
      return false;
    results[part] =
        resq_cast_shape(&g->b, results[part], mlirValueGetType(mlirOperationGetResult(op, part)));
  }
  resq_replace(op, 2, results);
  return true;
}

bool resq_define_slice(generic *g, MlirOperation op) {
  MlirValue x = resqSliceOpGetX(op), y = resqSliceOpGetY(op);
  int64_t dim = resqSliceOpGetDim(op), begin = resqSliceOpGetBegin(op);
  MlirValue args[5] = {x};
  for (int64_t d = 0; d < 2; d++) {
    int64_t size = d < mlirShapedTypeGetRank(mlirValueGetType(y)) ? resq_dim(y, d) : 0;
    args[1 + d] = generic_index(g, d == dim ? begin : 0);
    args[3 + d] = size < 0 ? generic_extent(g, x, d) : generic_index(g, size);
    if (size < 0 && d == dim && begin > 0) {
      resq_emit_error(op, "the sliced extent is dynamic; a static one is lowered");
      return false;
    }
  }
  return generic_define(g, op, "slice", 5, args);
}

bool resq_define_concat(generic *g, MlirOperation op) {
  const char *name = resqConcatOpGetDim(op) == 0 ? "concat_rows" : "concat_columns";
  MlirValue y = resqConcatOpGetParts(op, 0);
  for (intptr_t i = 1; i < resqConcatOpGetNumParts(op); i++) {
    MlirValue args[] = {y, resqConcatOpGetParts(op, i)};
    if (!resq_define(&g->definitions, &g->b, name, 2, args, 1, &y))
      return false;
  }
  y = resq_cast_shape(&g->b, y, mlirValueGetType(mlirOperationGetResult(op, 0)));
  resq_replace(op, 1, &y);
  return true;
}

/// The clip of a quantiser: its attribute, or the one element of its param.
static MlirValue clip_of(generic *g, MlirOperation op) {
  MlirValue by = resqQuantizeOpGetClipBy(op);
  if (mlirValueIsNull(by))
    return generic_real(g, resqQuantizeOpGetClip(op));
  MlirValue operands[] = {by, generic_index(g, 0)};
  return resq_build_value(&g->b, "tensor.extract", 2, operands, mlirF32TypeGet(g->ctx), 0, NULL);
}

/// A scale and zero point a group, from one a range of several groups.
static bool repeat_by_group(generic *g, int64_t times, MlirValue *scale, MlirValue *point) {
  MlirValue args[] = {*scale, *point, generic_index(g, times)}, repeated[2];
  if (!resq_define(&g->definitions, &g->b, "repeat_by_group", 3, args, 2, repeated))
    return false;
  *scale = repeated[0];
  *point = repeated[1];
  return true;
}

/// Of E4M3 codes there are two parts: no zero points.
static bool lower_quantize_e4m3(generic *g, MlirOperation op, MlirType type, int64_t group) {
  MlirValue args[] = {resqQuantizeOpGetX(op), generic_index(g, group)}, parts[2];
  if (!resq_define(&g->definitions, &g->b, "quantize_e4m3", 2, args, 2, parts))
    return false;
  MlirValue value = mlirOperationGetResult(generic_tie(g, 2, parts, type), 0);
  resq_replace(op, 1, &value);
  return true;
}

bool resq_define_quantize(generic *g, MlirOperation op) {
  MlirType type = mlirValueGetType(mlirOperationGetResult(op, 0));
  MlirType code = mlirShapedTypeGetElementType(type);
  int64_t group = resqQuantTypeGetGroup(code);
  if (resqQuantTypeIsE4M3(code))
    return lower_quantize_e4m3(g, op, type, group);
  int64_t range = resqQuantizeOpHasRange(op) ? resqQuantizeOpGetRange(op) : group;
  MlirValue args[] = {resqQuantizeOpGetX(op), generic_index(g, range),
                      generic_integer(g, 32, resqQuantTypeGetBits(code)), clip_of(g, op)};
  MlirValue parts[3];
  if (!resq_define(&g->definitions, &g->b, "quantize", 4, args, 3, parts) ||
      (range > group && !repeat_by_group(g, range / group, &parts[1], &parts[2])))
    return false;
  MlirValue value = mlirOperationGetResult(generic_tie(g, 3, parts, type), 0);
  resq_replace(op, 1, &value);
  return true;
}

/// Tensors that stand for a quantised activation: codes, scales, and zero points of integers.
static intptr_t activation_parts(MlirValue q) {
  return resqQuantTypeIsE4M3(resq_element(q)) ? 2 : 3;
}

bool resq_define_dequantize(generic *g, MlirOperation op) {
  MlirValue parts[3], q = resqDequantizeOpGetQ(op);
  intptr_t n = activation_parts(q);
  return generic_parts(g, q, n, parts) &&
         generic_define(g, op, n == 2 ? "dequantize_e4m3" : "dequantize", n, parts);
}

/// y + the branch's product: of its groups first, then scaled as the weight is.
static bool add_branch(generic *g, MlirValue x, MlirValue w, MlirValue *y) {
  MlirValue args[4], weight[2], products;
  intptr_t n = activation_parts(x);
  if (!generic_parts(g, x, n, args) || !generic_parts(g, w, 2, weight))
    return false;
  args[n] = weight[0];
  if (!resq_define(&g->definitions, &g->b, n == 2 ? "group_products_e4m3" : "group_products", n + 1,
                   args, 1, &products))
    return false;
  bool per_row = resqQuantTypeGetGroup(resq_element(w)) == resq_width(w);
  MlirValue sums[] = {*y, products, weight[1]};
  return resq_define(&g->definitions, &g->b, per_row ? "add_row_scaled" : "add_group_scaled", 3,
                     sums, 1, y);
}

bool resq_define_qlinear(generic *g, MlirOperation op) {
  intptr_t branches = resqQLinearOpGetNumActivations(op);
  MlirValue x = resqQLinearOpGetActivations(op, 0), result = resqQLinearOpGetY(op), first[3], y;
  if (!generic_parts(g, x, activation_parts(x), first))
    return false;
  MlirValue bias = resqQLinearOpGetBias(op);
  if (mlirValueIsNull(bias))
    bias = generic_splat(g, resq_width(result), 0);
  MlirValue start[] = {first[0], bias};
  if (!resq_define(&g->definitions, &g->b, "bias_rows", 2, start, 1, &y))
    return false;
  for (intptr_t i = 0; i < branches; i++)
    if (!add_branch(g, resqQLinearOpGetActivations(op, i), resqQLinearOpGetWeights(op, i), &y))
      return false;
  y = resq_cast_shape(&g->b, y, mlirValueGetType(result));
  resq_replace(op, 1, &y);
  return true;
}
