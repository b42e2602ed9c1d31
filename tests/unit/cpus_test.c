//===-- cpus_test.c - quotas and affinity in the default ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The row "a quota": files of control groups in a folder that stands for /.
//===----------------------------------------------------------------------===//
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/cpus.h"

#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static char root[64];

static void remove_root(void) {
  char command[100];
  snprintf(command, sizeof command, "rm -rf %s", root);
  assert_int_equal(system(command), 0);
}

static int new_root(void **state) {
  (void)state;
  strcpy(root, "/tmp/resq-cpus-XXXXXX");
  return mkdtemp(root) ? 0 : 1;
}

static int end_root(void **state) {
  (void)state;
  remove_root();
  return 0;
}

/// Writes root/name, with the folders above it.
static void put_bytes(const char *name, const void *data, size_t size) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", root, name);
  for (char *at = path + strlen(root) + 1; (at = strchr(at, '/')); *at++ = '/') {
    *at = 0;
    assert_true(!mkdir(path, 0700) || errno == EEXIST);
  }
  FILE *f = fopen(path, "w");
  assert_non_null(f);
  assert_int_equal(fwrite(data, 1, size, f), size);
  fclose(f);
}

static void put(const char *name, const char *text) { put_bytes(name, text, strlen(text)); }

static void quota_v2(void **state) {
  (void)state;
  assert_int_equal(resq_cpus_quota(root), RESQ_MAX_CPUS); // nothing there
  put("proc/self/cgroup", "0::/a.slice/b.scope\n");
  assert_int_equal(resq_cpus_quota(root), RESQ_MAX_CPUS);
  put("sys/fs/cgroup/a.slice/b.scope/cpu.max", "max 100000\n");
  assert_int_equal(resq_cpus_quota(root), RESQ_MAX_CPUS);
  put("sys/fs/cgroup/a.slice/b.scope/cpu.max", "100000 100000\n");
  assert_int_equal(resq_cpus_quota(root), 1);
  put("sys/fs/cgroup/a.slice/b.scope/cpu.max", "250000 100000\n");
  assert_int_equal(resq_cpus_quota(root), 3); // rounded up
  put("sys/fs/cgroup/a.slice/b.scope/cpu.max", "10000 100000\n");
  assert_int_equal(resq_cpus_quota(root), 1);
  put("sys/fs/cgroup/a.slice/b.scope/cpu.max", "400000 100000\n");
  put("sys/fs/cgroup/a.slice/cpu.max", "200000 100000\n"); // an ancestor's counts, too
  assert_int_equal(resq_cpus_quota(root), 2);
  put("sys/fs/cgroup/cpu.max", "100000 100000\n"); // a container's root
  assert_int_equal(resq_cpus_quota(root), 1);
}

/// A container that sees its group by the host's name, or as one outside of its own.
static void quota_of_a_container(void **state) {
  (void)state;
  put("sys/fs/cgroup/cpu.max", "150000 100000\n");
  const char *const groups[] = {
      "0::/docker/0123abc\n", "0::/../..\n", "0::/../other\n", "0::/\n", "0::\n",
      "0::/docker/0123abc"};
  for (size_t i = 0; i < sizeof groups / sizeof *groups; ++i) {
    put("proc/self/cgroup", groups[i]);
    assert_int_equal(resq_cpus_quota(root), 2);
  }
}

static void quota_v1(void **state) {
  (void)state;
  put("proc/self/cgroup", "9:name=systemd:/\n4:memory:/m\n3:cpuset:/x\n1:cpu,cpuacct:/u/v\n0::/\n");
  put("sys/fs/cgroup/cpuset/x/cpu.cfs_quota_us", "100000\n"); // no controller of time
  put("sys/fs/cgroup/cpuset/x/cpu.cfs_period_us", "100000\n");
  put("sys/fs/cgroup/cpu,cpuacct/u/v/cpu.cfs_quota_us", "-1\n");
  put("sys/fs/cgroup/cpu,cpuacct/u/v/cpu.cfs_period_us", "100000\n");
  assert_int_equal(resq_cpus_quota(root), RESQ_MAX_CPUS);
  put("sys/fs/cgroup/cpu,cpuacct/u/v/cpu.cfs_quota_us", "300000\n");
  assert_int_equal(resq_cpus_quota(root), 3);
  put("sys/fs/cgroup/cpu,cpuacct/u/cpu.cfs_quota_us", "120000\n");
  put("sys/fs/cgroup/cpu,cpuacct/u/cpu.cfs_period_us", "100000\n");
  assert_int_equal(resq_cpus_quota(root), 2);
  put("sys/fs/cgroup/cpu/u/cpu.cfs_quota_us", "5000\n"); // the other usual name
  put("sys/fs/cgroup/cpu/u/cpu.cfs_period_us", "10000\n");
  assert_int_equal(resq_cpus_quota(root), 1);
}

/// What makes no sense is no limit, and harms nothing.
static void hostile_quota(void **state) {
  (void)state;
  put("proc/self/cgroup", "0::/g\n");
  const char *const nonsense[] = {"",
                                  "\n",
                                  " ",
                                  "max",
                                  "max\n",
                                  "0 100000\n",
                                  "-1 100000\n",
                                  "100000 0\n",
                                  "100000 -5\n",
                                  "100000\n",
                                  "100000 100000 7\n",
                                  "1e5 100000\n",
                                  "0x10 16\n",
                                  "100000,100000\n",
                                  "+5 1\n",
                                  "99999999999999999999999999 100000\n",
                                  "100000 99999999999999999999999999\n",
                                  "one two\n",
                                  "\xff\xfe\x00\x01",
                                  "9223372036854775807 1\n"};
  for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; ++i) {
    put("sys/fs/cgroup/g/cpu.max", nonsense[i]);
    assert_int_equal(resq_cpus_quota(root), RESQ_MAX_CPUS);
  }
  put("sys/fs/cgroup/g/cpu.max", "9223372036854775807 9223372036854775807\n");
  assert_int_equal(resq_cpus_quota(root), 1);
  put_bytes("sys/fs/cgroup/g/cpu.max", "100000 100000\0x", 15);
  assert_int_equal(resq_cpus_quota(root), 1); // the text ends at its zero
  char *large = malloc(100001);
  assert_non_null(large);
  memset(large, '7', 100000);
  large[100000] = 0;
  put("sys/fs/cgroup/g/cpu.max", large);
  assert_int_equal(resq_cpus_quota(root), RESQ_MAX_CPUS);
  // The list of groups.
  put("sys/fs/cgroup/cpu.max", "100000 100000\n");
  const char *const lists[] = {
      "", "\n\n\n", ":", "::", ":::", "0:", "no colons\n", "0:name=x:/g\n"};
  for (size_t i = 0; i < sizeof lists / sizeof *lists; ++i) {
    put("proc/self/cgroup", lists[i]);
    int cpus = resq_cpus_quota(root);
    assert_true(cpus == 1 || cpus == RESQ_MAX_CPUS);
  }
  memset(large, '/', 100000);
  memcpy(large, "0::", 3);
  put("proc/self/cgroup", large); // longer than any path
  assert_int_equal(resq_cpus_quota(root), 1);
  memset(large + 3, 'a', 99997);
  put("proc/self/cgroup", large);
  assert_true(resq_cpus_quota(root) >= 1);
  free(large);
  char fifo[128];
  snprintf(fifo, sizeof fifo, "%s/sys/fs/cgroup/g/cpu.max", root);
  unlink(fifo);
  assert_int_equal(mkfifo(fifo, 0600), 0); // must not block
  put("proc/self/cgroup", "0::/g\n");
  assert_int_equal(resq_cpus_quota(root), 1);
}

static void default_counts_affinity(void **state) {
  (void)state;
  cpu_set_t before, one;
  assert_int_equal(sched_getaffinity(0, sizeof before, &before), 0);
  assert_in_range(resq_cpus_default(), 1, resq_cpus_affinity());
  CPU_ZERO(&one);
  for (int i = 0; i < CPU_SETSIZE && !CPU_COUNT(&one); ++i)
    if (CPU_ISSET(i, &before))
      CPU_SET(i, &one);
  assert_int_equal(sched_setaffinity(0, sizeof one, &one), 0);
  assert_int_equal(resq_cpus_affinity(), 1);
  assert_int_equal(resq_cpus_default(), 1);
  assert_int_equal(sched_setaffinity(0, sizeof before, &before), 0);
}

int main(void) {
  const struct CMUnitTest tests[] = {
      cmocka_unit_test_setup_teardown(quota_v2, new_root, end_root),
      cmocka_unit_test_setup_teardown(quota_of_a_container, new_root, end_root),
      cmocka_unit_test_setup_teardown(quota_v1, new_root, end_root),
      cmocka_unit_test_setup_teardown(hostile_quota, new_root, end_root),
      cmocka_unit_test(default_counts_affinity),
  };
  return cmocka_run_group_tests(tests, NULL, NULL);
}
