//===-- lower_generic_ops.c - each op's definition and its arguments ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Values of resq types become values of upstream types: a panel one f32 matrix, a
// quantised weight codes and scales, a quantised activation codes, scales and zero
// points. Until all readers are lowered, an unrealized_conversion_cast ties them to
// the value they stand for.
//===----------------------------------------------------------------------===//
#include "passes/lower_generic.h"
#include <stdlib.h>
#include <string.h>

//===-- Arguments ---------------------------------------------------------===//

static MlirValue constant(generic *g, MlirType type, MlirAttribute value) {
  MlirNamedAttribute attr = resq_attr(g->ctx, "value", value);
  return resq_build_value(&g->b, "arith.constant", 0, NULL, type, 1, &attr);
}

static MlirValue index_of(generic *g, int64_t value) {
  MlirType type = mlirIndexTypeGet(g->ctx);
  return constant(g, type, mlirIntegerAttrGet(type, value));
}

static MlirValue integer(generic *g, unsigned width, int64_t value) {
  MlirType type = mlirIntegerTypeGet(g->ctx, width);
  return constant(g, type, mlirIntegerAttrGet(type, value));
}

static MlirValue real(generic *g, MlirOperation op, const char *name) {
  MlirType type = mlirF32TypeGet(g->ctx);
  return constant(g, type, mlirFloatAttrDoubleGet(g->ctx, type, resq_op_f64(op, name)));
}

/// A vector of n equal numbers: what stands for an absent gain, bias or factor.
static MlirValue splat(generic *g, int64_t n, double value) {
  MlirType type = resq_tensor(mlirF32TypeGet(g->ctx), 1, &n);
  return constant(g, type, mlirDenseElementsAttrFloatSplatGet(type, (float)value));
}

static MlirValue operand(MlirOperation op, intptr_t i) { return mlirOperationGetOperand(op, i); }

static MlirValue extent(generic *g, MlirValue v, int64_t dim) {
  MlirValue args[] = {v, index_of(g, dim)};
  return resq_build_value(&g->b, "tensor.dim", 2, args, mlirIndexTypeGet(g->ctx), 0, NULL);
}

static MlirOperation cast_op(generic *g, intptr_t n, const MlirValue *parts, MlirType type) {
  return resq_build_op(&g->b, "builtin.unrealized_conversion_cast", n, parts, 1, &type, 0, NULL);
}

/// The parts of a value of a resq type, as an earlier step left them. False after an error.
static bool parts_of(generic *g, MlirValue v, intptr_t n, MlirValue *parts) {
  MlirOperation cast = resq_defining_op(v);
  if (!resq_op_is(cast, "builtin.unrealized_conversion_cast") ||
      mlirOperationGetNumOperands(cast) != n) {
    resq_emit_error_at(g->b.loc, "an operand of a resq type is not made by an op of this function");
    return false;
  }
  for (intptr_t i = 0; i < n; i++)
    parts[i] = mlirOperationGetOperand(cast, i);
  return true;
}

/// A float matrix in f32, whatever it is stored in.
static bool matrix(generic *g, MlirValue v, MlirValue *out) {
  MlirType element = resq_element(v);
  *out = v;
  if (resqTypeIsPanel(element))
    return parts_of(g, v, 1, out);
  if (mlirTypeIsABF16(element))
    return resq_define(&g->definitions, &g->b, "widen_bf16", 1, &v, 1, out);
  if (mlirTypeIsAF16(element))
    return resq_define(&g->definitions, &g->b, "widen_f16", 1, &v, 1, out);
  return true;
}

/// Inlines the definition with one result per result of op, and replaces op.
static bool define(generic *g, MlirOperation op, const char *name, intptr_t n, const MlirValue *args) {
  MlirValue y;
  if (!resq_define(&g->definitions, &g->b, name, n, args, 1, &y))
    return false;
  y = resq_cast_shape(&g->b, y, mlirValueGetType(mlirOperationGetResult(op, 0)));
  resq_replace(op, 1, &y);
  return true;
}

//===-- Parameters --------------------------------------------------------===//

static bool is_first_weight_of(MlirOpOperand use, int64_t *group) {
  MlirOperation op = mlirOpOperandGetOwner(use);
  if (!resq_op_is(op, "resq.qlinear"))
    return false;
  intptr_t branches = mlirDenseI32ArrayGetElement(resq_op_attr(op, "operandSegmentSizes"), 0);
  intptr_t branch = (intptr_t)mlirOpOperandGetOperandNumber(use) - branches;
  if (branch < 0 || branch >= branches)
    return false;
  *group = resqQuantTypeGetGroup(resq_element(operand(op, branch)));
  return true;
}

int64_t generic_activation_group(MlirValue weight) {
  int64_t group = resqQuantTypeGetGroup(resq_element(weight));
  MlirOpOperand use = mlirValueGetFirstUse(weight);
  for (; !mlirOpOperandIsNull(use); use = mlirOpOperandGetNextUse(use))
    if (is_first_weight_of(use, &group))
      break;
  return group;
}

int64_t generic_code_bytes(MlirType weight, int64_t group) {
  int64_t n = mlirShapedTypeGetDimSize(weight, 0), k = mlirShapedTypeGetDimSize(weight, 1);
  int64_t step = resqQuantTypeGetBits(mlirShapedTypeGetElementType(weight)) <= 4 ? 8 : 4;
  int64_t padded = k / group * ((group + 7) / 8 * 8);
  return (n + 15) / 16 * (padded / step) * 64;
}

static bool unpack_quant(generic *g, MlirOperation get, MlirValue stored) {
  MlirValue value = mlirOperationGetResult(get, 0);
  MlirType type = mlirValueGetType(value), element = resq_element(value);
  int64_t group = generic_activation_group(value), n = resq_dim(value, 0), k = resq_dim(value, 1);
  int64_t groups = k / resqQuantTypeGetGroup(element);
  MlirValue parts[2];
  MlirValue codes[] = {stored, index_of(g, n), index_of(g, k), index_of(g, group)};
  MlirValue scales[] = {stored, index_of(g, generic_code_bytes(type, group)), codes[1],
                        index_of(g, groups)};
  const char *name = resqQuantTypeGetBits(element) <= 4 ? "unpack_codes_4" : "unpack_codes_8";
  if (!resq_define(&g->definitions, &g->b, name, 4, codes, 1, &parts[0]) ||
      !resq_define(&g->definitions, &g->b, "unpack_scales", 4, scales, 1, &parts[1]))
    return false;
  value = mlirOperationGetResult(cast_op(g, 2, parts, type), 0);
  resq_replace(get, 1, &value);
  return true;
}

static bool unpack_panel(generic *g, MlirOperation get, MlirValue stored) {
  MlirValue value = mlirOperationGetResult(get, 0);
  MlirType type = mlirValueGetType(value), element = resqPanelTypeGetElement(resq_element(value));
  const char *name = mlirTypeIsABF16(element)  ? "unpack_panel_bf16"
                     : mlirTypeIsAF16(element) ? "unpack_panel_f16"
                                               : "unpack_panel_f32";
  MlirValue args[] = {stored, index_of(g, resq_dim(value, 0))}, part;
  if (!resq_define(&g->definitions, &g->b, name, 2, args, 1, &part))
    return false;
  value = mlirOperationGetResult(cast_op(g, 1, &part, type), 0);
  resq_replace(get, 1, &value);
  return true;
}

static bool lower_get(generic *g, MlirOperation op) {
  MlirValue stored = generic_argument(g, resq_op_str(op, "param"));
  MlirType element = resq_element(mlirOperationGetResult(op, 0));
  if (resqTypeIsQuant(element))
    return unpack_quant(g, op, stored);
  if (resqTypeIsPanel(element))
    return unpack_panel(g, op, stored);
  resq_replace(op, 1, &stored);
  return true;
}

//===-- Model ops ---------------------------------------------------------===//

static bool lower_embed(generic *g, MlirOperation op) {
  MlirValue args[] = {operand(op, 0), {NULL}};
  return matrix(g, operand(op, 1), &args[1]) && define(g, op, "embed", 2, args);
}

static bool lower_rms_norm(generic *g, MlirOperation op) {
  MlirValue x = operand(op, 0);
  MlirValue gain = mlirOperationGetNumOperands(op) > 1 ? operand(op, 1) : splat(g, resq_width(x), 1);
  MlirValue args[] = {x, gain, real(g, op, "eps")};
  return define(g, op, "rms_norm", 3, args);
}

static bool lower_linear(generic *g, MlirOperation op) {
  bool has_bias = mlirOperationGetNumOperands(op) > 2;
  MlirValue args[] = {operand(op, 0), {NULL}, has_bias ? operand(op, 2) : (MlirValue){NULL}};
  return matrix(g, operand(op, 1), &args[1]) &&
         define(g, op, has_bias ? "linear" : "product", has_bias ? 3 : 2, args);
}

static bool lower_rope_angles(generic *g, MlirOperation op) {
  int64_t half = resq_width(mlirOperationGetResult(op, 0)) / 2;
  MlirValue factors = mlirOperationGetNumOperands(op) > 1 ? operand(op, 1) : splat(g, half, 1);
  MlirValue args[] = {operand(op, 0), factors, real(g, op, "base")};
  return define(g, op, "rope_angles", 3, args);
}

static bool lower_rope(generic *g, MlirOperation op) {
  MlirValue args[] = {operand(op, 0), operand(op, 1), index_of(g, resq_op_i64(op, "head_size"))};
  return define(g, op, "rope", 3, args);
}

static bool lower_gate(generic *g, MlirOperation op) {
  MlirValue args[] = {operand(op, 0), operand(op, 1)};
  return define(g, op, "silu_gate", 2, args);
}

static bool lower_add(generic *g, MlirOperation op) {
  MlirValue args[] = {operand(op, 0), operand(op, 1)};
  return define(g, op, "add", 2, args);
}

static bool lower_gather_rows(generic *g, MlirOperation op) {
  MlirValue args[] = {operand(op, 0), operand(op, 1)};
  return define(g, op, "gather_rows", 2, args);
}

static bool lower_observe(generic *g, MlirOperation op) {
  (void)g;
  mlirOperationDestroy(op);
  return true;
}

//===-- Caches ------------------------------------------------------------===//

static int64_t kind_of(MlirAttribute code) {
  MlirStringRef kind = resqKvCodeAttrGetKind(code);
  return resq_str_eq(kind, "f32") ? 0 : resq_str_eq(kind, "f16") ? 1 : 2;
}

static int64_t vector_bytes(MlirAttribute code, int64_t size) {
  int64_t kind = kind_of(code), bits = resqKvCodeAttrGetBits(code), high = resqKvCodeAttrGetHigh(code);
  if (kind < 2)
    return kind == 0 ? 4 * size : 2 * size;
  return ((size - high) * bits + 7) / 8 + high + (high > 0 ? 6 : 3);
}

int64_t generic_token_bytes(MlirOperation cache) {
  int64_t size = resq_op_i64(cache, "head_size");
  return resq_op_i64(cache, "heads") * (vector_bytes(resq_op_attr(cache, "keys"), size) +
                                        vector_bytes(resq_op_attr(cache, "values"), size));
}

/// kind, bits and high of keys, then of values.
static void code_arguments(generic *g, MlirOperation cache, MlirValue *out) {
  MlirAttribute codes[] = {resq_op_attr(cache, "keys"), resq_op_attr(cache, "values")};
  for (int i = 0; i < 2; i++) {
    out[3 * i] = index_of(g, kind_of(codes[i]));
    out[3 * i + 1] = index_of(g, resqKvCodeAttrGetBits(codes[i]));
    out[3 * i + 2] = index_of(g, resqKvCodeAttrGetHigh(codes[i]));
  }
}

static bool lower_kv_append(generic *g, MlirOperation op) {
  MlirStringRef name = resq_op_str(op, "cache");
  MlirOperation cache = resq_symbol(g->module, name);
  MlirValue args[13] = {operand(op, 0), operand(op, 1), operand(op, 2), operand(op, 3),
                        generic_argument(g, name), g->capacity,
                        index_of(g, resq_op_i64(cache, "head_size"))};
  code_arguments(g, cache, args + 7);
  if (!resq_define(&g->definitions, &g->b, "kv_append", 13, args, 0, NULL))
    return false;
  mlirOperationDestroy(op);
  return true;
}

static bool lower_attention(generic *g, MlirOperation op) {
  MlirStringRef name = resq_op_str(op, "cache");
  MlirOperation cache = resq_symbol(g->module, name);
  MlirValue args[14] = {operand(op, 0), operand(op, 1), operand(op, 2),
                        generic_argument(g, name), g->capacity, real(g, op, "scale"),
                        index_of(g, resq_op_i64(cache, "heads")),
                        index_of(g, resq_op_i64(cache, "head_size"))};
  code_arguments(g, cache, args + 8);
  return define(g, op, "attention", 14, args);
}

//===-- Method ops --------------------------------------------------------===//

/// A rotation matrix as [blocks, size, size] of f32.
static bool rotation(generic *g, MlirValue m, MlirValue *out) {
  MlirType element = resq_element(m);
  *out = m;
  if (mlirShapedTypeGetRank(mlirValueGetType(m)) == 2) {
    int64_t shape[] = {1, resq_dim(m, 0), resq_dim(m, 1)};
    MlirAttribute groups = mlirAttributeParseGet(g->ctx, resq_str("[[0, 1], [2]]"));
    MlirNamedAttribute attrs[] = {resq_attr(g->ctx, "reassociation", groups),
                                  resq_attr(g->ctx, "static_output_shape",
                                            mlirDenseI64ArrayGet(g->ctx, 3, shape))};
    *out = resq_build_value(&g->b, "tensor.expand_shape", 1, &m, resq_tensor(element, 3, shape), 2,
                            attrs);
  }
  if (mlirTypeIsAF64(element))
    return resq_define(&g->definitions, &g->b, "narrow_f64", 1, out, 1, out);
  return true;
}

static bool lower_rotate(generic *g, MlirOperation op) {
  MlirValue args[] = {operand(op, 0), {NULL}, integer(g, 1, resq_op_has(op, "transposed"))};
  return rotation(g, operand(op, 1), &args[1]) && define(g, op, "rotate", 3, args);
}

/// The constant order of a permute as tensor<width x i32>; null when out of memory.
static MlirValue order_constant(generic *g, MlirAttribute order) {
  int64_t n = mlirDenseArrayGetNumElements(order);
  int32_t *columns = malloc(sizeof *columns * (size_t)(n ? n : 1));
  if (!columns)
    return (MlirValue){NULL};
  for (int64_t i = 0; i < n; i++)
    columns[i] = (int32_t)mlirDenseI64ArrayGetElement(order, i);
  MlirType type = resq_tensor(mlirIntegerTypeGet(g->ctx, 32), 1, &n);
  MlirValue value = constant(g, type, mlirDenseElementsAttrInt32Get(type, n, columns));
  free(columns);
  return value;
}

static bool lower_permute(generic *g, MlirOperation op) {
  bool given = mlirOperationGetNumOperands(op) > 1;
  MlirValue args[] = {operand(op, 0),
                      given ? operand(op, 1) : order_constant(g, resq_op_attr(op, "order"))};
  if (mlirValueIsNull(args[1])) {
    resq_emit_error(op, "out of memory for the order of a permutation");
    return false;
  }
  return define(g, op, "permute", 2, args);
}

/// The [order, order] signs, transposed where asked; null when out of memory.
static MlirValue sign_constant(generic *g, int64_t order, bool transposed) {
  size_t n = (size_t)(order * order);
  int8_t *signs = malloc(2 * n);
  if (!signs)
    return (MlirValue){NULL};
  resqHadamardSigns(order, signs);
  for (int64_t i = 0; i < order; i++)
    for (int64_t j = 0; j < order; j++)
      signs[n + (size_t)(i * order + j)] = signs[transposed ? j * order + i : i * order + j];
  int64_t shape[] = {order, order};
  MlirType type = resq_tensor(mlirIntegerTypeGet(g->ctx, 8), 2, shape);
  MlirValue value = constant(g, type, mlirDenseElementsAttrInt8Get(type, (intptr_t)n, signs + n));
  free(signs);
  return value;
}

static bool lower_hadamard(generic *g, MlirOperation op) {
  int64_t size = resq_op_i64(op, "size"), order = resqHadamardOrder(size), stages = 0;
  while (order > 0 && order << stages < size)
    stages++;
  MlirValue signs = {NULL};
  if (order > 0)
    signs = sign_constant(g, order, resq_op_has(op, "transposed"));
  if (mlirValueIsNull(signs)) {
    resq_emit_error(op, "no Hadamard matrix of size %lld, or out of memory for its signs", (long long)size);
    return false;
  }
  MlirValue args[] = {operand(op, 0), signs, index_of(g, size), index_of(g, stages)};
  return define(g, op, "hadamard", 4, args);
}

static bool lower_split(generic *g, MlirOperation op) {
  int64_t block = resq_op_i64(op, "block"), high = resq_op_i64(op, "high");
  MlirValue results[2];
  for (int part = 0; part < 2; part++) {
    MlirValue args[] = {operand(op, 0), index_of(g, block), index_of(g, part ? block - high : 0),
                        index_of(g, part ? high : block - high)};
    if (!resq_define(&g->definitions, &g->b, "split_part", 4, args, 1, &results[part]))
      return false;
    results[part] = resq_cast_shape(&g->b, results[part],
                                    mlirValueGetType(mlirOperationGetResult(op, part)));
  }
  resq_replace(op, 2, results);
  return true;
}

static bool lower_join(generic *g, MlirOperation op) {
  MlirValue args[] = {operand(op, 0), operand(op, 1), index_of(g, resq_op_i64(op, "block")),
                      index_of(g, resq_op_i64(op, "high"))};
  return define(g, op, "join", 4, args);
}

static bool lower_slice(generic *g, MlirOperation op) {
  MlirValue x = operand(op, 0), y = mlirOperationGetResult(op, 0);
  int64_t dim = resq_op_i64(op, "dim"), begin = resq_op_i64(op, "begin");
  MlirValue args[5] = {x};
  for (int64_t d = 0; d < 2; d++) {
    int64_t size = d < mlirShapedTypeGetRank(mlirValueGetType(y)) ? resq_dim(y, d) : 0;
    args[1 + d] = index_of(g, d == dim ? begin : 0);
    args[3 + d] = size < 0 ? extent(g, x, d) : index_of(g, size);
    if (size < 0 && d == dim && begin > 0) {
      resq_emit_error(op, "the sliced extent is dynamic; a static one is lowered");
      return false;
    }
  }
  return define(g, op, "slice", 5, args);
}

static bool lower_concat(generic *g, MlirOperation op) {
  const char *name = resq_op_i64(op, "dim") == 0 ? "concat_rows" : "concat_columns";
  MlirValue y = operand(op, 0);
  for (intptr_t i = 1; i < mlirOperationGetNumOperands(op); i++) {
    MlirValue args[] = {y, operand(op, i)};
    if (!resq_define(&g->definitions, &g->b, name, 2, args, 1, &y))
      return false;
  }
  y = resq_cast_shape(&g->b, y, mlirValueGetType(mlirOperationGetResult(op, 0)));
  resq_replace(op, 1, &y);
  return true;
}

static bool lower_quantize(generic *g, MlirOperation op) {
  MlirType type = mlirValueGetType(mlirOperationGetResult(op, 0));
  MlirType code = mlirShapedTypeGetElementType(type);
  MlirValue args[] = {operand(op, 0), index_of(g, resqQuantTypeGetGroup(code)),
                      integer(g, 32, resqQuantTypeGetBits(code)), real(g, op, "clip")};
  MlirValue parts[3];
  if (!resq_define(&g->definitions, &g->b, "quantize", 4, args, 3, parts))
    return false;
  MlirValue value = mlirOperationGetResult(cast_op(g, 3, parts, type), 0);
  resq_replace(op, 1, &value);
  return true;
}

static bool lower_dequantize(generic *g, MlirOperation op) {
  MlirValue parts[3];
  return parts_of(g, operand(op, 0), 3, parts) && define(g, op, "dequantize", 3, parts);
}

static bool add_branch(generic *g, MlirValue x, MlirValue w, MlirValue *y) {
  MlirValue args[6] = {*y};
  int64_t weight_group = resqQuantTypeGetGroup(resq_element(w));
  const char *name =
      weight_group == resq_width(w) ? "qlinear_row_scale" : "qlinear_group_scale";
  return parts_of(g, x, 3, args + 1) && parts_of(g, w, 2, args + 4) &&
         resq_define(&g->definitions, &g->b, name, 6, args, 1, y);
}

static bool lower_qlinear(generic *g, MlirOperation op) {
  MlirAttribute segments = resq_op_attr(op, "operandSegmentSizes");
  intptr_t branches = mlirDenseI32ArrayGetElement(segments, 0);
  MlirValue result = mlirOperationGetResult(op, 0), first[3], y;
  if (!parts_of(g, operand(op, 0), 3, first))
    return false;
  MlirValue bias = mlirDenseI32ArrayGetElement(segments, 2) ? operand(op, 2 * branches)
                                                            : splat(g, resq_width(result), 0);
  MlirValue start[] = {first[0], bias};
  if (!resq_define(&g->definitions, &g->b, "bias_rows", 2, start, 1, &y))
    return false;
  for (intptr_t i = 0; i < branches; i++)
    if (!add_branch(g, operand(op, i), operand(op, branches + i), &y))
      return false;
  y = resq_cast_shape(&g->b, y, mlirValueGetType(result));
  resq_replace(op, 1, &y);
  return true;
}

//===-- The table ---------------------------------------------------------===//

static const struct lowering_rule {
  const char *op;
  bool (*lower)(generic *g, MlirOperation op);
} rules[] = {
    {"resq.get", lower_get},
    {"resq.embed", lower_embed},
    {"resq.rms_norm", lower_rms_norm},
    {"resq.linear", lower_linear},
    {"resq.head", lower_linear},
    {"resq.rope_angles", lower_rope_angles},
    {"resq.rope", lower_rope},
    {"resq.kv_append", lower_kv_append},
    {"resq.attention", lower_attention},
    {"resq.gate", lower_gate},
    {"resq.add", lower_add},
    {"resq.gather_rows", lower_gather_rows},
    {"resq.rotate", lower_rotate},
    {"resq.permute", lower_permute},
    {"resq.hadamard", lower_hadamard},
    {"resq.split", lower_split},
    {"resq.join", lower_join},
    {"resq.slice", lower_slice},
    {"resq.concat", lower_concat},
    {"resq.quantize", lower_quantize},
    {"resq.dequantize", lower_dequantize},
    {"resq.qlinear", lower_qlinear},
    {"resq.observe", lower_observe},
};

bool generic_lower_op(generic *g, MlirOperation op) {
  g->b = resq_build_before(op);
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    if (resq_op_is(op, rules[i].op))
      return rules[i].lower(g, op);
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(op));
  resq_emit_error(op, "%.*s has no definition: it belongs in a parameter's recipe", (int)name.length,
                  name.data);
  return false;
}
