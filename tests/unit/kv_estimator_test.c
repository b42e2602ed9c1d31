//===-- kv_estimator_test.c - how well codes of keys keep dot products ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// What theory says of the estimates that attention makes of q . k, checked on what
// resq_kv_append writes, over random rotations and sketches. With e = (estimate - q . k) / (|q|
// |k|): unbiased (RMS over pairs of the mean of e over draws, against its noise floor), of variance
// V / d for q orthogonal to k.
//   Lloyd-Max, b bits, unbiased scale: V = d / (d - 1) E [d |c|^2 / <y, c>^2 - 1], c the centroids
//   of y, a random point of norm sqrt(d). When d grows, that is E c^2 / (E x c)^2 - 1 of one
//   coordinate, and D / (1 - D), D the quantiser's distortion for N(0, 1) (EDEN). Signs, m rows
//   (QJL): Gaussian V = pi / 2 d / m; orthogonal blocks of norm r (pi / 2 - 1) r^2 / m.
// Seeds are fixed: the figures are the same in every run. What is allowed follows from how far
// chance takes a figure: its standard error over draws.
//===----------------------------------------------------------------------===//
#include "kernels/layout/kv_layout.h"
#include "quant_harness.h"
#include <math.h>
#include <stdbool.h>

enum { D = 64, KEYS = 96, CAPACITY = 128, MOST_SIGNS = 3 * D };

/// random_bits gives 31 of them.
static double gaussian(uint64_t *state) {
  double u = (random_bits(state) + 0.5) / 2147483648.0, v = random_bits(state) / 2147483648.0;
  return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

static double dot(const double *a, const double *b, int n) {
  double sum = 0;
  for (int i = 0; i < n; ++i)
    sum += a[i] * b[i];
  return sum;
}

/// n rows of N(0, 1), or an orthogonal matrix of Haar measure: Gram-Schmidt on such rows, whose
/// last ones lose some of f64's digits and are far better than f32's all the same.
static void random_matrix(double *rows, int count, int n, bool orthogonal, uint64_t *state) {
  for (int j = 0; j < count; ++j) {
    double *row = rows + j * n;
    for (int i = 0; i < n; ++i)
      row[i] = gaussian(state);
    if (!orthogonal)
      continue;
    for (int other = 0; other < j; ++other) {
      double along = dot(row, rows + other * n, n);
      for (int i = 0; i < n; ++i)
        row[i] -= along * rows[other * n + i];
    }
    double norm = sqrt(dot(row, row, n));
    for (int i = 0; i < n; ++i)
      row[i] /= norm;
  }
}

/// What rows of an orthogonal sketch are scaled by: sqrt(n) c, of resq.attention.
static double exact_norm(int n) { return sqrt(2) * exp(lgamma((n + 1) / 2.0) - lgamma(n / 2.0)); }

//===-- The tables --------------------------------------------------------===//

/// P(N(0, 1) > t).
static double tail(double t) { return erfc(t / sqrt(2)) / 2; }
static double density(double t) { return exp(-t * t / 2) / sqrt(2 * M_PI); }

/// Lloyd's iteration from an even spread; thresholds[half - 1] is infinite. Returns the distortion.
static double lloyd(int half, double *centroids, double *thresholds) {
  for (int i = 0; i < half; ++i)
    centroids[i] = (i + 0.5) * 2.5 / half;
  double moved = 1, kept = 0;
  while (moved > 1e-13) {
    for (int i = 0; i < half; ++i)
      thresholds[i] = i + 1 < half ? (centroids[i] + centroids[i + 1]) / 2 : INFINITY;
    moved = kept = 0;
    for (int i = 0; i < half; ++i) {
      double from = i ? thresholds[i - 1] : 0, mass = tail(from) - tail(thresholds[i]);
      double mean = (density(from) - density(thresholds[i])) / mass;
      moved = fmax(moved, fabs(mean - centroids[i]));
      centroids[i] = mean;
      kept += 2 * mass * mean * mean;
    }
  }
  return 1 - kept;
}

static void tables_are_lloyds_fixed_point(void **state) {
  (void)state;
  static const double distortion[] = {.36338, .11748, .03455, .00950};
  for (int bits = 1; bits <= RESQ_LM_MOST_BITS; ++bits) {
    double centroids[8], thresholds[8], d = lloyd(1 << (bits - 1), centroids, thresholds);
    assert_true(fabs(d - distortion[bits - 1]) < 5e-6);
    for (int i = 0; i < 1 << (bits - 1); ++i) {
      assert_true(fabs(resq_lm_centroids[bits - 1][i] - centroids[i]) < 2e-7);
      assert_true(isinf(thresholds[i]) ||
                  fabs(resq_lm_thresholds[bits - 1][i] - thresholds[i]) < 2e-7);
    }
  }
}

static double centroid_of(int bits, double x) {
  int m = 0;
  while (fabs(x) > (double)resq_lm_thresholds[bits - 1][m])
    m++;
  return copysign((double)resq_lm_centroids[bits - 1][m], x);
}

/// V of Lloyd-Max codes of a coordinate in n dimensions, the others left out: the density of x is
/// as (1 - x^2 / n)^((n - 3) / 2).
static double lloyd_max_variance(int bits, int n) {
  enum { STEPS = 200000 };
  double mass = 0, squares = 0, products = 0, step = sqrt(n) / STEPS;
  for (int i = 0; i < STEPS; ++i) {
    double x = (i + 0.5) * step, p = pow(1 - x * x / n, (n - 3) / 2.0);
    double c = centroid_of(bits, x);
    mass += p;
    squares += p * c * c;
    products += p * x * c;
  }
  return squares * mass / (products * products) - 1;
}

/// V of Lloyd-Max codes in D dimensions, of POINTS random ones: within 0.5%.
static double lloyd_max_variance_of_points(int bits, uint64_t seed) {
  enum { POINTS = 4000 };
  double sum = 0;
  for (int point = 0; point < POINTS; ++point) {
    double y[D], c[D];
    for (int i = 0; i < D; ++i)
      y[i] = gaussian(&seed);
    double norm = sqrt(D / dot(y, y, D));
    for (int i = 0; i < D; ++i) {
      y[i] *= norm;
      c[i] = centroid_of(bits, y[i]);
    }
    sum += D * dot(c, c, D) / (dot(y, c, D) * dot(y, c, D)) - 1;
  }
  return sum / POINTS * D / (D - 1);
}

static void variance_of_lloyd_max_tends_to_edens(void **state) {
  (void)state;
  static const double limits[] = {.5708, .1331, .0358, .0096};
  for (int bits = 1; bits <= RESQ_LM_MOST_BITS; ++bits) {
    assert_true(fabs(lloyd_max_variance(bits, 4096) / limits[bits - 1] - 1) < 0.005);
    assert_true(fabs(lloyd_max_variance(bits, 128) / limits[bits - 1] - 1) < 0.08);
  }
}

//===-- Estimates ---------------------------------------------------------===//

/// Keys as they go to the cache, and what of it the estimates are made of.
typedef struct coded {
  resq_kv_format format;
  const float *keys, *sketch;
  uint8_t *cache;
} coded;

static void call_append(resq_worker *w, void *p) {
  const coded *c = p;
  int32_t positions[KEYS], sequences[KEYS] = {0};
  for (int i = 0; i < KEYS; ++i)
    positions[i] = i;
  // The values are the keys again, in f16.
  resq_kv_append_generic(w, 0, c->keys, c->keys, positions, sequences, c->sketch, c->cache, KEYS,
                         c->format.size, c->format.size, CAPACITY, 1, c->format.size,
                         c->format.kind, c->format.bits, c->format.high, c->format.rows,
                         RESQ_KV_F16, 0, 0);
}

/// How keys are coded: Lloyd-Max behind a random rotation, or signs of `rows` rows.
typedef struct scheme {
  int bits, rows; ///< either
  bool gaussian;  ///< signs: rows of N(0, 1), not orthogonal blocks
  int n;
} scheme;

/// The matrix of a draw in double, [columns, n], and its panel.
static void draw_matrix(const scheme *s, double *matrix, float *panel, uint64_t *state) {
  int columns = s->rows ? s->rows : s->n;
  for (int j = 0; j < columns; j += s->n)
    random_matrix(matrix + j * s->n, columns - j < s->n ? columns - j : s->n, s->n, !s->gaussian,
                  state);
  double norm = s->rows && !s->gaussian ? exact_norm(s->n) : 1;
  for (int j = 0; j < columns; ++j)
    for (int i = 0; i < s->n; ++i) {
      matrix[j * s->n + i] *= norm;
      panel[(j / 16 * s->n + i) * 16 + j % 16] = (float)matrix[j * s->n + i];
    }
}

/// Estimates of q_p . k_p for all pairs with one draw: both are turned, or q is sketched.
static void estimate(const scheme *s, const double *q, const double *k, uint64_t *state,
                     double *out) {
  static double matrix[MOST_SIGNS * D];
  static float panel[MOST_SIGNS * D], keys[KEYS * D];
  static uint8_t cache[CAPACITY * (2 * D + MOST_SIGNS + D)] __attribute__((aligned(64)));
  const int n = s->n, columns = s->rows ? s->rows : n;
  memset(panel, 0, sizeof panel);
  draw_matrix(s, matrix, panel, state);
  for (int p = 0; p < KEYS; ++p)
    for (int i = 0; i < n; ++i)
      keys[p * n + i] = (float)(s->rows ? k[p * n + i] : dot(matrix + i * n, k + p * n, n));
  coded c = {{n, s->rows ? RESQ_KV_QJL : RESQ_KV_LM, s->bits, 0, s->rows}, keys, panel, cache};
  run_kernel(call_append, &c, 1);
  resq_kv_format values = {n, RESQ_KV_F16, 0, 0, 0};
  resq_kv_view view = resq_kv_head(cache, c.format, values, CAPACITY, 1, 0, 0, 1);
  for (int p = 0; p < KEYS; ++p) {
    out[p] = 0;
    for (int j = 0; j < columns; ++j)
      out[p] += dot(matrix + j * n, q + p * n, n) * (double)resq_kv_decode(&view, p, j);
  }
}

/// What many draws say of e, and of estimates against the truth.
typedef struct findings {
  double bias, floor; ///< RMS over pairs of e's mean over draws; what chance alone gives
  double variance;    ///< n times the mean of e^2
  double error;       ///< standard error of `variance`, over draws
  double slope;       ///< of estimates against truths
} findings;

static findings measure(const scheme *s, const double *q, const double *k, int draws,
                        uint64_t seed) {
  double sums[KEYS] = {0}, squares = 0, fourths = 0, along = 0, truths = 0, estimates[KEYS];
  for (int draw = 0; draw < draws; ++draw) {
    double of_draw = 0;
    estimate(s, q, k, &seed, estimates);
    for (int p = 0; p < KEYS; ++p) {
      const double *a = q + p * s->n, *b = k + p * s->n;
      double truth = dot(a, b, s->n), size = sqrt(dot(a, a, s->n) * dot(b, b, s->n));
      double e = (estimates[p] - truth) / size;
      sums[p] += e;
      of_draw += e * e;
      along += estimates[p] * truth / (size * size);
      truths += truth * truth / (size * size);
    }
    squares += of_draw;
    fourths += of_draw * of_draw;
  }
  findings f = {0};
  for (int p = 0; p < KEYS; ++p)
    f.bias += sums[p] / draws * sums[p] / draws / KEYS;
  f.bias = sqrt(f.bias);
  f.floor = sqrt(squares / (KEYS * draws) / draws);
  f.variance = squares / (KEYS * draws) * s->n;
  double spread = fourths / draws - squares / draws * squares / draws;
  f.error = sqrt(spread / (draws - 1)) / KEYS * s->n;
  f.slope = along / truths;
  return f;
}

/// Pairs of random directions with a cosine near `cosine`, exact for 0; keys of unit length and
/// more.
static void random_pairs(double *q, double *k, int n, double cosine, uint64_t seed) {
  for (int p = 0; p < KEYS; ++p) {
    double *a = q + p * n, *b = k + p * n;
    for (int i = 0; i < n; ++i) {
      b[i] = gaussian(&seed) * (1 + p);
      a[i] = gaussian(&seed) * (1 + p);
    }
    double along = dot(a, b, n) / dot(b, b, n);
    for (int i = 0; i < n; ++i)
      a[i] = cosine * b[i] + sqrt(1 - cosine * cosine) * (a[i] - along * b[i]);
  }
}

/// Three standard errors, which must be small enough to mean something: 5% is told apart.
static void check(const scheme *s, const findings *f, double variance) {
  if (f->bias > 1.2 * f->floor || fabs(f->variance - variance) > 3 * f->error ||
      3 * f->error > 0.05 * variance)
    fail_msg("bits %d rows %d %s: bias %.5f, floor %.5f, variance %.5f +- %.5f, expected %.5f",
             s->bits, s->rows, s->gaussian ? "Gaussian" : "orthogonal", f->bias, f->floor,
             f->variance, f->error, variance);
}

static double q[KEYS * D], k[KEYS * D];

static void variance_is_as_theory_says(void **state) {
  (void)state;
  static const scheme lloyd_max[] = {
      {.bits = 1, .n = D}, {.bits = 2, .n = D}, {.bits = 3, .n = D}, {.bits = 4, .n = D}};
  static const scheme signs[] = {{.rows = D, .n = D},
                                 {.rows = 3 * D, .n = D},
                                 {.rows = D, .gaussian = true, .n = D},
                                 {.rows = D / 2, .gaussian = true, .n = D}};
  const double orthogonal = (M_PI / 2 - 1) * exact_norm(D) * exact_norm(D);
  random_pairs(q, k, D, 0, 1);
  for (int i = 0; i < 4; ++i) {
    findings f = measure(&lloyd_max[i], q, k, 120, 100 + (uint64_t)i);
    check(&lloyd_max[i], &f, lloyd_max_variance_of_points(lloyd_max[i].bits, 90));
  }
  for (int i = 0; i < 4; ++i) {
    const scheme *s = &signs[i];
    findings f = measure(s, q, k, 120, 110 + (uint64_t)i);
    check(s, &f, (s->gaussian ? M_PI / 2 * D : orthogonal) / s->rows);
  }
}

/// Where q and k are alike, the estimate's slope against the truth is 1.
static void slope_is_one(void **state) {
  (void)state;
  random_pairs(q, k, D, 0.8, 2);
  for (int bits = 1; bits <= 4; ++bits) {
    scheme s = {.bits = bits, .n = D};
    assert_true(fabs(measure(&s, q, k, 20, 200).slope - 1) < 0.01);
  }
  for (int gaussian_rows = 0; gaussian_rows < 2; ++gaussian_rows) {
    scheme s = {.rows = 2 * D, .gaussian = gaussian_rows, .n = D};
    assert_true(fabs(measure(&s, q, k, 20, 300).slope - 1) < 0.01);
  }
}

/// In 8 dimensions sqrt(pi / 2) for rows of norm sqrt(n) would be 3.2% off: the exact constant is
/// not.
static void constant_of_orthogonal_rows_is_exact(void **state) {
  (void)state;
  enum { SMALL = 8 };
  random_pairs(q, k, SMALL, 0, 3);
  scheme s = {.rows = SMALL, .n = SMALL};
  findings f = measure(&s, k, k, 1000, 400);
  assert_true(fabs(f.slope - 1) < 0.003);
  assert_true(fabs(exact_norm(SMALL) / sqrt(SMALL) - 0.9693) < 1e-4);
  assert_true(fabs(exact_norm(D) / sqrt(D) - (1 - 0.25 / D)) < 1e-5);
}

/// Keys of one and two elements: what a single Hadamard round codes badly, a random rotation does
/// not.
static void sparse_keys_are_unbiased(void **state) {
  (void)state;
  for (int elements = 1; elements <= 2; ++elements) {
    random_pairs(q, k, D, 0, 4);
    memset(k, 0, sizeof k);
    for (int p = 0; p < KEYS; ++p)
      for (int i = 0; i < elements; ++i)
        k[p * D + (p * 7 + i * 31) % D] = i ? -1.5 : 2;
    for (int i = 0; i < KEYS * D; ++i)
      q[i] += k[i];
    static const scheme schemes[] = {{.bits = 2, .n = D}, {.bits = 3, .n = D}, {.rows = D, .n = D}};
    for (int i = 0; i < 3; ++i) {
      findings f = measure(&schemes[i], q, k, 60, 500 + (uint64_t)i);
      assert_true(f.bias <= 1.2 * f.floor && fabs(f.slope - 1) < 0.05);
    }
  }
}

/// A norm or scale of f16 keeps tiny, huge and zero keys in bounds.
static void norms_survive_f16(void **state) {
  (void)state;
  static const double sizes[] = {0, 1e-3, 1, 2000};
  uint64_t seed = 5;
  for (int i = 0; i < 4; ++i)
    for (int signs = 0; signs < 2; ++signs) {
      random_pairs(q, k, D, 0.8, 6);
      double estimates[KEYS];
      for (int e = 0; e < KEYS * D; ++e)
        k[e] *= sizes[i] / (1 + e / D);
      scheme s = {.bits = signs ? 0 : 4, .rows = signs ? 3 * D : 0, .n = D};
      estimate(&s, q, k, &seed, estimates);
      for (int p = 0; p < KEYS; ++p) {
        double truth = dot(q + p * D, k + p * D, D);
        assert_true(fabs(estimates[p] - truth) <= 0.25 * fabs(truth));
      }
    }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(tables_are_lloyds_fixed_point),
      cmocka_unit_test(variance_of_lloyd_max_tends_to_edens),
      cmocka_unit_test(variance_is_as_theory_says),
      cmocka_unit_test(slope_is_one),
      cmocka_unit_test(constant_of_orthogonal_rows_is_exact),
      cmocka_unit_test(sparse_keys_are_unbiased),
      cmocka_unit_test(norms_survive_f16),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
