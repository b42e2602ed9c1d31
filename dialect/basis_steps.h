//===-- basis_steps.h - what was done to the columns of a weight ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The `basis` of a resq.param, read and made from C. It is a list of steps, in order: x, what
// calibration saw at the site of a linear, becomes what the linear reads after the same steps.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_BASIS_STEPS_H
#define RESQ_DIALECT_BASIS_STEPS_H

#include "mlir-c/IR.h"
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/// The op that does the step.
typedef enum resq_step_kind {
  RESQ_STEP_ROTATE,   ///< resq.rotate
  RESQ_STEP_PERMUTE,  ///< resq.permute
  RESQ_STEP_HADAMARD, ///< resq.hadamard
  RESQ_STEP_PART,     ///< one result of resq.split
} resq_step_kind;

/// Texts and lists live as long as the context, in a step that was read.
typedef struct resq_basis_step {
  resq_step_kind kind;
  /// ROTATE: the matrix. PERMUTE: the indices, or {NULL, 0}, and then there is an order.
  MlirStringRef param;
  bool transposed, pair; ///< ROTATE
  intptr_t n_order;      ///< PERMUTE; 0: none
  const int64_t *order;
  int64_t size; ///< HADAMARD and PART: of a block
  int64_t high; ///< PART: of a block's columns, the last ones
  bool is_high; ///< PART
} resq_basis_step;

bool resqAttrIsBasisStep(MlirAttribute attr);
resq_basis_step resqBasisStepRead(MlirAttribute attr);
/// Null after an error.
MlirAttribute resqBasisStepGet(MlirContext ctx, const resq_basis_step *step);

/// Steps of a param's basis; 0 where it has none.
intptr_t resq_basis_length(MlirOperation param);
resq_basis_step resq_basis_step_of(MlirOperation param, intptr_t i);

/// The number of columns from which the step leaves `width`; 0 where none does. Of a rotation or
/// a permutation by a param, whose size stands elsewhere, that is `width`.
int64_t resq_width_before_step(const resq_basis_step *step, int64_t width);
/// Columns of `param` before its basis: the width of its site.
int64_t resq_site_width(MlirOperation param);

#ifdef __cplusplus
}
#endif
#endif // RESQ_DIALECT_BASIS_STEPS_H
