//===-- walk.c - a function's ops, one after the other, for any device ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/memory.h"
#include "emit.h"
#include "lowering/entries/facts.h"

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

/// Function arguments become places.
static void place_arguments(lowering *l, MlirBlock source_block) {
  for (int i = 0; i < l->n_inputs; i++) {
    MlirValue v = mlirBlockGetArgument(source_block, i);
    place base = {.kind = PLACE_ARGUMENT, .argument = i, .rows_of = i};
    base.stride = mlirShapedTypeGetRank(mlirValueGetType(v)) == 2 ? resq_width(v) : 1;
    place_view(l, v, &base, 0);
  }
}

static void copy_returned(lowering *l, MlirOperation ret) {
  // A value returned from elsewhere (an argument, a view, twice) is copied to its result.
  for (int i = 0; i < l->n_results; i++) {
    MlirValue v = mlirOperationGetOperand(ret, i);
    const place *p = place_of(l, v);
    int target = l->n_inputs + i;
    if (p->kind == PLACE_ARGUMENT && p->argument == target)
      continue;
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

static void set_facts(lowering *l, MlirStringRef function) {
  static const char *const kept[] = {"resq.args", "resq.uses"};
  MlirOperation func = l->target;
  MlirType i64 = mlirIntegerTypeGet(l->ctx, 64);
  const struct {
    const char *name;
    MlirAttribute value;
  } facts[] = {{"resq.function", mlirStringAttrGet(l->ctx, function)},
               {"resq.level", mlirStringAttrGet(l->ctx, resq_str(l->level))},
               {"resq.max_rows", mlirIntegerAttrGet(i64, l->max_rows)},
               {"resq.workspace", mlirIntegerAttrGet(i64, l->workspace_bytes)},
               {"resq.op_names", mlirArrayAttrGet(l->ctx, l->ticket, l->op_names)}};
  for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
    mlirOperationSetDiscardableAttributeByName(func, resq_str(facts[i].name), facts[i].value);
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
    mlirOperationSetDiscardableAttributeByName(func, resq_str(kept[i]),
                                               resq_op_attr(l->source, kept[i]));
}

/// All ops, then the results; false after an emitted error.
static bool lower_body(lowering *l, MlirBlock block) {
  MlirOperation op = mlirBlockGetFirstOperation(block);
  for (; !l->failed && !mlirOperationIsNull(mlirOperationGetNextInBlock(op));
       op = mlirOperationGetNextInBlock(op), l->op_index++) {
    place_release(l);
    l->b.loc = mlirOperationGetLocation(op);
    lower_op(l, op);
  }
  if (!l->failed)
    copy_returned(l, op);
  return !l->failed;
}

static bool lower_function(MlirOperation module, MlirOperation source, const lower_device *device,
                           const char *level, int64_t max_rows) {
  if (!resq_function_facts(module, source))
    return false;
  MlirBlock source_block = mlirRegionGetFirstBlock(mlirOperationGetRegion(source, 0));
  int64_t fixed_rows = resq_op_i64(source, "resq.fixed_rows");
  lowering l = {.ctx = mlirOperationGetContext(module),
                .device = device,
                .module = module,
                .source = source,
                .level = level,
                .max_rows = fixed_rows > max_rows ? fixed_rows : max_rows,
                .n_inputs = (int)mlirBlockGetNumArguments(source_block),
                .n_results =
                    (int)mlirOperationGetNumOperands(mlirBlockGetTerminator(source_block))};
  MlirStringRef name = resq_op_str(source, "sym_name");
  char *lowered = resq_entry_symbol(name, level, max_rows);
  if (!lowered) {
    lower_fail(&l, source, "no memory for the name of a function");
    return false;
  }
  place_arguments(&l, source_block);
  l.target = device->open(&l, lowered);
  bool ok = lower_body(&l, source_block);
  device->close(&l);
  if (ok)
    set_facts(&l, name);
  free(lowered);
  free(l.places);
  free(l.live);
  free(l.since_barrier);
  free(l.op_names);
  return ok;
}

bool lower_functions(MlirOperation module, const lower_device *device, const char *level,
                     int64_t max_rows) {
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  MlirOperation next, op = mlirBlockGetFirstOperation(body);
  for (; !mlirOperationIsNull(op); op = next) {
    next = mlirOperationGetNextInBlock(op);
    if (!resq_is_public_function(op) || resq_op_has(op, "resq.function"))
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
