//===-- stages.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "stages.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

//===-- Memory ------------------------------------------------------------===//

/// The kernel keeps one peak a process, and resetting it would make other people's measurements of
/// this process wrong: a thread looks instead.
struct resq_memory_watch {
  pthread_t thread;
  atomic_long peak; ///< pages, since the last take_peak
  atomic_bool ending;
};

static const struct timespec watch_interval = {0, 5000000};

/// Pages resident now, 0 when the system does not say.
static long resident_pages(void) {
  char text[128] = "";
  int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
  long size, resident;
  ssize_t n = fd >= 0 ? read(fd, text, sizeof text - 1) : -1;
  if (fd >= 0)
    close(fd);
  return n > 0 && sscanf(text, "%ld %ld", &size, &resident) == 2 ? resident : 0;
}

static void look(resq_memory_watch *w) {
  long now_resident = resident_pages();
  // A peak taken meanwhile by the other thread at worst counts for two stages.
  if (now_resident > atomic_load(&w->peak))
    atomic_store(&w->peak, now_resident);
}

static void *keep_looking(void *opaque) {
  resq_memory_watch *w = opaque;
  while (!atomic_load(&w->ending)) {
    look(w);
    nanosleep(&watch_interval, NULL);
  }
  return NULL;
}

static resq_memory_watch *start_watch(void) {
  resq_memory_watch *w = calloc(1, sizeof *w);
  if (w && pthread_create(&w->thread, NULL, keep_looking, w)) {
    free(w);
    w = NULL;
  }
  return w;
}

static void stop_watch(resq_memory_watch *w) {
  if (!w)
    return;
  atomic_store(&w->ending, true);
  pthread_join(w->thread, NULL);
  free(w);
}

/// Megabytes since the last call.
static double take_peak(resq_memory_watch *w) {
  if (!w)
    return 0;
  look(w);
  return (double)atomic_exchange(&w->peak, 0) * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

/// Megabytes, from the start of the process, as the system counts.
static double total_peak(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_maxrss / 1024;
}

//===-- Stages ------------------------------------------------------------===//

void resq_stages_init(resq_stages *s, bool verbose) {
  memset(s, 0, sizeof *s);
  s->terminal = isatty(2);
  s->verbose = verbose;
  s->total_started = now();
  if (s->terminal || s->verbose)
    s->watch = start_watch();
}

void resq_stages_clear(resq_stages *s) {
  if (s->terminal && s->open)
    fprintf(stderr, "\r\033[K");
}

void resq_stage(resq_stages *s, const char *name) {
  if (s->open)
    resq_stage_end(s, NULL);
  snprintf(s->name, sizeof s->name, "%s", name);
  s->started = now();
  s->open = true;
  take_peak(s->watch); // what was between stages is nobody's
  s->shown = -1;
  if (s->terminal)
    fprintf(stderr, "  %-14s ...", name);
}

void resq_stage_progress(resq_stages *s, int64_t done, int64_t total, const char *what) {
  int percent = total > 0 ? (int)(100 * done / total) : 0;
  if (!s->terminal || !s->open || percent == s->shown)
    return;
  s->shown = percent;
  fprintf(stderr, "\r\033[K  %-14s %3d%%  %.1f s  %.40s", s->name, percent, now() - s->started,
          what ? what : "");
}

void resq_stage_end(resq_stages *s, const char *note) {
  if (!s->open)
    return;
  resq_stages_clear(s);
  s->open = false;
  if (s->terminal || s->verbose)
    fprintf(stderr, "  %-14s %7.2f s  %7.0f MB peak%s%s\n", s->name, now() - s->started,
            take_peak(s->watch), note ? "  " : "", note ? note : "");
}

void resq_stages_close(resq_stages *s, bool succeeded) {
  if (succeeded)
    resq_stage_end(s, NULL);
  else
    resq_stages_clear(s);
  if (succeeded && (s->terminal || s->verbose))
    fprintf(stderr, "  %-14s %7.2f s  %7.0f MB peak\n", "total", now() - s->total_started,
            total_peak());
  stop_watch(s->watch);
  s->watch = NULL;
}
