//===-- build.h - making and reading ops from C, shortly ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Thin helpers over the MLIR C API, shared by import, passes and lowering. Internal.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_BUILD_H
#define RESQ_DIALECT_BUILD_H

#include "resq/dialect.h"
#include "mlir-c/Diagnostics.h"

#ifdef __cplusplus
extern "C" {
#endif

static inline MlirStringRef resq_str(const char *s) { return mlirStringRefCreateFromCString(s); }

/// An insertion point: before `before`, or at the end of `block` when `before` is null.
typedef struct resq_builder {
  MlirContext ctx;
  MlirLocation loc;
  MlirBlock block;
  MlirOperation before;
} resq_builder;

resq_builder resq_build_before(MlirOperation op); ///< loc is op's
resq_builder resq_build_after(MlirOperation op);
resq_builder resq_build_at_end(MlirBlock block, MlirLocation loc);

/// A named attribute by text name.
MlirNamedAttribute resq_attr(MlirContext ctx, const char *name, MlirAttribute value);
MlirNamedAttribute resq_attr_i64(MlirContext ctx, const char *name, int64_t value);
MlirNamedAttribute resq_attr_f32(MlirContext ctx, const char *name, float value);
MlirNamedAttribute resq_attr_str(MlirContext ctx, const char *name, const char *value);
MlirNamedAttribute resq_attr_sym(MlirContext ctx, const char *name, const char *symbol);
MlirNamedAttribute resq_attr_unit(MlirContext ctx, const char *name);
/// The attribute by which a symbol of any dialect has its name: resq_symbol_name reads it.
MlirNamedAttribute resq_attr_symbol_name(MlirContext ctx, const char *name);

/// Creates and inserts an op with the given operands, results and attributes (no regions).
MlirOperation resq_build_op(const resq_builder *b, const char *name, intptr_t n_operands,
                            const MlirValue *operands, intptr_t n_results, const MlirType *results,
                            intptr_t n_attrs, const MlirNamedAttribute *attrs);
/// The same for ops with one result: returns the result.
MlirValue resq_build_value(const resq_builder *b, const char *name, intptr_t n_operands,
                           const MlirValue *operands, MlirType result, intptr_t n_attrs,
                           const MlirNamedAttribute *attrs);
/// Ops with AttrSizedOperandSegments: pass "operandSegmentSizes" (dense i32 array) among attrs.
MlirNamedAttribute resq_attr_segments(MlirContext ctx, intptr_t n, const int32_t *sizes);

/// resq.param @name : type with an empty recipe block; *out_block is where recipe ops go (end with resq_build_yield).
/// Inserted at b; out_block NULL: no region body (external).
MlirOperation resq_build_param(const resq_builder *b, const char *name, MlirType type,
                               MlirBlock *out_block);
void resq_build_yield(MlirBlock block, MlirValue value);
MlirValue resq_build_get(const resq_builder *b, const char *param, MlirType type);

/// tensor<d0 x d1 ... x element>; -1 is dynamic.
MlirType resq_tensor(MlirType element, intptr_t rank, const int64_t *shape);

//===-- Reading -----------------------------------------------------------===//
bool resq_op_is(MlirOperation op, const char *name);    ///< name like "resq.linear"
bool resq_value_is_from(MlirValue v, const char *name); ///< defined by such an op
MlirOperation resq_defining_op(MlirValue v);            ///< null for block arguments
MlirAttribute resq_op_attr(MlirOperation op,
                           const char *name); ///< inherent or discardable; null if absent
int64_t resq_op_i64(MlirOperation op, const char *name);
double resq_op_f64(MlirOperation op, const char *name);
MlirStringRef resq_op_str(MlirOperation op,
                          const char *name); ///< string or flat symbol ref; {NULL, 0} if absent
bool resq_op_has(MlirOperation op, const char *name);
int64_t resq_dim(MlirValue v, intptr_t i); ///< -1 when dynamic
int64_t resq_width(MlirValue v);           ///< last dimension
MlirType resq_element(MlirValue v);
/// The name of a symbol, of any dialect; {NULL, 0} of an op that is none.
MlirStringRef resq_symbol_name(MlirOperation op);
/// Which operand of the op's definition operand number i belongs to: i itself, unless the op has
/// segments.
intptr_t resq_operand_segment(MlirOperation op, intptr_t i);
/// The symbol `name` in `module`'s body, or null.
MlirOperation resq_symbol(MlirOperation module, MlirStringRef name);
/// A name not yet a symbol in module: base, or base_1, base_2, ... (malloc'ed).
char *resq_fresh_symbol(MlirOperation module, const char *base);
bool resq_str_eq(MlirStringRef a, const char *b);

/// mlirEmitError with printf: file:line:col of op, then the message.
void resq_emit_error(MlirOperation op, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void resq_emit_error_at(MlirLocation loc, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
void resq_emit_remark(MlirOperation op, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/// Replaces all uses of op's result i by v, and erases op.
void resq_replace(MlirOperation op, intptr_t n, const MlirValue *values);
/// Calls visit on every op named `name` below root, outermost first, in order; visit may erase its op.
void resq_for_each(MlirOperation root, const char *name, void (*visit)(MlirOperation, void *),
                   void *user);

#ifdef __cplusplus
}
#endif
#endif // RESQ_DIALECT_BUILD_H
