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
    if (n >= 0 && (size_t)n < sizeof err->message)
      snprintf(err->message + n, sizeof err->message - (size_t)n, ": %s", inner);
  }
  return false;
}
