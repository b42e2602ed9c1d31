//===-- fuzz_file.h - an input as a file ----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// For parsers that take a path: one file in memory, rewritten for each input.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TESTS_FUZZ_FILE_H
#define RESQ_TESTS_FUZZ_FILE_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE // memfd_create
#endif
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

/// The descriptor of the file, at its start, and its path in *path where that is not NULL.
static inline int fuzz_file(const uint8_t *data, size_t size, const char **path) {
  static int fd = -1;
  static char name[40];
  if (fd < 0) {
    fd = memfd_create("fuzz", MFD_CLOEXEC);
    snprintf(name, sizeof name, "/proc/self/fd/%d", fd);
  }
  if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size ||
      lseek(fd, 0, SEEK_SET) != 0)
    abort();
  if (path)
    *path = name;
  return fd;
}

#endif // RESQ_TESTS_FUZZ_FILE_H
