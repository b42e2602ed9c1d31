//===-- file.c - mapped input, atomic output ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Input is mapped, so a checkpoint costs address space and not memory. Output
// stands under a temporary name until it is complete and on disk: whatever
// happens before the rename, the final name holds the old file or none.
//===----------------------------------------------------------------------===//
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/file.h"

#include "base/process.h"
#include "base/system_error.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
  MAX_ATTEMPTS = 1000,    // temporary names tried before giving up
  MAX_NAME_IN_TEMP = 200, // of the final name: leaves room for the rest in NAME_MAX (255)
  MAX_WRITE = 1 << 30,    // Linux writes at most 2 GiB - 4 KiB a call
};

static bool fail_errno(resq_error *err, const char *what, const char *path, int code) {
  return resq_fail(err, resq_code_of_errno(code), "cannot %s '%s': %s", what, path, strerror(code));
}

static const char *kind_of_file(mode_t mode) {
  switch (mode & S_IFMT) {
  case S_IFREG:
    return "a regular file";
  case S_IFDIR:
    return "a directory";
  case S_IFIFO:
    return "a pipe";
  case S_IFCHR:
    return "a character device";
  case S_IFBLK:
    return "a block device";
  case S_IFSOCK:
    return "a socket";
  default:
    return "a special file";
  }
}

//===-- Folders -----------------------------------------------------------===//

bool resq_make_folders(const char *path, resq_error *err) {
  char part[PATH_MAX];
  size_t length = strlen(path);
  if (length == 0 || length >= sizeof part)
    return fail_errno(err, "create folder", path, length ? ENAMETOOLONG : ENOENT);
  memcpy(part, path, length + 1);
  // Each prefix that ends before a slash, then all of it.
  for (char *at = part + 1;; ++at) {
    if (*at != '/' && *at != 0)
      continue;
    char held = *at;
    *at = 0;
    if (mkdir(part, 0777) != 0 && errno != EEXIST)
      return fail_errno(err, "create folder", part, errno);
    *at = held;
    if (held == 0)
      break;
  }
  struct stat info;
  if (stat(path, &info) != 0)
    return fail_errno(err, "inspect", path, errno);
  return S_ISDIR(info.st_mode) ||
         resq_fail(err, RESQ_IO, "'%s' is %s, not a folder", path, kind_of_file(info.st_mode));
}

//===-- Input -------------------------------------------------------------===//

static bool map_descriptor(resq_map *map, int fd, const char *path, resq_error *err) {
  struct stat info;
  if (fstat(fd, &info) != 0)
    return fail_errno(err, "inspect", path, errno);
  if (!S_ISREG(info.st_mode))
    return resq_fail(err, RESQ_IO, "cannot read '%s': it is %s, not a regular file", path,
                     kind_of_file(info.st_mode));
  if (info.st_size == 0)
    return true;
  if ((uint64_t)info.st_size > SIZE_MAX)
    return fail_errno(err, "map", path, EFBIG);
  void *data = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
  if (data == MAP_FAILED)
    return fail_errno(err, "map", path, errno);
  if (!resq_note_map(path, data, (size_t)info.st_size)) {
    munmap(data, (size_t)info.st_size);
    return fail_errno(err, "map", path, ENOMEM);
  }
  map->data = data;
  map->size = (uint64_t)info.st_size;
  return true;
}

bool resq_map_open(resq_map *out_map, const char *path, resq_error *err) {
  *out_map = (resq_map){0};
  // O_NONBLOCK: opening a pipe nobody writes to must not hang; regular files ignore it.
  int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
  if (fd < 0)
    return fail_errno(err, "open", path, errno);
  bool ok = map_descriptor(out_map, fd, path, err);
  close(fd);
  return ok;
}

void resq_map_close(resq_map *map) {
  if (map->data) {
    resq_note_drop(resq_note_of_map(map->data));
    munmap((void *)map->data, (size_t)map->size);
  }
  *map = (resq_map){0};
}

void resq_map_drop_pages(const resq_map *map) {
  // Never written to, so nothing is lost; a failure leaves the pages where they are.
  if (map->data)
    madvise((void *)(uintptr_t)map->data, (size_t)map->size, MADV_DONTNEED);
}

//===-- Output ------------------------------------------------------------===//

struct resq_out {
  int fd;
  bool failed;   // after a failed write the file must not get its final name
  bool complete; // written and on disk
  uint64_t position;
  char *path;
  char *temporary;
  resq_note *note; // of the temporary file
};

static size_t directory_length(const char *path) {
  const char *slash = strrchr(path, '/');
  return slash ? (size_t)(slash - path) + 1 : 0;
}

/// The final name must be free or an ordinary file that we may replace: renaming over /dev/null or a pipe would replace
/// the device by a file, and writing into it would not be atomic.
static bool check_target(const char *path, resq_error *err) {
  size_t directory = directory_length(path);
  if (path[directory] == '\0')
    return resq_fail(err, RESQ_IO, "cannot write '%s': it names no file", path);
  struct stat info;
  if (stat(path, &info) != 0) {
    if (errno == ENOENT)
      return true;
    return fail_errno(err, "write", path, errno);
  }
  if (!S_ISREG(info.st_mode))
    return resq_fail(err, RESQ_IO, "cannot write '%s': it is %s, not a regular file", path,
                     kind_of_file(info.st_mode));
  if (access(path, W_OK) != 0)
    return fail_errno(err, "replace", path, errno);
  return true;
}

/// "<folder>.<name>.resq-": what temporary files of an output begin with. malloc'ed, with room for the rest.
static char *temporary_prefix(const char *path, size_t *out_length) {
  enum { room = 64 };
  size_t directory = directory_length(path), name_length = strlen(path + directory);
  if (name_length > MAX_NAME_IN_TEMP)
    name_length = MAX_NAME_IN_TEMP;
  size_t capacity = directory + name_length + room;
  char *prefix = malloc(capacity);
  if (prefix)
    *out_length = (size_t)snprintf(prefix, capacity, "%.*s.%.*s.resq-", (int)directory, path,
                                   (int)name_length, path + directory);
  return prefix;
}

/// Whether `fd` is still the file of that name, which somebody may have removed before we locked it.
static bool has_name(int fd, const char *name) {
  struct stat own, named;
  return fstat(fd, &own) == 0 && lstat(name, &named) == 0 && own.st_dev == named.st_dev &&
         own.st_ino == named.st_ino;
}

/// "<digits>-<digits>.tmp" behind the prefix.
static bool is_temporary(const char *rest) {
  size_t process = strspn(rest, "0123456789");
  if (!process || rest[process] != '-')
    return false;
  rest += process + 1;
  size_t attempt = strspn(rest, "0123456789");
  return attempt && strcmp(rest + attempt, ".tmp") == 0;
}

/// Temporary files of the same output whose maker is dead, which their lock tells. Best effort.
static void remove_stale(const char *prefix, size_t length) {
  size_t directory = directory_length(prefix), own = length - directory;
  char folder[PATH_MAX], path[PATH_MAX + NAME_MAX + 2];
  snprintf(folder, sizeof folder, "%.*s", (int)directory, prefix);
  DIR *dir = opendir(directory ? folder : ".");
  for (struct dirent *e; dir && (e = readdir(dir));) {
    if (strncmp(e->d_name, prefix + directory, own) != 0 || !is_temporary(e->d_name + own))
      continue;
    snprintf(path, sizeof path, "%s%s", directory ? folder : "", e->d_name);
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
      continue;
    if (flock(fd, LOCK_EX | LOCK_NB) == 0 && has_name(fd, path))
      unlink(path);
    close(fd);
  }
  if (dir)
    closedir(dir);
}

/// Makes, locks and notes the file. 0, or an errno; EEXIST asks for another name.
static int make_temporary(resq_out *out, unsigned mode) {
  sigset_t held;
  resq_hold_begin(&held);
  // Noted first: where that needs memory that is not there, there is no file yet either.
  out->note = resq_note_file(out->temporary);
  int code = out->note ? 0 : ENOMEM;
  if (!code) {
    out->fd = open(out->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, (mode_t)mode);
    code = out->fd >= 0 ? 0 : errno == EINTR ? EEXIST : errno;
  }
  if (!code) {
    // A file system without locks keeps what a killed process leaves.
    flock(out->fd, LOCK_EX | LOCK_NB);
    if (!has_name(out->fd, out->temporary))
      code = EEXIST; // taken for a dead process's in the moment before the lock
  }
  if (code) {
    resq_note_drop(out->note);
    out->note = NULL;
    if (out->fd >= 0)
      close(out->fd);
    out->fd = -1;
  }
  resq_hold_end(&held);
  return code;
}

static bool create_temporary(resq_out *out, unsigned mode, resq_error *err) {
  size_t length = 0;
  out->temporary = temporary_prefix(out->path, &length);
  if (!out->temporary)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory to write '%s'", out->path);
  remove_stale(out->temporary, length);
  for (int attempt = 0; attempt < MAX_ATTEMPTS; ++attempt) {
    sprintf(out->temporary + length, "%ld-%d.tmp", (long)getpid(), attempt);
    int code = make_temporary(out, mode);
    if (code == 0)
      return true;
    if (code != EEXIST)
      return fail_errno(err, "create", out->temporary, code);
  }
  return resq_fail(err, RESQ_IO, "cannot create '%s': too many left-over temporary files beside it",
                   out->temporary);
}

static void free_out(resq_out *out) {
  resq_note_drop(out->note);
  if (out->fd >= 0)
    close(out->fd);
  free(out->temporary);
  free(out->path);
  free(out);
}

resq_out *resq_out_create(const char *path, unsigned mode, resq_error *err) {
  if (strlen(path) >= PATH_MAX) {
    resq_fail(err, RESQ_IO, "cannot write a file: its path has %zu bytes; at most %d are allowed",
              strlen(path), PATH_MAX - 1);
    return NULL;
  }
  if (!check_target(path, err))
    return NULL;
  resq_out *out = calloc(1, sizeof *out);
  char *copy = strdup(path);
  if (!out || !copy) {
    free(out);
    free(copy);
    resq_fail(err, RESQ_NO_MEMORY, "no memory to write '%s'", path);
    return NULL;
  }
  out->fd = -1;
  out->path = copy;
  if (!create_temporary(out, mode, err)) {
    free_out(out);
    return NULL;
  }
  return out;
}

bool resq_out_write(resq_out *out, const void *data, uint64_t size, resq_error *err) {
  const uint8_t *bytes = data;
  while (size > 0) {
    ssize_t written = write(out->fd, bytes, (size_t)(size < MAX_WRITE ? size : MAX_WRITE));
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0) {
      out->failed = true;
      // A write of 0 bytes that were more than 0 means that the device takes no more.
      return fail_errno(err, "write", out->path, written < 0 ? errno : ENOSPC);
    }
    bytes += written;
    size -= (uint64_t)written;
    out->position += (uint64_t)written;
  }
  return true;
}

bool resq_out_align(resq_out *out, uint64_t alignment, resq_error *err) {
  static const uint8_t zeros[4096];
  uint64_t missing = alignment > 1 ? (alignment - out->position % alignment) % alignment : 0;
  while (missing > 0) {
    uint64_t step = missing < sizeof zeros ? missing : sizeof zeros;
    if (!resq_out_write(out, zeros, step, err))
      return false;
    missing -= step;
  }
  return true;
}

uint64_t resq_out_position(const resq_out *out) { return out->position; }

const char *resq_out_temporary(const resq_out *out) { return out->temporary; }

/// Data to disk, by name: a linker may have put another file where ours was.
static bool synchronise(const char *temporary, const char *path, resq_error *err) {
  int fd = open(temporary, O_RDONLY | O_CLOEXEC);
  if (fd < 0)
    return fail_errno(err, "complete", path, errno);
  int code = 0;
  while (fsync(fd) != 0) {
    code = errno;
    if (code != EINTR)
      break;
    code = 0;
  }
  close(fd);
  // Some file systems have nothing to synchronise.
  if (code != 0 && code != EINVAL && code != ENOTSUP)
    return fail_errno(err, "complete", path, code);
  return true;
}

/// Makes the rename itself durable. Best effort: the file is complete and has its name already.
static void synchronise_directory(const char *path) {
  size_t length = directory_length(path);
  char *directory = length ? strndup(path, length) : strdup(".");
  if (!directory)
    return;
  int fd = open(directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  free(directory);
  if (fd < 0)
    return;
  fsync(fd);
  close(fd);
}

/// The descriptor stays open: it holds the lock.
bool resq_out_complete(resq_out *out, resq_error *err) {
  if (out->failed)
    return resq_fail(err, RESQ_IO, "cannot complete '%s': a write failed", out->path);
  out->complete = out->complete || synchronise(out->temporary, out->path, err);
  return out->complete;
}

/// All renames, or none that an interrupt could part. Where one fails, those before it are taken back:
/// files that belong together appear together.
static bool publish(resq_out *const *outs, int n, resq_error *err) {
  sigset_t held;
  resq_hold_begin(&held);
  int done = 0, code = 0;
  for (; done < n && !code; ++done)
    if (outs[done] && rename(outs[done]->temporary, outs[done]->path) != 0)
      code = errno;
  if (code) {
    fail_errno(err, "complete", outs[--done]->path, code);
    for (int i = 0; i < done; ++i)
      if (outs[i])
        unlink(outs[i]->path);
  }
  for (int i = 0; !code && i < n; ++i)
    if (outs[i]) {
      resq_note_drop(outs[i]->note);
      outs[i]->note = NULL;
    }
  resq_hold_end(&held);
  return !code;
}

bool resq_out_commit_all(resq_out *const *outs, int n, resq_error *err) {
  bool ok = true;
  for (int i = 0; ok && i < n; ++i)
    ok = !outs[i] || resq_out_complete(outs[i], err);
  ok = ok && publish(outs, n, err);
  for (int i = 0; i < n; ++i) {
    if (ok && outs[i]) {
      synchronise_directory(outs[i]->path);
      free_out(outs[i]);
    } else {
      resq_out_discard(outs[i]);
    }
  }
  return ok;
}

bool resq_out_commit(resq_out *out, resq_error *err) { return resq_out_commit_all(&out, 1, err); }

void resq_out_discard(resq_out *out) {
  if (!out)
    return;
  unlink(out->temporary);
  free_out(out);
}
