//===-- walk.c - a function's ops, one after the other, for any device ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/attributes.h"
#include "dialect/memory.h"
#include "emit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

/// What the walk found out about the entry.
static void finish_entry(lowering *l) {
  const char **names = resq_arena_new(&l->entries->memory, (size_t)l->ticket, sizeof *names);
  for (int32_t i = 0; i < l->ticket; i++)
    names[i] = l->op_names[i];
  l->entry->row.n_ops = l->ticket;
  l->entry->row.op_names = names;
  l->entry->row.workspace_bytes = l->workspace_bytes;
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
                           const char *level, int64_t max_rows, resq_entries *entries) {
  resq_lowered_entry *entry = resq_entry_add(entries, module, source, level, max_rows);
  if (!entry)
    return false;
  MlirBlock source_block = mlirRegionGetFirstBlock(mlirOperationGetRegion(source, 0));
  lowering l = {.ctx = mlirOperationGetContext(module),
                .device = device,
                .module = module,
                .source = source,
                .entries = entries,
                .entry = entry,
                .level = level,
                .max_rows = entry->row.max_rows,
                .n_inputs = (int)mlirBlockGetNumArguments(source_block),
                .n_results =
                    (int)mlirOperationGetNumOperands(mlirBlockGetTerminator(source_block))};
  place_arguments(&l, source_block);
  l.target = device->open(&l, entry->symbol);
  bool ok = lower_body(&l, source_block);
  device->close(&l);
  if (ok)
    finish_entry(&l);
  free(l.places);
  free(l.live);
  free(l.since_barrier);
  free(l.op_names);
  return ok;
}

bool lower_functions(MlirOperation module, const lower_device *device, const char *level,
                     int64_t max_rows, resq_entries *entries) {
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  MlirOperation next, op = mlirBlockGetFirstOperation(body);
  for (; !mlirOperationIsNull(op); op = next) {
    next = mlirOperationGetNextInBlock(op);
    // What a pass has lowered and described before stays as it is.
    if (!resq_is_public_function(op) || resq_op_has(op, RESQ_ATTR_ENTRY))
      continue;
    if (!lower_function(module, op, device, level, max_rows, entries))
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
