//===-- lm_weights.h - what 4-bit Lloyd-Max weight codes stand for --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Behind a random rotation a row of weights is Gaussian, and 16 values that are optimal for that
// (lloyd_max.h) have less error than 16 at equal distances. They are rounded to integers of 8 bits,
// the largest to 127: entry i is the integer nearest to 127 c[i] / c[15]. So sums of products with
// activation codes stay exact int32 sums. A stored nibble is i, a row-major code i - 8: below 0 for
// values below 0. No code stands for 0: what pads a weight is not nothing.
// dialect/definitions/weights.mlir has the same numbers.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_LM_WEIGHTS_H
#define RESQ_KERNELS_LM_WEIGHTS_H

#include <stdint.h>

enum { RESQ_LM_WEIGHT_TOP = 127, RESQ_LM_WEIGHT_HALF = 8 };

static const int8_t resq_lm_weights[2 * RESQ_LM_WEIGHT_HALF] = {
    -127, -96, -75, -58, -44, -31, -18, -6, 6, 18, 31, 44, 58, 75, 96, 127,
};

#endif // RESQ_KERNELS_LM_WEIGHTS_H
