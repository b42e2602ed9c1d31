// LINK: compiler
//===-- lm_weights_test.c - 4-bit Lloyd-Max weight codes ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The values against the centroids that they are rounded from, the nearest one and the search for a
// scale against plain loops, ties, and what the codes are for: on Gaussian rows their error is below
// that of integers, rounded to nearest and by GPTQ.
//===----------------------------------------------------------------------===//
#include "base/philox.h"
#include "kernels/lloyd_max.h"
#include "kernels/lm_weights.h"
#include "lowering/materialize/gptq.h"

// Before cmocka.h, which does not include them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

static float *normals(int64_t count, double spread, uint64_t seed) {
  float *x = malloc((size_t)count * sizeof *x);
  for (int64_t i = 0; i < count; ++i)
    x[i] = (float)(spread * resq_philox_normal(seed, (uint64_t)i));
  return x;
}

static void test_values_are_rounded_centroids(void **state) {
  (void)state;
  double top = (double)resq_lm_centroid(4, 15);
  for (int i = 0; i < 16; ++i) {
    assert_int_equal(resq_lm_weights[i], (int)lrint(127 * (double)resq_lm_centroid(4, i) / top));
    assert_true(resq_weight_value(RESQ_CODE_LLOYD_MAX, (int8_t)(i - 8)) == (float)resq_lm_weights[i]);
  }
}

/// By definition: the least distance; of two, the one of less magnitude, and 0 is above 0.
static int nearest(float t) {
  int best = t < 0 ? 7 : 8;
  for (int i = 0; i < 16; ++i) {
    float d = fabsf(t - (float)resq_lm_weights[i]), least = fabsf(t - (float)resq_lm_weights[best]);
    if (d < least || (d == least && abs(resq_lm_weights[i]) < abs(resq_lm_weights[best])))
      best = i;
  }
  return best - 8;
}

static void test_nearest(void **state) {
  (void)state;
  resq_weight_code how = {4, 1, 1, 2, RESQ_CODE_LLOYD_MAX};
  for (int i = -1200; i <= 1200; ++i) { // quarters: every value and every tie
    float t = 0.25f * (float)i;
    assert_int_equal(resq_weight_code_of(&how, t), nearest(t));
    assert_int_equal(resq_weight_code_of(&how, nextafterf(t, 1e9f)), nearest(nextafterf(t, 1e9f)));
  }
  assert_int_equal(resq_weight_code_of(&how, INFINITY), 7);
  assert_int_equal(resq_weight_code_of(&how, -INFINITY), -8);
  int nan = resq_weight_code_of(&how, NAN); // some code
  assert_true(nan >= -8 && nan <= 7);
}

static double error_of(const float *w, int64_t n, float s, double norm) {
  double sum = 0;
  for (int64_t i = 0; i < n; ++i)
    sum += pow(fabs((double)w[i] - (double)s * resq_lm_weights[nearest(w[i] / s) + 8]), norm);
  return sum;
}

static void check_group(const float *w, const resq_weight_code *how, const int8_t *codes,
                        float scale) {
  double peak = 0, least = INFINITY;
  bool found = false;
  for (int64_t i = 0; i < how->group; ++i)
    peak = fmax(peak, fabs((double)w[i]));
  for (int step = 0; step < how->steps; ++step) {
    float s = resq_round_bf16((float)((1 - step * 0.025) * peak / 127));
    least = fmin(least, error_of(w, how->group, s, how->norm));
    found |= s == scale;
  }
  assert_true(found);
  assert_true(error_of(w, how->group, scale, how->norm) <= least * (1 + 1e-5));
  for (int64_t i = 0; i < how->group; ++i)
    assert_int_equal(codes[i], nearest(w[i] / scale));
}

static void check_search(int64_t rows, int64_t width, resq_weight_code how) {
  float *x = normals(rows * width, 0.02, 11);
  int64_t groups = width / how.group;
  int8_t *codes = malloc((size_t)(rows * width)), *again = malloc((size_t)(rows * width));
  float *scales = malloc((size_t)(rows * groups) * sizeof *scales);
  float *scales_again = malloc((size_t)(rows * groups) * sizeof *scales);
  resq_quantize_weight(1, x, rows, width, &how, codes, scales);
  resq_quantize_weight(3, x, rows, width, &how, again, scales_again);
  assert_memory_equal(codes, again, (size_t)(rows * width));
  assert_memory_equal(scales, scales_again, (size_t)(rows * groups) * sizeof *scales);
  for (int64_t i = 0; i < rows * groups; ++i)
    check_group(x + i * how.group, &how, codes + i * how.group, scales[i]);
  free(x), free(codes), free(again), free(scales), free(scales_again);
}

static void test_search(void **state) {
  (void)state;
  check_search(33, 504, (resq_weight_code){4, 504, 28, 2.0, RESQ_CODE_LLOYD_MAX});
  check_search(17, 504, (resq_weight_code){4, 56, 28, 2.4, RESQ_CODE_LLOYD_MAX});
  check_search(5, 1280, (resq_weight_code){4, 1280, 39, 2.0, RESQ_CODE_LLOYD_MAX});
  check_search(3, 7, (resq_weight_code){4, 7, 28, 2.0, RESQ_CODE_LLOYD_MAX});
  check_search(3, 7, (resq_weight_code){4, 1, 1, 2.0, RESQ_CODE_LLOYD_MAX});
}

static void test_zeros(void **state) {
  (void)state;
  float x[16] = {0};
  int8_t codes[16];
  float scale = 1;
  memset(codes, 1, sizeof codes);
  resq_weight_code how = {4, 16, 28, 2.0, RESQ_CODE_LLOYD_MAX};
  resq_quantize_weight(1, x, 1, 16, &how, codes, &scale);
  assert_true(scale == 0);
  for (int i = 0; i < 16; ++i)
    assert_int_equal(codes[i], 0);
}

//===-- Against integers --------------------------------------------------===//

enum { ROWS = 64, WIDTH = 512, INPUTS = 700 };

static double squares(const float *w, const int8_t *codes, const float *scales, resq_code_kind kind) {
  double sum = 0;
  for (int64_t i = 0; i < ROWS * WIDTH; ++i) {
    double e = (double)w[i] - (double)(scales[i / WIDTH] * resq_weight_value(kind, codes[i]));
    sum += e * e;
  }
  return sum / (ROWS * WIDTH);
}

/// Of N(0, 1): 16 equal steps have 0.01154, the 16 best values 0.0095; a scale from a search is a little worse.
static void test_error_of_gaussian_rows(void **state) {
  (void)state;
  float *w = normals(ROWS * WIDTH, 1, 5), scales[ROWS];
  int8_t *codes = malloc(ROWS * WIDTH);
  resq_weight_code integers = {4, WIDTH, 28, 2.0, RESQ_CODE_INTEGER}, lm = integers;
  lm.kind = RESQ_CODE_LLOYD_MAX;
  resq_quantize_weight(2, w, ROWS, WIDTH, &integers, codes, scales);
  assert_true(squares(w, codes, scales, RESQ_CODE_INTEGER) > 0.0113);
  resq_quantize_weight(2, w, ROWS, WIDTH, &lm, codes, scales);
  assert_true(squares(w, codes, scales, RESQ_CODE_LLOYD_MAX) < 0.0098);
  free(w), free(codes);
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
static double gptq_error(const float *w, const double *moment, resq_code_kind kind) {
  int32_t *order = malloc(WIDTH * sizeof *order);
  float *factor = malloc(WIDTH * WIDTH * sizeof *factor), scales[ROWS];
  int8_t *codes = malloc(ROWS * WIDTH);
  const int64_t width = WIDTH;
  double damping = 0.01, total = 0, e[WIDTH];
  resq_gptq_part part = {w, WIDTH, {4, WIDTH, 28, 2.0, kind}, codes, scales};
  assert_true(resq_gptq_factor(2, moment, WIDTH, 1, &width, &damping, order, factor, NULL));
  assert_true(resq_gptq_weight(2, ROWS, 1, &part, order, factor, NULL));
  for (int64_t r = 0; r < ROWS; ++r) {
    for (int64_t i = 0; i < WIDTH; ++i)
      e[i] = (double)w[r * WIDTH + i] -
             (double)(scales[r] * resq_weight_value(kind, codes[r * WIDTH + i]));
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
  double integers = gptq_error(w, moment, RESQ_CODE_INTEGER);
  double lm = gptq_error(w, moment, RESQ_CODE_LLOYD_MAX);
  if (!(lm < 0.9 * integers))
    fail_msg("errors: Lloyd-Max %g, integers %g", lm, integers);
  free(w), free(moment);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_values_are_rounded_centroids),
      cmocka_unit_test(test_nearest),
      cmocka_unit_test(test_search),
      cmocka_unit_test(test_zeros),
      cmocka_unit_test(test_error_of_gaussian_rows),
      cmocka_unit_test(test_error_after_gptq),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
