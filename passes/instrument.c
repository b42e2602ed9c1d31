//===-- instrument.c - --resq-instrument: observers on calibration sites --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs on a copy of the module after --resq-fold-norm, before anything is split or rotated, so that
// statistics are those of the exact model. Sites (docs/passes.md):
//   <linear>.in      the value that linear (the first of its readers) reads, with the first rows of
//                    sequences kept apart
//   <cache>.keys     what kv_append codes, per head      <cache>.values  likewise
//   <cache>.queries  what attention reads, per head
// `sites` lists the ones wanted, comma-separated; empty means all.
//===----------------------------------------------------------------------===//
#include "passes/pass.h"
#include "passes/recipe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct instrumenting {
  MlirOperation module;
  MlirStringRef wanted;
  int64_t found;
} instrumenting;

static bool is_wanted(const instrumenting *in, const char *site) {
  if (!in->wanted.length)
    return true;
  size_t n = strlen(site);
  const char *at = in->wanted.data, *end = at + in->wanted.length;
  while (at < end) {
    const char *comma = memchr(at, ',', (size_t)(end - at));
    size_t length = (size_t)((comma ? comma : end) - at);
    if (length == n && !memcmp(at, site, n))
      return true;
    at += length + 1;
  }
  return false;
}

static int64_t count_wanted(MlirStringRef wanted) {
  int64_t n = wanted.length > 0;
  for (size_t i = 0; i < wanted.length; i++)
    n += wanted.data[i] == ',';
  return n;
}

static void observe(instrumenting *in, MlirOperation before, MlirValue x, const char *site,
                    int64_t block, bool first) {
  if (!*site || !is_wanted(in, site))
    return;
  resq_builder b = resq_build_before(before);
  resqObserveOpSetFirst(resqObserveOpBuild(&b, x, resq_str(site), block), first);
  in->found++;
}

static void visit_linear(MlirOperation op, void *user) {
  MlirValue x = mlirOperationGetOperand(op, 0);
  char *site = resq_site_of(x);
  // Once a value: at the reader that names the site.
  MlirStringRef name = resqLinearOpGetName(op);
  if (name.data && strlen(site) == name.length + 3 && !memcmp(site, name.data, name.length))
    observe(user, op, x, site, resq_width(x), true);
  free(site);
}

static void visit_append(MlirOperation op, void *user) {
  instrumenting *in = user;
  MlirStringRef cache = resqKvAppendOpGetCache(op);
  int64_t size = resqKvCacheOpGetHeadSize(resq_symbol(in->module, cache));
  char site[256];
  snprintf(site, sizeof site, "%.*s.keys", (int)cache.length, cache.data);
  observe(in, op, resqKvAppendOpGetKeys(op), site, size, false);
  snprintf(site, sizeof site, "%.*s.values", (int)cache.length, cache.data);
  observe(in, op, resqKvAppendOpGetValues(op), site, size, false);
}

static void visit_attention(MlirOperation op, void *user) {
  instrumenting *in = user;
  MlirStringRef cache = resqAttentionOpGetCache(op);
  char site[256];
  snprintf(site, sizeof site, "%.*s.queries", (int)cache.length, cache.data);
  observe(in, op, resqAttentionOpGetQ(op), site,
          resqKvCacheOpGetHeadSize(resq_symbol(in->module, cache)), false);
}

bool resq_pass_instrument(MlirOperation module, resq_pass *pass) {
  instrumenting in = {module, resq_pass_string(pass, "sites"), 0};
  resq_for_each(module, RESQ_OP_LINEAR, visit_linear, &in);
  resq_for_each(module, RESQ_OP_KV_APPEND, visit_append, &in);
  resq_for_each(module, RESQ_OP_ATTENTION, visit_attention, &in);
  if (in.found >= count_wanted(in.wanted))
    return true;
  resq_emit_error(
      module,
      "resq-instrument: %lld of the sites '%.*s' are in the module; sites are <linear>.in of "
      "named linears, <cache>.keys, <cache>.values and <cache>.queries",
      (long long)in.found, (int)in.wanted.length, in.wanted.data);
  return false;
}
