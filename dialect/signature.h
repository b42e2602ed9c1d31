//===-- signature.h - what an op of functions takes and gives, as data ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For code that treats all ops of functions alike: their definitions (passes/lower_generic_values.c)
// and their kernels (lowering/calls/emit.c) get arguments by these names unless resq.td says that an
// op has a function of its own for it. The table is generated from resq.td.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_SIGNATURE_H
#define RESQ_DIALECT_SIGNATURE_H

#include "dialect/ops.h"

typedef enum resq_argument_kind {
  RESQ_ARGUMENT_OPERAND,
  RESQ_ARGUMENT_NUMBER, ///< an attribute of i64
  RESQ_ARGUMENT_REAL,   ///< an attribute of f32
  RESQ_ARGUMENT_FLAG,
  RESQ_ARGUMENT_WORD, ///< an enum: it chooses the definition and the kernel
  RESQ_ARGUMENT_RESULT,
} resq_argument_kind;

/// An operand, attribute or result that is one value. Variadic ones, symbols, texts, lists and
/// optional attributes are left out.
typedef struct resq_argument {
  const char *name; ///< as in resq.td; NULL ends a list
  resq_argument_kind kind;
  char role; ///< of an OPERAND: its letter in the `roles` of resq.td
  union {
    MlirValue (*value)(MlirOperation op); ///< OPERAND, RESULT; null where it is absent
    int64_t (*number)(MlirOperation op);
    float (*real)(MlirOperation op);
    bool (*flag)(MlirOperation op);
    MlirStringRef (*word)(MlirOperation op);
  } get;
} resq_argument;

/// Those of an op of functions: operands and attributes in the order of resq.td, then results. NULL
/// of any other op.
const resq_argument *resq_signature_of(MlirOperation op);

/// Longer than any name that resq_variant_name writes.
enum { RESQ_VARIANT_SIZE = 96 };
/// "silu_gate": the name of an op of functions, without the dialect, behind the words of its enum
/// attributes.
void resq_variant_name(MlirOperation op, char out[RESQ_VARIANT_SIZE]);

#endif // RESQ_DIALECT_SIGNATURE_H
