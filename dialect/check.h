//===-- check.h - what verifiers ask, and how they refuse -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Types are ranked tensors when a verifier runs (resq.td), of any rank and extents:
// nothing here may be asked of a dimension before the rank is known.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_CHECK_H
#define RESQ_DIALECT_CHECK_H

#include "dialect/build.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Emits "'resq.linear' op MESSAGE" at op, and returns false.
bool resq_refuse(MlirOperation op, const char *format, ...) __attribute__((format(printf, 2, 3)));

/// A type as text for a message, cut where it is long: a temporary of the caller's.
typedef struct resq_type_text {
  char text[160];
} resq_type_text;
resq_type_text resq_print_type(MlirType type);
#define RESQ_TYPE(value) resq_print_type(mlirValueGetType(value)).text

int64_t resq_rank(MlirValue v);
/// rank is n, and all extents but perhaps the first are static.
bool resq_is_rows(MlirValue v, int64_t rank);
bool resq_is_static(MlirValue v);
bool resq_is_f32(MlirValue v);
bool resq_is_i32(MlirValue v);
bool resq_is_float(MlirValue v);  ///< f16, bf16, f32 or f64
bool resq_is_weight(MlirValue v); ///< f32, bf16, f16 or a panel
bool resq_is_quant(MlirValue v);
bool resq_same_type(MlirValue a, MlirValue b);
/// Extents are equal, or one is dynamic.
bool resq_extents_agree(int64_t a, int64_t b);
/// Ranks are equal, and extents agree in all dimensions but `except` (-1: in all).
bool resq_shapes_agree(MlirValue a, MlirValue b, int64_t except);
/// [n] of i32, n perhaps dynamic.
bool resq_is_ids(MlirValue v);
/// [rows, width] of f32, width static.
bool resq_is_f32_rows(MlirValue v);
/// [n] of f32.
bool resq_is_f32_vector(MlirValue v, int64_t n);

/// Whether 0 .. n-1 are each in order once; on false *bad is the first entry that is wrong.
bool resq_is_permutation(const int64_t *order, int64_t n, int64_t *bad);
/// C5 of resq.param.
bool resq_check_basis(MlirOperation param);
/// Refuses a site that is given and empty, by the number of the op's constraint.
bool resq_check_site(MlirOperation op, int constraint, const char *name, bool given,
                     MlirStringRef site);

/// Refuses attributes that lowerings leave for what follows them, in a module that a user wants compiled.
bool resq_check_source_attributes(MlirOperation module);

MlirValue resq_operand(MlirOperation op, intptr_t i); ///< null when there are fewer
MlirValue resq_result(MlirOperation op, intptr_t i);

#ifdef __cplusplus
}
#endif
#endif // RESQ_DIALECT_CHECK_H
