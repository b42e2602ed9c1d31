// LINK: compiler
//===-- trellis_test.c - trellis-coded weights ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For each member of the family: the values against a step of the iteration that they are the fixed point of, the best path against
// all paths and against plain dynamic programming, the search for a scale, packed rings, and what
// the codes are for: on Gaussian rows their error is well below that of integers, rounded to nearest
// and by GPTQ.
//===----------------------------------------------------------------------===//
#include "base/philox.h"
#include "kernels/layout/pack_layout.h"
#include "lowering/numeric/gptq.h"
#include "lowering/numeric/pack.h"
#include "lowering/numeric/trellis.h"

// Before cmocka.h, which does not include them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH = RESQ_TRELLIS_LENGTH };

/// The family, and the mean square errors of N(0, 1) that are held to: of the values, of rows whose scales
/// are searched (and how 2^bits equal steps do at least), and after GPTQ, relative to integers.
static const struct member {
  int bits;
  double error, of_rows, of_integers, after_gptq;
} members[] = {{3, 0.0217, 0.0225, 0.0365, 0.65}, {4, 0.00605, 0.0062, 0.0113, 0.6}};
#define EACH_MEMBER(m)                                                                             \
  for (const struct member *m = members; m < members + sizeof members / sizeof *members; ++m)

static float *normals(int64_t count, double spread, uint64_t seed) {
  float *x = malloc((size_t)count * sizeof *x);
  for (int64_t i = 0; i < count; ++i)
    x[i] = (float)(spread * resq_philox_normal(seed, (uint64_t)i));
  return x;
}

/// Channels 0 .. count - 1 are on a closed path; the others may close it, as many as a state has bits.
static void check_closed(int bits, const int8_t *places, int count) {
  for (int c = 0; c < count; ++c) {
    assert_in_range(places[c], 0, RESQ_TRELLIS_VALUES - 1);
    for (int back = 1; back <= resq_trellis_memory(bits); ++back) {
      int before = (c + LENGTH - back) % LENGTH;
      if (before < count)
        assert_int_equal(places[c] >> bits >> (back - 1) & 1, places[before] & 1);
    }
  }
}

//===-- Values ------------------------------------------------------------===//

static void test_family(void **state) {
  (void)state;
  EACH_MEMBER(m) {
    const resq_codebook codes = resq_codebook_of(RESQ_CODE_TRELLIS, (unsigned)m->bits);
    assert_true(resq_codebook_has_kernels(codes));
    assert_int_equal(codes.states, 1 << resq_trellis_memory(m->bits));
    assert_int_equal(codes.states << m->bits, RESQ_TRELLIS_VALUES);
  }
}

static void test_values_are_odd(void **state) {
  (void)state;
  EACH_MEMBER(m)
  for (int i = 0; i < RESQ_TRELLIS_VALUES; ++i) {
    const int8_t *values = resq_trellis_values(m->bits);
    assert_int_equal(values[i], -values[RESQ_TRELLIS_VALUES - 1 - i]);
    assert_true(resq_weight_value(resq_codebook_of(RESQ_CODE_TRELLIS, (unsigned)m->bits),
                                  (int8_t)i) == (float)values[i]);
  }
}

/// Means of what best paths of normal samples send to a value: the value, but for rounding and noise.
static void check_values_are_means(const struct member *m) {
  enum { TILES = 20000, VALUES = RESQ_TRELLIS_VALUES };
  const int8_t *values = resq_trellis_values(m->bits);
  const double unit = resq_trellis_unit(m->bits);
  float *x = normals((int64_t)TILES * LENGTH, unit, 3), scales[LENGTH];
  double sum[VALUES] = {0}, count[VALUES] = {0}, squares = 0;
  for (int c = 0; c < LENGTH; ++c)
    scales[c] = 1;
  for (int64_t t = 0; t < TILES; ++t) {
    int8_t places[LENGTH];
    resq_trellis_encode(m->bits, x + t * LENGTH, scales, LENGTH, places);
    for (int c = 0; c < LENGTH; ++c) {
      double e = (double)x[t * LENGTH + c] - values[places[c]];
      squares += e * e;
      sum[places[c]] += (double)x[t * LENGTH + c];
      ++count[places[c]];
    }
  }
  double error = squares / ((double)TILES * LENGTH * unit * unit);
  if (!(error < m->error))
    fail_msg("%d bits: mean square error %g", m->bits, error);
  for (int i = 0; i < VALUES; ++i) {
    double mean = (sum[i] - sum[VALUES - 1 - i]) / (count[i] + count[VALUES - 1 - i]);
    if (fabs(mean - values[i]) > (count[i] > 1000 ? 1.0 : 3.0))
      fail_msg("%d bits: value %d is %d, the mean of %g samples %g", m->bits, i, values[i],
               count[i], mean);
  }
  free(x);
}

static void test_values_are_means(void **state) {
  (void)state;
  EACH_MEMBER(m) check_values_are_means(m);
}

//===-- Paths -------------------------------------------------------------===//

static double path_error(int bits, const float *w, const float *scales, int count,
                         const int8_t *places) {
  double sum = 0;
  for (int c = 0; c < count; ++c) {
    double e =
        scales[c] > 0 ? (double)w[c] / (double)scales[c] - resq_trellis_values(bits)[places[c]] : 0;
    sum += e * e;
  }
  return sum;
}

enum { MOST_STATES = 8 };

/// By definition, for the first `count` channels: the least error over states before channel 0 and, where
/// the ring leaves no channel free, the same states behind the last.
static double least_error(int bits, const float *w, const float *scales, int count) {
  const int states = 1 << resq_trellis_memory(bits);
  double least = INFINITY;
  for (int start = 0; start < states; ++start) {
    double cost[MOST_STATES], next[MOST_STATES];
    for (int s = 0; s < states; ++s)
      cost[s] = s == start ? 0 : INFINITY;
    for (int c = 0; c < LENGTH; ++c) {
      for (int s = 0; s < states; ++s)
        next[s] = INFINITY;
      for (int s = 0; s < states; ++s)
        for (int code = 0; code < 1 << bits; ++code) {
          bool coded = c < count && scales[c] > 0;
          int8_t value = resq_trellis_values(bits)[resq_trellis_place(s, code, bits)];
          double e = coded ? (double)w[c] / (double)scales[c] - value : 0;
          int to = resq_trellis_next(s, code, bits);
          next[to] = fmin(next[to], cost[s] + e * e);
        }
      memcpy(cost, next, sizeof cost);
    }
    least = fmin(least, cost[start]);
  }
  return least;
}

static void check_best_path(int bits, int trial) {
  int count = 1 + trial % LENGTH;
  float *w = normals(LENGTH, trial % 3 ? 0.02 : 3, 100 + (uint64_t)trial), scales[LENGTH];
  int8_t places[LENGTH];
  for (int c = 0; c < LENGTH; ++c)
    scales[c] = (float)((trial % 3 ? 0.02 : 3) * (0.7 + 0.05 * c) / resq_trellis_unit(bits));
  if (trial % 7 == 0)
    scales[trial % LENGTH] = 0;
  resq_trellis_encode(bits, w, scales, count, places);
  check_closed(bits, places, count);
  double least = least_error(bits, w, scales, count),
         found = path_error(bits, w, scales, count, places);
  if (!(found <= least * (1 + 1e-4)))
    fail_msg("%d bits, trial %d: error %g, least %g", bits, trial, found, least);
  free(w);
}

static void test_best_paths(void **state) {
  (void)state;
  EACH_MEMBER(m)
  for (int trial = 0; trial < 300; ++trial)
    check_best_path(m->bits, trial);
}

static void test_paths_of_anything_are_closed(void **state) {
  (void)state;
  const float odd[] = {NAN, INFINITY, -INFINITY, 3e38f, -3e38f, 0, 1e-40f};
  const float sizes[] = {1e-38f, 1, 3e38f, 0};
  for (int trial = 0; trial < 2000; ++trial) {
    float w[LENGTH], scales[LENGTH];
    int8_t places[LENGTH];
    for (int c = 0; c < LENGTH; ++c) {
      double u = resq_philox_normal(9, (uint64_t)(trial * 64 + c));
      int pick = (int)(fabs(u) * 1000) % 14;
      w[c] = pick < 7 ? odd[pick] : (float)u;
      scales[c] = sizes[(int)(fabs(u) * 100) % 4];
    }
    EACH_MEMBER(m) {
      resq_trellis_encode(m->bits, w, scales, 1 + trial % LENGTH, places);
      check_closed(m->bits, places, 1 + trial % LENGTH);
    }
  }
}

//===-- The search for a scale --------------------------------------------===//

static void check_search(int bits, int64_t rows, int64_t width, int64_t group, int steps) {
  resq_weight_code how = {resq_codebook_of(RESQ_CODE_TRELLIS, (unsigned)bits), group, steps, 2.0};
  float *x = normals(rows * width, 0.02, 11);
  int64_t groups = width / group;
  int8_t *codes = malloc((size_t)(rows * width)), *again = malloc((size_t)(rows * width));
  float *scales = malloc((size_t)(rows * groups) * sizeof *scales);
  float *scales_again = malloc((size_t)(rows * groups) * sizeof *scales);
  resq_quantize_weight(1, x, rows, width, &how, codes, scales);
  resq_quantize_weight(3, x, rows, width, &how, again, scales_again);
  assert_memory_equal(codes, again, (size_t)(rows * width));
  assert_memory_equal(scales, scales_again, (size_t)(rows * groups) * sizeof *scales);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t g = 0; g < groups; ++g) {
      double squares = 0;
      for (int64_t i = 0; i < group; ++i)
        squares += pow((double)x[r * width + g * group + i], 2);
      double ratio =
          (double)scales[r * groups + g] * resq_trellis_unit(bits) / sqrt(squares / (double)group);
      double away = steps > 1 ? 0.1 : 0;
      assert_true(ratio > 1 - away - 0.004 && ratio < 1 + away + 0.004); // bf16 rounds by 1/256
    }
  for (int64_t first = 0; first < rows; first += LENGTH)
    for (int64_t k = 0; k < width; ++k) {
      int count = rows - first < LENGTH ? (int)(rows - first) : LENGTH;
      int8_t column[LENGTH];
      for (int c = 0; c < count; ++c)
        column[c] = codes[(first + c) * width + k];
      check_closed(bits, column, count);
    }
  free(x), free(codes), free(again), free(scales), free(scales_again);
}

static void test_search(void **state) {
  (void)state;
  check_search(4, 33, 504, 504, 28);
  check_search(3, 33, 252, 252, 28);
  check_search(4, 17, 504, 56, 28);
  check_search(3, 17, 252, 28, 28);
  check_search(4, 5, 1280, 1280, 9);
  check_search(4, 3, 7, 7, 1);
  check_search(3, 3, 7, 7, 1);
  check_search(4, 1, 8, 1, 1);
}

static void test_zeros(void **state) {
  (void)state;
  float x[16] = {0};
  int8_t codes[16];
  EACH_MEMBER(m) {
    float scale = 1;
    resq_weight_code how = {resq_codebook_of(RESQ_CODE_TRELLIS, (unsigned)m->bits), 16, 28, 2.0};
    resq_quantize_weight(1, x, 1, 16, &how, codes, &scale);
    assert_true(scale == 0);
  }
}

//===-- Packed ------------------------------------------------------------===//

/// Codes alone, with those of channels that do not exist, give the places back.
static void check_packed_rings(int bits, int64_t rows) {
  enum { K = 45, GROUP = 9 };
  float *x = normals(rows * K, 1, (uint64_t)rows), *scales = malloc((size_t)rows * sizeof *scales);
  int8_t *places = malloc((size_t)(rows * K));
  resq_weight_code how = {resq_codebook_of(RESQ_CODE_TRELLIS, (unsigned)bits), K, 1, 2.0};
  resq_quantize_weight(1, x, rows, K, &how, places, scales);
  uint8_t *packed = calloc(1, (size_t)resq_packed_weight_size(rows, K, GROUP, K, bits));
  resq_pack_codes(1, places, rows, K, resq_packing_of(GROUP, bits), how.codes, packed);
  for (int64_t r = 0; r < rows; ++r)
    for (int64_t k = 0; k < K; ++k) {
      int state = 0, code = 0;
      for (int back = resq_trellis_memory(bits); back >= 0; --back) {
        int64_t there = r / LENGTH * LENGTH + (r + LENGTH - back) % LENGTH;
        code = resq_unpack_weight_code(packed, there, k, K, GROUP, bits) + resq_packed_offset(bits);
        if (back)
          state = resq_trellis_next(state, code, bits);
      }
      assert_int_equal(resq_trellis_place(state, code, bits), places[r * K + k]);
    }
  free(x), free(scales), free(places), free(packed);
}

static void test_packed_rings(void **state) {
  (void)state;
  EACH_MEMBER(m)
  for (int64_t rows = 1; rows <= 35; ++rows)
    check_packed_rings(m->bits, rows);
}

//===-- Against integers --------------------------------------------------===//

enum { ROWS = 64, WIDTH = 512, INPUTS = 700 };

static double squares(const float *w, const int8_t *codes, const float *scales,
                      resq_codebook book) {
  double sum = 0;
  for (int64_t i = 0; i < ROWS * WIDTH; ++i) {
    double e = (double)w[i] - (double)(scales[i / WIDTH] * resq_weight_value(book, codes[i]));
    sum += e * e;
  }
  return sum / (ROWS * WIDTH);
}

static void check_error_of_gaussian_rows(const struct member *m, const float *w) {
  int8_t *codes = malloc(ROWS * WIDTH);
  float scales[ROWS];
  resq_weight_code integers = {resq_codebook_of(RESQ_CODE_INTEGER, (unsigned)m->bits), WIDTH, 28,
                               2.0};
  resq_weight_code trellis = integers;
  trellis.codes = resq_codebook_of(RESQ_CODE_TRELLIS, (unsigned)m->bits);
  resq_quantize_weight(2, w, ROWS, WIDTH, &integers, codes, scales);
  assert_true(squares(w, codes, scales, integers.codes) > m->of_integers);
  resq_quantize_weight(2, w, ROWS, WIDTH, &trellis, codes, scales);
  double error = squares(w, codes, scales, trellis.codes);
  if (!(error < m->of_rows))
    fail_msg("%d bits: mean square error %g", m->bits, error);
  free(codes);
}

static void test_error_of_gaussian_rows(void **state) {
  (void)state;
  float *w = normals(ROWS * WIDTH, 1, 5);
  EACH_MEMBER(m) check_error_of_gaussian_rows(m, w);
  free(w);
}

/// Second moment of INPUTS rows whose columns mix with their neighbours.
static double *correlated_moment(void) {
  double *moment = calloc(WIDTH * WIDTH, sizeof *moment), x[WIDTH];
  for (int64_t r = 0; r < INPUTS; ++r) {
    for (int64_t i = 0; i < WIDTH; ++i)
      x[i] = resq_philox_normal(31, (uint64_t)(r * WIDTH + i)) + (i ? 0.8 * x[i - 1] : 0);
    for (int64_t i = 0; i < WIDTH; ++i)
      for (int64_t j = 0; j < WIDTH; ++j)
        moment[i * WIDTH + j] += x[i] * x[j];
  }
  return moment;
}

/// tr((W - Wq) H (W - Wq)^T) after GPTQ.
static double gptq_error(const float *w, const double *moment, resq_codebook book) {
  int32_t *order = malloc(WIDTH * sizeof *order);
  float *factor = malloc(WIDTH * WIDTH * sizeof *factor), scales[ROWS];
  int8_t *codes = malloc(ROWS * WIDTH);
  const int64_t width = WIDTH;
  double damping = 0.01, total = 0, e[WIDTH];
  resq_gptq_part part = {w, WIDTH, {book, WIDTH, 28, 2.0}, codes, scales};
  assert_true(resq_gptq_factor(2, moment, WIDTH, 1, &width, &damping, order, factor, NULL));
  assert_true(resq_gptq_weight(2, ROWS, 1, &part, order, factor, NULL));
  for (int64_t r = 0; r < ROWS; ++r) {
    for (int64_t i = 0; i < WIDTH; ++i)
      e[i] = (double)w[r * WIDTH + i] -
             (double)(scales[r] * resq_weight_value(book, codes[r * WIDTH + i]));
    for (int64_t i = 0; i < WIDTH; ++i)
      for (int64_t j = 0; j < WIDTH; ++j)
        total += e[i] * moment[i * WIDTH + j] * e[j];
  }
  free(order), free(factor), free(codes);
  return total;
}

static void test_error_after_gptq(void **state) {
  (void)state;
  float *w = normals(ROWS * WIDTH, 1, 6);
  double *moment = correlated_moment();
  EACH_MEMBER(m) {
    const unsigned bits = (unsigned)m->bits;
    double integers = gptq_error(w, moment, resq_codebook_of(RESQ_CODE_INTEGER, bits));
    double trellis = gptq_error(w, moment, resq_codebook_of(RESQ_CODE_TRELLIS, bits));
    if (!(trellis < m->after_gptq * integers))
      fail_msg("%d bits, errors: trellis %g, integers %g", m->bits, trellis, integers);
  }
  free(w), free(moment);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_family),
      cmocka_unit_test(test_values_are_odd),
      cmocka_unit_test(test_values_are_means),
      cmocka_unit_test(test_best_paths),
      cmocka_unit_test(test_paths_of_anything_are_closed),
      cmocka_unit_test(test_search),
      cmocka_unit_test(test_zeros),
      cmocka_unit_test(test_packed_rings),
      cmocka_unit_test(test_error_of_gaussian_rows),
      cmocka_unit_test(test_error_after_gptq),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
