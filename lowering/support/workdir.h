//===-- workdir.h - a folder for intermediate files -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_WORKDIR_H
#define RESQ_LOWERING_WORKDIR_H

#include "base/error.h"
#include "base/process.h"
#include <limits.h>

/// resq-work-XXXXXX in $TMPDIR, else /var/tmp, else /tmp; an absolute path, removed with all files
/// in it, by an interrupt, too (base/process.h). Its file "owner" is locked (flock) as long as the
/// process lives: folders of this user whose lock is free were left by processes that were killed,
/// and are removed when the next one is made.
typedef struct resq_workdir {
  char path[PATH_MAX];
  int lock; ///< descriptor of the locked file
  resq_note *note;
} resq_workdir;

bool resq_workdir_create(resq_workdir *w, resq_error *err);
/// A folder that was not made (all zeros, or a failed create) is fine.
void resq_workdir_remove(resq_workdir *w);
/// path/name into out.
void resq_workdir_file(const resq_workdir *w, const char *name, char out[PATH_MAX]);
/// Writes a whole file in it.
bool resq_workdir_write(const resq_workdir *w, const char *name, const void *data, size_t size,
                        char out_path[PATH_MAX], resq_error *err);

#endif // RESQ_LOWERING_WORKDIR_H
