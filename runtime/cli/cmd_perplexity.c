//===-- cmd_perplexity.c - how well the model predicts a text -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The text is one stream of tokens without BOS, cut into windows that don't overlap;
// what is left at the end is dropped. A window of n tokens gives n - 1 losses. Losses
// are summed in order, so the result is the same at any number of threads.
//===----------------------------------------------------------------------===//
#include "cli/cli.h"
#include "cli/progress.h"
#include "exec/session_internal.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct perplexity_options {
  resq_run_options common;
  int64_t window, windows, skip;
  bool ids;
} perplexity_options;

#define AT(member) offsetof(perplexity_options, member)
static const resq_flag flags[] = {
    {"window", 'w', RESQ_FLAG_INTEGER, "N", "tokens a window (default 2048)", 2, 1 << 30,
     AT(window)},
    {"windows", 'n', RESQ_FLAG_INTEGER, "N", "windows at most; 0: all (default)", 0, 1 << 30,
     AT(windows)},
    {"skip", 0, RESQ_FLAG_INTEGER, "N", "windows to leave out at the start", 0, 1 << 30, AT(skip)},
    {"ids", 0, RESQ_FLAG_BOOL, NULL, "FILE holds little-endian 32-bit token ids", 0, 0, AT(ids)},
};

/// Losses of `rows` rows, on all threads of the session.
typedef struct loss_task {
  const float *logits;
  const int32_t *targets;
  double *losses;
  int64_t rows, width;
} loss_task;

static void compute_losses(void *context, int index, int count) {
  const loss_task *t = context;
  for (int64_t i = index; i < t->rows; i += count)
    t->losses[i] = resq_row_loss(t->logits + i * t->width, t->width, t->targets[i]);
}

/// Sums over all predictions so far.
typedef struct score {
  double sum, squares;
  int64_t n;
} score;

/// One piece of a window: rows [first, first + rows) of it; the window's last token predicts
/// nothing.
static bool score_piece(const resq_run *r, const int32_t *window, int64_t size, int64_t first,
                        int64_t rows, float *logits, double *losses, score *s, resq_error *err) {
  int64_t predictions = first + rows == size ? rows - 1 : rows;
  // The last row's logits would be wasted, but rows are counted from the end: ask for all.
  if (!resq_run_forward(r, window + first, first, rows, rows, logits, err))
    return false;
  loss_task t = {logits, window + first + 1, losses, predictions,
                 resq_session_vocabulary(r->session)};
  resq_pool_run(r->session->pool, compute_losses, &t);
  for (int64_t i = 0; i < predictions; ++i) {
    s->sum += losses[i];
    s->squares += losses[i] * losses[i];
  }
  s->n += predictions;
  return true;
}

static double mean_of(const score *s) { return s->sum / (double)s->n; }

static double error_of(const score *s) {
  if (s->n < 2)
    return 0;
  double mean = mean_of(s), variance = s->squares / (double)s->n - mean * mean;
  return sqrt((variance > 0 ? variance : 0) / (double)(s->n - 1));
}

static bool score_windows(const resq_run *r, const perplexity_options *o, const int32_t *ids,
                          int64_t windows, score *s, resq_error *err) {
  int64_t width = resq_session_vocabulary(r->session), piece = resq_session_chunk(r->session);
  if (piece > o->window)
    piece = o->window;
  float *logits = malloc((size_t)piece * (size_t)width * sizeof *logits);
  double *losses = malloc((size_t)piece * sizeof *losses);
  bool ok = logits && losses;
  if (!ok)
    resq_fail(err, RESQ_NO_MEMORY, "no memory for %" PRId64 " rows of logits", piece);
  resq_progress progress = resq_progress_start();
  for (int64_t w = 0; ok && w < windows; ++w) {
    const int32_t *window = ids + (o->skip + w) * o->window;
    for (int64_t first = 0; ok && first < o->window; first += piece) {
      int64_t rows = o->window - first < piece ? o->window - first : piece;
      ok = score_piece(r, window, o->window, first, rows, logits, losses, s, err);
    }
    double seconds = (double)(resq_now_ns() - progress.start_ns) / 1e9;
    if (ok)
      resq_progress_show(&progress,
                         "window %" PRId64 " of %" PRId64 ", perplexity %.4f, %.0f tokens/s", w + 1,
                         windows, exp(mean_of(s)), (double)((w + 1) * o->window) / seconds);
  }
  resq_progress_end(&progress);
  if (ok)
    fprintf(stderr, "%.1f tokens/s\n",
            (double)(windows * o->window) / ((double)(resq_now_ns() - progress.start_ns) / 1e9));
  free(logits);
  free(losses);
  return ok;
}

static bool read_tokens(const resq_run *r, const perplexity_options *o, int32_t **ids, int64_t *n,
                        resq_error *err) {
  if (o->ids)
    return resq_read_ids(o->common.operand, ids, n, err);
  resq_input in;
  if (!resq_run_need_tokenizer(r, err) || !resq_input_open(&in, o->common.operand, err))
    return false;
  bool ok = resq_tokenizer_encode(r->tokenizer, in.text, false, ids, n, err);
  resq_input_close(&in);
  return ok;
}

/// Targets index rows of logits: all ids are checked before a loss sees one.
static bool check_ids(const resq_run *r, const char *path, const int32_t *ids, int64_t n,
                      resq_error *err) {
  int64_t vocabulary = resq_session_vocabulary(r->session);
  for (int64_t i = 0; i < n; ++i)
    if (ids[i] < 0 || ids[i] >= vocabulary)
      return resq_fail(err, RESQ_BAD_INPUT,
                       "%s: token %" PRId64 " is %" PRId32 ", the vocabulary has %" PRId64, path, i,
                       ids[i], vocabulary);
  return true;
}

static bool measure(resq_run *r, const perplexity_options *o, const int32_t *ids, int64_t n,
                    resq_error *err) {
  int64_t windows = n / o->window - o->skip;
  if (windows < 1)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: %" PRId64 " tokens, %" PRId64 " windows of %" PRId64 " after %" PRId64
                     " skipped: at least one is needed",
                     o->common.operand, n, n / o->window, o->window, o->skip);
  if (o->windows && o->windows < windows)
    windows = o->windows;
  if (!resq_run_start(r, &o->common, o->window, err))
    return false;
  if (!check_ids(r, o->common.operand, ids, n, err))
    return false;
  int64_t trained = r->model->program->context_length;
  if (trained && o->window > trained)
    fprintf(stderr, "note: windows of %" PRId64 " tokens, the model's context is %" PRId64 "\n",
            o->window, trained);
  score s = {0, 0, 0};
  if (!score_windows(r, o, ids, windows, &s, err))
    return false;
  double perplexity = exp(mean_of(&s));
  return resq_printf(err,
                     "perplexity %.4f +- %.4f (%" PRId64 " windows of %" PRId64 " tokens, %" PRId64
                     " predictions, mean loss %.6f)\n",
                     perplexity, perplexity * error_of(&s), windows, o->window, s.n, mean_of(&s));
}

static bool run(const resq_cli *cli, void *values, resq_error *err) {
  const perplexity_options *o = values;
  resq_run r;
  if (!resq_run_open(&r, cli, err))
    return false;
  int32_t *ids = NULL;
  int64_t n = 0;
  bool ok = read_tokens(&r, o, &ids, &n, err);
  ok = ok && measure(&r, o, ids, n, err);
  free(ids);
  resq_run_close(&r);
  return ok;
}

static const perplexity_options defaults = {.window = 2048};
const resq_command resq_cmd_perplexity = {
    .name = "perplexity",
    .operand = "FILE",
    .summary = "perplexity over a text file (- is standard input)",
    .flags = flags,
    .n_flags = sizeof flags / sizeof flags[0],
    .runs = true,
    .values_size = sizeof defaults,
    .defaults = &defaults,
    .run = run,
};
