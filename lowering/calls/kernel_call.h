//===-- kernel_call.h - a kernel call being put together ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An emitter begins a call of a kernel, gives its arguments by name, in any order, and ends it. Each is checked against
// kernels.def: the kernel has an argument of that name that was not given yet, its kind and its element are those given,
// and what the call writes is a result of the op, what it reads is not. At the end every argument has been given, but for
// those that follow from another: numbers of rows, strides, what lies behind codes, the capacity. The first violation
// is an error at the op that names op, kernel and argument, what was found and what is allowed; a call with one is never
// issued. What kernels.def says about reads and writes also decides about barriers.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CALLS_KERNEL_CALL_H
#define RESQ_LOWERING_CALLS_KERNEL_CALL_H

#include "frame.h"

/// Where an argument of a call comes from.
typedef enum resq_actual_kind {
  RESQ_ACTUAL_MISSING,   ///< not given yet; none is when the call is issued
  RESQ_ACTUAL_WORKSPACE, ///< workspace + i
  RESQ_ACTUAL_ARGUMENT,  ///< args[index] + i
  RESQ_ACTUAL_PARAM,     ///< params + i
  RESQ_ACTUAL_CACHE,     ///< storage of cache `index`
  RESQ_ACTUAL_NULL,
  RESQ_ACTUAL_ROWS,     ///< rows of argument `index`
  RESQ_ACTUAL_CAPACITY, ///< tokens that a sequence holds
  RESQ_ACTUAL_TABLE,    ///< a constant array of the object
  RESQ_ACTUAL_I64,      ///< i, a constant
  RESQ_ACTUAL_F32,      ///< f, a constant
} resq_actual_kind;

/// An argument as the call gives it.
typedef struct resq_actual {
  resq_actual_kind kind;
  int index;
  int64_t i;
  float f;
  const char *prefix;  ///< TABLE: what its symbol begins with
  MlirAttribute table; ///< TABLE: dense elements
  resq_place place;    ///< WORKSPACE, ARGUMENT, PARAM of a value: where it lives
} resq_actual;

/// On its emitter's stack.
struct resq_kernel_call {
  resq_frame *frame;
  MlirOperation op; ///< the op that it computes
  const resq_kernel *kernel;
  int32_t ticket;                        ///< op id, when complete
  resq_actual actuals[RESQ_MAX_FORMALS]; ///< [kernel->n_formals]
};

void resq_call_begin(resq_kernel_call *k, resq_frame *f, MlirOperation op, resq_kernel_id kernel);
/// The same for a kernel from rows to rows: places result 0 of op, as many rows as operand
/// `rows_from` has, and gives it as the argument y.
void resq_call_begin_rows(resq_kernel_call *k, resq_frame *f, MlirOperation op,
                          resq_kernel_id kernel, intptr_t rows_from);

/// A pointer to operand `index` of the op, which is read; null where the op has no such operand.
void resq_call_operand(resq_kernel_call *k, const char *name, intptr_t index);
/// A pointer to result `index` of the op, which is written.
void resq_call_result(resq_kernel_call *k, const char *name, intptr_t index);
/// Pointers to rows that belong to no operand and no result as they stand.
void resq_call_read(resq_kernel_call *k, const char *name, const resq_place *p);
void resq_call_write(resq_kernel_call *k, const char *name, const resq_place *p);
void resq_call_null(resq_kernel_call *k, const char *name);
/// The storage of the cache of that symbol.
void resq_call_cache(resq_kernel_call *k, const char *name, MlirStringRef cache);
/// A constant array of `count` elements, copied; its symbol begins with `prefix`.
void resq_call_table(resq_kernel_call *k, const char *name, const char *prefix, const void *data,
                     int64_t count, resq_element_id element);
void resq_call_i64(resq_kernel_call *k, const char *name, int64_t value);
void resq_call_f32(resq_kernel_call *k, const char *name, float value);
/// Completes the call, names it and hands it to the device, unless an error was reported.
void resq_call_end(resq_kernel_call *k);

/// A whole call, for op: `width` columns of the rows at x to y, as many as x has.
void resq_call_copy(resq_frame *f, MlirOperation op, const resq_place *x, const resq_place *y,
                    int64_t width);

//===-- For devices: wrapper.c --------------------------------------------===//
// A wrapper is a function that calls a kernel with its constants in place; all calls with the same constants share it.

/// True for what a wrapper has inside.
static inline bool resq_actual_is_constant(const resq_actual *a) {
  return a->kind == RESQ_ACTUAL_I64 || a->kind == RESQ_ACTUAL_F32;
}
/// <kernel>_<level>__<constants>.
void resq_wrapper_name(const resq_kernel_call *k, char *out, size_t size);
/// The type of an argument in MLIR: a pointer, i64 or f32.
MlirType resq_formal_type(MlirContext ctx, const resq_formal *f);
MlirValue resq_build_i64(const resq_builder *b, int64_t value);
MlirValue resq_build_null(const resq_builder *b);
/// The value of an argument with resq_actual_is_constant.
MlirValue resq_build_constant(const resq_builder *b, const resq_actual *a);

#endif // RESQ_LOWERING_CALLS_KERNEL_CALL_H
