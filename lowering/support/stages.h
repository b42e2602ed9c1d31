//===-- stages.h - what a compile is doing, on a terminal -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One line a stage on stderr: name, seconds, the most memory that was resident in it (anonymous and
// mapped, looked at every few milliseconds), and a note; at the end the whole compile's, with the
// system's own peak. On a terminal the running stage shows its progress in place; in a pipe, lines
// appear only with `verbose`.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_STAGES_H
#define RESQ_LOWERING_STAGES_H

#include <stdbool.h>
#include <stdint.h>

typedef struct resq_memory_watch resq_memory_watch;

typedef struct resq_stages {
  bool terminal, verbose, open;
  double started, total_started;
  char name[64];
  int shown;                ///< last percentage printed
  resq_memory_watch *watch; ///< NULL where nothing is printed
} resq_stages;

/// verbose: stage lines even when stderr is no terminal.
void resq_stages_init(resq_stages *s, bool verbose);
/// Ends the open stage, begins another.
void resq_stage(resq_stages *s, const char *name);
/// Progress of the open stage; what may be NULL.
void resq_stage_progress(resq_stages *s, int64_t done, int64_t total, const char *what);
/// Ends the open stage with a note ("102.4 MB"), NULL for none.
void resq_stage_end(resq_stages *s, const char *note);
/// Wipes an unfinished progress line, before an error is printed.
void resq_stages_clear(resq_stages *s);
/// Ends all: the open stage and, where the compile succeeded, the line of the whole.
void resq_stages_close(resq_stages *s, bool succeeded);

#endif // RESQ_LOWERING_STAGES_H
