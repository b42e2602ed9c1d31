// LINK: compiler
//===-- statistics_test.c - calibration sums, samples and files -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/philox.h"
#include "lowering/numeric/statistics.h"

// Before cmocka.h, which does not include them.
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Two windows and a part of one; a block of two tiles, the second not whole.
enum { ROWS = 2 * RESQ_STATISTICS_WINDOW + 700, WIDTH = 320, LD = 333 };
static const char *const names[] = {"l0.attn", "l0.k", "l0.down"};
static const int64_t widths[] = {WIDTH, WIDTH, WIDTH};
static const int64_t blocks[] = {WIDTH, 64, 1};

static float *rows_of_noise(void) {
  float *x = malloc(sizeof(float[ROWS * LD]));
  for (int64_t i = 0; i < ROWS * LD; ++i)
    x[i] = (float)resq_philox_normal(21, (uint64_t)i);
  return x;
}

/// All rows to all sites, `chunk` at a time.
static resq_statistics *collect(const float *x, int64_t chunk, int threads, int64_t samples) {
  resq_error err;
  resq_statistics_options options = {.samples = samples, .seed = 5, .threads = threads};
  resq_statistics *s = resq_statistics_create(3, names, widths, blocks, &options, &err);
  assert_non_null(s);
  for (int64_t first = 0; first < ROWS; first += chunk)
    for (int32_t site = 0; site < 3; ++site)
      resq_statistics_add(s, site, x + first * LD, ROWS - first < chunk ? ROWS - first : chunk, LD);
  assert_true(resq_statistics_finish(s, &err));
  return s;
}

static double *moment(const resq_statistics *s, int site) {
  resq_error err;
  double *m = malloc((size_t)(widths[site] * blocks[site]) * sizeof *m);
  assert_true(resq_statistics_moment(s, names[site], widths[site] / blocks[site], blocks[site], 0,
                                     widths[site], m, &err));
  return m;
}

static float *samples(const resq_statistics *s, int site) {
  resq_error err;
  int64_t kept = resq_statistics_kept(s, site);
  float *rows = malloc((size_t)(kept * widths[site]) * sizeof *rows);
  assert_true(resq_statistics_samples(s, site, 0, kept, rows, &err));
  return rows;
}

static void assert_equal_statistics(const resq_statistics *a, const resq_statistics *b,
                                    int64_t kept) {
  for (int site = 0; site < resq_statistics_sites(a); ++site) {
    double *moment_a = moment(a, site), *moment_b = moment(b, site);
    assert_memory_equal(moment_a, moment_b, (size_t)(widths[site] * blocks[site]) * sizeof(double));
    assert_int_equal(resq_statistics_kept(a, site), kept);
    assert_int_equal(resq_statistics_kept(b, site), kept);
    float *rows_a = samples(a, site), *rows_b = samples(b, site);
    assert_memory_equal(rows_a, rows_b, (size_t)(kept * WIDTH) * sizeof(float));
    uint64_t digest_a[2], digest_b[2];
    resq_statistics_digest(a, site, digest_a);
    resq_statistics_digest(b, site, digest_b);
    assert_memory_equal(digest_a, digest_b, sizeof digest_a);
    resq_statistics_samples_digest(a, site, digest_a);
    resq_statistics_samples_digest(b, site, digest_b);
    assert_memory_equal(digest_a, digest_b, sizeof digest_a);
    free(moment_a);
    free(moment_b);
    free(rows_a);
    free(rows_b);
  }
}

static void test_moments_equal_naive(void **state) {
  (void)state;
  float *x = rows_of_noise();
  resq_statistics *s = collect(x, 128, 2, 0);
  for (int site = 0; site < 3; ++site) {
    int64_t n = blocks[site];
    double *m = moment(s, site);
    for (int64_t b = 0; b < WIDTH / n; ++b)
      for (int64_t i = 0; i < n; i += 7)
        for (int64_t j = 0; j < n; ++j) {
          double sum = 0;
          for (int64_t r = 0; r < ROWS; ++r)
            sum += (double)x[r * LD + b * n + i] * (double)x[r * LD + b * n + j];
          if (!(fabs(m[(b * n + i) * n + j] - sum) <= 1e-3))
            fail_msg("site %d (%d, %d): %g, not %g", site, (int)i, (int)j, m[(b * n + i) * n + j],
                     sum);
          assert_true(m[(b * n + i) * n + j] == m[(b * n + j) * n + i]);
        }
    free(m);
  }
  assert_int_equal(resq_statistics_rows(s, 0), ROWS);
  resq_statistics_destroy(s);
  free(x);
}

//===-- First rows --------------------------------------------------------===//

/// All rows to site "l0.attn" and "l0.k", `chunk` at a time; sequences of 1,000 rows, whose first rows
/// the first of the two sites keeps.
static resq_statistics *collect_firsts(const float *x, int64_t chunk) {
  resq_error err;
  const bool first[] = {true, false};
  resq_statistics_options options = {
      .samples = 3, .seed = 5, .first = first, .sequence = 1000, .sequences = 5};
  resq_statistics *s = resq_statistics_create(2, names, widths, blocks, &options, &err);
  assert_non_null(s);
  for (int64_t at = 0; at < ROWS; at += chunk)
    for (int32_t site = 0; site < 2; ++site)
      resq_statistics_add(s, site, x + at * LD, ROWS - at < chunk ? ROWS - at : chunk, LD);
  assert_true(resq_statistics_finish(s, &err));
  return s;
}

/// The moment with first rows counted `weight` times is that of all rows and of weight - 1 times the
/// first rows.
static void test_first_rows(void **state) {
  (void)state;
  enum { WEIGHT = 64, FIRSTS = 5 };
  float *x = rows_of_noise();
  resq_statistics *plain = collect_firsts(x, 300), *s = collect_firsts(x, ROWS);
  assert_int_equal(resq_statistics_firsts(s, 0), FIRSTS);
  assert_int_equal(resq_statistics_firsts(s, 1), 0);
  assert_equal_statistics(plain, s, 3);
  resq_statistics_weigh_first(s, WEIGHT);
  assert_int_equal(resq_statistics_first_weight(s), WEIGHT);
  double *before = moment(plain, 0), *after = moment(s, 0);
  for (int64_t i = 0; i < WIDTH; ++i)
    for (int64_t j = 0; j < WIDTH; ++j) {
      double sum = 0;
      for (int64_t t = 0; t < FIRSTS; ++t)
        sum += (double)x[1000 * t * LD + i] * (double)x[1000 * t * LD + j];
      assert_true(after[i * WIDTH + j] == before[i * WIDTH + j] + (WEIGHT - 1) * sum);
      assert_true(after[i * WIDTH + j] == after[j * WIDTH + i]);
    }
  double part[3 * WIDTH];
  resq_error err;
  assert_true(resq_statistics_moment(s, names[0], 1, WIDTH, 255, 3, part, &err));
  assert_memory_equal(part, after + 255 * WIDTH, sizeof part);
  // Another weight is another moment; of a site without first rows it is the same.
  uint64_t a[2], b[2];
  for (int32_t site = 0; site < 2; ++site) {
    resq_statistics_digest(plain, site, a);
    resq_statistics_digest(s, site, b);
    assert_int_equal(memcmp(a, b, sizeof a) != 0, site == 0);
  }
  resq_statistics_weigh_first(s, 0);
  assert_int_equal(resq_statistics_first_weight(s), RESQ_STATISTICS_FIRST_WEIGHT);
  free(before);
  free(after);
  resq_statistics_destroy(plain);

  // They are kept in the file.
  char path[] = "/tmp/resq_statistics_XXXXXX";
  close(mkstemp(path));
  assert_true(resq_statistics_save(s, path, &err));
  resq_statistics *back = resq_statistics_load(path, &err);
  if (!back)
    fail_msg("%s", err.message);
  assert_int_equal(resq_statistics_firsts(back, 0), FIRSTS);
  resq_statistics_weigh_first(back, 7);
  resq_statistics_weigh_first(s, 7);
  before = moment(s, 0);
  after = moment(back, 0);
  assert_memory_equal(before, after, sizeof(double[WIDTH * WIDTH]));
  free(before);
  free(after);
  resq_statistics_destroy(back);
  resq_statistics_destroy(s);
  unlink(path);
  free(x);
}

/// More sequences than were announced have no room.
static void test_too_many_sequences(void **state) {
  (void)state;
  resq_error err;
  const bool first = true;
  resq_statistics_options options = {.first = &first, .sequence = 10, .sequences = 2};
  resq_statistics *s = resq_statistics_create(1, names, widths, blocks, &options, &err);
  assert_non_null(s);
  float *x = rows_of_noise();
  resq_statistics_add(s, 0, x, 21, LD);
  assert_false(resq_statistics_finish(s, &err));
  assert_non_null(strstr(err.message, "calibration sums cannot be kept"));
  resq_statistics_destroy(s);
  free(x);
}

static void test_same_bytes_however_cut(void **state) {
  (void)state;
  float *x = rows_of_noise();
  resq_statistics *a = collect(x, 128, 1, 40);
  const int64_t chunks[] = {1, 100, RESQ_STATISTICS_WINDOW, RESQ_STATISTICS_WINDOW + 100, ROWS};
  for (int i = 0; i < 5; ++i) {
    resq_statistics *b = collect(x, chunks[i], 2, 40);
    assert_equal_statistics(a, b, 40);
    resq_statistics_destroy(b);
  }
  resq_statistics_destroy(a);
  free(x);
}

/// Any rows of a moment are those of the whole, across tiles and blocks.
static void test_ranges(void **state) {
  (void)state;
  float *x = rows_of_noise();
  resq_statistics *s = collect(x, ROWS, 2, 10);
  const int64_t ranges[][2] = {{0, 1}, {255, 2}, {300, 20}, {63, 130}, {0, WIDTH}, {WIDTH, 0}};
  resq_error err;
  for (int site = 0; site < 3; ++site) {
    int64_t n = blocks[site];
    double *whole = moment(s, site), *part = malloc((size_t)(WIDTH * n) * sizeof *part);
    for (int i = 0; i < 6; ++i) {
      assert_true(resq_statistics_moment(s, names[site], WIDTH / n, n, ranges[i][0], ranges[i][1],
                                         part, &err));
      assert_memory_equal(part, whole + ranges[i][0] * n,
                          (size_t)(ranges[i][1] * n) * sizeof *part);
    }
    assert_false(resq_statistics_moment(s, names[site], WIDTH / n, n, WIDTH - 1, 2, part, &err));
    free(part);
    free(whole);
  }
  float *all = samples(s, 0), rows[3 * WIDTH];
  assert_true(resq_statistics_samples(s, 0, 4, 3, rows, &err));
  assert_memory_equal(rows, all + 4 * WIDTH, sizeof rows);
  assert_false(resq_statistics_samples(s, 0, 8, 3, rows, &err));
  free(all);
  resq_statistics_destroy(s);
  free(x);
}

/// In a folder the sums are the same, and nothing is left behind.
static void test_directory(void **state) {
  (void)state;
  char folder[] = "/tmp/resq_statistics_XXXXXX";
  assert_non_null(mkdtemp(folder));
  resq_error err;
  resq_statistics_options options = {.samples = 4, .seed = 5, .directory = folder};
  resq_statistics *s = resq_statistics_create(3, names, widths, blocks, &options, &err);
  assert_non_null(s);
  float *x = rows_of_noise();
  for (int32_t site = 0; site < 3; ++site)
    resq_statistics_add(s, site, x, ROWS, LD);
  assert_true(resq_statistics_finish(s, &err));
  resq_statistics *in_memory = collect(x, 777, 1, 4);
  assert_equal_statistics(s, in_memory, 4);
  resq_statistics_destroy(in_memory);
  resq_statistics_destroy(s);
  free(x);
  assert_int_equal(rmdir(folder), 0); // empty
  assert_null(resq_statistics_create(3, names, widths, blocks, &options, &err));
  assert_non_null(strstr(err.message, folder));
}

/// Samples are rows that were added, each once, in order, from all over.
static void test_samples(void **state) {
  (void)state;
  float *x = rows_of_noise();
  resq_statistics *s = collect(x, 128, 2, 100);
  int64_t kept = resq_statistics_kept(s, 0), before = -1, late = 0;
  float *rows = samples(s, 0);
  assert_int_equal(kept, 100);
  for (int64_t i = 0; i < kept; ++i) {
    int64_t found = -1;
    for (int64_t r = before + 1; r < ROWS && found < 0; ++r)
      if (memcmp(rows + i * WIDTH, x + r * LD, sizeof(float[WIDTH])) == 0)
        found = r;
    assert_true(found > before);
    before = found;
    late += found >= ROWS / 2;
  }
  assert_in_range(late, 25, 75);
  free(rows);
  resq_statistics_destroy(s);
  free(x);
}

//===-- Files -------------------------------------------------------------===//

static void test_save_and_load(void **state) {
  (void)state;
  char path[] = "/tmp/resq_statistics_XXXXXX";
  close(mkstemp(path));
  float *x = rows_of_noise();
  resq_statistics *s = collect(x, 300, 2, 8);
  resq_error err;
  assert_true(resq_statistics_save(s, path, &err));
  resq_statistics *back = resq_statistics_load(path, &err);
  if (!back)
    fail_msg("%s", err.message);
  assert_int_equal(resq_statistics_sites(back), 3);
  for (int site = 0; site < 3; ++site)
    assert_string_equal(resq_statistics_name(back, site), names[site]);
  assert_equal_statistics(s, back, 8);
  resq_statistics_destroy(back);
  resq_statistics_destroy(s);
  free(x);

  // Damage anywhere is found.
  FILE *file = fopen(path, "r+b");
  assert_non_null(file);
  const long places[] = {3, 9, 13, 20, 30, 40, 60, 4096 + 5, 100000, -5, -200};
  for (size_t i = 0; i < sizeof places / sizeof *places; ++i) {
    fseek(file, places[i], places[i] < 0 ? SEEK_END : SEEK_SET);
    long at = ftell(file);
    int byte = fgetc(file);
    fseek(file, at, SEEK_SET);
    fputc(byte ^ 0x10, file);
    fflush(file);
    assert_null(resq_statistics_load(path, &err));
    assert_non_null(strstr(err.message, path));
    fseek(file, at, SEEK_SET);
    fputc(byte, file);
    fflush(file);
  }
  fclose(file);
  assert_int_equal(truncate(path, 5000), 0);
  assert_null(resq_statistics_load(path, &err));
  assert_int_equal(truncate(path, 0), 0);
  assert_null(resq_statistics_load(path, &err));
  unlink(path);
}

//===-- Errors ------------------------------------------------------------===//

static void test_errors(void **state) {
  (void)state;
  resq_error err;
  const int64_t bad_block[] = {WIDTH, 63, 1};
  assert_null(resq_statistics_create(3, names, widths, bad_block, NULL, &err));
  assert_non_null(strstr(err.message, "l0.k"));
  const char *const twice[] = {"a", "b", "a"};
  assert_null(resq_statistics_create(3, twice, widths, blocks, NULL, &err));

  resq_statistics *s = resq_statistics_create(3, names, widths, blocks, NULL, &err);
  float row[WIDTH] = {0};
  row[7] = NAN;
  resq_statistics_add(s, 1, row, 1, WIDTH);
  assert_false(resq_statistics_finish(s, &err));
  assert_non_null(strstr(err.message, "l0.k"));
  double m[1];
  assert_false(resq_statistics_moment(s, "l9.k", 1, 64, 0, 0, m, &err));
  assert_non_null(strstr(err.message, "l9.k"));
  assert_false(resq_statistics_moment(s, "l0.k", 1, WIDTH, 0, 0, m, &err));
  assert_false(resq_statistics_moment(s, "l0.attn", 1, WIDTH, 0, 0, m, &err)); // no rows
  resq_statistics_destroy(s);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_moments_equal_naive),
      cmocka_unit_test(test_first_rows),
      cmocka_unit_test(test_too_many_sequences),
      cmocka_unit_test(test_same_bytes_however_cut),
      cmocka_unit_test(test_ranges),
      cmocka_unit_test(test_directory),
      cmocka_unit_test(test_samples),
      cmocka_unit_test(test_save_and_load),
      cmocka_unit_test(test_errors),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
