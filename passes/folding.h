//===-- folding.h - changes of basis, done to weights and recorded --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A pass that folds something into the columns of a weight says which step it is
// (dialect/basis_steps.h). The op in the weight's recipe and the step in its `basis` are both made
// here, from the one step, so that the basis is always what was done.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_FOLDING_H
#define RESQ_PASSES_FOLDING_H

#include "dialect/basis_steps.h"
#include "passes/basis.h"
#include "passes/recipe.h"

resq_basis_step resq_rotate_step(MlirOperation matrix, bool transposed, bool pair);
resq_basis_step resq_permute_step(MlirOperation indices);
resq_basis_step resq_order_step(intptr_t n, const int64_t *order);
resq_basis_step resq_hadamard_step(int64_t size);
resq_basis_step resq_part_step(int64_t block, int64_t high, bool is_high);
/// The dual of a change of basis: what meets x M is multiplied by it.
resq_basis_step resq_dual_step(const resq_basis_pair *basis);

/// The step on the last dimension of x, at b.
MlirValue resq_make_step(const resq_builder *b, MlirOperation module, MlirValue x,
                         const resq_basis_step *step);

/// Does the step to the columns of `weight`, a param that the caller may edit.
void resq_fold_step(MlirOperation module, MlirOperation weight, const resq_basis_step *step);

/// A new param before anchor, named base (made fresh): `weight` after n steps.
MlirOperation resq_new_folded_param(MlirOperation module, MlirOperation anchor, const char *base,
                                    MlirOperation weight, intptr_t n, const resq_basis_step *steps);

/// Gives `to`, a param of the same columns, the basis of `from`.
void resq_copy_basis(MlirOperation from, MlirOperation to);
bool resq_same_basis(MlirOperation a, MlirOperation b);

#endif // RESQ_PASSES_FOLDING_H
