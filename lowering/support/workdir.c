//===-- workdir.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "workdir.h"

#include "base/system_error.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

/// Gigabytes may come to lie here: /var/tmp is on disk where /tmp is often memory.
static const char *base_folder(void) {
  const char *base = getenv("TMPDIR");
  if (base && *base)
    return base;
  return access("/var/tmp", W_OK | X_OK) ? "/tmp" : "/var/tmp";
}

#define PREFIX "resq-work-"
enum { RANDOM_LETTERS = 6, MAX_ATTEMPTS = 100 };

/// Locks the folder's owner file. -1 with errno: EWOULDBLOCK where a living process holds it,
/// ENOENT where it is gone, also when it went between being opened and being locked.
static int lock_owner(const char *folder, int flags) {
  char path[PATH_MAX + sizeof RESQ_FOLDER_OWNER + 1];
  snprintf(path, sizeof path, "%s/" RESQ_FOLDER_OWNER, folder);
  int fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW | flags, 0600);
  if (fd < 0)
    return -1;
  struct stat own, named;
  int code = flock(fd, LOCK_EX | LOCK_NB) ? errno : 0;
  if (!code && (fstat(fd, &own) || lstat(path, &named) || own.st_ino != named.st_ino ||
                own.st_dev != named.st_dev))
    code = ENOENT;
  if (!code)
    return fd;
  close(fd);
  errno = code;
  return -1;
}

/// What a killed process left. One that another process is just making is empty or not locked yet:
/// its maker notices that it is gone, and makes another.
static void remove_stale(const char *base) {
  DIR *dir = opendir(base);
  for (struct dirent *e; dir && (e = readdir(dir));) {
    char path[PATH_MAX];
    struct stat info;
    if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0 ||
        strlen(e->d_name) != strlen(PREFIX) + RANDOM_LETTERS ||
        snprintf(path, sizeof path, "%s/%s", base, e->d_name) >= (int)sizeof path ||
        lstat(path, &info) || !S_ISDIR(info.st_mode) || info.st_uid != geteuid())
      continue;
    int lock = lock_owner(path, 0);
    if (lock >= 0) {
      resq_remove_folder(path);
      close(lock);
    } else if (errno == ENOENT) {
      rmdir(path); // without an owner file only an empty folder is certainly ours
    }
  }
  if (dir)
    closedir(dir);
}

/// One folder. 0, or an errno; ENOENT where another process took it for a dead one's.
static int make_folder(resq_workdir *w, const char *base) {
  if (snprintf(w->path, sizeof w->path, "%s/" PREFIX "XXXXXX", base) >= (int)sizeof w->path)
    return ENAMETOOLONG;
  sigset_t held;
  resq_hold_begin(&held);
  int code = mkdtemp(w->path) ? 0 : errno;
  if (!code) {
    w->note = resq_note_folder(w->path);
    w->lock = lock_owner(w->path, O_CREAT | O_EXCL);
    code = !w->note ? ENOMEM : w->lock < 0 ? errno : 0;
    // A file system without locks: nothing can be told from another's, so nothing is removed there.
    if (code && code != ENOENT && code != ENOMEM) {
      char path[PATH_MAX + sizeof RESQ_FOLDER_OWNER + 1];
      snprintf(path, sizeof path, "%s/" RESQ_FOLDER_OWNER, w->path);
      int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
      code = fd < 0 ? errno : 0;
      w->lock = fd;
    }
    if (code)
      resq_workdir_remove(w);
  }
  resq_hold_end(&held);
  return code;
}

bool resq_workdir_create(resq_workdir *w, resq_error *err) {
  *w = (resq_workdir){.lock = -1};
  // Absolute: a name that begins with - would be an option of the linker.
  const char *given = base_folder();
  char base[PATH_MAX];
  int code = realpath(given, base) ? 0 : errno;
  if (!code)
    remove_stale(base);
  for (int i = 0; !code && i < MAX_ATTEMPTS; i++) {
    code = make_folder(w, base);
    if (!code)
      return true;
    if (code == ENOENT && i + 1 < MAX_ATTEMPTS)
      code = 0;
  }
  w->path[0] = 0;
  return resq_fail(err, resq_code_of_errno(code),
                   "%s: no temporary folder can be made there (%s); TMPDIR names another", given,
                   strerror(code));
}

void resq_workdir_remove(resq_workdir *w) {
  if (!w->path[0])
    return;
  sigset_t held;
  resq_hold_begin(&held);
  resq_remove_folder(w->path);
  resq_note_drop(w->note);
  if (w->lock >= 0)
    close(w->lock);
  resq_hold_end(&held);
  *w = (resq_workdir){.lock = -1};
}

void resq_workdir_file(const resq_workdir *w, const char *name, char out[PATH_MAX]) {
  if (snprintf(out, PATH_MAX, "%s/%s", w->path, name) >= PATH_MAX)
    out[0] = 0; // opening it fails with a clear error
}

bool resq_workdir_write(const resq_workdir *w, const char *name, const void *data, size_t size,
                        char out_path[PATH_MAX], resq_error *err) {
  resq_workdir_file(w, name, out_path);
  FILE *f = fopen(out_path, "wbe");
  bool ok = f && fwrite(data, 1, size, f) == size;
  int code = errno;
  if (f && fclose(f)) {
    code = errno;
    ok = false;
  }
  return ok || resq_fail(err, resq_code_of_errno(code), "%s: cannot write %zu bytes (%s)", out_path,
                         size, strerror(code));
}
