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

/// {resq.name = "tokens"}, or what the importer called it, or arg0; null after an error.
static MlirAttribute name_of(facts *f, MlirValue v, bool is_result, int index) {
  MlirAttribute all = resq_op_attr(f->func, is_result ? "res_attrs" : "arg_attrs");
  MlirAttribute given = mlirAttributeIsNull(all)
                            ? all
                            : mlirDictionaryAttrGetElementByName(
                                  mlirArrayAttrGetElement(all, index), resq_str(RESQ_ATTR_NAME));
  if (!mlirAttributeIsNull(given)) { // a string: the dialect sees to it
    MlirStringRef text = mlirStringAttrGetValue(given);
    if (text.length && !memchr(text.data, 0, text.length))
      return given;
    resq_emit_error(f->func, "%s %d: resq.name is %s: allowed is a name",
                    is_result ? "result" : "argument", index,
                    text.length ? "a string with NUL" : "empty");
    return mlirAttributeGetNull();
  }
  MlirLocation loc = mlirValueGetLocation(v);
  if (!is_result && mlirLocationIsAName(loc)) {
    MlirStringRef text = mlirIdentifierStr(mlirLocationNameGetName(loc));
    if (text.length && !memchr(text.data, 0, text.length))
      return mlirStringAttrGet(f->ctx, text);
  }
  char name[32];
  snprintf(name, sizeof name, "%s%d", is_result ? "result" : "arg", index);
  return mlirStringAttrGet(f->ctx, resq_str(name));
}

static MlirAttribute rules_of(const facts *f, int argument) {
  int64_t *numbers = resq_new((size_t)f->n_rules * 3, sizeof *numbers);
  intptr_t n = 0;
  for (int i = 0; i < f->n_rules; i++) {
    if (f->rules[i].argument != argument)
      continue;
    // What bounds an index is named by its class's first argument, which later ops may have united.
    const resq_index_rule *r = &f->rules[i].rule;
    numbers[n++] = r->kind;
    numbers[n++] = r->kind == RESQ_RULE_ROW ? facts_class(f, r->argument) : 0;
    numbers[n++] = r->limit;
  }
  MlirAttribute attr = mlirDenseI64ArrayGet(f->ctx, n, numbers);
  free(numbers);
  return attr;
}

/// Of argument or result i, `value` among the row values; first[c]: the first argument or result of
/// class c.
static MlirAttribute describe(facts *f, int i, int value, int *first) {
  bool is_result = i >= f->n_inputs;
  int index = is_result ? i - f->n_inputs : i;
  const row_value *v = &f->values[value], *class = &f->values[facts_class(f, value)];
  MlirType type = mlirValueGetType(v->value);
  bool is_ids = mlirShapedTypeGetRank(type) == 1;
  MlirAttribute name = name_of(f, v->value, is_result, index);
  MlirAttribute rules = rules_of(f, is_result ? -1 : i);
  if (mlirAttributeIsNull(name))
    return name;
  int *class_first = &first[class - f->values];
  if (*class_first < 0)
    *class_first = i;
  MlirNamedAttribute fields[] = {
      resq_attr_i64(f->ctx, "dtype", is_ids ? RESQ_I32 : RESQ_F32),
      resq_attr(f->ctx, "is_result", mlirBoolAttrGet(f->ctx, is_result)),
      resq_attr(f->ctx, "name", name),
      resq_attr_i64(f->ctx, "rows", class->fixed),
      resq_attr_i64(f->ctx, "rows_as", *class_first),
      resq_attr(f->ctx, "rules", rules),
      resq_attr_i64(f->ctx, "width", is_ids ? 0 : mlirShapedTypeGetDimSize(type, 1)),
  };
  return mlirDictionaryAttrGet(f->ctx, sizeof fields / sizeof *fields, fields);
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
static MlirOperation cache_at(const facts *f, int64_t i) {
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
    int64_t window = resqKvCodeMostRows(resqKvCacheOpGetKeys(cache_at(f, f->uses[4 * i])));
    int64_t rows = f->values[facts_class(f, (int)f->uses[4 * i + 1])].fixed;
    most = rows > most ? rows : most;
    allowed = window < allowed ? window : allowed;
  }
  if (most <= allowed)
    return most;
  resq_emit_error(f->func, "%" PRId64 " rows in a function: allowed are %" PRId64 "%s", most,
                  allowed, allowed < MOST_FIXED_ROWS ? ", by the window of a cache" : "");
  return -1;
}

bool facts_set(facts *f, MlirOperation ret) {
  int n = f->n_inputs + f->n_results;
  MlirAttribute *args = resq_new((size_t)n, sizeof *args);
  int *first = resq_new((size_t)f->n_values, sizeof *first);
  for (int i = 0; i < f->n_values; i++)
    first[i] = -1;
  int64_t most = fixed_rows(f);
  bool ok = most >= 0;
  for (int i = 0; ok && i < n; i++) {
    int value = i < f->n_inputs ? i : returned(f, ret, i - f->n_inputs);
    args[i] = value < 0 ? mlirAttributeGetNull() : describe(f, i, value, first);
    ok = !mlirAttributeIsNull(args[i]);
  }
  if (ok) {
    mlirOperationSetDiscardableAttributeByName(
        f->func, resq_str(RESQ_ATTR_FIXED_ROWS),
        mlirIntegerAttrGet(mlirIntegerTypeGet(f->ctx, 64), most));
    mlirOperationSetDiscardableAttributeByName(f->func, resq_str(RESQ_ATTR_ARGS),
                                               mlirArrayAttrGet(f->ctx, n, args));
    mlirOperationSetDiscardableAttributeByName(
        f->func, resq_str(RESQ_ATTR_USES), mlirDenseI64ArrayGet(f->ctx, 4 * f->n_uses, f->uses));
  }
  free(args);
  free(first);
  return ok;
}
