//===-- scheme.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "scheme.h"

#include "dialect/memory.h"
#include "compile.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct scheme {
  const char *name, *summary, *method, *pack;
} scheme;

static const scheme schemes[] = {
#define RESQ_SCHEME(name, summary, method, pack) {name, summary, method, pack},
#include "schemes.def"
#undef RESQ_SCHEME
};
enum { n_schemes = sizeof schemes / sizeof *schemes };

const char *resq_scheme_name(int i) { return i < n_schemes ? schemes[i].name : NULL; }
const char *resq_scheme_summary(int i) { return i < n_schemes ? schemes[i].summary : NULL; }

static const scheme *find_scheme(const char *name, resq_error *err) {
  char known[512] = "";
  for (int i = 0; i < n_schemes; i++) {
    if (!strcmp(schemes[i].name, name))
      return &schemes[i];
    size_t used = strlen(known);
    snprintf(known + used, sizeof known - used, "%s%s", i ? ", " : "", schemes[i].name);
  }
  resq_fail(err, RESQ_USAGE, "scheme '%s' is not known; allowed: %s", name, known);
  return NULL;
}

//===-- --kv --------------------------------------------------------------===//

/// Letters, digits and the few signs that options hold: nothing that could end the braces.
static bool is_options(const char *text) {
  for (; *text; text++)
    if (!isalnum((unsigned char)*text) && !strchr("-_=.:, ", *text))
      return false;
  return true;
}

/// True when one of the options, which commas or spaces part, is `name`.
static bool has_option(const char *kv, const char *name) {
  size_t n = strlen(name);
  for (const char *at = kv; *at; at += strcspn(at, ", "), at += strspn(at, ", "))
    if (!strncmp(at, name, n) && at[n] == '=')
      return true;
  return false;
}

/// "keys=f16,values=int4" is a list of options; "resq:lm3:basis=pca" one code for both.
static bool is_list(const char *kv) { return kv[strcspn(kv, "=:, ")] == '='; }

/// The options of --resq-kv that a --kv stands for. Room: three times kv, and 64.
static int print_kv(char *out, size_t size, const char *kv, int64_t seed) {
  if (!is_list(kv))
    return snprintf(out, size, "{keys=%s values=%s seed=%" PRId64 "}", kv, kv, seed);
  int n = has_option(kv, "seed") ? snprintf(out, size, "{%s}", kv)
                                 : snprintf(out, size, "{%s seed=%" PRId64 "}", kv, seed);
  for (char *c = out; (c = strchr(c, ','));)
    *c = ' ';
  return n;
}

//===-- --method, --high --------------------------------------------------===//

/// A placeholder with the scheme's own value in braces, and what may stand there instead.
typedef struct placeholder {
  const char *option; ///< "method": --method, and $method{rtn}
  const char *allowed[2];
} placeholder;

static const placeholder placeholders[] = {{"method", {"rtn", "gptq"}}, {"high", {"int8", "e4m3"}}};
enum { n_placeholders = sizeof placeholders / sizeof *placeholders };

static const char *given(const resq_scheme_choices *choices, int i) {
  return i == 0 ? choices->method : choices->high;
}

/// The length of "$option{" where text begins with it, else 0.
static size_t opens(const char *text, const placeholder *p) {
  size_t n = strlen(p->option);
  bool is = text[0] == '$' && !strncmp(text + 1, p->option, n) && text[n + 1] == '{';
  return is ? n + 2 : 0;
}

static bool has_placeholder(const scheme *s, const placeholder *p) {
  for (const char *at = s->method; (at = strchr(at, '$')); at++)
    if (opens(at, p))
      return true;
  return false;
}

static bool check_choices(const scheme *s, const resq_scheme_choices *choices, resq_error *err) {
  for (int i = 0; i < n_placeholders; i++) {
    const placeholder *p = &placeholders[i];
    const char *value = given(choices, i);
    if (!value)
      continue;
    if (!has_placeholder(s, p))
      return resq_fail(err, RESQ_USAGE, "--%s=%s: scheme '%s' has no choice of it", p->option,
                       value, s->name);
    if (strcmp(value, p->allowed[0]) && strcmp(value, p->allowed[1]))
      return resq_fail(err, RESQ_USAGE, "--%s=%s: allowed: %s, %s", p->option, value, p->allowed[0],
                       p->allowed[1]);
  }
  return true;
}

/// Where text begins with a placeholder, writes its value, in *n characters, and gives what stands
/// behind it; else NULL.
static const char *fill(const char *text, const resq_scheme_choices *choices, char *out,
                        size_t size, size_t *n) {
  for (int i = 0; i < n_placeholders; i++) {
    size_t begin = opens(text, &placeholders[i]);
    if (!begin)
      continue;
    const char *value = given(choices, i);
    size_t own = strcspn(text + begin, "}");
    *n = (size_t)snprintf(out, size, "%.*s", value ? (int)strlen(value) : (int)own,
                          value ? value : text + begin);
    return text + begin + own + 1;
  }
  return NULL;
}

char *resq_scheme_pipeline(const char *name, const resq_scheme_choices *choices, resq_error *err) {
  const scheme *s = find_scheme(name, err);
  const char *kv = choices->kv, *behind;
  if (!s || !check_choices(s, choices, err))
    return NULL;
  if (kv && !is_options(kv)) {
    resq_fail(
        err, RESQ_USAGE,
        "--kv=%s: a code for keys and values (f16, int4, resq:lm3, ...) or options of --resq-kv "
        "(keys=...,values=...)",
        kv);
    return NULL;
  }
  size_t size = strlen(s->method) * 2 + (kv ? strlen(kv) * 4 : 0) + 512;
  char *out = resq_new(size, 1);
  size_t n = 0, filled;
  for (const char *p = s->method; *p;) {
    if (!strncmp(p, "$seed", 5)) {
      n += (size_t)snprintf(out + n, size - n, "%" PRId64, choices->seed);
      p += 5;
    } else if ((behind = fill(p, choices, out + n, size - n, &filled))) {
      n += filled;
      p = behind;
    } else if (!strncmp(p, "$kv", 3)) {
      n += (size_t)snprintf(out + n, size - n, "resq-kv");
      p += 3;
      if (kv) { // in place of the scheme's own braces
        p = strchr(p, '}') + 1;
        n += (size_t)print_kv(out + n, size - n, kv, choices->seed);
      }
    } else {
      out[n++] = *p++;
    }
  }
  out[n] = 0;
  // A cache's basis merges only through this pass; where the scheme has none, it comes after.
  if (kv && !strstr(out, "resq-fold-rotations"))
    snprintf(out + n, size - n, ",resq-fold-rotations");
  return out;
}

char *resq_scheme_pack(const char *name, const char *weights, resq_error *err) {
  const scheme *s = find_scheme(name, err);
  if (!s)
    return NULL;
  if (!weights)
    return resq_copy_text(s->pack);
  if (strcmp(weights, "f32") && strcmp(weights, "bf16") && strcmp(weights, "f16")) {
    resq_fail(err, RESQ_USAGE, "--weights=%s: allowed: f32, bf16, f16", weights);
    return NULL;
  }
  char *out = resq_new(128, 1);
  snprintf(out, 128, "resq-fuse,resq-pack{weights=%s head=%s}", weights,
           strcmp(weights, "f32") ? "f16" : "f32");
  return out;
}
