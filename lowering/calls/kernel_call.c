//===-- kernel_call.c - a call's arguments, without a device ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/memory.h"
#include "emit.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void lower_fail(lowering *l, MlirOperation op, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  resq_emit_error(op, "%s", text);
  l->failed = true;
}

//===-- Hazards -----------------------------------------------------------===//

static void touch(kernel_call *k, place_kind kind, int key, int64_t begin, int64_t end,
                  bool write) {
  lowering *l = k->l;
  if (l->n_since + 1 > l->since_capacity) {
    l->since_capacity = l->n_since * 2 + 64;
    l->since_barrier =
        resq_resize(l->since_barrier, (size_t)l->since_capacity, sizeof *l->since_barrier);
  }
  l->since_barrier[l->n_since++] = (struct hazard){kind, key, begin, end, write};
}

bool needs_barrier(const kernel_call *k) {
  const lowering *l = k->l;
  for (int i = k->first; i < l->n_since; i++)
    for (int j = 0; j < k->first; j++) {
      const struct hazard *a = &l->since_barrier[i], *b = &l->since_barrier[j];
      if ((a->write || b->write) && a->kind == b->kind && a->key == b->key && a->begin < b->end &&
          b->begin < a->end)
        return true;
    }
  return false;
}

void after_barrier(kernel_call *k) {
  lowering *l = k->l;
  int own = l->n_since - k->first;
  memmove(l->since_barrier, l->since_barrier + k->first, (size_t)own * sizeof *l->since_barrier);
  l->n_since = own;
}

//===-- Arguments ---------------------------------------------------------===//

void kernel_begin(kernel_call *k, lowering *l, MlirOperation op, const char *name) {
  memset(k, 0, sizeof *k);
  k->l = l;
  k->op = op;
  k->first = l->n_since;
  snprintf(k->name, sizeof k->name, "%s", name);
}

static kernel_arg *push(kernel_call *k, kernel_arg_kind kind, int index, int64_t i) {
  kernel_arg *a = &k->args[k->n_args++];
  *a = (kernel_arg){.kind = kind, .index = index, .i = i};
  return a;
}

static void push_place(kernel_call *k, const place *p, bool write) {
  switch (p->kind) {
  case PLACE_WORKSPACE:
    touch(k, PLACE_WORKSPACE, 0, p->begin, p->begin + p->size, write);
    push(k, ARG_WORKSPACE, 0, p->offset);
    break;
  case PLACE_ARGUMENT:
    touch(k, PLACE_ARGUMENT, p->argument, 0, INT64_MAX, write);
    push(k, ARG_ARGUMENT, p->argument, p->offset);
    break;
  case PLACE_PARAM:
    push(k, ARG_PARAM, 0, p->offset);
    break;
  case PLACE_NONE:
    push(k, ARG_NULL, 0, 0);
    break;
  }
}

void kernel_read(kernel_call *k, const place *p) { push_place(k, p, false); }
void kernel_write(kernel_call *k, const place *p) { push_place(k, p, true); }
// The codes' hazard covers the meta behind them.
void kernel_read_meta(kernel_call *k, const place *p) { push(k, ARG_WORKSPACE, 0, p->meta_offset); }
void kernel_write_meta(kernel_call *k, const place *p) { kernel_read_meta(k, p); }

void kernel_cache(kernel_call *k, MlirStringRef cache, bool write) {
  lowering *l = k->l;
  int index = 0;
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(l->module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op)) {
    if (!resq_op_is(op, "resq.kv_cache"))
      continue;
    if (mlirStringRefEqual(resq_op_str(op, "sym_name"), cache)) {
      touch(k, PLACE_NONE, index, 0, INT64_MAX, write);
      push(k, ARG_CACHE, index, 0);
      return;
    }
    index++;
  }
  lower_fail(l, k->op, "no resq.kv_cache @%.*s", (int)cache.length, cache.data);
}

void kernel_table(kernel_call *k, const char *prefix, const void *data, int64_t bytes,
                  table_kind kind) {
  MlirContext ctx = k->l->ctx;
  MlirType element =
      kind == TABLE_F32 ? mlirF32TypeGet(ctx) : mlirIntegerTypeGet(ctx, kind == TABLE_I32 ? 32 : 8);
  int64_t count = kind == TABLE_I8 ? bytes : bytes / 4;
  kernel_arg *a = push(k, ARG_TABLE, 0, 0);
  a->prefix = prefix;
  a->table =
      mlirDenseElementsAttrRawBufferGet(resq_tensor(element, 1, &count), (size_t)bytes, data);
}

void kernel_null(kernel_call *k) { push(k, ARG_NULL, 0, 0); }
void kernel_rows(kernel_call *k, const place *p) { push(k, ARG_ROWS, p->rows_of, 0); }
void kernel_capacity(kernel_call *k) { push(k, ARG_CAPACITY, 0, 0); }
void kernel_const(kernel_call *k, int64_t value) { push(k, ARG_CONST, 0, value); }
void kernel_float(kernel_call *k, float value) { push(k, ARG_FLOAT, 0, 0)->f = value; }

//===-- The whole ---------------------------------------------------------===//

bool arg_is_constant(const kernel_arg *a) { return a->kind == ARG_CONST || a->kind == ARG_FLOAT; }

void wrapper_name(const kernel_call *k, char *out, size_t size) {
  int n = snprintf(out, size, "%s_%s_", k->name, k->l->level);
  for (int i = 0; i < k->n_args && n < (int)size; i++) {
    const kernel_arg *a = &k->args[i];
    if (!arg_is_constant(a))
      continue;
    uint32_t bits;
    memcpy(&bits, &a->f, sizeof bits);
    n += a->kind == ARG_FLOAT ? snprintf(out + n, size - (size_t)n, "_f%08" PRIx32, bits)
                              : snprintf(out + n, size - (size_t)n, "_%" PRId64, a->i);
  }
}

/// "l0.q: resq_linear_f32": what profiles show. The layer part is the location's name, else the
/// op's `name`.
static const char *op_label(const kernel_call *k) {
  char text[160], place_name[96] = "";
  MlirLocation loc = mlirOperationGetLocation(k->op);
  MlirStringRef name = {NULL, 0};
  if (mlirLocationIsAName(loc))
    name = mlirIdentifierStr(mlirLocationNameGetName(loc));
  if (resq_op_str(k->op, "name").data)
    name = resq_op_str(k->op, "name");
  if (name.data)
    snprintf(place_name, sizeof place_name, "%.*s", (int)name.length, name.data);
  snprintf(text, sizeof text, "%s: %s", place_name, k->name + strlen("resq_"));
  return resq_arena_text(&k->l->entries->memory, text, strlen(text));
}

void kernel_end(kernel_call *k) {
  lowering *l = k->l;
  if (l->failed)
    return;
  if (l->ticket + 1 > l->op_names_capacity) {
    l->op_names_capacity = l->ticket * 2 + 64;
    l->op_names = resq_resize(l->op_names, (size_t)l->op_names_capacity, sizeof *l->op_names);
  }
  k->ticket = l->ticket++;
  l->op_names[k->ticket] = op_label(k);
  l->device->issue(k);
}
