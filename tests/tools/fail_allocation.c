//===-- fail_allocation.c - makes the Nth allocation of a process fail ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A library for LD_PRELOAD that stands before malloc, calloc, realloc, aligned_alloc,
// posix_memalign, strdup, strndup, mmap and mmap64. Environment:
//
//   RESQ_FAIL_AT=N        the Nth counted call fails (from 1); 0 or none: nothing fails
//   RESQ_FAIL_ON=1        all later counted calls fail, too
//   RESQ_FAIL_IN=A:B...   only calls out of objects whose path holds A, or B, are counted
//   RESQ_FAIL_STACKS=N    of calls with the same N innermost callers only the first is counted
//   RESQ_FAIL_COUNT=FILE  8 bytes of FILE are the count so far, also when the process is killed
//   RESQ_FAIL_SAY=1       names the caller of what fails on stderr
//   RESQ_FAIL_SERVE=FD    many failures in one run, each in a process forked from it (below)
//===----------------------------------------------------------------------===//
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
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

/// Whether `path` holds one of the texts between the colons of `list`.
static bool is_named(const char *path, const char *list) {
  for (const char *end; *list; list = *end ? end + 1 : end) {
    end = strchrnul(list, ':');
    if (end > list && memmem(path, strlen(path), list, (size_t)(end - list)))
      return true;
  }
  return false;
}

static int note_object(struct dl_phdr_info *info, size_t size, void *list) {
  (void)size;
  char path[4096] = "";
  if (!info->dlpi_name[0] && readlink("/proc/self/exe", path, sizeof path - 1) < 0)
    return 0;
  if (!is_named(info->dlpi_name[0] ? info->dlpi_name : path, list))
    return 0;
  for (int i = 0; i < info->dlpi_phnum && n_ranges < 64; i++)
    if (info->dlpi_phdr[i].p_type == PT_LOAD && info->dlpi_phdr[i].p_flags & PF_X) {
      uintptr_t begin = info->dlpi_addr + info->dlpi_phdr[i].p_vaddr;
      ranges[n_ranges].begin = begin;
      ranges[n_ranges++].end = begin + info->dlpi_phdr[i].p_memsz;
    }
  return 0;
}

//===-- Serving -----------------------------------------------------------===//
//
// Starting a compiler costs more than failing does. A run that serves stops before each call that
// it is told and forks: the call fails in the child, which goes on from there to its end, while the
// run waits and then takes the next order. tests/bad/memory_server.py has the other end of the
// socket FD. It puts files back as they were before the child; offsets of open files are put back
// here. A child takes its parent's process id, so that it removes what its parent noted.
// While there are threads or child processes, a fork is another thing than the run: the answer then
// is CANNOT, and the call must fail in a run of its own.

typedef struct message {
  int64_t what, value;
} message;
/// What a run says. READY: files may be saved, any order is the answer. ENDED: the child's wait
/// status. CANNOT: no child was made. The answer to these two is the next order: the number of a
/// call (0: none) and whether those behind it fail, too.
enum { READY, ENDED, CANNOT };
enum { N_FILES = 256, CHILD_SECONDS = 600 };

static int server = -1;
static pid_t server_process, child_process;
static message order;

static pid_t own_process(void) { return (pid_t)syscall(SYS_getpid); }

/// In place of the C library's.
pid_t getpid(void) {
  pid_t self = own_process();
  return child_process && self == child_process ? server_process : self;
}

/// Without the other end nothing can be served: the run ends.
static void exchange(int64_t what, int64_t value) {
  message m = {what, value};
  if (what >= 0 && write(server, &m, sizeof m) != sizeof m)
    _exit(99);
  if (read(server, &order, sizeof order) != sizeof order)
    _exit(99);
}

static bool is_alone(void) {
  struct stat tasks;
  siginfo_t info;
  return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink == 3 &&
         waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) < 0 && errno == ECHILD;
}

/// Whether call `n` fails here, in a child.
static bool serve(long n) {
  if (own_process() != server_process)
    return false; // a process that the run made for itself
  while (order.what == n) {
    if (!is_alone()) {
      exchange(CANNOT, 0);
      continue;
    }
    off_t offsets[N_FILES];
    for (int fd = 0; fd < N_FILES; fd++)
      offsets[fd] = lseek(fd, 0, SEEK_CUR);
    bool all = order.value != 0;
    exchange(READY, 0);
    pid_t child = _Fork();
    if (child == 0) {
      close(server);
      server = -1;
      child_process = own_process();
      fail_at = n;
      on = all;
      alarm(CHILD_SECONDS);
      return true;
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child)
      _exit(99);
    for (int fd = 0; fd < N_FILES; fd++)
      if (offsets[fd] >= 0)
        lseek(fd, offsets[fd], SEEK_SET);
    exchange(ENDED, status);
  }
  return false;
}

//===-- Stacks ------------------------------------------------------------===//

enum { MAX_FRAMES = 64, N_STACKS = 1 << 20 };
static int n_frames; // 0: all calls are counted
static uint64_t stacks[N_STACKS];
static atomic_flag stacks_lock = ATOMIC_FLAG_INIT;

/// Whether this is the first call with these callers. A full table takes no more: all are counted.
static bool is_new_stack(void) {
  void *frames[MAX_FRAMES];
  int n = backtrace(frames, n_frames);
  uint64_t hash = 14695981039346656037u; // FNV-1a, over addresses
  for (int i = 0; i < n; i++)
    hash = (hash ^ (uintptr_t)frames[i]) * 1099511628211u;
  hash ^= hash >> 29;
  hash += !hash;
  while (atomic_flag_test_and_set(&stacks_lock))
    ;
  bool found = false, placed = false;
  for (uint64_t i = 0; !found && !placed && i < 64; i++) {
    uint64_t *slot = &stacks[(hash + i) % N_STACKS];
    found = *slot == hash;
    placed = !*slot;
    if (placed)
      *slot = hash;
  }
  atomic_flag_clear(&stacks_lock);
  return !found;
}

//===-- Counting ----------------------------------------------------------===//

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
  const char *depth = getenv("RESQ_FAIL_STACKS");
  void *frames[MAX_FRAMES];
  n_frames = depth ? atoi(depth) : 0;
  n_frames = n_frames > MAX_FRAMES ? MAX_FRAMES : n_frames;
  backtrace(frames, n_frames ? 1 : 0); // its first call allocates
  const char *socket = getenv("RESQ_FAIL_SERVE");
  if (socket) {
    server = atoi(socket);
    fcntl(server, F_SETFD, FD_CLOEXEC);
    server_process = own_process();
    exchange(-1, 0);
  }
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
  if (on && fail_at > 0 && atomic_load(count) >= fail_at) { // whether it would be counted or not
    errno = ENOMEM;
    return true;
  }
  if (n_frames && !is_new_stack())
    return false;
  long n = atomic_fetch_add(count, 1) + 1;
  int before = errno;
  bool served = server >= 0 && serve(n);
  errno = before;
  if (!served && n != fail_at)
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
/// NULL for no bytes is no failure.
void *realloc(void *p, size_t size) {
  return size && fails(CALLER) ? NULL : __libc_realloc(p, size);
}
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
