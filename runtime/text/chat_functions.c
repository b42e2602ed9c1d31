//===-- chat_functions.c - functions and methods of chat templates --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#define _GNU_SOURCE
#include "text/chat_syntax.h"
#include "text/utf8.h"

#include <string.h>
#include <utf8proc.h>

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

/// Python's str.isspace.
static bool is_white(uint32_t x) {
  return (x >= 9 && x <= 13) || (x >= 0x1C && x <= 0x20) || x == 0x85 || x == 0xA0 || x == 0x1680 ||
         (x >= 0x2000 && x <= 0x200A) || x == 0x2028 || x == 0x2029 || x == 0x202F || x == 0x205F ||
         x == 0x3000;
}

/// Whether the code point at `s` is one to strip.
static bool strips(const char *s, size_t length, uint32_t code, const resq_text *set) {
  return set ? memmem(set->data, set->size, s, length) != NULL : is_white(code);
}

resq_text chat_strip(resq_text text, const resq_text *set, bool left, bool right) {
  uint32_t code;
  while (left && text.size) {
    size_t length = resq_utf8_step(text.data, text.size, &code);
    if (!strips(text.data, length, code, set))
      break;
    text = (resq_text){text.data + length, text.size - length};
  }
  while (right && text.size) {
    size_t start = text.size - 1;
    while (start > 0 && text.size - start < 4 && ((unsigned char)text.data[start] & 0xC0) == 0x80)
      --start;
    size_t length = resq_utf8_step(text.data + start, text.size - start, &code);
    if (start + length != text.size) { // not a code point: its last byte alone
      start = text.size - 1;
      length = 1;
      code = 0xFFFD;
    }
    if (!strips(text.data + start, length, code, set))
      break;
    text.size = start;
  }
  return text;
}

resq_text chat_change_case(chat_context *c, resq_text text, const char *how) {
  bool upper = how[0] == 'u', title = how[0] == 't', capitalize = how[0] == 'c';
  bool word_starts = true;
  chat_buffer out = {0};
  for (size_t at = 0; at < text.size && !c->failed;) {
    uint32_t code;
    char bytes[4];
    size_t bad, length = resq_utf8_decode(text.data + at, text.size - at, &code, &bad);
    if (length == 0) {
      chat_write(c, &out, text.data + at++, 1);
      continue;
    }
    bool raise = upper || ((title || capitalize) && word_starts);
    utf8proc_int32_t changed = raise ? (upper ? utf8proc_toupper((utf8proc_int32_t)code)
                                              : utf8proc_totitle((utf8proc_int32_t)code))
                                     : utf8proc_tolower((utf8proc_int32_t)code);
    chat_write(c, &out, bytes, resq_utf8_encode((uint32_t)changed, bytes));
    // Jinja's title starts a word after white space, - ( { [ <; capitalize has one word.
    word_starts = title && (is_white(code) || (code < 128 && code && strchr("-({[<", (int)code)));
    at += length;
  }
  return chat_buffer_text(&out);
}

chat_value chat_replace(chat_context *c, resq_text text, const chat_arguments *args) {
  const chat_value *old = chat_argument_at(args, 0, "old"),
                   *fresh = chat_argument_at(args, 1, "new");
  const chat_value *limit = chat_argument_at(args, 2, "count");
  int64_t count = -1;
  if (!old || !fresh || old->kind != CHAT_STRING || fresh->kind != CHAT_STRING ||
      old->text.size == 0) {
    chat_fail(c, "replace needs two strings, the first not empty");
    return chat_none();
  }
  if (limit)
    chat_as_int(*limit, &count);
  chat_buffer out = {0};
  const char *at = text.data, *end = text.data + text.size;
  while (count != 0 && chat_charge(c, 1)) {
    const char *found = memmem(at, (size_t)(end - at), old->text.data, old->text.size);
    if (!found)
      break;
    chat_write(c, &out, at, (size_t)(found - at));
    chat_write(c, &out, fresh->text.data, fresh->text.size);
    at = found + old->text.size;
    count -= count > 0;
  }
  chat_write(c, &out, at, (size_t)(end - at));
  return chat_string(chat_buffer_text(&out));
}

/// str.split() without a separator: runs of white space.
static void split_words(chat_context *c, resq_text text, int64_t limit, chat_value out) {
  while (!c->failed) {
    text = chat_strip(text, NULL, true, false);
    if (text.size == 0)
      return;
    size_t end = 0;
    while (end < text.size && limit != 0) {
      uint32_t code;
      size_t length = resq_utf8_step(text.data + end, text.size - end, &code);
      if (is_white(code))
        break;
      end += length;
    }
    if (limit == 0) {
      chat_append(c, out, chat_string(text)); // the rest, with its trailing space
      return;
    }
    chat_append(c, out, chat_string((resq_text){text.data, end}));
    text = (resq_text){text.data + end, text.size - end};
    limit -= limit > 0;
  }
}

static chat_value split(chat_context *c, resq_text text, const chat_arguments *args) {
  const chat_value *sep = chat_argument_at(args, 0, "sep"),
                   *max = chat_argument_at(args, 1, "maxsplit");
  int64_t limit = -1;
  if (max)
    chat_as_int(*max, &limit);
  chat_value out = chat_new_list(c);
  if (!sep || sep->kind == CHAT_NONE) {
    split_words(c, text, limit, out);
    return out;
  }
  if (sep->kind != CHAT_STRING || sep->text.size == 0) {
    chat_fail(c, "split needs a separator that is a string and not empty");
    return out;
  }
  const char *at = text.data, *end = text.data + text.size;
  while (limit != 0 && chat_charge(c, 1)) {
    const char *found = memmem(at, (size_t)(end - at), sep->text.data, sep->text.size);
    if (!found)
      break;
    chat_append(c, out, chat_string((resq_text){at, (size_t)(found - at)}));
    at = found + sep->text.size;
    limit -= limit > 0;
  }
  chat_append(c, out, chat_string((resq_text){at, (size_t)(end - at)}));
  return out;
}

/// startswith and endswith: a string, or a list of them.
static bool has_affix(chat_context *c, resq_text text, const chat_arguments *args, bool at_end) {
  const chat_value *wanted = chat_argument_at(args, 0, "prefix");
  size_t count = wanted && wanted->kind == CHAT_LIST ? wanted->list->count : 1;
  for (size_t i = 0; i < count && chat_charge(c, 1); ++i) {
    const chat_value *one = wanted && wanted->kind == CHAT_LIST ? &wanted->list->items[i] : wanted;
    if (!one || one->kind != CHAT_STRING) {
      chat_fail(c, "startswith and endswith need a string");
      return false;
    }
    size_t size = one->text.size;
    if (size <= text.size && (size == 0 || memcmp(text.data + (at_end ? text.size - size : 0),
                                                  one->text.data, size) == 0))
      return true;
  }
  return false;
}

static bool string_method(chat_context *c, resq_text text, resq_text name,
                          const chat_arguments *args, chat_value *out) {
  bool left = chat_text_is(name, "lstrip"), right = chat_text_is(name, "rstrip");
  if (left || right || chat_text_is(name, "strip")) {
    const chat_value *set = chat_argument_at(args, 0, "chars");
    *out = chat_string(
        chat_strip(text, set && set->kind == CHAT_STRING ? &set->text : NULL, !right, !left));
  } else if (chat_text_is(name, "split")) {
    *out = split(c, text, args);
  } else if (chat_text_is(name, "startswith") || chat_text_is(name, "endswith")) {
    *out = chat_bool(has_affix(c, text, args, name.data[0] == 'e'));
  } else if (chat_text_is(name, "replace")) {
    *out = chat_replace(c, text, args);
  } else if (chat_text_is(name, "upper") || chat_text_is(name, "lower") ||
             chat_text_is(name, "capitalize") || chat_text_is(name, "title")) {
    char how[2] = {name.data[0], 0};
    *out = chat_string(chat_change_case(c, text, how));
  } else {
    return false;
  }
  return true;
}

static bool dict_method(chat_context *c, chat_value dict, resq_text name,
                        const chat_arguments *args, chat_value *out) {
  bool items = chat_text_is(name, "items"), values = chat_text_is(name, "values");
  if (chat_text_is(name, "get")) {
    const chat_value *key = chat_argument_at(args, 0, "key"),
                     *other = chat_argument_at(args, 1, "default");
    chat_value *found = key && key->kind == CHAT_STRING ? chat_get(c, dict, key->text) : NULL;
    *out = found ? *found : other ? *other : chat_none();
    return true;
  }
  if (!items && !values && !chat_text_is(name, "keys"))
    return false;
  *out = chat_new_list(c);
  for (size_t i = 0; i < dict.dict->count && !c->failed; ++i) {
    chat_value key = chat_string(dict.dict->keys[i]), value = dict.dict->values[i];
    if (items) {
      chat_value pair = chat_new_list(c);
      chat_append(c, pair, key);
      chat_append(c, pair, value);
      chat_append(c, *out, pair);
    } else {
      chat_append(c, *out, values ? value : key);
    }
  }
  return true;
}

bool chat_call_method(chat_context *c, chat_value subject, resq_text name,
                      const chat_arguments *args, chat_value *out) {
  if (subject.kind == CHAT_STRING)
    return string_method(c, subject.text, name, args, out);
  return chat_is_dict(subject) && dict_method(c, subject, name, args, out);
}

//===----------------------------------------------------------------------===//
// Functions
//===----------------------------------------------------------------------===//

static const char *const functions[] = {"range", "raise_exception", "namespace", "strftime_now",
                                        "dict"};

bool chat_is_function(resq_text name) {
  for (size_t i = 0; i < sizeof functions / sizeof functions[0]; ++i)
    if (chat_text_is(name, functions[i]))
      return true;
  return false;
}

static chat_value call_range(chat_context *c, const chat_arguments *args) {
  int64_t v[3] = {0, 0, 1};
  bool ok = args->count >= 1 && args->count <= 3;
  for (size_t i = 0; ok && i < args->count; ++i)
    ok = chat_as_int(args->items[i].value, &v[args->count == 1 ? 1 : i]);
  const int64_t limit = (int64_t)1 << 40;
  for (int i = 0; i < 3; ++i)
    ok = ok && v[i] > -limit && v[i] < limit;
  if (!ok || v[2] == 0) {
    chat_fail(c, "range needs 1 to 3 ints, the step not 0");
    return chat_none();
  }
  chat_value out = chat_new_list(c);
  for (int64_t i = v[0]; (v[2] > 0 ? i < v[1] : i > v[1]) && chat_charge(c, 1); i += v[2]) {
    chat_append(c, out, chat_int(i));
    if (!c->failed && out.list->count > 100000)
      chat_fail(c, "range of more than 100000 items");
  }
  return out;
}

/// namespace(...) and dict(...): keyword arguments, after the items of a dict.
static chat_value call_namespace(chat_context *c, const chat_arguments *args, chat_kind kind) {
  chat_value out = chat_new_dict(c);
  for (size_t i = 0; i < args->count && !c->failed; ++i) {
    chat_value value = args->items[i].value;
    if (args->items[i].name.size)
      chat_put(c, out, args->items[i].name, value);
    else if (!chat_is_dict(value))
      chat_fail(c, "namespace and dict take name=value and dicts");
    else
      for (size_t j = 0; j < value.dict->count && !c->failed; ++j)
        chat_put(c, out, value.dict->keys[j], value.dict->values[j]);
  }
  out.kind = c->failed ? CHAT_NONE : kind;
  return out;
}

chat_value chat_call_function(chat_context *c, resq_text name, const chat_arguments *args) {
  if (chat_text_is(name, "range"))
    return call_range(c, args);
  if (chat_text_is(name, "namespace"))
    return call_namespace(c, args, CHAT_NAMESPACE);
  if (chat_text_is(name, "dict"))
    return call_namespace(c, args, CHAT_DICT);
  if (chat_text_is(name, "strftime_now")) // the same prompt on every day
    return chat_string((resq_text){"", 0});
  const chat_value *message = chat_argument_at(args, 0, "message");
  resq_text text = message ? chat_str(c, *message) : chat_text("no reason given");
  chat_fail(c, "the template refuses: %.*s", (int)(text.size < 600 ? text.size : 600), text.data);
  return chat_none();
}
