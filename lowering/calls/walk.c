//===-- walk.c - a function's ops, one after the other, for any device ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/attributes.h"
#include "dialect/memory.h"
#include "kernel_call.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

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

/// What the walk found out about the entry.
static void finish_entry(resq_frame *f) {
  const char **names = resq_arena_new(&f->entries->memory, (size_t)f->n_calls, sizeof *names);
  for (int32_t i = 0; i < f->n_calls; i++)
    names[i] = f->op_names[i];
  f->entry->row.n_ops = f->n_calls;
  f->entry->row.op_names = names;
  f->entry->row.workspace_bytes = f->workspace.bytes;
}

/// All ops, then the results; false after an emitted error.
static bool lower_body(resq_frame *f, MlirBlock block) {
  MlirOperation op = mlirBlockGetFirstOperation(block);
  for (; !f->failed && !mlirOperationIsNull(mlirOperationGetNextInBlock(op));
       op = mlirOperationGetNextInBlock(op), f->op_index++) {
    resq_workspace_release(&f->workspace, f->held_from < f->op_index ? f->held_from : f->op_index);
    resq_emit_op(f, op);
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
                           const char *level, int64_t max_rows, resq_entries *entries) {
  resq_lowered_entry *entry = resq_entry_add(entries, module, source, level, max_rows);
  if (!entry)
    return false;
  MlirBlock source_block = mlirRegionGetFirstBlock(mlirOperationGetRegion(source, 0));
  resq_frame f = {.ctx = mlirOperationGetContext(module),
                  .module = module,
                  .source = source,
                  .entries = entries,
                  .entry = entry,
                  .level = level,
                  .max_rows = entry->row.max_rows,
                  .held_from = INT_MAX,
                  .n_inputs = (int)mlirBlockGetNumArguments(source_block),
                  .n_results =
                      (int)mlirOperationGetNumOperands(mlirBlockGetTerminator(source_block)),
                  .device = device};
  place_inputs(&f, source_block);
  device->open(&f, entry->symbol);
  bool ok = lower_body(&f, source_block);
  device->close(&f);
  if (ok)
    finish_entry(&f);
  free_frame(&f);
  return ok;
}

bool resq_lower_functions(MlirOperation module, const resq_device *device, const char *level,
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
