//===-- fold_norm.c - RMSNorm gains into the linears that read them -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// (x * gain) W^T = x (W diag(gain))^T: where every reader of a norm is a linear or
// a head whose weight has a recipe, the gain scales the weight's columns in the
// recipe, and the norm loses its operand. A param that others read too (a tied
// embedding) is cloned first. Where that is not so, the gain stays and a remark
// says why.
//===----------------------------------------------------------------------===//
#include "dialect/build.h"
#include "passes/pass.h"
#include <stdlib.h>
#include <string.h>

bool resq_pass_fold_norm(MlirOperation module, resq_pass *pass);

/// One weight that a gain goes into, under the name it has afterwards.
typedef struct folded_weight {
  MlirOperation param;  ///< as it was before
  MlirOperation target; ///< param itself, or its clone
} folded_weight;

static MlirOperation owner(MlirOpOperand use) { return mlirOpOperandGetOwner(use); }

static bool reads_as_linear(MlirOpOperand use) {
  return (resq_op_is(owner(use), "resq.linear") || resq_op_is(owner(use), "resq.head")) &&
         mlirOpOperandGetOperandNumber(use) == 0;
}

static bool has_recipe(MlirOperation param) {
  return !mlirBlockIsNull(mlirRegionGetFirstBlock(mlirOperationGetRegion(param, 0)));
}

/// The param behind a linear's weight; null unless the weight is a plain resq.get.
static MlirOperation weight_param(MlirOperation module, MlirOperation linear) {
  MlirOperation get = resq_defining_op(mlirOperationGetOperand(linear, 1));
  if (!resq_op_is(get, "resq.get"))
    return (MlirOperation){NULL};
  return resq_symbol(module, resq_op_str(get, "param"));
}

/// Why this norm's gain cannot go into its readers; NULL when it can.
static const char *obstacle(MlirOperation module, MlirOperation norm) {
  MlirOperation gain = resq_defining_op(mlirOperationGetOperand(norm, 1));
  if (!resq_op_is(gain, "resq.get"))
    return "the gain is not a parameter";
  MlirOpOperand use = mlirValueGetFirstUse(mlirOperationGetResult(norm, 0));
  if (mlirOpOperandIsNull(use))
    return "nothing reads the norm";
  for (; !mlirOpOperandIsNull(use); use = mlirOpOperandGetNextUse(use)) {
    if (!reads_as_linear(use))
      return "a reader is neither resq.linear nor resq.head";
    MlirOperation param = weight_param(module, owner(use));
    if (mlirOperationIsNull(param))
      return "a reader's weight is not a parameter";
    if (!has_recipe(param))
      return "a reader's weight is external: it has no recipe to fold into";
  }
  return NULL;
}

/// Counts the gets of one param, and those of them that only this norm's linears read as weights.
typedef struct get_count {
  MlirStringRef param;
  MlirValue normed;
  bool shared;
} get_count;

static void note_get(MlirOperation get, void *user) {
  get_count *count = user;
  if (!mlirStringRefEqual(resq_op_str(get, "param"), count->param))
    return;
  MlirOpOperand use = mlirValueGetFirstUse(mlirOperationGetResult(get, 0));
  for (; !mlirOpOperandIsNull(use); use = mlirOpOperandGetNextUse(use)) {
    bool ours = (resq_op_is(owner(use), "resq.linear") || resq_op_is(owner(use), "resq.head")) &&
                mlirOpOperandGetOperandNumber(use) == 1 &&
                mlirValueEqual(mlirOperationGetOperand(owner(use), 0), count->normed);
    count->shared |= !ours;
  }
}

static bool is_shared(MlirOperation module, MlirOperation param, MlirValue normed) {
  get_count count = {resq_op_str(param, "sym_name"), normed, false};
  resq_for_each(module, "resq.get", note_get, &count);
  return count.shared;
}

/// A copy of param after it: "head" for a head's weight, else "<name>_folded", made fresh.
static MlirOperation clone_param(MlirOperation module, MlirOperation param, bool for_head) {
  MlirStringRef old = resq_op_str(param, "sym_name");
  char *base = malloc(old.length + sizeof "_folded");
  char *name = NULL;
  if (base) {
    memcpy(base, old.data, old.length);
    strcpy(base + old.length, "_folded");
    name = resq_fresh_symbol(module, for_head ? "head" : base);
  }
  free(base);
  if (!name) {
    resq_emit_error(param, "out of memory");
    return (MlirOperation){NULL};
  }
  MlirOperation copy = mlirOperationClone(param);
  MlirContext ctx = mlirOperationGetContext(param);
  mlirOperationSetInherentAttributeByName(copy, resq_str("sym_name"),
                                          mlirStringAttrGet(ctx, resq_str(name)));
  mlirBlockInsertOwnedOperationAfter(mlirOperationGetBlock(param), param, copy);
  free(name);
  return copy;
}

/// recipe: yield w  ->  yield scale_columns(w, get @gain)
static void scale_recipe(MlirOperation param, MlirStringRef gain, MlirType gain_type) {
  MlirBlock recipe = mlirRegionGetFirstBlock(mlirOperationGetRegion(param, 0));
  MlirOperation yield = mlirBlockGetTerminator(recipe);
  resq_builder b = resq_build_before(yield);
  MlirNamedAttribute symbol = resq_attr(b.ctx, "param", mlirFlatSymbolRefAttrGet(b.ctx, gain));
  MlirValue weight = mlirOperationGetOperand(yield, 0);
  MlirValue operands[] = {weight, resq_build_value(&b, "resq.get", 0, NULL, gain_type, 1, &symbol)};
  MlirValue scaled =
      resq_build_value(&b, "resq.scale_columns", 2, operands, mlirValueGetType(weight), 0, NULL);
  mlirOperationSetOperand(yield, 0, scaled);
}

/// Makes `linear` read `target`, with a get of its own when that is a clone.
static void read_from(MlirOperation linear, MlirOperation target) {
  MlirOperation get = resq_defining_op(mlirOperationGetOperand(linear, 1));
  MlirStringRef name = resq_op_str(target, "sym_name");
  if (mlirStringRefEqual(resq_op_str(get, "param"), name))
    return;
  resq_builder b = resq_build_before(linear);
  MlirNamedAttribute symbol = resq_attr(b.ctx, "param", mlirFlatSymbolRefAttrGet(b.ctx, name));
  MlirType type = mlirValueGetType(mlirOperationGetOperand(linear, 1));
  mlirOperationSetOperand(linear, 1, resq_build_value(&b, "resq.get", 0, NULL, type, 1, &symbol));
  if (mlirOpOperandIsNull(mlirValueGetFirstUse(mlirOperationGetResult(get, 0))))
    mlirOperationDestroy(get);
}

typedef struct folding {
  MlirOperation module;
  bool ok;
} folding;

static intptr_t count_uses(MlirValue v) {
  intptr_t n = 0;
  MlirOpOperand use = mlirValueGetFirstUse(v);
  for (; !mlirOpOperandIsNull(use); use = mlirOpOperandGetNextUse(use))
    n++;
  return n;
}

/// The readers in program order: use lists run backwards, and clones shall get names in order.
static MlirOperation *readers_of(MlirValue v, intptr_t *n) {
  *n = count_uses(v);
  MlirOperation *readers = malloc(sizeof *readers * (size_t)(*n + 1));
  if (!readers)
    return NULL;
  intptr_t i = *n;
  MlirOpOperand use = mlirValueGetFirstUse(v);
  for (; !mlirOpOperandIsNull(use); use = mlirOpOperandGetNextUse(use))
    readers[--i] = owner(use);
  return readers;
}

/// Folds the gain into the weight of each reader; a weight that two readers share is scaled once.
static bool fold_into_readers(MlirOperation module, MlirOperation norm, MlirOperation *readers,
                              folded_weight *done, intptr_t n) {
  MlirValue normed = mlirOperationGetResult(norm, 0), gain = mlirOperationGetOperand(norm, 1);
  MlirStringRef gain_name = resq_op_str(resq_defining_op(gain), "param");
  intptr_t n_done = 0;
  for (intptr_t i = 0; i < n; i++) {
    MlirOperation param = weight_param(module, readers[i]);
    intptr_t k = 0;
    while (k < n_done && !mlirOperationEqual(done[k].param, param) &&
           !mlirOperationEqual(done[k].target, param))
      k++;
    if (k == n_done) {
      MlirOperation target = param;
      if (is_shared(module, param, normed))
        target = clone_param(module, param, resq_op_is(readers[i], "resq.head"));
      if (mlirOperationIsNull(target))
        return false;
      scale_recipe(target, gain_name, mlirValueGetType(gain));
      done[n_done++] = (folded_weight){param, target};
    }
    read_from(readers[i], done[k].target);
  }
  return true;
}

static void drop_gain(MlirOperation norm) {
  MlirOperation get = resq_defining_op(mlirOperationGetOperand(norm, 1));
  MlirValue x = mlirOperationGetOperand(norm, 0);
  mlirOperationSetOperands(norm, 1, &x);
  if (mlirOpOperandIsNull(mlirValueGetFirstUse(mlirOperationGetResult(get, 0))))
    mlirOperationDestroy(get);
}

static void fold_one(MlirOperation norm, void *user) {
  folding *f = user;
  if (!f->ok || mlirOperationGetNumOperands(norm) < 2)
    return;
  const char *why_not = obstacle(f->module, norm);
  if (why_not) {
    resq_emit_remark(norm, "the gain stays in the norm: %s", why_not);
    return;
  }
  intptr_t n;
  MlirOperation *readers = readers_of(mlirOperationGetResult(norm, 0), &n);
  folded_weight *done = readers ? malloc(sizeof *done * (size_t)(n + 1)) : NULL;
  if (!done) {
    resq_emit_error(norm, "out of memory");
    f->ok = false;
  } else {
    f->ok = fold_into_readers(f->module, norm, readers, done, n);
  }
  if (f->ok)
    drop_gain(norm);
  free(done);
  free(readers);
}

bool resq_pass_fold_norm(MlirOperation module, resq_pass *pass) {
  (void)pass;
  folding f = {module, true};
  resq_for_each(module, "resq.rms_norm", fold_one, &f);
  return f.ok;
}
