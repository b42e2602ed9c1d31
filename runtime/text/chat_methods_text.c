//===-- chat_methods_text.c - methods of strings in chat templates --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_methods.h"
#include "text/chat_text.h"
#include "text/utf8.h"

#include <string.h>

static resq_text text_of(chat_context *c, resq_text method, const chat_value *v) {
  if (v && v->kind == CHAT_STRING)
    return v->text;
  chat_fail(c, "%.*s needs a string, not a value of type %s", CHAT_SHORT(method),
            v ? chat_kind_name(*v) : "none");
  return (resq_text){"", 0};
}

static int64_t int_of(chat_context *c, resq_text method, const chat_value *v, int64_t fallback) {
  int64_t i;
  if (!v)
    return fallback;
  if (!chat_as_int(*v, &i))
    chat_fail(c, "%.*s needs an int, not a value of type %s", CHAT_SHORT(method),
              chat_kind_name(*v));
  return i;
}

static bool is_given(const chat_value *v) { return v && v->kind != CHAT_NONE; }

static chat_value change(chat_context *c, chat_value self, resq_text name,
                         const chat_value *const *v) {
  (void)v;
  resq_text text = self.text;
  return chat_string(chat_text_is(name, "upper")        ? chat_upper(c, text)
                     : chat_text_is(name, "lower")      ? chat_lower(c, text)
                     : chat_text_is(name, "title")      ? chat_title(c, text)
                     : chat_text_is(name, "capitalize") ? chat_capitalize(c, text)
                                                        : chat_swapcase(c, text));
}

static chat_value has(chat_context *c, chat_value self, resq_text name,
                      const chat_value *const *v) {
  (void)v;
  return chat_bool(chat_text_has(c, self.text, name));
}

static chat_value strip(chat_context *c, chat_value self, resq_text name,
                        const chat_value *const *v) {
  resq_text set = {"", 0};
  if (is_given(v[0]))
    set = text_of(c, name, v[0]);
  return chat_string(chat_strip(c, self.text, is_given(v[0]) ? &set : NULL, name.data[0] != 'r',
                                name.data[0] != 'l'));
}

static chat_value split(chat_context *c, chat_value self, resq_text name,
                        const chat_value *const *v) {
  resq_text separator = {"", 0};
  if (is_given(v[0])) {
    separator = text_of(c, name, v[0]);
    if (separator.size == 0)
      chat_fail(c, "%.*s by an empty string", CHAT_SHORT(name));
  }
  int64_t limit = int_of(c, name, v[1], -1);
  return chat_split(c, self.text, is_given(v[0]) ? &separator : NULL, limit, name.data[0] == 'r');
}

static chat_value split_lines(chat_context *c, chat_value self, resq_text name,
                              const chat_value *const *v) {
  (void)name;
  return chat_split_lines(c, self.text, v[0] && chat_truth(*v[0]));
}

static chat_value replace(chat_context *c, chat_value self, resq_text name,
                          const chat_value *const *v) {
  resq_text old = text_of(c, name, v[0]), fresh = text_of(c, name, v[1]);
  return chat_string(chat_replace(c, self.text, old, fresh, int_of(c, name, v[2], -1)));
}

/// self[start:end], and the code points before it; false when start is beyond the end of the text.
static bool part(chat_context *c, resq_text self, resq_text name, const chat_value *const *v,
                 resq_text *out, int64_t *before) {
  *out = self;
  *before = 0;
  if (!is_given(v[1]) && !is_given(v[2]))
    return true;
  int64_t length = (int64_t)chat_length(c, self);
  int64_t start = is_given(v[1]) ? int_of(c, name, v[1], 0) : 0;
  int64_t end = is_given(v[2]) ? int_of(c, name, v[2], length) : length;
  start = start < 0 ? (start < -length ? 0 : start + length) : start;
  end = end < 0 ? (end < -length ? 0 : end + length) : end > length ? length : end;
  if (start > length || start > end || c->failed)
    return false;
  size_t from = chat_offset(c, self, start), to = chat_offset(c, self, end);
  *out = (resq_text){self.data + from, to - from};
  *before = start;
  return true;
}

static bool has_affix(resq_text text, resq_text affix, bool at_end) {
  return text.size >= affix.size &&
         (affix.size == 0 ||
          memcmp(text.data + (at_end ? text.size - affix.size : 0), affix.data, affix.size) == 0);
}

static chat_value affix(chat_context *c, chat_value self, resq_text name,
                        const chat_value *const *v) {
  resq_text text;
  int64_t before;
  bool found = false, at_end = name.data[0] == 'e', many = v[0]->kind == CHAT_TUPLE;
  size_t count = many ? v[0]->list->count : 1;
  bool inside = part(c, self.text, name, v, &text, &before);
  for (size_t i = 0; i < count && !found && !c->failed; ++i) {
    resq_text other = text_of(c, name, many ? &v[0]->list->items[i] : v[0]);
    found = chat_charge(c, CHAT_STEP + other.size) && inside && has_affix(text, other, at_end);
  }
  return chat_bool(found);
}

static chat_value remove_affix(chat_context *c, chat_value self, resq_text name,
                               const chat_value *const *v) {
  bool at_end = chat_text_is(name, "removesuffix");
  resq_text text = self.text, other = text_of(c, name, v[0]);
  if (!chat_charge(c, other.size) || !has_affix(text, other, at_end))
    return self;
  return chat_string((resq_text){text.data + (at_end ? 0 : other.size), text.size - other.size});
}

/// find, index, rfind, rindex.
static chat_value find(chat_context *c, chat_value self, resq_text name,
                       const chat_value *const *v) {
  resq_text text, what = text_of(c, name, v[0]);
  int64_t before;
  bool from_right = name.data[0] == 'r', must = name.data[from_right] == 'i';
  size_t found = SIZE_MAX;
  if (part(c, self.text, name, v, &text, &before))
    found = from_right ? chat_find_last(c, text, what) : chat_find(c, text, what);
  if (c->failed)
    return chat_none();
  if (found == SIZE_MAX) {
    if (must)
      chat_fail(c, "%.*s: the text is not there", CHAT_SHORT(name));
    return chat_int(-1);
  }
  return chat_int(before + (int64_t)chat_length(c, (resq_text){text.data, found}));
}

static chat_value count(chat_context *c, chat_value self, resq_text name,
                        const chat_value *const *v) {
  resq_text text, what = text_of(c, name, v[0]);
  int64_t before;
  bool inside = part(c, self.text, name, v, &text, &before);
  return chat_int(inside && !c->failed ? (int64_t)chat_count(c, text, what) : 0);
}

static chat_value partition(chat_context *c, chat_value self, resq_text name,
                            const chat_value *const *v) {
  bool from_right = name.data[0] == 'r';
  resq_text text = self.text, what = text_of(c, name, v[0]);
  if (!c->failed && what.size == 0)
    chat_fail(c, "%.*s by an empty string", CHAT_SHORT(name));
  size_t found = from_right ? chat_find_last(c, text, what) : chat_find(c, text, what);
  chat_value empty = chat_string((resq_text){"", 0});
  if (found == SIZE_MAX)
    return chat_new_tuple(
        c, from_right ? (chat_value[]){empty, empty, self} : (chat_value[]){self, empty, empty}, 3);
  size_t rest = found + what.size;
  return chat_new_tuple(
      c,
      (chat_value[]){chat_string((resq_text){text.data, found}), chat_string(what),
                     chat_string((resq_text){text.data + rest, text.size - rest})},
      3);
}

static chat_value join(chat_context *c, chat_value self, resq_text name,
                       const chat_value *const *v) {
  chat_iterator *it = chat_iterate(c, *v[0]);
  chat_buffer out = {0};
  chat_value item;
  for (size_t i = 0; it && chat_next_item(c, it, &item); ++i) {
    if (i)
      chat_write(c, &out, self.text.data, self.text.size);
    resq_text text = text_of(c, name, &item);
    chat_write(c, &out, text.data, text.size);
  }
  return chat_string(chat_buffer_text(&out));
}

/// ljust, rjust, center, zfill.
static chat_value justify(chat_context *c, chat_value self, resq_text name,
                          const chat_value *const *v) {
  bool zeros = name.data[0] == 'z', center = name.data[0] == 'c';
  resq_text fill = zeros ? chat_text("0") : v[1] ? text_of(c, name, v[1]) : chat_text(" ");
  int64_t length = (int64_t)chat_length(c, self.text), width = int_of(c, name, v[0], 0);
  if (!c->failed && chat_length(c, fill) != 1)
    chat_fail(c, "%.*s: the fill is not one character", CHAT_SHORT(name));
  int64_t missing = width > length ? width - length : 0;
  int64_t left = name.data[0] == 'l' ? 0 : center ? missing / 2 + (missing & width & 1) : missing;
  bool sign = zeros && self.text.size && strchr("+-", self.text.data[0]) && self.text.data[0];
  chat_buffer out = {0};
  chat_write(c, &out, self.text.data, sign);
  for (int64_t i = 0; i < missing && !c->failed; ++i) {
    if (i == left)
      chat_write(c, &out, self.text.data + sign, self.text.size - sign);
    if (chat_charge(c, CHAT_SCAN))
      chat_write(c, &out, fill.data, fill.size);
  }
  if (left >= missing)
    chat_write(c, &out, self.text.data + sign, self.text.size - sign);
  return chat_string(chat_buffer_text(&out));
}

static chat_value expand_tabs(chat_context *c, chat_value self, resq_text name,
                              const chat_value *const *v) {
  int64_t size = int_of(c, name, v[0], 8), column = 0;
  chat_buffer out = {0};
  for (size_t at = 0; at < self.text.size && chat_charge(c, CHAT_SCAN);) {
    uint32_t code;
    size_t length = resq_utf8_step(self.text.data + at, self.text.size - at, &code);
    if (code == '\t') {
      for (int64_t n = size > 0 ? size - column % size : 0; n > 0 && !c->failed; --n, ++column)
        chat_write(c, &out, " ", 1);
    } else {
      chat_write(c, &out, self.text.data + at, length);
      column = code == '\n' || code == '\r' ? 0 : column + 1;
    }
    at += length;
  }
  return chat_string(chat_buffer_text(&out));
}

static const chat_method_entry text_methods[] = {
    {"strip", "|chars/", strip},
    {"lstrip", "|chars/", strip},
    {"rstrip", "|chars/", strip},
    {"split", "|sep,maxsplit", split},
    {"rsplit", "|sep,maxsplit", split},
    {"splitlines", "|keepends", split_lines},
    {"startswith", "prefix/|start/,end/", affix},
    {"endswith", "suffix/|start/,end/", affix},
    {"replace", "old/,new/|count/", replace},
    {"upper", "", change},
    {"lower", "", change},
    {"title", "", change},
    {"capitalize", "", change},
    {"swapcase", "", change},
    {"find", "sub/|start/,end/", find},
    {"rfind", "sub/|start/,end/", find},
    {"index", "sub/|start/,end/", find},
    {"rindex", "sub/|start/,end/", find},
    {"count", "sub/|start/,end/", count},
    {"partition", "sep/", partition},
    {"rpartition", "sep/", partition},
    {"removeprefix", "prefix/", remove_affix},
    {"removesuffix", "suffix/", remove_affix},
    {"join", "iterable/", join},
    {"ljust", "width/|fillchar/", justify},
    {"rjust", "width/|fillchar/", justify},
    {"center", "width/|fillchar/", justify},
    {"zfill", "width/", justify},
    {"expandtabs", "|tabsize", expand_tabs},
    {"isalpha", "", has},
    {"isdigit", "", has},
    {"isdecimal", "", has},
    {"isnumeric", "", has},
    {"isalnum", "", has},
    {"isspace", "", has},
    {"isascii", "", has},
    {"isupper", "", has},
    {"islower", "", has},
    {"istitle", "", has},
    {"casefold", NULL, NULL},
    {"encode", NULL, NULL},
    {"format", NULL, NULL},
    {"format_map", NULL, NULL},
    {"isidentifier", NULL, NULL},
    {"isprintable", NULL, NULL},
    {"maketrans", NULL, NULL},
    {"translate", NULL, NULL},
};

const chat_method_entry *chat_text_method(resq_text name) {
  for (size_t i = 0; i < sizeof text_methods / sizeof text_methods[0]; ++i)
    if (chat_text_is(name, text_methods[i].name))
      return &text_methods[i];
  return NULL;
}
