//===-- lower_generic.c - --resq-lower-generic: ops to their definitions --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every op of every function becomes its definition in upstream dialects, with static
// shapes; nothing of resq is left but names in attributes. A function gets an argument
// for each param and cache it uses, after its own:
//   {resq.param = "p", resq.offset = bytes}        in the stored type: float tensors as
//       they are, a panel as tensor<tiles x k x 16 x element>, n16k4 as tensor<bytes x i8>;
//   {resq.cache = "c", resq.index, resq.sequence_bytes, resq.token_bytes}  memref<?xi8>, in the
//       definition's layout: sequences times (capacity * token_bytes + sequence_bytes);
//   {resq.capacity}                                index, last, where there is a cache
// (generic_argument.h has them as a structure).
// resq.observe is dropped, recipes are erased.
//===----------------------------------------------------------------------===//
#include "passes/lower_generic.h"
#include "dialect/attributes.h"
#include "dialect/signature.h"
#include "passes/recipe.h"
#include "dialect/memory.h"
#include "passes/generic_argument.h"
#include "mlir-c/Pass.h"
#include "mlir-c/Transforms.h"
#include "passes/pass.h"
#include <stdlib.h>
#include <string.h>

bool resq_pass_lower_generic(MlirOperation module, resq_pass *pass);

static bool is_resq(MlirOperation op) {
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(op));
  return name.length > 5 && memcmp(name.data, "resq.", 5) == 0;
}

//===-- Collecting --------------------------------------------------------===//

typedef struct op_list {
  MlirOperation *ops;
  size_t n, room;
} op_list;

static MlirWalkResult collect(MlirOperation op, void *user) {
  op_list *list = user;
  if (!is_resq(op))
    return MlirWalkResultAdvance;
  if (list->n == list->room) {
    list->room = list->room ? 2 * list->room : 64;
    list->ops = resq_resize(list->ops, list->room, sizeof *list->ops);
  }
  list->ops[list->n++] = op;
  return MlirWalkResultAdvance;
}

MlirValue generic_argument(const generic *g, MlirStringRef name) {
  for (intptr_t i = 0; i < g->n_symbols; i++)
    if (mlirStringRefEqual(resq_symbol_name(g->symbols[i].op), name))
      return g->symbols[i].argument;
  return (MlirValue){NULL};
}

//===-- The function's arguments ------------------------------------------===//

/// The stored form of what a resq.get reads; null after an error.
static MlirType stored_type(MlirOperation get) {
  MlirValue value = mlirOperationGetResult(get, 0);
  MlirType type = mlirValueGetType(value), element = resq_element(value);
  MlirContext ctx = mlirTypeGetContext(type);
  if (resqTypeIsPanel(element)) {
    int64_t shape[] = {(resq_dim(value, 0) + 15) / 16, resq_dim(value, 1), 16};
    return resq_tensor(resqPanelTypeGetElement(element), 3, shape);
  }
  if (!resqTypeIsQuant(element))
    return type;
  if (!resqQuantTypeIsPacked(element)) {
    resq_emit_error(get,
                    "a quantized param has a stored form in layout n16k4 only: run --resq-pack");
    return (MlirType){NULL};
  }
  int64_t bytes = resqPackedTensorBytes(type);
  if (bytes < 0) {
    resq_emit_error(get,
                    "the param is packed for groups of %lld with scales of groups of %lld: both "
                    "must divide its %lld columns",
                    (long long)resqQuantTypeGetPacking(element).group,
                    (long long)resqQuantTypeGetGroup(element), (long long)resq_width(value));
    return (MlirType){NULL};
  }
  return resq_tensor(mlirIntegerTypeGet(ctx, 8), 1, &bytes);
}

static MlirAttribute param_facts(generic *g, MlirOperation param) {
  const resq_generic_argument argument = {
      .kind = RESQ_GENERIC_PARAM,
      .name = resq_symbol_name(param),
      .offset = resqParamOpHasOffset(param) ? resqParamOpGetOffset(param) : -1};
  return resq_generic_argument_write(g->ctx, &argument);
}

/// `index` is the cache's place among all of the module's: that of the ABI.
static MlirAttribute cache_facts(generic *g, MlirOperation cache) {
  resq_generic_argument argument = {.kind = RESQ_GENERIC_CACHE,
                                    .name = resq_symbol_name(cache),
                                    .token_bytes = resqKvCacheTokenBytes(cache),
                                    .sequence_bytes = resqKvCacheSequenceBytes(cache)};
  MlirBlock body = mlirOperationGetBlock(cache);
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationEqual(op, cache);
       op = mlirOperationGetNextInBlock(op))
    argument.index += resqOpIsKvCache(op);
  return resq_generic_argument_write(g->ctx, &argument);
}

static MlirType bytes_type(MlirContext ctx) {
  int64_t any = mlirShapedTypeGetDynamicSize();
  return mlirMemRefTypeContiguousGet(mlirIntegerTypeGet(ctx, 8), 1, &any, mlirAttributeGetNull());
}

static void add_symbol(generic *g, MlirOperation op, MlirType stored, MlirAttribute facts) {
  MlirBlock entry = mlirRegionGetFirstBlock(mlirOperationGetRegion(g->func, 0));
  MlirValue argument = mlirBlockAddArgument(entry, stored, mlirOperationGetLocation(op));
  g->symbols[g->n_symbols++] = (generic_symbol){op, argument, stored, facts};
}

/// Arguments for what the listed ops use: params in order of use, then caches. g->symbols has room
/// for all.
static bool add_arguments(generic *g, const op_list *list) {
  for (size_t i = 0; i < list->n; i++) {
    if (!resqOpIsGet(list->ops[i]))
      continue;
    MlirStringRef name = resqGetOpGetParam(list->ops[i]);
    if (!mlirValueIsNull(generic_argument(g, name)))
      continue;
    MlirType stored = stored_type(list->ops[i]);
    if (mlirTypeIsNull(stored))
      return false;
    MlirOperation param = resq_symbol(g->module, name);
    add_symbol(g, param, stored, param_facts(g, param));
  }
  for (size_t i = 0; i < list->n; i++) {
    MlirStringRef name = resq_cache_name(list->ops[i]);
    if (!name.data || !mlirValueIsNull(generic_argument(g, name)))
      continue;
    MlirOperation cache = resq_symbol(g->module, name);
    add_symbol(g, cache, bytes_type(g->ctx), cache_facts(g, cache));
    g->capacity.ptr = cache.ptr; // marks that one is needed; set below
  }
  if (!mlirValueIsNull(g->capacity)) {
    MlirBlock entry = mlirRegionGetFirstBlock(mlirOperationGetRegion(g->func, 0));
    g->capacity =
        mlirBlockAddArgument(entry, mlirIndexTypeGet(g->ctx), mlirOperationGetLocation(g->func));
  }
  return true;
}

/// The type and the argument attributes after add_arguments.
static void set_signature(generic *g, intptr_t n_own) {
  MlirBlock entry = mlirRegionGetFirstBlock(mlirOperationGetRegion(g->func, 0));
  intptr_t n = mlirBlockGetNumArguments(entry);
  MlirType *inputs = resq_new((size_t)n + 1, sizeof *inputs);
  MlirAttribute *facts = resq_new((size_t)n + 1, sizeof *facts);
  MlirAttribute old = resq_op_attr(g->func, "arg_attrs");
  MlirType function = mlirTypeAttrGetValue(resq_op_attr(g->func, "function_type"));
  intptr_t n_results = mlirFunctionTypeGetNumResults(function);
  MlirType *results = resq_new((size_t)n_results + 1, sizeof *results);
  for (intptr_t i = 0; i < n; i++) {
    inputs[i] = mlirValueGetType(mlirBlockGetArgument(entry, i));
    facts[i] = mlirDictionaryAttrGet(g->ctx, 0, NULL);
    if (i < n_own && !mlirAttributeIsNull(old))
      facts[i] = mlirArrayAttrGetElement(old, i);
    else if (i >= n_own && i - n_own < g->n_symbols)
      facts[i] = g->symbols[i - n_own].facts;
    else if (i >= n_own)
      facts[i] = resq_generic_argument_write(
          g->ctx, &(resq_generic_argument){.kind = RESQ_GENERIC_CAPACITY});
  }
  for (intptr_t i = 0; i < n_results; i++)
    results[i] = mlirFunctionTypeGetResult(function, i);
  MlirType type = mlirFunctionTypeGet(g->ctx, n, inputs, n_results, results);
  mlirOperationSetAttributeByName(g->func, resq_str("function_type"), mlirTypeAttrGet(type));
  mlirOperationSetAttributeByName(g->func, resq_str("arg_attrs"),
                                  mlirArrayAttrGet(g->ctx, n, facts));
  free(inputs);
  free(facts);
  free(results);
}

//===-- A function --------------------------------------------------------===//

/// Values of resq types inside a function are lowered by their ops; its own signature must have
/// none.
static bool check_signature(MlirOperation func) {
  MlirType function = mlirTypeAttrGetValue(resq_op_attr(func, "function_type"));
  intptr_t n_inputs = mlirFunctionTypeGetNumInputs(function);
  intptr_t n = n_inputs + mlirFunctionTypeGetNumResults(function);
  for (intptr_t i = 0; i < n; i++) {
    MlirType type = i < n_inputs ? mlirFunctionTypeGetInput(function, i)
                                 : mlirFunctionTypeGetResult(function, i - n_inputs);
    if (!mlirTypeIsAShaped(type))
      continue;
    MlirType element = mlirShapedTypeGetElementType(type);
    if (resqTypeIsQuant(element) || resqTypeIsPanel(element)) {
      resq_emit_error(
          func, "%s %lld has a resq type: functions take and give float and integer tensors",
          i < n_inputs ? "argument" : "result", (long long)(i < n_inputs ? i : i - n_inputs));
      return false;
    }
  }
  return true;
}

static void erase_casts(MlirOperation cast, void *user) {
  (void)user;
  if (mlirOpOperandIsNull(mlirValueGetFirstUse(mlirOperationGetResult(cast, 0))))
    mlirOperationDestroy(cast);
}

static const struct rule {
  const char *op;
  bool (*define)(generic *g, MlirOperation op);
} rules[] = {
#define ROW(op) {"resq." #op, resq_define_##op},
    RESQ_OPS_WITH_DEFINITION_RULE(ROW)
#undef ROW
};

static bool lower_op(generic *g, MlirOperation op) {
  g->b = resq_build_before(op);
  for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
    if (resq_op_is(op, rules[i].op))
      return rules[i].define(g, op);
  if (resq_signature_of(op))
    return generic_define_by_name(g, op);
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(op));
  resq_emit_error(op, "%.*s has no definition: it belongs in a parameter's recipe",
                  (int)name.length, name.data);
  return false;
}

static bool lower_ops(generic *g, const op_list *list) {
  MlirBlock entry = mlirRegionGetFirstBlock(mlirOperationGetRegion(g->func, 0));
  intptr_t n_own = mlirBlockGetNumArguments(entry);
  g->symbols = resq_new(list->n + 1, sizeof *g->symbols);
  bool ok = add_arguments(g, list);
  if (ok)
    set_signature(g, n_own);
  for (size_t i = 0; ok && i < list->n; i++)
    ok = lower_op(g, list->ops[i]);
  if (ok)
    resq_for_each(g->func, "builtin.unrealized_conversion_cast", erase_casts, NULL);
  free(g->symbols);
  g->symbols = NULL;
  return ok;
}

static bool lower_function(MlirOperation module, MlirOperation func, resq_definitions definitions) {
  if (mlirBlockIsNull(mlirRegionGetFirstBlock(mlirOperationGetRegion(func, 0))))
    return true;
  generic g = {.ctx = mlirOperationGetContext(func),
               .module = module,
               .func = func,
               .definitions = definitions};
  op_list list = {NULL, 0, 0};
  mlirOperationWalk(func, collect, &list, MlirWalkPreOrder);
  bool ok = check_signature(func) && (list.n == 0 || lower_ops(&g, &list));
  free(list.ops);
  return ok;
}

//===-- The module --------------------------------------------------------===//

typedef struct call_check {
  MlirOperation module;
  bool ok;
} call_check;

/// A callee that reads params or caches has more arguments now than its calls give.
static void check_call(MlirOperation call, void *user) {
  call_check *check = user;
  MlirOperation callee = resq_symbol(check->module, resq_op_str(call, "callee"));
  if (!resq_op_is(callee, "func.func"))
    return;
  MlirType type = mlirTypeAttrGetValue(resq_op_attr(callee, "function_type"));
  if (mlirFunctionTypeGetNumInputs(type) == mlirOperationGetNumOperands(call))
    return;
  resq_emit_error(call,
                  "the callee uses params or caches, which become its arguments: inline it first");
  check->ok = false;
}

static void erase_symbols(MlirOperation module) {
  MlirBlock body = mlirRegionGetFirstBlock(mlirOperationGetRegion(module, 0));
  for (MlirOperation op = mlirBlockGetFirstOperation(body), next; !mlirOperationIsNull(op);
       op = next) {
    next = mlirOperationGetNextInBlock(op);
    if (is_resq(op))
      mlirOperationDestroy(op);
  }
}

/// Shapes become static, branches on codes fold, equal unpackings of a weight merge.
static bool simplify(MlirOperation module) {
  MlirPassManager pm = mlirPassManagerCreate(mlirOperationGetContext(module));
  mlirPassManagerAddOwnedPass(pm, mlirCreateTransformsCanonicalizer());
  mlirPassManagerAddOwnedPass(pm, mlirCreateTransformsCSE());
  mlirPassManagerAddOwnedPass(pm, mlirCreateTransformsCanonicalizer());
  MlirLogicalResult result = mlirPassManagerRunOnOp(pm, module);
  mlirPassManagerDestroy(pm);
  return mlirLogicalResultIsSuccess(result);
}

bool resq_pass_lower_generic(MlirOperation module, resq_pass *pass) {
  (void)pass;
  resq_definitions definitions;
  if (!resq_definitions_open(mlirOperationGetContext(module), &definitions))
    return false;
  call_check check = {module, true};
  MlirBlock body = mlirRegionGetFirstBlock(mlirOperationGetRegion(module, 0));
  MlirOperation op = mlirBlockGetFirstOperation(body);
  for (; check.ok && !mlirOperationIsNull(op); op = mlirOperationGetNextInBlock(op))
    if (resq_op_is(op, "func.func"))
      check.ok = lower_function(module, op, definitions);
  resq_definitions_close(&definitions);
  if (check.ok)
    resq_for_each(module, "func.call", check_call, &check);
  if (!check.ok)
    return false;
  erase_symbols(module);
  return simplify(module);
}
