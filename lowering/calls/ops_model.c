//===-- ops_model.c - model ops to kernel calls ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "dialect/memory.h"
#include "dialect/ops.h"
#include "kernel_call.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static MlirValue result(MlirOperation op) { return mlirOperationGetResult(op, 0); }

typedef enum panel_element { PANEL_F32, PANEL_BF16, PANEL_F16, NO_PANEL } panel_element;

/// What a panel operand has; NO_PANEL after an error, which calls it `what`.
static panel_element panel_of(resq_frame *f, MlirOperation op, MlirValue weight, const char *what) {
  MlirType element = resq_element(weight);
  if (!resqTypeIsPanel(element)) {
    resq_lower_fail(f, op, "%s is not stored as a panel: run --resq-pack first", what);
    return NO_PANEL;
  }
  element = resqPanelTypeGetElement(element);
  return mlirTypeIsABF16(element) ? PANEL_BF16 : mlirTypeIsAF16(element) ? PANEL_F16 : PANEL_F32;
}

void resq_emitter_get(resq_frame *f, MlirOperation op) {
  MlirStringRef name = resqGetOpGetParam(op);
  MlirOperation param = resq_symbol(f->module, name);
  if (mlirOperationIsNull(param) || !resqParamOpHasOffset(param)) {
    resq_lower_fail(f, op, "param @%.*s has no offset: run --resq-materialize first",
                    (int)name.length, name.data);
    return;
  }
  if (resq_check_stored(f, op, param))
    resq_place_param(f, result(op), resqParamOpGetOffset(param));
}

void resq_emitter_embed(resq_frame *f, MlirOperation op) {
  MlirType table = resq_element(resqEmbedOpGetTable(op));
  bool codes = resqTypeIsQuant(table);
  if (codes && !resqQuantTypeIsPacked(table)) {
    resq_lower_fail(f, op, "table is not packed: run --resq-pack first");
    return;
  }
  if (codes && resqQuantTypeGetPacking(table).group != resqQuantTypeGetGroup(table)) {
    resq_lower_fail(f, op,
                    "the table is packed for groups of %lld, but its scales are of groups of %lld: "
                    "the kernel reads one group for both",
                    (long long)resqQuantTypeGetPacking(table).group,
                    (long long)resqQuantTypeGetGroup(table));
    return;
  }
  static const resq_kernel_id kernels[] = {KERNEL_resq_embed_f32, KERNEL_resq_embed_bf16,
                                           KERNEL_resq_embed_f16};
  const panel_element panel = codes ? NO_PANEL : panel_of(f, op, resqEmbedOpGetTable(op), "table");
  if (!codes && panel == NO_PANEL)
    return;
  resq_kernel_call k;
  resq_call_begin_rows(&k, f, op, codes ? KERNEL_resq_embed_codes : kernels[panel],
                       RESQ_EMBED_TOKENS);
  resq_call_operand(&k, "tokens", RESQ_EMBED_TOKENS);
  resq_call_operand(&k, codes ? "weight" : "panel", RESQ_EMBED_TABLE);
  resq_call_i64(&k, "vocabulary", resq_dim(resqEmbedOpGetTable(op), 0));
  resq_call_i64(&k, "width", resq_width(result(op)));
  if (codes) {
    resq_call_i64(&k, "group", resqQuantTypeGetGroup(table));
    resq_call_i64(&k, "bits", resqQuantTypeGetBits(table));
  }
  resq_call_end(&k);
}

/// A linear, or a head: one without a bias (dialect/ops.c: operands of both have the same numbers).
static void emit_product(resq_frame *f, MlirOperation op, MlirValue weight) {
  static const resq_kernel_id kernels[] = {KERNEL_resq_linear_f32, KERNEL_resq_linear_bf16,
                                           KERNEL_resq_linear_f16};
  const panel_element panel = panel_of(f, op, weight, "weight");
  if (panel == NO_PANEL)
    return;
  resq_kernel_call k;
  resq_call_begin_rows(&k, f, op, kernels[panel], RESQ_LINEAR_X);
  resq_call_operand(&k, "x", RESQ_LINEAR_X);
  resq_call_operand(&k, "panel", RESQ_LINEAR_WEIGHT);
  resq_call_operand(&k, "bias", RESQ_LINEAR_BIAS); // null where there is none
  resq_call_i64(&k, "n", resq_dim(weight, 0));
  resq_call_i64(&k, "k", resq_dim(weight, 1));
  resq_call_end(&k);
}

void resq_emitter_linear(resq_frame *f, MlirOperation op) {
  emit_product(f, op, resqLinearOpGetWeight(op));
}

void resq_emitter_head(resq_frame *f, MlirOperation op) {
  emit_product(f, op, resqHeadOpGetWeight(op));
}

void resq_emitter_rope_angles(resq_frame *f, MlirOperation op) {
  const int64_t size = resq_width(result(op));
  const float base = resqRopeAnglesOpGetBase(op);
  float *inv_freq = resq_new((size_t)size / 2, sizeof *inv_freq);
  for (int64_t i = 0; i < size / 2; i++)
    inv_freq[i] = (float)(1.0 / pow((double)base, (double)(2 * i) / (double)size));
  resq_kernel_call k;
  resq_call_begin_rows(&k, f, op, KERNEL_resq_rope_angles, RESQ_ROPE_ANGLES_POSITIONS);
  resq_call_operand(&k, "positions", RESQ_ROPE_ANGLES_POSITIONS);
  resq_call_table(&k, "inv_freq", "inv_freq", inv_freq, size / 2, RESQ_ELEMENT_float);
  resq_call_operand(&k, "factors", RESQ_ROPE_ANGLES_FACTORS);
  resq_call_i64(&k, "size", size);
  resq_call_end(&k);
  free(inv_freq);
}

void resq_emitter_rope(resq_frame *f, MlirOperation op) {
  const int64_t head_size = resqRopeOpGetHeadSize(op);
  resq_kernel_call k;
  resq_call_begin_rows(&k, f, op, KERNEL_resq_rope, RESQ_ROPE_X);
  resq_call_operand(&k, "x", RESQ_ROPE_X);
  resq_call_operand(&k, "angles", RESQ_ROPE_ANGLES);
  resq_call_i64(&k, "heads", resq_width(result(op)) / head_size);
  resq_call_i64(&k, "head_size", head_size);
  resq_call_i64(&k, "size", resq_width(resqRopeOpGetAngles(op)));
  resq_call_end(&k);
}

/// The code of a cache's values.
static void give_values(resq_kernel_call *k, MlirOperation cache) {
  MlirAttribute values = resqKvCacheOpGetValues(cache);
  resq_call_i64(k, "v_kind", resqKvCodeAttrGetKind(values));
  resq_call_i64(k, "v_bits", resqKvCodeAttrGetBits(values));
  resq_call_i64(k, "v_high", resqKvCodeAttrGetHigh(values));
}

/// The codes of a cache whose keys are coded one by one.
static void give_codes(resq_kernel_call *k, MlirOperation cache) {
  MlirAttribute keys = resqKvCacheOpGetKeys(cache);
  resq_call_i64(k, "k_kind", resqKvCodeAttrGetKind(keys));
  resq_call_i64(k, "k_bits", resqKvCodeAttrGetBits(keys));
  resq_call_i64(k, "k_high", resqKvCodeAttrGetHigh(keys));
  resq_call_i64(k, "k_rows", resqKvCodeAttrGetRows(keys));
  give_values(k, cache);
}

/// The codes of a cache whose keys are coded in groups.
static void give_groups(resq_kernel_call *k, MlirOperation cache) {
  MlirAttribute keys = resqKvCacheOpGetKeys(cache);
  resq_call_i64(k, "k_rows", resqKvCodeAttrGetRows(keys));
  resq_call_i64(k, "outliers", resqKvCodeAttrGetOutliers(keys));
  resq_call_i64(k, "outlier_rows", resqKvCodeAttrGetOutlierRows(keys));
  resq_call_i64(k, "buffer", resqKvCodeAttrGetBuffer(keys));
  resq_call_i64(k, "window", resqKvCodeAttrGetWindow(keys));
  give_values(k, cache);
}

static bool has_groups(MlirOperation cache) {
  return resqKvCodeAttrGetKind(resqKvCacheOpGetKeys(cache)) == RESQ_KV_QJL_GROUPS;
}

/// The panel of the sketch, operand `index` of the call's op, or null where it has none.
static void give_sketch(resq_kernel_call *k, intptr_t index) {
  if (index >= mlirOperationGetNumOperands(k->op) ||
      panel_of(k->frame, k->op, mlirOperationGetOperand(k->op, index), "sketch") != NO_PANEL)
    resq_call_operand(k, "sketch", index);
}

void resq_emitter_kv_append(resq_frame *f, MlirOperation op) {
  MlirStringRef name = resqKvAppendOpGetCache(op);
  MlirOperation cache = resq_symbol(f->module, name);
  const bool groups = has_groups(cache);
  resq_kernel_call k;
  resq_call_begin(&k, f, op, groups ? KERNEL_resq_kv_append_groups : KERNEL_resq_kv_append);
  resq_call_operand(&k, "k", RESQ_KV_APPEND_KEYS);
  resq_call_operand(&k, "v", RESQ_KV_APPEND_VALUES);
  resq_call_operand(&k, "positions", RESQ_KV_APPEND_POSITIONS);
  resq_call_operand(&k, "sequences", RESQ_KV_APPEND_SEQUENCES);
  give_sketch(&k, RESQ_KV_APPEND_SKETCH);
  resq_call_cache(&k, "cache", name);
  resq_call_i64(&k, "heads", resqKvCacheOpGetHeads(cache));
  resq_call_i64(&k, "head_size", resqKvCacheOpGetHeadSize(cache));
  (groups ? give_groups : give_codes)(&k, cache);
  resq_call_end(&k);
}

void resq_emitter_attention(resq_frame *f, MlirOperation op) {
  MlirStringRef name = resqAttentionOpGetCache(op);
  MlirOperation cache = resq_symbol(f->module, name);
  const int64_t head_size = resqKvCacheOpGetHeadSize(cache);
  const bool groups = has_groups(cache);
  resq_kernel_call k;
  resq_call_begin_rows(&k, f, op, groups ? KERNEL_resq_attention_groups : KERNEL_resq_attention,
                       RESQ_ATTENTION_Q);
  resq_call_operand(&k, "q", RESQ_ATTENTION_Q);
  resq_call_operand(&k, "positions", RESQ_ATTENTION_POSITIONS);
  resq_call_operand(&k, "sequences", RESQ_ATTENTION_SEQUENCES);
  give_sketch(&k, RESQ_ATTENTION_SKETCH);
  resq_call_cache(&k, "cache", name);
  resq_call_i64(&k, "heads", resq_width(resqAttentionOpGetQ(op)) / head_size);
  resq_call_i64(&k, "kv_heads", resqKvCacheOpGetHeads(cache));
  resq_call_i64(&k, "head_size", head_size);
  resq_call_f32(&k, "scale", resqAttentionOpGetScale(op));
  (groups ? give_groups : give_codes)(&k, cache);
  resq_call_end(&k);
}
