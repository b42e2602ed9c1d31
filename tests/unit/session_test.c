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
  enum { REWIND = 15 }; // an entry of 16 rows: none of them is too far behind the last
  fill_rows();
  // Two caches of which one is limited: what its keys allow counts.
  const resq_cache caches[] = {{"l0", 4, 0, -1, 32.0}, {"l1", 4, 0, REWIND, 32.0}};
  const resq_cache_use uses[] = {{0, 1, 2, 1}, {0, 1, 2, 0}, {1, 1, 2, 1}, {1, 1, 2, 0}};
  resq_entry entries[3];
  memcpy(entries, fake_entries, sizeof entries);
  for (int i = 0; i < 3; i += 2) {
    entries[i].uses = uses;
    entries[i].n_uses = 4;
  }
  resq_program program = fake_program;
  program.entries = entries;
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
  assert_string_equal(
      why.text, "@forward: positions[0] is 14: sequence 0 has reached 29 and its cache keeps what "
                "it takes to go back by up to 15 tokens, or to start again at 0");
  assert_int_equal(fake_calls, 0);
  // The other sequence has a history of its own.
  sequences[0] = 1;
  assert_true(FORWARD(0, 1));
  sequences[0] = 0;
  assert_true(FORWARD(17, 14));
  assert_false(FORWARD(15, 1));
  assert_true(FORWARD(16, 1));
  // A refused call leaves no trace: its first rows started again, and did not.
  int32_t back[] = {0, 1, 2, 30};
  assert_false(resq_session_forward(s, tokens, back, sequences, 4, NULL, 0, NULL, &why));
  assert_non_null(strstr(why.text, "positions[3] is 30 after 2"));
  assert_false(FORWARD(15, 1));
  assert_true(FORWARD(16, 1));
  assert_true(FORWARD(0, 4));
  assert_true(FORWARD(1, 20));
  // Any function with such arguments.
  float logits[fake_vocabulary];
  int32_t zero = 0, position = 20;
  void *args[] = {tokens, &position, sequences, &zero, logits};
  int64_t ones[] = {1, 1, 1, 1, 1};
  assert_true(resq_session_call(s, "forward", args, ones, 5, &why));
  position = 6;
  assert_true(resq_session_call(s, "forward", args, ones, 5, &why));
  position = 5;
  assert_false(resq_session_call(s, "forward", args, ones, 5, &why));
  assert_non_null(strstr(why.text, "@forward: positions[0] is 5: sequence 0 has reached 20"));
#undef FORWARD
  resq_session_destroy(s);
  resq_model_close(m);
}

/// Row *a gap* of the cases: attention would read slots that nobody wrote.
static void refuses_a_gap(void **state) {
  (void)state;
  fill_rows();
  resq_model *m = open_model();
  resq_session *s = open_session(m, 1, 2, 0);
  resq_message why;
  int32_t at = 50;
#define FORWARD(positions, n)                                                                      \
  resq_session_forward(s, tokens, positions, sequences, n, NULL, 0, NULL, &why)
  fake_calls = 0;
  assert_false(FORWARD(&at, 1));
  assert_int_equal(why.code, RESQ_USAGE);
  assert_string_equal(why.text,
                      "@forward: positions[0] is 50: sequence 0 holds 0 tokens in cache 'l0', so "
                      "its next row is that or one before it");
  // By resq_session_call as well.
  float logits[fake_vocabulary];
  int32_t zero = 0;
  void *args[] = {tokens, &at, sequences, &zero, logits};
  assert_false(resq_session_call(s, "forward", args, (int64_t[]){1, 1, 1, 1, 1}, 5, &why));
  assert_int_equal(fake_calls, 0);
  assert_true(FORWARD(positions, n_rows)); // three chunks: checked as one call
  assert_true(FORWARD(positions + n_rows - 1, 1));
  at = n_rows + 1;
  assert_false(FORWARD(&at, 1));
  // Back, and on from there: what stood behind belongs to another text.
  assert_true(FORWARD(positions + 5, 3));
  assert_false(FORWARD(positions + 20, 1));
  assert_true(FORWARD(positions + 8, 4));
  // A gap, a step back and a row twice within a call; in its second chunk, too.
  int32_t broken[n_rows];
  static const struct {
    int at, value;
  } breaks[] = {{1, 2}, {2, 0}, {3, 2}, {20, 25}, {20, 19}};
  for (size_t i = 0; i < sizeof breaks / sizeof *breaks; ++i) {
    memcpy(broken, positions, sizeof broken);
    broken[breaks[i].at] = breaks[i].value;
    fake_calls = 0;
    assert_false(FORWARD(broken, n_rows));
    assert_int_equal(fake_calls, 0);
  }
  assert_true(FORWARD(positions + 12, 1)); // as if they had not been asked for
  // Each sequence by itself.
  for (int i = 0; i < 10; ++i) {
    sequences[i] = i % 2;
    broken[i] = i % 2 ? i / 2 : 13 + i / 2;
  }
  assert_true(FORWARD(broken, 10));
#undef FORWARD
  resq_session_destroy(s);
  resq_model_close(m);
}

/// A function that reads a cache which another one writes.
static void refuses_to_read_the_unwritten(void **state) {
  (void)state;
  const resq_cache caches[] = {{"a", 4, 0, -1, 32.0}, {"b", 4, 0, -1, 32.0}};
  const resq_cache_use writes[] = {{0, 1, 2, 1}}, reads[] = {{1, 1, 2, 0}}, both[] = {{1, 1, 2, 1}};
  resq_entry entries[3];
  for (int i = 0; i < 3; ++i)
    entries[i] = fake_entries[0];
  entries[0].function = "write_a", entries[0].uses = writes, entries[0].n_uses = 1;
  entries[1].function = "read_b", entries[1].uses = reads, entries[1].n_uses = 1;
  entries[2].function = "write_b", entries[2].uses = both, entries[2].n_uses = 1;
  resq_program program = fake_program;
  program.entries = entries;
  program.caches = caches;
  program.n_caches = 2;
  resq_message why;
  resq_model *m = resq_model_open(&program, NULL, &why);
  assert_non_null(m);
  resq_session *s = open_session(m, 1, 1, 0);
  float logits[fake_vocabulary];
  int32_t zero = 0, position = 0;
  void *args[] = {&zero, &position, &zero, &zero, logits};
  const int64_t ones[] = {1, 1, 1, 1, 1};
#define CALL(function) resq_session_call(s, function, args, ones, 5, &why)
  assert_true(CALL("write_a"));
  assert_false(CALL("read_b"));
  assert_non_null(
      strstr(why.text, "holds 0 tokens in cache 'b', so nobody wrote what would be read there"));
  assert_true(CALL("write_b"));
  assert_true(CALL("read_b"));
  position = 1;
  assert_false(CALL("read_b"));
#undef CALL
  resq_session_destroy(s);
  resq_model_close(m);
}

/// Rows, lists and addresses that no call can have.
static void refuses_arguments(void **state) {
  (void)state;
  resq_model *m = open_model();
  resq_session *s = open_session(m, 1, 1, 0);
  float x[40 * 3] = {0}, y[40 * 3];
  resq_message why;
  void *const good[] = {x, y}, *const no_x[] = {NULL, y}, *const no_y[] = {x, NULL};
  void *const in_place[] = {x, x}, *const overlapping[] = {x, x + 3}, *const apart[] = {x, x + 6};
  void *const odd[] = {(uint8_t *)x + 1, y};
  const int64_t two[] = {2, 2}, none[] = {0, 0}, fewer[] = {2, 1}, more[] = {1, 2},
                below[] = {-1, -1};
  const int64_t huge[] = {INT64_MAX / 4, INT64_MAX / 4};
  const struct {
    void *const *args;
    const int64_t *rows;
    int n;
    const char *expected; ///< NULL: runs
  } calls[] = {
      {good, two, 2, NULL},
      {no_x, none, 2, NULL},
      {apart, two, 2, NULL},
      {good, two, 1, "takes 2 arguments and results, 1 given"},
      {good, two, 3, "3 given"},
      {good, two, -1, "-1 given"},
      {NULL, two, 2, "the list of arguments is NULL"},
      {good, NULL, 2, "the list of rows is NULL"},
      {no_x, two, 2, "argument 'x' is NULL"},
      {no_y, two, 2, "argument 'y' is NULL"},
      {good, fewer, 2, "argument 'y' has 1 rows, expected 2, as many as 'x' has"},
      {good, more, 2, "argument 'y' has 2 rows, expected 1"},
      {good, below, 2, "argument 'x' has -1 rows"},
      {good, huge, 2, "more than memory can hold"},
      {in_place, two, 2, "the memory of result 'y' overlaps that of 'x'"},
      {overlapping, two, 2, "overlaps"},
      {odd, two, 2, "no multiple of 4"},
  };
  for (size_t i = 0; i < sizeof calls / sizeof *calls; ++i) {
    fake_calls = 0;
    bool ok = resq_session_call(s, "double", calls[i].args, calls[i].rows, calls[i].n, &why);
    assert_int_equal(ok, !calls[i].expected);
    if (ok)
      continue;
    assert_int_equal(fake_calls, 0);
    assert_int_equal(why.code, RESQ_USAGE);
    if (!strstr(why.text, calls[i].expected))
      fail_msg("'%s' does not mention '%s'", why.text, calls[i].expected);
  }
  assert_false(resq_session_call(NULL, "double", good, two, 2, &why));
  assert_false(resq_session_call(s, NULL, good, two, 2, &why));
  assert_false(resq_session_call(s, "double", good, fewer, 2, NULL)); // nobody wants to know why
  assert_false(resq_session_forward(NULL, NULL, NULL, NULL, 1, NULL, 0, NULL, &why));
  assert_false(resq_session_forward(s, NULL, positions, sequences, 1, NULL, 0, NULL, &why));
  assert_non_null(strstr(why.text, "'tokens' is NULL"));
  assert_null(resq_session_create(NULL, NULL, &why));
  assert_null(resq_model_open(NULL, NULL, &why));
  resq_session_destroy(s);
  resq_model_close(m);
}

/// A program whose facts do not hold together is refused when it is opened.
static void refuses_facts(void **state) {
  (void)state;
  resq_message why;
  const resq_index_rule unknown[] = {{9, 0, 0}}, no_argument[] = {{RESQ_RULE_ROW, 7, 0}};
  const resq_cache_use no_cache[] = {{1, 1, 2, 1}}, no_ids[] = {{0, 4, 2, 1}},
                       unbounded[] = {{0, 0, 2, 1}}, apart[] = {{0, 1, 3, 1}};
  const resq_cache_use *const uses[] = {no_cache, no_ids, unbounded, apart};
  for (int i = 0; i < 8; ++i) {
    resq_arg args[5];
    memcpy(args, fake_forward_args, sizeof args);
    resq_entry entry = fake_entries[0];
    entry.args = args;
    if (i < 4) {
      entry.uses = uses[i];
      entry.n_uses = 1;
    } else if (i == 4) {
      args[0].rules = unknown;
    } else if (i == 5) {
      args[0].rules = no_argument;
    } else if (i == 6) {
      args[1].rows_as = 3; // one behind it
    } else {
      args[4].rules = fake_row_rules; // of floats
      args[4].n_rules = 1;
    }
    resq_program p = fake_program;
    p.entries = &entry;
    p.n_entries = 1;
    assert_null(resq_model_open(&p, NULL, &why));
    assert_int_equal(why.code, RESQ_BAD_INPUT);
    assert_non_null(strstr(why.text, "malformed"));
  }
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
  assert_non_null(strstr(why.text, "compiled model"));
  assert_null(resq_model_open(&fake_program, "/nonexistent/file", &why));
  assert_int_equal(why.code, RESQ_IO);
  resq_entry entries[3];
  memcpy(entries, fake_entries, sizeof entries);
  entries[2].args = fake_double_args;
  entries[2].n_args = 2;
  entries[2].n_uses = 0;
  p = fake_program;
  p.entries = entries;
  assert_null(resq_model_open(&p, NULL, &why));
  assert_non_null(strstr(why.text, "other arguments"));
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(forward_is_chunked), cmocka_unit_test(sequences_are_apart),
      cmocka_unit_test(refuses_rows),       cmocka_unit_test(refuses_to_go_back_far),
      cmocka_unit_test(refuses_a_gap),      cmocka_unit_test(refuses_to_read_the_unwritten),
      cmocka_unit_test(refuses_arguments),  cmocka_unit_test(refuses_facts),
      cmocka_unit_test(calls_any_function), cmocka_unit_test(observes_and_profiles),
      cmocka_unit_test(refuses_options),    cmocka_unit_test(refuses_programs),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
