//===-- entry_text.c - entries for people ---------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One attribute, resq.entry, says in the text of a lowered module what its program table will have.
// It is written here and read by nobody but people: code takes the structures.
//===----------------------------------------------------------------------===//
#include "entry.h"

#include "dialect/attributes.h"
#include "dialect/memory.h"

#include <assert.h>
#include <stdlib.h>

//===-- Words -------------------------------------------------------------===//

static const char *dtype_word(int32_t dtype) {
  switch ((resq_dtype)dtype) {
  case RESQ_F32:
    return "f32";
  case RESQ_I32:
    return "i32";
  }
  assert(!"facts_table.c gives no other type");
  return "";
}

static const char *rule_word(int32_t kind) {
  switch ((resq_index_rule_kind)kind) {
  case RESQ_RULE_BELOW:
    return "below";
  case RESQ_RULE_ROW:
    return "row";
  case RESQ_RULE_POSITION:
    return "position";
  case RESQ_RULE_SEQUENCE:
    return "sequence";
  }
  assert(!"facts.c gives no other rule");
  return "";
}

//===-- Structures --------------------------------------------------------===//

typedef MlirAttribute (*item_writer)(MlirContext ctx, const void *items, int64_t i);

static MlirAttribute list(MlirContext ctx, const void *items, int64_t n, item_writer write) {
  MlirAttribute *all = resq_new((size_t)n, sizeof *all);
  for (int64_t i = 0; i < n; i++)
    all[i] = write(ctx, items, i);
  MlirAttribute attr = mlirArrayAttrGet(ctx, n, all);
  free(all);
  return attr;
}

static MlirAttribute text(MlirContext ctx, const char *s) {
  return mlirStringAttrGet(ctx, resq_str(s));
}
static MlirAttribute number(MlirContext ctx, int64_t v) {
  return mlirIntegerAttrGet(mlirIntegerTypeGet(ctx, 64), v);
}

// A field that is called as the member that it shows.
#define TEXT(of, member) resq_attr_str(ctx, #member, (of)->member)
#define NUMBER(of, member) resq_attr_i64(ctx, #member, (of)->member)

/// ["below", 260], ["row", 0], ["position"]
static MlirAttribute rule(MlirContext ctx, const void *items, int64_t i) {
  const resq_index_rule *r = (const resq_index_rule *)items + i;
  bool bounded = r->kind == RESQ_RULE_BELOW || r->kind == RESQ_RULE_ROW;
  MlirAttribute parts[] = {text(ctx, rule_word(r->kind)),
                           number(ctx, r->kind == RESQ_RULE_BELOW ? r->limit : r->argument)};
  return mlirArrayAttrGet(ctx, bounded ? 2 : 1, parts);
}

static MlirAttribute argument(MlirContext ctx, const void *items, int64_t i) {
  const resq_arg *a = (const resq_arg *)items + i;
  const MlirNamedAttribute fields[] = {
      resq_attr_str(ctx, "dtype", dtype_word(a->dtype)),
      resq_attr(ctx, "is_result", mlirBoolAttrGet(ctx, a->is_result)),
      TEXT(a, name),
      NUMBER(a, rows),
      NUMBER(a, rows_as),
      resq_attr(ctx, "rules", list(ctx, a->rules, a->n_rules, rule)),
      NUMBER(a, width),
  };
  return mlirDictionaryAttrGet(ctx, sizeof fields / sizeof *fields, fields);
}

static MlirAttribute cache_use(MlirContext ctx, const void *items, int64_t i) {
  const resq_cache_use *u = (const resq_cache_use *)items + i;
  const MlirNamedAttribute fields[] = {
      resq_attr(ctx, "appends", mlirBoolAttrGet(ctx, u->is_append)),
      NUMBER(u, cache),
      NUMBER(u, positions),
      NUMBER(u, sequences),
  };
  return mlirDictionaryAttrGet(ctx, sizeof fields / sizeof *fields, fields);
}

static MlirAttribute op_name(MlirContext ctx, const void *items, int64_t i) {
  return text(ctx, ((const char *const *)items)[i]);
}

#define ITEMS(from, field, count, write)                                                           \
  resq_attr(ctx, #field, list(ctx, (from)->field, (from)->count, write))

static MlirAttribute entry(MlirContext ctx, const resq_entry *e) {
  const MlirNamedAttribute fields[] = {
      ITEMS(e, args, n_args, argument),
      TEXT(e, function),
      TEXT(e, level),
      NUMBER(e, max_rows),
      ITEMS(e, op_names, n_ops, op_name),
      ITEMS(e, uses, n_uses, cache_use),
      resq_attr_i64(ctx, "workspace", e->workspace_bytes),
  };
  return mlirDictionaryAttrGet(ctx, sizeof fields / sizeof *fields, fields);
}

void resq_entries_describe(const resq_entries *entries, MlirOperation module) {
  MlirContext ctx = mlirOperationGetContext(module);
  for (int i = 0; i < entries->count; i++) {
    MlirOperation code = resq_symbol(module, resq_str(entries->items[i].symbol));
    assert(!mlirOperationIsNull(code)); // the lowering that added the entry made it
    mlirOperationSetDiscardableAttributeByName(code, resq_str(RESQ_ATTR_ENTRY),
                                               entry(ctx, &entries->items[i].row));
  }
}
