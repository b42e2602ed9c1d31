//===-- trellis.h - the best path of a ring of weights --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Encodes one input's weights of the channels of a tile (kernels/layout/trellis_weights.h): of all
// closed paths, the one of least squared error, by the Viterbi algorithm from each of the states that
// a path may start and end in. Scales are found by trying: trellis_scale.c. `bits` of codes are those
// of a trellis that there is (resq_trellis_states).
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_TRELLIS_H
#define RESQ_LOWERING_TRELLIS_H

#include "kernels/layout/trellis_weights.h"

#include <stdint.h>

/// Places (resq_trellis_place) of `count` channels, 1 to 16, the others free. The error is the sum of
/// (w / scale - value)^2: relative to each channel's own scale, for what a small channel meets next
/// may be large (a key that a query meets, a gate). Of equal paths, the first start, then the lower
/// state and code. Scales are finite and not negative; where one is 0 the place does not matter, and
/// weights that are not finite have some place: the path is closed whatever there is.
void resq_trellis_encode(int64_t bits, const float *w, const float *scales, int count,
                         int8_t *places);

/// Rows of a tile in the columns of one group, and what becomes of them.
typedef struct resq_trellis_tile {
  int64_t bits;
  const float *w;
  int64_t width, count; ///< elements from row to row, of w and codes; columns
  int rows;             ///< 1 to 16
  int8_t *codes;        ///< places
  float *scales;
  int64_t scale_stride;
} resq_trellis_tile;

/// Codes and scales as resq.quantize_weight defines them: of a row of zeros the scale is 0. steps:
/// candidates of a scale, of which there are 9; 1: no search.
void resq_trellis_quantize(const resq_trellis_tile *t, int steps);

#endif // RESQ_LOWERING_TRELLIS_H
