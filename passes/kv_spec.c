//===-- kv_spec.c ---------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/kv_spec.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

typedef struct word {
  const char *at;
  size_t length;
} word;

typedef struct parser {
  resq_kv_side side;
  word rest; ///< behind the word being parsed, its ':' included
  char *message;
  size_t message_size;
} parser;

static const char *side_name(const parser *p) {
  return p->side == RESQ_KV_KEYS ? "keys" : "values";
}

static __attribute__((format(printf, 2, 3))) bool refuse(const parser *p, const char *format, ...) {
  int n = snprintf(p->message, p->message_size, "%s", side_name(p));
  va_list args;
  va_start(args, format);
  if (n >= 0 && (size_t)n < p->message_size)
    vsnprintf(p->message + n, p->message_size - (size_t)n, format, args);
  va_end(args);
  return false;
}

static bool is(word w, const char *text) {
  return w.length == strlen(text) && !memcmp(w.at, text, w.length);
}

/// How much of a word an error shows.
static int shown(word w) { return (int)(w.length < 64 ? w.length : 64); }

/// The next word of p; false when there is none.
static bool next(parser *p, word *out) {
  if (!p->rest.length)
    return false;
  word w = {p->rest.at + 1, p->rest.length - 1}; // behind the ':'
  const char *colon = memchr(w.at, ':', w.length);
  out->at = w.at;
  out->length = colon ? (size_t)(colon - w.at) : w.length;
  p->rest = (word){w.at + out->length, w.length - out->length};
  return true;
}

//===-- Codes -------------------------------------------------------------===//

/// w is name and a number without sign or leading zero, at most two digits long.
static bool is_numbered(word w, const char *name, unsigned *out) {
  size_t n = strlen(name);
  if (w.length <= n || w.length > n + 2 || memcmp(w.at, name, n) || w.at[n] == '0')
    return false;
  *out = 0;
  for (size_t i = n; i < w.length; i++) {
    if (w.at[i] < '0' || w.at[i] > '9')
      return false;
    *out = *out * 10 + (unsigned)(w.at[i] - '0');
  }
  return true;
}

/// intN, lmN, qjlN, qjlgN.
static bool parse_low(word w, resq_kv_spec *out) {
  static const struct {
    const char *name, *kind;
    unsigned least, most;
    bool signs, gaussian;
  } codes[] = {{"int", "int", 2, 8, false, false},
               {"lm", "lm", 1, 4, false, false},
               {"qjl", "qjl", 1, 16, true, false},
               {"qjlg", "qjl", 1, 16, true, true}};
  for (size_t i = 0; i < sizeof codes / sizeof *codes; i++) {
    unsigned n;
    if (!is_numbered(w, codes[i].name, &n))
      continue;
    if (n < codes[i].least || n > codes[i].most)
      return false;
    out->kind = codes[i].kind;
    out->bits = codes[i].signs ? 0 : n;
    out->signs = codes[i].signs ? n : 0;
    out->gaussian = codes[i].gaussian;
    return true;
  }
  return false;
}

static const char *low_codes(const parser *p) {
  return p->side == RESQ_KV_KEYS ? "int2 to int8, lm1 to lm4, qjl1 to qjl16, qjlg1 to qjlg16"
                                 : "int2 to int8, lm1 to lm4";
}

static bool check_side(const parser *p, word w, const resq_kv_spec *spec) {
  if (p->side == RESQ_KV_KEYS || strcmp(spec->kind, "qjl"))
    return true;
  return refuse(p, ": '%.*s' is a sketch, which is for keys, allowed: %s", shown(w), w.at,
                low_codes(p));
}

static bool is_option(word w) { return w.length && memchr(w.at, '=', w.length); }

static bool parse_code(parser *p, word w, resq_kv_spec *out) {
  if (is(w, "f32") || is(w, "f16")) {
    out->kind = is(w, "f32") ? "f32" : "f16";
    return true;
  }
  if (!is(w, "resq"))
    return parse_low(w, out)
               ? check_side(p, w, out)
               : refuse(p, " is '%.*s', allowed: f32, f16, %s, resq", shown(w), w.at, low_codes(p));
  out->split = true;
  out->basis = RESQ_KV_PCA;
  out->kind = "int";
  out->bits = 4;
  parser ahead = *p;
  word low;
  if (!next(&ahead, &low) || is_option(low))
    return true;
  *p = ahead;
  return parse_low(low, out)
             ? check_side(p, low, out)
             : refuse(p, ": the low part is '%.*s', allowed: %s", shown(low), low.at, low_codes(p));
}

//===-- Options -----------------------------------------------------------===//

static bool parse_basis(const parser *p, word w, resq_kv_spec *out) {
  static const char *const names[] = {[RESQ_KV_NONE] = "none",
                                      [RESQ_KV_PCA] = "pca",
                                      [RESQ_KV_BALANCED] = "balanced",
                                      [RESQ_KV_HADAMARD] = "hadamard",
                                      [RESQ_KV_RANDOM] = "random"};
  for (int i = 0; i <= RESQ_KV_RANDOM; i++)
    if (is(w, names[i]) && (i != RESQ_KV_BALANCED || p->side == RESQ_KV_KEYS)) {
      out->basis = (resq_kv_basis)i;
      return true;
    }
  return refuse(p, ": basis is '%.*s', allowed: pca, %shadamard, random, none", shown(w), w.at,
                p->side == RESQ_KV_KEYS ? "balanced, " : "");
}

static bool parse_option(const parser *p, word w, resq_kv_spec *out) {
  const char *sign = memchr(w.at, '=', w.length);
  word name = {w.at, sign ? (size_t)(sign - w.at) : w.length};
  word value = sign ? (word){sign + 1, w.length - name.length - 1} : (word){w.at, 0};
  if (sign && is(name, "basis"))
    return parse_basis(p, value, out);
  if (sign && is(name, "per")) {
    out->per_head = is(value, "head");
    return out->per_head || is(value, "layer") ||
           refuse(p, ": per is '%.*s', allowed: head, layer", shown(value), value.at);
  }
  return refuse(p, ": option '%.*s' is not known, allowed: basis=..., per=...", shown(w), w.at);
}

bool resq_kv_parse(resq_kv_side side, const char *text, size_t length, resq_kv_spec *out,
                   char *message, size_t message_size) {
  const char *colon = length ? memchr(text, ':', length) : NULL;
  word code = {text, colon ? (size_t)(colon - text) : length};
  parser p = {.side = side,
              .rest = {text + code.length, length - code.length},
              .message = message,
              .message_size = message_size};
  *out = (resq_kv_spec){.per_head = side == RESQ_KV_VALUES};
  bool ok = parse_code(&p, code, out);
  for (word w; ok && next(&p, &w);)
    ok = parse_option(&p, w, out);
  return ok;
}
