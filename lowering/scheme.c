//===-- scheme.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/scheme.h"

#include "lowering/compile.h"
#include "mlir-c/Diagnostics.h"
#include "mlir-c/Pass.h"

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
#include "passes/schemes.def"
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

char *resq_scheme_pipeline(const char *name, const char *kv, int64_t seed, resq_error *err) {
  const scheme *s = find_scheme(name, err);
  if (!s)
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
  char *out = malloc(size);
  size_t n = 0;
  for (const char *p = s->method; *p;) {
    if (!strncmp(p, "$seed", 5)) {
      n += (size_t)snprintf(out + n, size - n, "%" PRId64, seed);
      p += 5;
    } else if (!strncmp(p, "$kv", 3)) {
      n += (size_t)snprintf(out + n, size - n, "resq-kv");
      p += 3;
      if (kv) { // in place of the scheme's own braces
        p = strchr(p, '}') + 1;
        n += (size_t)print_kv(out + n, size - n, kv, seed);
      }
    } else {
      out[n++] = *p++;
    }
  }
  // A cache's basis merges only through this pass; where the scheme has none, it comes after.
  if (kv && !strstr(out, "resq-fold-rotations"))
    n += (size_t)snprintf(out + n, size - n, ",resq-fold-rotations");
  else
    out[n] = 0;
  return out;
}

char *resq_scheme_pack(const char *name, const char *weights, resq_error *err) {
  const scheme *s = find_scheme(name, err);
  if (!s)
    return NULL;
  if (!weights)
    return strdup(s->pack);
  if (strcmp(weights, "f32") && strcmp(weights, "bf16") && strcmp(weights, "f16")) {
    resq_fail(err, RESQ_USAGE, "--weights=%s: allowed: f32, bf16, f16", weights);
    return NULL;
  }
  char *out = malloc(128);
  snprintf(out, 128, "resq-fuse,resq-pack{weights=%s head=%s}", weights,
           strcmp(weights, "f32") ? "f16" : "f32");
  return out;
}

//===-- Running -----------------------------------------------------------===//

typedef struct listener {
  char error[900];
  void (*remark)(const char *, void *);
  void *user;
} listener;

typedef struct text {
  char data[900];
} text;

static void append(MlirStringRef part, void *user) {
  text *t = user;
  size_t used = strlen(t->data), room = sizeof t->data - 1 - used;
  size_t n = part.length < room ? part.length : room;
  memcpy(t->data + used, part.data, n);
  t->data[used + n] = 0;
}

static MlirLogicalResult listen(MlirDiagnostic diagnostic, void *user) {
  listener *l = user;
  text where = {{0}}, what = {{0}};
  mlirDiagnosticPrint(diagnostic, append, &what);
  MlirLocation loc = mlirDiagnosticGetLocation(diagnostic);
  if (!mlirLocationEqual(loc, mlirLocationUnknownGet(mlirLocationGetContext(loc)))) {
    mlirLocationPrint(loc, append, &where);
    size_t n = strlen(where.data);
    // loc("file":1:2) -> "file":1:2
    if (n > 5 && !strncmp(where.data, "loc(", 4)) {
      memmove(where.data, where.data + 4, n - 5);
      where.data[n - 5] = 0;
    }
  }
  MlirDiagnosticSeverity severity = mlirDiagnosticGetSeverity(diagnostic);
  if (severity == MlirDiagnosticError && !l->error[0])
    snprintf(l->error, sizeof l->error, "%.300s%s%.580s", where.data, where.data[0] ? ": " : "",
             what.data);
  if (severity == MlirDiagnosticRemark && l->remark) {
    char line[1300];
    snprintf(line, sizeof line, "%.300s%s%.900s", where.data, where.data[0] ? ": " : "", what.data);
    l->remark(line, l->user);
  }
  return mlirLogicalResultSuccess();
}

bool resq_run_pipeline(MlirModule module, const char *pipeline,
                       void (*remark)(const char *, void *), void *user, resq_error *err) {
  MlirContext ctx = mlirModuleGetContext(module);
  MlirPassManager pm = mlirPassManagerCreate(ctx);
  listener l = {.remark = remark, .user = user};
  // A list of passes stands for one on the module.
  char *anchored = malloc(strlen(pipeline) + sizeof "builtin.module()");
  bool bare = strncmp(pipeline, "builtin.module(", 15) != 0;
  sprintf(anchored, bare ? "builtin.module(%s)" : "%s", pipeline);
  text parse = {{0}};
  MlirDiagnosticHandlerID handler = mlirContextAttachDiagnosticHandler(ctx, listen, &l, NULL);
  bool parsed = mlirLogicalResultIsSuccess(
      mlirParsePassPipeline(mlirPassManagerGetAsOpPassManager(pm),
                            mlirStringRefCreateFromCString(anchored), append, &parse));
  free(anchored);
  bool ok = parsed &&
            mlirLogicalResultIsSuccess(mlirPassManagerRunOnOp(pm, mlirModuleGetOperation(module)));
  mlirContextDetachDiagnosticHandler(ctx, handler);
  mlirPassManagerDestroy(pm);
  if (!parsed) {
    // MLIR's parser shows a place in the anchored text, and the text: what is wrong stands in the
    // first line.
    const char *said = strstr(parse.data, ": error: ");
    said = said ? said + strlen(": error: ") : parse.data;
    return resq_fail(err, RESQ_USAGE, "pass pipeline '%s': %.*s", pipeline,
                     (int)strcspn(said, "\n"), said);
  }
  return ok || resq_fail(err, RESQ_BAD_INPUT, "%s", l.error[0] ? l.error : "a pass failed");
}
