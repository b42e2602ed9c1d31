//===-- chat_filters.c - filters and tests of chat templates --------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_syntax.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const chat_value *chat_argument_at(const chat_arguments *args, size_t position, const char *name) {
  size_t positional = 0;
  for (size_t i = 0; i < args->count; ++i)
    if (args->items[i].name.size ? chat_text_is(args->items[i].name, name)
                                 : positional++ == position)
      return &args->items[i].value;
  return NULL;
}

static bool needs_list(chat_context *c, chat_value v, const char *filter) {
  if (v.kind == CHAT_LIST || v.kind == CHAT_STRING || v.kind == CHAT_DICT ||
      v.kind == CHAT_UNDEFINED)
    return true;
  chat_fail(c, "%s of a value of type %s", filter, chat_kind_name(v));
  return false;
}

static chat_value filter_trim(chat_context *c, chat_value v, const chat_arguments *args) {
  const chat_value *set = chat_argument_at(args, 0, "chars");
  resq_text text = chat_str(c, v);
  return chat_string(
      chat_strip(text, set && set->kind == CHAT_STRING ? &set->text : NULL, true, true));
}

static chat_value filter_upper(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)args;
  return chat_string(chat_change_case(c, chat_str(c, v), "upper"));
}

static chat_value filter_lower(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)args;
  return chat_string(chat_change_case(c, chat_str(c, v), "lower"));
}

static chat_value filter_capitalize(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)args;
  return chat_string(chat_change_case(c, chat_str(c, v), "capitalize"));
}

static chat_value filter_title(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)args;
  return chat_string(chat_change_case(c, chat_str(c, v), "title"));
}

static chat_value filter_length(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)args;
  if (!needs_list(c, v, "length") || v.kind == CHAT_UNDEFINED)
    return chat_int(0);
  if (v.kind == CHAT_STRING)
    return chat_int(chat_charge(c, v.text.size / 16) ? (int64_t)chat_length(v.text) : 0);
  return chat_int((int64_t)(v.kind == CHAT_LIST ? v.list->count : v.dict->count));
}

static chat_value filter_tojson(chat_context *c, chat_value v, const chat_arguments *args) {
  const chat_value *indent = chat_argument_at(args, 0, "indent");
  int64_t by = -1;
  if (indent && chat_as_int(*indent, &by) && (by < 0 || by > 16))
    chat_fail(c, "tojson: indent %lld; 0 to 16 are allowed", (long long)by);
  chat_buffer out = {0};
  if (!c->failed)
    chat_print_json(c, &out, v, indent && indent->kind == CHAT_INT ? (int)by : -1, 0);
  return chat_string(chat_buffer_text(&out));
}

static chat_value filter_join(chat_context *c, chat_value v, const chat_arguments *args) {
  const chat_value *between = chat_argument_at(args, 0, "d");
  const chat_value *attribute = chat_argument_at(args, 1, "attribute");
  resq_text separator = between ? chat_str(c, *between) : (resq_text){"", 0};
  chat_value items = chat_items_of(c, v);
  chat_buffer out = {0};
  for (size_t i = 0; !c->failed && i < items.list->count && chat_charge(c, 1); ++i) {
    chat_value item = items.list->items[i];
    if (attribute)
      item = chat_item(c, item, *attribute);
    if (i)
      chat_write(c, &out, separator.data, separator.size);
    chat_print(c, &out, item, false);
  }
  return chat_string(chat_buffer_text(&out));
}

static chat_value filter_default(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)c;
  const chat_value *other = chat_argument_at(args, 0, "default_value");
  const chat_value *falsy = chat_argument_at(args, 1, "boolean");
  if (v.kind != CHAT_UNDEFINED && !(falsy && chat_truth(*falsy) && !chat_truth(v)))
    return v;
  return other ? *other : chat_string((resq_text){"", 0});
}

static chat_value filter_string(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)args;
  return chat_string(chat_str(c, v));
}

static chat_value filter_replace(chat_context *c, chat_value v, const chat_arguments *args) {
  return chat_replace(c, chat_str(c, v), args);
}

static chat_value filter_list(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)args;
  return chat_items_of(c, v);
}

static chat_value filter_first(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)args;
  chat_value items = chat_items_of(c, v);
  if (c->failed || items.list->count == 0)
    return chat_undefined(chat_text("the first item of nothing"));
  return items.list->items[0];
}

static chat_value filter_last(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)args;
  chat_value items = chat_items_of(c, v);
  if (c->failed || items.list->count == 0)
    return chat_undefined(chat_text("the last item of nothing"));
  return items.list->items[items.list->count - 1];
}

static chat_value filter_reverse(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)args;
  chat_value step = chat_int(-1);
  return chat_slice(c, v.kind == CHAT_STRING ? v : chat_items_of(c, v), NULL, NULL, &step);
}

/// A text that is a number, wholly.
static bool parse_number(resq_text text, double *out) {
  char digits[64], *end;
  text = chat_strip(text, NULL, true, true);
  if (text.size == 0 || text.size >= sizeof digits)
    return false;
  memcpy(digits, text.data, text.size);
  digits[text.size] = 0;
  *out = strtod(digits, &end);
  return *end == 0 && end != digits;
}

static chat_value filter_int(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)c;
  const chat_value *other = chat_argument_at(args, 0, "default");
  int64_t integer;
  double number = 0;
  if (chat_as_int(v, &integer))
    return chat_int(integer);
  bool ok = v.kind == CHAT_STRING ? parse_number(v.text, &number) : chat_as_number(v, &number);
  if (ok && number > -0x1p62 && number < 0x1p62)
    return chat_int((int64_t)number);
  return other ? *other : chat_int(0);
}

static chat_value filter_float(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)c;
  const chat_value *other = chat_argument_at(args, 0, "default");
  double number = 0;
  bool ok = v.kind == CHAT_STRING ? parse_number(v.text, &number) : chat_as_number(v, &number);
  return ok || !other ? chat_float(ok ? number : 0) : *other;
}

static chat_value filter_abs(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)args;
  int64_t integer;
  if (chat_as_int(v, &integer) && integer != INT64_MIN)
    return chat_int(integer < 0 ? -integer : integer);
  if (v.kind != CHAT_FLOAT)
    chat_fail(c, "abs of a value of type %s", chat_kind_name(v));
  return chat_float(v.kind == CHAT_FLOAT ? fabs(v.number) : 0);
}

static chat_value filter_items(chat_context *c, chat_value v, const chat_arguments *args) {
  chat_value out;
  if (v.kind == CHAT_UNDEFINED)
    return chat_new_list(c);
  if (chat_is_dict(v) && chat_call_method(c, v, chat_text("items"), args, &out))
    return out;
  chat_fail(c, "items of a value of type %s; dict is allowed", chat_kind_name(v));
  return chat_none();
}

static chat_value filter_safe(chat_context *c, chat_value v, const chat_arguments *args) {
  (void)c, (void)args;
  return v; // nothing is escaped
}

static chat_value filter_map(chat_context *c, chat_value v, const chat_arguments *args) {
  const chat_value *attribute = chat_argument_at(args, SIZE_MAX, "attribute");
  const chat_value *filter = chat_argument_at(args, 0, "filter");
  chat_value items = chat_items_of(c, v), out = chat_new_list(c);
  chat_arguments rest = {args->items + (args->count ? 1 : 0), args->count ? args->count - 1 : 0};
  if (!attribute && (!filter || filter->kind != CHAT_STRING))
    chat_fail(c, "map needs attribute=... or a filter's name");
  for (size_t i = 0; !c->failed && i < items.list->count && chat_charge(c, 1); ++i) {
    chat_value item = items.list->items[i];
    chat_append(c, out,
                attribute ? chat_item(c, item, *attribute)
                          : chat_filter(c, filter->text, item, &rest));
  }
  return out;
}

/// select, reject, selectattr, rejectattr: items whose value (or attribute) passes a test, or does
/// not.
static chat_value select_items(chat_context *c, chat_value v, const chat_arguments *args, bool keep,
                               bool by_attribute) {
  size_t at = by_attribute ? 1 : 0;
  chat_value items = chat_items_of(c, v), out = chat_new_list(c);
  if (args->count < at || (args->count > at && args->items[at].value.kind != CHAT_STRING))
    chat_fail(c, "select and reject need %s",
              by_attribute ? "an attribute's name" : "a test's name");
  size_t used = args->count > at ? at + 1 : at;
  chat_arguments rest = {args->items ? args->items + used : NULL,
                         args->count - (c->failed ? 0 : used)};
  for (size_t i = 0; !c->failed && i < items.list->count && chat_charge(c, 1); ++i) {
    chat_value item = items.list->items[i];
    chat_value tested = by_attribute ? chat_item(c, item, args->items[0].value) : item;
    bool passes = args->count > at ? chat_test(c, args->items[at].value.text, tested, &rest)
                                   : chat_truth(tested);
    if (passes == keep)
      chat_append(c, out, item);
  }
  return out;
}

static chat_value filter_select(chat_context *c, chat_value v, const chat_arguments *args) {
  return select_items(c, v, args, true, false);
}
static chat_value filter_reject(chat_context *c, chat_value v, const chat_arguments *args) {
  return select_items(c, v, args, false, false);
}
static chat_value filter_selectattr(chat_context *c, chat_value v, const chat_arguments *args) {
  return select_items(c, v, args, true, true);
}
static chat_value filter_rejectattr(chat_context *c, chat_value v, const chat_arguments *args) {
  return select_items(c, v, args, false, true);
}

typedef chat_value (*filter_function)(chat_context *, chat_value, const chat_arguments *);
static const struct {
  const char *name;
  filter_function run;
} filters[] = {
    {"trim", filter_trim},
    {"upper", filter_upper},
    {"lower", filter_lower},
    {"capitalize", filter_capitalize},
    {"title", filter_title},
    {"length", filter_length},
    {"count", filter_length},
    {"tojson", filter_tojson},
    {"join", filter_join},
    {"default", filter_default},
    {"d", filter_default},
    {"string", filter_string},
    {"replace", filter_replace},
    {"list", filter_list},
    {"first", filter_first},
    {"last", filter_last},
    {"reverse", filter_reverse},
    {"int", filter_int},
    {"float", filter_float},
    {"abs", filter_abs},
    {"items", filter_items},
    {"safe", filter_safe},
    {"map", filter_map},
    {"select", filter_select},
    {"reject", filter_reject},
    {"selectattr", filter_selectattr},
    {"rejectattr", filter_rejectattr},
};

chat_value chat_filter(chat_context *c, resq_text name, chat_value subject,
                       const chat_arguments *args) {
  for (size_t i = 0; i < sizeof filters / sizeof filters[0]; ++i)
    if (chat_text_is(name, filters[i].name)) {
      // `map` may name itself: its nesting is bounded like any other.
      chat_value out = chat_enter(c) ? filters[i].run(c, subject, args) : chat_none();
      chat_leave(c);
      return c->failed ? chat_none() : out;
    }
  chat_fail(c, "filter '%.*s' is not supported", (int)(name.size < 60 ? name.size : 60), name.data);
  return chat_none();
}

static bool test_kind(resq_text name, chat_value v, bool *known) {
  *known = true;
  if (chat_text_is(name, "defined"))
    return v.kind != CHAT_UNDEFINED;
  if (chat_text_is(name, "undefined"))
    return v.kind == CHAT_UNDEFINED;
  if (chat_text_is(name, "none"))
    return v.kind == CHAT_NONE;
  if (chat_text_is(name, "string"))
    return v.kind == CHAT_STRING;
  if (chat_text_is(name, "mapping"))
    return v.kind == CHAT_DICT;
  if (chat_text_is(name, "iterable") || chat_text_is(name, "sequence"))
    return v.kind == CHAT_STRING || v.kind == CHAT_LIST || v.kind == CHAT_DICT ||
           v.kind == CHAT_UNDEFINED;
  if (chat_text_is(name, "boolean"))
    return v.kind == CHAT_BOOL;
  if (chat_text_is(name, "true") || chat_text_is(name, "false"))
    return v.kind == CHAT_BOOL && v.truth == (name.data[0] == 't');
  if (chat_text_is(name, "integer"))
    return v.kind == CHAT_INT;
  if (chat_text_is(name, "float"))
    return v.kind == CHAT_FLOAT;
  if (chat_text_is(name, "number"))
    return v.kind == CHAT_INT || v.kind == CHAT_FLOAT || v.kind == CHAT_BOOL;
  if (chat_text_is(name, "callable"))
    return v.kind == CHAT_FUNCTION || v.kind == CHAT_MACRO;
  *known = false;
  return false;
}

bool chat_test(chat_context *c, resq_text name, chat_value v, const chat_arguments *args) {
  static const char *const comparisons[][3] = {
      {"equalto", "eq", "=="}, {"sameas", "sameas", "=="}, {"ne", "!=", "!="},
      {"lessthan", "lt", "<"}, {"greaterthan", "gt", ">"}, {"le", "le", "<="},
      {"ge", "ge", ">="},      {"in", "in", "in"}};
  bool known, result = test_kind(name, v, &known);
  if (known)
    return result;
  const chat_value *other = args->count ? &args->items[0].value : NULL;
  int64_t i, by = 2;
  bool even = chat_text_is(name, "even"), odd = chat_text_is(name, "odd");
  if (even || odd || (chat_text_is(name, "divisibleby") && other)) {
    if (!chat_as_int(v, &i) || (!even && !odd && !chat_as_int(*other, &by)) || by == 0 ||
        by == -1) {
      chat_fail(c, "test %.*s needs ints", (int)name.size, name.data);
      return false;
    }
    return (i % by == 0) != odd;
  }
  for (size_t k = 0; other && k < sizeof comparisons / sizeof comparisons[0]; ++k)
    for (int j = 0; j < 3; ++j)
      if (chat_text_is(name, comparisons[k][j]))
        return (k != 1 || v.kind == other->kind) &&
               chat_compare(c, chat_text(comparisons[k][2]), v, *other);
  chat_fail(c, "test '%.*s' is not supported%s", (int)(name.size < 60 ? name.size : 60), name.data,
            other ? "" : " without an argument");
  return false;
}
