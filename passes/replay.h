//===-- replay.h - activations in the basis of a weight -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calibration sees the exact model: the input x of a linear before anything was rotated. The linear
// that --resq-quantize meets reads x B, B orthogonal (rotations, Hadamard transforms, permutations)
// or a selection of columns (one part of a split), much of it folded away. B is the `basis` of the
// linear's weight: the passes that fold it write it down (folding.h), and here it is done to x too.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_REPLAY_H
#define RESQ_PASSES_REPLAY_H

#include "dialect/build.h"

/// x, [rows, site's width], in the basis of `weight`, a param: [rows, in] of x's element type; x
/// itself where there is no basis. The ops are built at b, which is at the end of a recipe.
MlirValue resq_replay_columns(const resq_builder *b, MlirOperation weight, MlirValue x);

/// The second moment x^T x of a site, [width, width], in the columns of all n >= 1 weights side by
/// side: [sum of in, sum of in]. For the branches of one linear, whose sites are as wide.
MlirValue resq_replay_moment(const resq_builder *b, intptr_t n, const MlirOperation *weights,
                             MlirValue moment);

#endif // RESQ_PASSES_REPLAY_H
