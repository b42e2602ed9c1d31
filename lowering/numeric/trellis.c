//===-- trellis.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every operation is an IEEE one in a fixed order, so that all instruction sets give the same codes.
//===----------------------------------------------------------------------===//
#include "trellis.h"

#include <stdbool.h>
#include <string.h>

#include "same_bits.h" // last

enum {
  LENGTH = RESQ_TRELLIS_LENGTH,
  STATES = RESQ_TRELLIS_STATES,
  LANES = 2 * STATES,               // a state and the last bit of a code: where a step leads
  CHOICES = RESQ_TRELLIS_CODES / 2, // codes of a lane
};

// Vectors of gcc and clang; a mask has all bits of a lane or none.
typedef float lane_floats __attribute__((vector_size(4 * LANES)));
typedef int32_t lane_ints __attribute__((vector_size(4 * LANES)));
typedef float start_floats __attribute__((vector_size(4 * STATES)));
typedef int32_t start_ints __attribute__((vector_size(4 * STATES)));

/// What a lane's steps cost at one channel, and the choice of the cheapest.
typedef struct steps {
  lane_floats cost;
  lane_ints choice;
} steps;

/// By choice and lane.
static inline __attribute__((always_inline)) void fill_values(lane_floats values[CHOICES]) {
  for (int choice = 0; choice < CHOICES; ++choice)
    for (int lane = 0; lane < LANES; ++lane)
      values[choice][lane] =
          (float)resq_trellis_weights[lane / 2 * RESQ_TRELLIS_CODES + 2 * choice + lane % 2];
}

static inline __attribute__((always_inline)) void
cheapest_steps(const lane_floats values[CHOICES], float t, float counts, steps *out) {
  lane_floats d = t - values[0], least = d * d;
  lane_ints best = {0};
  for (int choice = 1; choice < CHOICES; ++choice) {
    d = t - values[choice];
    lane_floats square = d * d;
    lane_ints less = square < least;
    best = (less & choice) | (~less & best);
    least = (lane_floats)((less & (lane_ints)square) | (~less & (lane_ints)least));
  }
  out->cost = least * counts;
  out->choice = best;
}

/// Costs of paths by state, one channel further, a start a lane: into state s lead the states s / 2
/// and s / 2 + 2, by codes whose last bit is that of s. took: where the second was cheaper.
static inline __attribute__((always_inline)) void
extend(const steps *step, start_floats cost[STATES], start_ints took[STATES]) {
  start_floats next[STATES];
  for (int s = 0; s < STATES; ++s) {
    start_floats first = cost[s / 2] + step->cost[2 * (s / 2) + s % 2];
    start_floats second = cost[s / 2 + 2] + step->cost[2 * (s / 2 + 2) + s % 2];
    took[s] = second < first;
    next[s] = (start_floats)((took[s] & (start_ints)second) | (~took[s] & (start_ints)first));
  }
  memcpy(cost, next, sizeof next);
}

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

RESQ_CLONES
void resq_trellis_encode(const float *w, const float *scales, int count, int8_t *places) {
  const float unreachable = 1e30f; // a path's cost is below 1e14
  float t[LENGTH], counts[LENGTH];
  lane_floats values[CHOICES];
  steps step[LENGTH];
  start_floats cost[STATES];
  start_ints took[LENGTH][STATES];
  fill_values(values);
  to_units(w, scales, count, t, counts);
  for (int s = 0; s < STATES; ++s)
    for (int start = 0; start < STATES; ++start)
      cost[s][start] = s == start ? 0 : unreachable;
  for (int c = 0; c < LENGTH; ++c) {
    cheapest_steps(values, t[c], counts[c], &step[c]);
    extend(&step[c], cost, took[c]);
  }
  int start = 0;
  for (int s = 1; s < STATES; ++s)
    if (cost[s][s] < cost[start][start])
      start = s;
  for (int c = LENGTH, state = start; c-- > 0;) {
    int from = state / 2 + (took[c][state][start] ? 2 : 0), bit = state % 2;
    if (c < count)
      places[c] = (int8_t)(from * RESQ_TRELLIS_CODES + 2 * step[c].choice[2 * from + bit] + bit);
    state = from;
  }
}
