//===-- chat_case.c - upper and lower case by Unicode's full mappings -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_case_table.h"
#include "text/chat_text.h"
#include "text/utf8.h"

#include <utf8proc.h>

#define ROWS(table) table, sizeof table / sizeof table[0]

static bool in_ranges(const chat_code_range *ranges, size_t count, uint32_t code) {
  size_t low = 0;
  while (low < count) {
    size_t middle = (low + count) / 2;
    if (code > ranges[middle].high)
      low = middle + 1;
    else if (code < ranges[middle].low)
      count = middle;
    else
      return true;
  }
  return false;
}

static const chat_case_row *find_row(const chat_case_row *rows, size_t count, uint32_t code) {
  size_t low = 0;
  while (low < count) {
    size_t middle = (low + count) / 2;
    if (code > rows[middle].code)
      low = middle + 1;
    else if (code < rows[middle].code)
      count = middle;
    else
      return &rows[middle];
  }
  return NULL;
}

static utf8proc_category_t category(uint32_t code) {
  return utf8proc_category((utf8proc_int32_t)code);
}
static bool is_lower(uint32_t code) {
  return category(code) == UTF8PROC_CATEGORY_LL || in_ranges(ROWS(lower_ranges), code);
}
static bool is_upper(uint32_t code) {
  return category(code) == UTF8PROC_CATEGORY_LU || in_ranges(ROWS(upper_ranges), code);
}
static bool is_title(uint32_t code) { return category(code) == UTF8PROC_CATEGORY_LT; }
static bool is_cased(uint32_t code) { return is_lower(code) || is_upper(code) || is_title(code); }
static bool is_ignorable(uint32_t code) { return in_ranges(ROWS(ignorable_ranges), code); }

typedef enum change { UPPER, LOWER, TITLE, KEEP } change;

enum { SIGMA = 0x3A3, FINAL_SIGMA = 0x3C2 };

/// Whether the sigma at [at, end) ends a word: a cased letter before it, none behind it. Charges
/// what it looks at: the walk is short but for texts made to be slow.
static bool ends_word(chat_context *c, resq_text text, size_t at, size_t end) {
  uint32_t code = 0;
  bool cased = false;
  for (resq_text before = {text.data, at}; before.size && chat_charge(c, CHAT_SCAN);) {
    before.size -= chat_last_step(before, &code);
    if (is_ignorable(code))
      continue;
    cased = is_cased(code);
    break;
  }
  if (!cased)
    return false;
  while (end < text.size && chat_charge(c, CHAT_SCAN)) {
    end += resq_utf8_step(text.data + end, text.size - end, &code);
    if (!is_ignorable(code))
      return !is_cased(code);
  }
  return true;
}

static void write_code(chat_context *c, chat_buffer *out, uint32_t code) {
  char bytes[4];
  chat_write(c, out, bytes, resq_utf8_encode(code, bytes));
}

/// Writes the code point at [at, end) of text, changed.
static void write_changed(chat_context *c, chat_buffer *out, resq_text text, size_t at, size_t end,
                          uint32_t code, change how) {
  const chat_case_row *row = how == UPPER   ? find_row(ROWS(upper_rows), code)
                             : how == LOWER ? find_row(ROWS(lower_rows), code)
                                            : find_row(ROWS(title_rows), code);
  utf8proc_int32_t simple = (utf8proc_int32_t)code;
  if (how == KEEP)
    write_code(c, out, code);
  else if (row)
    for (int i = 0; i < 3 && row->mapped[i]; ++i)
      write_code(c, out, row->mapped[i]);
  else if (how == LOWER && code == SIGMA && ends_word(c, text, at, end))
    write_code(c, out, FINAL_SIGMA);
  else
    write_code(c, out,
               (uint32_t)(how == UPPER   ? utf8proc_toupper(simple)
                          : how == LOWER ? utf8proc_tolower(simple)
                                         : utf8proc_totitle(simple)));
}

/// What happens to a code point: by the change and what stood before it.
typedef change (*choice)(uint32_t code, bool first, bool after_cased);

static resq_text change_case(chat_context *c, resq_text text, choice choose) {
  chat_buffer out = {0};
  bool after_cased = false;
  if (!chat_charge(c, text.size * 2 * CHAT_SCAN))
    return text;
  for (size_t at = 0; at < text.size && !c->failed;) {
    uint32_t code;
    size_t bad, length = resq_utf8_decode(text.data + at, text.size - at, &code, &bad);
    if (length == 0) {
      chat_write(c, &out, text.data + at++, 1);
      continue;
    }
    change how = choose(code, at == 0, after_cased);
    if (code < 128) {
      char byte = (char)code;
      if (how == LOWER && byte >= 'A' && byte <= 'Z')
        byte = (char)(byte + 32);
      else if ((how == UPPER || how == TITLE) && byte >= 'a' && byte <= 'z')
        byte = (char)(byte - 32);
      chat_write(c, &out, &byte, 1);
      after_cased = (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z');
    } else {
      write_changed(c, &out, text, at, at + length, code, how);
      after_cased = is_cased(code);
    }
    at += length;
  }
  return chat_buffer_text(&out);
}

static change to_upper(uint32_t code, bool first, bool after_cased) {
  return (void)code, (void)first, (void)after_cased, UPPER;
}
static change to_lower(uint32_t code, bool first, bool after_cased) {
  return (void)code, (void)first, (void)after_cased, LOWER;
}
static change to_capitalized(uint32_t code, bool first, bool after_cased) {
  return (void)code, (void)after_cased, first ? TITLE : LOWER;
}
static change to_title(uint32_t code, bool first, bool after_cased) {
  return (void)code, (void)first, after_cased ? LOWER : TITLE;
}
static change to_swapped(uint32_t code, bool first, bool after_cased) {
  return (void)first, (void)after_cased, is_upper(code) ? LOWER : is_lower(code) ? UPPER : KEEP;
}

resq_text chat_upper(chat_context *c, resq_text text) { return change_case(c, text, to_upper); }
resq_text chat_lower(chat_context *c, resq_text text) { return change_case(c, text, to_lower); }
resq_text chat_capitalize(chat_context *c, resq_text text) {
  return change_case(c, text, to_capitalized);
}
resq_text chat_title(chat_context *c, resq_text text) { return change_case(c, text, to_title); }
resq_text chat_swapcase(chat_context *c, resq_text text) {
  return change_case(c, text, to_swapped);
}

/// isalpha, isdecimal, ...: a property that all code points have.
static bool has_property(uint32_t code, resq_text what) {
  utf8proc_category_t kind = category(code);
  bool alpha = kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO;
  bool decimal = kind == UTF8PROC_CATEGORY_ND;
  bool digit = decimal || in_ranges(ROWS(digit_ranges), code);
  if (chat_text_is(what, "isalpha"))
    return alpha;
  if (chat_text_is(what, "isdecimal"))
    return decimal;
  if (chat_text_is(what, "isdigit"))
    return digit;
  if (chat_text_is(what, "isspace"))
    return chat_is_white(code);
  if (chat_text_is(what, "isascii"))
    return code < 128;
  bool numeric = digit || in_ranges(ROWS(numeric_ranges), code);
  return numeric || (alpha && chat_text_is(what, "isalnum"));
}

bool chat_text_has(chat_context *c, resq_text text, resq_text what) {
  bool lower = chat_text_is(what, "islower"), upper = chat_text_is(what, "isupper");
  bool title = chat_text_is(what, "istitle"), cased = false, after_cased = false;
  if (!chat_charge(c, text.size * 2 * CHAT_SCAN))
    return false;
  for (size_t at = 0; at < text.size;) {
    uint32_t code;
    at += resq_utf8_step(text.data + at, text.size - at, &code);
    if (lower || upper || title) {
      bool small = is_lower(code), capital = is_upper(code), both = is_title(code);
      if (lower ? capital || both : upper ? small || both : false)
        return false;
      if (title && (small ? !after_cased : (capital || both) && after_cased))
        return false;
      after_cased = small || capital || both;
      cased |= after_cased;
    } else if (!has_property(code, what)) {
      return false;
    }
  }
  if (lower || upper || title)
    return cased;
  return text.size != 0 || chat_text_is(what, "isascii");
}
