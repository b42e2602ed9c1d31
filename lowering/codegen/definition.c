//===-- definition.c - the generic lowering as an executable level --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors become buffers, an entry point is written for each function, and all goes
// to the LLVM dialect by upstream passes. No pass here may reassociate or contract.
//===----------------------------------------------------------------------===//
#include "definition.h"

#include "lowering/entries/facts.h"
#include "dialect/memory.h"
#include "passes/pipeline.h"

#include <stdlib.h>
#include <string.h>

/// To loops over buffers that are freed when last used.
static const char to_buffers[] =
    "one-shot-bufferize{bufferize-function-boundaries allow-return-allocs-from-loops "
    "function-boundary-type-conversion=identity-layout-map},"
    "canonicalize,cse,convert-linalg-to-loops,ownership-based-buffer-deallocation,canonicalize,"
    "buffer-deallocation-simplification,bufferization-lower-deallocations,cse,canonicalize";

static const char freed_early[] = "func.func(optimize-allocation-liveness)";

static const char to_llvm[] =
    "expand-strided-metadata,lower-affine,convert-scf-to-cf,convert-math-to-llvm,"
    "convert-math-to-libm,convert-arith-to-llvm,finalize-memref-to-llvm,convert-func-to-llvm,"
    "convert-cf-to-llvm,reconcile-unrealized-casts,canonicalize,cse";

/// A function on its way: its entry gets the facts.
typedef struct definition {
  MlirOperation func;
  intptr_t n_own; ///< arguments before params and caches
  char *function, *entry;
  MlirAttribute args, uses; ///< facts.h
} definition;

typedef struct definition_list {
  definition *items;
  size_t n;
} definition_list;

static void free_list(definition_list *list) {
  for (size_t i = 0; i < list->n; i++) {
    free(list->items[i].function);
    free(list->items[i].entry);
  }
  free(list->items);
}

static bool is_ours(MlirAttribute facts) {
  static const char *const names[] = {"resq.param", "resq.cache", "resq.capacity"};
  for (size_t i = 0; i < sizeof names / sizeof *names; i++)
    if (!mlirAttributeIsNull(mlirDictionaryAttrGetElementByName(facts, resq_str(names[i]))))
      return true;
  return false;
}

/// Arguments are the caller's memory or mapped params: bufferisation must not write into them.
static void protect_arguments(MlirOperation func, intptr_t *n_own) {
  MlirContext ctx = mlirOperationGetContext(func);
  MlirBlock entry = mlirRegionGetFirstBlock(mlirOperationGetRegion(func, 0));
  intptr_t n = mlirBlockGetNumArguments(entry);
  MlirAttribute old = resq_op_attr(func, "arg_attrs");
  MlirAttribute *all = resq_new((size_t)n + 1, sizeof *all);
  *n_own = n;
  for (intptr_t i = 0; i < n; i++) {
    MlirAttribute facts = mlirAttributeIsNull(old) ? mlirDictionaryAttrGet(ctx, 0, NULL)
                                                   : mlirArrayAttrGetElement(old, i);
    if (is_ours(facts) && i < *n_own)
      *n_own = i;
    intptr_t count = mlirDictionaryAttrGetNumElements(facts);
    MlirNamedAttribute *named = resq_new((size_t)count + 1, sizeof *named);
    for (intptr_t j = 0; j < count; j++)
      named[j] = mlirDictionaryAttrGetElement(facts, j);
    all[i] = facts;
    if (mlirTypeIsARankedTensor(mlirValueGetType(mlirBlockGetArgument(entry, i)))) {
      named[count] = resq_attr(ctx, "bufferization.writable", mlirBoolAttrGet(ctx, 0));
      all[i] = mlirDictionaryAttrGet(ctx, count + 1, named);
    }
    free(named);
  }
  mlirOperationSetAttributeByName(func, resq_str("arg_attrs"), mlirArrayAttrGet(ctx, n, all));
  free(all);
}

static bool add_definition(definition_list *list, MlirOperation func, int64_t max_rows,
                           resq_error *err) {
  list->items = RESQ_GROW(list->items, list->n);
  definition *d = &list->items[list->n++];
  *d = (definition){.func = func,
                    .args = resq_op_attr(func, "resq.args"),
                    .uses = resq_op_attr(func, "resq.uses")};
  MlirStringRef name = resq_op_str(func, "sym_name");
  if (mlirAttributeIsNull(d->args) || mlirAttributeIsNull(d->uses))
    return resq_fail(err, RESQ_FAILED, "@%.*s has no facts", (int)name.length, name.data);
  // Bufferization keeps what it does not know: these are the entry's from here on.
  mlirOperationRemoveDiscardableAttributeByName(func, resq_str("resq.args"));
  mlirOperationRemoveDiscardableAttributeByName(func, resq_str("resq.uses"));
  d->function = resq_copy_part(name.data, name.length);
  d->entry = resq_entry_symbol(name, "definition", max_rows);
  protect_arguments(func, &d->n_own);
  return true;
}

static void set(MlirOperation op, const char *name, MlirAttribute value) {
  mlirOperationSetDiscardableAttributeByName(op, resq_str(name), value);
}

/// The facts that the program table is made of: see lowering/calls/function_facts.h.
static void set_facts(const definition *d, MlirOperation entry, int64_t max_rows) {
  MlirContext ctx = mlirOperationGetContext(entry);
  MlirType i64 = mlirIntegerTypeGet(ctx, 64);
  set(entry, "resq.function", mlirStringAttrGet(ctx, resq_str(d->function)));
  set(entry, "resq.level", mlirStringAttrGet(ctx, resq_str("definition")));
  set(entry, "resq.max_rows", mlirIntegerAttrGet(i64, max_rows));
  set(entry, "resq.workspace", mlirIntegerAttrGet(i64, 0));
  set(entry, "resq.args", d->args);
  set(entry, "resq.uses", d->uses);
  set(entry, "resq.op_names", mlirArrayAttrGet(ctx, 0, NULL));
}

/// Of the functions, bufferised by now, entries; what they call is nobody else's.
static bool add_entries(const definition_list *list, int64_t max_rows, resq_error *err) {
  for (size_t i = 0; i < list->n; i++) {
    const definition *d = &list->items[i];
    MlirOperation entry = resq_definition_entry(d->func, d->n_own, d->entry, err);
    if (mlirOperationIsNull(entry))
      return false;
    set_facts(d, entry, max_rows);
    MlirContext ctx = mlirOperationGetContext(entry);
    mlirOperationSetAttributeByName(d->func, resq_str("sym_visibility"),
                                    mlirStringAttrGet(ctx, resq_str("private")));
    set(d->func, "llvm.linkage", mlirAttributeParseGet(ctx, resq_str("#llvm.linkage<internal>")));
  }
  return true;
}

/// Helpers that passes added, one name for all modules: no other object may see them.
static void hide_helpers(MlirOperation module) {
  MlirContext ctx = mlirOperationGetContext(module);
  MlirAttribute internal = mlirAttributeParseGet(ctx, resq_str("#llvm.linkage<internal>"));
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_op_is(op, "llvm.func") && !resq_op_has(op, "resq.function") &&
        !mlirBlockIsNull(mlirRegionGetFirstBlock(mlirOperationGetRegion(op, 0))))
      mlirOperationSetAttributeByName(op, resq_str("linkage"), internal);
}

//===-- Pipelines ---------------------------------------------------------===//

static bool run(MlirOperation module, const char *pipeline, resq_error *err) {
  if (resq_run_pipeline(mlirModuleFromOperation(module), pipeline, NULL, NULL, err))
    return true;
  resq_fail_in(err, "lowering the definitions");
  return false;
}

bool resq_lower_definition(MlirOperation module, int64_t max_rows, resq_error *err) {
  definition_list list = {NULL, 0};
  bool ok = true;
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  MlirOperation op = mlirBlockGetFirstOperation(body);
  for (; ok && !mlirOperationIsNull(op); op = mlirOperationGetNextInBlock(op))
    if (resq_is_public_function(op))
      ok = add_definition(&list, op, max_rows, err);
  ok = ok && run(module, to_buffers, err) && run(module, freed_early, err);
  // Bufferisation may have replaced the ops: find them again by name.
  for (size_t i = 0; ok && i < list.n; i++)
    list.items[i].func = resq_symbol(module, resq_str(list.items[i].function));
  ok = ok && add_entries(&list, max_rows, err) && run(module, to_llvm, err);
  if (ok)
    hide_helpers(module);
  free_list(&list);
  return ok;
}
