//===-- chat_filters_text.c - filters that give text ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_filters.h"
#include "text/chat_text.h"
#include "text/utf8.h"

#include <string.h>
#include <utf8proc.h>

#define UNUSED (void)c, (void)args, (void)b

CHAT_FILTER_FUNCTION(chat_filter_trim) {
  UNUSED;
  bool given = chat_is_given(b[0]);
  if (given && b[0]->kind != CHAT_STRING)
    chat_fail(c, "trim needs a string, not a value of type %s", chat_kind_name(*b[0]));
  if (c->failed)
    return chat_none();
  return chat_string(chat_strip(c, chat_str(c, v), given ? &b[0]->text : NULL, true, true));
}

CHAT_FILTER_FUNCTION(chat_filter_upper) {
  UNUSED;
  return chat_string(chat_upper(c, chat_str(c, v)));
}

CHAT_FILTER_FUNCTION(chat_filter_lower) {
  UNUSED;
  return chat_string(chat_lower(c, chat_str(c, v)));
}

CHAT_FILTER_FUNCTION(chat_filter_capitalize) {
  UNUSED;
  return chat_string(chat_capitalize(c, chat_str(c, v)));
}

/// Words begin after white space and - ( { [ <, unlike those of Python's title.
CHAT_FILTER_FUNCTION(chat_filter_title) {
  UNUSED;
  resq_text text = chat_str(c, v);
  chat_buffer out = {0};
  for (size_t at = 0; at < text.size && !c->failed;) {
    size_t first = 0, end = at;
    uint32_t code;
    while (end < text.size && chat_charge(c, CHAT_SCAN)) {
      size_t length = resq_utf8_step(text.data + end, text.size - end, &code);
      bool between = chat_is_white(code) || (code && code < 128 && strchr("-({[<", (int)code));
      if (between && end > at)
        break;
      end += length;
      if (end - at == length)
        first = length;
      if (between)
        break;
    }
    resq_text head = chat_upper(c, (resq_text){text.data + at, first});
    chat_write(c, &out, head.data, head.size);
    resq_text rest = chat_lower(c, (resq_text){text.data + at + first, end - at - first});
    chat_write(c, &out, rest.data, rest.size);
    at = end;
  }
  return chat_string(chat_buffer_text(&out));
}

CHAT_FILTER_FUNCTION(chat_filter_replace) {
  UNUSED;
  int64_t limit = chat_is_given(b[2]) ? chat_whole(c, "replace", b[2], -1) : -1;
  return chat_string(
      chat_replace(c, chat_str(c, v), chat_str(c, *b[0]), chat_str(c, *b[1]), limit));
}

CHAT_FILTER_FUNCTION(chat_filter_string) {
  UNUSED;
  return v.kind == CHAT_STRING ? v : chat_string(chat_str(c, v));
}

CHAT_FILTER_FUNCTION(chat_filter_safe) {
  UNUSED;
  chat_value out = chat_string(chat_str(c, v));
  out.safe = true;
  return out;
}

/// indent of json.dumps: a number of spaces, or a text.
static void set_indent(chat_context *c, const chat_value *indent, chat_json *form) {
  int64_t n;
  if (!chat_is_given(indent))
    return;
  form->pretty = true;
  form->item_separator = chat_text(",");
  if (indent->kind == CHAT_STRING) {
    form->indent = indent->text;
  } else if (!chat_as_int(*indent, &n) || n > 1000) {
    chat_fail(c, "tojson: indent is an int of at most 1000, or a string");
  } else if (n > 0) {
    char *spaces = chat_alloc(c, (size_t)n);
    if (spaces)
      memset(spaces, ' ', (size_t)n);
    form->indent = (resq_text){spaces, spaces ? (size_t)n : 0};
  }
}

CHAT_FILTER_FUNCTION(chat_filter_tojson) {
  UNUSED;
  chat_json form = {.ascii = chat_flag(b[0]),
                    .sorted = chat_flag(b[3]),
                    .indent = {"", 0},
                    .item_separator = chat_text(", "),
                    .key_separator = chat_text(": ")};
  chat_buffer out = {0};
  set_indent(c, b[1], &form);
  if (chat_is_given(b[2])) {
    const chat_list *pair = chat_is_sequence(*b[2]) ? b[2]->list : NULL;
    if (!pair || pair->count != 2 || pair->items[0].kind != CHAT_STRING ||
        pair->items[1].kind != CHAT_STRING) {
      chat_fail(c, "tojson: separators are two strings");
      return chat_none();
    }
    form.item_separator = pair->items[0].text;
    form.key_separator = pair->items[1].text;
  }
  if (!c->failed)
    chat_print_json(c, &out, v, &form, 0);
  return chat_string(chat_buffer_text(&out));
}

CHAT_FILTER_FUNCTION(chat_filter_join) {
  UNUSED;
  resq_text separator = b[0] ? chat_str(c, *b[0]) : (resq_text){"", 0};
  chat_iterator *it = chat_iterate(c, v);
  chat_buffer out = {0};
  chat_value item;
  for (size_t i = 0; it && chat_next_item(c, it, &item); ++i) {
    if (chat_is_given(b[1]))
      item = chat_attribute_path(c, item, *b[1], NULL);
    if (i)
      chat_write(c, &out, separator.data, separator.size);
    if (!c->failed)
      chat_print(c, &out, item, false);
  }
  return chat_string(chat_buffer_text(&out));
}

static resq_text need_text(chat_context *c, const char *what, chat_value v) {
  if (v.kind == CHAT_STRING)
    return v.text;
  chat_fail(c, "%s of a value of type %s", what, chat_kind_name(v));
  return (resq_text){"", 0};
}

CHAT_FILTER_FUNCTION(chat_filter_indent) {
  UNUSED;
  resq_text by = {"", 0}, text = need_text(c, "indent", v);
  chat_buffer spaces = {0}, out = {0};
  bool first = chat_flag(b[1]), blank = chat_flag(b[2]);
  if (b[0] && b[0]->kind == CHAT_STRING) {
    by = b[0]->text;
  } else {
    int64_t width = chat_whole(c, "indent", b[0], 4);
    for (int64_t i = 0; i < width && !c->failed; ++i)
      chat_write(c, &spaces, " ", 1);
    by = chat_buffer_text(&spaces);
  }
  // Jinja adds a newline before it splits, so that an ending one begins a line.
  chat_value lines = chat_split_lines(c, chat_join(c, text, chat_text("\n")), false);
  for (size_t i = 0; !c->failed && i < lines.list->count; ++i) {
    resq_text line = lines.list->items[i].text;
    if (i)
      chat_write(c, &out, "\n", 1);
    if (i ? blank || line.size : first)
      chat_write(c, &out, by.data, by.size);
    chat_write(c, &out, line.data, line.size);
  }
  return chat_string(chat_buffer_text(&out));
}

CHAT_FILTER_FUNCTION(chat_filter_center) {
  UNUSED;
  chat_value width = chat_int(chat_whole(c, "center", b[0], 80));
  chat_argument argument = {{"", 0}, width};
  chat_arguments one = {&argument, 1};
  chat_method method = {chat_string(chat_str(c, v)), chat_text("center")};
  return c->failed ? chat_none() : chat_call_method(c, &method, &one);
}

CHAT_FILTER_FUNCTION(chat_filter_truncate) {
  UNUSED;
  int64_t size, least = b[0] && b[0]->kind == CHAT_INT ? b[0]->integer : 0;
  if (v.kind != CHAT_STRING && chat_size(c, v, &size) && size <= least)
    return v; // Jinja asks for no more than a length
  resq_text text = need_text(c, "truncate", v),
            end = b[2] ? need_text(c, "end", *b[2]) : chat_text("...");
  int64_t length = chat_whole(c, "truncate", b[0], 255);
  int64_t leeway = chat_is_given(b[3]) ? chat_whole(c, "truncate", b[3], 5) : 5;
  int64_t tail = (int64_t)chat_length(c, end);
  if (!c->failed && (length < tail || leeway < 0))
    chat_fail(c, "truncate: the length is less than that of its end, or the leeway negative");
  if (c->failed || (int64_t)chat_length(c, text) - leeway <= length)
    return v;
  text.size = chat_offset(c, text, length - tail);
  size_t space = chat_flag(b[1]) ? SIZE_MAX : chat_find_last(c, text, chat_text(" "));
  if (space != SIZE_MAX)
    text.size = space;
  chat_buffer out = {0};
  chat_write(c, &out, text.data, text.size);
  chat_write(c, &out, end.data, end.size);
  return chat_string(chat_buffer_text(&out));
}

static bool is_word(uint32_t code) {
  utf8proc_category_t kind = utf8proc_category((utf8proc_int32_t)code);
  return code == '_' || (kind >= UTF8PROC_CATEGORY_LU && kind <= UTF8PROC_CATEGORY_LO) ||
         (kind >= UTF8PROC_CATEGORY_ND && kind <= UTF8PROC_CATEGORY_NO);
}

CHAT_FILTER_FUNCTION(chat_filter_wordcount) {
  UNUSED;
  resq_text text = chat_str(c, v);
  int64_t words = 0;
  bool inside = false;
  for (size_t at = 0; at < text.size && chat_charge(c, CHAT_SCAN);) {
    uint32_t code;
    at += resq_utf8_step(text.data + at, text.size - at, &code);
    words += is_word(code) && !inside;
    inside = is_word(code);
  }
  return chat_int(words);
}

CHAT_FILTER_FUNCTION(chat_filter_format) {
  (void)b;
  chat_value values = chat_new_tuple(c, NULL, 0), named = chat_new_dict(c);
  size_t names = 0;
  for (size_t i = 0; i < args->count && !c->failed; ++i) {
    names += args->items[i].name.size != 0;
    if (args->items[i].name.size)
      chat_put(c, named.dict, chat_string(args->items[i].name), args->items[i].value);
    else
      chat_append(c, values, args->items[i].value);
  }
  if (names && names < args->count)
    chat_fail(c, "format: values with and without names");
  return c->failed ? chat_none()
                   : chat_string(chat_format(c, chat_str(c, v), names ? named : values));
}
