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

/// A number without sign or leading zero, of at most `digits`.
static bool parse_number(word w, size_t digits, unsigned *out) {
  if (!w.length || w.length > digits || w.at[0] == '0')
    return false;
  *out = 0;
  for (size_t i = 0; i < w.length; i++) {
    if (w.at[i] < '0' || w.at[i] > '9')
      return false;
    *out = *out * 10 + (unsigned)(w.at[i] - '0');
  }
  return true;
}

/// w is name and a number of at most two digits.
static bool is_numbered(word w, const char *name, unsigned *out) {
  size_t n = strlen(name);
  return w.length > n && !memcmp(w.at, name, n) &&
         parse_number((word){w.at + n, w.length - n}, 2, out);
}

static bool is_groups(const resq_kv_spec *s) { return s->kind == RESQ_KV_QJL_GROUPS; }

/// intN, lmN, qjlN, qjlgN.
static bool parse_low(word w, resq_kv_spec *out) {
  static const struct {
    const char *name;
    resq_kv_kind kind;
    unsigned least, most;
    bool signs, gaussian;
  } codes[] = {{"int", RESQ_KV_INT, 2, 8, false, false},
               {"lm", RESQ_KV_LM, 1, 4, false, false},
               {"qjl", RESQ_KV_QJL, 1, 16, true, false},
               {"qjlg", RESQ_KV_QJL, 1, 16, true, true}};
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
  if (p->side == RESQ_KV_KEYS || !spec->signs)
    return true;
  return refuse(p, ": '%.*s' is a sketch, which is for keys, allowed: %s", shown(w), w.at,
                low_codes(p));
}

static bool is_option(word w) { return w.length && memchr(w.at, '=', w.length); }

static bool parse_code(parser *p, word w, resq_kv_spec *out) {
  if (is(w, "f32") || is(w, "f16")) {
    out->kind = is(w, "f32") ? RESQ_KV_F32 : RESQ_KV_F16;
    return true;
  }
  if (is(w, "qjl") || is(w, "qjlg")) {
    *out = (resq_kv_spec){
        .kind = RESQ_KV_QJL_GROUPS, .gaussian = is(w, "qjlg"), .signs = 2, .buffer = 128};
    return check_side(p, w, out);
  }
  if (!is(w, "resq"))
    return parse_low(w, out)
               ? check_side(p, w, out)
               : refuse(p, " is '%.*s', allowed: f32, f16, %s, %sresq", shown(w), w.at,
                        low_codes(p), p->side == RESQ_KV_KEYS ? "qjl, qjlg, " : "");
  out->split = true;
  out->basis = RESQ_KV_PCA;
  out->kind = RESQ_KV_INT;
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

static bool is_tokens(unsigned n) { return n % 32 == 0; }

/// An option of groups; false, without a message, when name is none.
static bool parse_group_option(const parser *p, word name, word value, resq_kv_spec *out,
                               bool *ok) {
  const struct {
    const char *name;
    unsigned *value;
    bool per_element, tokens;
  } options[] = {{"rows", &out->signs, true, false},
                 {"outlier-rows", &out->outlier_signs, true, false},
                 {"outliers", &out->outliers, false, false},
                 {"buffer", &out->buffer, false, true},
                 {"window", &out->window, false, true}};
  for (size_t i = 0; i < sizeof options / sizeof *options; i++) {
    if (!is(name, options[i].name))
      continue;
    bool d = value.length && value.at[value.length - 1] == 'd';
    word digits = {value.at, value.length - (d ? 1 : 0)};
    *ok = d == options[i].per_element &&
          parse_number(digits, options[i].per_element ? 2 : 5, options[i].value) &&
          (!options[i].tokens || is_tokens(*options[i].value));
    if (!*ok)
      refuse(p, ": %s is '%.*s', allowed: %s", options[i].name, shown(value), value.at,
             options[i].per_element ? "1d to 16d"
             : options[i].tokens    ? "a multiple of 32"
                                    : "a number above 0");
    return true;
  }
  return false;
}

/// What the options of groups must have in common; defaults are filled in.
static bool finish_groups(const parser *p, resq_kv_spec *s) {
  s->outlier_signs = s->outlier_signs ? s->outlier_signs : s->signs;
  s->window = s->window ? s->window : s->buffer + 128;
  if (s->outlier_signs > s->signs || s->signs > 16)
    return refuse(p, ": rows is %ud and outlier-rows is %ud, allowed: 1d to 16d, and at most rows",
                  s->signs, s->outlier_signs);
  return s->window > s->buffer ||
         refuse(p, ": window is %u and buffer is %u, allowed: above buffer", s->window, s->buffer);
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
  bool ok = true;
  if (sign && is_groups(out) && parse_group_option(p, name, value, out, &ok))
    return ok;
  return refuse(
      p, ": option '%.*s' is not known, allowed: %sbasis=..., per=...", shown(w), w.at,
      is_groups(out) ? "rows=..., outlier-rows=..., outliers=..., buffer=..., window=..., " : "");
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
  return ok && (!is_groups(out) || finish_groups(&p, out));
}
