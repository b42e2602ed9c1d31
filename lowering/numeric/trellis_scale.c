//===-- trellis_scale.c - scales of trellis codes, by trying --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What a scale does is known when the path is: candidates around a row's root mean square are
// encoded and compared.
//===----------------------------------------------------------------------===//
#include "quantize_weight.h"
#include "trellis.h"

#include <math.h>

#include "same_bits.h" // last

enum { TILE = RESQ_TRELLIS_LENGTH, STEPS = 9 };

/// p = 1, 1.025, 0.975, 1.05, ...
static float candidate(int64_t bits, double deviation, int step) {
  int away = step % 2 ? (step + 1) / 2 : -(step / 2);
  return resq_round_bf16((float)((1 + 0.025 * away) * deviation / resq_trellis_unit(bits)));
}

/// Root of the mean square; 0 where a scale would be as good as zero.
static double deviation_of(int64_t bits, const float *w, int64_t count) {
  double squares = 0;
  for (int64_t i = 0; i < count; ++i)
    squares += (double)w[i] * (double)w[i];
  double deviation = sqrt(squares / (double)count);
  float first = candidate(bits, deviation, 0);
  return first > 0 && isfinite(1.0f / first) ? deviation : 0;
}

/// Codes of the tile, and what each row's squared error comes to.
static void encode_tile(const resq_trellis_tile *t, const float *scales, double *errors) {
  const int8_t *values = resq_trellis_values(t->bits);
  for (int r = 0; r < t->rows; ++r)
    errors[r] = 0;
  for (int64_t k = 0; k < t->count; ++k) {
    float column[TILE];
    int8_t places[TILE];
    for (int r = 0; r < t->rows; ++r)
      column[r] = t->w[r * t->width + k];
    resq_trellis_encode(t->bits, column, scales, t->rows, places);
    for (int r = 0; r < t->rows; ++r) {
      double e = (double)column[r] - (double)scales[r] * values[places[r]];
      errors[r] += e * e;
      t->codes[r * t->width + k] = places[r];
    }
  }
}

/// Every row takes the candidate that served it best when all took the same.
void resq_trellis_quantize(const resq_trellis_tile *t, int steps) {
  double deviation[TILE], least[TILE], errors[TILE];
  float tried[TILE], best[TILE];
  for (int r = 0; r < t->rows; ++r) {
    deviation[r] = deviation_of(t->bits, t->w + r * t->width, t->count);
    best[r] = candidate(t->bits, deviation[r], 0);
    least[r] = INFINITY;
  }
  for (int step = 0; steps > 1 && step < steps && step < STEPS; ++step) {
    for (int r = 0; r < t->rows; ++r)
      tried[r] = candidate(t->bits, deviation[r], step);
    encode_tile(t, tried, errors);
    for (int r = 0; r < t->rows; ++r)
      if (errors[r] < least[r]) {
        least[r] = errors[r];
        best[r] = tried[r];
      }
  }
  encode_tile(t, best, errors);
  for (int r = 0; r < t->rows; ++r)
    t->scales[r * t->scale_stride] = best[r];
}
