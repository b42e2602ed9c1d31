//===-- basis.h - recipes of change-of-basis matrices ---------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// M = P R. P: eigenvectors of a calibrated second moment, ascending (ResQ, arXiv 2412.14363, section
// 4), the balanced basis of two (resq.balanced_basis), or the identity. R = blockdiag(R_low, R_high):
// random inside each part.
//
// What meets x M is multiplied by M's inverse transpose, the dual: (x M)(w M^-T)^T = x w^T. Of an
// orthogonal M that is M itself. Any other is rounded to f32 first, so that the dual inverts what
// is really computed with.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_BASIS_H
#define RESQ_PASSES_BASIS_H

#include "passes/pass.h"
#include "passes/recipe.h"

typedef enum resq_basis_kind {
  RESQ_BASIS_PCA,      ///< eigenvectors of the sites' moments, times R
  RESQ_BASIS_BALANCED, ///< of the site's and the queries' moments, times R; not orthogonal
  RESQ_BASIS_RANDOM,   ///< R alone
  RESQ_BASIS_HADAMARD, ///< a randomised Hadamard matrix (QuaRot); Haar where none is known
} resq_basis_kind;

typedef enum resq_rotation_kind {
  RESQ_ROTATION_HAAR,      ///< uniform over the orthogonal matrices
  RESQ_ROTATION_HADAMARD,  ///< randomised Hadamard; Haar where none is known
  RESQ_ROTATION_GAUSSIAN,  ///< N(0, 1 / n): not orthogonal
  RESQ_ROTATION_BERNOULLI, ///< +-1 / sqrt(n): not orthogonal
} resq_rotation_kind;

/// How R is made.
typedef struct resq_rotation {
  resq_rotation_kind kind;
  double departure; ///< largest |R^T R - 1| that materialize lets pass; 0: any
} resq_rotation;

/// The seed of another stream of random numbers: `n` steps on, beginning anew behind the last one.
static inline int64_t resq_seed_apart(int64_t seed, int n) {
  return (int64_t)((uint64_t)seed + (uint64_t)n);
}

typedef struct resq_basis {
  resq_basis_kind kind;
  resq_rotation rotation;
  int64_t size, high; ///< high = 0: one part
  int64_t blocks;     ///< moments are [blocks, size, size]; 0: [size, size]
  bool sum_blocks;    ///< one matrix for all blocks
  bool normalize;     ///< each site's moment divided by its trace before the sum
  int64_t seed;
  const MlirStringRef *sites;
  intptr_t n_sites;
  MlirStringRef queries; ///< BALANCED: the site of the other moment, [query_blocks, size, size]
  int64_t query_blocks;  ///< a multiple of blocks
} resq_basis;

/// Two params; the same one twice when the matrix is orthogonal.
typedef struct resq_basis_pair {
  MlirOperation matrix, dual;
} resq_basis_pair;

/// "pca", "random", "hadamard"; false for another text.
bool resq_basis_parse(MlirStringRef text, resq_basis_kind *out);
/// Options `rotation`, `max-departure` and `allow-departure` of a pass. False after an error that
/// names it.
bool resq_rotation_parse(MlirOperation module, const resq_pass *pass, const char *flag,
                         resq_rotation *out);

/// New params of the basis before anchor, [size, size] or [blocks, size, size]: f64, or f32 with an
/// f64 dual named `dual`.
resq_basis_pair resq_basis_params(MlirOperation module, MlirOperation anchor, const char *name,
                                  const char *dual, const resq_basis *basis);

/// x M, w M^-T and y M^-1 over blocks of the last dimension.
MlirValue resq_turn_to(const resq_builder *b, MlirValue x, const resq_basis_pair *basis);
MlirValue resq_turn_dual(const resq_builder *b, MlirValue w, const resq_basis_pair *basis);
MlirValue resq_turn_back(const resq_builder *b, MlirValue y, const resq_basis_pair *basis);

#endif // RESQ_PASSES_BASIS_H
