//===-- storage.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "storage.h"

#include "base/system_error.h"
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/// Not every file system has O_TMPFILE.
static int create_nameless(const char *directory) {
  int fd = open(directory, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (fd >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL))
    return fd;
  char path[PATH_MAX];
  if (snprintf(path, sizeof path, "%s/resq-storage-XXXXXX", directory) >= (int)sizeof path) {
    errno = ENAMETOOLONG;
    return -1;
  }
  fd = mkostemp(path, O_CLOEXEC);
  if (fd >= 0)
    unlink(path);
  return fd;
}

bool resq_storage_create(resq_storage *s, const char *directory, uint64_t size, resq_error *err) {
  *s = (resq_storage){-1, size};
  s->fd = directory ? create_nameless(directory) : memfd_create("resq-storage", MFD_CLOEXEC);
  int code = s->fd < 0 ? errno : 0;
  while (code == 0 && size > 0 && (code = posix_fallocate(s->fd, 0, (off_t)size)) == EINTR)
    code = 0;
  if (code == 0)
    return true;
  resq_storage_close(s);
  return resq_fail(err, directory ? RESQ_IO : RESQ_NO_MEMORY,
                   "%s: no room for %.0f MB of intermediate data (%s)%s",
                   directory ? directory : "memory", (double)size / 1e6, strerror(code),
                   directory ? "; TMPDIR names another folder" : "");
}

bool resq_storage_open(resq_storage *s, const char *path, resq_error *err) {
  *s = (resq_storage){-1, 0};
  struct stat info;
  // O_NONBLOCK: opening a pipe nobody writes to must not hang; regular files ignore it.
  s->fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  bool ok = s->fd >= 0 && fstat(s->fd, &info) == 0;
  if (!ok)
    resq_fail(err, resq_code_of_errno(errno), "cannot open '%s': %s", path, strerror(errno));
  else if (!S_ISREG(info.st_mode))
    ok = resq_fail(err, RESQ_IO, "cannot read '%s': it is not a regular file", path);
  if (ok)
    s->size = (uint64_t)info.st_size;
  else
    resq_storage_close(s);
  return ok;
}

void resq_storage_close(resq_storage *s) {
  if (s->fd >= 0)
    close(s->fd);
  *s = (resq_storage){-1, 0};
}

/// pread, or pwrite.
typedef ssize_t step_at(int fd, void *data, size_t size, off_t offset);

static ssize_t write_at(int fd, void *data, size_t size, off_t offset) {
  return pwrite(fd, data, size, offset);
}

/// All of it, a step after another; errno is `ended` where a step moves nothing.
static bool transfer(step_at *step, int fd, uint8_t *data, uint64_t size, uint64_t offset,
                     int ended) {
  while (size > 0) {
    ssize_t n = step(fd, data, size, (off_t)offset);
    if (n < 0 && errno == EINTR)
      continue;
    if (n == 0)
      errno = ended;
    if (n <= 0)
      return false;
    data += n;
    offset += (uint64_t)n;
    size -= (uint64_t)n;
  }
  return true;
}

bool resq_storage_read(const resq_storage *s, uint64_t offset, void *data, uint64_t size) {
  return transfer(pread, s->fd, data, size, offset, EIO);
}

bool resq_storage_write(const resq_storage *s, uint64_t offset, const void *data, uint64_t size) {
  return transfer(write_at, s->fd, (uint8_t *)(uintptr_t)data, size, offset, ENOSPC);
}
