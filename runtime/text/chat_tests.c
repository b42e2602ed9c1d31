//===-- chat_tests.c - the tests of chat templates (`x is defined`) -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "text/chat_syntax.h"
#include "text/chat_text.h"

typedef bool (*test_function)(chat_context *c, const char *name, chat_value v,
                              const chat_value *other);

static bool is_kind(chat_context *c, const char *name, chat_value v, const chat_value *other) {
  (void)c, (void)other;
  resq_text what = chat_text(name);
  bool walked = v.kind == CHAT_STRING || chat_has_list(v) || v.kind == CHAT_DICT ||
                v.kind == CHAT_RANGE || v.kind == CHAT_UNDEFINED;
  if (chat_text_is(what, "defined"))
    return v.kind != CHAT_UNDEFINED;
  if (chat_text_is(what, "undefined"))
    return v.kind == CHAT_UNDEFINED;
  if (chat_text_is(what, "none"))
    return v.kind == CHAT_NONE;
  if (chat_text_is(what, "string"))
    return v.kind == CHAT_STRING;
  if (chat_text_is(what, "mapping"))
    return v.kind == CHAT_DICT;
  if (chat_text_is(what, "iterable"))
    return walked || v.kind == CHAT_ITERATOR || v.kind == CHAT_LOOP;
  if (chat_text_is(what, "sequence"))
    return walked && v.kind != CHAT_KEYS && v.kind != CHAT_VALUES && v.kind != CHAT_ITEMS;
  if (chat_text_is(what, "boolean"))
    return v.kind == CHAT_BOOL;
  if (chat_text_is(what, "true") || chat_text_is(what, "false"))
    return v.kind == CHAT_BOOL && v.truth == (name[0] == 't');
  if (chat_text_is(what, "integer"))
    return v.kind == CHAT_INT;
  if (chat_text_is(what, "float"))
    return v.kind == CHAT_FLOAT;
  if (chat_text_is(what, "number"))
    return v.kind == CHAT_INT || v.kind == CHAT_FLOAT || v.kind == CHAT_BOOL;
  if (chat_text_is(what, "escaped"))
    return v.kind == CHAT_STRING && v.safe;
  // callable; an undefined value is, too, in Jinja
  return v.kind == CHAT_FUNCTION || v.kind == CHAT_METHOD || v.kind == CHAT_MACRO ||
         v.kind == CHAT_JOINER || v.kind == CHAT_UNDEFINED || v.kind == CHAT_LOOP;
}

static bool is_case(chat_context *c, const char *name, chat_value v, const chat_value *other) {
  (void)other;
  return chat_text_has(c, chat_str(c, v), chat_text(name[0] == 'l' ? "islower" : "isupper"));
}

static bool is_divisible(chat_context *c, const char *name, chat_value v, const chat_value *other) {
  double x;
  chat_value by = other ? *other : chat_int(2);
  if (!chat_as_number(v, &x) || !chat_as_number(by, &x)) {
    chat_fail(c, "test %s needs numbers", name);
    return false;
  }
  chat_value rest = chat_binary(c, chat_text("%"), v, by);
  return !c->failed && chat_equal(c, rest, chat_int(name[0] == 'o'));
}

static bool is_in(chat_context *c, const char *name, chat_value v, const chat_value *other) {
  (void)name;
  return chat_contains(c, v, *other);
}

static bool is_builtin(chat_context *c, const char *name, chat_value v, const chat_value *other) {
  (void)other;
  chat_value names = chat_new_dict(c);
  if (!c->failed)
    chat_get(c, names.dict, v); // what cannot be a key cannot be asked for
  if (v.kind != CHAT_STRING)
    return false;
  return name[0] == 'f' ? chat_has_filter(v.text) : chat_has_test(v.text);
}

/// Whether two values are one object; for values that Python may or may not share: refused.
static bool is_same(chat_context *c, const char *name, chat_value v, const chat_value *other) {
  (void)name;
  if (v.kind != other->kind)
    return false;
  switch (v.kind) {
  case CHAT_NONE:
    return true;
  case CHAT_BOOL:
    return v.truth == other->truth;
  case CHAT_LIST:
  case CHAT_DICT:
  case CHAT_NAMESPACE:
  case CHAT_LOOP:
    return v.list == other->list;
  default:
    chat_fail(c, "test sameas of two values of type %s is not supported", chat_kind_name(v));
    return false;
  }
}

static bool is_compared(chat_context *c, const char *name, chat_value v, const chat_value *other) {
  static const char *const operators[][2] = {{"eq", "=="}, {"equalto", "=="}, {"ne", "!="},
                                             {"lt", "<"},  {"lessthan", "<"}, {"le", "<="},
                                             {"gt", ">"},  {"ge", ">="},      {"greaterthan", ">"}};
  const char *op = name; // `==` and so on, as select takes them
  for (size_t i = 0; i < sizeof operators / sizeof operators[0]; ++i)
    if (chat_text_is(chat_text(name), operators[i][0]))
      op = operators[i][1];
  return chat_compare(c, chat_text(op), v, *other);
}

typedef struct test_entry {
  const char *name, *parameters;
  test_function run;
} test_entry;

static const test_entry tests[] = {
    {"defined", "", is_kind},
    {"undefined", "", is_kind},
    {"none", "", is_kind},
    {"string", "", is_kind},
    {"mapping", "", is_kind},
    {"iterable", "", is_kind},
    {"sequence", "", is_kind},
    {"boolean", "", is_kind},
    {"true", "", is_kind},
    {"false", "", is_kind},
    {"integer", "", is_kind},
    {"float", "", is_kind},
    {"number", "", is_kind},
    {"callable", "", is_kind},
    {"escaped", "", is_kind},
    {"lower", "", is_case},
    {"upper", "", is_case},
    {"even", "", is_divisible},
    {"odd", "", is_divisible},
    {"divisibleby", "num", is_divisible},
    {"in", "seq", is_in},
    {"filter", "", is_builtin},
    {"test", "", is_builtin},
    {"sameas", "other", is_same},
    {"eq", "b/", is_compared},
    {"equalto", "b/", is_compared},
    {"==", "b/", is_compared},
    {"ne", "b/", is_compared},
    {"!=", "b/", is_compared},
    {"lt", "b/", is_compared},
    {"lessthan", "b/", is_compared},
    {"<", "b/", is_compared},
    {"le", "b/", is_compared},
    {"<=", "b/", is_compared},
    {"gt", "b/", is_compared},
    {"greaterthan", "b/", is_compared},
    {">", "b/", is_compared},
    {"ge", "b/", is_compared},
    {">=", "b/", is_compared},
};

static const test_entry *find_entry(resq_text name) {
  for (size_t i = 0; i < sizeof tests / sizeof tests[0]; ++i)
    if (chat_text_is(name, tests[i].name))
      return &tests[i];
  return NULL;
}

bool chat_has_test(resq_text name) { return find_entry(name) != NULL; }

static const test_entry *need_entry(chat_context *c, resq_text name) {
  const test_entry *e = find_entry(name);
  if (!e)
    chat_fail(c, "test '%.*s' is not supported", CHAT_SHORT(name));
  return e;
}

const void *chat_find_test(chat_context *c, resq_text name, const chat_node *arguments) {
  const test_entry *e = c->failed ? NULL : need_entry(c, name);
  if (e)
    chat_check_call(c, e->name, e->parameters, arguments);
  return c->failed ? NULL : e;
}

bool chat_test(chat_context *c, const void *test, chat_value v, const chat_arguments *args) {
  const test_entry *e = test;
  const chat_value *bound[CHAT_MAX_PARAMETERS] = {0};
  if (!chat_charge(c, CHAT_STEP) || !chat_bind(c, e->name, e->parameters, args, bound))
    return false;
  return e->run(c, e->name, v, bound[0]) && !c->failed;
}

bool chat_test_by_name(chat_context *c, chat_value name, chat_value v, const chat_arguments *args) {
  const test_entry *e = need_entry(c, name.text);
  return e && chat_test(c, e, v, args);
}
