//===-- ops_model.c - model ops to kernel calls ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each emitter lists a kernel's arguments in the order of kernels.h.
//===----------------------------------------------------------------------===//
#include "dialect/memory.h"
#include "emit.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static MlirValue operand(MlirOperation op, intptr_t i) { return mlirOperationGetOperand(op, i); }
static MlirValue result(MlirOperation op) { return mlirOperationGetResult(op, 0); }

/// "f32", "bf16" or "f16" of a panel operand; NULL after an error, which calls it `what`.
static const char *panel_suffix(lowering *l, MlirOperation op, MlirValue weight, const char *what) {
  MlirType element = resq_element(weight);
  if (!resqTypeIsPanel(element)) {
    lower_fail(l, op, "%s is not stored as a panel: run --resq-pack first", what);
    return NULL;
  }
  element = resqPanelTypeGetElement(element);
  return mlirTypeIsABF16(element) ? "bf16" : mlirTypeIsAF16(element) ? "f16" : "f32";
}

static void emit_get(lowering *l, MlirOperation op) {
  MlirOperation param = resq_symbol(l->module, resq_op_str(op, "param"));
  MlirStringRef name = resq_op_str(op, "param");
  if (mlirOperationIsNull(param) || !resq_op_has(param, "offset")) {
    lower_fail(l, op, "param @%.*s has no offset: run --resq-materialize first", (int)name.length,
               name.data);
    return;
  }
  if (!check_stored(l, op, param))
    return;
  // A param is no row value: its place is made here and its row fields stay unused.
  place *p = place_view(l, result(op), &(place){.kind = PLACE_PARAM}, 0);
  p->offset = resq_op_i64(param, "offset");
}

static void emit_embed(lowering *l, MlirOperation op) {
  MlirType table = resq_element(operand(op, 1));
  bool codes = resqTypeIsQuant(table);
  if (codes && !resqQuantTypeIsPacked(table)) {
    lower_fail(l, op, "table is not packed: run --resq-pack first");
    return;
  }
  if (codes && resqQuantTypeGetPacking(table).group != resqQuantTypeGetGroup(table)) {
    lower_fail(l, op,
               "the table is packed for groups of %lld, but its scales are of groups of %lld: the "
               "kernel reads one group for both",
               (long long)resqQuantTypeGetPacking(table).group,
               (long long)resqQuantTypeGetGroup(table));
    return;
  }
  const char *suffix = codes ? "codes" : panel_suffix(l, op, operand(op, 1), "table");
  if (!suffix)
    return;
  char name[32];
  snprintf(name, sizeof name, "resq_embed_%s", suffix);
  row_op r;
  row_op_begin(&r, l, op, name, 0, 0);
  kernel_operand(&r.k, 0);
  kernel_operand(&r.k, 1);
  row_op_result(&r);
  kernel_const(&r.k, resq_dim(operand(op, 1), 0));
  kernel_const(&r.k, resq_width(result(op)));
  if (codes) {
    kernel_const(&r.k, resqQuantTypeGetGroup(table));
    kernel_const(&r.k, resqQuantTypeGetBits(table));
  }
  kernel_end(&r.k);
}

static void emit_rms_norm(lowering *l, MlirOperation op) {
  row_op r;
  row_op_begin(&r, l, op, "resq_rms_norm", 1, 0);
  kernel_operand(&r.k, 1);
  row_op_result(&r);
  kernel_const(&r.k, resq_width(result(op)));
  kernel_float(&r.k, (float)resq_op_f64(op, "eps"));
  kernel_end(&r.k);
}

static void emit_linear(lowering *l, MlirOperation op) {
  const char *suffix = panel_suffix(l, op, operand(op, 1), "weight");
  if (!suffix)
    return;
  char name[32];
  snprintf(name, sizeof name, "resq_linear_%s", suffix);
  row_op r;
  row_op_begin(&r, l, op, name, 1, 0);
  kernel_operand(&r.k, 1);
  kernel_operand(&r.k, 2);
  row_op_result(&r);
  kernel_const(&r.k, resq_dim(operand(op, 1), 0));
  kernel_const(&r.k, resq_dim(operand(op, 1), 1));
  kernel_end(&r.k);
}

static void emit_rope_angles(lowering *l, MlirOperation op) {
  int64_t size = resq_width(result(op));
  float base = (float)resq_op_f64(op, "base");
  float *inv_freq = resq_new((size_t)size / 2 * sizeof *inv_freq, 1);
  for (int64_t i = 0; i < size / 2; i++)
    inv_freq[i] = (float)(1.0 / pow((double)base, (double)(2 * i) / (double)size));
  row_op r;
  row_op_begin(&r, l, op, "resq_rope_angles", 0, 0);
  kernel_operand(&r.k, 0);
  kernel_table(&r.k, "inv_freq", inv_freq, size / 2 * 4, TABLE_F32);
  kernel_operand(&r.k, 1);
  kernel_write(&r.k, &r.y);
  kernel_rows(&r.k, &r.y);
  kernel_const(&r.k, size);
  kernel_end(&r.k);
  free(inv_freq);
}

static void emit_rope(lowering *l, MlirOperation op) {
  int64_t head_size = resq_op_i64(op, "head_size");
  row_op r;
  row_op_begin(&r, l, op, "resq_rope", 1, 0);
  kernel_operand(&r.k, 1);
  row_op_result(&r);
  kernel_const(&r.k, resq_width(result(op)) / head_size);
  kernel_const(&r.k, head_size);
  kernel_const(&r.k, resq_width(operand(op, 1)));
  kernel_end(&r.k);
}

/// kind, bits, high of a code.
static void kernel_code(kernel_call *k, MlirAttribute code) {
  kernel_const(k, resqKvCodeAttrGetKind(code));
  kernel_const(k, resqKvCodeAttrGetBits(code));
  kernel_const(k, resqKvCodeAttrGetHigh(code));
}

/// kind, bits, high, rows of the keys of a cache, and kind, bits, high of its values.
static void kernel_codes(kernel_call *k, MlirOperation cache) {
  MlirAttribute keys = resq_op_attr(cache, "keys");
  kernel_code(k, keys);
  kernel_const(k, resqKvCodeAttrGetRows(keys));
  kernel_code(k, resq_op_attr(cache, "values"));
}

/// rows, outliers, outlier_rows, buffer and window of grouped keys, and kind, bits, high of the
/// values.
static void kernel_groups(kernel_call *k, MlirOperation cache) {
  MlirAttribute keys = resq_op_attr(cache, "keys");
  kernel_const(k, resqKvCodeAttrGetRows(keys));
  kernel_const(k, resqKvCodeAttrGetOutliers(keys));
  kernel_const(k, resqKvCodeAttrGetOutlierRows(keys));
  kernel_const(k, resqKvCodeAttrGetBuffer(keys));
  kernel_const(k, resqKvCodeAttrGetWindow(keys));
  kernel_code(k, resq_op_attr(cache, "values"));
}

static bool has_groups(MlirOperation cache) {
  return resqKvCodeAttrGetKind(resq_op_attr(cache, "keys")) == RESQ_KV_QJL_GROUPS;
}

/// The panel of the sketch, operand `index` of the call's op, or null where it has none.
static void kernel_sketch(kernel_call *k, intptr_t index) {
  if (index >= mlirOperationGetNumOperands(k->op) ||
      panel_suffix(k->l, k->op, operand(k->op, index), "sketch"))
    kernel_operand(k, index);
}

static void emit_kv_append(lowering *l, MlirOperation op) {
  MlirStringRef name = resq_op_str(op, "cache");
  MlirOperation cache = resq_symbol(l->module, name);
  const place *key = place_of(l, operand(op, 0)), *value = place_of(l, operand(op, 1));
  kernel_call k;
  kernel_begin(&k, l, op, has_groups(cache) ? "resq_kv_append_groups" : "resq_kv_append");
  for (intptr_t i = 0; i < 4; i++)
    kernel_operand(&k, i);
  kernel_sketch(&k, 4);
  kernel_cache(&k, name, true);
  kernel_rows(&k, key);
  kernel_const(&k, key->stride);
  kernel_const(&k, value->stride);
  kernel_capacity(&k);
  kernel_const(&k, resq_op_i64(cache, "heads"));
  kernel_const(&k, resq_op_i64(cache, "head_size"));
  (has_groups(cache) ? kernel_groups : kernel_codes)(&k, cache);
  kernel_end(&k);
}

static void emit_attention(lowering *l, MlirOperation op) {
  MlirStringRef name = resq_op_str(op, "cache");
  MlirOperation cache = resq_symbol(l->module, name);
  int64_t head_size = resq_op_i64(cache, "head_size");
  row_op r;
  row_op_begin(&r, l, op, has_groups(cache) ? "resq_attention_groups" : "resq_attention", 1, 0);
  kernel_operand(&r.k, 1);
  kernel_operand(&r.k, 2);
  kernel_sketch(&r.k, 3);
  kernel_cache(&r.k, name, false);
  row_op_result(&r);
  kernel_capacity(&r.k);
  kernel_const(&r.k, resq_width(operand(op, 0)) / head_size);
  kernel_const(&r.k, resq_op_i64(cache, "heads"));
  kernel_const(&r.k, head_size);
  kernel_float(&r.k, (float)resq_op_f64(op, "scale"));
  (has_groups(cache) ? kernel_groups : kernel_codes)(&r.k, cache);
  kernel_end(&r.k);
}

/// y = f(a, b) on rows of one width: gate and add.
static void emit_binary(lowering *l, MlirOperation op, const char *name) {
  row_op r;
  row_op_begin(&r, l, op, name, 2, 0);
  row_op_result(&r);
  kernel_const(&r.k, resq_width(result(op)));
  kernel_end(&r.k);
}

static void emit_gate(lowering *l, MlirOperation op) { emit_binary(l, op, "resq_silu_gate"); }
static void emit_add(lowering *l, MlirOperation op) { emit_binary(l, op, "resq_add"); }

static void emit_gather_rows(lowering *l, MlirOperation op) {
  row_op r;
  row_op_begin(&r, l, op, "resq_gather_rows", 1, 1);
  kernel_operand(&r.k, 1);
  row_op_result(&r);
  kernel_const(&r.k, resq_width(result(op)));
  kernel_end(&r.k);
}

const op_emitter model_op_emitters[] = {
    {"resq.get", emit_get},
    {"resq.embed", emit_embed},
    {"resq.rms_norm", emit_rms_norm},
    {"resq.linear", emit_linear},
    {"resq.head", emit_linear},
    {"resq.rope_angles", emit_rope_angles},
    {"resq.rope", emit_rope},
    {"resq.kv_append", emit_kv_append},
    {"resq.attention", emit_attention},
    {"resq.gate", emit_gate},
    {"resq.add", emit_add},
    {"resq.gather_rows", emit_gather_rows},
    {NULL, NULL},
};
