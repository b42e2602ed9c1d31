//===-- chat_operators.c - operators of chat templates --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Python's meaning, within 64-bit integers: overflow is an error, not a big number.
//===----------------------------------------------------------------------===//
#include "text/chat_syntax.h"
#include "text/chat_text.h"

#include <math.h>
#include <string.h>

static chat_value refuse(chat_context *c, resq_text op, chat_value a, chat_value b) {
  chat_value missing = a.kind == CHAT_UNDEFINED ? a : b;
  if (missing.kind == CHAT_UNDEFINED)
    chat_fail(c, "'%.*s' is undefined", CHAT_SHORT(missing.text));
  else
    chat_fail(c, "operator %.*s between %s and %s", (int)op.size, op.data, chat_kind_name(a),
              chat_kind_name(b));
  return chat_none();
}

bool chat_refuse_safe(chat_context *c, const char *what, chat_value v) {
  if (v.kind == CHAT_STRING && v.safe)
    chat_fail(c, "%s on text that went through the filter safe is not supported", what);
  return !c->failed;
}

static chat_value join_lists(chat_context *c, chat_value a, chat_value b) {
  chat_value out = chat_new_list(c);
  for (size_t i = 0; i < a.list->count + b.list->count && chat_charge(c, CHAT_STEP); ++i)
    chat_append(c, out, i < a.list->count ? a.list->items[i] : b.list->items[i - a.list->count]);
  out.kind = c->failed ? CHAT_NONE : a.kind;
  return out;
}

static chat_value repeat(chat_context *c, chat_value v, int64_t times) {
  if (v.kind == CHAT_STRING) {
    chat_buffer out = {0};
    for (int64_t i = 0; v.text.size && i < times && chat_charge(c, CHAT_STEP); ++i)
      chat_write(c, &out, v.text.data, v.text.size);
    return chat_string(chat_buffer_text(&out));
  }
  chat_value out = chat_new_list(c);
  for (int64_t i = 0; v.list->count && i < times && !c->failed; ++i)
    for (size_t j = 0; j < v.list->count && chat_charge(c, CHAT_STEP); ++j)
      chat_append(c, out, v.list->items[j]);
  out.kind = c->failed ? CHAT_NONE : v.kind;
  return out;
}

static int64_t power(int64_t base, int64_t exponent, bool *overflow) {
  int64_t result = 1;
  while (exponent > 0 && !*overflow) {
    if (exponent & 1)
      *overflow |= __builtin_mul_overflow(result, base, &result);
    exponent >>= 1;
    if (exponent)
      *overflow |= __builtin_mul_overflow(base, base, &base);
  }
  return result;
}

static chat_value integers(chat_context *c, resq_text op, int64_t a, int64_t b) {
  int64_t result = 0;
  bool overflow = false, divides = chat_text_is(op, "//") || chat_text_is(op, "%");
  if (divides && b == 0) {
    chat_fail(c, "division by zero");
    return chat_none();
  }
  if (chat_text_is(op, "+"))
    overflow = __builtin_add_overflow(a, b, &result);
  else if (chat_text_is(op, "-"))
    overflow = __builtin_sub_overflow(a, b, &result);
  else if (chat_text_is(op, "*"))
    overflow = __builtin_mul_overflow(a, b, &result);
  else if (chat_text_is(op, "**"))
    result = power(a, b, &overflow);
  else if (divides && b == -1) // INT64_MIN / -1 traps
    overflow = op.size == 2 && __builtin_sub_overflow((int64_t)0, a, &result);
  else if (divides) {
    int64_t rest = a % b; // rounded down, as Python does
    bool down = rest != 0 && (rest < 0) != (b < 0);
    result = op.size == 2 ? a / b - down : rest + (down ? b : 0);
  }
  if (overflow)
    chat_fail(c, "an integer beyond 64 bits");
  return chat_int(result);
}

/// Python's float %, and // in *quotient.
static double divide_down(double a, double b, double *quotient) {
  double rest = fmod(a, b), whole = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) {
    rest += b;
    whole -= 1;
  } else if (rest == 0) {
    rest = copysign(0.0, b);
  }
  *quotient = copysign(0.0, a / b);
  if (whole != 0) {
    *quotient = floor(whole);
    if (whole - *quotient > 0.5)
      *quotient += 1;
  }
  return rest;
}

static chat_value float_power(chat_context *c, double a, double b) {
  double result = pow(a, b);
  if (a == 0 && b < 0)
    chat_fail(c, "division by zero");
  else if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
    chat_fail(c, "a power of a negative number with a fraction is complex: not supported");
  else if (isinf(result) && isfinite(a) && isfinite(b))
    chat_fail(c, "a power too large for a float");
  return chat_float(result);
}

static chat_value numbers(chat_context *c, resq_text op, double a, double b) {
  bool divides = op.data[0] == '/' || op.data[0] == '%';
  double quotient, rest;
  if (divides && b == 0) {
    chat_fail(c, "division by zero");
    return chat_none();
  }
  if (chat_text_is(op, "+"))
    return chat_float(a + b);
  if (chat_text_is(op, "-"))
    return chat_float(a - b);
  if (chat_text_is(op, "*"))
    return chat_float(a * b);
  if (chat_text_is(op, "**"))
    return float_power(c, a, b);
  if (chat_text_is(op, "/"))
    return chat_float(a / b);
  rest = divide_down(a, b, &quotient);
  return chat_float(op.size == 2 ? quotient : rest);
}

/// An int that is a double; the quotient of others would be rounded twice.
static bool is_exact(chat_context *c, chat_value v) {
  const int64_t limit = (int64_t)1 << 53;
  int64_t i;
  if (chat_as_int(v, &i) && (i > limit || i < -limit))
    chat_fail(c, "division of an integer beyond 53 bits");
  return !c->failed;
}

chat_value chat_binary(chat_context *c, resq_text op, chat_value a, chat_value b) {
  int64_t i, j = 0;
  double x, y;
  bool ints = chat_as_int(a, &i) && chat_as_int(b, &j);
  if (ints && !chat_text_is(op, "/") && !(chat_text_is(op, "**") && j < 0))
    return integers(c, op, i, j);
  if (chat_as_number(a, &x) && chat_as_number(b, &y))
    return !ints || (is_exact(c, a) && is_exact(c, b)) ? numbers(c, op, x, y) : chat_none();
  bool plus = chat_text_is(op, "+"), times = chat_text_is(op, "*"), format = chat_text_is(op, "%");
  if (!chat_refuse_safe(c, "an operator", a) || !chat_refuse_safe(c, "an operator", b))
    return chat_none();
  if (plus && a.kind == CHAT_STRING && b.kind == CHAT_STRING)
    return chat_string(chat_join(c, a.text, b.text));
  if (plus && chat_is_sequence(a) && a.kind == b.kind)
    return join_lists(c, a, b);
  if (times && (a.kind == CHAT_STRING || chat_is_sequence(a)) && chat_as_int(b, &j))
    return repeat(c, a, j);
  if (times && (b.kind == CHAT_STRING || chat_is_sequence(b)) && chat_as_int(a, &i))
    return repeat(c, b, i);
  if (format && a.kind == CHAT_STRING)
    return chat_string(chat_format(c, a.text, b));
  return refuse(c, op, a, b);
}

chat_value chat_unary(chat_context *c, resq_text op, chat_value v) {
  int64_t integer;
  bool minus = op.data[0] == '-';
  if (chat_as_int(v, &integer)) {
    if (minus && __builtin_sub_overflow((int64_t)0, integer, &integer))
      chat_fail(c, "an integer beyond 64 bits");
    return chat_int(integer);
  }
  if (v.kind == CHAT_FLOAT)
    return chat_float(minus ? -v.number : v.number);
  if (v.kind == CHAT_UNDEFINED)
    chat_fail(c, "'%.*s' is undefined", CHAT_SHORT(v.text));
  else
    chat_fail(c, "a sign before a value of type %s", chat_kind_name(v));
  return v;
}

bool chat_compare(chat_context *c, resq_text op, chat_value a, chat_value b) {
  if (chat_text_is(op, "=="))
    return chat_equal(c, a, b);
  if (chat_text_is(op, "!="))
    return !chat_equal(c, a, b) && !c->failed;
  if (chat_text_is(op, "in"))
    return chat_contains(c, a, b);
  if (chat_text_is(op, "not in"))
    return !chat_contains(c, a, b) && !c->failed;
  char name[4] = {0};
  memcpy(name, op.data, op.size < 3 ? op.size : 3);
  bool unordered, strict = op.size == 1;
  int order = chat_order(c, name, a, b, &unordered);
  if (unordered || c->failed)
    return false;
  return op.data[0] == '<' ? (strict ? order < 0 : order <= 0) : (strict ? order > 0 : order >= 0);
}
