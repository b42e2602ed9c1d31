//===-- places.c - where the values of a function live --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The workspace is planned by first fit over live ranges, in program order. Reusing
// bytes is safe without regard to threads: kernel_end puts a barrier wherever byte
// ranges of unsynchronised ops meet.
//===----------------------------------------------------------------------===//
#include "dialect/memory.h"
#include "emit.h"

#include <stdlib.h>
#include <string.h>

static void *grow(void *array, int *capacity, int needed, size_t element) {
  if (needed <= *capacity)
    return array;
  *capacity = needed * 2 + 16;
  return resq_resize(array, (size_t)*capacity, element);
}

/// The index, in the source block, of the last op that reads v or a view of it.
static int last_use_of(MlirValue v, MlirBlock block) {
  int last = -1;
  for (MlirOpOperand use = mlirValueGetFirstUse(v); !mlirOpOperandIsNull(use);
       use = mlirOpOperandGetNextUse(use)) {
    MlirOperation user = mlirOpOperandGetOwner(use);
    int index = 0;
    for (MlirOperation op = mlirBlockGetFirstOperation(block); !mlirOperationEqual(op, user);
         op = mlirOperationGetNextInBlock(op))
      index++;
    if (index > last)
      last = index;
    // split and slice may become views: their results keep this buffer alive.
    if (resq_op_is(user, "resq.split") || resq_op_is(user, "resq.slice"))
      for (intptr_t i = 0; i < mlirOperationGetNumResults(user); i++) {
        int inner = last_use_of(mlirOperationGetResult(user, i), block);
        last = inner > last ? inner : last;
      }
  }
  return last;
}

static place *place_add(lowering *l, MlirValue v) {
  l->places = grow(l->places, &l->places_capacity, l->n_places + 1, sizeof *l->places);
  place *p = &l->places[l->n_places];
  memset(p, 0, sizeof *p);
  p->value = v;
  p->owner = l->n_places++;
  return p;
}

place *place_of(lowering *l, MlirValue v) {
  for (int i = l->n_places - 1; i >= 0; i--)
    if (mlirValueEqual(l->places[i].value, v))
      return &l->places[i];
  return NULL;
}

place *place_allocate(lowering *l, MlirValue v, int64_t bytes, int64_t stride, int rows_of) {
  bytes = (bytes + RESQ_ALIGNMENT - 1) / RESQ_ALIGNMENT * RESQ_ALIGNMENT;
  int64_t begin = 0;
  // First fit: live ranges are kept sorted by begin.
  int at = 0;
  for (; at < l->n_live; at++) {
    if (l->live[at].begin >= begin + bytes)
      break;
    if (l->live[at].end > begin)
      begin = l->live[at].end;
  }
  l->live = grow(l->live, &l->live_capacity, l->n_live + 1, sizeof *l->live);
  memmove(l->live + at + 1, l->live + at, (size_t)(l->n_live - at) * sizeof *l->live);
  l->n_live++;
  place *p = place_add(l, v);
  p->kind = PLACE_WORKSPACE;
  p->offset = p->begin = begin;
  p->size = bytes;
  p->stride = stride;
  p->rows_of = rows_of;
  p->last_use = last_use_of(v, mlirOperationGetBlock(resq_defining_op(v)));
  l->live[at].begin = begin;
  l->live[at].end = begin + bytes;
  l->live[at].last_use = p->last_use;
  if (begin + bytes > l->workspace_bytes)
    l->workspace_bytes = begin + bytes;
  return p;
}

/// The result of the function that v is returned as, or -1; -1 too when v is returned twice.
static int returned_as(lowering *l, MlirValue v) {
  int found = -1;
  MlirOperation ret = mlirBlockGetTerminator(mlirOperationGetBlock(resq_defining_op(v)));
  for (intptr_t i = 0; i < mlirOperationGetNumOperands(ret); i++)
    if (mlirValueEqual(mlirOperationGetOperand(ret, i), v)) {
      if (found >= 0)
        return -1;
      found = l->n_inputs + (int)i;
    }
  return found;
}

place *place_rows(lowering *l, MlirValue v, int rows_of) {
  int64_t width = resq_width(v);
  int result = returned_as(l, v);
  if (result < 0)
    return place_allocate(l, v, l->max_rows * width * 4, width, rows_of);
  place *p = place_add(l, v);
  p->kind = PLACE_ARGUMENT;
  p->argument = result;
  p->stride = width;
  p->rows_of = rows_of;
  return p;
}

place *place_view(lowering *l, MlirValue v, const place *base, int64_t column) {
  int owner = base->owner;
  place copy = *base;
  place *p = place_add(l, v);
  *p = copy;
  p->value = v;
  p->owner = owner;
  p->offset = copy.offset + column * 4;
  return p;
}

void place_release(lowering *l) {
  int kept = 0;
  for (int i = 0; i < l->n_live; i++)
    if (l->live[i].last_use >= l->op_index)
      l->live[kept++] = l->live[i];
  l->n_live = kept;
}
