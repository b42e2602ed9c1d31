//===-- facts.c - what a caller of a function must keep to ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One walk over a function. Every row value belongs to a class of values with the same number of
// rows; ops unite classes as their roles say (dialect/row_roles.def). An index operand must be an
// argument of the function, which gets a rule for its values: the run time checks arguments and
// nothing else. So what is not an argument, and an op without roles, is refused here.
//===----------------------------------------------------------------------===//
#include "lowering/facts.h"

#include "resq/abi.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *resq_row_roles(MlirStringRef op) {
#define RESQ_ROLES(name, roles)                                                                    \
  if (resq_str_eq(op, name))                                                                       \
    return roles;
#include "dialect/row_roles.def"
  return NULL;
}

//===-- Values and their classes ------------------------------------------===//

/// A row value: arguments first, then results of ops in order.
typedef struct row_value {
  MlirValue value;
  int same;      ///< one before it of the same class, or itself
  int64_t fixed; ///< of a class's first: rows that a type fixes, -1 while none does
  bool computed; ///< of a class's first: an op's result is in it
} row_value;

typedef struct row_rule {
  int argument; ///< whose values
  resq_index_rule rule;
} row_rule;

typedef struct facts {
  MlirOperation module, func;
  MlirContext ctx;
  row_value *values;
  int n_values, room;
  int n_inputs, n_results;
  row_rule *rules;
  int n_rules, rules_room;
  int64_t *uses; ///< four numbers each
  int n_uses, uses_room;
} facts;

static bool no_memory(facts *f) {
  resq_emit_error(f->func, "no memory for the facts of a function");
  return false;
}

/// Makes room for one more; false after an error.
static bool grow(facts *f, void **items, int *room, int n, size_t size) {
  if (n < *room)
    return true;
  void *more = realloc(*items, (size_t)(2 * n + 16) * size);
  if (!more)
    return no_memory(f);
  *items = more;
  *room = 2 * n + 16;
  return true;
}

/// -1: no row value.
static int find(const facts *f, MlirValue v) {
  if (mlirValueIsABlockArgument(v))
    return (int)mlirBlockArgumentGetArgNumber(v);
  for (int i = f->n_values - 1; i >= f->n_inputs; i--)
    if (mlirValueEqual(f->values[i].value, v))
      return i;
  return -1;
}

static int first_of(const facts *f, int i) {
  while (f->values[i].same != i)
    i = f->values[i].same;
  return i;
}

static bool add_value(facts *f, MlirValue v, bool computed) {
  if (!grow(f, (void **)&f->values, &f->room, f->n_values, sizeof *f->values))
    return false;
  MlirType type = mlirValueGetType(v);
  bool fixed = mlirTypeIsARankedTensor(type) && mlirShapedTypeGetRank(type) > 0 &&
               !mlirShapedTypeIsDynamicDim(type, 0);
  f->values[f->n_values] = (row_value){.value = v,
                                       .same = f->n_values,
                                       .fixed = fixed ? mlirShapedTypeGetDimSize(type, 0) : -1,
                                       .computed = computed};
  f->n_values++;
  return true;
}

static bool unite(facts *f, MlirOperation op, int a, int b) {
  a = first_of(f, a);
  b = first_of(f, b);
  if (a == b)
    return true;
  row_value *first = &f->values[a < b ? a : b], *other = &f->values[a < b ? b : a];
  if (first->fixed >= 0 && other->fixed >= 0 && first->fixed != other->fixed) {
    resq_emit_error(op, "%" PRId64 " rows meet %" PRId64 ": they are the same rows", first->fixed,
                    other->fixed);
    return false;
  }
  if (other->fixed >= 0)
    first->fixed = other->fixed;
  first->computed |= other->computed;
  other->same = a < b ? a : b;
  return true;
}

//===-- Ops ---------------------------------------------------------------===//

static bool add_rule(facts *f, int argument, resq_index_rule rule) {
  for (int i = 0; i < f->n_rules; i++) {
    const resq_index_rule *r = &f->rules[i].rule;
    if (f->rules[i].argument == argument && r->kind == rule.kind && r->argument == rule.argument &&
        r->limit == rule.limit)
      return true;
  }
  if (!grow(f, (void **)&f->rules, &f->rules_room, f->n_rules, sizeof *f->rules))
    return false;
  f->rules[f->n_rules++] = (row_rule){argument, rule};
  return true;
}

/// The argument that gives the ids of an operand; -1 after an error.
static int argument_of(MlirOperation op, intptr_t operand) {
  MlirValue v = mlirOperationGetOperand(op, operand);
  if (mlirValueIsABlockArgument(v))
    return (int)mlirBlockArgumentGetArgNumber(v);
  resq_emit_error(op,
                  "operand %" PRIdPTR " is an index that is computed in the function: allowed is an "
                  "argument, whose values are checked when the function is called",
                  operand);
  return -1;
}

/// The first argument of the class of `operand`: its rows bound an index. -1 after an error.
static int rows_argument(facts *f, MlirOperation op, intptr_t operand) {
  int first = first_of(f, find(f, mlirOperationGetOperand(op, operand)));
  if (first < f->n_inputs)
    return first;
  resq_emit_error(op, "the rows of operand %" PRIdPTR " are those of no argument", operand);
  return -1;
}

static int64_t cache_index(const facts *f, MlirStringRef name) {
  int64_t index = 0;
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(f->module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_op_is(op, "resq.kv_cache")) {
      if (mlirStringRefEqual(resq_op_str(op, "sym_name"), name))
        return index;
      index++;
    }
  return -1;
}

/// An op on a cache: `p` is the operand of its positions, before that of its sequences.
static bool add_use(facts *f, MlirOperation op, intptr_t p) {
  int positions = argument_of(op, p), sequences = positions < 0 ? -1 : argument_of(op, p + 1);
  int64_t cache = cache_index(f, resq_op_str(op, "cache"));
  if (sequences < 0 || cache < 0 ||
      !grow(f, (void **)&f->uses, &f->uses_room, 4 * f->n_uses + 3, sizeof *f->uses))
    return false;
  int64_t *use = f->uses + 4 * f->n_uses++;
  use[0] = cache;
  use[1] = positions;
  use[2] = sequences;
  use[3] = resq_op_is(op, "resq.kv_append");
  // All rows of a call stand in the window of exact keys together.
  MlirOperation symbol = resq_symbol(f->module, resq_op_str(op, "cache"));
  int64_t most = resqKvCodeMostRows(resq_op_attr(symbol, "keys"));
  int64_t fixed = f->values[first_of(f, positions)].fixed;
  if (fixed > most)
    resq_emit_error(op, "%" PRId64 " rows are more than the window of the cache allows: %" PRId64,
                    fixed, most);
  return fixed <= most;
}

/// Rows as kernels take them: [rows, width] of f32 or, where codes are read, of those.
static bool check_rows(MlirOperation op, intptr_t operand, char role) {
  MlirValue v = mlirOperationGetOperand(op, operand);
  bool ok = mlirShapedTypeGetRank(mlirValueGetType(v)) == 2 && resq_width(v) > 0 &&
            (role == 'q' ? resqTypeIsQuant(resq_element(v)) : mlirTypeIsAF32(resq_element(v)));
  if (!ok)
    resq_emit_error(op, "operand %" PRIdPTR " is no row of %s with a fixed width", operand,
                    role == 'q' ? "codes" : "f32");
  return ok;
}

/// What `role` says of an operand: `rows` is the op's own class so far, -1 at first.
static bool take_operand(facts *f, MlirOperation op, intptr_t operand, char role, int *rows) {
  MlirValue v = mlirOperationGetOperand(op, operand);
  int at = find(f, v), argument = -1;
  bool is_fixed = mlirTypeIsARankedTensor(mlirValueGetType(v)) &&
                  mlirShapedTypeHasStaticShape(mlirValueGetType(v));
  if (role == 'w' || role == 'c') {
    // A parameter, or an argument in its place; materialize checks the indices of a parameter.
    if (at < 0 || (at < f->n_inputs && is_fixed))
      return at < 0 || role == 'w' ||
             add_rule(f, at, (resq_index_rule){RESQ_RULE_BELOW, 0, resq_width(mlirOperationGetOperand(op, 0))});
    resq_emit_error(op, "operand %" PRIdPTR " is computed in the function: allowed is a parameter",
                    operand);
    return false;
  }
  if (at < 0) {
    resq_emit_error(op, "operand %" PRIdPTR " is a parameter: allowed are rows that a caller gives",
                    operand);
    return false;
  }
  if (strchr("rqg", role) && !check_rows(op, operand, role))
    return false;
  if (role == 'g')
    return true;
  if (*rows >= 0 && !unite(f, op, *rows, at))
    return false;
  *rows = at;
  if (strchr("tips", role) && (argument = argument_of(op, operand)) < 0)
    return false;
  switch (role) {
  case 't':
    return add_rule(f, argument, (resq_index_rule){RESQ_RULE_BELOW, 0,
                                             resq_dim(mlirOperationGetOperand(op, operand + 1), 0)});
  case 'i': {
    int of = rows_argument(f, op, 0);
    return of >= 0 && add_rule(f, argument, (resq_index_rule){RESQ_RULE_ROW, of, 0});
  }
  case 'p':
    return add_rule(f, argument, (resq_index_rule){RESQ_RULE_POSITION, 0, 0});
  case 's':
    return add_rule(f, argument, (resq_index_rule){RESQ_RULE_SEQUENCE, 0, 0});
  }
  return true;
}

/// The letter of an operand.
static char role_of(MlirOperation op, const char *roles, intptr_t operand) {
  MlirAttribute segments = resq_op_attr(op, "operandSegmentSizes");
  intptr_t last = (intptr_t)strlen(roles) - 1;
  if (mlirAttributeIsNull(segments))
    return roles[operand < last ? operand : last];
  intptr_t segment = 0, end = mlirDenseI32ArrayGetElement(segments, 0);
  while (operand >= end)
    end += mlirDenseI32ArrayGetElement(segments, ++segment);
  return roles[segment];
}

static bool take_op(facts *f, MlirOperation op) {
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(op));
  const char *roles = resq_row_roles(name);
  if (!roles) {
    resq_emit_error(op,
                    "%.*s cannot be compiled: allowed are ops of the resq dialect that take and give rows",
                    (int)name.length, name.data);
    return false;
  }
  if ((resq_op_is(op, "resq.slice") || resq_op_is(op, "resq.concat")) &&
      resq_op_i64(op, "dim") == 0) {
    resq_emit_error(op, "a %s of rows in a function: allowed are columns (dim 1)", name.data + 5);
    return false;
  }
  int rows = -1;
  for (intptr_t i = 0; i < mlirOperationGetNumOperands(op); i++)
    if (!take_operand(f, op, i, role_of(op, roles, i), &rows))
      return false;
  if (strchr(roles, 'p') && !add_use(f, op, strchr(roles, 'p') - roles))
    return false;
  for (intptr_t i = 0; *roles && i < mlirOperationGetNumResults(op); i++)
    if (!add_value(f, mlirOperationGetResult(op, i), true) ||
        !unite(f, op, rows, f->n_values - 1))
      return false;
  return true;
}

//===-- Arguments and results ---------------------------------------------===//

/// Row tensors of f32 or, arguments only, ids of i32, as resq_arg can say.
static bool check_type(facts *f, MlirType type, bool is_result, int index) {
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
                            : mlirDictionaryAttrGetElementByName(mlirArrayAttrGetElement(all, index),
                                                                 resq_str("resq.name"));
  if (!mlirAttributeIsNull(given)) {
    bool is_text = mlirAttributeIsAString(given);
    MlirStringRef text = is_text ? mlirStringAttrGetValue(given) : (MlirStringRef){"", 0};
    if (text.length && !memchr(text.data, 0, text.length))
      return given;
    resq_emit_error(f->func, "%s %d: resq.name is %s: allowed is a string that is not empty, without NUL",
                    is_result ? "result" : "argument", index,
                    !is_text ? "no string" : text.length ? "a string with NUL" : "empty");
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
  int64_t *numbers = calloc((size_t)f->n_rules * 3 + 1, sizeof *numbers);
  intptr_t n = 0;
  for (int i = 0; numbers && i < f->n_rules; i++) {
    if (f->rules[i].argument != argument)
      continue;
    // What bounds an index is named by its class's first argument, which later ops may have united.
    const resq_index_rule *r = &f->rules[i].rule;
    numbers[n++] = r->kind;
    numbers[n++] = r->kind == RESQ_RULE_ROW ? first_of(f, r->argument) : 0;
    numbers[n++] = r->limit;
  }
  MlirAttribute attr =
      numbers ? mlirDenseI64ArrayGet(f->ctx, n, numbers) : mlirAttributeGetNull();
  free(numbers);
  return attr;
}

/// Of argument or result i, `value` among the row values; first[c]: the first argument or result of class c.
static MlirAttribute describe(facts *f, int i, int value, int *first) {
  bool is_result = i >= f->n_inputs;
  int index = is_result ? i - f->n_inputs : i;
  const row_value *v = &f->values[value], *class = &f->values[first_of(f, value)];
  MlirType type = mlirValueGetType(v->value);
  bool is_ids = mlirShapedTypeGetRank(type) == 1;
  MlirAttribute name = name_of(f, v->value, is_result, index);
  MlirAttribute rules = rules_of(f, is_result ? -1 : i);
  if (mlirAttributeIsNull(name))
    return name;
  if (mlirAttributeIsNull(rules)) {
    no_memory(f);
    return rules;
  }
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
  int value = find(f, mlirOperationGetOperand(ret, i));
  if (value < 0)
    resq_emit_error(ret, "result %d is a parameter: allowed are rows", i);
  return value;
}

static bool set_facts(facts *f, MlirOperation ret) {
  int n = f->n_inputs + f->n_results;
  MlirAttribute *args = calloc((size_t)n + 1, sizeof *args);
  int *first = malloc(((size_t)f->n_values + 1) * sizeof *first);
  bool ok = (args && first) || no_memory(f);
  int64_t most = 0;
  for (int i = 0; ok && i < f->n_values; i++) {
    first[i] = -1;
    const row_value *class = &f->values[first_of(f, i)];
    most = class->computed && class->fixed > most ? class->fixed : most;
  }
  if (ok && most > MOST_FIXED_ROWS) {
    resq_emit_error(f->func, "%" PRId64 " rows in a function: allowed are %d", most, MOST_FIXED_ROWS);
    ok = false;
  }
  for (int i = 0; ok && i < n; i++) {
    int value = i < f->n_inputs ? i : returned(f, ret, i - f->n_inputs);
    args[i] = value < 0 ? mlirAttributeGetNull() : describe(f, i, value, first);
    ok = !mlirAttributeIsNull(args[i]);
  }
  if (ok) {
    mlirOperationSetDiscardableAttributeByName(
        f->func, resq_str("resq.fixed_rows"),
        mlirIntegerAttrGet(mlirIntegerTypeGet(f->ctx, 64), most));
    mlirOperationSetDiscardableAttributeByName(f->func, resq_str("resq.args"),
                                               mlirArrayAttrGet(f->ctx, n, args));
    mlirOperationSetDiscardableAttributeByName(
        f->func, resq_str("resq.uses"), mlirDenseI64ArrayGet(f->ctx, 4 * f->n_uses, f->uses));
  }
  free(args);
  free(first);
  return ok;
}

static bool check_signature(facts *f, MlirBlock block, MlirOperation ret) {
  MlirStringRef name = resq_op_str(f->func, "sym_name");
  if (memchr(name.data, 0, name.length)) {
    resq_emit_error(f->func, "the name of a function that is compiled has a NUL");
    return false;
  }
  if (f->n_inputs + f->n_results > RESQ_MAX_ARGS) {
    resq_emit_error(f->func, "%d arguments and results: allowed are %d",
                    f->n_inputs + f->n_results, RESQ_MAX_ARGS);
    return false;
  }
  for (int i = 0; i < f->n_inputs; i++) {
    MlirValue v = mlirBlockGetArgument(block, i);
    if (!check_type(f, mlirValueGetType(v), false, i) || !add_value(f, v, false))
      return false;
  }
  for (int i = 0; i < f->n_results; i++)
    if (!check_type(f, mlirValueGetType(mlirOperationGetOperand(ret, i)), true, i))
      return false;
  return true;
}

bool resq_function_facts(MlirOperation module, MlirOperation func) {
  MlirRegion region = mlirOperationGetRegion(func, 0);
  MlirBlock block = mlirRegionGetFirstBlock(region);
  if (!mlirBlockIsNull(mlirBlockGetNextInRegion(block))) {
    resq_emit_error(func, "a function that is compiled has one block");
    return false;
  }
  MlirOperation ret = mlirBlockGetTerminator(block);
  facts f = {.module = module,
             .func = func,
             .ctx = mlirOperationGetContext(module),
             .n_inputs = (int)mlirBlockGetNumArguments(block),
             .n_results = (int)mlirOperationGetNumOperands(ret)};
  bool ok = check_signature(&f, block, ret);
  for (MlirOperation op = mlirBlockGetFirstOperation(block); ok && !mlirOperationEqual(op, ret);
       op = mlirOperationGetNextInBlock(op))
    ok = take_op(&f, op);
  ok = ok && set_facts(&f, ret);
  free(f.values);
  free(f.rules);
  free(f.uses);
  return ok;
}

bool resq_is_public_function(MlirOperation op) {
  return resq_op_is(op, "func.func") &&
         !mlirBlockIsNull(mlirRegionGetFirstBlock(mlirOperationGetRegion(op, 0))) &&
         (!resq_op_has(op, "sym_visibility") ||
          resq_str_eq(resq_op_str(op, "sym_visibility"), "public"));
}

bool resq_module_facts(MlirOperation module) {
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_is_public_function(op) && !resq_function_facts(module, op))
      return false;
  return true;
}

char *resq_entry_symbol(MlirStringRef function, const char *level, int64_t rows) {
  size_t size = function.length + strlen(level) + 32;
  char *symbol = malloc(size);
  if (symbol)
    snprintf(symbol, size, "%.*s__%s__r%" PRId64, (int)function.length, function.data, level, rows);
  return symbol;
}
