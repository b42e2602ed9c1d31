//===-- chat_text.h - Python's text operations for chat templates ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Private to runtime/text. Positions are code points, as in Python; a byte that is not
// UTF-8 counts as one. Every function charges its work, which is linear in its texts.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_CHAT_TEXT_H
#define RESQ_TEXT_CHAT_TEXT_H

#include "text/chat_value.h"

/// Python's str.isspace.
bool chat_is_white(uint32_t code);
/// Bytes of the last code point of a text that is not empty.
size_t chat_last_step(resq_text text, uint32_t *code);
size_t chat_length(chat_context *c, resq_text text);
/// The i-th code point (from the end where negative); false when there is none.
bool chat_character(chat_context *c, resq_text text, int64_t i, resq_text *out);
/// Byte offset of code point `index`; the size when the text is shorter.
size_t chat_offset(chat_context *c, resq_text text, int64_t index);

/// text without the code points of `set` (white space when NULL) at its ends.
resq_text chat_strip(chat_context *c, resq_text text, const resq_text *set, bool left, bool right);
/// Byte offset of the first or the last occurrence; SIZE_MAX when there is none.
size_t chat_find(chat_context *c, resq_text text, resq_text what);
size_t chat_find_last(chat_context *c, resq_text text, resq_text what);
size_t chat_count(chat_context *c, resq_text text, resq_text what);
/// Up to `limit` replacements; all when negative.
resq_text chat_replace(chat_context *c, resq_text text, resq_text old, resq_text fresh,
                       int64_t limit);
/// A list. A NULL separator is runs of white space; a separator is not empty.
chat_value chat_split(chat_context *c, resq_text text, const resq_text *separator, int64_t limit,
                      bool from_right);
chat_value chat_split_lines(chat_context *c, resq_text text, bool keep_ends);

// Case, by Unicode's full mappings.
resq_text chat_upper(chat_context *c, resq_text text);
resq_text chat_lower(chat_context *c, resq_text text);
resq_text chat_capitalize(chat_context *c, resq_text text);
resq_text chat_title(chat_context *c, resq_text text);
resq_text chat_swapcase(chat_context *c, resq_text text);
/// str.isalpha and so on; `what` is the method's name.
bool chat_text_has(chat_context *c, resq_text text, resq_text what);

/// text % values, as Python formats it: a tuple of values, a dict of them by name, or one.
resq_text chat_format(chat_context *c, resq_text text, chat_value values);
/// The shortest decimal that reads back as the same double, as repr gives it.
void chat_print_float(chat_context *c, chat_buffer *out, double x);
/// now().strftime(format) for the date of the context.
resq_text chat_strftime(chat_context *c, resq_text format);

#endif // RESQ_TEXT_CHAT_TEXT_H
