//===-- progress.h - one line on a terminal -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_CLI_PROGRESS_H
#define RESQ_CLI_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/// Silent unless stderr is a terminal; redraws a few times a second.
typedef struct resq_progress {
  bool enabled;
  int64_t start_ns, last_ns;
} resq_progress;

resq_progress resq_progress_start(void);
/// printf to the line.
void resq_progress_show(resq_progress *p, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/// Clears the line.
void resq_progress_end(resq_progress *p);

#endif // RESQ_CLI_PROGRESS_H
