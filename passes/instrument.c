//===-- instrument.c - --resq-instrument: observers on calibration sites --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Runs on a copy of the module after --resq-fold-norm, before anything is split or rotated, so that
// statistics are those of the exact model. Sites (docs/passes.md):
//   the site of a linear            the value that it reads, with the first rows of sequences
//                                   kept apart
//   keys_site, values_site          of a cache: what kv_append codes, per head
//   queries_site                    of a cache: what attention reads, per head
// A linear whose weight has a basis reads the value of its site in other coordinates: that is not
// observed. `sites` lists the ones wanted, comma-separated; empty means all.
//===----------------------------------------------------------------------===//
#include "dialect/basis_steps.h"
#include "dialect/memory.h"
#include "passes/pass.h"
#include "passes/recipe.h"
#include "passes/sites.h"

#include <stdlib.h>
#include <string.h>

typedef struct instrumenting {
  MlirOperation module;
  MlirStringRef wanted;
  int64_t found;
  MlirValue *seen; ///< inputs of linears, each observed once
  intptr_t n_seen;
} instrumenting;

static bool is_wanted(const instrumenting *in, MlirStringRef site) {
  if (!in->wanted.length)
    return true;
  const char *at = in->wanted.data, *end = at + in->wanted.length;
  while (at < end) {
    const char *comma = memchr(at, ',', (size_t)(end - at));
    size_t length = (size_t)((comma ? comma : end) - at);
    if (length == site.length && !memcmp(at, site.data, length))
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

static void observe(instrumenting *in, MlirOperation before, MlirValue x, MlirStringRef site,
                    int64_t block, bool first) {
  if (!site.data || !is_wanted(in, site))
    return;
  resq_builder b = resq_build_before(before);
  resqObserveOpSetFirst(resqObserveOpBuild(&b, x, site, block), first);
  in->found++;
}

static void visit_linear(MlirOperation op, void *user) {
  instrumenting *in = user;
  MlirValue x = resqLinearOpGetX(op);
  MlirOperation weight = resq_operand_param(in->module, op, RESQ_LINEAR_WEIGHT);
  if (!mlirOperationIsNull(weight) && resq_basis_length(weight))
    return;
  for (intptr_t i = 0; i < in->n_seen; i++)
    if (mlirValueEqual(in->seen[i], x))
      return;
  in->seen = RESQ_GROW(in->seen, in->n_seen);
  in->seen[in->n_seen++] = x;
  observe(in, op, x, resqLinearOpGetSite(op), resq_width(x), true);
}

static void visit_append(MlirOperation op, void *user) {
  instrumenting *in = user;
  MlirOperation cache = resq_symbol(in->module, resqKvAppendOpGetCache(op));
  int64_t size = resqKvCacheOpGetHeadSize(cache);
  observe(in, op, resqKvAppendOpGetKeys(op), resqKvCacheOpGetKeysSite(cache), size, false);
  observe(in, op, resqKvAppendOpGetValues(op), resqKvCacheOpGetValuesSite(cache), size, false);
}

static void visit_attention(MlirOperation op, void *user) {
  instrumenting *in = user;
  MlirOperation cache = resq_symbol(in->module, resqAttentionOpGetCache(op));
  observe(in, op, resqAttentionOpGetQ(op), resqKvCacheOpGetQueriesSite(cache),
          resqKvCacheOpGetHeadSize(cache), false);
}

bool resq_pass_instrument(MlirOperation module, resq_pass *pass) {
  instrumenting in = {.module = module, .wanted = resq_pass_string(pass, "sites")};
  resq_name_sites(module);
  resq_for_each(module, RESQ_OP_LINEAR, visit_linear, &in);
  resq_for_each(module, RESQ_OP_KV_APPEND, visit_append, &in);
  resq_for_each(module, RESQ_OP_ATTENTION, visit_attention, &in);
  free(in.seen);
  if (in.found >= count_wanted(in.wanted))
    return true;
  resq_emit_error(
      module,
      "resq-instrument: %lld of the sites '%.*s' are in the module; sites are <linear>.in of "
      "named linears, <cache>.keys, <cache>.values and <cache>.queries",
      (long long)in.found, (int)in.wanted.length, in.wanted.data);
  return false;
}
