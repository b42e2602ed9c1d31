//===-- basis.h - recipes of change-of-basis matrices ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// U = P R (ResQ, arXiv 2412.14363, section 4): P the eigenvectors of a calibrated second moment,
// ascending, R = blockdiag(R_low, R_high) random orthogonal inside each part.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_BASIS_H
#define RESQ_PASSES_BASIS_H

#include "passes/recipe.h"

typedef enum resq_basis_kind {
  RESQ_BASIS_PCA,      ///< eigenvectors of the sites' moments, times R
  RESQ_BASIS_RANDOM,   ///< R alone
  RESQ_BASIS_HADAMARD, ///< a randomised Hadamard matrix (QuaRot); Haar where none is known
} resq_basis_kind;

typedef struct resq_basis {
  resq_basis_kind kind;
  int64_t size, high; ///< high = 0: one part
  int64_t blocks;     ///< moments are [blocks, size, size]; 0: [size, size]
  bool sum_blocks;    ///< one matrix for all blocks
  bool normalize;     ///< each site's moment divided by its trace before the sum
  int64_t seed;
  const char *const *sites;
  intptr_t n_sites;
} resq_basis;

/// "pca", "random", "hadamard"; false for another text.
bool resq_basis_parse(MlirStringRef text, resq_basis_kind *out);
/// A new f64 param of the basis before anchor: [size, size], or [blocks, size, size].
MlirOperation resq_basis_param(MlirOperation module, MlirOperation anchor, const char *name,
                               const resq_basis *basis);

#endif // RESQ_PASSES_BASIS_H
