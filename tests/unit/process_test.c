//===-- process_test.c - what is removed when a process ends early --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/error.h"
#include "base/file.h"
#include "base/file_use.h"
#include "base/process.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char folder[] = "/tmp/resq-process-XXXXXX";

static const char *in_folder(const char *name) {
  static char path[4][PATH_MAX];
  static int i;
  i = (i + 1) % 4;
  snprintf(path[i], sizeof path[i], "%s/%s", folder, name);
  return path[i];
}

static bool exists(const char *path) {
  struct stat info;
  return lstat(path, &info) == 0;
}

static void write_file(const char *path, size_t size) {
  FILE *f = fopen(path, "wb");
  assert_non_null(f);
  for (size_t i = 0; i < size; i++)
    fputc('x', f);
  assert_int_equal(fclose(f), 0);
}

/// The exit status of a child that begins as a program and does this; its stderr goes to `said`.
static int in_child(void (*run)(void), char said[512]) {
  int ends[2];
  assert_int_equal(pipe(ends), 0);
  fflush(stdout);
  pid_t child = fork();
  if (child == 0) {
    dup2(ends[1], STDERR_FILENO);
    close(ends[0]);
    resq_process_begin("test");
    run();
    _exit(77);
  }
  close(ends[1]);
  size_t n = 0;
  for (ssize_t got; n < 511 && (got = read(ends[0], said + n, 511 - n)) > 0;)
    n += (size_t)got;
  said[n] = 0;
  close(ends[0]);
  int status;
  assert_int_equal(waitpid(child, &status, 0), child);
  assert_true(WIFEXITED(status));
  return WEXITSTATUS(status);
}

//===-- Interrupts --------------------------------------------------------===//

static void leave_things(void) {
  mkdir(in_folder("work"), 0700);
  resq_note_folder(in_folder("work"));
  write_file(in_folder("work/a"), 1);
  write_file(in_folder("work/owner"), 1);
  resq_out_create(in_folder("out"), 0644, NULL);
  resq_note *kept = resq_note_file(in_folder("kept"));
  write_file(in_folder("kept"), 1);
  resq_note_drop(kept);
}

static void interrupt(void) {
  leave_things();
  raise(SIGTERM);
}

static void test_interrupt(void **state) {
  (void)state;
  char said[512];
  assert_int_equal(in_child(interrupt, said), 128 + SIGTERM);
  assert_string_equal(said, "");
  assert_false(exists(in_folder("work")));
  assert_true(exists(in_folder("kept")));
  assert_int_equal(unlink(in_folder("kept")), 0);
  assert_int_equal(rmdir(folder), 0); // no temporary file either
  assert_non_null(mkdtemp(strcpy(folder, "/tmp/resq-process-XXXXXX")));
}

static void interrupt_held(void) {
  leave_things();
  sigset_t held;
  resq_hold_begin(&held);
  raise(SIGTERM); // waits
  write_file(in_folder("work/b"), 1);
  resq_hold_end(&held);
}

static void test_held(void **state) {
  (void)state;
  char said[512];
  assert_int_equal(in_child(interrupt_held, said), 128 + SIGTERM);
  assert_false(exists(in_folder("work")));
  assert_int_equal(unlink(in_folder("kept")), 0);
}

static void interrupt_finished(void) {
  resq_process_finish();
  raise(SIGINT);
}

static void test_finished(void **state) {
  (void)state;
  char said[512];
  assert_int_equal(in_child(interrupt_finished, said), 77);
}

/// A process that inherited notes removes nothing of its parent's.
static void grandchild_ends(void) {
  leave_things();
  pid_t child = fork();
  if (child == 0)
    resq_process_out_of_memory();
  waitpid(child, NULL, 0);
  _exit(exists(in_folder("work/a")) ? 0 : 1);
}

static void test_inherited(void **state) {
  (void)state;
  char said[512];
  assert_int_equal(in_child(grandchild_ends, said), 0);
  assert_string_equal(said, "test: error: no memory is left\n");
  assert_true(resq_remove_folder(in_folder("work")));
  assert_int_equal(unlink(in_folder("kept")), 0);
}

//===-- Files -------------------------------------------------------------===//

/// The row "interrupts": a mapped file that becomes shorter.
static void read_truncated(void) {
  resq_map map;
  if (!resq_map_open(&map, in_folder("map"), NULL) || truncate(in_folder("map"), 4096) != 0)
    _exit(1);
  leave_things();
  volatile uint8_t byte = map.data[20000];
  (void)byte;
}

static void test_truncated(void **state) {
  (void)state;
  char said[512];
  write_file(in_folder("map"), 40000);
  assert_int_equal(in_child(read_truncated, said), RESQ_IO);
  assert_non_null(strstr(said, "/map': it became shorter"));
  assert_non_null(strchr(said, '\n'));
  assert_false(exists(in_folder("work")));
  assert_int_equal(unlink(in_folder("map")), 0);
  assert_int_equal(unlink(in_folder("kept")), 0);
}

static void close_all(void) {
  // As a program started without them; begin has opened 0 to 2 of this one before.
  close(0);
  close(1);
  close(2);
  resq_process_begin("test");
  int fd = open("/dev/null", O_RDONLY);
  _exit(fd > 2 && write(1, "x", 1) < 0 && write(2, "x", 1) < 0 ? 0 : 1);
}

static void test_descriptors(void **state) {
  (void)state;
  char said[512];
  assert_int_equal(in_child(close_all, said), 0);
}

static void test_commit_all(void **state) {
  (void)state;
  mkdir(in_folder("sub"), 0700);
  resq_out *outs[] = {resq_out_create(in_folder("one"), 0644, NULL), NULL,
                      resq_out_create(in_folder("sub/two"), 0644, NULL)};
  assert_true(resq_out_complete(outs[0], NULL));
  assert_true(resq_out_commit_all(outs, 3, NULL));
  assert_true(exists(in_folder("one")) && exists(in_folder("sub/two")));
  // The second cannot get its name, so the first gets none.
  unlink(in_folder("one"));
  unlink(in_folder("sub/two"));
  outs[0] = resq_out_create(in_folder("one"), 0644, NULL);
  outs[2] = resq_out_create(in_folder("sub/two"), 0644, NULL);
  mkdir(in_folder("sub/two"), 0700);
  resq_error err;
  assert_false(resq_out_commit_all(outs, 3, &err));
  assert_int_equal(err.code, RESQ_IO);
  assert_false(exists(in_folder("one")));
  assert_int_equal(rmdir(in_folder("sub/two")), 0);
  assert_int_equal(rmdir(in_folder("sub")), 0);
}

static void die_with_output(void) {
  resq_out_create(in_folder("big"), 0644, NULL);
  raise(SIGKILL);
}

static void test_stale_temporary(void **state) {
  (void)state;
  pid_t child = fork();
  if (child == 0)
    die_with_output();
  waitpid(child, NULL, 0);
  char stale[64];
  snprintf(stale, sizeof stale, ".big.resq-%d-0.tmp", (int)child);
  assert_true(exists(in_folder(stale)));
  write_file(in_folder(".big.resq-mine.tmp"), 1);
  resq_out *living = resq_out_create(in_folder("big"), 0644, NULL);
  assert_false(exists(in_folder(stale)));
  resq_out *other = resq_out_create(in_folder("big"), 0644, NULL);
  assert_true(exists(resq_out_temporary(living)));
  resq_out_discard(living);
  resq_out_discard(other);
  assert_int_equal(unlink(in_folder(".big.resq-mine.tmp")), 0);
}

/// The row "overwritten inputs".
static void test_file_uses(void **state) {
  (void)state;
  write_file(in_folder("in"), 1);
  assert_int_equal(link(in_folder("in"), in_folder("hard")), 0);
  assert_int_equal(symlink("in", in_folder("soft")), 0);
  resq_file_uses uses = {NULL, 0};
  resq_error err;
  assert_true(resq_file_use_add(&uses, RESQ_READS, "--a", in_folder("in"), &err));
  assert_true(resq_file_use_add(&uses, RESQ_READS, "--b", in_folder("in"), &err));
  assert_true(resq_file_use_add(&uses, RESQ_READS, "--c", NULL, &err));
  const char *const same[] = {"in", "hard", "soft", "./in"};
  for (size_t i = 0; i < 4; i++) {
    assert_false(resq_file_use_add(&uses, RESQ_WRITES, "--d", in_folder(same[i]), &err));
    assert_int_equal(err.code, RESQ_USAGE);
    assert_non_null(strstr(err.message, "--d"));
    assert_non_null(strstr(err.message, "--a"));
  }
  assert_true(resq_file_use_add(&uses, RESQ_WRITES, "--e", in_folder("new"), &err));
  assert_false(resq_file_use_add(&uses, RESQ_WRITES, "--f", in_folder("./new"), &err));
  assert_false(resq_file_use_add(&uses, RESQ_FILLS, "--g", in_folder("new"), &err));
  assert_true(resq_file_use_add(&uses, RESQ_WRITES, "--h", "/dev/null", &err));
  assert_true(resq_file_use_add(&uses, RESQ_WRITES, "--i", "/dev/null", &err));
  assert_true(resq_file_use_add_self(&uses, &err));
  assert_false(resq_file_use_add(&uses, RESQ_WRITES, "--j", "/proc/self/exe", &err));
  resq_file_uses_free(&uses);
  unlink(in_folder("in"));
  unlink(in_folder("hard"));
  unlink(in_folder("soft"));
}

static void test_folders(void **state) {
  (void)state;
  resq_error err;
  assert_true(resq_make_folders(in_folder("a/b//c"), &err));
  assert_true(resq_make_folders(in_folder("a/b/c/"), &err));
  assert_false(resq_make_folders("", &err));
  write_file(in_folder("a/file"), 1);
  assert_false(resq_make_folders(in_folder("a/file"), &err));
  assert_non_null(strstr(err.message, "not a folder"));
  assert_false(resq_make_folders(in_folder("a/file/x"), &err));
  assert_int_equal(err.code, RESQ_IO);
  unlink(in_folder("a/file"));
  rmdir(in_folder("a/b/c"));
  rmdir(in_folder("a/b"));
  rmdir(in_folder("a"));
}

static int setup(void **state) {
  (void)state;
  return !mkdtemp(folder);
}

/// Every test has removed what it made.
static int teardown(void **state) {
  (void)state;
  return rmdir(folder);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test(test_interrupt),  cmocka_unit_test(test_held),
      cmocka_unit_test(test_finished),   cmocka_unit_test(test_inherited),
      cmocka_unit_test(test_truncated),  cmocka_unit_test(test_descriptors),
      cmocka_unit_test(test_commit_all), cmocka_unit_test(test_stale_temporary),
      cmocka_unit_test(test_file_uses),  cmocka_unit_test(test_folders),
  };
  return cmocka_run_group_tests(tests, setup, teardown);
}
