//===-- error.c -----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/error.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

//===-- Printable text ----------------------------------------------------===//

/// Bytes of the code point at `s` and its value; 0 where they are no UTF-8 (overlong, a surrogate, cut off).
static size_t decode(const unsigned char *s, size_t n, uint32_t *code) {
  static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  size_t length = s[0] < 0x80 ? 1 : s[0] >= 0xf0 ? 4 : s[0] >= 0xe0 ? 3 : s[0] >= 0xc0 ? 2 : 0;
  if (length == 0 || length > n || s[0] > 0xf4)
    return 0;
  *code = length == 1 ? s[0] : s[0] & (0x7fu >> length);
  for (size_t i = 1; i < length; ++i) {
    if ((s[i] & 0xc0) != 0x80)
      return 0;
    *code = *code << 6 | (s[i] & 0x3f);
  }
  bool surrogate = *code >= 0xd800 && *code <= 0xdfff;
  return *code < least[length] || *code > 0x10ffff || surrogate ? 0 : length;
}

/// Moves the cursor, turns the direction of writing, or can't be seen.
static bool is_control(uint32_t c) {
  return c < 0x20 || (c >= 0x7f && c <= 0x9f) || c == 0x61c || (c >= 0x200b && c <= 0x200f) ||
         (c >= 0x2028 && c <= 0x202e) || (c >= 0x2060 && c <= 0x206f) || c == 0xfeff ||
         (c >= 0xe0000 && c <= 0xe007f);
}

void resq_printable(char *out, size_t room, const char *text, size_t size) {
  const unsigned char *s = (const unsigned char *)text;
  size_t used = 0;
  if (room == 0)
    return;
  for (size_t at = 0; at < size;) {
    uint32_t code = 0;
    char escaped[16];
    size_t length = decode(s + at, size - at, &code);
    const char *piece = text + at;
    size_t piece_size = length;
    if (length == 0 || is_control(code)) {
      const char *form = length <= 1 ? "\\x%02x" : code > 0xffff ? "\\U%08x" : "\\u%04x";
      int n = code == '\n' && length == 1
                  ? snprintf(escaped, sizeof escaped, "\\n")
                  : snprintf(escaped, sizeof escaped, form, (unsigned)(length <= 1 ? s[at] : code));
      piece = escaped;
      piece_size = (size_t)n;
    }
    if (piece_size >= room - used)
      break;
    memcpy(out + used, piece, piece_size);
    used += piece_size;
    at += length ? length : 1;
  }
  out[used] = 0;
}

//===-- Errors ------------------------------------------------------------===//

/// A message that was cut inside a character ends before it.
static size_t whole_characters(const char *text, size_t size) {
  size_t back = 0;
  while (back < size && back < 3 && ((unsigned char)text[size - 1 - back] & 0xc0) == 0x80)
    ++back;
  uint32_t code;
  bool cut = back < size && (unsigned char)text[size - 1 - back] >= 0xc0 &&
             decode((const unsigned char *)text + size - 1 - back, back + 1, &code) == 0;
  return cut ? size - 1 - back : size;
}

static void print_message(char *out, size_t room, const char *format, va_list args) {
  char raw[sizeof((resq_error *)0)->message];
  int n = vsnprintf(raw, sizeof raw, format, args);
  size_t size = n < 0                    ? 0
                : (size_t)n < sizeof raw ? (size_t)n
                                         : whole_characters(raw, sizeof raw - 1);
  resq_printable(out, room, raw, size);
}

bool resq_fail(resq_error *err, resq_code code, const char *format, ...) {
  if (err) {
    char message[sizeof err->message]; // arguments may point into err's
    va_list args;
    va_start(args, format);
    print_message(message, sizeof message, format, args);
    va_end(args);
    err->code = code;
    memcpy(err->message, message, strlen(message) + 1);
  }
  return false;
}

bool resq_fail_in(resq_error *err, const char *format, ...) {
  if (err) {
    char message[sizeof err->message];
    va_list args;
    va_start(args, format);
    print_message(message, sizeof message, format, args);
    va_end(args);
    // Cut on purpose where both do not fit.
    size_t used = strlen(message);
    if (used + 3 < sizeof message) {
      memcpy(message + used, ": ", 3);
      resq_printable(message + used + 2, sizeof message - used - 2, err->message,
                     strlen(err->message));
    }
    memcpy(err->message, message, strlen(message) + 1);
  }
  return false;
}
