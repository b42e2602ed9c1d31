//===-- error.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

bool resq_fail(resq_error *err, resq_code code, const char *format, ...) {
  if (err) {
    va_list args;
    va_start(args, format);
    err->code = code;
    vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
  }
  return false;
}

bool resq_fail_in(resq_error *err, const char *format, ...) {
  if (err) {
    char inner[sizeof err->message];
    memcpy(inner, err->message, sizeof inner);
    va_list args;
    va_start(args, format);
    int n = vsnprintf(err->message, sizeof err->message, format, args);
    va_end(args);
    // Cut on purpose where both do not fit.
    if (n >= 0 && (size_t)n + 3 < sizeof err->message) {
      memcpy(err->message + n, ": ", 2);
      size_t used = (size_t)n + 2, room = sizeof err->message - 1 - used, length = strlen(inner);
      length = length < room ? length : room;
      memcpy(err->message + used, inner, length);
      err->message[used + length] = 0;
    }
  }
  return false;
}
