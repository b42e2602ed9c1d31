//===-- hooks_method.c - verifiers of the method ops ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// These work on the last dimension of tensors of any rank from 1, which is static;
// the extents before it may be dynamic.
//===----------------------------------------------------------------------===//
#include "dialect/check.h"
#include "dialect/hooks.h"
#include "dialect/memory.h"
#include <inttypes.h>
#include <stdlib.h>

/// The last dimension's extent; 0 (which no block size divides into) when there is none or it is
/// dynamic.
static int64_t last_of(MlirValue x) {
  int64_t width = resq_rank(x) < 1 ? 0 : resq_width(x);
  return width < 0 ? 0 : width;
}

static bool divides(int64_t size, int64_t width) {
  return size >= 1 && width >= size && width % size == 0;
}

static bool verify_same(MlirOperation op, MlirValue x) {
  MlirValue y = resq_result(op, 0);
  if (resq_same_type(x, y))
    return true;
  return resq_refuse(op, "C3: y is %s: allowed is x's type, %s", RESQ_TYPE(y), RESQ_TYPE(x));
}

bool resqVerifyRotate(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), matrix = resq_operand(op, 1);
  int64_t rank = resq_rank(matrix);
  bool is_square = (rank == 2 || rank == 3) && resq_is_static(matrix) &&
                   resq_dim(matrix, (intptr_t)rank - 2) == resq_width(matrix);
  if (!is_square || !(resq_is_f32(matrix) || mlirTypeIsAF64(resq_element(matrix))))
    return resq_refuse(
        op, "C4: matrix is %s: allowed is [size, size] or [blocks, size, size] of f32 or f64",
        RESQ_TYPE(matrix));
  int64_t size = resq_width(matrix), blocks = rank == 3 ? resq_dim(matrix, 0) : 1,
          width = last_of(x);
  if (!divides(size, width))
    return resq_refuse(
        op,
        "C1: x is %s, but matrix is %s: allowed is a last dimension that is a multiple of %" PRId64,
        RESQ_TYPE(x), RESQ_TYPE(matrix), size);
  if (!divides(blocks, width / size))
    return resq_refuse(op,
                       "C2: matrix has %" PRId64 " blocks, but x has %" PRId64
                       ": allowed is a number that divides them",
                       blocks, width / size);
  return verify_same(op, x);
}

bool resq_is_permutation(const int64_t *order, int64_t n, int64_t *bad) {
  bool *seen = resq_new((size_t)n, sizeof *seen), ok = true;
  for (int64_t i = 0; ok && i < n; i++) {
    int64_t k = order[i];
    ok = k >= 0 && k < n && !seen[k];
    if (ok)
      seen[k] = true;
    else
      *bad = i;
  }
  free(seen);
  return ok;
}

bool resqVerifyPermute(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), indices = resq_operand(op, 1);
  const int64_t *order = resqPermuteOpGetOrder(op);
  bool has_order = resqPermuteOpHasOrder(op), has_indices = !mlirValueIsNull(indices);
  if (has_order == has_indices)
    return resq_refuse(op, "C1: %s of order and indices are given: allowed is one",
                       has_order ? "both" : "none");
  int64_t width = last_of(x);
  if (has_indices &&
      (resq_rank(indices) != 1 || resq_dim(indices, 0) != width || !resq_is_i32(indices)))
    return resq_refuse(op, "C2: indices is %s, but x is %s: allowed is [%" PRId64 "] of i32",
                       RESQ_TYPE(indices), RESQ_TYPE(x), width);
  if (has_order && resqPermuteOpGetNumOrder(op) != width)
    return resq_refuse(op, "C2: order has %" PRIdPTR " entries, but x is %s: allowed is %" PRId64,
                       resqPermuteOpGetNumOrder(op), RESQ_TYPE(x), width);
  int64_t bad;
  if (has_order && !resq_is_permutation(order, width, &bad))
    return resq_refuse(
        op, "C2: order[%" PRId64 "] is %" PRId64 ": allowed is each of 0 to %" PRId64 " once", bad,
        order[bad], width - 1);
  return verify_same(op, x);
}

bool resqVerifyHadamard(MlirOperation op) {
  MlirValue x = resq_operand(op, 0);
  int64_t size = resqHadamardOpGetSize(op);
  if (!divides(size, last_of(x)))
    return resq_refuse(
        op, "C1: size is %" PRId64 ", but x is %s: allowed is a divisor of the last dimension",
        size, RESQ_TYPE(x));
  if (!resqHadamardOrder(size))
    return resq_refuse(
        op,
        "C2: no Hadamard matrix of order %" PRId64
        " is known here: allowed is K * 2^n for K = 1 or a Paley order (docs/dialect.md)",
        size);
  return verify_same(op, x);
}

/// The common check of split and join: whole = low and high, block by block.
static bool verify_parts(MlirOperation op, int64_t block, int64_t high, MlirValue whole,
                         MlirValue low, MlirValue high_part) {
  int64_t width = last_of(whole);
  if (!divides(block, width))
    return resq_refuse(op,
                       "C1: block is %" PRId64
                       ", but the whole is %s: allowed is a divisor of its last dimension",
                       block, RESQ_TYPE(whole));
  if (high < 1 || high >= block)
    return resq_refuse(op, "C2: high is %" PRId64 ": allowed is 1 to %" PRId64, high, block - 1);
  int64_t blocks = width / block, last = resq_rank(whole) - 1;
  MlirValue parts[] = {low, high_part};
  int64_t widths[] = {blocks * (block - high), blocks * high};
  for (int i = 0; i < 2; i++)
    if (!resq_shapes_agree(whole, parts[i], last) || last_of(parts[i]) != widths[i] ||
        !mlirTypeEqual(resq_element(whole), resq_element(parts[i])))
      return resq_refuse(
          op,
          "C3: the %s part is %s, but the whole is %s: allowed is a last dimension of %" PRId64
          ", all else the same",
          i ? "high" : "low", RESQ_TYPE(parts[i]), RESQ_TYPE(whole), widths[i]);
  return true;
}

bool resqVerifySplit(MlirOperation op) {
  return verify_parts(op, resqSplitOpGetBlock(op), resqSplitOpGetHigh(op), resqSplitOpGetX(op),
                      resqSplitOpGetLow(op), resqSplitOpGetHighPart(op));
}

bool resqVerifyJoin(MlirOperation op) {
  return verify_parts(op, resqJoinOpGetBlock(op), resqJoinOpGetHigh(op), resqJoinOpGetY(op),
                      resqJoinOpGetLow(op), resqJoinOpGetHighPart(op));
}

// The dimension that is cut is static: a range of dynamic rows could not be checked here.
bool resqVerifySlice(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), y = resq_result(op, 0);
  int64_t dim = resqSliceOpGetDim(op), begin = resqSliceOpGetBegin(op), rank = resq_rank(x);
  if (dim < 0 || dim >= rank)
    return resq_refuse(op, "C1: dim is %" PRId64 ", but x is %s: allowed is 0 to %" PRId64, dim,
                       RESQ_TYPE(x), rank - 1);
  if (!resq_shapes_agree(x, y, dim) || !mlirTypeEqual(resq_element(x), resq_element(y)))
    return resq_refuse(
        op, "C3: y is %s, but x is %s: allowed is x's shape and element but along dim %" PRId64,
        RESQ_TYPE(y), RESQ_TYPE(x), dim);
  int64_t from = resq_dim(x, (intptr_t)dim), taken = resq_dim(y, (intptr_t)dim);
  if (from < 0 || taken < 0 || taken > from || begin < 0 || begin > from - taken)
    return resq_refuse(
        op, "C2: begin is %" PRId64 " and y is %s, but x is %s: allowed is a static range inside x",
        begin, RESQ_TYPE(y), RESQ_TYPE(x));
  return true;
}

bool resqVerifyConcat(MlirOperation op) {
  intptr_t n = mlirOperationGetNumOperands(op);
  MlirValue y = resq_result(op, 0);
  int64_t dim = resqConcatOpGetDim(op), sum = 0;
  if (n < 1)
    return resq_refuse(op, "C1: there are no parts: allowed is one or more");
  if (dim < 0 || dim >= resq_rank(y))
    return resq_refuse(op, "C2: dim is %" PRId64 ", but y is %s: allowed is 0 to %" PRId64, dim,
                       RESQ_TYPE(y), resq_rank(y) - 1);
  for (intptr_t i = 0; i < n; i++) {
    MlirValue part = resq_operand(op, i);
    bool agrees =
        resq_shapes_agree(part, y, dim) && mlirTypeEqual(resq_element(part), resq_element(y));
    int64_t extent = agrees ? resq_dim(part, (intptr_t)dim) : -1;
    if (extent < 0 || __builtin_add_overflow(sum, extent, &sum))
      return resq_refuse(
          op,
          "C2: part %" PRIdPTR
          " is %s, but y is %s: allowed is y's shape and element, static along dim %" PRId64,
          i, RESQ_TYPE(part), RESQ_TYPE(y), dim);
  }
  if (resq_dim(y, (intptr_t)dim) != sum)
    return resq_refuse(op,
                       "C2: y is %s, but the parts add up to %" PRId64 " along dim %" PRId64
                       ": allowed is that",
                       RESQ_TYPE(y), sum, dim);
  return true;
}

//===-- Quantisation ------------------------------------------------------===//

/// What resq.quantize makes: asymmetric integers or E4M3, row by row.
static bool is_activation_code(MlirType quant) {
  return (resqQuantTypeGetZero(quant) || resqQuantTypeIsE4M3(quant)) &&
         !resqQuantTypeIsPacked(quant);
}

bool resqVerifyQuantize(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), q = resq_result(op, 0);
  if (!resq_is_f32_rows(x))
    return resq_refuse(op, "C1: x is %s: allowed is [R, width] of f32", RESQ_TYPE(x));
  MlirType quant = resq_element(q);
  if (!resq_shapes_agree(x, q, -1) || resq_width(q) != resq_width(x) || !resqTypeIsQuant(quant) ||
      !is_activation_code(quant))
    return resq_refuse(op,
                       "C2: q is %s, but x is %s: allowed is x's shape of quant with zero = true "
                       "or codebook = e4m3, layout = row",
                       RESQ_TYPE(q), RESQ_TYPE(x));
  if (resq_width(x) % resqQuantTypeGetGroup(quant))
    return resq_refuse(
        op, "C3: group is %" PRId64 ", but x is %" PRId64 " wide: allowed is a divisor of it",
        resqQuantTypeGetGroup(quant), resq_width(x));
  double clip = resqQuantizeOpGetClip(op);
  if (!(clip > 0 && clip <= 1))
    return resq_refuse(op, "C4: clip is %g: allowed is more than 0, at most 1", clip);
  MlirValue clip_by = resq_operand(op, 1);
  if (!mlirValueIsNull(clip_by) && (!resq_is_f32_vector(clip_by, 1) || clip != 1))
    return resq_refuse(op,
                       "C5: clip_by is %s beside a clip of %g: allowed is [1] of f32, and no other "
                       "clip",
                       RESQ_TYPE(clip_by), clip);
  int64_t group = resqQuantTypeGetGroup(quant);
  int64_t range = resqQuantizeOpHasRange(op) ? resqQuantizeOpGetRange(op) : group;
  if (range < group || range % group || resq_width(x) % range)
    return resq_refuse(op,
                       "C6: range is %" PRId64 ", group %" PRId64 ", and x is %" PRId64
                       " wide: allowed is a multiple of the group that divides the width",
                       range, group, resq_width(x));
  if (resqQuantTypeIsE4M3(quant) && (clip != 1 || !mlirValueIsNull(clip_by) || range != group))
    return resq_refuse(op,
                       "C7: E4M3 codes of groups of %" PRId64 " have clip = %g, %s clip_by and a "
                       "range of %" PRId64 ": allowed is clip = 1, no clip_by, and a group a range",
                       group, clip, mlirValueIsNull(clip_by) ? "no" : "a", range);
  return true;
}

bool resqVerifyDequantize(MlirOperation op) {
  MlirValue q = resq_operand(op, 0), y = resq_result(op, 0);
  if (!resq_is_quant(q) || !resq_is_f32(y) || !resq_shapes_agree(q, y, -1))
    return resq_refuse(
        op, "C1: q is %s and y is %s: allowed is a quant element, and f32 of the same shape",
        RESQ_TYPE(q), RESQ_TYPE(y));
  return true;
}

/// C2, C3, C6 and C7 of one branch.
static bool verify_branch(MlirOperation op, intptr_t i, MlirValue x, MlirValue weight) {
  MlirValue y = resq_result(op, 0);
  MlirType code = resq_element(x);
  if (!resq_is_rows(x, 2) || !resqTypeIsQuant(code) || !is_activation_code(code) ||
      resq_width(x) % resqQuantTypeGetGroup(code) ||
      !resq_extents_agree(resq_dim(x, 0), resq_dim(y, 0)))
    return resq_refuse(op,
                       "C2: activation %" PRIdPTR
                       " is %s: allowed is [R, in] of quant with zero = true or codebook = e4m3, "
                       "layout = row and a group that divides in",
                       i, RESQ_TYPE(x));
  MlirType w = resq_element(weight);
  bool fits = resq_rank(weight) == 2 && resq_is_static(weight) && resqTypeIsQuant(w) &&
              !resqQuantTypeGetZero(w) && resq_width(weight) == resq_width(x) &&
              resq_dim(weight, 0) == resq_width(y);
  int64_t group = fits ? resqQuantTypeGetGroup(w) : 0;
  if (!fits || (group != resq_width(x) && group != resqQuantTypeGetGroup(code)))
    return resq_refuse(op,
                       "C3: weight %" PRIdPTR " is %s: allowed is [%" PRId64 ", %" PRId64
                       "] of quant with zero = false and group %" PRId64 " or %" PRId64,
                       i, RESQ_TYPE(weight), resq_width(y), resq_width(x), resq_width(x),
                       resqQuantTypeGetGroup(code));
  if (resqQuantTypeIsE4M3(code) != resqQuantTypeIsE4M3(w))
    return resq_refuse(op,
                       "C6: activation %" PRIdPTR " is %s, but its weight %s: allowed is E4M3 for "
                       "both, or for none",
                       i, RESQ_TYPE(x), RESQ_TYPE(weight));
  if (resqQuantTypeIsPacked(w) && resqQuantTypeGetPacking(w).group != resqQuantTypeGetGroup(code))
    return resq_refuse(op,
                       "C7: weight %" PRIdPTR " is packed for an activation in groups of %" PRId64
                       ", but activation %" PRIdPTR " has groups of %" PRId64
                       ": allowed is the same group for both",
                       i, resqQuantTypeGetPacking(w).group, i, resqQuantTypeGetGroup(code));
  return true;
}

bool resqVerifyQLinear(MlirOperation op) {
  intptr_t n = resqQLinearOpGetNumActivations(op), m = resqQLinearOpGetNumWeights(op);
  MlirValue y = resqQLinearOpGetY(op), bias = resqQLinearOpGetBias(op);
  if (n != m || n < 1)
    return resq_refuse(
        op, "C1: there are %d activations and %d weights: allowed is as many of both, at least one",
        (int)n, (int)m);
  if (!resq_is_f32_rows(y))
    return resq_refuse(op, "C5: y is %s: allowed is [R, out] of f32", RESQ_TYPE(y));
  for (intptr_t i = 0; i < n; i++)
    if (!verify_branch(op, i, resqQLinearOpGetActivations(op, i), resqQLinearOpGetWeights(op, i)))
      return false;
  if (!mlirValueIsNull(bias) && !resq_is_f32_vector(bias, resq_width(y)))
    return resq_refuse(op,
                       "C4: bias is %s, but y is %" PRId64 " wide: allowed is [%" PRId64 "] of f32",
                       RESQ_TYPE(bias), resq_width(y), resq_width(y));
  return resq_check_site(op, 8, "site", resqQLinearOpHasSite(op), resqQLinearOpGetSite(op));
}
