//===-- channels.h - which channels of a gate are high --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a gate gives is a product of two linears, element by element: no rotation of it can be taken
// by their weights, but a permutation can. So down_proj is split by channel, those of the largest
// second moment last (calibration), and the low ones go through an online Hadamard transform
// (--resq-insert-hadamard), whose cost decides how many are high.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_CHANNELS_H
#define RESQ_PASSES_CHANNELS_H

#include "passes/recipe.h"

/// The bounds of the high count: ceil(width / 10) and width / 6.
int64_t resq_channel_high_least(int64_t width);
int64_t resq_channel_high_most(int64_t width);
/// Of the counts within these bounds, the one whose remainder has the Hadamard transform of the
/// smallest Paley factor, the smaller count of equals; 0 when no remainder has one.
int64_t resq_channel_high(int64_t width);

/// A new param before anchor, tensor<width x i32>: the channels of the input of `linear`, which has
/// a site, second moments ascending. Named "<linear>.order", made fresh.
MlirOperation resq_channel_order_param(MlirOperation module, MlirOperation anchor,
                                       MlirOperation linear);

#endif // RESQ_PASSES_CHANNELS_H
