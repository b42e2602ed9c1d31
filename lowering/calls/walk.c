//===-- walk.c - a function's ops, one after the other, for any device ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/memory.h"
#include "dialect/ops.h"
#include "kernel_call.h"
#include "lowering/entries/facts.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

typedef struct site_list {
  MlirStringRef *names;
  int32_t count;
} site_list;

static void collect_site(MlirOperation op, void *user) {
  site_list *sites = user;
  MlirStringRef name = resqObserveOpGetSite(op);
  for (int32_t i = 0; i < sites->count; i++)
    if (mlirStringRefEqual(sites->names[i], name))
      return;
  sites->names = RESQ_GROW(sites->names, sites->count);
  sites->names[sites->count++] = name;
}

MlirStringRef *resq_sites(MlirOperation module, int32_t *out_count) {
  site_list sites = {NULL, 0};
  resq_for_each(module, RESQ_OP_OBSERVE, collect_site, &sites);
  *out_count = sites.count;
  return sites.names;
}

//===-- One function ------------------------------------------------------===//

static void place_inputs(resq_frame *f, MlirBlock block) {
  for (int i = 0; i < f->n_inputs; i++)
    resq_place_input(f, mlirBlockGetArgument(block, i), i);
}

/// A value returned from elsewhere (an input, a view, twice) is copied to its result.
static void copy_returned(resq_frame *f, MlirOperation ret) {
  for (int i = 0; i < f->n_results && !f->failed; i++) {
    MlirValue v = mlirOperationGetOperand(ret, i);
    const resq_place *p = resq_place_of(f, v);
    if (p->kind == RESQ_PLACE_ARGUMENT && p->argument == f->n_inputs + i)
      continue;
    const resq_place y = resq_place_of_result(f, i, resq_width(v), p->rows_of);
    resq_call_copy(f, ret, p, &y, y.stride);
  }
}

static void lower_op(resq_frame *f, MlirOperation op) {
  static const resq_emitter *const tables[] = {resq_model_emitters, resq_method_emitters};
  for (size_t t = 0; t < sizeof tables / sizeof *tables; t++)
    for (const resq_emitter *e = tables[t]; e->name; e++)
      if (resq_op_is(op, e->name)) {
        e->emit(f, op);
        return;
      }
  MlirStringRef name = mlirIdentifierStr(mlirOperationGetName(op));
  resq_lower_fail(f, op, "no %s kernel for %.*s", f->device->kind, (int)name.length, name.data);
}

static void set_facts(resq_frame *f, MlirStringRef function) {
  static const char *const kept[] = {"resq.args", "resq.uses"};
  MlirOperation func = f->target;
  MlirType i64 = mlirIntegerTypeGet(f->ctx, 64);
  const struct {
    const char *name;
    MlirAttribute value;
  } facts[] = {{"resq.function", mlirStringAttrGet(f->ctx, function)},
               {"resq.level", mlirStringAttrGet(f->ctx, resq_str(f->level))},
               {"resq.max_rows", mlirIntegerAttrGet(i64, f->max_rows)},
               {"resq.workspace", mlirIntegerAttrGet(i64, f->workspace.bytes)},
               {"resq.op_names", mlirArrayAttrGet(f->ctx, f->n_calls, f->op_names)}};
  for (size_t i = 0; i < sizeof facts / sizeof *facts; i++)
    mlirOperationSetDiscardableAttributeByName(func, resq_str(facts[i].name), facts[i].value);
  for (size_t i = 0; i < sizeof kept / sizeof *kept; i++)
    mlirOperationSetDiscardableAttributeByName(func, resq_str(kept[i]),
                                               resq_op_attr(f->source, kept[i]));
}

/// All ops, then the results; false after an emitted error.
static bool lower_body(resq_frame *f, MlirBlock block) {
  MlirOperation op = mlirBlockGetFirstOperation(block);
  for (; !f->failed && !mlirOperationIsNull(mlirOperationGetNextInBlock(op));
       op = mlirOperationGetNextInBlock(op), f->op_index++) {
    resq_workspace_release(&f->workspace, f->op_index);
    lower_op(f, op);
  }
  if (!f->failed)
    copy_returned(f, op);
  return !f->failed;
}

static void free_frame(resq_frame *f) {
  assert(!f->device_state); // device->close has freed it
  resq_places_free(f);
  resq_workspace_free(&f->workspace);
  resq_hazards_free(&f->hazards);
  free(f->op_names);
}

static bool lower_function(MlirOperation module, MlirOperation source, const resq_device *device,
                           const char *level, int64_t max_rows) {
  if (!resq_function_facts(module, source))
    return false;
  MlirBlock source_block = mlirRegionGetFirstBlock(mlirOperationGetRegion(source, 0));
  int64_t fixed_rows = resq_op_i64(source, "resq.fixed_rows");
  resq_frame f = {.ctx = mlirOperationGetContext(module),
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
    resq_lower_fail(&f, source, "no memory for the name of a function");
    return false;
  }
  place_inputs(&f, source_block);
  device->open(&f, lowered);
  bool ok = lower_body(&f, source_block);
  device->close(&f);
  if (ok)
    set_facts(&f, name);
  free(lowered);
  free_frame(&f);
  return ok;
}

bool resq_lower_functions(MlirOperation module, const resq_device *device, const char *level,
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
