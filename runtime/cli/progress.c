//===-- progress.c - one line on a terminal -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cli/progress.h"

#include "exec/threads.h"

#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

resq_progress resq_progress_start(void) {
  return (resq_progress){isatty(STDERR_FILENO) != 0, resq_now_ns(), 0};
}

void resq_progress_show(resq_progress *p, const char *format, ...) {
  const int64_t period_ns = 200000000;
  int64_t now = resq_now_ns();
  if (!p->enabled || now - p->last_ns < period_ns)
    return;
  p->last_ns = now;
  va_list args;
  va_start(args, format);
  fputc('\r', stderr);
  vfprintf(stderr, format, args);
  fputs("\033[K", stderr);
  fflush(stderr);
  va_end(args);
}

void resq_progress_end(resq_progress *p) {
  if (p->enabled && p->last_ns)
    fputs("\r\033[K", stderr);
}
