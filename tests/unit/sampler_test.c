//===-- sampler_test.c - random numbers, sampling, streaming --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/philox.h"
#include "text/sampler.h"
#include "text/stream.h"
#include "text/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/// The known answers published with Random123.
static void philox_known_answers(void **state) {
  (void)state;
  static const uint32_t cases[3][10] = {
      {0, 0, 0, 0, 0, 0, 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8},
      {~0u, ~0u, ~0u, ~0u, ~0u, ~0u, 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd},
      {0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344, 0xa4093822, 0x299f31d0, 0xd16cfe09,
       0x94fdcceb, 0x5001e420, 0x24126ea1}};
  for (int i = 0; i < 3; ++i) {
    uint32_t out[4];
    resq_philox4x32_10(cases[i], cases[i] + 4, out);
    assert_memory_equal(out, cases[i] + 6, sizeof out);
  }
}

static void philox_moments(void **state) {
  (void)state;
  enum { N = 200000 };
  double u1 = 0, n1 = 0, n2 = 0, n4 = 0;
  for (uint64_t i = 0; i < N; ++i) {
    double u = resq_philox_uniform(7, i), x = resq_philox_normal(7, i);
    assert_true(u > 0 && u < 1);
    u1 += u;
    n1 += x;
    n2 += x * x;
    n4 += x * x * x * x;
  }
  assert_true(fabs(u1 / N - 0.5) < 0.003);
  assert_true(fabs(n1 / N) < 0.01 && fabs(n2 / N - 1) < 0.015 && fabs(n4 / N - 3) < 0.1);
  assert_true(resq_philox_open_unit(~0u, ~0u) < 1 && resq_philox_open_unit(0, 0) > 0);
}

static resq_sampler *sampler(resq_sampler_options options) {
  resq_error err = {0};
  resq_sampler *s = resq_sampler_create(&options, &err);
  if (!s)
    fail_msg("%s", err.message);
  return s;
}

static void greedy_takes_the_first_of_equals(void **state) {
  (void)state;
  const float logits[] = {1, NAN, 3, 3, -INFINITY};
  resq_sampler *s = sampler(resq_sampler_defaults());
  assert_int_equal(resq_sampler_next(s, logits, 5, NULL), 2);
  resq_sampler_destroy(s);
}

static void repeat_penalty_counts_once(void **state) {
  (void)state;
  resq_sampler_options o = resq_sampler_defaults();
  o.repeat_penalty = 1.5;
  o.repeat_window = 2;
  resq_sampler *s = sampler(o);
  const float logits[] = {3, 2.5f, -1};
  assert_int_equal(resq_sampler_next(s, logits, 3, NULL), 0); // 3 becomes 2 next
  assert_int_equal(resq_sampler_next(s, logits, 3, NULL), 1); // both lowered: 2 and 1.67
  assert_int_equal(resq_sampler_next(s, logits, 3, NULL), 0);
  resq_sampler_accept(s, 2);
  resq_sampler_accept(s, 2);
  assert_int_equal(resq_sampler_next(s, logits, 3, NULL), 0);
  resq_sampler_destroy(s);
}

enum { DRAWS = 40000 };

/// Shares of DRAWS draws per token.
static void shares(resq_sampler_options o, const float *logits, int n, double *out) {
  resq_sampler *s = sampler(o);
  memset(out, 0, (size_t)n * sizeof *out);
  for (int i = 0; i < DRAWS; ++i) {
    int32_t id = resq_sampler_next(s, logits, n, NULL);
    assert_true(id >= 0 && id < n);
    out[id] += 1.0 / DRAWS;
  }
  resq_sampler_destroy(s);
}

static void distributions(void **state) {
  (void)state;
  // Probabilities 0.5, 0.25, 0.15, 0.1 in an order that is not theirs.
  const float logits[] = {logf(0.15f), logf(0.5f), logf(0.1f), logf(0.25f)};
  double p[4];
  resq_sampler_options o = resq_sampler_defaults();
  o.temperature = 1;
  o.seed = 42;
  shares(o, logits, 4, p);
  assert_true(fabs(p[1] - 0.5) < 0.01 && fabs(p[3] - 0.25) < 0.01 && fabs(p[2] - 0.1) < 0.01);
  o.temperature = 0.5; // squares: 0.25, 0.0625, 0.0225, 0.01 of 0.345
  shares(o, logits, 4, p);
  assert_true(fabs(p[1] - 0.7246) < 0.01 && fabs(p[0] - 0.0652) < 0.01);
  o.temperature = 1;
  o.top_k = 2;
  shares(o, logits, 4, p);
  assert_true(fabs(p[1] - 2.0 / 3) < 0.01 && p[0] == 0 && p[2] == 0);
  o.top_k = 3;
  o.top_p = 0.8; // of 0.9 left: 0.556, 0.278, 0.167: two reach 0.8
  shares(o, logits, 4, p);
  assert_true(p[0] == 0 && p[2] == 0 && p[3] > 0.3);
  o.top_k = 0;
  o.top_p = 0.4;
  shares(o, logits, 4, p);
  assert_true(p[1] > 0.99);
  o.top_p = 1;
  o.min_p = 0.4;
  shares(o, logits, 4, p);
  assert_true(p[0] == 0 && p[2] == 0 && fabs(p[3] - 1.0 / 3) < 0.01);
}

enum { VOCABULARY = 3001 };

typedef struct probability {
  double logit, weight;
  int32_t id;
} probability;

static int by_logit(const void *a, const void *b) {
  const probability *x = a, *y = b;
  return x->logit != y->logit ? (x->logit < y->logit ? 1 : -1) : x->id - y->id;
}

/// What sampler.h says, in double: every token sorted. p in the order that is drawn from; returns
/// how many may be drawn.
static int definition(const resq_sampler_options *o, const float *logits, probability *p) {
  double sum = 0, total = 0;
  int count = VOCABULARY, left = 0;
  for (int i = 0; i < VOCABULARY; ++i)
    p[i] = (probability){(double)logits[i], 0, i};
  qsort(p, VOCABULARY, sizeof *p, by_logit);
  for (int i = 0; i < VOCABULARY; ++i)
    p[i].weight = exp((p[i].logit - p[0].logit) / o->temperature);
  if (o->top_k && o->top_k < count)
    count = (int)o->top_k;
  for (int i = 0; i < count; ++i)
    total += p[i].weight;
  for (int i = 0; o->top_p < 1 && i < count; ++i)
    if ((sum += p[i].weight) >= o->top_p * total)
      count = i + 1;
  while (left < count && p[left].weight >= o->min_p)
    left++;
  return left;
}

static int by_id(const void *a, const void *b) {
  return ((const probability *)a)->id - ((const probability *)b)->id;
}

/// Each draw lies where the definition has its random number, up to the rounding of weights to
/// float.
static void draws_follow_the_definition(void **state) {
  (void)state;
  static float logits[VOCABULARY];
  static probability p[VOCABULARY];
  const struct {
    double temperature, top_p, min_p;
    int64_t top_k;
  } cases[] = {{1, 1, 0, 0},     {0.7, 1, 0.02, 0}, {1.3, 0.9, 0, 0},    {1, 0.5, 0.1, 0},
               {2, 0.999, 0, 0}, {0.8, 1, 0, 40},   {1, 0.95, 0.05, 40}, {1.5, 0.9, 0, 3000},
               {1, 1, 0, 3001},  {1, 1, 0, 1},      {1e-6, 1, 0, 0},     {1e6, 0.3, 0, 0},
               {1, 1e-9, 0, 0},  {1, 1, 1, 0}};
  for (size_t c = 0; c < sizeof cases / sizeof *cases; ++c) {
    resq_sampler_options o = resq_sampler_defaults();
    o.temperature = cases[c].temperature, o.top_p = cases[c].top_p;
    o.min_p = cases[c].min_p, o.top_k = cases[c].top_k, o.seed = 17 + c;
    resq_sampler *s = sampler(o);
    for (uint64_t draw = 0; draw < 100; ++draw) {
      // Steps of 1/8, so that there are equals, and some that are impossible.
      for (int i = 0; i < VOCABULARY; ++i)
        logits[i] =
            (float)(round(24 * resq_philox_normal(c + 1, draw * VOCABULARY + (uint64_t)i)) / 8);
      logits[draw] = draw % 2 ? NAN : -INFINITY;
      int32_t id = resq_sampler_next(s, logits, VOCABULARY, NULL);
      logits[draw] = -INFINITY;
      int count = definition(&o, logits, p);
      if (o.top_p == 1 && (o.top_k == 0 || o.top_k >= VOCABULARY))
        qsort(p, (size_t)count, sizeof *p, by_id); // nothing was sorted
      double total = 0, below = 0, weight = 0, target;
      for (int i = 0; i < count; ++i) {
        weight = p[i].id == id ? p[i].weight : weight;
        below = p[i].id == id ? total : below;
        total += p[i].weight;
      }
      target = resq_philox_uniform(o.seed, draw) * total;
      assert_true(weight > 0);
      assert_true(target > below - 1e-5 * total && target < below + weight + 1e-5 * total);
    }
    resq_sampler_destroy(s);
  }
}

static void same_seed_same_tokens(void **state) {
  (void)state;
  float logits[1000];
  resq_sampler_options o = resq_sampler_defaults();
  o.temperature = 0.8;
  o.top_k = 40;
  o.top_p = 0.95;
  o.min_p = 0.01;
  o.seed = 123;
  for (int i = 0; i < 1000; ++i)
    logits[i] = (float)resq_philox_normal(5, (uint64_t)i);
  resq_sampler *a = sampler(o), *b = sampler(o);
  int32_t first[64];
  for (int i = 0; i < 64; ++i) {
    first[i] = resq_sampler_next(a, logits, 1000, NULL);
    assert_int_equal(first[i], resq_sampler_next(b, logits, 1000, NULL));
  }
  resq_sampler_reset(a);
  for (int i = 0; i < 64; ++i)
    assert_int_equal(first[i], resq_sampler_next(a, logits, 1000, NULL));
  resq_sampler_destroy(a);
  resq_sampler_destroy(b);
}

static void bad_options_and_logits(void **state) {
  (void)state;
  resq_error err = {0};
  for (int i = 0; i < 7; ++i) {
    resq_sampler_options o = resq_sampler_defaults();
    double *const fields[] = {&o.temperature, &o.top_p, &o.min_p, &o.repeat_penalty};
    if (i < 4)
      *fields[i] = i == 0 ? -1 : NAN;
    o.top_k = i == 4 ? -1 : 0;
    o.repeat_window = i == 5 ? -1 : 0;
    o.top_p = i == 6 ? 0 : o.top_p;
    assert_null(resq_sampler_create(&o, &err));
    assert_int_equal(err.code, RESQ_USAGE);
  }
  const float bad[2][2] = {{NAN, -INFINITY}, {INFINITY, 1}};
  resq_sampler *s = sampler(resq_sampler_defaults());
  assert_int_equal(resq_sampler_next(s, bad[0], 2, &err), -1);
  assert_int_equal(resq_sampler_next(s, bad[1], 2, &err), -1);
  assert_int_equal(resq_sampler_next(s, bad[0], 0, &err), -1);
  resq_sampler_destroy(s);
}

/// Feeds `text` in parts of `step` bytes and checks the whole output and the stop.
static void stream_gives(const char *text, size_t step, const char *const *stops, size_t n_stops,
                         const char *wanted, int stopped) {
  resq_stream *s = resq_stream_create(stops, n_stops, NULL);
  char all[256] = "";
  size_t size = strlen(text);
  resq_text out;
  for (size_t at = 0; at < size; at += step) {
    size_t part = size - at < step ? size - at : step;
    assert_true(resq_stream_push(s, (resq_text){text + at, part}, &out, NULL));
    assert_int_equal(resq_utf8_valid_prefix(out.data, out.size), out.size);
    strncat(all, out.data, out.size);
  }
  assert_true(resq_stream_finish(s, &out, NULL));
  strncat(all, out.data, out.size);
  assert_string_equal(all, wanted);
  assert_int_equal(resq_stream_stopped(s), stopped);
  resq_stream_destroy(s);
}

static void streaming(void **state) {
  (void)state;
  const char *const stops[] = {"\nUser:", "END", "ENDING"};
  for (size_t step = 1; step < 12; ++step) {
    stream_gives("héllo 日本 🙂!", step, NULL, 0, "héllo 日本 🙂!", -1);
    stream_gives("bad \xff\xe6\x97 x\xf0\x9f\x99", step, NULL, 0,
                 "bad \xef\xbf\xbd\xef\xbf\xbd x\xef\xbf\xbd", -1);
    stream_gives("one\nUser: two", step, stops, 3, "one", 0);
    stream_gives("one\nUses: EN", step, stops, 3, "one\nUses: EN", -1);
    stream_gives("aENENDING", step, stops, 3, "aEN", 1);
    stream_gives("\nUse\nUser:x", step, stops, 3, "\nUse", 0);
    stream_gives("日\xe6\x97"
                 "END",
                 step, stops, 3, "日\xef\xbf\xbd", 1);
  }
  resq_stream *s = resq_stream_create(stops, 3, NULL);
  resq_text out;
  assert_true(resq_stream_push(s, (resq_text){"ab\nUs", 5}, &out, NULL));
  assert_true(out.size == 2 && memcmp(out.data, "ab", 2) == 0); // "\nUs" may be a stop string
  assert_true(resq_stream_push(s, (resq_text){"a", 1}, &out, NULL));
  assert_true(out.size == 4 && memcmp(out.data, "\nUsa", 4) == 0);
  resq_stream_destroy(s);
  const char *const empty[] = {""};
  assert_null(resq_stream_create(empty, 1, NULL));
}

/// A stop string of 50,001 bytes, and a text that repeats most of it for ever: held back whole, and
/// each byte compared a bounded number of times.
static void streaming_is_linear(void **state) {
  (void)state;
  enum { LONG = 50000, TEXT = 200000 };
  char *stop = malloc(LONG + 2), *text = malloc(TEXT);
  assert_true(stop && text);
  memset(stop, 'a', LONG);
  strcpy(stop + LONG, "b");
  memset(text, 'a', TEXT);
  const char *const stops[] = {stop, "aab"};
  resq_stream *s = resq_stream_create(stops, 2, NULL);
  resq_text out;
  size_t given = 0;
  uint64_t before = resq_stream_work(s);
  assert_true(before <= 2 * LONG + 8);
  for (size_t at = 0; at < TEXT; at += 4) {
    assert_true(resq_stream_push(s, (resq_text){text + at, 4}, &out, NULL));
    given += out.size;
  }
  assert_int_equal(given, TEXT - LONG);
  assert_true(resq_stream_work(s) - before <= 4 * TEXT);
  resq_stream_destroy(s);
  free(stop);
  free(text);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(philox_known_answers),
      cmocka_unit_test(philox_moments),
      cmocka_unit_test(greedy_takes_the_first_of_equals),
      cmocka_unit_test(repeat_penalty_counts_once),
      cmocka_unit_test(distributions),
      cmocka_unit_test(draws_follow_the_definition),
      cmocka_unit_test(same_seed_same_tokens),
      cmocka_unit_test(bad_options_and_logits),
      cmocka_unit_test(streaming),
      cmocka_unit_test(streaming_is_linear),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
