//===-- trellis_weights.h - what 4-bit trellis codes stand for ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trellis-coded quantisation (Marcellin and Fischer, IEEE Trans. Commun. 38(1), 1990), for weights.
// A code has 4 bits; what it stands for depends on it and on one bit of each of the two codes before
// it, so that 4 bits choose among 64 values, 16 at a time. Codes follow each other along the 16
// channels of a packed tile, one path an input, closed to a ring: before channel 0 come channels 15
// and 14. Behind a random rotation weights are Gaussian, and of N(0, 1) the mean square error is
// 0.0060, where the 16 best values (Lloyd-Max) have 0.0095 and 16 equal steps 0.0115.
//
// Values are integers of 8 bits, so that sums of products with activation codes stay exact int32
// sums: RESQ_TRELLIS_UNIT of them to a standard deviation. They are the fixed point of Lloyd's
// iteration (best paths of normal samples, then means), under the symmetry
// value(3 - state, 15 - code) = -value(state, code): tests/unit/trellis_test.c takes another step.
// No code stands for 0: what pads a weight is not nothing.
// dialect/definitions/weights.mlir has the same numbers.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_TRELLIS_WEIGHTS_H
#define RESQ_KERNELS_TRELLIS_WEIGHTS_H

#include <stdint.h>

enum {
  RESQ_TRELLIS_STATES = 4,
  RESQ_TRELLIS_CODES = 16,
  RESQ_TRELLIS_LENGTH = 16, ///< channels of a tile
  RESQ_TRELLIS_PAD = 8,     ///< the code of what pads a tile's inputs, in state 0
};
#define RESQ_TRELLIS_UNIT 38.368

/// By 16 * state + code, the six bits of a place.
static const int8_t resq_trellis_weights[RESQ_TRELLIS_STATES * RESQ_TRELLIS_CODES] = {
    -127, -82, -63, -48, -37, -27, -18, -10, -2, 6,  14, 22, 31, 42, 55, 75,  //
    -91,  -70, -55, -42, -32, -22, -14, -6,  2,  10, 18, 27, 37, 48, 62, 105, //
    -105, -62, -48, -37, -27, -18, -10, -2,  6,  14, 22, 32, 42, 55, 70, 91,  //
    -75,  -55, -42, -31, -22, -14, -6,  2,   10, 18, 27, 37, 48, 63, 82, 127, //
};

/// The state of a channel, from the codes of the two channels before it.
static inline int resq_trellis_state(int one_before, int two_before) {
  return (one_before & 1) | (two_before & 1) << 1;
}

#endif // RESQ_KERNELS_TRELLIS_WEIGHTS_H
