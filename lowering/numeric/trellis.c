//===-- trellis.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every operation is an IEEE one in a fixed order, so that all instruction sets give the same codes.
// trellis_path.inc is the algorithm, once for each member of the family: vectors have as many lanes as
// its states ask for.
//===----------------------------------------------------------------------===//
#include "trellis.h"

#include <assert.h>
#include <stdbool.h>
#include <string.h>

#include "same_bits.h" // last

enum { LENGTH = RESQ_TRELLIS_LENGTH };

/// Weights in units of their scales, kept where squares and their sums are finite, and whether their
/// errors count.
static inline __attribute__((always_inline)) void
to_units(const float *w, const float *scales, int count, float t[LENGTH], float counts[LENGTH]) {
  const float most = 1e6f;
  for (int c = 0; c < LENGTH; ++c) {
    bool coded = c < count && scales[c] > 0;
    float units = coded ? w[c] / scales[c] : 0;
    units = units < most ? units : most; // NaN, too
    t[c] = units > -most ? units : -most;
    counts[c] = coded ? 1 : 0;
  }
}

#define BITS 3
#include "trellis_path.inc"
#undef BITS

#define BITS 4
#include "trellis_path.inc"
#undef BITS

void resq_trellis_encode(int64_t bits, const float *w, const float *scales, int count,
                         int8_t *places) {
  assert(resq_trellis_states((unsigned)bits)); // types allow no other codes
  if (bits == 3)
    encode_3(w, scales, count, places);
  else
    encode_4(w, scales, count, places);
}
