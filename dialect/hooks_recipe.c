//===-- hooks_recipe.c - verifiers of the recipe ops ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values in recipes have static shapes: each op here checks that of its result.
//===----------------------------------------------------------------------===//
#include "dialect/check.h"
#include "dialect/hooks.h"
#include <inttypes.h>

static bool is_f64(MlirValue v) { return mlirTypeIsAF64(resq_element(v)); }

/// [n, n], or [blocks, n, n] where rank is 3.
static bool is_square(MlirValue v, int64_t rank) {
  return resq_rank(v) == rank && resq_is_static(v) &&
         resq_dim(v, (intptr_t)rank - 2) == resq_dim(v, (intptr_t)rank - 1);
}

static bool same_element(MlirValue a, MlirValue b) {
  return mlirTypeEqual(resq_element(a), resq_element(b));
}

bool resqVerifyMoment(MlirOperation op) {
  MlirValue v = resq_result(op, 0);
  if (!is_f64(v) || !(is_square(v, 2) || is_square(v, 3)))
    return resq_refuse(op, "C1: the result is %s: allowed is [n, n] or [blocks, n, n] of f64",
                       RESQ_TYPE(v));
  return true;
}

bool resqVerifySamples(MlirOperation op) {
  MlirValue v = resq_result(op, 0);
  if (resq_rank(v) != 2 || !resq_is_static(v) || !resq_is_f32(v))
    return resq_refuse(op, "C1: the result is %s: allowed is [rows, width] of f32", RESQ_TYPE(v));
  return true;
}

static bool is_float_matrix(MlirValue v) {
  return resq_rank(v) == 2 && resq_is_static(v) && resq_is_float(v);
}

bool resqVerifyClipRatio(MlirOperation op) {
  MlirValue samples = resq_operand(op, 0), ratio = resq_result(op, 0);
  if (!is_float_matrix(samples))
    return resq_refuse(op, "C1: samples is %s: allowed is [rows, width] of a float",
                       RESQ_TYPE(samples));
  intptr_t n_weights = mlirOperationGetNumOperands(op) - 1;
  int64_t width = resq_width(samples);
  if (n_weights < 1)
    return resq_refuse(op, "C2: there are no weights: allowed is one or more");
  for (intptr_t i = 1; i <= n_weights; i++) {
    MlirValue weight = resq_operand(op, i);
    if (!is_float_matrix(weight) || resq_width(weight) != width)
      return resq_refuse(op,
                         "C2: weight %" PRIdPTR " is %s, but samples is %s: allowed is [out, "
                         "width] of a float",
                         i - 1, RESQ_TYPE(weight), RESQ_TYPE(samples));
  }
  int64_t bits = resqClipRatioOpGetBits(op), group = resqClipRatioOpGetGroup(op);
  int64_t steps = resqClipRatioOpGetSteps(op);
  if (bits < 2 || bits > 8 || group < 1 || width % group)
    return resq_refuse(op,
                       "C3: bits is %" PRId64 " and group is %" PRId64
                       ": allowed is 2 to 8, and a divisor of %" PRId64,
                       bits, group, width);
  if (steps < 1 || steps > 33)
    return resq_refuse(op, "C4: steps is %" PRId64 ": allowed is 1 to 33", steps);
  if (!resq_is_f32_vector(ratio, 1))
    return resq_refuse(op, "C5: the result is %s: allowed is [1] of f32", RESQ_TYPE(ratio));
  return true;
}

bool resqVerifyDiagonalOrder(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), order = resq_result(op, 0);
  if (!is_square(x, 2) || !is_f64(x))
    return resq_refuse(op, "C1: x is %s: allowed is [n, n] of f64", RESQ_TYPE(x));
  if (!resq_is_ids(order) || resq_dim(order, 0) != resq_width(x))
    return resq_refuse(op, "C2: the result is %s, but x is %s: allowed is [n] of i32",
                       RESQ_TYPE(order), RESQ_TYPE(x));
  return true;
}

bool resqVerifySumBlocks(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), y = resq_result(op, 0);
  bool groups = resqSumBlocksOpHasInto(op);
  int64_t into = groups ? resqSumBlocksOpGetInto(op) : 1;
  if (!is_square(x, 3) || !is_square(y, groups ? 3 : 2) || resq_width(x) != resq_width(y) ||
      !same_element(x, y) || (groups && resq_dim(y, 0) != into))
    return resq_refuse(op,
                       "C1: x is %s and y is %s: allowed is [blocks, n, n] to [n, n], or to "
                       "[into, n, n] with into, one element type",
                       RESQ_TYPE(x), RESQ_TYPE(y));
  if (groups && (into < 1 || resq_dim(x, 0) % into))
    return resq_refuse(
        op, "C2: into is %" PRId64 ", but x has %" PRId64 " blocks: allowed is a divisor of them",
        into, resq_dim(x, 0));
  return true;
}

/// A list of the op, which is called `name`, cuts n `things` ("rows") into parts of at least one.
/// constraint: "C1".
static bool verify_cuts(MlirOperation op, const char *constraint, const char *name,
                        intptr_t n_parts, const int64_t *parts, const char *things, int64_t n) {
  int64_t left = n;
  for (intptr_t i = 0; i < n_parts; i++) {
    int64_t part = parts[i];
    if (part < 1 || part > left)
      return resq_refuse(op,
                         "%s: %s[%" PRIdPTR "] is %" PRId64 " where %" PRId64 " of %" PRId64
                         " %s are left: allowed are %s from 1 that sum to the order",
                         constraint, name, i, part, left, n, things, name);
    left -= part;
  }
  if (left)
    return resq_refuse(op, "%s: %s sum to %" PRId64 ": allowed is %" PRId64, constraint, name,
                       n - left, n);
  return true;
}

/// C1 of the random block-diagonal matrices.
static bool verify_blocks(MlirOperation op, intptr_t n_sizes, const int64_t *sizes) {
  MlirValue v = resq_result(op, 0);
  if (!is_square(v, 2) || !is_f64(v))
    return resq_refuse(op, "C1: the result is %s: allowed is [n, n] of f64", RESQ_TYPE(v));
  return verify_cuts(op, "C1", "sizes", n_sizes, sizes, "rows", resq_width(v));
}

bool resqVerifyRandomOrthogonal(MlirOperation op) {
  return verify_blocks(op, resqRandomOrthogonalOpGetNumSizes(op),
                       resqRandomOrthogonalOpGetSizes(op));
}

bool resqVerifyRandomMatrix(MlirOperation op) {
  if (!verify_blocks(op, resqRandomMatrixOpGetNumSizes(op), resqRandomMatrixOpGetSizes(op)))
    return false;
  if (resqRandomMatrixOpHasDeparture(op) && !(resqRandomMatrixOpGetDeparture(op) > 0))
    return resq_refuse(op, "C2: departure is %g: allowed is more than 0",
                       resqRandomMatrixOpGetDeparture(op));
  return true;
}

bool resqVerifySketchMatrix(MlirOperation op) {
  MlirValue v = resq_result(op, 0);
  if (resq_rank(v) != 2 || !resq_is_static(v) || !is_f64(v) || resq_dim(v, 0) < 1 ||
      resq_dim(v, 1) < 1)
    return resq_refuse(op, "C1: the result is %s: allowed is [rows, n] of f64, both at least 1",
                       RESQ_TYPE(v));
  return true;
}

bool resqVerifyHadamardMatrix(MlirOperation op) {
  MlirValue v = resq_result(op, 0);
  if (!is_square(v, 2) || !is_f64(v))
    return resq_refuse(op, "C1: the result is %s: allowed is [n, n] of f64", RESQ_TYPE(v));
  if (!resqHadamardMatrixOpGetOrOrthogonal(op) && !resqHadamardOrder(resq_width(v)))
    return resq_refuse(op,
                       "C1: no Hadamard matrix of order %" PRId64
                       " is known here: allowed is K * 2^n for K = 1 or a Paley order "
                       "(docs/dialect.md), or or_orthogonal",
                       resq_width(v));
  return true;
}

bool resqVerifyBalancedBasis(MlirOperation op) {
  MlirValue v = resq_result(op, 0);
  if (!is_f64(v) || !(is_square(v, 2) || is_square(v, 3)))
    return resq_refuse(op, "C1: the type is %s: allowed is [n, n] or [blocks, n, n] of f64",
                       RESQ_TYPE(v));
  return true;
}

bool resqVerifyInverseTranspose(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), y = resq_result(op, 0);
  if (!(is_square(x, 2) || is_square(x, 3)) || !(is_f64(x) || resq_is_f32(x)))
    return resq_refuse(op, "C1: x is %s: allowed is [n, n] or [blocks, n, n] of f32 or f64",
                       RESQ_TYPE(x));
  if (!resq_shapes_agree(x, y, -1) || !is_f64(y))
    return resq_refuse(op, "C2: y is %s, but x is %s: allowed is x's shape of f64", RESQ_TYPE(y),
                       RESQ_TYPE(x));
  return true;
}

/// y = a b: a leading batch of either is kept, and two batches are the same.
static bool product_fits(MlirValue a, MlirValue b, MlirValue y) {
  int64_t ra = resq_rank(a), rb = resq_rank(b), r = ra > rb ? ra : rb;
  if (ra < 2 || ra > 3 || rb < 2 || rb > 3 || resq_rank(y) != r)
    return false;
  if (resq_width(a) != resq_dim(b, (intptr_t)rb - 2) || resq_width(y) != resq_width(b) ||
      resq_dim(y, (intptr_t)r - 2) != resq_dim(a, (intptr_t)ra - 2))
    return false;
  return (ra < 3 || resq_dim(y, 0) == resq_dim(a, 0)) &&
         (rb < 3 || resq_dim(y, 0) == resq_dim(b, 0));
}

bool resqVerifyMatmul(MlirOperation op) {
  MlirValue a = resq_operand(op, 0), b = resq_operand(op, 1), y = resq_result(op, 0);
  if (!product_fits(a, b, y) || !resq_is_float(a) || !resq_is_float(b) || !resq_is_float(y))
    return resq_refuse(op,
                       "C1: a is %s, b is %s and y is %s: allowed is [.., m, k] by [.., k, n] to "
                       "[.., m, n] of floats",
                       RESQ_TYPE(a), RESQ_TYPE(b), RESQ_TYPE(y));
  return true;
}

bool resqVerifyTranspose(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), y = resq_result(op, 0);
  int64_t rank = resq_rank(x);
  bool fits = rank >= 2 && resq_rank(y) == rank && same_element(x, y);
  for (int64_t i = 0; fits && i < rank; i++) {
    int64_t from = i < rank - 2 ? i : i == rank - 2 ? rank - 1 : rank - 2;
    fits = resq_dim(y, (intptr_t)i) == resq_dim(x, (intptr_t)from);
  }
  if (!fits)
    return resq_refuse(
        op, "C1: x is %s and y is %s: allowed is [.., m, n] to [.., n, m], one element type",
        RESQ_TYPE(x), RESQ_TYPE(y));
  return true;
}

bool resqVerifyKron(MlirOperation op) {
  MlirValue a = resq_operand(op, 0), b = resq_operand(op, 1), y = resq_result(op, 0);
  bool fits = resq_rank(a) == 2 && resq_rank(b) == 2 && resq_rank(y) == 2 && resq_is_static(a) &&
              resq_is_static(b) && same_element(a, b) && same_element(a, y);
  for (intptr_t i = 0; fits && i < 2; i++) {
    int64_t extent;
    fits = !__builtin_mul_overflow(resq_dim(a, i), resq_dim(b, i), &extent) &&
           extent == resq_dim(y, i);
  }
  if (!fits)
    return resq_refuse(op,
                       "C1: a is %s, b is %s and y is %s: allowed is [m, n] by [p, q] to [m * p, n "
                       "* q], one element type",
                       RESQ_TYPE(a), RESQ_TYPE(b), RESQ_TYPE(y));
  return true;
}

bool resqVerifyEye(MlirOperation op) {
  MlirValue v = resq_result(op, 0);
  if (!is_square(v, 2) || !(is_f64(v) || resq_is_f32(v)))
    return resq_refuse(op, "C1: the result is %s: allowed is [n, n] of f64 or f32", RESQ_TYPE(v));
  return true;
}

bool resqVerifyScaleColumns(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), gain = resq_operand(op, 1), y = resq_result(op, 0);
  if (resq_rank(gain) != 1 || !resq_is_float(gain) || resq_rank(x) < 1 || resq_dim(gain, 0) < 0 ||
      resq_dim(gain, 0) != resq_width(x))
    return resq_refuse(op, "C1: gain is %s, but x is %s: allowed is [width] of a float",
                       RESQ_TYPE(gain), RESQ_TYPE(x));
  if (!resq_same_type(x, y))
    return resq_refuse(op, "C2: y is %s: allowed is x's type, %s", RESQ_TYPE(y), RESQ_TYPE(x));
  return true;
}

bool resqVerifyDeinterleave(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), y = resq_result(op, 0);
  int64_t heads = resqDeinterleaveOpGetHeads(op), rows = resq_rank(x) < 1 ? 0 : resq_dim(x, 0);
  if (heads < 1 || rows < 1 || rows % heads || rows / heads % 2)
    return resq_refuse(op,
                       "C1: heads is %" PRId64
                       ", but x is %s: allowed is a number of rows that is a multiple of 2 * heads",
                       heads, RESQ_TYPE(x));
  if (!resq_same_type(x, y))
    return resq_refuse(op, "C2: y is %s: allowed is x's type, %s", RESQ_TYPE(y), RESQ_TYPE(x));
  return true;
}

bool resqVerifyCast(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), y = resq_result(op, 0);
  if (!resq_shapes_agree(x, y, -1))
    return resq_refuse(op, "C1: y is %s: allowed is x's shape, that of %s", RESQ_TYPE(y),
                       RESQ_TYPE(x));
  if (!resq_is_float(x) || !resq_is_float(y))
    return resq_refuse(op, "C2: x is %s and y is %s: allowed is f16, bf16, f32 or f64",
                       RESQ_TYPE(x), RESQ_TYPE(y));
  return true;
}

/// Quant "row" codes without zero, of x's shape.
static bool is_codes_of(MlirValue y, MlirValue x) {
  MlirType quant = resq_element(y);
  return resqTypeIsQuant(quant) && resq_is_static(y) && resq_shapes_agree(x, y, -1) &&
         !resqQuantTypeGetZero(quant) && !resqQuantTypeIsPacked(quant);
}

bool resqVerifyQuantizeWeight(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), y = resq_result(op, 0);
  int64_t steps = resqQuantizeWeightOpGetSteps(op);
  if (resq_rank(x) != 2 || !resq_is_static(x) || !resq_is_float(x))
    return resq_refuse(op, "C1: x is %s: allowed is [out, in] of a float", RESQ_TYPE(x));
  MlirType quant = resq_element(y);
  if (!is_codes_of(y, x))
    return resq_refuse(op,
                       "C2: y is %s, but x is %s: allowed is x's shape of quant with zero = false, "
                       "layout = row",
                       RESQ_TYPE(y), RESQ_TYPE(x));
  if (resq_width(x) % resqQuantTypeGetGroup(quant))
    return resq_refuse(
        op, "C3: group is %" PRId64 ", but x is %" PRId64 " wide: allowed is a divisor of it",
        resqQuantTypeGetGroup(quant), resq_width(x));
  if (steps < 1 || steps > 39)
    return resq_refuse(op, "C4: steps is %" PRId64 ": allowed is 1 to 39", steps);
  return true;
}

//===-- GPTQ --------------------------------------------------------------===//

/// [n] of i32 and [n, n] of f32.
static bool is_order_and_factor(MlirValue order, MlirValue factor, int64_t n) {
  return resq_is_i32(order) && resq_rank(order) == 1 && resq_dim(order, 0) == n &&
         resq_is_f32(factor) && is_square(factor, 2) && resq_width(factor) == n;
}

bool resqVerifyGptqFactor(MlirOperation op) {
  MlirValue moment = resq_operand(op, 0), order = resq_result(op, 0), factor = resq_result(op, 1);
  double damping = resqGptqFactorOpGetDamping(op);
  if (!is_square(moment, 2) || !is_f64(moment))
    return resq_refuse(op, "C1: moment is %s: allowed is [n, n] of f64", RESQ_TYPE(moment));
  int64_t n = resq_width(moment);
  if (!verify_cuts(op, "C2", "parts", resqGptqFactorOpGetNumParts(op), resqGptqFactorOpGetParts(op),
                   "columns", n))
    return false;
  if (!is_order_and_factor(order, factor, n))
    return resq_refuse(op,
                       "C3: order is %s and factor %s: allowed is [%" PRId64
                       "] of i32 and [%" PRId64 ", %" PRId64 "] of f32",
                       RESQ_TYPE(order), RESQ_TYPE(factor), n, n, n);
  if (!(damping > 0 && damping <= 1))
    return resq_refuse(op, "C4: damping is %g: allowed is above 0, at most 1", damping);
  return true;
}

bool resqVerifyGptqWeight(MlirOperation op) {
  intptr_t n_weights = mlirOperationGetNumOperands(op) - 2;
  int64_t steps = resqGptqWeightOpGetSteps(op), width = 0;
  for (intptr_t i = 0; i < n_weights; i++) {
    MlirValue w = resq_operand(op, i);
    if (resq_rank(w) != 2 || !resq_is_static(w) || !resq_is_float(w) ||
        resq_dim(w, 0) != resq_dim(resq_operand(op, 0), 0))
      return resq_refuse(op,
                         "C1: weight %" PRIdPTR
                         " is %s: allowed is [out, in] of a float, out that of the first",
                         i, RESQ_TYPE(w));
    width += resq_width(w);
  }
  if (mlirOperationGetNumResults(op) != n_weights || n_weights < 1)
    return resq_refuse(op,
                       "C2: there are %" PRIdPTR " weights and %" PRIdPTR
                       " codes: allowed is as many, at least one",
                       n_weights, mlirOperationGetNumResults(op));
  for (intptr_t i = 0; i < n_weights; i++) {
    MlirValue w = resq_operand(op, i), y = resq_result(op, i);
    if (!is_codes_of(y, w))
      return resq_refuse(op,
                         "C2: codes %" PRIdPTR
                         " are %s, but the weight is %s: allowed is its shape "
                         "of quant with zero = false, layout = row",
                         i, RESQ_TYPE(y), RESQ_TYPE(w));
    int64_t group = resqQuantTypeGetGroup(resq_element(y));
    if (resq_width(w) % group)
      return resq_refuse(op,
                         "C3: group %" PRIdPTR " is %" PRId64 ", but the weight is %" PRId64
                         " wide: allowed is a divisor of it",
                         i, group, resq_width(w));
  }
  MlirValue order = resq_operand(op, n_weights), factor = resq_operand(op, n_weights + 1);
  if (!is_order_and_factor(order, factor, width))
    return resq_refuse(op,
                       "C4: order is %s and factor %s: allowed is [%" PRId64
                       "] of i32 and [%" PRId64 ", %" PRId64 "] of f32",
                       RESQ_TYPE(order), RESQ_TYPE(factor), width, width, width);
  if (steps < 1 || steps > 39)
    return resq_refuse(op, "C5: steps is %" PRId64 ": allowed is 1 to 39", steps);
  return true;
}

//===-- Packing -----------------------------------------------------------===//

/// The same quant type but for its layout, row to a packed one.
static bool is_retiled(MlirType row, MlirType tiled) {
  return resqTypeIsQuant(row) && resqTypeIsQuant(tiled) && !resqQuantTypeIsPacked(row) &&
         !resqQuantTypeGetZero(row) && resqQuantTypeIsPacked(tiled) &&
         mlirTypeEqual(resqQuantTypePack(row, resqQuantTypeGetPacking(tiled).group), tiled);
}

bool resqVerifyPack(MlirOperation op) {
  MlirValue x = resq_operand(op, 0), y = resq_result(op, 0);
  if (resq_rank(x) != 2 || !resq_is_static(x) || !resq_is_static(y) || !resq_shapes_agree(x, y, -1))
    return resq_refuse(op, "C1: x is %s and y is %s: allowed is [out, in] for both", RESQ_TYPE(x),
                       RESQ_TYPE(y));
  bool to_panel = resq_is_float(x) && resqTypeIsPanel(resq_element(y));
  if (!to_panel && !is_retiled(resq_element(x), resq_element(y)))
    return resq_refuse(op,
                       "C2: x is %s and y is %s: allowed is a float to a panel, or quant in "
                       "layout row to the same quant in layout n16k4",
                       RESQ_TYPE(x), RESQ_TYPE(y));
  if (to_panel)
    return true;
  int64_t group = resqQuantTypeGetPacking(resq_element(y)).group, in = resq_width(x);
  int64_t own = resqQuantTypeGetGroup(resq_element(x));
  if (in % group || (own != group && own != in))
    return resq_refuse(op,
                       "C3: y is packed for groups of %" PRId64
                       ", but x is %s: allowed is a divisor of %" PRId64
                       ", where the weight's own group is that or the whole row",
                       group, RESQ_TYPE(x), in);
  return true;
}
