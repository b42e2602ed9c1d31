//===-- session_test.c - calls, chunks, checks and profiles ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "exec/session_internal.h"
#include "resq/session.h"
#include "tests/unit/fake_program.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static resq_model *open_model(void) {
  resq_message why;
  resq_model *m = resq_model_open(&fake_program, NULL, &why);
  if (!m)
    fail_msg("%s", why.text);
  return m;
}

static resq_session *open_session(resq_model *m, int threads, int64_t sequences, int64_t capacity) {
  resq_message why;
  resq_session_options o = {.threads = threads, .sequences = sequences, .capacity = capacity};
  resq_session *s = resq_session_create(m, &o, &why);
  if (!s)
    fail_msg("%s", why.text);
  return s;
}

enum { n_rows = 41 };
static int32_t tokens[n_rows], positions[n_rows], sequences[n_rows], all[n_rows];

static void fill_rows(void) {
  for (int i = 0; i < n_rows; ++i) {
    tokens[i] = i * 7 % fake_vocabulary;
    positions[i] = i;
    sequences[i] = 0;
    all[i] = i;
  }
}

/// The same numbers at once, in chunks, token by token, on any number of threads.
static void forward_is_chunked(void **state) {
  (void)state;
  fill_rows();
  resq_model *m = open_model();
  static float reference[n_rows * fake_vocabulary], got[n_rows * fake_vocabulary];
  resq_message why;
  for (int threads = 1; threads <= 4; ++threads) {
    resq_session *s = open_session(m, threads, 1, 0);
    assert_int_equal(resq_session_capacity(s), 128); // 100, rounded up
    assert_int_equal(resq_session_vocabulary(s), fake_vocabulary);
    assert_int_equal(resq_session_chunk(s), fake_large);
    assert_string_equal(resq_session_level(s), "generic");
    fake_calls = 0;
    float *out = threads == 1 ? reference : got;
    memset(got, 0, sizeof got);
    assert_true(
        resq_session_forward(s, tokens, positions, sequences, n_rows, all, n_rows, out, &why));
    assert_int_equal(fake_calls, 3); // 16 + 16 + 9
    assert_int_equal(fake_log[2], 9);
    if (threads > 1)
      assert_memory_equal(reference, got, sizeof got);
    memset(got, 0, sizeof got);
    for (int i = 0; i < n_rows; ++i)
      assert_true(resq_session_forward(s, &tokens[i], &positions[i], &sequences[i], 1, all, 1,
                                       got + i * fake_vocabulary, &why));
    assert_memory_equal(reference, got, sizeof got);
    // A few logit rows: before, on and after a chunk's edge, and a chunk without any.
    static const int32_t some[] = {0, 15, 40};
    memset(got, 0, sizeof got);
    assert_true(resq_session_forward(s, tokens, positions, sequences, n_rows, some, 3, got, &why));
    for (int i = 0; i < 3; ++i)
      assert_memory_equal(reference + some[i] * fake_vocabulary, got + i * fake_vocabulary,
                          fake_vocabulary * sizeof(float));
    assert_true(resq_session_forward(s, tokens, positions, sequences, n_rows, NULL, 0, NULL, &why));
    resq_session_destroy(s);
  }
  resq_model_close(m);
}

static void sequences_are_apart(void **state) {
  (void)state;
  fill_rows();
  resq_model *m = open_model();
  resq_session *s = open_session(m, 2, 2, 0);
  float one[fake_vocabulary], two[2 * fake_vocabulary];
  resq_message why;
  int32_t last = 7;
  assert_true(resq_session_forward(s, tokens, positions, sequences, 8, &last, 1, one, &why));
  // The same text in both sequences, interleaved in one batch.
  int32_t t[16], p[16], q[16], rows[2] = {14, 15};
  for (int i = 0; i < 16; ++i) {
    t[i] = tokens[i / 2];
    p[i] = i / 2;
    q[i] = i % 2;
  }
  assert_true(resq_session_forward(s, t, p, q, 16, rows, 2, two, &why));
  assert_memory_equal(one, two, sizeof one);
  assert_memory_equal(one, two + fake_vocabulary, sizeof one);
  resq_session_destroy(s);
  resq_model_close(m);
}

static void refuses_rows(void **state) {
  (void)state;
  fill_rows();
  resq_model *m = open_model();
  resq_session *s = open_session(m, 1, 1, 0);
  float out[3 * fake_vocabulary];
  resq_message why;
  int32_t bad_token = fake_vocabulary, negative = -1, far = 128, rows[2] = {1, 1}, high = 1;
#define REFUSE(expected, ...)                                                                      \
  do {                                                                                             \
    assert_false(resq_session_forward(s, __VA_ARGS__, &why));                                      \
    if (!strstr(why.text, expected))                                                               \
      fail_msg("'%s' does not mention '%s'", why.text, expected);                                  \
  } while (0)
  fake_calls = 0;
  REFUSE("tokens[0] is 300, allowed: 0 to 299", &bad_token, positions, sequences, 1, all, 1, out);
  REFUSE("tokens[0] is -1", &negative, positions, sequences, 1, all, 1, out);
  REFUSE("positions[0] is 128", tokens, &far, sequences, 1, all, 1, out);
  REFUSE("positions[0] is -1", tokens, &negative, sequences, 1, all, 1, out);
  REFUSE("sequences[0] is 1", tokens, positions, &high, 1, all, 1, out);
  REFUSE("logit_rows[0] is 1", tokens, positions, sequences, 1, &high, 1, out);
  REFUSE("ascend", tokens, positions, sequences, 2, rows, 2, out);
  REFUSE("0 rows", tokens, positions, sequences, 0, all, 0, out);
  REFUSE("NULL", tokens, positions, sequences, 1, all, 1, NULL);
  assert_int_equal(fake_calls, 0); // nothing ran
#undef REFUSE
  resq_session_destroy(s);
  resq_model_close(m);
}

/// A cache that keeps recent keys only: rows too far back are refused, before anything ran.
static void refuses_to_go_back_far(void **state) {
  (void)state;
  enum { REWIND = 8 };
  fill_rows();
  const resq_cache caches[] = {{"l0", 4, 0, -1, 32.0}, {"l1", 4, 0, REWIND, 32.0}};
  resq_program program = fake_program;
  program.caches = caches;
  program.n_caches = 2;
  resq_message why;
  resq_model *m = resq_model_open(&program, NULL, &why);
  assert_non_null(m);
  resq_session *s = open_session(m, 1, 2, 0);
#define FORWARD(from, n)                                                                           \
  resq_session_forward(s, tokens, positions + (from), sequences, n, NULL, 0, NULL, &why)
  assert_true(FORWARD(0, 30));
  assert_true(FORWARD(30 - REWIND, 2));
  // Where it was counts, not where it went back to.
  fake_calls = 0;
  assert_false(FORWARD(30 - REWIND - 1, 1));
  assert_int_equal(why.code, RESQ_USAGE);
  assert_string_equal(why.text,
                      "positions[0] is 21: sequence 0 has reached 29 and its cache keeps what it "
                      "takes to go back by up to 8 tokens, or to start again at 0");
  assert_int_equal(fake_calls, 0);
  // The other sequence has a history of its own.
  sequences[0] = 1;
  assert_true(FORWARD(5, 1));
  sequences[0] = 0;
  assert_true(FORWARD(30, 1));
  assert_false(FORWARD(22, 1));
  assert_true(FORWARD(23, 1));
  // A refused call leaves no trace: its first rows started again, and did not.
  int32_t back[] = {0, 1, 30, 12};
  assert_false(resq_session_forward(s, tokens, back, sequences, 4, NULL, 0, NULL, &why));
  assert_non_null(strstr(why.text, "positions[3] is 12: sequence 0 has reached 30"));
  assert_false(FORWARD(22, 1));
  assert_true(FORWARD(23, 1));
  assert_true(FORWARD(0, 4));
  assert_true(FORWARD(1, 1));
  // Any function with such arguments.
  float logits[fake_vocabulary];
  int32_t zero = 0, position = 20;
  void *args[] = {tokens, &position, sequences, &zero, logits};
  int64_t ones[] = {1, 1, 1, 1, 1};
  assert_true(resq_session_call(s, "forward", args, ones, 5, &why));
  position = 12;
  assert_false(resq_session_call(s, "forward", args, ones, 5, &why));
  assert_non_null(strstr(why.text, "@forward: positions[0] is 12: sequence 0 has reached 20"));
#undef FORWARD
  resq_session_destroy(s);
  resq_model_close(m);
}

static void calls_any_function(void **state) {
  (void)state;
  resq_model *m = open_model();
  resq_session *s = open_session(m, 2, 1, 0);
  float x[20 * 3], y[20 * 3];
  for (int i = 0; i < 60; ++i)
    x[i] = (float)i;
  resq_message why;
  void *args[] = {x, y};
  int64_t rows[] = {20, 20};
  fake_calls = 0;
  assert_true(resq_session_call(s, "double", args, rows, 2, &why));
  assert_int_equal(fake_calls, 3);
  for (int i = 0; i < 60; ++i)
    assert_true(y[i] == 2 * x[i]);
  assert_false(resq_session_call(s, "triple", args, rows, 2, &why));
  assert_non_null(strstr(why.text, "@triple"));
  assert_int_equal(why.code, RESQ_USAGE);
  assert_false(resq_session_call(s, "double", args, rows, 1, &why));
  rows[1] = 19;
  assert_false(resq_session_call(s, "double", args, rows, 2, &why));
  rows[0] = -1;
  assert_false(resq_session_call(s, "double", args, rows, 2, &why));
  // Index arguments are checked here too: the caches are out of reach.
  int32_t token = 0, position = 1000, sequence = 0;
  float logits[fake_vocabulary];
  void *forward[] = {&token, &position, &sequence, &sequence, logits};
  int64_t ones[] = {1, 1, 1, 1, 1};
  assert_false(resq_session_call(s, "forward", forward, ones, 5, &why));
  assert_non_null(strstr(why.text, "positions"));
  position = 0;
  assert_true(resq_session_call(s, "forward", forward, ones, 5, &why));
  resq_session_destroy(s);
  resq_model_close(m);
}

static void watch(void *user, int32_t site, const float *x, int64_t rows, int64_t width,
                  int64_t ld) {
  (void)x, (void)width, (void)ld;
  assert_int_equal(site, fake_site);
  *(int64_t *)user += rows;
}

static void observes_and_profiles(void **state) {
  (void)state;
  fill_rows();
  resq_model *m = open_model();
  resq_session *s = open_session(m, 2, 1, 0);
  resq_message why;
  int64_t seen = 0;
  resq_session_observe(s, watch, &seen);
  resq_session_profile(s, true);
  assert_true(resq_session_forward(s, tokens, positions, sequences, n_rows, NULL, 0, NULL, &why));
  assert_int_equal(seen, n_rows);
  resq_session_observe(s, NULL, NULL);
  resq_session_profile(s, false);
  assert_true(resq_session_forward(s, tokens, positions, sequences, 1, NULL, 0, NULL, &why));
  assert_int_equal(seen, n_rows);
  char *text = NULL;
  size_t size;
  FILE *f = open_memstream(&text, &size);
  resq_session_profile_print(s, f);
  fclose(f);
  assert_non_null(strstr(text, "@forward, up to 16 rows, level generic: 3 calls, 41 rows"));
  assert_non_null(strstr(text, "k: kv_append"));
  assert_non_null(strstr(text, "\n  l1 "));
  assert_null(strstr(text, "up to 4 rows")); // not profiled
  assert_int_equal(s->times[s->forward + 1 - s->entries].calls, 3);
  free(text);
  resq_session_destroy(s);
  resq_model_close(m);
}

static void refuses_options(void **state) {
  (void)state;
  resq_model *m = open_model();
  resq_message why;
  const resq_session_options bad[] = {
      {.threads = -1},         {.threads = 100000},
      {.sequences = -1},       {.capacity = -1},
      {.capacity = INT64_MAX}, {.sequences = INT64_MAX},
      {.level = "sse9"},       {.capacity = INT32_MAX / 64 * 64, .sequences = 1 << 20},
  };
  for (size_t i = 0; i < sizeof bad / sizeof bad[0]; ++i) {
    assert_null(resq_session_create(m, &bad[i], &why));
    assert_true(strlen(why.text) > 10);
  }
  assert_int_equal(why.code, RESQ_NO_MEMORY);
  setenv("RESQ_LEVEL", "nonsense", 1);
  assert_null(resq_session_create(m, NULL, &why));
  assert_non_null(strstr(why.text, "nonsense"));
  unsetenv("RESQ_LEVEL");
  resq_model_close(m);
}

static void refuses_programs(void **state) {
  (void)state;
  resq_message why;
  resq_program p = fake_program;
  p.abi_version = 99;
  assert_null(resq_model_open(&p, NULL, &why));
  assert_non_null(strstr(why.text, "99"));
  p = fake_program;
  p.n_entries = 0;
  assert_null(resq_model_open(&p, NULL, &why));
  // Parameters, but a file without a trailer.
  static const resq_param params[] = {{"w", "tensor<4xf32>", 0, 16, 4}};
  p = fake_program;
  p.n_params = 1;
  p.params = params;
  assert_null(resq_model_open(&p, NULL, &why));
  assert_non_null(strstr(why.text, "footer"));
  assert_null(resq_model_open(&fake_program, "/nonexistent/file", &why));
  assert_int_equal(why.code, RESQ_IO);
  resq_entry entries[3];
  memcpy(entries, fake_entries, sizeof entries);
  entries[2].n_args = 2;
  p = fake_program;
  p.entries = entries;
  assert_null(resq_model_open(&p, NULL, &why));
  assert_non_null(strstr(why.text, "other arguments"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forward_is_chunked), cmocka_unit_test(sequences_are_apart),
      cmocka_unit_test(refuses_rows),       cmocka_unit_test(refuses_to_go_back_far),
      cmocka_unit_test(calls_any_function), cmocka_unit_test(observes_and_profiles),
      cmocka_unit_test(refuses_options),    cmocka_unit_test(refuses_programs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
