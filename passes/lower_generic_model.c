//===-- lower_generic_model.c - params, model ops, caches ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One function an op: which definition it is, and the arguments of that.
//===----------------------------------------------------------------------===//
#include "passes/lower_generic.h"

//===-- Parameters --------------------------------------------------------===//

static bool unpack_quant(generic *g, MlirOperation get, MlirValue stored) {
  MlirValue value = mlirOperationGetResult(get, 0);
  MlirType type = mlirValueGetType(value), element = resq_element(value);
  const resq_quant q = resqQuantTypeRead(element);
  int64_t n = resq_dim(value, 0), k = resq_dim(value, 1);
  MlirValue parts[2];
  MlirValue codes[] = {stored,
                       generic_index(g, n),
                       generic_index(g, k),
                       generic_index(g, q.packing.group),
                       generic_index(g, q.packing.base),
                       generic_index(g, q.packing.planes)};
  MlirValue scales[] = {stored, generic_index(g, resq_packing_code_bytes(q.packing, n, k)),
                        codes[1], generic_index(g, k / q.group)};
  // Products and dequantization are of what codes stand for: of integers, themselves.
  const char *name = q.codebook.kind == RESQ_CODE_E4M3      ? "unpack_codes"
                     : q.codebook.kind == RESQ_CODE_INTEGER ? "unpack_integers"
                     : q.codebook.bits == 3                 ? "trellis_values_3"
                                                            : "trellis_values_4";
  if (!resq_define(&g->definitions, &g->b, name, 6, codes, 1, &parts[0]) ||
      !resq_define(&g->definitions, &g->b, "unpack_scales", 4, scales, 1, &parts[1]))
    return false;
  value = mlirOperationGetResult(generic_tie(g, 2, parts, type), 0);
  resq_replace(get, 1, &value);
  return true;
}

static bool unpack_panel(generic *g, MlirOperation get, MlirValue stored) {
  MlirValue value = mlirOperationGetResult(get, 0);
  MlirType type = mlirValueGetType(value), element = resqPanelTypeGetElement(resq_element(value));
  const char *name = mlirTypeIsABF16(element)  ? "unpack_panel_bf16"
                     : mlirTypeIsAF16(element) ? "unpack_panel_f16"
                                               : "unpack_panel_f32";
  MlirValue args[] = {stored, generic_index(g, resq_dim(value, 0))}, part;
  if (!resq_define(&g->definitions, &g->b, name, 2, args, 1, &part))
    return false;
  value = mlirOperationGetResult(generic_tie(g, 1, &part, type), 0);
  resq_replace(get, 1, &value);
  return true;
}

bool resq_define_get(generic *g, MlirOperation op) {
  MlirValue stored = generic_argument(g, resqGetOpGetParam(op));
  MlirType element = resq_element(mlirOperationGetResult(op, 0));
  if (resqTypeIsQuant(element))
    return unpack_quant(g, op, stored);
  if (resqTypeIsPanel(element))
    return unpack_panel(g, op, stored);
  resq_replace(op, 1, &stored);
  return true;
}

//===-- Model ops ---------------------------------------------------------===//

bool resq_define_embed(generic *g, MlirOperation op) {
  MlirValue tokens = resqEmbedOpGetTokens(op), table = resqEmbedOpGetTable(op);
  if (resqTypeIsQuant(resq_element(table))) {
    MlirValue args[] = {tokens, {NULL}, {NULL}};
    return generic_parts(g, table, 2, args + 1) && generic_define(g, op, "embed_codes", 3, args);
  }
  MlirValue args[] = {tokens, {NULL}};
  return generic_matrix(g, table, &args[1]) && generic_define(g, op, "embed", 2, args);
}

bool resq_define_rms_norm(generic *g, MlirOperation op) {
  MlirValue x = resqRmsNormOpGetX(op), gain = resqRmsNormOpGetGain(op);
  if (mlirValueIsNull(gain))
    gain = generic_splat(g, resq_width(x), 1);
  MlirValue args[] = {x, gain, generic_real(g, resqRmsNormOpGetEps(op))};
  return generic_define(g, op, "rms_norm", 3, args);
}

bool resq_define_linear(generic *g, MlirOperation op) {
  MlirValue bias = resqLinearOpGetBias(op), args[] = {resqLinearOpGetX(op), {NULL}, bias};
  const bool has_bias = !mlirValueIsNull(bias);
  return generic_matrix(g, resqLinearOpGetWeight(op), &args[1]) &&
         generic_define(g, op, has_bias ? "linear" : "product", has_bias ? 3 : 2, args);
}

bool resq_define_head(generic *g, MlirOperation op) {
  MlirValue args[] = {resqHeadOpGetX(op), {NULL}};
  return generic_matrix(g, resqHeadOpGetWeight(op), &args[1]) &&
         generic_define(g, op, "product", 2, args);
}

bool resq_define_rope_angles(generic *g, MlirOperation op) {
  MlirValue factors = resqRopeAnglesOpGetFactors(op);
  if (mlirValueIsNull(factors))
    factors = generic_splat(g, resq_width(resqRopeAnglesOpGetY(op)) / 2, 1);
  MlirValue args[] = {resqRopeAnglesOpGetPositions(op), factors,
                      generic_real(g, resqRopeAnglesOpGetBase(op))};
  return generic_define(g, op, "rope_angles", 3, args);
}

bool resq_define_observe(generic *g, MlirOperation op) {
  (void)g;
  mlirOperationDestroy(op);
  return true;
}

//===-- Caches ------------------------------------------------------------===//

enum { CODE_ARGUMENTS = 7, GROUP_ARGUMENTS = 8 };

static bool has_groups(MlirOperation cache) {
  return resqKvCodeAttrGetKind(resqKvCacheOpGetKeys(cache)) == RESQ_KV_QJL_GROUPS;
}

/// rows, outliers, outlier_rows, buffer and window of keys, then kind, bits and high of values.
static void group_arguments(generic *g, MlirOperation cache, MlirValue *out) {
  MlirAttribute keys = resqKvCacheOpGetKeys(cache), values = resqKvCacheOpGetValues(cache);
  const int64_t facts[GROUP_ARGUMENTS] = {
      resqKvCodeAttrGetRows(keys),        resqKvCodeAttrGetOutliers(keys),
      resqKvCodeAttrGetOutlierRows(keys), resqKvCodeAttrGetBuffer(keys),
      resqKvCodeAttrGetWindow(keys),      resqKvCodeAttrGetKind(values),
      resqKvCodeAttrGetBits(values),      resqKvCodeAttrGetHigh(values)};
  for (int i = 0; i < GROUP_ARGUMENTS; i++)
    out[i] = generic_index(g, facts[i]);
}

/// kind, bits, high and rows of keys, then kind, bits and high of values.
static void code_arguments(generic *g, MlirOperation cache, MlirValue *out) {
  MlirAttribute keys = resqKvCacheOpGetKeys(cache), values = resqKvCacheOpGetValues(cache);
  out[0] = generic_index(g, resqKvCodeAttrGetKind(keys));
  out[1] = generic_index(g, resqKvCodeAttrGetBits(keys));
  out[2] = generic_index(g, resqKvCodeAttrGetHigh(keys));
  out[3] = generic_index(g, resqKvCodeAttrGetRows(keys));
  out[4] = generic_index(g, resqKvCodeAttrGetKind(values));
  out[5] = generic_index(g, resqKvCodeAttrGetBits(values));
  out[6] = generic_index(g, resqKvCodeAttrGetHigh(values));
}

/// The sketch as a matrix; where there is none, a 1 x 1 zero, which is not read.
static bool sketch_argument(generic *g, MlirValue sketch, MlirValue *out) {
  if (!mlirValueIsNull(sketch))
    return generic_matrix(g, sketch, out);
  int64_t shape[] = {1, 1};
  MlirType type = resq_tensor(mlirF32TypeGet(g->ctx), 2, shape);
  MlirAttribute zero = mlirFloatAttrDoubleGet(g->ctx, mlirF32TypeGet(g->ctx), 0);
  *out = generic_constant(g, type, mlirDenseElementsAttrSplatGet(type, zero));
  return true;
}

bool resq_define_kv_append(generic *g, MlirOperation op) {
  MlirStringRef name = resqKvAppendOpGetCache(op);
  MlirOperation cache = resq_symbol(g->module, name);
  enum { OTHERS = 8 };
  bool groups = has_groups(cache);
  MlirValue args[OTHERS + GROUP_ARGUMENTS] = {resqKvAppendOpGetKeys(op),
                                              resqKvAppendOpGetValues(op),
                                              resqKvAppendOpGetPositions(op),
                                              resqKvAppendOpGetSequences(op),
                                              {NULL},
                                              generic_argument(g, name),
                                              g->capacity,
                                              generic_index(g, resqKvCacheOpGetHeadSize(cache))};
  (groups ? group_arguments : code_arguments)(g, cache, args + OTHERS);
  if (!sketch_argument(g, resqKvAppendOpGetSketch(op), &args[4]) ||
      !resq_define(&g->definitions, &g->b, groups ? "kv_append_groups" : "kv_append",
                   OTHERS + (groups ? GROUP_ARGUMENTS : CODE_ARGUMENTS), args, 0, NULL))
    return false;
  mlirOperationDestroy(op);
  return true;
}

bool resq_define_attention(generic *g, MlirOperation op) {
  MlirStringRef name = resqAttentionOpGetCache(op);
  MlirOperation cache = resq_symbol(g->module, name);
  enum { OTHERS = 9 };
  bool groups = has_groups(cache);
  MlirValue args[OTHERS + GROUP_ARGUMENTS] = {resqAttentionOpGetQ(op),
                                              resqAttentionOpGetPositions(op),
                                              resqAttentionOpGetSequences(op),
                                              {NULL},
                                              generic_argument(g, name),
                                              g->capacity,
                                              generic_real(g, resqAttentionOpGetScale(op)),
                                              generic_index(g, resqKvCacheOpGetHeads(cache)),
                                              generic_index(g, resqKvCacheOpGetHeadSize(cache))};
  (groups ? group_arguments : code_arguments)(g, cache, args + OTHERS);
  return sketch_argument(g, resqAttentionOpGetSketch(op), &args[3]) &&
         generic_define(g, op, groups ? "attention_groups" : "attention",
                        OTHERS + (groups ? GROUP_ARGUMENTS : CODE_ARGUMENTS), args);
}
