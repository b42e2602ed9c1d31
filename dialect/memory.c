//===-- memory.c - memory of the compiler ---------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "dialect/memory.h"

#include "base/process.h"

#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

void *resq_new(size_t count, size_t size) {
  void *p = calloc(count ? count : 1, size ? size : 1);
  if (!p)
    resq_process_out_of_memory();
  return p;
}

void *resq_resize(void *array, size_t count, size_t size) {
  size_t bytes;
  void *p = __builtin_mul_overflow(count, size, &bytes) ? NULL : realloc(array, bytes ? bytes : 1);
  if (!p)
    resq_process_out_of_memory();
  return p;
}

char *resq_copy_part(const char *text, size_t length) {
  char *copy = length < SIZE_MAX ? malloc(length + 1) : NULL;
  if (!copy)
    resq_process_out_of_memory();
  if (length)
    memcpy(copy, text, length);
  copy[length] = 0;
  return copy;
}

char *resq_copy_text(const char *text) { return resq_copy_part(text, strlen(text)); }

char *resq_print_text(const char *format, ...) {
  va_list args;
  char *text = NULL;
  va_start(args, format);
  int n = vasprintf(&text, format, args);
  va_end(args);
  if (n < 0 || !text)
    resq_process_out_of_memory();
  return text;
}

//===-- Everything that is linked into the compiler -----------------------===//
//
// The linker sends calls of malloc, calloc and realloc here (--wrap, lowering/CMakeLists.txt):
// MLIR's C interface and the code that its headers bring write to what they get without looking.
// Arrays of numbers are large, and their makers look.

enum { LARGE = 1 << 20 };

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *p, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *p, size_t size);

static void *checked(void *p, size_t size) {
  if (!p && size && size < LARGE)
    resq_process_out_of_memory();
  return p;
}

void *__wrap_malloc(size_t size) { return checked(__real_malloc(size), size); }
void *__wrap_realloc(void *p, size_t size) { return checked(__real_realloc(p, size), size); }
void *__wrap_calloc(size_t count, size_t size) {
  size_t bytes;
  bool overflow = __builtin_mul_overflow(count, size, &bytes);
  return checked(__real_calloc(count, size), overflow ? LARGE : bytes);
}

//===-- Code that is not ours ---------------------------------------------===//

/// A crash while not even a small allocation could be met is a lack of memory, whoever did not
/// look. Any other crash is a defect, and keeps its signal.
static void on_crash(int number) {
  void *p = mmap(NULL, LARGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (p == MAP_FAILED)
    resq_process_out_of_memory();
  munmap(p, LARGE);
  signal(number, SIG_DFL);
  raise(number); // arrives when this function returns
}

void resq_install_crash_handler(void) {
  static const int crashes[] = {SIGSEGV, SIGABRT};
  for (size_t i = 0; i < sizeof crashes / sizeof crashes[0]; ++i) {
    struct sigaction before;
    const struct sigaction ours = {.sa_handler = on_crash};
    if (sigaction(crashes[i], NULL, &before) == 0 && before.sa_handler == SIG_DFL)
      sigaction(crashes[i], &ours, NULL);
  }
}
