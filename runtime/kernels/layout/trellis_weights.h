//===-- trellis_weights.h - what trellis codes stand for ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Trellis-coded quantisation (Marcellin and Fischer, IEEE Trans. Commun. 38(1), 1990), for weights.
// What a code stands for depends on it and on its state: the last bits of the codes before it, as
// many as it takes to tell the states apart. Codes follow each other along the 16 channels of a packed
// tile, one path for each input, closed to a ring: before channel 0 come channels 15, 14 and so on.
// The members of the family (quant_codes.h says which there are) have 4 bits and 4 states, and 3 bits
// and 8 states: either way a code and its state, six bits together, are its place among 64 values,
// which fill one register. Behind a random rotation weights are Gaussian, and of N(0, 1) the mean
// square errors are
//   bits | equal steps | best values (Lloyd-Max) | trellis
//      4 |      0.0115 |                  0.0095 |  0.0060
//      3 |      0.0374 |                  0.0345 |  0.0216
//
// Values are integers of 8 bits, so that sums of products with activation codes stay exact int32
// sums: resq_trellis_unit of them to a standard deviation. They are the fixed point of Lloyd's
// iteration (best paths of normal samples, then means), under the symmetry
// value(63 - place) = -value(place): tests/unit/trellis_test.c takes another step.
// No code stands for 0: what pads a weight is not nothing.
// dialect/definitions/weights.mlir has the same numbers.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_TRELLIS_WEIGHTS_H
#define RESQ_KERNELS_TRELLIS_WEIGHTS_H

#include "quant_codes.h"

enum {
  RESQ_TRELLIS_VALUES = 64, ///< places: codes by states
  RESQ_TRELLIS_LENGTH = 16, ///< channels of a tile
  RESQ_TRELLIS_LEAST_BITS = 3,
  RESQ_TRELLIS_MOST_BITS = 4,
};

/// By bits, then by place, state * codes + code. Within a state of the first member values do not
/// rise with codes, whose last bits say where the path goes on.
static const int8_t resq_trellis_weights[][RESQ_TRELLIS_VALUES] = {
    {
        -103, -54,  -31, -12, 4,  21, 40,  66,  //
        -51,  -85,  -12, -29, 22, 5,  74,  42,  //
        -72,  -42,  -22, -5,  12, 30, 52,  89,  //
        -40,  -65,  -4,  -21, 31, 12, 127, 54,  //
        -54,  -127, -12, -31, 21, 4,  65,  40,  //
        -89,  -52,  -30, -12, 5,  22, 42,  72,  //
        -42,  -74,  -5,  -22, 29, 12, 85,  51,  //
        -66,  -40,  -21, -4,  12, 31, 54,  103, //
    },
    {
        -127, -82, -63, -48, -37, -27, -18, -10, -2, 6,  14, 22, 31, 42, 55, 75,  //
        -91,  -70, -55, -42, -32, -22, -14, -6,  2,  10, 18, 27, 37, 48, 62, 105, //
        -105, -62, -48, -37, -27, -18, -10, -2,  6,  14, 22, 32, 42, 55, 70, 91,  //
        -75,  -55, -42, -31, -22, -14, -6,  2,   10, 18, 27, 37, 48, 63, 82, 127, //
    },
};

/// What the places of codes of `bits` stand for.
static inline const int8_t *resq_trellis_values(int64_t bits) {
  return resq_trellis_weights[bits - RESQ_TRELLIS_LEAST_BITS];
}

/// A standard deviation in those values.
static inline double resq_trellis_unit(int64_t bits) {
  return bits == 3 ? 43.94995771889455 : 38.368;
}

/// Codes before one that its state depends on.
static inline int resq_trellis_memory(int64_t bits) {
  return __builtin_ctz(resq_trellis_states((unsigned)bits)); // a power of two
}

/// The state behind a code: the code's last bit, and above it the bits of the state in which the code
/// is, without that of the code farthest away, which is the highest.
static inline int resq_trellis_next(int state, int code, int64_t bits) {
  return (state << 1 | (code & 1)) & ((1 << resq_trellis_memory(bits)) - 1);
}

/// The place of a code in a state.
static inline int resq_trellis_place(int state, int code, int64_t bits) {
  return state << bits | code;
}

/// The code of what pads a tile's inputs: its last bit is 0, so that all are in state 0.
static inline int resq_trellis_pad(int64_t bits) { return 1 << (bits - 1); }

#endif // RESQ_KERNELS_TRELLIS_WEIGHTS_H
