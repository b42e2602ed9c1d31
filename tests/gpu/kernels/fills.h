//===-- fills.h - what stands in a buffer before a call -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_EXPERIMENTS_FILLS_H
#define RESQ_EXPERIMENTS_FILLS_H

#include <stddef.h>
#include <stdint.h>

typedef enum fill_kind {
  FILL_NONE,
  FILL_F32,     ///< normal
  FILL_UNIFORM, ///< of [a, b]
  FILL_WILD,    ///< finite, every exponent
  FILL_SPECIAL, ///< wild, with infinities and NaN
  FILL_TINY,    ///< most of them denormal
  FILL_BYTES,
  FILL_HALVES, ///< normal; a: 0 bf16, 1 f16
  FILL_OUT,    ///< a poison
  FILL_I32,    ///< the values in p
  FILL_RANGE,  ///< from a in steps of b
  FILL_RANDOM, ///< i32 of [a, b)
  FILL_FREQUENCIES,
  FILL_SIGNS,
  FILL_CODES,  ///< p: rows, width, group, bits (0: E4M3) ...
  FILL_METAS,  ///< ... and the metas or scales of the same rows
  FILL_WEIGHT, ///< p: n, k, group, wgroup, bits (0: E4M3)
  FILL_SKETCH, ///< a rows, b elements
  FILL_KV,     ///< p: the arguments of KV
  FILL_KV_GROUPS,
} fill_kind;

typedef struct fill {
  fill_kind kind;
  int64_t count; ///< elements, or bytes
  double a, b;
  int64_t p[12];
} fill;

#define FILLS(...) ((const fill[]){__VA_ARGS__, {.kind = FILL_NONE}})
#define F32(n) {.kind = FILL_F32, .count = (n)}
#define UNIFORM(n, low, high) {.kind = FILL_UNIFORM, .count = (n), .a = (low), .b = (high)}
#define WILD(n) {.kind = FILL_WILD, .count = (n)}
#define SPECIAL(n) {.kind = FILL_SPECIAL, .count = (n)}
#define TINY(n) {.kind = FILL_TINY, .count = (n)}
#define BYTES(n) {.kind = FILL_BYTES, .count = (n)}
#define HALVES(n, as) {.kind = FILL_HALVES, .count = (n), .a = (as)}
#define OUT(n) {.kind = FILL_OUT, .count = (n)}
#define I32(n, ...)                                                                                \
  {                                                                                                \
    .kind = FILL_I32, .count = (n), .p = { __VA_ARGS__ }                                           \
  }
#define RANGE(n, first, step) {.kind = FILL_RANGE, .count = (n), .a = (first), .b = (step)}
#define TOKENS(n, vocabulary) {.kind = FILL_RANDOM, .count = (n), .a = -3, .b = (vocabulary) + 3}
#define INDICES(n, below) {.kind = FILL_RANDOM, .count = (n), .a = 0, .b = (below)}
#define POSITIONS(n, below) INDICES(n, below)
#define FREQUENCIES(n) {.kind = FILL_FREQUENCIES, .count = (n)}
#define SIGNS(n) {.kind = FILL_SIGNS, .count = (n)}
#define CODES(rows, width, group, bits)                                                            \
  {                                                                                                \
    .kind = FILL_CODES, .p = { rows, width, group, bits }                                          \
  }
#define METAS(rows, width, group, bits)                                                            \
  {                                                                                                \
    .kind = FILL_METAS, .p = { rows, width, group, bits }                                          \
  }
#define CODES_E4M3(rows, width, group) CODES(rows, width, group, 0)
#define SCALES_E4M3(rows, width, group) METAS(rows, width, group, 0)
#define WEIGHT(n, k, group, wgroup, bits)                                                          \
  {                                                                                                \
    .kind = FILL_WEIGHT, .p = { n, k, group, wgroup, bits }                                        \
  }
#define WEIGHT_E4M3(n, k, group, wgroup) WEIGHT(n, k, group, wgroup, 0)
#define SKETCH(rows, elements) {.kind = FILL_SKETCH, .a = (rows), .b = (elements)}
/// Sequences, capacity, heads, head size, then the arguments of resq_kv_append behind it.
#define KV(...)                                                                                    \
  {                                                                                                \
    .kind = FILL_KV, .p = { __VA_ARGS__ }                                                          \
  }
#define KV_GROUPS(...)                                                                             \
  {                                                                                                \
    .kind = FILL_KV_GROUPS, .p = { __VA_ARGS__ }                                                   \
  }

/// The buffer of a fill, which the caller frees, and its bytes. Equal seeds give equal buffers.
void *make_buffer(const fill *f, uint64_t seed, size_t *bytes);

#endif // RESQ_EXPERIMENTS_FILLS_H
