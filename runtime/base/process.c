//===-- process.c - how a program begins, and ends before its time --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Notes stand in a list whose nodes are reused and never freed, changed only while interrupts are
// held: a handler that waits until nobody holds them may walk the list without a lock.
//===----------------------------------------------------------------------===//
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "base/process.h"

#include "base/error.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

typedef enum note_kind { NOTE_FREE, NOTE_FILE, NOTE_FOLDER, NOTE_MAP } note_kind;

struct resq_note {
  struct resq_note *next; ///< set once, before the node is in the list
  note_kind kind;
  pid_t owner; ///< a child that inherited the note leaves it alone
  const char *begin;
  size_t size;
  char path[PATH_MAX];
};

/// The first notes need no memory: what they are of can be made without fear of a lack of it.
enum { N_FIRST = 16 };
static resq_note first[N_FIRST];

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(resq_note *) notes;
static atomic_int holders, dying, finished;
static atomic_int child_group;
static const char *program = "resq";

/// What ends a program that is to end soon.
static const int interrupts[] = {SIGINT, SIGTERM, SIGHUP, SIGXCPU};
enum { n_interrupts = sizeof interrupts / sizeof interrupts[0] };

static void nap(void) {
  const struct timespec moment = {0, 1000000};
  nanosleep(&moment, NULL);
}

//===-- Holding -----------------------------------------------------------===//

void resq_hold_begin(sigset_t *held) {
  sigset_t all;
  sigemptyset(&all);
  for (int i = 0; i < n_interrupts; ++i)
    sigaddset(&all, interrupts[i]);
  pthread_sigmask(SIG_BLOCK, &all, held);
  atomic_fetch_add(&holders, 1);
  // Another thread is about to end the process: what would begin now could not be removed.
  while (atomic_load(&dying)) {
    atomic_fetch_sub(&holders, 1);
    for (;;)
      pause();
  }
}

void resq_hold_end(const sigset_t *held) {
  atomic_fetch_sub(&holders, 1);
  pthread_sigmask(SIG_SETMASK, held, NULL);
}

//===-- Notes -------------------------------------------------------------===//

static resq_note *add_note(note_kind kind, const char *path, const void *data, size_t size) {
  if (strlen(path) >= PATH_MAX)
    return NULL;
  sigset_t held;
  resq_hold_begin(&held);
  pthread_mutex_lock(&list_lock);
  if (!atomic_load(&notes)) {
    for (int i = 0; i + 1 < N_FIRST; ++i)
      first[i].next = &first[i + 1];
    atomic_store(&notes, first);
  }
  resq_note *note = atomic_load(&notes);
  while (note && note->kind != NOTE_FREE)
    note = note->next;
  if (!note && (note = calloc(1, sizeof *note))) {
    note->next = atomic_load(&notes);
    atomic_store(&notes, note);
  }
  if (note) {
    strcpy(note->path, path);
    note->begin = data;
    note->size = size;
    note->owner = getpid();
    note->kind = kind;
  }
  pthread_mutex_unlock(&list_lock);
  resq_hold_end(&held);
  return note;
}

resq_note *resq_note_file(const char *path) { return add_note(NOTE_FILE, path, NULL, 0); }
resq_note *resq_note_folder(const char *path) { return add_note(NOTE_FOLDER, path, NULL, 0); }
resq_note *resq_note_map(const char *path, const void *data, size_t size) {
  return add_note(NOTE_MAP, path, data, size);
}

resq_note *resq_note_of_map(const void *data) {
  sigset_t held;
  resq_hold_begin(&held);
  pthread_mutex_lock(&list_lock);
  resq_note *note = atomic_load(&notes);
  while (note && (note->kind != NOTE_MAP || note->begin != data))
    note = note->next;
  pthread_mutex_unlock(&list_lock);
  resq_hold_end(&held);
  return note;
}

void resq_note_drop(resq_note *note) {
  if (!note)
    return;
  sigset_t held;
  resq_hold_begin(&held);
  pthread_mutex_lock(&list_lock);
  note->kind = NOTE_FREE;
  pthread_mutex_unlock(&list_lock);
  resq_hold_end(&held);
}

//===-- Removing a folder -------------------------------------------------===//

/// As the kernel gives it: readdir would allocate memory, which a handler may not.
typedef struct entry {
  uint64_t inode;
  int64_t offset;
  uint16_t size;
  uint8_t type;
  char name[];
} entry;

static void remove_files(int folder) {
  _Alignas(entry) char buffer[4096];
  for (long n; (n = syscall(SYS_getdents64, folder, buffer, sizeof buffer)) > 0;)
    for (long at = 0; at < n;) {
      const entry *e = (const void *)(buffer + at);
      if (strcmp(e->name, ".") != 0 && strcmp(e->name, "..") != 0 &&
          strcmp(e->name, RESQ_FOLDER_OWNER) != 0)
        unlinkat(folder, e->name, 0);
      at += e->size;
    }
}

bool resq_remove_folder(const char *path) {
  enum { attempts = 2000 }; // a millisecond each
  for (int i = 0; i < attempts; ++i) {
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (folder < 0)
      return errno == ENOENT;
    remove_files(folder);
    // Where this process is killed halfway, the rest still has an owner, a dead one.
    if (unlinkat(folder, RESQ_FOLDER_OWNER, 0) != 0 && errno != ENOENT) {
      close(folder);
      return false;
    }
    close(folder);
    if (rmdir(path) == 0 || errno == ENOENT)
      return true;
    if (errno != ENOTEMPTY && errno != EEXIST)
      return false;
    nap();
  }
  return false;
}

//===-- The end -----------------------------------------------------------===//

void resq_process_child(pid_t group) { atomic_store(&child_group, (int)group); }

static void say(const char *text) {
  size_t size = strlen(text);
  if (write(STDERR_FILENO, text, size) < 0)
    return; // nobody listens
}

/// The child writes into the folder that goes away.
static void end_child(void) {
  pid_t group = atomic_load(&child_group);
  if (group <= 0)
    return;
  kill(-group, SIGKILL);
  while (waitpid(group, NULL, 0) < 0 && errno == EINTR)
    ;
}

_Noreturn void resq_process_abandon(int status) {
  // The first thread to come here ends the process.
  if (atomic_exchange(&dying, 1))
    for (;;)
      pause();
  // One that makes a file is about to have it noted. Not for ever: it may be this very thread.
  for (int i = 0; i < 2000 && atomic_load(&holders); ++i)
    nap();
  pid_t self = getpid();
  bool own = false;
  for (resq_note *n = atomic_load(&notes); n; n = n->next) {
    own |= n->owner == self;
    if (n->kind == NOTE_FILE && n->owner == self)
      unlink(n->path);
  }
  if (own)
    end_child();
  for (resq_note *n = atomic_load(&notes); n; n = n->next)
    if (n->kind == NOTE_FOLDER && n->owner == self)
      resq_remove_folder(n->path);
  _exit(status);
}

_Noreturn void resq_process_out_of_memory(void) {
  say(program);
  say(": error: no memory is left\n");
  resq_process_abandon(RESQ_NO_MEMORY);
}

static void on_interrupt(int number) {
  if (atomic_load(&finished))
    return;
  resq_process_abandon(128 + number);
}

/// A page of a mapped file that is no longer there.
static void on_bus_error(int number, siginfo_t *info, void *context) {
  (void)context;
  const char *at = info->si_addr;
  for (resq_note *n = atomic_load(&notes); n; n = n->next)
    if (n->kind == NOTE_MAP && at >= n->begin && (size_t)(at - n->begin) < n->size) {
      say(program);
      say(": error: cannot read '");
      say(n->path);
      say("': it became shorter, or its disk failed, while it was read\n");
      resq_process_abandon(RESQ_IO);
    }
  signal(number, SIG_DFL); // a defect of the program: it is met again, and ends the process
}

//===-- Programs ----------------------------------------------------------===//

/// Descriptors go up from the lowest free one, so this fills exactly the holes. Reading from what
/// was closed for reading, or printing to what was closed for printing, stays an error.
static void open_standard_descriptors(void) {
  for (int fd = 0; fd <= STDERR_FILENO; ++fd)
    if (fcntl(fd, F_GETFD) < 0 && errno == EBADF)
      while (open("/dev/null", fd == STDIN_FILENO ? O_WRONLY : O_RDONLY) < 0 && errno == EINTR)
        ;
}

void resq_process_begin(const char *name) {
  open_standard_descriptors();
  program = name;
  signal(SIGPIPE, SIG_IGN);
  signal(SIGXFSZ, SIG_IGN);
  struct sigaction interrupt = {.sa_handler = on_interrupt, .sa_flags = SA_RESTART}, before;
  for (int i = 0; i < n_interrupts; ++i)
    sigaddset(&interrupt.sa_mask, interrupts[i]);
  for (int i = 0; i < n_interrupts; ++i)
    if (sigaction(interrupts[i], NULL, &before) == 0 && before.sa_handler != SIG_IGN)
      sigaction(interrupts[i], &interrupt, NULL);
  struct sigaction bus = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO | SA_NODEFER};
  sigaction(SIGBUS, &bus, NULL);
}

void resq_process_finish(void) { atomic_store(&finished, 1); }

int resq_process_end(int status) {
  bool failed = ferror(stdout) != 0;
  errno = 0;
  if (fflush(stdout) == 0 && !failed)
    return status;
  if (status != RESQ_OK || errno == EPIPE)
    return status != RESQ_OK ? status : RESQ_IO;
  fprintf(stderr, "%s: error: standard output: %s\n", program,
          errno ? strerror(errno) : "a write failed");
  return RESQ_IO;
}
