//===-- workdir.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "lowering/workdir.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/// Gigabytes may come to lie here: /var/tmp is on disk where /tmp is often memory.
static const char *base_folder(void) {
  const char *base = getenv("TMPDIR");
  if (base && *base)
    return base;
  return access("/var/tmp", W_OK | X_OK) ? "/tmp" : "/var/tmp";
}

bool resq_workdir_create(resq_workdir *w, resq_error *err) {
  const char *base = base_folder();
  snprintf(w->path, sizeof w->path, "%s/resq-XXXXXX", base);
  if (mkdtemp(w->path))
    return true;
  int code = errno;
  w->path[0] = 0;
  return resq_fail(err, RESQ_IO,
                   "%s: no temporary folder can be made there (%s); TMPDIR names another", base,
                   strerror(code));
}

void resq_workdir_remove(resq_workdir *w) {
  DIR *dir = w->path[0] ? opendir(w->path) : NULL;
  if (!dir)
    return;
  for (struct dirent *e; (e = readdir(dir));)
    if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
      unlinkat(dirfd(dir), e->d_name, 0);
  closedir(dir);
  rmdir(w->path);
  w->path[0] = 0;
}

void resq_workdir_file(const resq_workdir *w, const char *name, char out[PATH_MAX]) {
  if (snprintf(out, PATH_MAX, "%s/%s", w->path, name) >= PATH_MAX)
    out[0] = 0; // opening it fails with a clear error
}

bool resq_workdir_write(const resq_workdir *w, const char *name, const void *data, size_t size,
                        char out_path[PATH_MAX], resq_error *err) {
  resq_workdir_file(w, name, out_path);
  FILE *f = fopen(out_path, "wb");
  bool ok = f && fwrite(data, 1, size, f) == size;
  int code = errno;
  if (f && fclose(f)) {
    code = errno;
    ok = false;
  }
  return ok ||
         resq_fail(err, RESQ_IO, "%s: cannot write %zu bytes (%s)", out_path, size, strerror(code));
}
