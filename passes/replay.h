//===-- replay.h - activations in the coordinates of a folded weight ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Calibration sees the exact model: the input x of a linear before anything was rotated. The linear
// that --resq-quantize meets reads x B, B orthogonal (rotations, Hadamard transforms, permutations)
// or a selection of columns (one part of a split), much of it folded away: what is left of B is in
// the recipe of the weight, W' = W B. So a weight's recipe, read as a program on columns, takes
// x to x B.
//
// What a recipe does to the columns of its leaf is taken to have been done to x too. The one
// exception is resq.scale_columns before everything else: a norm's gain, which the site stands
// behind. A hand-written recipe that rotates columns for another reason is not told apart.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_REPLAY_H
#define RESQ_PASSES_REPLAY_H

#include "dialect/build.h"

/// Applies to x, [rows, width], what the recipe of `param`, [out, in], does to the columns of its
/// leaf, whose number is x's width: rotate, hadamard, permute, split, join, slice and concat of
/// columns, in order, through gets of other params. Ops on rows are skipped: deinterleave, slices
/// and concats of rows, and all that stands between two transposes. The ops are built at b, which
/// stands in a recipe; their other operands (matrices, indices) are copied there. *out is [rows,
/// in] of x's element type; x itself where nothing was done.
///
/// False, with a remark at param that names the obstacle and nothing built, where the recipe cannot
/// be followed: no leaf, a leaf of another width, an op that mixes weights (add, matmul, ...), a
/// value of another rank than 2, or parts on top of each other whose columns went different ways.
bool resq_replay_columns(const resq_builder *b, MlirOperation param, MlirValue x, MlirValue *out);

/// Columns of the leaf of `param`: the width of its site. 0, with a remark, where the recipe cannot
/// be followed.
int64_t resq_replay_width(MlirOperation param);

/// The second moment x^T x of the leaf's coordinates, [width, width], in those of the columns of
/// all `n` params side by side: [sum of in, sum of in]. For the branches of one linear. False, with
/// a remark and nothing built, where a recipe cannot be followed.
bool resq_replay_moment(const resq_builder *b, intptr_t n, const MlirOperation *params,
                        MlirValue moment, MlirValue *out);

#endif // RESQ_PASSES_REPLAY_H
