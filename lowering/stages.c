//===-- stages.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "lowering/stages.h"

#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static double peak_megabytes(void) {
  struct rusage usage;
  getrusage(RUSAGE_SELF, &usage);
  return (double)usage.ru_maxrss / 1024;
}

void resq_stages_init(resq_stages *s, bool verbose) {
  memset(s, 0, sizeof *s);
  s->terminal = isatty(2);
  s->verbose = verbose;
  s->total_started = now();
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
            peak_megabytes(), note ? "  " : "", note ? note : "");
}
