//===-- walk.c - a function's ops, one after the other, for any device ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/memory.h"
#include "lowering/cpu/emit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct site_list {
  MlirStringRef *names;
  int32_t count;
} site_list;

static void collect_site(MlirOperation op, void *user) {
  site_list *sites = user;
  MlirStringRef name = resq_op_str(op, "site");
  for (int32_t i = 0; i < sites->count; i++)
    if (mlirStringRefEqual(sites->names[i], name))
      return;
  sites->names = RESQ_GROW(sites->names, sites->count);
  sites->names[sites->count++] = name;
}

MlirStringRef *resq_sites(MlirOperation module, int32_t *out_count) {
  site_list sites = {NULL, 0};
  resq_for_each(module, "resq.observe", collect_site, &sites);
  *out_count = sites.count;
  return sites.names;
}

//===-- The function's frame ----------------------------------------------===//

static MlirAttribute describe_argument(lowering *l, MlirType type, const char *name,
                                       bool is_result) {
  MlirType element = mlirShapedTypeGetElementType(type);
  intptr_t rank = mlirShapedTypeGetRank(type);
  int64_t rows = mlirShapedTypeIsDynamicDim(type, 0) ? -1 : mlirShapedTypeGetDimSize(type, 0);
  MlirNamedAttribute fields[] = {
      resq_attr_i64(l->ctx, "dtype", mlirTypeIsAF32(element) ? RESQ_F32 : RESQ_I32),
      resq_attr(l->ctx, "is_result", mlirBoolAttrGet(l->ctx, is_result)),
      resq_attr_str(l->ctx, "name", name),
      resq_attr_i64(l->ctx, "rows", rows),
      resq_attr_i64(l->ctx, "width", rank == 2 ? mlirShapedTypeGetDimSize(type, 1) : 0),
  };
  return mlirDictionaryAttrGet(l->ctx, sizeof fields / sizeof *fields, fields);
}

/// Row tensors of f32 or ids of i32, as abi.h's resq_arg can say.
static bool check_argument(lowering *l, MlirType type, const char *what, int index) {
  bool ok = mlirTypeIsARankedTensor(type);
  if (ok) {
    intptr_t rank = mlirShapedTypeGetRank(type);
    MlirType element = mlirShapedTypeGetElementType(type);
    bool is_i32 = mlirTypeIsAInteger(element) && mlirIntegerTypeGetWidth(element) == 32;
    ok = (rank == 2 && mlirTypeIsAF32(element) && !mlirShapedTypeIsDynamicDim(type, 1)) ||
         (rank == 1 && is_i32);
  }
  if (!ok)
    lower_fail(l, l->source, "%s %d: entry points take and give tensor<?xWxf32> or tensor<?xi32>",
               what, index);
  return ok;
}

/// Function arguments become places; what the program table says of them.
static bool describe_arguments(lowering *l, MlirBlock source_block, MlirAttribute *out_args) {
  MlirOperation ret = mlirBlockGetTerminator(source_block);
  int n = l->n_inputs + l->n_results;
  MlirAttribute *args = resq_new((size_t)n + 1, sizeof *args);
  MlirAttribute names = resq_op_attr(l->source, "arg_attrs");
  for (int i = 0; i < n; i++) {
    bool is_result = i >= l->n_inputs;
    MlirValue v = is_result ? mlirOperationGetOperand(ret, i - l->n_inputs)
                            : mlirBlockGetArgument(source_block, i);
    MlirType type = mlirValueGetType(v);
    if (!check_argument(l, type, is_result ? "result" : "argument",
                        is_result ? i - l->n_inputs : i))
      break;
    char name[64];
    snprintf(name, sizeof name, "%s%d", is_result ? "result" : "arg",
             is_result ? i - l->n_inputs : i);
    // An argument may carry {resq.name = "tokens"}.
    if (!is_result && !mlirAttributeIsNull(names)) {
      MlirAttribute given = mlirDictionaryAttrGetElementByName(mlirArrayAttrGetElement(names, i),
                                                               resq_str("resq.name"));
      if (!mlirAttributeIsNull(given))
        snprintf(name, sizeof name, "%.*s", (int)mlirStringAttrGetValue(given).length,
                 mlirStringAttrGetValue(given).data);
    }
    args[i] = describe_argument(l, type, name, is_result);
    if (is_result)
      continue;
    place base = {.kind = PLACE_ARGUMENT, .argument = i, .rows_of = i};
    base.stride = mlirShapedTypeGetRank(type) == 2 ? resq_width(v) : 1;
    place_view(l, v, &base, 0);
  }
  if (!l->failed)
    *out_args = mlirArrayAttrGet(l->ctx, n, args);
  free(args);
  return !l->failed;
}

static void copy_returned(lowering *l, MlirOperation ret) {
  // A value returned from elsewhere (an argument, a view, twice) is copied to its result.
  for (int i = 0; i < l->n_results; i++) {
    MlirValue v = mlirOperationGetOperand(ret, i);
    const place *p = place_of(l, v);
    int target = l->n_inputs + i;
    if (p->kind == PLACE_ARGUMENT && p->argument == target)
      continue;
    if (!mlirTypeIsAF32(resq_element(v))) {
      lower_fail(l, ret, "result %d: only f32 rows can be returned", i);
      return;
    }
    place y = {
        .kind = PLACE_ARGUMENT, .argument = target, .stride = resq_width(v), .rows_of = p->rows_of};
    kernel_copy(l, ret, p, &y, y.stride);
  }
}

static void lower_op(lowering *l, MlirOperation op) {
  static const op_emitter *const tables[] = {model_op_emitters, method_op_emitters};
  for (size_t t = 0; t < 2; t++)
    for (const op_emitter *e = tables[t]; e->name; e++)
      if (resq_op_is(op, e->name)) {
        e->emit(l, op);
        return;
      }
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(op));
  lower_fail(l, op, "no %s kernel for %.*s", l->device->kind, (int)name.length, name.data);
}

static void set_facts(lowering *l, MlirAttribute args, const char *function) {
  MlirOperation func = l->target;
  mlirOperationSetDiscardableAttributeByName(func, resq_str("resq.function"),
                                             mlirStringAttrGet(l->ctx, resq_str(function)));
  mlirOperationSetDiscardableAttributeByName(func, resq_str("resq.level"),
                                             mlirStringAttrGet(l->ctx, resq_str(l->level)));
  MlirType i64 = mlirIntegerTypeGet(l->ctx, 64);
  mlirOperationSetDiscardableAttributeByName(func, resq_str("resq.max_rows"),
                                             mlirIntegerAttrGet(i64, l->max_rows));
  mlirOperationSetDiscardableAttributeByName(func, resq_str("resq.workspace"),
                                             mlirIntegerAttrGet(i64, l->workspace_bytes));
  mlirOperationSetDiscardableAttributeByName(func, resq_str("resq.args"), args);
  mlirOperationSetDiscardableAttributeByName(func, resq_str("resq.op_names"),
                                             mlirArrayAttrGet(l->ctx, l->ticket, l->op_names));
}

static bool lower_function(MlirOperation module, MlirOperation source, const lower_device *device,
                           const char *level, int64_t max_rows) {
  MlirBlock source_block = mlirRegionGetFirstBlock(mlirOperationGetRegion(source, 0));
  lowering l = {.ctx = mlirOperationGetContext(module),
                .device = device,
                .module = module,
                .source = source,
                .level = level,
                .max_rows = max_rows,
                .n_inputs = (int)mlirBlockGetNumArguments(source_block),
                .n_results =
                    (int)mlirOperationGetNumOperands(mlirBlockGetTerminator(source_block))};
  MlirStringRef name = resq_op_str(source, "sym_name");
  char function[128], lowered[192];
  snprintf(function, sizeof function, "%.*s", (int)name.length, name.data);
  snprintf(lowered, sizeof lowered, "%s__%s__r%lld", function, level, (long long)max_rows);

  MlirAttribute args = {NULL};
  if (describe_arguments(&l, source_block, &args)) {
    l.target = device->open(&l, lowered);
    MlirOperation op = mlirBlockGetFirstOperation(source_block);
    for (; !l.failed && !mlirOperationIsNull(mlirOperationGetNextInBlock(op));
         op = mlirOperationGetNextInBlock(op), l.op_index++) {
      place_release(&l);
      l.b.loc = mlirOperationGetLocation(op);
      lower_op(&l, op);
    }
    if (!l.failed)
      copy_returned(&l, op);
    device->close(&l);
    if (!l.failed)
      set_facts(&l, args, function);
  }
  free(l.places);
  free(l.live);
  free(l.since_barrier);
  free(l.op_names);
  return !l.failed;
}

bool lower_functions(MlirOperation module, const lower_device *device, const char *level,
                     int64_t max_rows) {
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  MlirOperation next, op = mlirBlockGetFirstOperation(body);
  for (; !mlirOperationIsNull(op); op = next) {
    next = mlirOperationGetNextInBlock(op);
    if (!resq_op_is(op, "func.func") || resq_op_has(op, "resq.function") ||
        mlirBlockIsNull(mlirRegionGetFirstBlock(mlirOperationGetRegion(op, 0))) ||
        (resq_op_has(op, "sym_visibility") &&
         !resq_str_eq(resq_op_str(op, "sym_visibility"), "public")))
      continue;
    if (!lower_function(module, op, device, level, max_rows))
      return false;
    mlirOperationDestroy(op);
  }
  // Facts about caches, params and the tokenizer are in the program table by now.
  for (op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op); op = next) {
    next = mlirOperationGetNextInBlock(op);
    MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(op));
    if (name.length > 5 && !strncmp(name.data, "resq.", 5))
      mlirOperationDestroy(op);
  }
  return true;
}
