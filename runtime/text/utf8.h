//===-- utf8.h - decoding text that may not be text -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Strict UTF-8 (no overlong forms, surrogates, or code points above U+10FFFF).
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_UTF8_H
#define RESQ_TEXT_UTF8_H

#include <stddef.h>
#include <stdint.h>

/// Length of the code point at `s` and its value. On failure 0 with *out_bad: the bytes (>= 1) of
/// the maximal ill-formed part (Unicode's U+FFFD practice), or 0 when the `n` bytes are a proper
/// prefix of a good sequence.
size_t resq_utf8_decode(const char *s, size_t n, uint32_t *out_code, size_t *out_bad);

/// Like decode, but always steps: an ill-formed or cut sequence is one unit of one byte, code
/// U+FFFD.
size_t resq_utf8_step(const char *s, size_t n, uint32_t *out_code);

/// Bytes of the longest well-formed prefix.
size_t resq_utf8_valid_prefix(const char *s, size_t n);

/// Writes 1 to 4 bytes; returns how many. Surrogates and values out of range become U+FFFD.
size_t resq_utf8_encode(uint32_t code, char out[4]);

#endif // RESQ_TEXT_UTF8_H
