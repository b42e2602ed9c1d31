//===-- file_test.c - mapped input and atomic output ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef _GNU_SOURCE
#define _GNU_SOURCE // setresuid
#endif
#include "base/file.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char directory[64];

static const char *in_directory(const char *name) {
  static char path[4][512];
  static int next;
  char *out = path[next++ % 4];
  snprintf(out, sizeof path[0], "%s/%s", directory, name);
  return out;
}

static int count_entries(void) {
  int count = 0;
  DIR *dir = opendir(directory);
  assert_non_null(dir);
  for (struct dirent *entry; (entry = readdir(dir));)
    count += strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0;
  closedir(dir);
  return count;
}

static int make_directory(void **state) {
  (void)state;
  strcpy(directory, "/tmp/resq-file-test-XXXXXX");
  return mkdtemp(directory) ? 0 : -1;
}

static int remove_directory(void **state) {
  (void)state;
  DIR *dir = opendir(directory);
  if (!dir)
    return -1;
  for (struct dirent *entry; (entry = readdir(dir));) {
    unlinkat(dirfd(dir), entry->d_name, 0);
    unlinkat(dirfd(dir), entry->d_name, AT_REMOVEDIR);
  }
  closedir(dir);
  return rmdir(directory);
}

static void expect_content(const char *path, const void *data, uint64_t size) {
  resq_map map;
  resq_error err = {0};
  assert_true(resq_map_open(&map, path, &err));
  assert_int_equal(map.size, size);
  assert_memory_equal(map.data, data, size);
  resq_map_close(&map);
  assert_null(map.data);
}

static void write_file(const char *path, const char *text) {
  resq_error err = {0};
  resq_out *out = resq_out_create(path, 0644, &err);
  assert_non_null(out);
  assert_true(resq_out_write(out, text, strlen(text), &err));
  assert_true(resq_out_commit(out, &err));
}

static void expect_no_output(const char *path, const char *why) {
  resq_error err = {0};
  assert_null(resq_out_create(path, 0644, &err));
  assert_int_equal(err.code, RESQ_IO);
  assert_non_null(strstr(err.message, why));
}

static void expect_no_map(const char *path, const char *why) {
  resq_error err = {0};
  resq_map map;
  assert_false(resq_map_open(&map, path, &err));
  assert_null(map.data);
  assert_int_equal(err.code, RESQ_IO);
  assert_non_null(strstr(err.message, why));
}

//===-- Input -------------------------------------------------------------===//

static void test_map(void **state) {
  (void)state;
  write_file(in_directory("a"), "hello");
  expect_content(in_directory("a"), "hello", 5);
}

static void test_map_empty(void **state) {
  (void)state;
  write_file(in_directory("a"), "");
  resq_map map;
  resq_error err = {0};
  assert_true(resq_map_open(&map, in_directory("a"), &err));
  assert_null(map.data);
  assert_int_equal(map.size, 0);
  resq_map_close(&map);
}

static void test_map_refusals(void **state) {
  (void)state;
  expect_no_map(in_directory("absent"), "No such file");
  expect_no_map(directory, "a directory");
  expect_no_map("/dev/zero", "a character device");
  assert_int_equal(mkfifo(in_directory("pipe"), 0600), 0);
  expect_no_map(in_directory("pipe"), "a pipe"); // and does not wait for a writer
  expect_no_map("", "No such file");
}

//===-- Output ------------------------------------------------------------===//

static void test_commit_replaces(void **state) {
  (void)state;
  write_file(in_directory("a"), "old");
  resq_error err = {0};
  resq_out *out = resq_out_create(in_directory("a"), 0755, &err);
  assert_non_null(out);
  assert_true(resq_out_write(out, "new!", 4, &err));
  expect_content(in_directory("a"), "old", 3); // until commit
  assert_true(resq_out_commit(out, &err));
  expect_content(in_directory("a"), "new!", 4);
  struct stat info;
  assert_int_equal(stat(in_directory("a"), &info), 0);
  assert_true(info.st_mode & S_IXUSR);
  assert_int_equal(count_entries(), 1);
}

static void test_discard(void **state) {
  (void)state;
  resq_error err = {0};
  resq_out *out = resq_out_create(in_directory("a"), 0644, &err);
  assert_non_null(out);
  assert_non_null(strstr(resq_out_temporary(out), "/.a.resq-"));
  assert_int_equal(count_entries(), 1);
  resq_out_discard(out);
  resq_out_discard(NULL);
  assert_int_equal(count_entries(), 0);
}

static void test_align(void **state) {
  (void)state;
  static uint8_t expected[8193];
  memcpy(expected, "x", 1);
  memcpy(expected + 8192, "y", 1);
  resq_error err = {0};
  resq_out *out = resq_out_create(in_directory("a"), 0644, &err);
  assert_true(resq_out_align(out, 4096, &err));
  assert_int_equal(resq_out_position(out), 0);
  assert_true(resq_out_write(out, "x", 1, &err));
  assert_true(resq_out_align(out, 8192, &err));
  assert_int_equal(resq_out_position(out), 8192);
  assert_true(resq_out_write(out, "y", 1, &err));
  assert_true(resq_out_align(out, 0, &err));
  assert_true(resq_out_align(out, 1, &err));
  assert_true(resq_out_commit(out, &err));
  expect_content(in_directory("a"), expected, sizeof expected);
}

static void test_refusals(void **state) {
  (void)state;
  expect_no_output("/dev/null", "a character device");
  expect_no_output("/dev/full", "a character device");
  expect_no_output(directory, "a directory");
  expect_no_output(in_directory(""), "names no file");
  expect_no_output("", "names no file");
  expect_no_output(in_directory("no/such"), "No such file");
  assert_int_equal(mkfifo(in_directory("pipe"), 0600), 0);
  expect_no_output(in_directory("pipe"), "a pipe");
  char *path = calloc(1, 8192);
  memset(path, 'p', 8191);
  expect_no_output(path, "8191 bytes");
  free(path);
  assert_int_equal(count_entries(), 1);
}

static void test_read_only(void **state) {
  (void)state;
  enum { NOBODY = 65534 };
  bool root = geteuid() == 0;
  write_file(in_directory("a"), "kept");
  assert_int_equal(chmod(in_directory("a"), 0444), 0);
  if (root) { // root may write anything: someone else tries, who owns both
    assert_int_equal(chown(in_directory("a"), NOBODY, NOBODY), 0);
    assert_int_equal(chown(directory, NOBODY, NOBODY), 0);
    assert_int_equal(setresuid(NOBODY, NOBODY, 0), 0);
  }
  expect_no_output(in_directory("a"), "Permission denied");
  assert_int_equal(chmod(directory, 0555), 0);
  expect_no_output(in_directory("b"), "Permission denied");
  assert_int_equal(chmod(directory, 0755), 0);
  if (root)
    assert_int_equal(setresuid(0, 0, 0), 0);
}

static void test_longest_name(void **state) {
  (void)state;
  char name[256];
  memset(name, 'n', 255);
  name[255] = '\0';
  write_file(in_directory(name), "long");
  expect_content(in_directory(name), "long", 4);
}

static void test_two_at_once(void **state) {
  (void)state;
  resq_error err = {0};
  resq_out *one = resq_out_create(in_directory("a"), 0644, &err);
  resq_out *two = resq_out_create(in_directory("a"), 0644, &err);
  assert_true(one && two);
  assert_string_not_equal(resq_out_temporary(one), resq_out_temporary(two));
  assert_true(resq_out_write(one, "1", 1, &err));
  assert_true(resq_out_write(two, "2", 1, &err));
  assert_true(resq_out_commit(two, &err));
  assert_true(resq_out_commit(one, &err));
  expect_content(in_directory("a"), "1", 1);
}

/// A linker unlinks its output and makes another: what has the name is committed.
static void test_temporary_replaced(void **state) {
  (void)state;
  resq_error err = {0};
  resq_out *out = resq_out_create(in_directory("a"), 0644, &err);
  assert_int_equal(unlink(resq_out_temporary(out)), 0);
  write_file(resq_out_temporary(out), "linked");
  assert_true(resq_out_commit(out, &err));
  expect_content(in_directory("a"), "linked", 6);
}

static void test_temporary_lost(void **state) {
  (void)state;
  resq_error err = {0};
  resq_out *out = resq_out_create(in_directory("a"), 0644, &err);
  assert_int_equal(unlink(resq_out_temporary(out)), 0);
  assert_false(resq_out_commit(out, &err));
  assert_int_equal(err.code, RESQ_IO);
  assert_int_equal(count_entries(), 0);
}

/// A limit on file size stands for a full disk.
static void test_no_space(void **state) {
  (void)state;
  struct rlimit old, small = {10000, 10000};
  assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
  small.rlim_max = old.rlim_max;
  void (*handler)(int) = signal(SIGXFSZ, SIG_IGN);
  assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
  static const uint8_t bytes[20000];
  resq_error err = {0};
  resq_out *out = resq_out_create(in_directory("a"), 0644, &err);
  bool written = resq_out_write(out, bytes, sizeof bytes, &err);
  resq_error again = {0};
  bool committed = resq_out_commit(out, &again);
  setrlimit(RLIMIT_FSIZE, &old);
  signal(SIGXFSZ, handler);
  assert_false(written);
  assert_int_equal(err.code, RESQ_IO);
  assert_non_null(strstr(err.message, "too large"));
  assert_false(committed); // a cut file never gets its name
  assert_int_equal(count_entries(), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_directory, remove_directory)

int main(void) {
  const struct CMUnitTest tests[] = {
      TEST(test_map),
      TEST(test_map_empty),
      TEST(test_map_refusals),
      TEST(test_commit_replaces),
      TEST(test_discard),
      TEST(test_align),
      TEST(test_refusals),
      TEST(test_read_only),
      TEST(test_longest_name),
      TEST(test_two_at_once),
      TEST(test_temporary_replaced),
      TEST(test_temporary_lost),
      TEST(test_no_space),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
