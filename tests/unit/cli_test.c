//===-- cli_test.c - commands on the fake model ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Each command runs in process with stdout and stderr in files; exit codes, results
// and the clarity of errors are checked.
//===----------------------------------------------------------------------===//
#include "cli/cli.h"
#include "tests/unit/fake_artifact.h"
#include "tests/unit/fake_program.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/resq_cli_test_XXXXXX";
static char artifact[64], out_path[64], err_path[64], file_path[64];
static char out_text[1 << 16], err_text[1 << 16];

static void read_back(const char *path, char *text, size_t size) {
  FILE *f = fopen(path, "rb");
  assert_non_null(f);
  size_t n = fread(text, 1, size - 1, f);
  text[n] = 0;
  fclose(f);
}

static int redirect(int fd, const char *path) {
  int saved = dup(fd);
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  dup2(fileno(f), fd);
  fclose(f);
  return saved;
}

static void restore(int fd, int saved) {
  dup2(saved, fd);
  close(saved);
}

/// Runs "model WORD WORD ..." (up to a NULL); returns the exit code.
static int cli(const char *path, const char *first, ...) {
  char *argv[32] = {(char *)(uintptr_t)"model"};
  int argc = 1;
  va_list args;
  va_start(args, first);
  for (const char *word = first; word; word = va_arg(args, const char *))
    argv[argc++] = (char *)(uintptr_t)word;
  va_end(args);
  fflush(NULL);
  int out = redirect(1, out_path), err = redirect(2, err_path);
  int code = resq_cli_main(&fake_program, path, argc, argv);
  fflush(NULL);
  restore(1, out);
  restore(2, err);
  read_back(out_path, out_text, sizeof out_text);
  read_back(err_path, err_text, sizeof err_text);
  return code;
}

#define RUN(...) cli(artifact, __VA_ARGS__, NULL)
#define EXPECT(code, ...)                                                                          \
  do {                                                                                             \
    int got_code = RUN(__VA_ARGS__);                                                               \
    if (got_code != (code))                                                                        \
      fail_msg("exit code %d, stderr: %s", got_code, err_text);                                    \
  } while (0)
#define EXPECT_ERROR(code, text, ...)                                                              \
  do {                                                                                             \
    EXPECT(code, __VA_ARGS__);                                                                     \
    assert_string_equal(out_text, "");                                                             \
    if (!strstr(err_text, text))                                                                   \
      fail_msg("'%s' does not mention '%s'", err_text, text);                                      \
  } while (0)

static void write_file(const char *text) {
  FILE *f = fopen(file_path, "wb");
  assert_non_null(f);
  fputs(text, f);
  fclose(f);
}

static int make_folder(void **state) {
  (void)state;
  if (!mkdtemp(folder))
    return 1;
  snprintf(artifact, sizeof artifact, "%s/artifact", folder);
  snprintf(out_path, sizeof out_path, "%s/out", folder);
  snprintf(err_path, sizeof err_path, "%s/err", folder);
  snprintf(file_path, sizeof file_path, "%s/file", folder);
  resq_error err = {0};
  if (fake_artifact_write(artifact, 0, &err))
    return 0;
  fprintf(stderr, "%s\n", err.message);
  return 1;
}

static int remove_folder(void **state) {
  (void)state;
  unlink(artifact);
  unlink(out_path);
  unlink(err_path);
  unlink(file_path);
  return rmdir(folder);
}

static void help_and_version(void **state) {
  (void)state;
  EXPECT(0, "--help");
  assert_non_null(strstr(out_text, "perplexity"));
  EXPECT(0, "--version");
  assert_non_null(strstr(out_text, RESQ_VERSION));
  EXPECT(0, "--licenses");
  static const char *const linked_in[] = {"PCRE2", "utf8proc", "xxHash", "Jansson"};
  for (int i = 0; i < 4; ++i)
    assert_non_null(strstr(out_text, linked_in[i]));
  static const char *const commands[] = {"generate", "perplexity", "logits",
                                         "tokenize", "bench",      "info"};
  for (int i = 0; i < 6; ++i) {
    EXPECT(0, commands[i], "--help");
    assert_non_null(strstr(out_text, commands[i]));
    assert_non_null(strstr(out_text, "--help"));
  }
  assert_int_equal(cli(artifact, NULL), RESQ_USAGE);
  assert_non_null(strstr(err_text, "usage"));
}

static void refuses_command_lines(void **state) {
  (void)state;
  EXPECT_ERROR(RESQ_USAGE, "no command 'dance'", "dance");
  EXPECT_ERROR(RESQ_USAGE, "--nonsense", "generate", "--nonsense");
  EXPECT_ERROR(RESQ_USAGE, "no value after '-p'", "generate", "-p");
  EXPECT_ERROR(RESQ_USAGE, "unexpected argument 'x'", "bench", "x");
  EXPECT_ERROR(RESQ_USAGE, "FILE is missing", "perplexity");
  EXPECT_ERROR(RESQ_USAGE, "--w'", "perplexity", "--w", "5", "x"); // ambiguous with --windows
  static const char *const junk[] = {
      "", "x", "1x", "0x10", "1e9", "-1", " 1", "+1", "1.5", "99999999999999999999", "1,5"};
  for (size_t i = 0; i < sizeof junk / sizeof junk[0]; ++i)
    EXPECT_ERROR(RESQ_USAGE, "--threads", "bench", "--threads", junk[i]);
  static const char *const reals[] = {"", "x", "nan", "inf", "0x1p3", "-0.5", "1e999", "1,5"};
  for (size_t i = 0; i < sizeof reals / sizeof reals[0]; ++i)
    EXPECT_ERROR(RESQ_USAGE, "--temperature", "generate", "-p", "a", "--temperature", reals[i]);
  EXPECT_ERROR(RESQ_USAGE, "sse9", "bench", "--level=sse9");
}

/// The case "named option": the word that is wrong is the one that is named.
static void named_option(void **state) {
  (void)state;
  EXPECT_ERROR(RESQ_USAGE, "option '-fa'", "generate", "-p", "hi", "-fa");
  EXPECT_ERROR(RESQ_USAGE, "option '-fa'", "generate", "-fa", "-p", "hi");
  EXPECT_ERROR(RESQ_USAGE, "option '-ngl'", "generate", "-p", "hi", "-ngl", "99");
  EXPECT_ERROR(RESQ_USAGE, "option '-z5'", "generate", "-z5", "-p", "hi");
  EXPECT_ERROR(RESQ_USAGE, "option '--nope=3'", "generate", "--raw", "--nope=3", "-p", "hi");
  EXPECT_ERROR(RESQ_USAGE, "option '--raw=yes'", "generate", "-p", "hi", "--raw=yes");
  EXPECT_ERROR(RESQ_USAGE, "no value after '--temp'", "generate", "-p", "hi", "--temp");
  EXPECT_ERROR(RESQ_USAGE, "--seed: '-3'", "generate", "-p", "hi", "--seed", "-3");
  EXPECT_ERROR(RESQ_USAGE, "--tokens: '-2'", "generate", "-p", "hi", "-n", "-2");
  EXPECT_ERROR(RESQ_USAGE, "unexpected argument 'two'", "generate", "one", "two");
}

/// Words that llama.cpp's users type.
static void aliases(void **state) {
  (void)state;
  static char expected[sizeof out_text];
  write_file("abc");
  EXPECT(0, "generate", "--raw", "-p", "abc", "--tokens", "6", "--temperature", "0", "--context",
         "64", "--ids");
  memcpy(expected, out_text, sizeof expected);
  EXPECT(0, "generate", "--raw", "-f", file_path, "--n-predict", "6", "--temp", "0", "--ctx-size",
         "64", "--ids");
  assert_string_equal(out_text, expected);
  EXPECT(0, "generate", "--raw", "-n6", "-temp", "0", "-c", "64", "--ids", file_path);
  assert_string_equal(out_text, expected);
  EXPECT(0, "generate", "-sys", "b", "-p", "abc", "-n", "-1", "-c", "32", "--greedy");
  EXPECT_ERROR(RESQ_USAGE, "either -p TEXT or FILE", "generate", "-f", file_path, "-p", "abc");
}

/// The cases "beyond the trained context" and "context 2"; the fake model was trained for 100.
static void context_is_what_was_asked_for(void **state) {
  (void)state;
  EXPECT(0, "generate", "--raw", "-p", "a", "-c", "200", "-n", "1");
  assert_non_null(strstr(err_text, "200 tokens, but the model was trained for 100"));
  EXPECT(0, "generate", "--raw", "-p", "a", "-c", "100", "-n", "1");
  assert_null(strstr(err_text, "trained"));
  EXPECT(0, "generate", "--raw", "-p", "a", "-n", "1");
  assert_null(strstr(err_text, "trained"));
  EXPECT(0, "generate", "--raw", "-p", "a", "-c", "2", "--ids", "--min-p", "0", "--top-k", "0",
         "--top-p", "1", "-T", "1e6");
  assert_non_null(strstr(err_text, "context of 2 tokens is full"));
  int lines = 0;
  for (const char *c = out_text; *c; ++c)
    lines += *c == '\n';
  assert_in_range(lines, 1, 3); // one more than the context holds is known, and a last line
  EXPECT_ERROR(RESQ_USAGE, "the context holds 2", "generate", "--raw", "-p", "qrs", "-c", "2");
}

static void seeds(void **state) {
  (void)state;
  static char first[sizeof out_text];
  EXPECT(0, "generate", "--raw", "-p", "abc", "-n", "9", "--ids", "-T", "1e6", "--seed", "random");
  long long seed;
  memcpy(first, out_text, sizeof first);
  assert_int_equal(sscanf(err_text, "seed %lld", &seed), 1);
  char text[32];
  snprintf(text, sizeof text, "%lld", seed);
  EXPECT(0, "generate", "--raw", "-p", "abc", "-n", "9", "--ids", "-T", "1e6", "--seed", text);
  assert_string_equal(first, out_text);
  assert_null(strstr(err_text, "seed"));
  EXPECT_ERROR(RESQ_USAGE, "--greedy", "generate", "-p", "a", "--greedy", "--temp", "0.5");
  EXPECT_ERROR(RESQ_USAGE, "--greedy", "generate", "-p", "a", "--greedy", "--seed", "random");
}

static void tokenizes(void **state) {
  (void)state;
  EXPECT(0, "tokenize", "-p", "abab c", "--ids-only");
  assert_string_equal(out_text, "257\n32\n99\n");
  EXPECT(0, "tokenize", "-p", "a\"\n");
  assert_string_equal(out_text, "97\t\"a\"\n34\t\"\\\"\"\n10\t\"\\n\"\n");
  EXPECT(0, "tokenize", "-p", "<end>", "--special", "--ids-only");
  assert_string_equal(out_text, "259\n");
  write_file("abz");
  EXPECT(0, "tokenize", file_path);
  assert_string_equal(out_text, "256\t\"ab\"\n122\t\"z\"\n");
  EXPECT_ERROR(RESQ_USAGE, "either", "tokenize");
  EXPECT_ERROR(RESQ_IO, "/nonexistent", "tokenize", "/nonexistent");
  EXPECT(0, "tokenize", "-p", "ab", "-o", file_path);
  FILE *f = fopen(file_path, "rb");
  uint8_t bytes[8];
  assert_int_equal(fread(bytes, 1, 8, f), 4);
  fclose(f);
  assert_memory_equal(bytes, "\0\1\0\0", 4);
}

static void gives_logits(void **state) {
  (void)state;
  EXPECT(0, "logits", "-p", "abcdefghijklmnopqrstuvwxyz", "--top", "3");
  static char last[sizeof out_text];
  memcpy(last, out_text, sizeof last);
  assert_int_equal(strncmp(last, "24\t", 3), 0); // "ab" is one token of 25
  EXPECT(0, "logits", "-p", "abcdefghijklmnopqrstuvwxyz", "--top", "3", "--all");
  assert_non_null(strstr(out_text, last));
  EXPECT(0, "logits", "-p", "abcdefghijklmnopqrstuvwxyz", "--all", "-o", file_path, "-t", "2");
  FILE *f = fopen(file_path, "rb");
  fseek(f, 0, SEEK_END);
  assert_int_equal(ftell(f), 25 * fake_vocabulary * 4);
  fclose(f);
  EXPECT_ERROR(RESQ_USAGE, "no tokens", "logits", "-p", "");
  write_file("abc");
  EXPECT_ERROR(RESQ_BAD_INPUT, "4 bytes each", "logits", "--ids", file_path);
  write_file("abcd");
  EXPECT_ERROR(RESQ_USAGE, "tokens[0]", "logits", "--ids", file_path);
}

/// The same loss by the definition, from the numbers that `logits` writes.
static void measures_perplexity(void **state) {
  (void)state;
  enum { window = 20 };
  const char *text = "qwertyuiopasdfghjklxcvbnmqwertyuiopasdfghjkl<rest>";
  write_file(text);
  EXPECT(0, "perplexity", file_path, "--window", "20", "-t", "2");
  assert_non_null(strstr(out_text, "(2 windows of 20 tokens, 38 predictions"));
  double sum = 0;
  for (int w = 0; w < 2; ++w) {
    char part[window + 1] = "";
    memcpy(part, text + w * window, window);
    EXPECT(0, "logits", "-p", part, "--all", "-o", file_path);
    static float rows[window][fake_vocabulary];
    FILE *f = fopen(file_path, "rb");
    assert_int_equal(fread(rows, sizeof rows[0], window, f), window);
    fclose(f);
    for (int i = 0; i + 1 < window; ++i) {
      double most = -INFINITY, total = 0;
      for (int v = 0; v < fake_vocabulary; ++v)
        most = fmax(most, (double)rows[i][v]);
      for (int v = 0; v < fake_vocabulary; ++v)
        total += exp((double)rows[i][v] - most);
      sum += most + log(total) - (double)rows[i][(uint8_t)part[i + 1]];
    }
  }
  double expected = sum / 38, printed = 0;
  write_file(text);
  EXPECT(0, "perplexity", file_path, "--window", "20", "-t", "1");
  assert_int_equal(sscanf(strstr(out_text, "mean"), "mean loss %lf", &printed), 1);
  assert_true(fabs(printed - expected) < 1e-5 * expected);
  EXPECT(0, "perplexity", file_path, "--window", "20", "--windows", "1");
  assert_non_null(strstr(out_text, "(1 windows"));
  EXPECT_ERROR(RESQ_BAD_INPUT, "at least one", "perplexity", file_path, "--window", "64");
  EXPECT(0, "perplexity", file_path, "--window", "20", "--json");
  assert_non_null(strstr(out_text, "\"predictions\": 38"));
  assert_null(strstr(out_text, "reference"));
  EXPECT(0, "perplexity", file_path, "--window", "20", "--windows", "1", "--json");
  assert_non_null(strstr(out_text, "\"window_error\": null"));
  EXPECT_ERROR(RESQ_IO, "--reference=/nonexistent: cannot be started", "perplexity", file_path,
               "--window", "20", "--reference=/nonexistent");
  EXPECT_ERROR(RESQ_USAGE, "--serve takes its input", "logits", "--serve", "-p", "a");
}

/// Exponentials of the fast path against libm, and what is not a number stays so.
static void losses_are_exact(void **state) {
  (void)state;
  enum { n = 1003 };
  static float row[n];
  for (int scale = 1; scale <= 40; scale += 13) {
    double total = 0, most = -INFINITY;
    for (int i = 0; i < n; ++i) {
      row[i] = (float)scale * sinf((float)i * 1.7f) - 3.0f;
      most = fmax(most, (double)row[i]);
    }
    for (int i = 0; i < n; ++i)
      total += exp((double)row[i] - most);
    double expected = most + log(total) - (double)row[17];
    assert_true(fabs(resq_row_loss(row, n, 17) - expected) < 1e-6);
  }
  row[0] = NAN;
  assert_true(isnan(resq_row_loss(row, n, 17)));
  row[0] = 0;
  row[500] = NAN;
  assert_true(isnan(resq_row_loss(row, n, 17)));
  row[500] = INFINITY;
  assert_false(isfinite(resq_row_loss(row, n, 17)));
}

static void benches(void **state) {
  (void)state;
  EXPECT(0, "bench", "--prefill", "32", "--decode", "4", "--depth", "10", "--repeat", "3");
  assert_non_null(strstr(out_text, "prefill"));
  assert_non_null(strstr(out_text, "median"));
  EXPECT(0, "bench", "--prefill", "32", "--decode", "4", "--repeat", "2", "--json", "--profile");
  assert_non_null(strstr(out_text, "\"median\""));
  assert_non_null(strstr(err_text, "kv_append"));
  assert_non_null(strstr(err_text, "4 calls, 64 rows")); // 2 runs of 2 chunks of 16
}

static void informs(void **state) {
  (void)state;
  EXPECT(0, "info", "--verify");
  assert_non_null(strstr(out_text, "fake-1M"));
  assert_non_null(strstr(err_text, "match"));
  EXPECT(0, "info", "--json", "--params");
  assert_non_null(strstr(out_text, "\"bytes_per_token\": 4"));
  assert_non_null(strstr(out_text, "\"level\": \"generic\""));
}

static void generates(void **state) {
  (void)state;
  EXPECT(0, "generate", "--raw", "-p", "abc", "-n", "12", "--ids", "-t", "1");
  static char first[sizeof out_text], text[sizeof out_text];
  memcpy(first, out_text, sizeof first);
  int lines = 0;
  for (const char *c = first; *c; ++c)
    lines += *c == '\n';
  assert_in_range(lines, 1, 12);
  EXPECT(0, "generate", "--raw", "-p", "abc", "-n", "12", "--ids", "-t", "3");
  assert_string_equal(first, out_text);
  EXPECT(0, "generate", "--raw", "-p", "abc", "-n", "12", "--stats");
  memcpy(text, out_text, sizeof text);
  assert_non_null(strstr(err_text, "prompt 2 tokens")); // "ab", "c"
  write_file("abc");
  EXPECT(0, "generate", "--raw", file_path, "-n", "12");
  assert_string_equal(text, out_text);
  // The chat template changes the prompt; it is used unless --raw is given.
  EXPECT(0, "generate", "-p", "abc", "-n", "1", "--stats");
  assert_non_null(strstr(err_text, "prompt 10 tokens")); // <bos> u s e r : ab c <end> ab
}

static void generates_at_random(void **state) {
  (void)state;
#define DRAW(seed)                                                                                 \
  EXPECT(0, "generate", "--raw", "-p", "abc", "-n", "9", "--ids", "-T", "1e6", "-s", seed)
  static char first[sizeof out_text];
  DRAW("7");
  memcpy(first, out_text, sizeof first);
  DRAW("7");
  assert_string_equal(first, out_text);
  DRAW("8");
  assert_string_not_equal(first, out_text);
#undef DRAW
}

static void generation_ends(void **state) {
  (void)state;
  // Full context: a note, not an error. Stop texts end before themselves.
  EXPECT(0, "generate", "--raw", "-p", "abc", "--context", "64", "--ids", "--min-p", "1e-9", "-T",
         "1e6", "-s", "1");
  assert_non_null(strstr(err_text, "context of 64 tokens is full"));
  EXPECT(0, "generate", "--raw", "-p", "abc", "-n", "20", "-T", "1e6");
  assert_true(strlen(out_text) > 3);
  char stop[2] = {out_text[2], 0};
  if (out_text[0] != stop[0] && out_text[1] != stop[0] && stop[0] > 32 && stop[0] < 127) {
    char expected[4] = {out_text[0], out_text[1], '\n', 0};
    EXPECT(0, "generate", "--raw", "-p", "abc", "-n", "20", "-T", "1e6", "--stop", stop);
    assert_string_equal(out_text, expected);
  }
  char long_prompt[200];
  memset(long_prompt, 'q', sizeof long_prompt - 1);
  long_prompt[sizeof long_prompt - 1] = 0;
  EXPECT_ERROR(RESQ_USAGE, "199 tokens, the context holds 100", "generate", "--raw", "-p",
               long_prompt);
  EXPECT_ERROR(RESQ_USAGE, "empty", "generate", "--raw", "-p", "");
  EXPECT_ERROR(RESQ_USAGE, "--raw excludes", "generate", "--raw", "-p", "a", "--system", "b");
  EXPECT_ERROR(RESQ_USAGE, "stop", "generate", "--raw", "-p", "a", "--stop", "");
  EXPECT_ERROR(RESQ_USAGE, "top-p", "generate", "--raw", "-p", "a", "--top-p", "0");
}

static void says_what_is_missing(void **state) {
  (void)state;
  resq_error err = {0};
  char bare[64];
  snprintf(bare, sizeof bare, "%s/bare", folder);
  assert_true(fake_artifact_write(bare, 1u << (RESQ_SECTION_TOKENIZER - 1), &err));
  assert_int_equal(cli(bare, "generate", "-p", "x", NULL), RESQ_USAGE);
  assert_non_null(strstr(err_text, "without a tokenizer"));
  assert_int_equal(cli(bare, "bench", "--prefill", "4", "--decode", "1", NULL), 0);
  assert_int_equal(truncate(bare, 5000), 0);
  assert_int_equal(cli(bare, "info", "--json", NULL),
                   0); // the fake program has no parameters to miss
  unlink(bare);
  assert_int_equal(cli(bare, "info", NULL), RESQ_IO);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(help_and_version),
      cmocka_unit_test(refuses_command_lines),
      cmocka_unit_test(named_option),
      cmocka_unit_test(aliases),
      cmocka_unit_test(context_is_what_was_asked_for),
      cmocka_unit_test(seeds),
      cmocka_unit_test(tokenizes),
      cmocka_unit_test(gives_logits),
      cmocka_unit_test(losses_are_exact),
      cmocka_unit_test(measures_perplexity),
      cmocka_unit_test(benches),
      cmocka_unit_test(informs),
      cmocka_unit_test(generates),
      cmocka_unit_test(generates_at_random),
      cmocka_unit_test(generation_ends),
      cmocka_unit_test(says_what_is_missing),
  };
  return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
