//===-- tables.c - what resq.td says about ops, as rows for tables --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "tables.h"
#include <stdio.h>
#include <string.h>

/// The rule of an op whose result types are inferred (Resq_Infer of resq.td), or whether it has a
/// trait of the interface.
static json_t *find_trait(const op *o, const char *class, const char *interface) {
  size_t i;
  json_t *trait;
  json_array_foreach(json_object_get(o->record, "traits"), i, trait) {
    json_t *record = named(trait);
    if (is_a(record, class) && !strcmp(text(record, "cppInterfaceName"), interface))
      return record;
  }
  return NULL;
}

//===-- Roles -------------------------------------------------------------===//

/// The letters that an operand of functions may have by resq.td, by its type.
static const char *allowed_roles(const field *f) {
  return !strcmp(f->type, "Resq_Rows") ? "rqg" : !strcmp(f->type, "Resq_Ids") ? "tpsni" : "wc";
}

static void check_roles(const op *o, const char *roles) {
  size_t n = 0;
  for (size_t i = 0; i < o->n; i++) {
    const field *f = &o->fields[i];
    if (f->is_attribute)
      continue;
    if (!roles[n] || !strchr(allowed_roles(f), roles[n]))
      fail("resq.%s: operand %s has role '%.1s', allowed: one of %s", o->mnemonic, f->name,
           roles + n, allowed_roles(f));
    n++;
  }
  if (roles[n])
    fail("resq.%s: roles '%s' are more than its %zu operands", o->mnemonic, roles, n);
}

//===-- Ops of functions --------------------------------------------------===//

/// Ops of functions are those that are neither of recipes alone, nor symbols, nor what a lowering makes.
static bool is_of_functions(const op *o) {
  return !is_a(o->record, "Resq_RecipeOp") && !is_a(o->record, "Resq_LoweredOp") &&
         !has_trait(o, "Symbol");
}

/// How the op's definition and its kernel get their arguments: by a function of the op's own, or by
/// their names.
static const struct way {
  const char *flag, *what;
} definition = {"hasDefinitionRule", "definition"}, kernel = {"hasEmitter", "kernel"};

/// Which macro of RESQ_SIGNATURES an attribute, operand or result is given to; NULL for what no
/// definition and no kernel can take as it is.
static const char *signature_macro(const field *f, bool is_result) {
  if (f->shape == VARIADIC)
    return NULL;
  if (!f->is_attribute)
    return is_result ? "RESULT" : "OPERAND";
  if (f->shape != ONE)
    return NULL;
  if (f->form == ENUM)
    return "WORD";
  if (f->form != VALUE)
    return NULL;
  return !strcmp(f->kind.c_type, "int64_t ") ? "NUMBER"
         : !strcmp(f->kind.c_type, "float ") ? "REAL"
         : !strcmp(f->kind.c_type, "bool ")  ? "FLAG"
                                             : NULL;
}

static void refuse_by_name(const op *o, const struct way *way, const char *name, const char *why) {
  fail("resq.%s: '%s' %s, so that its %s is not called by name: allowed is `let %s = 1`",
       o->mnemonic, name, why, way->what, way->flag);
}

/// An op without a function of its own has nothing but what a name can stand for.
static void check_by_name(const op *o, const struct way *way, const char *roles) {
  for (size_t i = 0; i < o->n; i++) {
    const field *f = &o->fields[i];
    if (!signature_macro(f, false))
      refuse_by_name(o, way, f->name, "is neither one value nor a number, a flag or an enum");
    if (way == &definition && !f->is_attribute && f->shape == OPTIONAL)
      refuse_by_name(o, way, f->name, "may be absent");
  }
  for (size_t i = 0; i < o->n_results; i++)
    if (!signature_macro(&o->results[i], true))
      refuse_by_name(o, way, o->results[i].name, "is not one value");
  if (way == &definition && o->n_results != 1)
    refuse_by_name(o, way, o->mnemonic, "has not exactly one result");
  if (way == &definition && strchr(roles, 'q'))
    refuse_by_name(o, way, o->mnemonic, "takes codes, which are several tensors there");
  if (way == &kernel && !strpbrk(roles, "rqtpsni"))
    refuse_by_name(o, way, o->mnemonic, "has no operand that says how many rows there are");
}

static const char *check_function_op(const op *o) {
  json_t *found = json_object_get(o->record, "roles");
  if (!json_is_string(found))
    fail("resq.%s may be in a function, and has no `roles`", o->mnemonic);
  const char *roles = json_string_value(found);
  check_roles(o, roles);
  if (!flag(o->record, definition.flag))
    check_by_name(o, &definition, roles);
  if (!flag(o->record, kernel.flag))
    check_by_name(o, &kernel, roles);
  return roles;
}

static void print_signature(const op *o, const char *roles) {
  printf("  BEGIN(%s)", o->mnemonic);
  for (size_t i = 0; i < o->n; i++) {
    const field *f = &o->fields[i];
    const char *macro = signature_macro(f, false);
    const char role = f->is_attribute ? 0 : *roles++;
    if (!macro)
      continue;
    printf(" %s(%s, %s, %s", macro, o->class, camel(f->name).text, f->name);
    if (role)
      printf(", '%c'", role);
    if (f->form == ENUM && f->is_attribute)
      printf(", %s", text(f->enum_info, "className"));
    printf(")");
  }
  for (size_t i = 0; i < o->n_results; i++)
    if (signature_macro(&o->results[i], true))
      printf(" RESULT(%s, %s, %s)", o->class, camel(o->results[i].name).text, o->results[i].name);
  printf(" END(%s) \\\n", o->mnemonic);
}

static void print_function_ops(const op *ops, size_t n) {
  puts("\n#define RESQ_FUNCTION_OPS(ROW) \\");
  for (size_t i = 0; i < n; i++)
    if (is_of_functions(&ops[i]))
      printf("  ROW(%s, \"%s\") \\\n", ops[i].mnemonic, check_function_op(&ops[i]));
  puts("\n#define RESQ_SIGNATURES(BEGIN, OPERAND, NUMBER, REAL, FLAG, WORD, RESULT, END) \\");
  for (size_t i = 0; i < n; i++)
    if (is_of_functions(&ops[i]))
      print_signature(&ops[i], text(ops[i].record, "roles"));
}

//===-- Rows --------------------------------------------------------------===//

/// ROW(<mnemonic>) or ROW(<class>) for each op whose record has the flag.
static void print_flagged(const op *ops, size_t n, const char *table, const char *name,
                          bool by_class) {
  printf("\n#define %s(ROW) \\\n", table);
  for (size_t i = 0; i < n; i++)
    if (flag(ops[i].record, name))
      printf("  ROW(%s) \\\n", by_class ? ops[i].class : ops[i].mnemonic);
}

void print_tables(const op *ops, size_t n) {
  puts("\n#define RESQ_RECIPE_OPS(ROW) \\");
  for (size_t i = 0; i < n; i++)
    if (is_a(ops[i].record, "Resq_RecipeOp") || is_a(ops[i].record, "Resq_SharedOp"))
      printf("  ROW(%s) \\\n", ops[i].mnemonic);
  print_function_ops(ops, n);
  print_flagged(ops, n, "RESQ_OPS_WITH_DEFINITION_RULE", definition.flag, false);
  print_flagged(ops, n, "RESQ_OPS_WITH_EMITTER", kernel.flag, false);
  print_flagged(ops, n, "RESQ_OPS_WITH_VERIFIER", "hasVerifier", true);
  print_flagged(ops, n, "RESQ_OPS_WITH_FOLDER", "hasFolder", true);
  puts("\n#define RESQ_OPS_WITH_SYMBOLS(ROW) \\");
  for (size_t i = 0; i < n; i++)
    if (find_trait(&ops[i], "DeclareOpInterfaceMethods", "SymbolUserOpInterface"))
      printf("  ROW(%s) \\\n", ops[i].class);
  puts("\n#define RESQ_OPS_WITH_INFERENCE(ROW) \\");
  for (size_t i = 0; i < n; i++) {
    json_t *rule = find_trait(&ops[i], "Resq_Infer", "InferTypeOpInterface");
    if (rule)
      printf("  ROW(%s, %s) \\\n", ops[i].class, text(rule, "rule"));
  }
  puts("");
}
