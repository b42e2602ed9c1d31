//===-- storage.h - bytes that need not be resident -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file without a name, read and written by offset: what lies in it costs page cache, which the
// system takes back when it needs to, and no memory of this process. It is gone when closed, however
// the process ends. Space is claimed up front, so that a full disk is an error here and nowhere else.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_STORAGE_H
#define RESQ_LOWERING_STORAGE_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct resq_storage {
  int fd; ///< -1: none
  uint64_t size;
} resq_storage;

/// `size` zeros in a file of `directory` (NULL: in memory). The error names the directory and the size.
bool resq_storage_create(resq_storage *s, const char *directory, uint64_t size, resq_error *err);
/// A file that exists, to read.
bool resq_storage_open(resq_storage *s, const char *path, resq_error *err);
void resq_storage_close(resq_storage *s);

/// All of [offset, offset + size), or false with errno set (EIO where the file is shorter). Several
/// threads may read and write at once where their ranges are apart.
bool resq_storage_read(const resq_storage *s, uint64_t offset, void *data, uint64_t size);
bool resq_storage_write(const resq_storage *s, uint64_t offset, const void *data, uint64_t size);

#endif // RESQ_LOWERING_STORAGE_H
