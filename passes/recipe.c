//===-- recipe.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/recipe.h"
#include "dialect/memory.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

MlirStringRef resq_param_name(MlirOperation param) { return resqParamOpGetSymName(param); }

MlirType resq_param_type(MlirOperation param) { return resqParamOpGetType(param); }

static bool has_recipe(MlirOperation param) {
  return !mlirBlockIsNull(mlirRegionGetFirstBlock(mlirOperationGetRegion(param, 0)));
}

MlirValue resq_get_param(const resq_builder *b, MlirOperation param) {
  return resqGetOpBuild(b, resq_param_name(param), resq_param_type(param));
}

MlirOperation resq_operand_param(MlirOperation module, MlirOperation op, intptr_t index) {
  MlirOperation get = resq_defining_op(mlirOperationGetOperand(op, index));
  if (mlirOperationIsNull(get) || !resqOpIsGet(get))
    return (MlirOperation){NULL};
  MlirOperation param = resq_symbol(module, resqGetOpGetParam(get));
  return mlirOperationIsNull(param) || !has_recipe(param) ? (MlirOperation){NULL} : param;
}

//===-- Ownership ---------------------------------------------------------===//

typedef struct get_search {
  MlirStringRef param;
  intptr_t uses; ///< of all gets' results
} get_search;

static intptr_t count_uses(MlirValue v) {
  intptr_t n = 0;
  for (MlirOpOperand use = mlirValueGetFirstUse(v); !mlirOpOperandIsNull(use);
       use = mlirOpOperandGetNextUse(use))
    n++;
  return n;
}

static void count_get(MlirOperation get, void *user) {
  get_search *s = user;
  if (mlirStringRefEqual(resqGetOpGetParam(get), s->param))
    s->uses += count_uses(mlirOperationGetResult(get, 0));
}

MlirOperation resq_clone_param(MlirOperation module, MlirOperation param, const char *base) {
  char *name = resq_fresh_symbol(module, base);
  MlirOperation copy = mlirOperationClone(param);
  resqParamOpSetSymName(copy, resq_str(name));
  mlirBlockInsertOwnedOperationAfter(mlirOperationGetBlock(param), param, copy);
  free(name);
  return copy;
}

void resq_read_param(MlirOperation op, intptr_t index, MlirOperation param) {
  MlirOperation get = resq_defining_op(mlirOperationGetOperand(op, index));
  if (mlirStringRefEqual(resqGetOpGetParam(get), resq_param_name(param)))
    return;
  resq_builder b = resq_build_before(op);
  mlirOperationSetOperand(op, index, resq_get_param(&b, param));
  if (!resq_is_used(mlirOperationGetResult(get, 0)))
    mlirOperationDestroy(get);
}

MlirOperation resq_own_param(MlirOperation module, MlirOperation op, intptr_t index,
                             const char *suffix) {
  return resq_own_shared_param(module, 1, &op, index, suffix);
}

MlirOperation resq_own_shared_param(MlirOperation module, intptr_t count, const MlirOperation *ops,
                                    intptr_t index, const char *suffix) {
  MlirOperation param = resq_operand_param(module, ops[0], index);
  if (mlirOperationIsNull(param))
    return param;
  get_search s = {resq_param_name(param), 0};
  resq_for_each(module, RESQ_OP_GET, count_get, &s);
  if (s.uses == count)
    return param;
  char base[256];
  MlirStringRef name = resq_param_name(param);
  snprintf(base, sizeof base, "%.*s_%s", (int)name.length, name.data, suffix);
  MlirOperation own = resq_clone_param(module, param, base);
  for (intptr_t i = 0; i < count; i++)
    resq_read_param(ops[i], index, own);
  return own;
}

typedef struct embed_search {
  MlirOperation module, param, embed;
  intptr_t found;
} embed_search;

static void note_embed(MlirOperation embed, void *user) {
  embed_search *s = user;
  MlirOperation table = resq_operand_param(s->module, embed, RESQ_EMBED_TABLE);
  if (mlirOperationIsNull(table) || !mlirOperationEqual(table, s->param))
    return;
  s->embed = embed;
  s->found++;
}

MlirOperation resq_embed_of(MlirOperation module, MlirOperation param) {
  embed_search s = {module, param, {NULL}, 0};
  resq_for_each(module, RESQ_OP_EMBED, note_embed, &s);
  return s.found == 1 ? s.embed : (MlirOperation){NULL};
}

typedef struct recipe_search {
  MlirStringRef param;
  bool found;
} recipe_search;

static void note_recipe_get(MlirOperation get, void *user) {
  recipe_search *s = user;
  if (mlirStringRefEqual(resqGetOpGetParam(get), s->param) &&
      resqOpIsParam(mlirOperationGetParentOperation(get)))
    s->found = true;
}

bool resq_read_by_recipes(MlirOperation module, MlirOperation param) {
  recipe_search s = {resq_param_name(param), false};
  resq_for_each(module, RESQ_OP_GET, note_recipe_get, &s);
  return s.found;
}

typedef struct retype {
  MlirStringRef param;
  MlirType type;
} retype;

static void retype_get(MlirOperation get, void *user) {
  retype *r = user;
  if (mlirStringRefEqual(resqGetOpGetParam(get), r->param))
    mlirValueSetType(mlirOperationGetResult(get, 0), r->type);
}

void resq_edit_recipe(MlirOperation module, MlirOperation param, resq_recipe_edit edit,
                      void *user) {
  // Callers have the param from resq_operand_param or resq_own_param, which give none without a recipe.
  assert(!mlirOperationIsNull(param) && has_recipe(param));
  MlirOperation yield =
      mlirBlockGetTerminator(mlirRegionGetFirstBlock(mlirOperationGetRegion(param, 0)));
  resq_builder b = resq_build_before(yield);
  MlirValue value = edit(&b, mlirOperationGetOperand(yield, 0), user);
  mlirOperationSetOperand(yield, 0, value);
  MlirType type = mlirValueGetType(value);
  if (mlirTypeEqual(type, resq_param_type(param)))
    return;
  resqParamOpSetType(param, type);
  retype r = {resq_param_name(param), type};
  resq_for_each(module, RESQ_OP_GET, retype_get, &r);
}

static void note_first(MlirOperation op, void *user) {
  MlirOperation *found = user;
  if (mlirOperationIsNull(*found))
    *found = op;
}

MlirOperation resq_first_function(MlirOperation module) {
  MlirOperation found = {NULL};
  resq_for_each(module, "func.func", note_first, &found);
  return found;
}

MlirOperation resq_behind_param(MlirOperation module, MlirOperation param) {
  MlirOperation next = mlirOperationGetNextInBlock(param);
  return mlirOperationIsNull(next) ? resq_first_function(module) : next;
}

MlirOperation resq_new_param(MlirOperation module, MlirOperation anchor, const char *base,
                             resq_recipe_make make, void *user) {
  resq_builder b = resq_build_before(anchor);
  char *name = resq_fresh_symbol(module, base);
  MlirBlock block;
  // The type is known once the recipe is built; an op needs one from the start.
  int64_t one = 1;
  MlirType unknown = resq_tensor(mlirF32TypeGet(b.ctx), 1, &one);
  MlirOperation param = resq_build_param(&b, name, unknown, &block);
  free(name);
  resq_builder inner = resq_build_at_end(block, b.loc);
  MlirValue value = make(&inner, user);
  resq_build_yield(block, value);
  resqParamOpSetType(param, mlirValueGetType(value));
  return param;
}

//===-- Recipe ops --------------------------------------------------------===//

MlirValue resq_make_transpose(const resq_builder *b, MlirValue x) {
  MlirType type = mlirValueGetType(x);
  intptr_t rank = mlirShapedTypeGetRank(type);
  int64_t shape[8];
  for (intptr_t i = 0; i < rank; i++)
    shape[i] = mlirShapedTypeGetDimSize(type, i);
  int64_t last = shape[rank - 1];
  shape[rank - 1] = shape[rank - 2];
  shape[rank - 2] = last;
  return resqTransposeOpBuild(b, x, resq_tensor(mlirShapedTypeGetElementType(type), rank, shape));
}

MlirValue resq_make_matmul(const resq_builder *b, MlirValue a, MlirValue c) {
  MlirType left = mlirValueGetType(a), right = mlirValueGetType(c);
  intptr_t ranks[] = {mlirShapedTypeGetRank(left), mlirShapedTypeGetRank(right)};
  MlirType batched = ranks[0] >= ranks[1] ? left : right;
  intptr_t rank = ranks[0] >= ranks[1] ? ranks[0] : ranks[1];
  int64_t shape[8];
  for (intptr_t i = 0; i < rank - 2; i++)
    shape[i] = mlirShapedTypeGetDimSize(batched, i);
  shape[rank - 2] = mlirShapedTypeGetDimSize(left, ranks[0] - 2);
  shape[rank - 1] = mlirShapedTypeGetDimSize(right, ranks[1] - 1);
  // The result takes the finer element type: f64 with anything is f64.
  MlirType element = mlirTypeIsAF64(mlirShapedTypeGetElementType(left))
                         ? mlirShapedTypeGetElementType(left)
                         : mlirShapedTypeGetElementType(right);
  return resqMatmulOpBuild(b, a, c, resq_tensor(element, rank, shape));
}

MlirValue resq_make_rotate_pair(const resq_builder *b, MlirValue x, MlirValue matrix,
                                bool transposed, bool pair) {
  MlirValue y = resqRotateOpBuild(b, x, matrix, mlirValueGetType(x));
  resqRotateOpSetTransposed(resq_defining_op(y), transposed);
  resqRotateOpSetPair(resq_defining_op(y), pair);
  return y;
}

MlirValue resq_make_rotate(const resq_builder *b, MlirValue x, MlirValue matrix, bool transposed) {
  return resq_make_rotate_pair(b, x, matrix, transposed, false);
}

MlirValue resq_make_hadamard(const resq_builder *b, MlirValue x, int64_t size, bool transposed) {
  MlirValue y = resqHadamardOpBuild(b, x, size, mlirValueGetType(x));
  resqHadamardOpSetTransposed(resq_defining_op(y), transposed);
  return y;
}

MlirValue resq_make_permute_by(const resq_builder *b, MlirValue x, MlirValue order) {
  return resqPermuteOpBuild(b, x, order, mlirValueGetType(x));
}

//===-- Norms -------------------------------------------------------------===//

void resq_drop_gain(MlirOperation norm) {
  assert(!mlirValueIsNull(resqRmsNormOpGetGain(norm))); // callers have folded it elsewhere
  MlirOperation get = resq_defining_op(resqRmsNormOpGetGain(norm));
  MlirValue x = resqRmsNormOpGetX(norm);
  mlirOperationSetOperands(norm, 1, &x);
  if (!resq_is_used(mlirOperationGetResult(get, 0)))
    mlirOperationDestroy(get);
}

//===-- Uses --------------------------------------------------------------===//

bool resq_is_used(MlirValue v) { return !mlirOpOperandIsNull(mlirValueGetFirstUse(v)); }
bool resq_has_one_use(MlirValue v) { return count_uses(v) == 1; }

MlirOperation *resq_users(MlirValue v, intptr_t *out_count) {
  intptr_t n = count_uses(v);
  MlirOperation *users = resq_new((size_t)(n + 1), sizeof *users);
  // Use lists run backwards.
  intptr_t i = n;
  for (MlirOpOperand use = mlirValueGetFirstUse(v); !mlirOpOperandIsNull(use);
       use = mlirOpOperandGetNextUse(use))
    users[--i] = mlirOpOperandGetOwner(use);
  *out_count = n;
  return users;
}

void resq_replace_uses(MlirValue v, MlirValue w) {
  for (MlirOpOperand use; !mlirOpOperandIsNull(use = mlirValueGetFirstUse(v));)
    mlirOperationSetOperand(mlirOpOperandGetOwner(use), mlirOpOperandGetOperandNumber(use), w);
}

void resq_erase_dead(MlirOperation op) {
  MlirValue operands[32];
  intptr_t n = mlirOperationGetNumOperands(op);
  n = n > 32 ? 32 : n;
  for (intptr_t i = 0; i < n; i++)
    operands[i] = mlirOperationGetOperand(op, i);
  mlirOperationDestroy(op);
  for (intptr_t i = 0; i < n; i++) {
    bool repeated = false;
    for (intptr_t j = 0; j < i; j++)
      repeated |= mlirValueEqual(operands[i], operands[j]);
    if (repeated || !mlirValueIsAOpResult(operands[i]))
      continue;
    MlirOperation def = mlirOpResultGetOwner(operands[i]);
    MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(def));
    bool pure = name.length > 5 && !strncmp(name.data, "resq.", 5) && !resqOpIsAttention(def);
    for (intptr_t r = 0; pure && r < mlirOperationGetNumResults(def); r++)
      pure = !resq_is_used(mlirOperationGetResult(def, r));
    if (pure)
      resq_erase_dead(def);
  }
}
