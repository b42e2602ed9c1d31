//===-- facts_table.c - arguments and results as the program table has them ===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "facts_internal.h"
#include "dialect/attributes.h"
#include "dialect/ops.h"

#include "dialect/memory.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/// Row tensors of f32 or, arguments only, ids of i32, as resq_arg can say.
bool facts_check_type(facts *f, MlirType type, bool is_result, int index) {
  bool ok = mlirTypeIsARankedTensor(type);
  if (ok) {
    intptr_t rank = mlirShapedTypeGetRank(type);
    MlirType element = mlirShapedTypeGetElementType(type);
    bool is_i32 = mlirTypeIsAInteger(element) && mlirIntegerTypeGetWidth(element) == 32;
    ok = (rank == 2 && mlirTypeIsAF32(element) && !mlirShapedTypeIsDynamicDim(type, 1) &&
          mlirShapedTypeGetDimSize(type, 1) > 0) ||
         (rank == 1 && is_i32 && !is_result);
  }
  if (!ok)
    resq_emit_error(f->func, "%s %d: %s", is_result ? "result" : "argument", index,
                    is_result ? "entry points give tensor<?xWxf32>"
                              : "entry points take tensor<?xWxf32> or tensor<?xi32>");
  return ok;
}

/// A copy of a name for the table; NULL for one that is empty or has a NUL.
static const char *usable_name(facts *f, MlirStringRef text) {
  if (!text.length || memchr(text.data, 0, text.length))
    return NULL;
  return resq_arena_text(f->memory, text.data, text.length);
}

/// {resq.name = "tokens"}, or what the importer called it, or arg0; NULL after an error.
static const char *name_of(facts *f, MlirValue v, bool is_result, int index) {
  MlirAttribute all = resq_op_attr(f->func, is_result ? "res_attrs" : "arg_attrs");
  MlirAttribute given = mlirAttributeIsNull(all)
                            ? all
                            : mlirDictionaryAttrGetElementByName(
                                  mlirArrayAttrGetElement(all, index), resq_str(RESQ_ATTR_NAME));
  if (!mlirAttributeIsNull(given)) { // a string: the dialect sees to it
    const char *name = usable_name(f, mlirStringAttrGetValue(given));
    if (!name)
      resq_emit_error(f->func, "%s %d: resq.name is %s: allowed is a name",
                      is_result ? "result" : "argument", index,
                      mlirStringAttrGetValue(given).length ? "a string with NUL" : "empty");
    return name;
  }
  MlirLocation loc = mlirValueGetLocation(v);
  if (!is_result && mlirLocationIsAName(loc)) {
    const char *name = usable_name(f, mlirIdentifierStr(mlirLocationNameGetName(loc)));
    if (name)
      return name;
  }
  char name[32];
  snprintf(name, sizeof name, "%s%d", is_result ? "result" : "arg", index);
  return resq_arena_text(f->memory, name, strlen(name));
}

/// What bounds the values of an argument.
static void set_rules(facts *f, int argument, resq_arg *out) {
  resq_index_rule *rules = resq_arena_new(f->memory, (size_t)f->n_rules, sizeof *rules);
  out->rules = rules;
  for (int i = 0; i < f->n_rules; i++) {
    if (f->rules[i].argument != argument)
      continue;
    // What bounds an index is named by its class's first argument, which later ops may have united.
    resq_index_rule rule = f->rules[i].rule;
    if (rule.kind == RESQ_RULE_ROW)
      rule.argument = facts_class(f, rule.argument);
    rules[out->n_rules++] = rule;
  }
}

/// Argument or result i, `value` among the row values; first[c]: the first argument or result of
/// class c. False after an error.
static bool describe(facts *f, int i, int value, int *first, resq_arg *out) {
  bool is_result = i >= f->n_inputs;
  int index = is_result ? i - f->n_inputs : i, class = facts_class(f, value);
  const row_value *v = &f->values[value];
  MlirType type = mlirValueGetType(v->value);
  bool is_ids = mlirShapedTypeGetRank(type) == 1;
  if (first[class] < 0)
    first[class] = i;
  *out = (resq_arg){.name = name_of(f, v->value, is_result, index),
                    .dtype = is_ids ? RESQ_I32 : RESQ_F32,
                    .is_result = is_result,
                    .rows = f->values[class].fixed,
                    .width = is_ids ? 0 : mlirShapedTypeGetDimSize(type, 1),
                    .rows_as = first[class]};
  if (!is_result)
    set_rules(f, i, out);
  return out->name;
}

enum { MOST_FIXED_ROWS = 16384 };

/// The row value that result i of the function is; -1 after an error.
static int returned(facts *f, MlirOperation ret, int i) {
  int value = facts_find(f, mlirOperationGetOperand(ret, i));
  if (value < 0)
    resq_emit_error(ret, "result %d is a parameter: allowed are rows", i);
  return value;
}

/// Cache i of the module.
static MlirOperation cache_at(const facts *f, int32_t i) {
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(f->module));
  MlirOperation op = mlirBlockGetFirstOperation(body);
  while (!resqOpIsKvCache(op) || i--)
    op = mlirOperationGetNextInBlock(op);
  return op;
}

/// The most rows that a type fixes, which every entry then holds; -1 after an error: no call could
/// hold them, or rows of a call would not all stand in the window of a cache's exact keys.
static int64_t fixed_rows(facts *f) {
  int64_t most = 0;
  for (int i = 0; i < f->n_values; i++) {
    const row_value *class = &f->values[facts_class(f, i)];
    most = class->computed && class->fixed > most ? class->fixed : most;
  }
  int64_t allowed = MOST_FIXED_ROWS;
  for (int i = 0; i < f->n_uses; i++) {
    int64_t window = resqKvCodeMostRows(resqKvCacheOpGetKeys(cache_at(f, f->uses[i].cache)));
    int64_t rows = f->values[facts_class(f, f->uses[i].positions)].fixed;
    most = rows > most ? rows : most;
    allowed = window < allowed ? window : allowed;
  }
  if (most <= allowed)
    return most;
  resq_emit_error(f->func, "%" PRId64 " rows in a function: allowed are %" PRId64 "%s", most,
                  allowed, allowed < MOST_FIXED_ROWS ? ", by the window of a cache" : "");
  return -1;
}

bool facts_tabulate(facts *f, MlirOperation ret, resq_function_facts *out) {
  int64_t most = fixed_rows(f);
  if (most < 0)
    return false;
  int n = f->n_inputs + f->n_results;
  *out =
      (resq_function_facts){.args = resq_arena_new(f->memory, (size_t)n, sizeof *out->args),
                            .n_args = n,
                            .uses = resq_arena_new(f->memory, (size_t)f->n_uses, sizeof *out->uses),
                            .n_uses = f->n_uses,
                            .fixed_rows = most};
  if (f->n_uses)
    memcpy(out->uses, f->uses, (size_t)f->n_uses * sizeof *out->uses);
  int *first = resq_new((size_t)f->n_values, sizeof *first);
  for (int i = 0; i < f->n_values; i++)
    first[i] = -1;
  bool ok = true;
  for (int i = 0; ok && i < n; i++) {
    int value = i < f->n_inputs ? i : returned(f, ret, i - f->n_inputs);
    ok = value >= 0 && describe(f, i, value, first, &out->args[i]);
  }
  free(first);
  return ok;
}
