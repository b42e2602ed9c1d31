//===-- definition.c - the generic lowering as an executable level --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tensors become buffers, an entry point is written for each function, and all goes
// to the LLVM dialect by upstream passes. No pass here may reassociate or contract.
//===----------------------------------------------------------------------===//
#include "definition.h"

#include "dialect/memory.h"
#include "passes/generic_argument.h"
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

/// A function on its way to its entry point.
typedef struct definition {
  MlirOperation func;
  const resq_lowered_entry *entry;
  intptr_t n_own; ///< arguments before params and caches
} definition;

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
    if (i < *n_own && resq_generic_argument_read(func, i).kind != RESQ_GENERIC_OWN)
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

/// Adds an entry point behind each function, bufferised by now; what they call becomes private.
static bool add_entries(const definition *definitions, int count, resq_error *err) {
  for (int i = 0; i < count; i++) {
    const definition *d = &definitions[i];
    MlirOperation entry = resq_definition_entry(d->func, d->n_own, d->entry->symbol, err);
    if (mlirOperationIsNull(entry))
      return false;
    MlirContext ctx = mlirOperationGetContext(entry);
    mlirOperationSetAttributeByName(d->func, resq_str("sym_visibility"),
                                    mlirStringAttrGet(ctx, resq_str("private")));
    mlirOperationSetDiscardableAttributeByName(
        d->func, resq_str("llvm.linkage"),
        mlirAttributeParseGet(ctx, resq_str("#llvm.linkage<internal>")));
  }
  return true;
}

/// Helpers that passes added, one name for all modules: no other object may see them.
static void hide_helpers(MlirOperation module, const resq_entries *entries) {
  MlirContext ctx = mlirOperationGetContext(module);
  MlirAttribute internal = mlirAttributeParseGet(ctx, resq_str("#llvm.linkage<internal>"));
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_op_is(op, "llvm.func") && !resq_entry_find(entries, resq_symbol_name(op)) &&
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

/// The functions of the entries, by name: bufferisation may replace the ops.
static bool find_functions(MlirOperation module, const resq_entries *entries, definition *out,
                           resq_error *err) {
  for (int i = 0; i < entries->count; i++) {
    out[i].entry = &entries->items[i];
    out[i].func = resq_symbol(module, resq_str(out[i].entry->row.function));
    if (mlirOperationIsNull(out[i].func))
      return resq_fail(err, RESQ_FAILED, "@%s is no longer in the module",
                       out[i].entry->row.function);
  }
  return true;
}

bool resq_lower_definition(MlirOperation module, const resq_entries *entries, resq_error *err) {
  definition *definitions = resq_new((size_t)entries->count, sizeof *definitions);
  bool ok = find_functions(module, entries, definitions, err);
  for (int i = 0; ok && i < entries->count; i++)
    protect_arguments(definitions[i].func, &definitions[i].n_own);
  ok = ok && run(module, to_buffers, err) && run(module, freed_early, err) &&
       find_functions(module, entries, definitions, err) &&
       add_entries(definitions, entries->count, err) && run(module, to_llvm, err);
  if (ok)
    hide_helpers(module, entries);
  free(definitions);
  return ok;
}
