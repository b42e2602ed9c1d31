//===-- fail_allocation.c - makes the Nth allocation of a process fail ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A library for LD_PRELOAD that stands before malloc, calloc, realloc, aligned_alloc,
// posix_memalign, strdup, strndup, mmap and mmap64. Environment:
//
//   RESQ_FAIL_AT=N        the Nth counted call fails (from 1); 0 or none: nothing fails
//   RESQ_FAIL_ON=1        all later counted calls fail, too
//   RESQ_FAIL_IN=TEXT     only calls out of objects whose path holds TEXT are counted
//   RESQ_FAIL_COUNT=FILE  8 bytes of FILE are the count so far, also when the process is killed
//   RESQ_FAIL_SAY=1       names the caller of what fails on stderr
//===----------------------------------------------------------------------===//
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

void *__libc_malloc(size_t);
void *__libc_calloc(size_t, size_t);
void *__libc_realloc(void *, size_t);
void *__libc_memalign(size_t, size_t);

static atomic_long own_count, *count = &own_count;
static long fail_at;
static bool on, filtered, say, ready;
static struct {
  uintptr_t begin, end;
} ranges[64];
static int n_ranges;

static int note_object(struct dl_phdr_info *info, size_t size, void *text) {
  (void)size;
  char path[4096] = "";
  if (!info->dlpi_name[0] && readlink("/proc/self/exe", path, sizeof path - 1) < 0)
    return 0;
  if (!strstr(info->dlpi_name[0] ? info->dlpi_name : path, text))
    return 0;
  for (int i = 0; i < info->dlpi_phnum && n_ranges < 64; i++)
    if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
      uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
      ranges[n_ranges].begin = begin;
      ranges[n_ranges++].end = begin + info->dlpi_phdr[i].p_memsz;
    }
  return 0;
}

__attribute__((constructor)) static void begin(void) {
  const char *at = getenv("RESQ_FAIL_AT"), *in = getenv("RESQ_FAIL_IN");
  const char *file = getenv("RESQ_FAIL_COUNT");
  fail_at = at ? atol(at) : 0;
  on = getenv("RESQ_FAIL_ON") != NULL;
  say = getenv("RESQ_FAIL_SAY") != NULL;
  if (in && *in && (filtered = true))
    dl_iterate_phdr(note_object, (void *)in);
  int fd = file ? open(file, O_RDWR | O_CREAT | O_CLOEXEC, 0600) : -1;
  if (fd >= 0 && ftruncate(fd, sizeof *count) == 0) {
    void *p =
        (void *)syscall(SYS_mmap, NULL, sizeof *count, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (p != MAP_FAILED)
      count = p;
  }
  if (fd >= 0)
    close(fd);
  // Programs that this one starts are left alone.
  unsetenv("LD_PRELOAD");
  ready = true;
}

static bool fails(const void *caller) {
  if (!ready)
    return false;
  bool counted = !filtered;
  for (int i = 0; !counted && i < n_ranges; i++)
    counted = (uintptr_t)caller >= ranges[i].begin && (uintptr_t)caller < ranges[i].end;
  if (!counted)
    return false;
  long n = atomic_fetch_add(count, 1) + 1;
  if (fail_at <= 0 || (on ? n < fail_at : n != fail_at))
    return false;
  if (say && n == fail_at) {
    ready = false;
    Dl_info info = {0};
    dladdr(caller, &info);
    dprintf(2, "fail_allocation: call %ld, from %s(%s) +%#tx\n", n,
            info.dli_fname ? info.dli_fname : "?", info.dli_sname ? info.dli_sname : "?",
            (const char *)caller - (const char *)info.dli_fbase);
    ready = true;
  }
  errno = ENOMEM;
  return true;
}

#define CALLER __builtin_return_address(0)

void *malloc(size_t size) { return fails(CALLER) ? NULL : __libc_malloc(size); }
void *calloc(size_t n, size_t size) { return fails(CALLER) ? NULL : __libc_calloc(n, size); }
void *realloc(void *p, size_t size) { return fails(CALLER) ? NULL : __libc_realloc(p, size); }
void *memalign(size_t alignment, size_t size) {
  return fails(CALLER) ? NULL : __libc_memalign(alignment, size);
}
void *aligned_alloc(size_t alignment, size_t size) {
  return fails(CALLER) ? NULL : __libc_memalign(alignment, size);
}
int posix_memalign(void **out, size_t alignment, size_t size) {
  void *p = fails(CALLER) ? NULL : __libc_memalign(alignment, size);
  if (p)
    *out = p;
  return p ? 0 : ENOMEM;
}

static char *copy(const char *text, size_t length) {
  char *p = __libc_malloc(length + 1);
  if (p) {
    memcpy(p, text, length);
    p[length] = 0;
  }
  return p;
}
char *strdup(const char *text) { return fails(CALLER) ? NULL : copy(text, strlen(text)); }
char *strndup(const char *text, size_t n) {
  return fails(CALLER) ? NULL : copy(text, strnlen(text, n));
}

static void *map(const void *caller, void *at, size_t size, int protection, int flags, int fd,
                 off_t offset) {
  if (fails(caller))
    return MAP_FAILED;
  return (void *)syscall(SYS_mmap, at, size, protection, flags, fd, offset);
}
void *mmap(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
  return map(CALLER, at, size, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t size, int protection, int flags, int fd, off_t offset) {
  return map(CALLER, at, size, protection, flags, fd, offset);
}
