//===-- kernel_call.c - a call's arguments against kernels.def ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "kernel_call.h"

#include "dialect/memory.h"
#include "dialect/ops.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void resq_lower_fail(resq_frame *f, MlirOperation op, const char *format, ...) {
  char text[512];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  resq_emit_error(op, "%s", text);
  f->failed = true;
}

//===-- Errors ------------------------------------------------------------===//

/// One error a call: what follows from it is not reported.
__attribute__((format(printf, 2, 3))) static void fail(resq_kernel_call *k, const char *format,
                                                       ...) {
  if (k->frame->failed)
    return;
  char text[384];
  va_list args;
  va_start(args, format);
  vsnprintf(text, sizeof text, format, args);
  va_end(args);
  const MlirStringRef op = mlirIdentifierStr(mlirOperationGetName(k->op));
  resq_lower_fail(k->frame, k->op, "%.*s calls kernel %s: %s", (int)op.length, op.data,
                  k->kernel->name, text);
}

/// Argument `f` is given `found`, which it does not take.
__attribute__((format(printf, 3, 4))) static void refuse(resq_kernel_call *k, const resq_formal *f,
                                                         const char *format, ...) {
  char found[160], allowed[120];
  va_list args;
  va_start(args, format);
  vsnprintf(found, sizeof found, format, args);
  va_end(args);
  fail(k, "argument '%s' is %s, allowed: %s", f->name, found,
       resq_formal_describe(f, allowed, sizeof allowed));
}

static void refuse_name(resq_kernel_call *k, const char *name) {
  char names[320] = "";
  size_t used = 0;
  for (int i = 0; i < k->kernel->n_formals && used < sizeof names; i++)
    used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", i ? ", " : "",
                             k->kernel->formals[i].name);
  fail(k, "it has no argument '%s', allowed: %s", name, names);
}

/// Where an argument goes that is not given yet; NULL after an error. Sets *formal.
static resq_actual *open_argument(resq_kernel_call *k, const char *name,
                                  const resq_formal **formal) {
  if (k->frame->failed)
    return NULL;
  const int i = resq_formal_find(k->kernel, name);
  if (i < 0) {
    refuse_name(k, name);
    return NULL;
  }
  *formal = &k->kernel->formals[i];
  if (k->actuals[i].kind != RESQ_ACTUAL_MISSING) {
    refuse(k, *formal, "given twice");
    return NULL;
  }
  return &k->actuals[i];
}

//===-- Arguments ---------------------------------------------------------===//

void resq_call_begin(resq_kernel_call *k, resq_frame *f, MlirOperation op, resq_kernel_id kernel) {
  memset(k, 0, sizeof *k);
  k->frame = f;
  k->op = op;
  k->kernel = resq_kernel_of(kernel);
  resq_hazards_begin_call(&f->hazards);
}

void resq_call_begin_rows(resq_kernel_call *k, resq_frame *f, MlirOperation op,
                          resq_kernel_id kernel, intptr_t rows_from) {
  resq_call_begin(k, f, op, kernel);
  const resq_place *x = resq_place_of(f, mlirOperationGetOperand(op, rows_from));
  assert(x); // the walk goes through ops in order, and each has placed its results
  resq_place_rows(f, mlirOperationGetResult(op, 0), x->rows_of);
  resq_call_result(k, "y", 0);
}

static void touch(resq_kernel_call *k, const resq_formal *f, const resq_actual *a) {
  const resq_place *p = &a->place;
  resq_access access = {.end = INT64_MAX, .write = resq_formal_is_written(f)};
  switch (a->kind) {
  case RESQ_ACTUAL_WORKSPACE: // the whole buffer: also what lies behind codes
    access.begin = p->buffer.begin;
    access.end = p->buffer.begin + p->buffer.size;
    access.memory = RESQ_MEMORY_WORKSPACE;
    break;
  case RESQ_ACTUAL_ARGUMENT:
    access.memory = RESQ_MEMORY_ARGUMENT;
    access.index = a->index;
    break;
  case RESQ_ACTUAL_CACHE:
    access.memory = RESQ_MEMORY_CACHE;
    access.index = a->index;
    break;
  default:
    return; // parameters and constants are not written
  }
  resq_hazards_touch(&k->frame->hazards, access);
}

/// Gives a pointer to p. `what`, which p is, is written or read according to `write`.
static void give_place(resq_kernel_call *k, const char *name, const resq_place *p, bool write,
                       const char *what) {
  const resq_formal *f;
  resq_actual *a = open_argument(k, name, &f);
  if (!a)
    return;
  const bool takes_rows =
      f->kind == RESQ_FORMAL_READ || f->kind == RESQ_FORMAL_WRITE || f->kind == RESQ_FORMAL_UPDATE;
  if (!p) {
    refuse(k, f, "%s without a place", what);
  } else if (!takes_rows || write != resq_formal_is_written(f)) {
    refuse(k, f, "%s", what);
  } else if (p->element != f->element) {
    refuse(k, f, "%s of %s", what, resq_element_word(p->element));
  } else if (write && (p->kind == RESQ_PLACE_PARAM ||
                       (p->kind == RESQ_PLACE_ARGUMENT && p->argument < k->frame->n_inputs))) {
    refuse(k, f, "%s in a parameter or an input, which nothing writes", what);
  } else {
    static const resq_actual_kind kinds[] = {
        [RESQ_PLACE_WORKSPACE] = RESQ_ACTUAL_WORKSPACE,
        [RESQ_PLACE_ARGUMENT] = RESQ_ACTUAL_ARGUMENT,
        [RESQ_PLACE_PARAM] = RESQ_ACTUAL_PARAM,
    };
    *a = (resq_actual){.kind = kinds[p->kind], .index = p->argument, .i = p->offset, .place = *p};
    touch(k, f, a);
  }
}

void resq_call_operand(resq_kernel_call *k, const char *name, intptr_t index) {
  if (index >= mlirOperationGetNumOperands(k->op)) {
    resq_call_null(k, name);
    return;
  }
  char what[32];
  snprintf(what, sizeof what, "operand %d", (int)index);
  give_place(k, name, resq_place_of(k->frame, mlirOperationGetOperand(k->op, index)), false, what);
}

void resq_call_result(resq_kernel_call *k, const char *name, intptr_t index) {
  char what[32];
  snprintf(what, sizeof what, "result %d", (int)index);
  give_place(k, name, resq_place_of(k->frame, mlirOperationGetResult(k->op, index)), true, what);
}

void resq_call_read(resq_kernel_call *k, const char *name, const resq_place *p) {
  give_place(k, name, p, false, "a place to read");
}

void resq_call_write(resq_kernel_call *k, const char *name, const resq_place *p) {
  give_place(k, name, p, true, "a place to write");
}

void resq_call_null(resq_kernel_call *k, const char *name) {
  const resq_formal *f;
  resq_actual *a = open_argument(k, name, &f);
  if (a && f->nullable)
    a->kind = RESQ_ACTUAL_NULL;
  else if (a)
    refuse(k, f, "null");
}

void resq_call_cache(resq_kernel_call *k, const char *name, MlirStringRef cache) {
  const resq_formal *f;
  resq_actual *a = open_argument(k, name, &f);
  if (!a)
    return;
  if (f->kind != RESQ_FORMAL_CACHE_READ && f->kind != RESQ_FORMAL_CACHE_WRITE) {
    refuse(k, f, "a cache");
    return;
  }
  int index = 0;
  MlirBlock body = mlirModuleGetBody(mlirModuleFromOperation(k->frame->module));
  for (MlirOperation op = mlirBlockGetFirstOperation(body); !mlirOperationIsNull(op);
       op = mlirOperationGetNextInBlock(op)) {
    if (!resqOpIsKvCache(op))
      continue;
    if (mlirStringRefEqual(resqKvCacheOpGetSymName(op), cache)) {
      *a = (resq_actual){.kind = RESQ_ACTUAL_CACHE, .index = index};
      touch(k, f, a);
      return;
    }
    index++;
  }
  resq_lower_fail(k->frame, k->op, "no resq.kv_cache @%.*s", (int)cache.length, cache.data);
}

void resq_call_table(resq_kernel_call *k, const char *name, const char *prefix, const void *data,
                     int64_t count, resq_element_id element) {
  const resq_formal *f;
  resq_actual *a = open_argument(k, name, &f);
  if (!a)
    return;
  if ((f->kind != RESQ_FORMAL_READ && f->kind != RESQ_FORMAL_TABLE) || f->element != element) {
    refuse(k, f, "a constant array of %s", resq_element_word(element));
    return;
  }
  MlirContext ctx = k->frame->ctx;
  const unsigned bits = element == RESQ_ELEMENT_int8_t ? 8 : 32;
  // The other elements have no constant arrays: an emitter that makes one adds its type here.
  assert(element == RESQ_ELEMENT_float || element == RESQ_ELEMENT_int32_t || bits == 8);
  MlirType type =
      element == RESQ_ELEMENT_float ? mlirF32TypeGet(ctx) : mlirIntegerTypeGet(ctx, bits);
  a->kind = RESQ_ACTUAL_TABLE;
  a->prefix = prefix;
  a->table = mlirDenseElementsAttrRawBufferGet(resq_tensor(type, 1, &count),
                                               (size_t)count * bits / 8, data);
}

void resq_call_i64(resq_kernel_call *k, const char *name, int64_t value) {
  const resq_formal *f;
  resq_actual *a = open_argument(k, name, &f);
  if (a && f->kind == RESQ_FORMAL_CONSTANT)
    *a = (resq_actual){.kind = RESQ_ACTUAL_I64, .i = value};
  else if (a)
    refuse(k, f, "the integer %lld", (long long)value);
}

void resq_call_f32(resq_kernel_call *k, const char *name, float value) {
  const resq_formal *f;
  resq_actual *a = open_argument(k, name, &f);
  if (a && f->kind == RESQ_FORMAL_CONSTANT_F32)
    *a = (resq_actual){.kind = RESQ_ACTUAL_F32, .f = value};
  else if (a)
    refuse(k, f, "the number %g", (double)value);
}

//===-- The whole ---------------------------------------------------------===//

/// An argument that follows from the one that it belongs to, or missing still.
static void derive(resq_kernel_call *k, const resq_formal *f, resq_actual *a) {
  const int of = f->of ? resq_formal_find(k->kernel, f->of) : -1;
  const resq_actual *base = of < 0 ? NULL : &k->actuals[of];
  const bool is_rows =
      base && (base->kind == RESQ_ACTUAL_WORKSPACE || base->kind == RESQ_ACTUAL_ARGUMENT);
  switch (f->kind) {
  case RESQ_FORMAL_CAPACITY:
    *a = (resq_actual){.kind = RESQ_ACTUAL_CAPACITY};
    break;
  case RESQ_FORMAL_ROWS:
    if (is_rows)
      *a = (resq_actual){.kind = RESQ_ACTUAL_ROWS, .index = base->place.rows_of};
    break;
  case RESQ_FORMAL_STRIDE:
    if (is_rows)
      *a = (resq_actual){.kind = RESQ_ACTUAL_I64, .i = base->place.stride};
    break;
  case RESQ_FORMAL_READ_BEHIND:
  case RESQ_FORMAL_WRITE_BEHIND:
    if (base && base->kind == RESQ_ACTUAL_NULL)
      *a = (resq_actual){.kind = RESQ_ACTUAL_NULL};
    else if (is_rows && base->place.behind > 0)
      *a = (resq_actual){.kind = RESQ_ACTUAL_WORKSPACE, .i = base->place.behind};
    break;
  default:
    break;
  }
}

static void complete(resq_kernel_call *k) {
  for (int i = 0; i < k->kernel->n_formals; i++) {
    const resq_formal *f = &k->kernel->formals[i];
    if (k->actuals[i].kind == RESQ_ACTUAL_MISSING)
      derive(k, f, &k->actuals[i]);
    if (k->actuals[i].kind == RESQ_ACTUAL_MISSING)
      refuse(k, f, f->of ? "not known: '%s' is no rows" : "missing", f->of);
  }
}

/// "l0.q: linear_f32": the layer is the linear's name, else the location's; then the kernel.
static const char *op_label(const resq_kernel_call *k) {
  char text[160], place_name[96] = "";
  MlirLocation loc = mlirOperationGetLocation(k->op);
  MlirStringRef name = resq_linear_name(k->op);
  if (!name.data && mlirLocationIsAName(loc))
    name = mlirIdentifierStr(mlirLocationNameGetName(loc));
  if (name.data)
    snprintf(place_name, sizeof place_name, "%.*s", (int)name.length, name.data);
  snprintf(text, sizeof text, "%s: %s", place_name, k->kernel->name + strlen("resq_"));
  return resq_arena_text(&k->frame->entries->memory, text, strlen(text));
}

void resq_call_end(resq_kernel_call *k) {
  resq_frame *f = k->frame;
  complete(k);
  if (f->failed)
    return;
  if (f->n_calls == f->op_names_capacity) {
    f->op_names_capacity = f->op_names_capacity * 2 + 64;
    f->op_names = resq_resize(f->op_names, (size_t)f->op_names_capacity, sizeof *f->op_names);
  }
  k->ticket = f->n_calls++;
  f->op_names[k->ticket] = op_label(k);
  f->device->issue(k);
}

void resq_call_copy(resq_frame *f, MlirOperation op, const resq_place *x, const resq_place *y,
                    int64_t width) {
  resq_place rows = *y;
  rows.rows_of = x->rows_of;
  resq_kernel_call k;
  resq_call_begin(&k, f, op, KERNEL_resq_gather_rows);
  resq_call_read(&k, "x", x);
  resq_call_null(&k, "index"); // row i
  resq_call_write(&k, "y", &rows);
  resq_call_i64(&k, "width", width);
  resq_call_end(&k);
}
