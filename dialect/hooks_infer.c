//===-- hooks_infer.c - result types from operands and attributes ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Inference runs before any verifier: operands may be missing or of any type. A rule
// refuses only what no type can be made of; whether the op makes sense, its verifier
// says when it stands in a module.
//===----------------------------------------------------------------------===//
#include "dialect/check.h"
#include "dialect/hooks.h"
#include "dialect/memory.h"
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

static const MlirType no_type = {NULL};

/// Emits "'resq.linear' op MESSAGE", unless nobody wants to hear it.
static __attribute__((format(printf, 3, 4))) MlirType refuse(MlirLocation loc, const resq_parts *in,
                                                             const char *format, ...) {
  char message[900];
  va_list args;
  va_start(args, format);
  vsnprintf(message, sizeof message, format, args);
  va_end(args);
  if (!mlirLocationIsNull(loc))
    resq_emit_error_at(loc, "'%.*s' op %s", (int)in->name.length, in->name.data, message);
  return no_type;
}

//===-- Operands and attributes -------------------------------------------===//

enum { any_rank = INT16_MAX };

/// Operand i where it is a tensor with a rank in least .. most; else null, after an error.
static MlirValue tensor_operand(MlirLocation loc, const resq_parts *in, intptr_t i, int least,
                                int most) {
  const MlirValue none = {NULL};
  if (i < 0 || i >= in->n_operands) {
    refuse(loc, in, "operand %" PRIdPTR " is missing: allowed is a tensor", i);
    return none;
  }
  MlirType type = mlirValueGetType(in->operands[i]);
  int64_t rank = mlirTypeIsARankedTensor(type) ? mlirShapedTypeGetRank(type) : -1;
  if (rank >= least && rank <= most)
    return in->operands[i];
  char allowed[48] = "";
  if (most == least)
    snprintf(allowed, sizeof allowed, " of rank %d", least);
  else if (most < any_rank)
    snprintf(allowed, sizeof allowed, " of rank %d to %d", least, most);
  else if (least > 0)
    snprintf(allowed, sizeof allowed, " of rank %d or more", least);
  refuse(loc, in, "operand %" PRIdPTR " is %s: allowed is a tensor%s", i,
         resq_print_type(type).text, allowed);
  return none;
}

/// `otherwise`, which is not allowed, stands for an attribute that is absent.
static int64_t integer(const resq_parts *in, const char *name, int64_t otherwise) {
  MlirAttribute attr = in->attr(in->scope, resq_str(name));
  bool is_integer = !mlirAttributeIsNull(attr) && mlirAttributeIsAInteger(attr);
  return is_integer ? mlirIntegerAttrGetValueInt(attr) : otherwise;
}

//===-- Making types ------------------------------------------------------===//

static MlirType matrix(int64_t rows, int64_t width, MlirType element) {
  return resq_tensor(element, 2, (int64_t[]){rows, width});
}

static MlirType f32_of(MlirValue v) {
  return mlirF32TypeGet(mlirTypeGetContext(mlirValueGetType(v)));
}

/// x's shape with extents a and b at dimensions i and j.
static MlirType reshaped(MlirValue x, intptr_t i, int64_t a, intptr_t j, int64_t b,
                         MlirType element) {
  intptr_t rank = (intptr_t)resq_rank(x);
  int64_t *shape = resq_new((size_t)(rank + 1), sizeof *shape);
  for (intptr_t d = 0; d < rank; d++)
    shape[d] = d == i ? a : d == j ? b : resq_dim(x, d);
  MlirType type = resq_tensor(element, rank, shape);
  free(shape);
  return type;
}

/// Tensors along `dim`: extents there add up, and elsewhere one that knows its extent says it.
static MlirType side_by_side(MlirLocation loc, const resq_parts *in, intptr_t n, int64_t dim) {
  MlirValue first = in->operands[0];
  int64_t rank = resq_rank(first), *shape = resq_new((size_t)(rank + 1), sizeof *shape);
  for (int64_t d = 0; d < rank; d++)
    shape[d] = resq_dim(first, (intptr_t)d);
  MlirType type = no_type;
  intptr_t i = 1;
  for (; i < n; i++) {
    MlirValue part = tensor_operand(loc, in, i, (int)rank, (int)rank);
    if (mlirValueIsNull(part))
      break;
    for (int64_t d = 0; d < rank; d++)
      if (d != dim && shape[d] < 0)
        shape[d] = resq_dim(part, (intptr_t)d);
    int64_t extent = resq_dim(part, (intptr_t)dim);
    if (shape[dim] < 0 || extent < 0)
      shape[dim] = -1;
    else if (__builtin_add_overflow(shape[dim], extent, &shape[dim])) {
      refuse(loc, in, "the operands add up to more than 2^63 - 1 along dim %" PRId64, dim);
      break;
    }
  }
  if (i == n)
    type = resq_tensor(resq_element(first), (intptr_t)rank, shape);
  free(shape);
  return type;
}

//===-- Model ops ---------------------------------------------------------===//

MlirType resqInferFirst(MlirLocation loc, const resq_parts *in, intptr_t result) {
  (void)result;
  MlirValue x = tensor_operand(loc, in, 0, 0, any_rank);
  return mlirValueIsNull(x) ? no_type : mlirValueGetType(x);
}

MlirType resqInferEmbed(MlirLocation loc, const resq_parts *in, intptr_t result) {
  (void)result;
  MlirValue tokens = tensor_operand(loc, in, 0, 1, 1);
  MlirValue table = mlirValueIsNull(tokens) ? tokens : tensor_operand(loc, in, 1, 2, 2);
  if (mlirValueIsNull(table))
    return no_type;
  return matrix(resq_dim(tokens, 0), resq_dim(table, 1), f32_of(table));
}

/// x W^T for operands x and weight of an op.
static MlirType product(MlirLocation loc, const resq_parts *in, intptr_t x_at, intptr_t weight_at) {
  MlirValue x = tensor_operand(loc, in, x_at, 2, 2);
  MlirValue weight = mlirValueIsNull(x) ? x : tensor_operand(loc, in, weight_at, 2, 2);
  if (mlirValueIsNull(weight))
    return no_type;
  return matrix(resq_dim(x, 0), resq_dim(weight, 0), f32_of(x));
}

MlirType resqInferProduct(MlirLocation loc, const resq_parts *in, intptr_t result) {
  (void)result;
  return product(loc, in, 0, 1);
}

MlirType resqInferGatherRows(MlirLocation loc, const resq_parts *in, intptr_t result) {
  (void)result;
  MlirValue x = tensor_operand(loc, in, 0, 2, 2);
  MlirValue rows = mlirValueIsNull(x) ? x : tensor_operand(loc, in, 1, 1, 1);
  if (mlirValueIsNull(rows))
    return no_type;
  return matrix(resq_dim(rows, 0), resq_dim(x, 1), resq_element(x));
}

//===-- Method ops --------------------------------------------------------===//

MlirType resqInferSplit(MlirLocation loc, const resq_parts *in, intptr_t result) {
  MlirValue x = tensor_operand(loc, in, 0, 1, any_rank);
  if (mlirValueIsNull(x))
    return no_type;
  int64_t block = integer(in, "block", 0), high = integer(in, "high", 0), width = resq_width(x);
  if (block < 1 || width < block || width % block)
    return refuse(loc, in,
                  "C1: block is %" PRId64
                  ", but the whole is %s: allowed is a divisor of its last dimension",
                  block, RESQ_TYPE(x));
  if (high < 1 || high >= block)
    return refuse(loc, in, "C2: high is %" PRId64 ": allowed is 1 to %" PRId64, high, block - 1);
  int64_t part = width / block * (result == 0 ? block - high : high);
  return reshaped(x, (intptr_t)resq_rank(x) - 1, part, -1, 0, resq_element(x));
}

MlirType resqInferJoin(MlirLocation loc, const resq_parts *in, intptr_t result) {
  (void)result;
  MlirValue low = tensor_operand(loc, in, 0, 1, any_rank);
  return mlirValueIsNull(low) ? no_type : side_by_side(loc, in, 2, resq_rank(low) - 1);
}

MlirType resqInferConcat(MlirLocation loc, const resq_parts *in, intptr_t result) {
  (void)result;
  if (in->n_operands < 1)
    return refuse(loc, in, "C1: there are no parts: allowed is one or more");
  MlirValue first = tensor_operand(loc, in, 0, 1, any_rank);
  if (mlirValueIsNull(first))
    return no_type;
  int64_t dim = integer(in, "dim", -1);
  if (dim < 0 || dim >= resq_rank(first))
    return refuse(loc, in, "C2: dim is %" PRId64 ", but part 0 is %s: allowed is 0 to %" PRId64,
                  dim, RESQ_TYPE(first), resq_rank(first) - 1);
  return side_by_side(loc, in, in->n_operands, dim);
}

MlirType resqInferDequantize(MlirLocation loc, const resq_parts *in, intptr_t result) {
  (void)result;
  MlirValue q = tensor_operand(loc, in, 0, 0, any_rank);
  return mlirValueIsNull(q) ? no_type : reshaped(q, -1, 0, -1, 0, f32_of(q));
}

MlirType resqInferQLinear(MlirLocation loc, const resq_parts *in, intptr_t result) {
  (void)result;
  MlirAttribute sizes = in->attr(in->scope, resq_str("operandSegmentSizes"));
  bool has_sizes = !mlirAttributeIsNull(sizes) && mlirAttributeIsADenseI32Array(sizes) &&
                   mlirDenseArrayGetNumElements(sizes) == 3;
  int32_t n = has_sizes ? mlirDenseI32ArrayGetElement(sizes, 0) : 0;
  int32_t m = has_sizes ? mlirDenseI32ArrayGetElement(sizes, 1) : 0;
  if (n != m || n < 1)
    return refuse(
        loc, in,
        "C1: there are %d activations and %d weights: allowed is as many of both, at least one",
        (int)n, (int)m);
  return product(loc, in, 0, n);
}

//===-- Recipe ops --------------------------------------------------------===//

MlirType resqInferSumBlocks(MlirLocation loc, const resq_parts *in, intptr_t result) {
  (void)result;
  MlirValue x = tensor_operand(loc, in, 0, 3, 3);
  if (mlirValueIsNull(x))
    return no_type;
  int64_t into = integer(in, "into", 0);
  if (into)
    return reshaped(x, 0, into, -1, 0, resq_element(x));
  return matrix(resq_dim(x, 1), resq_dim(x, 2), resq_element(x));
}

MlirType resqInferInverseTranspose(MlirLocation loc, const resq_parts *in, intptr_t result) {
  (void)result;
  MlirValue x = tensor_operand(loc, in, 0, 2, 3);
  if (mlirValueIsNull(x))
    return no_type;
  MlirContext ctx = mlirTypeGetContext(mlirValueGetType(x));
  return reshaped(x, -1, 0, -1, 0, mlirF64TypeGet(ctx));
}

/// The element that rounds less, of two floats.
static MlirType finer(MlirType a, MlirType b) {
  bool a_is = mlirTypeIsAF64(a) || (mlirTypeIsAF32(a) && !mlirTypeIsAF64(b));
  return a_is ? a : b;
}

MlirType resqInferMatmul(MlirLocation loc, const resq_parts *in, intptr_t result) {
  (void)result;
  MlirValue a = tensor_operand(loc, in, 0, 2, 3);
  MlirValue b = mlirValueIsNull(a) ? a : tensor_operand(loc, in, 1, 2, 3);
  if (mlirValueIsNull(b))
    return no_type;
  MlirValue batched = resq_rank(a) >= resq_rank(b) ? a : b;
  intptr_t last = (intptr_t)resq_rank(batched) - 1;
  return reshaped(batched, last - 1, resq_dim(a, (intptr_t)resq_rank(a) - 2), last, resq_width(b),
                  finer(resq_element(a), resq_element(b)));
}

MlirType resqInferTranspose(MlirLocation loc, const resq_parts *in, intptr_t result) {
  (void)result;
  MlirValue x = tensor_operand(loc, in, 0, 2, any_rank);
  if (mlirValueIsNull(x))
    return no_type;
  intptr_t last = (intptr_t)resq_rank(x) - 1;
  return reshaped(x, last - 1, resq_dim(x, last), last, resq_dim(x, last - 1), resq_element(x));
}

MlirType resqInferKron(MlirLocation loc, const resq_parts *in, intptr_t result) {
  (void)result;
  MlirValue a = tensor_operand(loc, in, 0, 2, 2);
  MlirValue b = mlirValueIsNull(a) ? a : tensor_operand(loc, in, 1, 2, 2);
  if (mlirValueIsNull(b))
    return no_type;
  int64_t shape[2];
  for (intptr_t i = 0; i < 2; i++)
    if (resq_dim(a, i) < 0 || resq_dim(b, i) < 0 ||
        __builtin_mul_overflow(resq_dim(a, i), resq_dim(b, i), &shape[i]))
      return refuse(loc, in,
                    "C1: a is %s and b is %s: allowed is [m, n] by [p, q] to [m * p, n * q]",
                    RESQ_TYPE(a), RESQ_TYPE(b));
  return matrix(shape[0], shape[1], resq_element(a));
}

//===-- Inferred against given --------------------------------------------===//

// Extents may be dynamic on one side, as verifiers allow. Elements are theirs to compare:
// a product may round to a coarser one than is inferred.
bool resqTypesAgree(MlirType inferred, MlirType given) {
  if (!mlirTypeIsARankedTensor(given) ||
      mlirShapedTypeGetRank(inferred) != mlirShapedTypeGetRank(given))
    return false;
  for (intptr_t i = 0; i < (intptr_t)mlirShapedTypeGetRank(given); i++)
    if (!mlirShapedTypeIsDynamicDim(inferred, i) && !mlirShapedTypeIsDynamicDim(given, i) &&
        mlirShapedTypeGetDimSize(inferred, i) != mlirShapedTypeGetDimSize(given, i))
      return false;
  return true;
}
