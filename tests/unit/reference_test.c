//===-- reference_test.c - a second process that answers, or doesn't ------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// This executable is the model and the reference: with arguments it is the fake program's command
// line. Bad references are shell scripts around it. After each case no child may be left.
//===----------------------------------------------------------------------===//
#include "cli/cli.h"
#include "cli/logits_stream.h"
#include "cli/reference.h"
#include "exec/session_internal.h"
#include "tests/unit/fake_artifact.h"
#include "tests/unit/fake_program.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/resq_reference_test_XXXXXX";
static char self[4096], script[64], artifact[64];
static resq_model_context model;

static int set_up(void **state) {
  (void)state;
  signal(SIGPIPE, SIG_IGN);
  ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
  if (n < 0 || !mkdtemp(folder))
    return 1;
  self[n] = 0;
  snprintf(script, sizeof script, "%s/script", folder);
  snprintf(artifact, sizeof artifact, "%s/artifact", folder);
  setenv("RESQ_FAKE_ARTIFACT", artifact, 1);
  resq_error err = {0};
  const resq_cli cli = {&fake_program, artifact, "model"};
  const resq_run_options options = {.threads = 1};
  return !(fake_artifact_write(artifact, 0, &err) && resq_model_context_open(&model, &cli, &err) &&
           resq_model_context_start(&model, &options, 64, &err));
}

static int tear_down(void **state) {
  (void)state;
  resq_model_context_close(&model);
  unlink(script);
  unlink(artifact);
  return rmdir(folder);
}

/// A shell script; $self in it is this executable.
static const char *write_script(const char *text) {
  FILE *f = fopen(script, "wb");
  assert_non_null(f);
  fprintf(f, "#!/bin/sh\nself='%s'\n%s\n", self, text);
  fclose(f);
  assert_int_equal(chmod(script, 0755), 0);
  return script;
}

static void expect_no_children(void) {
  assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
  assert_int_equal(errno, ECHILD);
}

static const int32_t ids[40] = {5, 1, 200, 7, 8, 9};

static const resq_reference_options one_thread = {.capacity = 64, .threads = 1};
static const resq_reference_options two_threads = {.capacity = 64, .threads = 2};

static void same_logits(void **state) {
  (void)state;
  resq_error err = {0};
  static float ours[40 * fake_vocabulary], theirs[40 * fake_vocabulary];
  resq_reference *r = resq_reference_open(self, &model, &two_threads, &err);
  if (!r)
    fail_msg("%s", err.message);
  for (int window = 0; window < 3; ++window)
    for (int first = 0; first < 40; first += 20) {
      assert_true(resq_model_context_forward(&model, ids + first, first, 20, 20, ours, &err));
      assert_true(resq_reference_forward(r, ids + first, first, 20, theirs, &err));
      assert_memory_equal(ours, theirs, 20 * fake_vocabulary * sizeof *ours);
    }
  // What the child refuses ends it; its own words are in the error.
  assert_false(resq_reference_forward(r, ids, 50, 20, theirs, &err));
  assert_non_null(strstr(err.message, "in the middle of the text"));
  assert_non_null(strstr(err.message, "the cache holds 64"));
  resq_reference_close(r);
  expect_no_children();
}

static void expect_refused(const char *path, const char *what, const char *why) {
  resq_error err = {0};
  if (resq_reference_open(path, &model, &one_thread, &err))
    fail_msg("%s was accepted", path);
  if (!strstr(err.message, what) || (why && !strstr(err.message, why)))
    fail_msg("'%s' does not say '%s' and '%s'", err.message, what, why ? why : "");
  assert_non_null(strstr(err.message, path));
  expect_no_children();
}

static void bad_starts(void **state) {
  (void)state;
  expect_refused("/nonexistent", "cannot be started", "No such file");
  expect_refused(folder, "cannot be started", "denied");
  expect_refused(write_script("exit 3"), "ended with status 3 before it gave a logit", NULL);
  expect_refused(write_script("echo first >&2; echo 'what is wrong' >&2; exit 1"),
                 "ended with status 1 before it gave a logit: what is wrong", NULL);
  expect_refused(write_script("kill -9 $$"), "was killed by signal 9", NULL);
  // Says too little, says something else and goes on for ever, never reads, stays when hung up.
  expect_refused(write_script("printf RESQ"), "before it gave a logit", NULL);
  expect_refused(write_script("exec yes"), "not a model compiled by this version", NULL);
  expect_refused(write_script("exec yes <&-"), "not a model compiled by this version", NULL);
  expect_refused(write_script("exec >&-; exec sleep 100"), "was killed by signal 9", NULL);
  // A device is handed on, and its error comes back.
  resq_error err = {0};
  const resq_reference_options elsewhere = {.capacity = 64, .threads = 1, .device = "moon"};
  assert_null(resq_reference_open(self, &model, &elsewhere, &err));
  assert_non_null(strstr(err.message, "device 'moon' is not known; allowed: auto, cpu, cuda"));
  // A model of another artifact: its own error comes through.
  expect_refused(write_script("RESQ_FAKE_ARTIFACT=/nonexistent exec \"$self\" \"$@\""),
                 "ended with status 5", "/nonexistent");
  expect_refused(write_script("exec \"$self\" nonsense"), "ended with status 2",
                 "no command 'nonsense'");
}

static void other_vocabularies(void **state) {
  (void)state;
  expect_refused(write_script("FAKE_VOCABULARY=299 exec \"$self\" \"$@\""),
                 "its vocabulary has 299 tokens, this model's 300", NULL);
  expect_refused(write_script("FAKE_HASH=12 exec \"$self\" \"$@\""),
                 "as many tokens, but other ones", NULL);
}

/// Hundreds of kilobytes of complaints, and an end inside the logits.
static void dies_midway(void **state) {
  (void)state;
  resq_error err = {0};
  static float logits[20 * fake_vocabulary];
  resq_reference *r = resq_reference_open(
      write_script("yes 'much ado' | head -c 300006 >&2; FAKE_ANSWERS=1 exec \"$self\" \"$@\""),
      &model, &one_thread, &err);
  if (!r)
    fail_msg("%s", err.message);
  assert_true(resq_reference_forward(r, ids, 0, 20, logits, &err));
  assert_false(resq_reference_forward(r, ids, 20, 20, logits, &err));
  if (!strstr(err.message, "ended with status 7 in the middle of the text: out of luck"))
    fail_msg("%s", err.message);
  resq_reference_close(r);
  expect_no_children();
}

static void hangs_midway(void **state) {
  (void)state;
  resq_error err = {0};
  resq_reference *r =
      resq_reference_open(write_script("\"$self\" logits --serve </dev/null; exec sleep 100"),
                          &model, &one_thread, &err);
  if (!r)
    fail_msg("%s", err.message);
  resq_reference_close(r); // at once, whatever it is doing
  expect_no_children();
}

//===-- The child ---------------------------------------------------------===//

/// A greeting, with other facts when they are given, and as many answers as FAKE_ANSWERS says, then
/// half of one.
static int lie(void) {
  const char *vocabulary = getenv("FAKE_VOCABULARY"), *hash = getenv("FAKE_HASH");
  const char *answers = getenv("FAKE_ANSWERS");
  resq_stream_hello hello;
  resq_stream_introduce(&model, &hello);
  if (vocabulary)
    hello.vocabulary = atoi(vocabulary);
  if (hash)
    hello.vocabulary_hash = (uint64_t)atoi(hash);
  if (!resq_pipe_write(STDOUT_FILENO, &hello, sizeof hello))
    return 1;
  static float rows[20 * fake_vocabulary];
  for (int left = answers ? atoi(answers) : 0; left >= 0; --left) {
    resq_stream_request request;
    int32_t got[20];
    if (resq_pipe_read(STDIN_FILENO, &request, sizeof request) != sizeof request ||
        resq_pipe_read(STDIN_FILENO, got, sizeof got) != sizeof got ||
        !resq_pipe_write(STDOUT_FILENO, rows, left ? sizeof rows : sizeof rows / 2))
      return 1;
  }
  fprintf(stderr, "out of luck\n");
  return 7;
}

static int be_model(int argc, char **argv) {
  const char *path = getenv("RESQ_FAKE_ARTIFACT");
  if (!getenv("FAKE_VOCABULARY") && !getenv("FAKE_HASH") && !getenv("FAKE_ANSWERS"))
    return resq_cli_main(&fake_program, path, argc, argv);
  resq_error err = {0};
  const resq_cli cli = {&fake_program, path, "model"};
  const resq_run_options options = {.threads = 1};
  return resq_model_context_open(&model, &cli, &err) &&
                 resq_model_context_start(&model, &options, 64, &err)
             ? lie()
             : 1;
}

int main(int argc, char **argv) {
  if (argc > 1)
    return be_model(argc, argv);
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(same_logits),        cmocka_unit_test(bad_starts),
      cmocka_unit_test(other_vocabularies), cmocka_unit_test(dies_midway),
      cmocka_unit_test(hangs_midway),
  };
  return cmocka_run_group_tests(tests, set_up, tear_down);
}
