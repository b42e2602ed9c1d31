//===-- kv_groups_test.c - grouped keys: outliers, windows, attention ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A sequence is appended in pieces of several sizes, read row by row, in prefill and across
// flushes, goes back and begins again. What each row reads of each key is worked out here from all
// keys ever given, in double: outlier channels by sorting, signs by the definition's sums. Both
// levels.
//===----------------------------------------------------------------------===//
#include "kernels/layout/kv_groups.h"
#include "quant_harness.h"
#include <math.h>
#include <stdbool.h>

__typeof__(resq_kv_append_groups_generic) resq_kv_append_groups_avx2, resq_kv_append_groups_avx512;
__typeof__(resq_attention_groups_generic) resq_attention_groups_avx2, resq_attention_groups_avx512;

enum { CAPACITY = 192, SEQUENCES = 2, MOST_SIZE = 128, TOKENS = 160 };
#define BOUND 1e-5

typedef struct group_case {
  int level;
  resq_kv_groups g;
  resq_kv_format values;
  int64_t heads, kv_heads, rows;
  const float *k, *v, *q, *sketch;
  int32_t positions[TOKENS], sequences[TOKENS];
  uint8_t *cache;
  float *y;
} group_case;

static void call_append(resq_worker *w, void *p) {
  const group_case *c = p;
  const int64_t width = c->kv_heads * c->g.size;
  AT_LEVEL(c->level, resq_kv_append_groups)(
      w, 0, c->k, c->v, c->positions, c->sequences, c->sketch, c->cache, c->rows, width, width,
      CAPACITY, c->kv_heads, c->g.size, c->g.rows, c->g.outliers, c->g.outlier_rows, c->g.buffer,
      c->g.window, c->values.kind, c->values.bits, c->values.high);
}

static void call_attention(resq_worker *w, void *p) {
  const group_case *c = p;
  const int64_t width = c->heads * c->g.size;
  AT_LEVEL(c->level, resq_attention_groups)(
      w, 0, c->q, c->positions, c->sequences, c->sketch, c->cache, c->y, c->rows, width, width,
      CAPACITY, c->heads, c->kv_heads, c->g.size, 0.125f, c->g.rows, c->g.outliers,
      c->g.outlier_rows, c->g.buffer, c->g.window, c->values.kind, c->values.bits, c->values.high);
}

static size_t cache_bytes(const group_case *c) {
  int64_t token = resq_kv_groups_bytes(c->g) + resq_kv_vector_bytes(c->values);
  return (size_t)(SEQUENCES * c->kv_heads * (CAPACITY * token + 2 * c->g.window * c->g.size));
}

//===-- What a row is to read ---------------------------------------------===//

/// One head's keys by position, as f16 has them.
typedef struct history {
  float key[TOKENS][MOST_SIZE], value[TOKENS][MOST_SIZE];
} history;

/// The outliers of the group that begins at `first`.
static void find_outliers(const group_case *c, const history *h, int64_t first, bool *apart) {
  float sums[MOST_SIZE] = {0};
  memset(apart, 0, MOST_SIZE);
  for (int t = 0; t < 32; ++t)
    for (int64_t i = 0; i < c->g.size; ++i)
      sums[i] += h->key[first + t][i] * h->key[first + t][i];
  for (int64_t o = 0; o < c->g.outliers; ++o) {
    int64_t best = -1;
    for (int64_t i = 0; i < c->g.size; ++i)
      if (!apart[i] && (best < 0 || sums[i] > sums[best]))
        best = i;
    apart[best] = true;
  }
}

/// The estimate of one part, channels with apart[i] == wanted, from `rows` signs.
static double estimate(const group_case *c, const float *q, const float *key, const bool *apart,
                       bool wanted, int64_t rows) {
  double sum = 0, norm = 0;
  for (int64_t i = 0; i < c->g.size; ++i)
    norm += apart[i] == wanted ? (double)key[i] * key[i] : 0;
  for (int64_t j = 0; j < rows; ++j) {
    const float *row = c->sketch + j / 16 * 16 * c->g.size + j % 16;
    float of_key = 0;
    double of_q = 0;
    for (int64_t i = 0; i < c->g.size; ++i) {
      of_key += row[i * 16] * (apart[i] == wanted ? key[i] : 0);
      of_q += apart[i] == wanted ? (double)row[i * 16] * q[i] : 0;
    }
    sum += of_key > 0 ? of_q : -of_q;
  }
  return sqrt(M_PI / 2) / (double)rows * (double)(_Float16)sqrt(norm) * sum;
}

static double score(const group_case *c, const history *h, const float *q, int64_t position,
                    int64_t t) {
  if (t >= (position + 1) / c->g.buffer * c->g.buffer) {
    double dot = 0;
    for (int64_t i = 0; i < c->g.size; ++i)
      dot += (double)q[i] * h->key[t][i];
    return dot;
  }
  bool apart[MOST_SIZE];
  find_outliers(c, h, t / 32 * 32, apart);
  return estimate(c, q, h->key[t], apart, false, c->g.rows) +
         estimate(c, q, h->key[t], apart, true, c->g.outlier_rows);
}

static void check_row(const group_case *c, const history *all, int64_t r) {
  for (int64_t head = 0; head < c->heads; ++head) {
    const history *h = &all[c->sequences[r] * c->kv_heads + head / (c->heads / c->kv_heads)];
    const float *q = c->q + (r * c->heads + head) * c->g.size;
    double p[TOKENS], largest = -INFINITY, sum = 0, most = 0;
    for (int64_t t = 0; t <= c->positions[r]; ++t) {
      p[t] = 0.125 * score(c, h, q, c->positions[r], t);
      largest = fmax(largest, p[t]);
    }
    for (int64_t t = 0; t <= c->positions[r]; ++t)
      sum += p[t] = exp(p[t] - largest);
    for (int64_t i = 0; i < c->g.size; ++i) {
      double wanted = 0, got = c->y[(r * c->heads + head) * c->g.size + i];
      for (int64_t t = 0; t <= c->positions[r]; ++t) {
        wanted += p[t] / sum * h->value[t][i];
        most = fmax(most, fabs(h->value[t][i]));
      }
      if (!(fabs(got - wanted) <= BOUND * most))
        fail_msg("position %d head %d element %d: got %.9g, wanted %.9g", c->positions[r],
                 (int)head, (int)i, got, wanted);
    }
  }
}

//===-- Sequences ---------------------------------------------------------===//

/// `rows` tokens from `from` on of `sequence`: appended, then read.
static void feed(group_case *c, history *all, int sequence, int64_t from, int64_t rows,
                 uint64_t seed, int threads) {
  const int64_t width = c->kv_heads * c->g.size;
  float *k = random_rows(rows * width, 1, seed), *v = random_rows(rows * width, 1, seed + 1);
  float *q = random_rows(rows * c->heads * c->g.size, 0.5f, seed + 2);
  c->rows = rows;
  for (int64_t r = 0; r < rows; ++r) {
    c->positions[r] = (int32_t)(from + r);
    c->sequences[r] = sequence;
    for (int64_t i = 0; i < width; ++i) {
      k[r * width + i] *= i % c->g.size == (from + r) / 32 % c->g.size ? 9.0f : 1.0f;
      history *h = &all[sequence * c->kv_heads + i / c->g.size];
      h->key[from + r][i % c->g.size] = (float)(_Float16)k[r * width + i];
      h->value[from + r][i % c->g.size] = (float)(_Float16)v[r * width + i];
    }
  }
  c->k = k;
  c->v = v;
  c->q = q;
  c->y = aligned_bytes((size_t)(rows * c->heads * c->g.size) * sizeof(float));
  run_kernel(call_append, c, threads);
  run_kernel(call_attention, c, threads);
  for (int64_t r = 0; r < rows; ++r)
    check_row(c, all, r);
  free(k);
  free(v);
  free(q);
  free(c->y);
}

static float *make_sketch(resq_kv_groups g) {
  int64_t rows = (g.rows + 15) / 16 * 16;
  float *panel = random_rows(rows * g.size, 1, 9);
  for (int64_t j = g.rows; j < rows; ++j)
    for (int64_t i = 0; i < g.size; ++i)
      panel[(j / 16 * g.size + i) * 16 + j % 16] = 0;
  return panel;
}

static void check_case(group_case *c, int threads) {
  float *sketch = make_sketch(c->g);
  history *all = calloc((size_t)(SEQUENCES * c->kv_heads), sizeof *all);
  c->sketch = sketch;
  c->cache = aligned_bytes(cache_bytes(c));
  memset(c->cache, 0xff, cache_bytes(c)); // what was never written: NaN
  feed(c, all, 0, 0, 5, 10, threads);     // shorter than a group
  feed(c, all, 0, 5, 26, 20, threads);
  feed(c, all, 0, 31, 1, 30, threads); // alone, the token that ends a group
  feed(c, all, 1, 0, 33, 40, threads); // over the end of a group
  for (int64_t t = 32; t < 96; t += 32)
    feed(c, all, 0, t, 32, 50 + (uint64_t)t, threads);
  for (int64_t t = 96; t < 100; ++t)
    feed(c, all, 0, t, 1, 100 + (uint64_t)t, threads);
  feed(c, all, 0, 90, 32, 200, threads); // back into the group before, and on
  feed(c, all, 1, 0, 7, 300, threads);   // begins again
  feed(c, all, 0, 122, 10, 400, threads);
  free(c->cache);
  free(all);
  free(sketch);
}

static void test_sequences(void **state) {
  (void)state;
  static const resq_kv_groups groups[] = {{16, 32, 2, 16, 32, 64},
                                          {24, 37, 1, 5, 64, 96},
                                          {40, 80, 33, 40, 32, 64},
                                          {128, 256, 8, 128, 32, 96},
                                          {64, 128, 4, 128, 96, 128}};
  for (int level = 0; level < TEST_LEVELS && has_level(level); ++level)
    for (size_t i = 0; i < sizeof groups / sizeof *groups; ++i) {
      group_case c = {.level = level,
                      .g = groups[i],
                      .kv_heads = 2,
                      .heads = i % 2 ? 2 : 6,
                      .values = {groups[i].size, RESQ_KV_F16, 0, 0, 0}};
      check_case(&c, 1 + (int)i % 2 * 2);
    }
}

/// Outliers that hold all of a key's energy: |k|^2 - |k_out|^2 would round to below zero and its
/// root to NaN.
static void test_all_energy_in_outliers(void **state) {
  (void)state;
  enum { SIZE = 16 };
  float k[32 * SIZE] = {0}, q[32 * SIZE], y[32 * SIZE];
  for (int t = 0; t < 32; ++t)
    for (int i = 0; i < SIZE; ++i) {
      k[t * SIZE + i] = i == 3 ? 100.1f : i == 7 ? -33.3f : 0;
      q[t * SIZE + i] = 0.01f * (float)i;
    }
  for (int level = 0; level < TEST_LEVELS && has_level(level); ++level) {
    group_case c = {.level = level,
                    .g = {SIZE, 32, 2, 32, 32, 64},
                    .kv_heads = 1,
                    .heads = 1,
                    .rows = 32,
                    .values = {SIZE, RESQ_KV_F16, 0, 0, 0},
                    .k = k,
                    .v = k,
                    .q = q,
                    .y = y};
    float *sketch = make_sketch(c.g);
    c.sketch = sketch;
    for (int t = 0; t < 32; ++t)
      c.positions[t] = t;
    c.cache = aligned_bytes(cache_bytes(&c));
    run_kernel(call_append, &c, 1);
    run_kernel(call_attention, &c, 1);
    resq_kv_group_view v = resq_kv_group_head(c.cache, c.g, c.values, CAPACITY, 1, 0, 0);
    assert_int_equal(v.indices[0], 3);
    assert_int_equal(v.indices[1], 7);
    for (int t = 0; t < 32; ++t)
      assert_true(resq_kv_scale(&v.inliers, t, 0) == 0);
    for (int i = 0; i < 32 * SIZE; ++i)
      assert_true(fabsf(y[i] - k[i]) <= 1e-3f * 100);
    free(c.cache);
    free(sketch);
  }
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_sequences),
      cmocka_unit_test(test_all_energy_in_outliers),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
