//===-- places.c - where the values of a function live --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Bytes of the workspace are reused as soon as their value is dead in program order, without regard to threads: the
// device puts a barrier in front of a call that meets an earlier one (hazards.h).
//===----------------------------------------------------------------------===//
#include "dialect/memory.h"
#include "dialect/ops.h"
#include "frame.h"

#include <assert.h>
#include <stdlib.h>

/// What kernels have a pointer to where they read or write a value of this type.
static resq_element_id element_of(MlirType type) {
  MlirType element = mlirTypeIsAShaped(type) ? mlirShapedTypeGetElementType(type) : type;
  if (resqTypeIsQuant(element)) {
    const bool is_bytes = resqQuantTypeIsPacked(element) || resqQuantTypeIsE4M3(element);
    return is_bytes ? RESQ_ELEMENT_uint8_t : RESQ_ELEMENT_int8_t;
  }
  if (resqTypeIsPanel(element)) {
    element = resqPanelTypeGetElement(element);
    if (mlirTypeIsABF16(element))
      return RESQ_ELEMENT_resq_bf16;
    if (mlirTypeIsAF16(element))
      return RESQ_ELEMENT_resq_f16;
  }
  if (mlirTypeIsAF32(element))
    return RESQ_ELEMENT_float;
  const bool is_i32 = mlirTypeIsAInteger(element) && mlirIntegerTypeGetWidth(element) == 32;
  return is_i32 ? RESQ_ELEMENT_int32_t : RESQ_ELEMENT_NONE;
}

static resq_place *add(resq_frame *f, MlirValue v, resq_place place) {
  assert(!resq_place_of(f, v)); // values are in SSA form: only the op that makes v places it
  if (f->n_places == f->places_capacity) {
    f->places_capacity = f->places_capacity * 2 + 16;
    f->places = resq_resize(f->places, (size_t)f->places_capacity, sizeof *f->places);
  }
  resq_place *p = f->places[f->n_places++] = resq_new(1, sizeof *p);
  *p = place;
  p->value = v;
  p->element = element_of(mlirValueGetType(v));
  return p;
}

void resq_places_free(resq_frame *f) {
  for (int i = 0; i < f->n_places; i++)
    free(f->places[i]);
  free(f->places);
  f->places = NULL;
  f->n_places = f->places_capacity = 0;
}

const resq_place *resq_place_of(const resq_frame *f, MlirValue v) {
  for (int i = f->n_places - 1; i >= 0; i--)
    if (mlirValueEqual(f->places[i]->value, v))
      return f->places[i];
  return NULL;
}

//===-- The workspace -----------------------------------------------------===//

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
    if (resqOpIsSplit(user) || resqOpIsSlice(user))
      for (intptr_t i = 0; i < mlirOperationGetNumResults(user); i++) {
        int inner = last_use_of(mlirOperationGetResult(user, i), block);
        last = inner > last ? inner : last;
      }
  }
  return last;
}

static resq_place *allocate(resq_frame *f, MlirValue v, int64_t bytes, int64_t stride,
                            int rows_of) {
  const int last_use = last_use_of(v, mlirOperationGetBlock(resq_defining_op(v)));
  const resq_range range = resq_workspace_allocate(&f->workspace, bytes, last_use);
  return add(f, v,
             (resq_place){.kind = RESQ_PLACE_WORKSPACE,
                          .offset = range.begin,
                          .buffer = range,
                          .stride = stride,
                          .rows_of = rows_of});
}

/// The result of the function that v is returned as, or -1; -1 too when v is returned twice.
static int returned_as(MlirValue v) {
  int found = -1;
  MlirOperation ret = mlirBlockGetTerminator(mlirOperationGetBlock(resq_defining_op(v)));
  for (intptr_t i = 0; i < mlirOperationGetNumOperands(ret); i++)
    if (mlirValueEqual(mlirOperationGetOperand(ret, i), v)) {
      if (found >= 0)
        return -1;
      found = (int)i;
    }
  return found;
}

resq_place resq_place_of_result(const resq_frame *f, int result, int64_t stride, int rows_of) {
  assert(result < f->n_results); // an operand of the function's return
  return (resq_place){.kind = RESQ_PLACE_ARGUMENT,
                      .element = RESQ_ELEMENT_float, // functions return rows of f32
                      .argument = f->n_inputs + result,
                      .stride = stride,
                      .rows_of = rows_of};
}

const resq_place *resq_place_rows(resq_frame *f, MlirValue v, int rows_of) {
  const int64_t width = resq_width(v);
  const int result = returned_as(v);
  if (result < 0)
    return allocate(f, v, f->max_rows * width * 4, width, rows_of);
  return add(f, v, resq_place_of_result(f, result, width, rows_of));
}

const resq_place *resq_place_codes(resq_frame *f, MlirValue v, int64_t stride, int64_t behind,
                                   int rows_of) {
  const int64_t codes =
      (f->max_rows * stride + RESQ_ALIGNMENT - 1) / RESQ_ALIGNMENT * RESQ_ALIGNMENT;
  resq_place *p = allocate(f, v, codes + f->max_rows * behind, stride, rows_of);
  p->behind = p->offset + codes;
  return p;
}

//===-- Other places ------------------------------------------------------===//

const resq_place *resq_place_view(resq_frame *f, MlirValue v, const resq_place *base,
                                  int64_t column) {
  assert(column + resq_width(v) <= base->stride); // the op's verifier: columns of the base's rows
  resq_place view = *base;
  view.offset += column * 4;
  return add(f, v, view);
}

void resq_place_input(resq_frame *f, MlirValue v, int argument) {
  const bool is_matrix = mlirShapedTypeGetRank(mlirValueGetType(v)) == 2;
  add(f, v,
      (resq_place){.kind = RESQ_PLACE_ARGUMENT,
                   .argument = argument,
                   .stride = is_matrix ? resq_width(v) : 1,
                   .rows_of = argument});
}

void resq_place_param(resq_frame *f, MlirValue v, int64_t offset) {
  add(f, v, (resq_place){.kind = RESQ_PLACE_PARAM, .offset = offset});
}
