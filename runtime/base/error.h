//===-- error.h - one error, said once, in full ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A function that can fail takes `resq_error *err` last and returns false (or NULL)
// after filling it. A message names the object (file, tensor, line), what was found
// and what is allowed. Only a tool's main prints it: "resqc: error: MESSAGE".
//===----------------------------------------------------------------------===//
#ifndef RESQ_BASE_ERROR_H
#define RESQ_BASE_ERROR_H

#include <stdbool.h>
#include <stddef.h>

/// Exit codes of all tools.
typedef enum resq_code {
  RESQ_OK = 0,
  RESQ_FAILED = 1,    ///< compile or run failed
  RESQ_USAGE = 2,     ///< the command line
  RESQ_BAD_INPUT = 3, ///< a file's contents
  RESQ_NO_DEVICE = 4, ///< no GPU, or a CPU without what is needed
  RESQ_IO = 5,        ///< cannot open, read or write; no space
  RESQ_NO_MEMORY = 6,
} resq_code;

typedef struct resq_error {
  resq_code code;
  char message[1024];
} resq_error;

/// Text from files for a terminal or a log: control characters (newlines among them), characters that turn the direction of
/// writing, and bytes that are no UTF-8 become "\x1b", "\n" or "\u202e"; what is escaped already stays as it is. Writes at
/// most `room` bytes, with a NUL; what does not fit is left out, from a whole character on.
void resq_printable(char *out, size_t room, const char *text, size_t size);

/// Fills *err (err may be NULL) and returns false. A message too long is cut. Names and values from files may be given as they
/// are: the whole message goes through resq_printable.
bool resq_fail(resq_error *err, resq_code code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/// Puts "PREFIX: " before the message, printable like it: the file or tensor an inner function did not know. Returns false.
bool resq_fail_in(resq_error *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif // RESQ_BASE_ERROR_H
