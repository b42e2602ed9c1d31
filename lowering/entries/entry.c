//===-- entry.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "entry.h"

#include "dialect/memory.h"

#include <stdlib.h>
#include <string.h>

resq_lowered_entry *resq_entry_add(resq_entries *entries, MlirOperation module, MlirOperation func,
                                   const char *level, int64_t max_rows) {
  resq_arena *memory = &entries->memory;
  resq_function_facts facts;
  if (!resq_function_facts_derive(module, func, memory, &facts))
    return NULL;
  MlirStringRef name = resq_symbol_name(func);
  char *symbol = resq_entry_symbol(name, level, max_rows);
  entries->items = RESQ_GROW(entries->items, entries->count);
  resq_lowered_entry *e = &entries->items[entries->count++];
  *e = (resq_lowered_entry){
      .symbol = resq_arena_text(memory, symbol, strlen(symbol)),
      .row = {.function = resq_arena_text(memory, name.data, name.length),
              .level = resq_arena_text(memory, level, strlen(level)),
              .max_rows = facts.fixed_rows > max_rows ? facts.fixed_rows : max_rows,
              .n_args = facts.n_args,
              .args = facts.args,
              .uses = facts.uses,
              .n_uses = facts.n_uses}};
  free(symbol);
  return e;
}

bool resq_entries_add(resq_entries *entries, MlirOperation module, const char *level,
                      int64_t max_rows) {
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op))
    if (resq_is_public_function(op) && !resq_entry_add(entries, module, op, level, max_rows))
      return false;
  return true;
}

resq_lowered_entry *resq_entry_find(const resq_entries *entries, MlirStringRef symbol) {
  for (int i = 0; i < entries->count; i++)
    if (resq_str_eq(symbol, entries->items[i].symbol))
      return &entries->items[i];
  return NULL;
}

void resq_entries_free(resq_entries *entries) {
  free(entries->items);
  resq_arena_free(&entries->memory);
  *entries = (resq_entries){0};
}
