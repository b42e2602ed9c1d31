//===-- hooks_symbols.c - symbols and those who name them -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/check.h"
#include "dialect/hooks.h"
#include "dialect/memory.h"
#include <inttypes.h>
#include <stdlib.h>

// What version 1 wrote as text is upgraded where it is parsed. Its bytecode holds strings where ops
// have enums now, which MLIR's reader refuses before anything here is asked.
bool resqCheckVersion(MlirLocation loc, uint64_t version) {
  if (version == RESQ_DIALECT_VERSION)
    return true;
  resq_emit_error_at(loc, "the bytecode holds resq dialect version %" PRIu64 ": allowed is %d%s",
                     version, RESQ_DIALECT_VERSION,
                     version < RESQ_DIALECT_VERSION
                         ? ". Print it as text with the resq that wrote it: that is upgraded"
                         : "");
  return false;
}

bool resqVerifyKvCache(MlirOperation op) {
  int64_t heads = resqKvCacheOpGetHeads(op), head_size = resqKvCacheOpGetHeadSize(op);
  if (heads < 1 || head_size < 1)
    return resq_refuse(
        op, "C1: heads is %" PRId64 " and head_size is %" PRId64 ": allowed is 1 or more", heads,
        head_size);
  static const char *const sides[] = {"keys", "values"};
  for (int i = 0; i < 2; i++) {
    MlirAttribute code = i ? resqKvCacheOpGetValues(op) : resqKvCacheOpGetKeys(op);
    unsigned high = resqKvCodeAttrGetHigh(code), outliers = resqKvCodeAttrGetOutliers(code);
    if (high >= head_size || outliers >= head_size)
      return resq_refuse(
          op, "C2: %s hold %u %s elements, but head_size is %" PRId64 ": allowed is 0 to %" PRId64,
          sides[i], high + outliers, outliers ? "outlier" : "high", head_size, head_size - 1);
    if (outliers && head_size > 256)
      return resq_refuse(op,
                         "C2: %s have outliers by an index of a byte, but head_size is %" PRId64
                         ": allowed is 1 to 256",
                         sides[i], head_size);
  }
  if (resqKvCodeHasSketch(resqKvCacheOpGetValues(op))) {
    return resq_refuse(op, "C3: values are of kind %s: allowed is any but those of signs",
                       resqKvKindName(resqKvCodeAttrGetKind(resqKvCacheOpGetValues(op))));
  }
  return resq_check_site(op, 4, "keys_site", resqKvCacheOpHasKeysSite(op),
                         resqKvCacheOpGetKeysSite(op)) &&
         resq_check_site(op, 4, "values_site", resqKvCacheOpHasValuesSite(op),
                         resqKvCacheOpGetValuesSite(op)) &&
         resq_check_site(op, 4, "queries_site", resqKvCacheOpHasQueriesSite(op),
                         resqKvCacheOpGetQueriesSite(op));
}

// The checkpoint is looked up among the siblings: ODS gives this op no symbol-use interface.
bool resqVerifyTokenizer(MlirOperation op) {
  MlirStringRef checkpoint = resqTokenizerOpGetCheckpoint(op);
  MlirOperation module = mlirOperationGetParentOperation(op);
  if (!resqOpIsCheckpoint(resq_symbol(module, checkpoint)))
    return resq_refuse(op, "C1: @%.*s is not a resq.checkpoint: allowed is the name of one",
                       (int)checkpoint.length, checkpoint.data);
  static const char *const names[] = {"bos", "eos"};
  const int64_t ids[] = {resqTokenizerOpGetBos(op), resqTokenizerOpGetEos(op)};
  for (int i = 0; i < 2; i++)
    if (ids[i] < -1)
      return resq_refuse(op, "C2: %s is %" PRId64 ": allowed is a token id, or -1 for none",
                         names[i], ids[i]);
  return true;
}

//===-- Parameters --------------------------------------------------------===//

#define ROW(op) "resq." #op,
static const char *const recipe_ops[] = {"arith.constant", RESQ_RECIPE_OPS(ROW)};
#undef ROW

static bool is_recipe_op(MlirOperation op) {
  for (size_t i = 0; i < sizeof recipe_ops / sizeof *recipe_ops; i++)
    if (resq_op_is(op, recipe_ops[i]))
      return true;
  return false;
}

static MlirBlock recipe_of(MlirOperation param) {
  return mlirRegionGetFirstBlock(mlirOperationGetRegion(param, 0));
}

bool resqVerifyParam(MlirOperation op) {
  MlirType type = resqParamOpGetType(op);
  if (!mlirTypeIsARankedTensor(type) || !mlirShapedTypeHasStaticShape(type))
    return resq_refuse(op, "C4: the type is %s: allowed is a tensor of static shape",
                       resq_print_type(type).text);
  if (!resq_check_basis(op))
    return false;
  MlirBlock recipe = recipe_of(op);
  if (mlirBlockIsNull(recipe))
    return true;
  if (!mlirBlockIsNull(mlirBlockGetNextInRegion(recipe)))
    return resq_refuse(op,
                       "C1: the recipe has several blocks: allowed is one that ends in resq.yield");
  MlirOperation last = {NULL}, at = mlirBlockGetFirstOperation(recipe);
  for (; !mlirOperationIsNull(at); last = at, at = mlirOperationGetNextInBlock(at)) {
    MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(at));
    if (!is_recipe_op(at))
      return resq_refuse(at,
                         "C2: %.*s stands in a recipe: allowed are recipe ops (docs/dialect.md)",
                         (int)name.length, name.data);
  }
  if (!resqOpIsYield(last))
    return resq_refuse(op, "C1: the recipe does not end in resq.yield: allowed is one of %s",
                       resq_print_type(type).text);
  MlirType yielded = mlirValueGetType(resq_operand(last, 0));
  if (!mlirTypeEqual(yielded, type))
    return resq_refuse(op, "C1: the recipe yields %s: allowed is the declared type, %s",
                       resq_print_type(yielded).text, resq_print_type(type).text);
  return true;
}

//===-- Dependence of params: a bounded search, with its own stack --------===//

enum { max_dependences = 4096, set_size = 2 * max_dependences };

typedef struct param_search {
  void *seen[set_size]; ///< open addressing by pointer
  MlirOperation stack[max_dependences];
  int n_seen, n_stack;
} param_search;

/// Queues a param that was not seen; false when there are too many.
static bool reach(param_search *s, MlirOperation param) {
  size_t slot = ((uintptr_t)param.ptr >> 4) % set_size;
  for (; s->seen[slot]; slot = (slot + 1) % set_size)
    if (s->seen[slot] == param.ptr)
      return true;
  if (s->n_seen == max_dependences)
    return false;
  s->seen[slot] = param.ptr;
  s->n_seen++;
  s->stack[s->n_stack++] = param;
  return true;
}

/// Refuses a get inside @user's recipe from which @user can be reached again.
static bool verify_acyclic(MlirOperation get, MlirOperation user, MlirOperation start,
                           resq_lookup symbols) {
  param_search *s = resq_new(1, sizeof *s);
  bool ok = reach(s, start), cyclic = false;
  while (ok && !cyclic && s->n_stack) {
    MlirOperation param = s->stack[--s->n_stack];
    cyclic = mlirOperationEqual(param, user);
    MlirBlock recipe = recipe_of(param);
    if (mlirBlockIsNull(recipe))
      continue;
    MlirOperation at = mlirBlockGetFirstOperation(recipe);
    for (; ok && !mlirOperationIsNull(at); at = mlirOperationGetNextInBlock(at)) {
      if (!resqOpIsGet(at))
        continue;
      MlirOperation next = symbols.find(symbols.scope, resqGetOpGetParam(at));
      ok = !resqOpIsParam(next) || reach(s, next);
    }
  }
  free(s);
  MlirStringRef name = resq_symbol_name(user);
  if (cyclic)
    return resq_refuse(
        get, "C3: @%.*s depends on itself through this get: allowed are params that do not",
        (int)name.length, name.data);
  if (!ok)
    return resq_refuse(get, "C3: @%.*s depends on more than %d params: allowed are at most so many",
                       (int)name.length, name.data, max_dependences);
  return true;
}

bool resqVerifyUsesGet(MlirOperation op, resq_lookup symbols) {
  MlirStringRef name = resqGetOpGetParam(op);
  MlirOperation param = symbols.find(symbols.scope, name);
  if (!resqOpIsParam(param))
    return resq_refuse(op, "C1: @%.*s is not a resq.param: allowed is the name of one",
                       (int)name.length, name.data);
  MlirType declared = resqParamOpGetType(param);
  if (!mlirTypeEqual(declared, mlirValueGetType(resq_result(op, 0))))
    return resq_refuse(op, "C2: the result is %s: allowed is @%.*s's type, %s",
                       RESQ_TYPE(resq_result(op, 0)), (int)name.length, name.data,
                       resq_print_type(declared).text);
  MlirOperation user = mlirOperationGetParentOperation(op);
  return !resqOpIsParam(user) || verify_acyclic(op, user, param, symbols);
}

bool resqVerifyUsesLeaf(MlirOperation op, resq_lookup symbols) {
  MlirStringRef name = resqLeafOpGetCheckpoint(op);
  if (!resqOpIsCheckpoint(symbols.find(symbols.scope, name)))
    return resq_refuse(op, "C1: @%.*s is not a resq.checkpoint: allowed is the name of one",
                       (int)name.length, name.data);
  return true;
}

//===-- Caches ------------------------------------------------------------===//

/// The heads of the cache that op names, and the width of their vectors side by side; C1.
static bool cache_shape(MlirOperation op, resq_lookup symbols, int64_t *heads, int64_t *head_size) {
  MlirStringRef name = resq_cache_name(op);
  MlirOperation cache = symbols.find(symbols.scope, name);
  if (!resqOpIsKvCache(cache))
    return resq_refuse(op, "C1: @%.*s is not a resq.kv_cache: allowed is the name of one",
                       (int)name.length, name.data);
  *heads = resqKvCacheOpGetHeads(cache);
  *head_size = resqKvCacheOpGetHeadSize(cache);
  return true;
}

/// C3, and that the rows agree: every row has a position and a sequence.
static bool verify_places(MlirOperation op, MlirValue x, MlirValue positions) {
  if (resq_is_ids(positions) && resq_extents_agree(resq_dim(positions, 0), resq_dim(x, 0)))
    return true;
  return resq_refuse(
      op, "C3: positions and sequences are %s, but the rows are %s: allowed is tensor<Rxi32>",
      RESQ_TYPE(positions), RESQ_TYPE(x));
}

/// C4: the sketch of op, its operand `index`, is there where the cache's keys are signs, and only
/// there.
static bool verify_sketch(MlirOperation op, resq_lookup symbols, intptr_t index) {
  MlirOperation cache = symbols.find(symbols.scope, resq_cache_name(op));
  MlirAttribute keys = resqKvCacheOpGetKeys(cache);
  bool wanted = resqKvCodeHasSketch(keys);
  MlirValue sketch = resq_operand(op, index);
  if (mlirValueIsNull(sketch)) {
    if (!wanted)
      return true;
    return resq_refuse(op, "C4: keys are signs and there is no sketch: allowed is one of "
                           "[rows, head_size - high] of f32");
  }
  if (!wanted)
    return resq_refuse(op, "C4: there is a sketch, but keys are no signs: allowed is none");
  int64_t rows = resqKvCodeAttrGetRows(keys);
  int64_t low = resqKvCacheOpGetHeadSize(cache) - resqKvCodeAttrGetHigh(keys);
  MlirType element = resq_element(sketch);
  bool is_f32 =
      mlirTypeIsAF32(resqTypeIsPanel(element) ? resqPanelTypeGetElement(element) : element);
  if (is_f32 && resq_rank(sketch) == 2 && resq_dim(sketch, 0) == rows && resq_dim(sketch, 1) == low)
    return true;
  return resq_refuse(op,
                     "C4: the sketch is %s, but keys have %" PRId64 " signs of %" PRId64
                     " low elements: allowed is [rows, head_size - high] of f32, or a panel of it",
                     RESQ_TYPE(sketch), rows, low);
}

bool resqVerifyUsesKvAppend(MlirOperation op, resq_lookup symbols) {
  MlirValue keys = resq_operand(op, 0), values = resq_operand(op, 1);
  int64_t heads = 1, size = 1;
  if (!cache_shape(op, symbols, &heads, &size))
    return false;
  if (!resq_is_f32_rows(keys) || !resq_same_type(keys, values) || resq_width(keys) % size ||
      resq_width(keys) / size != heads)
    return resq_refuse(op,
                       "C2: keys is %s and values is %s, but the cache has %" PRId64
                       " heads of %" PRId64 ": allowed is [R, heads * head_size] of f32",
                       RESQ_TYPE(keys), RESQ_TYPE(values), heads, size);
  return verify_places(op, keys, resq_operand(op, 2)) && verify_sketch(op, symbols, 4);
}

bool resqVerifyUsesAttention(MlirOperation op, resq_lookup symbols) {
  MlirValue q = resq_operand(op, 0), y = resq_result(op, 0);
  int64_t heads = 1, size = 1;
  if (!cache_shape(op, symbols, &heads, &size))
    return false;
  if (!resq_is_f32_rows(q) || !resq_same_type(q, y) || resq_width(q) < 1 || resq_width(q) % size ||
      resq_width(q) / size % heads)
    return resq_refuse(
        op,
        "C2: q is %s and y is %s, but the cache has %" PRId64 " heads of %" PRId64
        ": allowed is [R, heads * head_size] of f32, heads a multiple of the cache's",
        RESQ_TYPE(q), RESQ_TYPE(y), heads, size);
  return verify_places(op, q, resq_operand(op, 1)) && verify_sketch(op, symbols, 3);
}
