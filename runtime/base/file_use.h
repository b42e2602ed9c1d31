//===-- file_use.h - no output destroys an input --------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A program lists the files that it is asked to read and to write before it writes any. A file that
// is to be written must be neither one that is read nor one that is written in another role:
// compared by device and inode, and where it does not exist yet by its folder and name. Special
// files (/dev/null, a pipe, a terminal) cannot be destroyed and are left out.
//===----------------------------------------------------------------------===//
#ifndef RESQ_BASE_FILE_USE_H
#define RESQ_BASE_FILE_USE_H

#include "base/error.h"

typedef struct resq_file_use resq_file_use;

typedef struct resq_file_uses {
  resq_file_use *items;
  int count;
} resq_file_uses;

typedef enum resq_file_direction {
  RESQ_READS,
  RESQ_WRITES,
  RESQ_FILLS, ///< a folder into which files of the program's own naming are written
} resq_file_direction;

/// Adds a file. `role` says who uses it, as the user knows it ("--report", "the model"); both texts
/// are copied. "-" is standard input or output, NULL no file at all. False
/// (RESQ_USAGE) with both roles named when it is refused.
bool resq_file_use_add(resq_file_uses *uses, resq_file_direction direction, const char *role,
                       const char *path, resq_error *err);
/// Adds the running program and the libraries in its process, as files that it reads.
bool resq_file_use_add_self(resq_file_uses *uses, resq_error *err);
void resq_file_uses_free(resq_file_uses *uses);

#endif // RESQ_BASE_FILE_USE_H
