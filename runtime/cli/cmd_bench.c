//===-- cmd_bench.c - tokens a second, measured here ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Prefill: one call of N tokens into an empty cache, logits of the last. Decode: N
// calls of one token behind a cache of `depth` tokens. Prefill and decode alternate,
// so that a noisy minute hits both; medians are the numbers to quote.
//===----------------------------------------------------------------------===//
#include "cli/cli.h"
#include "cli/json.h"
#include "cli/progress.h"
#include "exec/session_access.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

enum { max_repeats = 1000 };

typedef struct bench_options {
  resq_run_options common;
  int64_t prefill, decode, depth, repeat;
  bool json;
} bench_options;

#define AT(member) offsetof(bench_options, member)
static const resq_flag flags[] = {
    {"prefill", 'p', RESQ_FLAG_INTEGER, "N", "tokens of the prompt, 0: none (default 512)", 0,
     1 << 24, AT(prefill)},
    {"decode", 'n', RESQ_FLAG_INTEGER, "N", "tokens generated, 0: none (default 128)", 0, 1 << 24,
     AT(decode)},
    {"depth", 'd', RESQ_FLAG_INTEGER, "N", "tokens in the cache before decoding (default 0)", 0,
     1 << 24, AT(depth)},
    {"repeat", 'r', RESQ_FLAG_INTEGER, "N", "runs of each (default 5)", 1, max_repeats, AT(repeat)},
    {"json", 0, RESQ_FLAG_BOOL, NULL, "print JSON", 0, 0, AT(json)},
};

typedef struct series {
  int64_t tokens;
  double rates[max_repeats]; ///< tokens a second
  int64_t n;
  double median, best;
} series;

static int ascending(const void *a, const void *b) {
  double x = *(const double *)a, y = *(const double *)b;
  return (x > y) - (x < y);
}

static void summarise(series *s) {
  double sorted[max_repeats];
  memcpy(sorted, s->rates, (size_t)s->n * sizeof *sorted);
  qsort(sorted, (size_t)s->n, sizeof *sorted, ascending);
  s->median = s->n % 2 ? sorted[s->n / 2] : (sorted[s->n / 2 - 1] + sorted[s->n / 2]) / 2;
  s->best = sorted[s->n - 1];
}

static void record(series *s, int64_t start_ns) {
  int64_t ns = resq_now_ns() - start_ns;
  s->rates[s->n++] = (double)s->tokens * 1e9 / (double)(ns > 0 ? ns : 1);
}

static bool run_prefill(const resq_model_context *r, const int32_t *tokens, int64_t n,
                        float *logits, series *s, resq_error *err) {
  int64_t start = resq_now_ns();
  if (n && !resq_model_context_forward(r, tokens, 0, n, 1, logits, err))
    return false;
  if (n && s)
    record(s, start);
  return true;
}

/// Tokens behind the first `depth`, which are read, untimed, unless the cache holds them from a
/// prefill of `held` tokens.
static bool run_decode(const resq_model_context *r, const int32_t *tokens, int64_t depth,
                       int64_t held, int64_t n, float *logits, series *s, resq_error *err) {
  const int64_t rewind = resq_session_rewind(r->session);
  const bool goes_back = held >= depth && (rewind < 0 || held - depth <= rewind);
  if (n && depth && !goes_back) {
    // No part of a profile either.
    const bool profiling = resq_session_profile_resume(r->session, false);
    bool ok = resq_model_context_forward(r, tokens, 0, depth, 1, logits, err);
    resq_session_profile_resume(r->session, profiling);
    if (!ok)
      return false;
  }
  int64_t start = resq_now_ns();
  for (int64_t i = 0; i < n; ++i)
    if (!resq_model_context_forward(r, tokens + depth + i, depth + i, 1, 1, logits, err))
      return false;
  if (n && s)
    record(s, start);
  return true;
}

static bool run_all(const resq_model_context *r, const bench_options *o, const int32_t *tokens,
                    float *logits, series *prefill, series *decode, resq_error *err) {
  // Once untimed: pages of parameters and caches are touched, and the cache filled to `depth`.
  int64_t warm = o->depth > o->prefill ? o->depth : o->prefill;
  bool ok = run_prefill(r, tokens, warm, logits, NULL, err) &&
            run_decode(r, tokens, o->depth, warm, o->decode < 8 ? o->decode : 8, logits, NULL, err);
  // Warm-up is no part of a profile either.
  if (ok && o->common.profile)
    resq_session_profile(r->session, true);
  resq_progress progress = resq_progress_start();
  for (int64_t i = 0; ok && i < o->repeat; ++i) {
    resq_progress_show(&progress, "run %" PRId64 " of %" PRId64, i + 1, o->repeat);
    ok = run_prefill(r, tokens, o->prefill, logits, prefill, err) &&
         run_decode(r, tokens, o->depth, o->prefill, o->decode, logits, decode, err);
  }
  resq_progress_end(&progress);
  return ok;
}

static json_t *series_json(const series *s, const bench_options *o, bool is_decode) {
  json_t *all = json_array();
  for (int64_t i = 0; i < s->n; ++i)
    json_array_append_new(all, json_real(s->rates[i]));
  json_t *j = json_pack("{sI sf sf so}", "tokens", (json_int_t)s->tokens, "median", s->median,
                        "best", s->best, "tokens_per_second", all);
  if (is_decode)
    json_object_set_new(j, "depth", json_integer(o->depth));
  return j;
}

static bool print_json(const resq_model_context *r, const bench_options *o, const series *prefill,
                       const series *decode, resq_error *err) {
  const char *scheme = resq_model_program(r->model)->scheme;
  resq_json_begin();
  json_t *j = json_pack("{ss ss si}", "scheme", scheme ? scheme : "", "level",
                        resq_session_level(r->session), "threads",
                        resq_pool_count(resq_session_pool(r->session)));
  if (prefill->n)
    json_object_set_new(j, "prefill", series_json(prefill, o, false));
  if (decode->n)
    json_object_set_new(j, "decode", series_json(decode, o, true));
  return resq_json_print(j, JSON_INDENT(2) | JSON_REAL_PRECISION(6), err);
}

static bool print_text(const resq_model_context *r, const bench_options *o, const series *prefill,
                       const series *decode, resq_error *err) {
  const char *scheme = resq_model_program(r->model)->scheme;
  bool ok = resq_printf(err, "scheme %s, level %s, %d threads, %" PRId64 " runs, tokens/s\n",
                        scheme ? scheme : "unknown", resq_session_level(r->session),
                        resq_pool_count(resq_session_pool(r->session)), o->repeat);
  if (ok && prefill->n)
    ok = resq_printf(err, "prefill %6" PRId64 " tokens              median %10.1f  best %10.1f\n",
                     prefill->tokens, prefill->median, prefill->best);
  if (ok && decode->n)
    ok = resq_printf(err,
                     "decode  %6" PRId64 " tokens at %6" PRId64 "    median %10.1f  best %10.1f\n",
                     decode->tokens, o->depth, decode->median, decode->best);
  return ok;
}

static bool measure(resq_model_context *r, const bench_options *o, resq_error *err) {
  int64_t decoded = o->depth + o->decode, tokens = decoded > o->prefill ? decoded : o->prefill;
  if (!o->prefill && !o->decode)
    return resq_fail(err, RESQ_USAGE, "bench: nothing to do, --prefill and --decode are 0");
  if (!resq_model_context_start(r, &o->common, tokens, err))
    return false;
  int64_t width = resq_session_vocabulary(r->session);
  int32_t *ids = malloc((size_t)tokens * sizeof *ids);
  float *logits = malloc((size_t)width * sizeof *logits);
  series *both = calloc(2, sizeof *both);
  bool ok = ids && logits && both;
  if (!ok)
    resq_fail(err, RESQ_NO_MEMORY, "no memory for %" PRId64 " tokens", tokens);
  for (int64_t i = 0; ok && i < tokens; ++i)
    ids[i] = (int32_t)((uint64_t)(i + 1) * 2654435761u % (uint64_t)width);
  if (ok) {
    both[0].tokens = o->prefill;
    both[1].tokens = o->decode;
    ok = run_all(r, o, ids, logits, &both[0], &both[1], err);
  }
  for (int i = 0; ok && i < 2; ++i)
    if (both[i].n)
      summarise(&both[i]);
  if (ok)
    ok = (o->json ? print_json : print_text)(r, o, &both[0], &both[1], err);
  free(ids);
  free(logits);
  free(both);
  return ok;
}

static bool run(const resq_cli *cli, void *values, resq_error *err) {
  resq_model_context r;
  if (!resq_model_context_open(&r, cli, err))
    return false;
  bool ok = measure(&r, values, err);
  resq_model_context_close(&r);
  return ok;
}

static const bench_options defaults = {.prefill = 512, .decode = 128, .repeat = 5};
const resq_command resq_cmd_bench = {
    .name = "bench",
    .summary = "tokens a second, reading a prompt and generating",
    .flags = flags,
    .n_flags = sizeof flags / sizeof flags[0],
    .runs = true,
    .values_size = sizeof defaults,
    .defaults = &defaults,
    .run = run,
};
