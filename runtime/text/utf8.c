//===-- utf8.c - decoding text that may not be text -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/utf8.h"

/// What a lead byte allows: the sequence's length and the range of the second byte (Unicode table
/// 3-7), which is where overlong forms and surrogates are told apart.
typedef struct lead_rule {
  unsigned length, low, high;
} lead_rule;

static lead_rule rule_of(unsigned char lead) {
  if (lead >= 0xC2 && lead <= 0xDF)
    return (lead_rule){2, 0x80, 0xBF};
  if (lead >= 0xE0 && lead <= 0xEF)
    return (lead_rule){3, lead == 0xE0 ? 0xA0 : 0x80, lead == 0xED ? 0x9F : 0xBF};
  if (lead >= 0xF0 && lead <= 0xF4)
    return (lead_rule){4, lead == 0xF0 ? 0x90 : 0x80, lead == 0xF4 ? 0x8F : 0xBF};
  return (lead_rule){0, 0, 0};
}

size_t resq_utf8_decode(const char *s, size_t n, uint32_t *out_code, size_t *out_bad) {
  *out_code = 0xFFFD;
  *out_bad = 0;
  if (n == 0)
    return 0;
  unsigned char lead = (unsigned char)s[0];
  if (lead < 0x80) {
    *out_code = lead;
    return 1;
  }
  lead_rule rule = rule_of(lead);
  if (rule.length == 0) {
    *out_bad = 1;
    return 0;
  }
  uint32_t code = lead & (0x7Fu >> rule.length);
  for (unsigned i = 1; i < rule.length; ++i) {
    if (i == n)
      return 0;
    unsigned char byte = (unsigned char)s[i];
    unsigned low = i == 1 ? rule.low : 0x80, high = i == 1 ? rule.high : 0xBF;
    if (byte < low || byte > high) {
      *out_bad = i;
      return 0;
    }
    code = code << 6 | (byte & 0x3F);
  }
  *out_code = code;
  return rule.length;
}

size_t resq_utf8_step(const char *s, size_t n, uint32_t *out_code) {
  size_t bad;
  size_t length = resq_utf8_decode(s, n, out_code, &bad);
  return length ? length : 1;
}

size_t resq_utf8_valid_prefix(const char *s, size_t n) {
  size_t at = 0;
  while (at < n) {
    uint32_t code;
    size_t bad;
    size_t length = resq_utf8_decode(s + at, n - at, &code, &bad);
    if (length == 0)
      break;
    at += length;
  }
  return at;
}

size_t resq_utf8_encode(uint32_t code, char out[4]) {
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF))
    code = 0xFFFD;
  if (code < 0x80) {
    out[0] = (char)code;
    return 1;
  }
  if (code < 0x800) {
    out[0] = (char)(0xC0 | code >> 6);
    out[1] = (char)(0x80 | (code & 0x3F));
    return 2;
  }
  if (code < 0x10000) {
    out[0] = (char)(0xE0 | code >> 12);
    out[1] = (char)(0x80 | (code >> 6 & 0x3F));
    out[2] = (char)(0x80 | (code & 0x3F));
    return 3;
  }
  out[0] = (char)(0xF0 | code >> 18);
  out[1] = (char)(0x80 | (code >> 12 & 0x3F));
  out[2] = (char)(0x80 | (code >> 6 & 0x3F));
  out[3] = (char)(0x80 | (code & 0x3F));
  return 4;
}
