//===-- memory.h - memory of the compiler ---------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The compiler's bookkeeping (lists of ops, names, texts) lies between calls of MLIR, which ends
// the process when memory runs out and cannot be unwound. So does this: none of these functions
// gives NULL. Without memory they end the process with exit status RESQ_NO_MEMORY, after temporary
// files and folders are removed (base/process.h). Large arrays of numbers are allocated with malloc
// and checked, so that their errors say what they were for. The runtime uses none of this.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_MEMORY_H
#define RESQ_DIALECT_MEMORY_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

/// `count` elements of `size` bytes, all zero; freed with free. At least one byte.
void *resq_new(size_t count, size_t size)
    __attribute__((malloc, returns_nonnull, alloc_size(1, 2)));
/// `array` (NULL: none yet) with room for `count` elements of `size` bytes.
void *resq_resize(void *array, size_t count, size_t size)
    __attribute__((warn_unused_result, returns_nonnull, alloc_size(2, 3)));
/// A copy of a text, or of `length` bytes of one with a NUL behind. `text` may be NULL where
/// `length` is 0, as in a null MlirStringRef.
char *resq_copy_text(const char *text) __attribute__((malloc, returns_nonnull));
char *resq_copy_part(const char *text, size_t length) __attribute__((malloc, returns_nonnull));
/// A new text, as printf makes it.
char *resq_print_text(const char *format, ...)
    __attribute__((malloc, returns_nonnull, format(printf, 1, 2)));

/// `array` with room for one element more than `count`: `list = RESQ_GROW(list, n); list[n++] = x;`
#define RESQ_GROW(array, count) resq_resize((array), (size_t)(count) + 1, sizeof *(array))

/// Programs whose process is theirs (resqc, resq-opt) call this at the start of main: what C++ and
/// LLVM cannot allocate ends the process the same way, and LLVM's fatal errors become one line with
/// the exit status RESQ_IO (output that was not taken), RESQ_NO_MEMORY or RESQ_FAILED.
void resq_install_memory_handlers(void);

/// Part of the above: SIGSEGV and SIGABRT while no memory is to be had end the process with
/// RESQ_NO_MEMORY, because libMLIR and the C library use some allocations unchecked. Handlers that
/// are there already, as a sanitizer's, stay.
void resq_install_crash_handler(void);

#ifdef __cplusplus
}
#endif
#endif // RESQ_DIALECT_MEMORY_H
