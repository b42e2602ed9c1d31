//===-- replay.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// From the yielded weight back to the leaf, then the column ops again on x. A dry walk first finds
// out whether all of it can be followed, so that a refusal builds nothing.
//===----------------------------------------------------------------------===//
#include "passes/replay.h"

#include "dialect/memory.h"
#include "passes/recipe.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum { MAX_DEPTH = 4096, MAX_OPERANDS = 64 };

/// A weight value, or its transpose, and x in the coordinates of its columns.
typedef struct seen_value {
  const void *weight;
  bool turned;
  MlirValue x; ///< dry: null once an op was applied
} seen_value;

typedef struct replaying {
  const resq_builder *b; ///< NULL: dry
  MlirOperation module;
  MlirValue x;   ///< null, and dry: only the leaf's columns are asked for
  int64_t width; ///< of leaves met; 0: none yet
  seen_value *seen;
  intptr_t n_seen;
  char obstacle[200];
} replaying;

#define REFUSE(r, ...) (snprintf((r)->obstacle, sizeof(r)->obstacle, __VA_ARGS__), false)

static bool follow(replaying *r, MlirValue v, bool turned, int depth, MlirValue *out);

//===-- Rebuilding --------------------------------------------------------===//

static bool same_op(MlirOperation a, MlirOperation b) {
  intptr_t n = mlirOperationGetNumOperands(a), n_attrs = mlirOperationGetNumAttributes(a);
  bool same = mlirIdentifierEqual(mlirOperationGetName(a), mlirOperationGetName(b)) &&
              mlirOperationGetNumResults(a) == mlirOperationGetNumResults(b) &&
              n == mlirOperationGetNumOperands(b) && n_attrs == mlirOperationGetNumAttributes(b) &&
              mlirOperationGetNumRegions(a) == 0;
  for (intptr_t i = 0; same && i < n; i++)
    same = mlirValueEqual(mlirOperationGetOperand(a, i), mlirOperationGetOperand(b, i));
  for (intptr_t i = 0; same && i < n_attrs; i++)
    same = mlirAttributeEqual(mlirOperationGetAttribute(a, i).attribute,
                              mlirOperationGetAttribute(b, i).attribute);
  for (intptr_t i = 0; same && i < mlirOperationGetNumResults(a); i++)
    same = mlirTypeEqual(mlirValueGetType(mlirOperationGetResult(a, i)),
                         mlirValueGetType(mlirOperationGetResult(b, i)));
  return same;
}

/// `made`, or an op before it in the recipe that computes the same, so that people read each once.
static MlirOperation shared(MlirOperation made) {
  MlirOperation op = mlirBlockGetFirstOperation(mlirOperationGetBlock(made));
  while (!mlirOperationEqual(op, made) && !same_op(op, made))
    op = mlirOperationGetNextInBlock(op);
  if (!mlirOperationEqual(op, made))
    mlirOperationDestroy(made);
  return op;
}

static MlirOperation insert(const resq_builder *b, MlirOperation op) {
  if (mlirOperationIsNull(b->before))
    mlirBlockAppendOwnedOperation(b->block, op);
  else
    mlirBlockInsertOwnedOperationBefore(b->block, b->before, op);
  return op;
}

/// v, which belongs to another recipe, made again at r->b: recipe ops have no effects.
static MlirValue copy_value(const replaying *r, MlirValue v) {
  MlirOperation copy = mlirOperationClone(resq_defining_op(v));
  for (intptr_t i = 0; i < mlirOperationGetNumOperands(copy); i++)
    mlirOperationSetOperand(copy, i, copy_value(r, mlirOperationGetOperand(copy, i)));
  return mlirOperationGetResult(shared(insert(r->b, copy)), mlirOpResultGetResultNumber(v));
}

/// x's type with another width.
static MlirType rows_of(const replaying *r, int64_t width) {
  int64_t shape[] = {resq_dim(r->x, 0), width};
  return resq_tensor(resq_element(r->x), 2, shape);
}

/// The matrix of a rotation of weights by one of a pair, for what they meet: x M where they are
/// W M^-T.
static MlirValue other_of_pair(const replaying *r, MlirValue matrix) {
  intptr_t rank = mlirShapedTypeGetRank(mlirValueGetType(matrix));
  int64_t shape[3];
  for (intptr_t i = 0; i < rank; i++)
    shape[i] = resq_dim(matrix, i);
  return resqInverseTransposeOpBuild(r->b, matrix,
                                     resq_tensor(mlirF64TypeGet(r->b->ctx), rank, shape));
}

/// The op that makes weight value v, on x instead: `n` operands stand for weights, the others are
/// copied. `dim` >= 0 replaces the dimension of a concat or a slice.
static MlirValue apply(const replaying *r, MlirValue v, intptr_t n, const MlirValue *xs,
                       int64_t width, int64_t dim) {
  if (!r->b)
    return (MlirValue){NULL};
  MlirOperation op = resq_defining_op(v), made = mlirOperationClone(op);
  for (intptr_t i = 0; i < mlirOperationGetNumOperands(op); i++)
    mlirOperationSetOperand(made, i, i < n ? xs[i] : copy_value(r, mlirOperationGetOperand(op, i)));
  if (resqOpIsRotate(made) && resqRotateOpGetPair(made))
    mlirOperationSetOperand(made, RESQ_ROTATE_MATRIX,
                            other_of_pair(r, resqRotateOpGetMatrix(made)));
  const intptr_t n_results = mlirOperationGetNumResults(op);
  for (intptr_t i = 0; i < n_results; i++)
    mlirValueSetType(mlirOperationGetResult(made, i),
                     rows_of(r, n_results > 1 ? resq_width(mlirOperationGetResult(op, i)) : width));
  if (dim >= 0 && resqOpIsConcat(made))
    resqConcatOpSetDim(made, dim);
  else if (dim >= 0)
    resqSliceOpSetDim(made, dim);
  return mlirOperationGetResult(shared(insert(r->b, made)), mlirOpResultGetResultNumber(v));
}

//===-- Following ---------------------------------------------------------===//

/// Extent of the dimension that holds the weight's columns.
static int64_t columns_of(MlirValue v, bool turned) { return resq_dim(v, turned ? 0 : 1); }

static bool follow_leaf(replaying *r, MlirValue v, bool turned, MlirValue *out) {
  int64_t width = columns_of(v, turned);
  if (r->width && width != r->width)
    return REFUSE(r, "a leaf has %lld columns, not %lld", (long long)width, (long long)r->width);
  r->width = width;
  *out = r->x;
  return true;
}

static bool follow_get(replaying *r, MlirOperation get, bool turned, int depth, MlirValue *out) {
  MlirStringRef name = resqGetOpGetParam(get);
  MlirOperation param = resq_symbol(r->module, name);
  MlirBlock block = {NULL};
  if (!mlirOperationIsNull(param))
    block = mlirRegionGetFirstBlock(mlirOperationGetRegion(param, 0));
  if (mlirBlockIsNull(block))
    return REFUSE(r, "it reads @%.*s, which has no recipe", (int)name.length, name.data);
  return follow(r, mlirOperationGetOperand(mlirBlockGetTerminator(block), 0), turned, depth + 1,
                out);
}

/// Operands side by side along the columns (concat, join).
static bool follow_columns(replaying *r, MlirValue v, bool turned, int depth, MlirValue *out) {
  MlirOperation op = resq_defining_op(v);
  MlirValue xs[MAX_OPERANDS];
  intptr_t n = mlirOperationGetNumOperands(op);
  for (intptr_t i = 0; i < n; i++)
    if (!follow(r, mlirOperationGetOperand(op, i), turned, depth + 1, &xs[i]))
      return false;
  *out = apply(r, v, n, xs, columns_of(v, turned), resqOpIsConcat(op) ? 1 : -1);
  return true;
}

/// Operands on top of each other: their columns must still be the leaf's.
static bool follow_rows(replaying *r, MlirValue v, bool turned, int depth, MlirValue *out) {
  MlirOperation op = resq_defining_op(v);
  intptr_t n = mlirOperationGetNumOperands(op);
  for (intptr_t i = 0; i < n; i++) {
    if (!follow(r, mlirOperationGetOperand(op, i), turned, depth + 1, out))
      return false;
    if (n > 1 && !mlirValueEqual(*out, r->x))
      return REFUSE(r, "rows are put together whose columns were changed apart");
  }
  return true;
}

/// An op on the last dimension of its first operand: on columns, unless the weight lies on its
/// side.
static bool follow_last(replaying *r, MlirValue v, bool turned, int depth, MlirValue *out) {
  MlirValue x;
  if (!follow(r, mlirOperationGetOperand(resq_defining_op(v), 0), turned, depth + 1, &x))
    return false;
  *out = turned ? x : apply(r, v, 1, &x, columns_of(v, turned), -1);
  return true;
}

static bool follow_slice(replaying *r, MlirValue v, bool turned, int depth, MlirValue *out) {
  MlirOperation op = resq_defining_op(v);
  MlirValue x;
  if (!follow(r, mlirOperationGetOperand(op, 0), turned, depth + 1, &x))
    return false;
  bool columns = resqSliceOpGetDim(op) == (turned ? 0 : 1);
  *out = columns ? apply(r, v, 1, &x, columns_of(v, turned), 1) : x;
  return true;
}

static bool follow_scale(replaying *r, MlirValue v, bool turned, int depth, MlirValue *out) {
  if (!follow(r, mlirOperationGetOperand(resq_defining_op(v), 0), turned, depth + 1, out))
    return false;
  return turned || mlirValueEqual(*out, r->x) ||
         REFUSE(r, "resq.scale_columns stands behind other ops on columns");
}

static bool follow_op(replaying *r, MlirValue v, bool turned, int depth, MlirValue *out) {
  MlirOperation op = resq_defining_op(v);
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(op));
  MlirValue first = mlirOperationGetNumOperands(op) ? mlirOperationGetOperand(op, 0) : v;
  if (resqOpIsLeaf(op))
    return follow_leaf(r, v, turned, out);
  if (resqOpIsGet(op))
    return follow_get(r, op, turned, depth, out);
  if (resqOpIsTranspose(op))
    return follow(r, first, !turned, depth + 1, out);
  if (resqOpIsCast(op) || (resqOpIsDeinterleave(op) && !turned))
    return follow(r, first, turned, depth + 1, out);
  if (resqOpIsRotate(op) || resqOpIsHadamard(op) || resqOpIsPermute(op) || resqOpIsSplit(op))
    return follow_last(r, v, turned, depth, out);
  if (resqOpIsSlice(op))
    return follow_slice(r, v, turned, depth, out);
  if (resqOpIsScaleColumns(op))
    return follow_scale(r, v, turned, depth, out);
  if (resqOpIsJoin(op))
    return turned ? follow_rows(r, v, turned, depth, out)
                  : follow_columns(r, v, turned, depth, out);
  if (resqOpIsConcat(op))
    return resqConcatOpGetDim(op) == (turned ? 0 : 1) ? follow_columns(r, v, turned, depth, out)
                                                      : follow_rows(r, v, turned, depth, out);
  return REFUSE(r, "%.*s cannot be followed", (int)name.length, name.data);
}

/// x in the coordinates of v's columns; `turned`: of its rows. Each value is followed once.
static bool follow(replaying *r, MlirValue v, bool turned, int depth, MlirValue *out) {
  assert(mlirValueIsAOpResult(v)); // the regions of params have no arguments: NoRegionArguments
  for (intptr_t i = 0; i < r->n_seen; i++)
    if (r->seen[i].weight == v.ptr && r->seen[i].turned == turned) {
      *out = r->seen[i].x;
      return true;
    }
  if (depth > MAX_DEPTH)
    return REFUSE(r, "it is more than %d ops deep", MAX_DEPTH);
  if (mlirShapedTypeGetRank(mlirValueGetType(v)) != 2 ||
      mlirOperationGetNumOperands(resq_defining_op(v)) > MAX_OPERANDS)
    return REFUSE(r, "a value is no matrix, or made of more than %d", MAX_OPERANDS);
  if (!follow_op(r, v, turned, depth, out))
    return false;
  r->seen = RESQ_GROW(r->seen, r->n_seen);
  r->seen[r->n_seen++] = (seen_value){v.ptr, turned, *out};
  return true;
}

/// b NULL: dry. x null: `out` is of no use, and the leaf's columns are returned; else x's, 0 after
/// a remark.
static int64_t walk(const resq_builder *b, MlirOperation param, MlirValue x, MlirValue *out) {
  replaying r = {.b = b,
                 .module = mlirOperationGetParentOperation(param),
                 .x = x,
                 .width = x.ptr ? resq_width(x) : 0};
  MlirBlock block = mlirRegionGetFirstBlock(mlirOperationGetRegion(param, 0));
  bool ok =
      mlirBlockIsNull(block)
          ? REFUSE(&r, "it has none")
          : follow(&r, mlirOperationGetOperand(mlirBlockGetTerminator(block), 0), false, 0, out);
  free(r.seen);
  if (!ok)
    resq_emit_remark(param, "no activations in the coordinates of this recipe: %s", r.obstacle);
  return ok ? r.width : 0;
}

int64_t resq_replay_width(MlirOperation param) {
  MlirValue none = {NULL}, out;
  return walk(NULL, param, none, &out);
}

bool resq_replay_columns(const resq_builder *b, MlirOperation param, MlirValue x, MlirValue *out) {
  return walk(NULL, param, x, out) && walk(b, param, x, out);
}

//===-- Second moments ----------------------------------------------------===//

/// x in the columns of all params, side by side.
static MlirValue replay_all(const resq_builder *b, intptr_t n, const MlirOperation *params,
                            MlirValue x) {
  MlirValue parts[MAX_OPERANDS];
  int64_t shape[] = {resq_dim(x, 0), 0};
  for (intptr_t i = 0; i < n; i++) {
    const int64_t width = walk(b, params[i], x, &parts[i]);
    assert(width > 0); // the dry walk of resq_replay_moment has followed each param
    (void)width;
    shape[1] += resq_width(parts[i]);
  }
  if (n == 1)
    return parts[0];
  return resqConcatOpBuild(b, n, parts, 1, resq_tensor(resq_element(x), 2, shape));
}

bool resq_replay_moment(const resq_builder *b, intptr_t n, const MlirOperation *params,
                        MlirValue moment, MlirValue *out) {
  bool untouched = n == 1;
  for (intptr_t i = 0; i < n; i++) {
    MlirValue dry;
    if (n > MAX_OPERANDS || !walk(NULL, params[i], moment, &dry))
      return false;
    untouched = untouched && mlirValueEqual(dry, moment);
  }
  // C B, and as C is symmetric, B^T (C B) = ((C B)^T B)^T, which is symmetric too.
  *out = untouched
             ? moment
             : replay_all(b, n, params, resq_make_transpose(b, replay_all(b, n, params, moment)));
  return true;
}
