//===-- checked.h - size arithmetic on numbers that came from files -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_BASE_CHECKED_H
#define RESQ_BASE_CHECKED_H

#include <stdbool.h>
#include <stdint.h>

/// *out = a * b, or false on overflow.
static inline bool resq_mul_u64(uint64_t a, uint64_t b, uint64_t *out) {
  return !__builtin_mul_overflow(a, b, out);
}
/// *out = a + b, or false on overflow.
static inline bool resq_add_u64(uint64_t a, uint64_t b, uint64_t *out) {
  return !__builtin_add_overflow(a, b, out);
}
/// True when [offset, offset + size) lies inside [0, total).
static inline bool resq_inside_u64(uint64_t offset, uint64_t size, uint64_t total) {
  return offset <= total && size <= total - offset;
}

#endif // RESQ_BASE_CHECKED_H
