//===-- cpus.c - how many processors this process may keep busy -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/cpus.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int bounded(int64_t n) { return n < 1 ? 1 : n > RESQ_MAX_CPUS ? RESQ_MAX_CPUS : (int)n; }

int resq_cpus_affinity(void) {
  // The kernel's mask may be wider than cpu_set_t's 1024 bits.
  for (int cpus = 1024; cpus <= 1 << 20; cpus *= 4) {
    cpu_set_t *set = CPU_ALLOC(cpus);
    if (!set)
      return 1;
    size_t size = CPU_ALLOC_SIZE(cpus);
    int failed = sched_getaffinity(0, size, set);
    bool wider = failed && errno == EINVAL;
    int n = failed ? 0 : CPU_COUNT_S(size, set);
    CPU_FREE(set);
    if (!wider)
      return bounded(n);
  }
  return 1;
}

//===-- Quotas ------------------------------------------------------------===//

/// The beginning of a file, as a string; false when it cannot be read.
static bool read_text(const char *path, char *text, size_t size) {
  int file = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
  if (file < 0)
    return false;
  size_t n = 0;
  for (ssize_t got = 1; got > 0 && n < size - 1; n += got > 0 ? (size_t)got : 0)
    got = read(file, text + n, size - 1 - n);
  close(file);
  text[n] = 0;
  return n > 0;
}

/// A decimal number without sign at *at, which moves behind it and the blanks that follow; -1 when
/// there is none or it is too great.
static int64_t read_number(const char **at) {
  char *end;
  if (**at < '0' || **at > '9')
    return -1;
  errno = 0;
  long long value = strtoll(*at, &end, 10);
  if (errno || (*end && !strchr(" \n", *end)))
    return -1;
  *at = end + strspn(end, " \n");
  return value;
}

static int least(int limit, int64_t quota, int64_t period) {
  if (quota <= 0 || period <= 0)
    return limit;
  int cpus = bounded(quota / period + (quota % period != 0));
  return cpus < limit ? cpus : limit;
}

/// "max 100000", or "150000 100000": microseconds of processor time in microseconds.
static int limit_v2(const char *folder, int limit) {
  char path[4096 + 32], text[64];
  snprintf(path, sizeof path, "%s/cpu.max", folder);
  if (!read_text(path, text, sizeof text))
    return limit;
  const char *at = text;
  int64_t quota = read_number(&at), period = read_number(&at);
  return *at ? limit : least(limit, quota, period);
}

static int limit_v1(const char *folder, int limit) {
  char path[4096 + 32], quota[64], period[64];
  snprintf(path, sizeof path, "%s/cpu.cfs_quota_us", folder);
  if (!read_text(path, quota, sizeof quota))
    return limit;
  snprintf(path, sizeof path, "%s/cpu.cfs_period_us", folder);
  if (!read_text(path, period, sizeof period))
    return limit;
  const char *q = quota, *p = period; // a quota of -1 is none
  int64_t of = read_number(&q), in = read_number(&p);
  return *q || *p ? limit : least(limit, of, in);
}

/// The least of `mount`/`group` and the folders above it up to `mount`. A container may see its
/// group by the host's name, without that folder: what is not there limits nothing.
static int limit_up(const char *mount, const char *group, int (*limit_of)(const char *, int),
                    int limit) {
  char folder[4096];
  int n = snprintf(folder, sizeof folder, "%s%s", mount, group);
  size_t top = strlen(mount);
  bool outside = strstr(group, "/..") != NULL; // a group above the container's
  if (n < 0 || (size_t)n >= sizeof folder || outside)
    folder[top < sizeof folder ? top : 0] = 0;
  for (;;) {
    limit = limit_of(folder, limit);
    char *slash = strrchr(folder + (strlen(folder) < top ? 0 : top), '/');
    if (!slash)
      return limit;
    *slash = 0;
  }
}

/// A line of /proc/self/cgroup, "4:cpu,cpuacct:/group" or, version 2, "0::/group".
static int limit_line(const char *root, char *line, int limit) {
  char *controllers = strchr(line, ':'), mount[4096];
  char *group = controllers ? strchr(++controllers, ':') : NULL;
  if (!group)
    return limit;
  *group++ = 0;
  if (!*controllers) {
    snprintf(mount, sizeof mount, "%.3000s/sys/fs/cgroup", root);
    return limit_up(mount, group, limit_v2, limit);
  }
  char list[256];
  snprintf(list, sizeof list, ",%.250s,", controllers);
  if (!strstr(list, ",cpu,"))
    return limit;
  snprintf(mount, sizeof mount, "%.3000s/sys/fs/cgroup/%.250s", root, controllers);
  limit = limit_up(mount, group, limit_v1, limit);
  snprintf(mount, sizeof mount, "%.3000s/sys/fs/cgroup/cpu", root);
  return limit_up(mount, group, limit_v1, limit);
}

int resq_cpus_quota(const char *root) {
  char path[4096], text[16384];
  int limit = RESQ_MAX_CPUS;
  snprintf(path, sizeof path, "%.3000s/proc/self/cgroup", root);
  if (!read_text(path, text, sizeof text))
    return limit;
  for (char *line = text, *next; line && *line; line = next) {
    next = strchr(line, '\n');
    if (next)
      *next++ = 0;
    limit = limit_line(root, line, limit);
  }
  return limit;
}

int resq_cpus_default(void) {
  int affinity = resq_cpus_affinity(), quota = resq_cpus_quota("");
  return affinity < quota ? affinity : quota;
}
