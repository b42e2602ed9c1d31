//===-- fail_io.c - the nth call of the C library's file functions fails --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A shared object for LD_PRELOAD. Environment:
//
//   RESQ_FAIL_IO=CALL:N:HOW   from the Nth call (1 ...) of CALL on, HOW happens. CALL: open (for
//                             writing), read, write, fsync, ftruncate, rename, close (of what was
//                             open for writing), mkdir; each stands for its family (pread, ...).
//                             HOW: ENOSPC, EIO, EDQUOT: it fails so, each time. EINTR: that one call
//                             is interrupted before it did anything. short: it, and all later ones,
//                             move half of the bytes, at least one.
//   RESQ_FAIL_IO_COUNT=FILE   nothing fails; at the end of each process a line "CALL NUMBER N..." is
//                             appended to FILE for each CALL: how many were made, and which of them
//                             were the first from their place (the stack of callers).
//   RESQ_FAIL_IO_PROGRAM=FILE calls of processes that run FILE (as /proc/self/exe names it) count and
//                             fail, those of others do not; !FILE: those of others alone. Without it
//                             all do.
//
// Descriptor 2 is left alone, so that messages arrive. stdio's own system calls cannot be seen here.
//===----------------------------------------------------------------------===//
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum {
  OPEN_CALL,
  READ_CALL,
  WRITE_CALL,
  FSYNC_CALL,
  FTRUNCATE_CALL,
  RENAME_CALL,
  CLOSE_CALL,
  MKDIR_CALL,
  N_CALLS
};
static const char *const names[N_CALLS] = {"open",      "read",   "write", "fsync",
                                           "ftruncate", "rename", "close", "mkdir"};
static struct {
  int call; // -1: none
  long n;
  int code; // errno; 0: short
  char count[4096];
  int absent; // this process is not one that counts
} plan = {.call = -1};
static atomic_long calls[N_CALLS];

/// Places that calls came from, and the number of the first. A full table takes no more.
enum { MAX_FRAMES = 64, MAX_PLACES = 1024 };
static struct {
  uint64_t stack;
  long n;
} places[N_CALLS][MAX_PLACES];
static int n_places[N_CALLS];
static atomic_flag places_lock = ATOMIC_FLAG_INIT;

static void note_place(int call, long n) {
  void *frames[MAX_FRAMES];
  uint64_t stack = 14695981039346656037u; // FNV-1a, over addresses
  for (int i = 0, depth = backtrace(frames, MAX_FRAMES); i < depth; ++i)
    stack = (stack ^ (uintptr_t)frames[i]) * 1099511628211u;
  while (atomic_flag_test_and_set(&places_lock))
    ;
  int i = 0;
  while (i < n_places[call] && places[call][i].stack != stack)
    ++i;
  if (i == n_places[call] && i < MAX_PLACES) {
    places[call][i].stack = stack;
    places[call][i].n = n;
    n_places[call] = i + 1;
  }
  atomic_flag_clear(&places_lock);
}

static int is_absent(const char *program) {
  char self[4096];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  if (!program || length < 0)
    return 0;
  self[length] = 0;
  return program[0] == '!' ? !strcmp(self, program + 1) : strcmp(self, program) != 0;
}

__attribute__((constructor)) static void read_plan(void) {
  char call[16], how[16];
  if ((plan.absent = is_absent(getenv("RESQ_FAIL_IO_PROGRAM"))))
    return;
  const char *text = getenv("RESQ_FAIL_IO"), *count = getenv("RESQ_FAIL_IO_COUNT");
  void *frame;
  backtrace(&frame, 1); // the first time it loads a library
  snprintf(plan.count, sizeof plan.count, "%s", count ? count : "");
  if (!text || sscanf(text, "%15[^:]:%ld:%15s", call, &plan.n, how) != 3)
    return;
  for (int i = 0; i < N_CALLS; ++i)
    if (!strcmp(call, names[i]))
      plan.call = i;
  plan.code = !strcmp(how, "ENOSPC")   ? ENOSPC
              : !strcmp(how, "EIO")    ? EIO
              : !strcmp(how, "EDQUOT") ? EDQUOT
              : !strcmp(how, "EINTR")  ? EINTR
                                       : 0;
}

__attribute__((destructor)) static void report(void) {
  if (!plan.count[0])
    return;
  FILE *lines = NULL;
  char *text = NULL;
  size_t size = 0;
  if (!(lines = open_memstream(&text, &size)))
    return;
  for (int i = 0; i < N_CALLS; ++i) {
    fprintf(lines, "%s %ld", names[i], atomic_load(&calls[i]));
    for (int k = 0; k < n_places[i]; ++k)
      fprintf(lines, " %ld", places[i][k].n);
    fputc('\n', lines);
  }
  fclose(lines);
  long fd = syscall(SYS_openat, AT_FDCWD, plan.count, O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (fd >= 0) {
    syscall(SYS_write, fd, text, size);
    syscall(SYS_close, fd);
  }
  free(text);
}

/// A process that ends by _exit counts, too.
void _exit(int status) {
  report();
  for (;;)
    syscall(SYS_exit_group, status);
}

/// True when this call is to fail, with errno; *size, where given, is cut when it is to be short.
static int fails(int call, size_t *size) {
  if (plan.absent)
    return 0;
  long n = atomic_fetch_add(&calls[call], 1) + 1;
  if (plan.count[0])
    note_place(call, n);
  if (call != plan.call || n < plan.n || (plan.code == EINTR && n > plan.n))
    return 0;
  if (plan.code == 0) {
    if (size && *size > 1)
      *size /= 2;
    return 0;
  }
  errno = plan.code;
  return 1;
}

static int is_written(int fd) {
  int flags = fd == STDERR_FILENO ? -1 : (int)syscall(SYS_fcntl, fd, F_GETFL);
  return flags >= 0 && (flags & O_ACCMODE) != O_RDONLY;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

ssize_t write(int fd, const void *data, size_t size) {
  if (fd != STDERR_FILENO && fails(WRITE_CALL, &size))
    return -1;
  return syscall(SYS_write, fd, data, size);
}
ssize_t pwrite(int fd, const void *data, size_t size, off_t offset) {
  return fails(WRITE_CALL, &size) ? -1 : syscall(SYS_pwrite64, fd, data, size, offset);
}
ssize_t pwrite64(int fd, const void *data, size_t size, off64_t offset) {
  return fails(WRITE_CALL, &size) ? -1 : syscall(SYS_pwrite64, fd, data, size, offset);
}
ssize_t writev(int fd, const struct iovec *parts, int n) {
  return fails(WRITE_CALL, NULL) ? -1 : syscall(SYS_writev, fd, parts, n);
}
ssize_t read(int fd, void *data, size_t size) {
  return fails(READ_CALL, &size) ? -1 : syscall(SYS_read, fd, data, size);
}
ssize_t pread(int fd, void *data, size_t size, off_t offset) {
  return fails(READ_CALL, &size) ? -1 : syscall(SYS_pread64, fd, data, size, offset);
}
ssize_t pread64(int fd, void *data, size_t size, off64_t offset) {
  return fails(READ_CALL, &size) ? -1 : syscall(SYS_pread64, fd, data, size, offset);
}
int fsync(int fd) { return fails(FSYNC_CALL, NULL) ? -1 : (int)syscall(SYS_fsync, fd); }
int fdatasync(int fd) { return fails(FSYNC_CALL, NULL) ? -1 : (int)syscall(SYS_fdatasync, fd); }
int ftruncate(int fd, off_t size) {
  return fails(FTRUNCATE_CALL, NULL) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}
int ftruncate64(int fd, off64_t size) {
  return fails(FTRUNCATE_CALL, NULL) ? -1 : (int)syscall(SYS_ftruncate, fd, size);
}
int posix_fallocate(int fd, off_t offset, off_t size) {
  return fails(FTRUNCATE_CALL, NULL) ? errno : REAL(posix_fallocate)(fd, offset, size);
}
int posix_fallocate64(int fd, off64_t offset, off64_t size) {
  return fails(FTRUNCATE_CALL, NULL) ? errno : REAL(posix_fallocate64)(fd, offset, size);
}
int rename(const char *from, const char *to) {
  return fails(RENAME_CALL, NULL) ? -1 : (int)syscall(SYS_rename, from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
  return fails(RENAME_CALL, NULL) ? -1 : (int)syscall(SYS_renameat2, a, from, b, to, 0);
}
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  return fails(RENAME_CALL, NULL) ? -1 : (int)syscall(SYS_renameat2, a, from, b, to, flags);
}
int link(const char *from, const char *to) {
  return fails(RENAME_CALL, NULL) ? -1 : (int)syscall(SYS_link, from, to);
}
int mkdir(const char *path, mode_t mode) {
  return fails(MKDIR_CALL, NULL) ? -1 : (int)syscall(SYS_mkdir, path, mode);
}
char *mkdtemp(char *template) { return fails(MKDIR_CALL, NULL) ? NULL : REAL(mkdtemp)(template); }

/// The descriptor is closed all the same, as Linux does it.
int close(int fd) {
  int failed = is_written(fd) && fails(CLOSE_CALL, NULL);
  int code = errno, result = (int)syscall(SYS_close, fd);
  if (!failed)
    return result;
  errno = code;
  return -1;
}

static int open_at(int folder, const char *path, int flags, mode_t mode) {
  if ((flags & O_ACCMODE) != O_RDONLY && fails(OPEN_CALL, NULL))
    return -1;
  return (int)syscall(SYS_openat, folder, path, flags, mode);
}
#define OPEN(name, parameters, folder)                                                             \
  int name parameters {                                                                            \
    va_list more;                                                                                  \
    va_start(more, flags);                                                                         \
    mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(more, mode_t) : 0;                        \
    va_end(more);                                                                                  \
    return open_at(folder, path, flags, mode);                                                     \
  }
OPEN(open, (const char *path, int flags, ...), AT_FDCWD)
OPEN(open64, (const char *path, int flags, ...), AT_FDCWD)
OPEN(openat, (int folder, const char *path, int flags, ...), folder)
OPEN(openat64, (int folder, const char *path, int flags, ...), folder)
