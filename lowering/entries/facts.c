//===-- facts.c - what a caller of a function must keep to ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One walk over a function. Every row value belongs to a class of values with the same number of
// rows; ops unite classes as their roles say (`roles` of dialect/resq.td). An index operand must be an
// argument of the function, which gets a rule for its values: the run time checks arguments and
// nothing else. So what is not an argument, and an op without roles, is refused here.
//===----------------------------------------------------------------------===//
#include "facts_internal.h"

#include "dialect/memory.h"
#include "dialect/ops.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

const char *resq_row_roles(MlirStringRef op) {
#define ROW(name, roles)                                                                           \
  if (resq_str_eq(op, "resq." #name))                                                              \
    return roles;
  RESQ_FUNCTION_OPS(ROW)
#undef ROW
  return NULL;
}

//===-- Values and their classes ------------------------------------------===//

/// -1: no row value.
int facts_find(const facts *f, MlirValue v) {
  if (mlirValueIsABlockArgument(v))
    return (int)mlirBlockArgumentGetArgNumber(v);
  for (int i = f->n_values - 1; i >= f->n_inputs; i--)
    if (mlirValueEqual(f->values[i].value, v))
      return i;
  return -1;
}

int facts_class(const facts *f, int i) {
  while (f->values[i].same != i)
    i = f->values[i].same;
  return i;
}

static void add_value(facts *f, MlirValue v, bool computed) {
  f->values = RESQ_GROW(f->values, f->n_values);
  MlirType type = mlirValueGetType(v);
  bool fixed = mlirTypeIsARankedTensor(type) && mlirShapedTypeGetRank(type) > 0 &&
               !mlirShapedTypeIsDynamicDim(type, 0);
  f->values[f->n_values] = (row_value){.value = v,
                                       .same = f->n_values,
                                       .fixed = fixed ? mlirShapedTypeGetDimSize(type, 0) : -1,
                                       .computed = computed};
  f->n_values++;
}

static bool unite(facts *f, MlirOperation op, int a, int b) {
  a = facts_class(f, a);
  b = facts_class(f, b);
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

/// Always true.
static bool add_rule(facts *f, int argument, resq_index_rule rule) {
  for (int i = 0; i < f->n_rules; i++) {
    const resq_index_rule *r = &f->rules[i].rule;
    if (f->rules[i].argument == argument && r->kind == rule.kind && r->argument == rule.argument &&
        r->limit == rule.limit)
      return true;
  }
  f->rules = RESQ_GROW(f->rules, f->n_rules);
  f->rules[f->n_rules++] = (row_rule){argument, rule};
  return true;
}

/// The argument that gives the ids of an operand; -1 after an error.
static int argument_of(MlirOperation op, intptr_t operand) {
  MlirValue v = mlirOperationGetOperand(op, operand);
  if (mlirValueIsABlockArgument(v))
    return (int)mlirBlockArgumentGetArgNumber(v);
  resq_emit_error(op,
                  "operand %" PRIdPTR
                  " is an index that is computed in the function: allowed is an "
                  "argument, whose values are checked when the function is called",
                  operand);
  return -1;
}

/// The first argument of the class of `operand`: its rows bound an index. -1 after an error.
static int rows_argument(facts *f, MlirOperation op, intptr_t operand) {
  int first = facts_class(f, facts_find(f, mlirOperationGetOperand(op, operand)));
  if (first < f->n_inputs)
    return first;
  resq_emit_error(op, "the rows of operand %" PRIdPTR " are those of no argument", operand);
  return -1;
}

static int32_t cache_index(const facts *f, MlirStringRef name) {
  int32_t index = 0;
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(f->module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resqOpIsKvCache(op)) {
      if (mlirStringRefEqual(resq_symbol_name(op), name))
        return index;
      index++;
    }
  return -1;
}

/// An op on a cache: `p` is the operand of its positions, before that of its sequences.
static bool add_use(facts *f, MlirOperation op, intptr_t p) {
  int positions = argument_of(op, p), sequences = positions < 0 ? -1 : argument_of(op, p + 1);
  int32_t cache = cache_index(f, resq_cache_name(op));
  if (sequences < 0 || cache < 0)
    return false;
  f->uses = RESQ_GROW(f->uses, f->n_uses);
  f->uses[f->n_uses++] = (resq_cache_use){.cache = cache,
                                          .positions = positions,
                                          .sequences = sequences,
                                          .is_append = resqOpIsKvAppend(op)};
  return true;
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
  int at = facts_find(f, v), argument = -1;
  bool is_fixed = mlirTypeIsARankedTensor(mlirValueGetType(v)) &&
                  mlirShapedTypeHasStaticShape(mlirValueGetType(v));
  if (role == 'w' || role == 'c') {
    // A parameter, or an argument in its place; materialize checks the indices of a parameter.
    if (at < 0 || (at < f->n_inputs && is_fixed))
      return at < 0 || role == 'w' ||
             add_rule(
                 f, at,
                 (resq_index_rule){RESQ_RULE_BELOW, 0, resq_width(mlirOperationGetOperand(op, 0))});
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
    return add_rule(f, argument,
                    (resq_index_rule){RESQ_RULE_BELOW, 0,
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
  intptr_t last = (intptr_t)strlen(roles) - 1, segment = resq_operand_segment(op, operand);
  return roles[segment < last ? segment : last];
}

static bool take_op(facts *f, MlirOperation op) {
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(op));
  const char *roles = resq_row_roles(name);
  if (!roles) {
    resq_emit_error(
        op, "%.*s cannot be compiled: allowed are ops of the resq dialect that take and give rows",
        (int)name.length, name.data);
    return false;
  }
  if ((resqOpIsSlice(op) && resqSliceOpGetDim(op) == 0) ||
      (resqOpIsConcat(op) && resqConcatOpGetDim(op) == 0)) {
    resq_emit_error(op, "a %s of rows in a function: allowed are columns (dim 1)", name.data + 5);
    return false;
  }
  int rows = -1;
  for (intptr_t i = 0; i < mlirOperationGetNumOperands(op); i++)
    if (!take_operand(f, op, i, role_of(op, roles, i), &rows))
      return false;
  if (strchr(roles, 'p') && !add_use(f, op, strchr(roles, 'p') - roles))
    return false;
  for (intptr_t i = 0; *roles && i < mlirOperationGetNumResults(op); i++) {
    add_value(f, mlirOperationGetResult(op, i), true);
    if (!unite(f, op, rows, f->n_values - 1))
      return false;
  }
  return true;
}

//===-- The walk ----------------------------------------------------------===//

static bool check_signature(facts *f, MlirBlock block, MlirOperation ret) {
  MlirStringRef name = resq_symbol_name(f->func);
  if (memchr(name.data, 0, name.length)) {
    resq_emit_error(f->func, "the name of a function that is compiled has a NUL");
    return false;
  }
  if (f->n_inputs + f->n_results > RESQ_MAX_ARGS) {
    resq_emit_error(f->func, "%d arguments and results: allowed are %d", f->n_inputs + f->n_results,
                    RESQ_MAX_ARGS);
    return false;
  }
  for (int i = 0; i < f->n_inputs; i++) {
    MlirValue v = mlirBlockGetArgument(block, i);
    if (!facts_check_type(f, mlirValueGetType(v), false, i))
      return false;
    add_value(f, v, false);
  }
  for (int i = 0; i < f->n_results; i++)
    if (!facts_check_type(f, mlirValueGetType(mlirOperationGetOperand(ret, i)), true, i))
      return false;
  return true;
}

bool resq_function_facts_derive(MlirOperation module, MlirOperation func, resq_arena *memory,
                                resq_function_facts *out) {
  MlirRegion region = mlirOperationGetRegion(func, 0);
  MlirBlock block = mlirRegionGetFirstBlock(region);
  if (!mlirBlockIsNull(mlirBlockGetNextInRegion(block))) {
    resq_emit_error(func, "a function that is compiled has one block");
    return false;
  }
  MlirOperation ret = mlirBlockGetTerminator(block);
  facts f = {.module = module,
             .func = func,
             .memory = memory,
             .n_inputs = (int)mlirBlockGetNumArguments(block),
             .n_results = (int)mlirOperationGetNumOperands(ret)};
  bool ok = check_signature(&f, block, ret);
  for (MlirOperation op = mlirBlockGetFirstOperation(block); ok && !mlirOperationEqual(op, ret);
       op = mlirOperationGetNextInBlock(op))
    ok = take_op(&f, op);
  ok = ok && facts_tabulate(&f, ret, out);
  free(f.values);
  free(f.rules);
  free(f.uses);
  return ok;
}

bool resq_is_public(MlirOperation op) {
  return !mlirBlockIsNull(mlirRegionGetFirstBlock(mlirOperationGetRegion(op, 0))) &&
         (!resq_op_has(op, "sym_visibility") ||
          resq_str_eq(resq_op_str(op, "sym_visibility"), "public"));
}

bool resq_is_public_function(MlirOperation op) {
  return resq_op_is(op, "func.func") && resq_is_public(op);
}

char *resq_entry_symbol(MlirStringRef function, const char *level, int64_t rows) {
  return resq_print_text("%.*s__%s__r%" PRId64, (int)function.length, function.data, level, rows);
}
