//===-- cmd_perplexity.c - how well the model predicts a text -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The text is one stream of tokens without BOS, cut into windows that don't overlap;
// what is left at the end is dropped. A window of n tokens gives n - 1 losses. Losses
// are summed in order, so the result is the same at any number of threads.
// With --reference, another model predicts each piece of a window after this one has: they take
// turns on the processors.
//===----------------------------------------------------------------------===//
#include "cli/cli.h"
#include "cli/perplexity.h"
#include "cli/progress.h"
#include "cli/reference.h"
#include "exec/session_access.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

typedef struct perplexity_options {
  resq_run_options common;
  int64_t window, windows, skip;
  bool ids, json;
  const char *reference, *reference_device;
} perplexity_options;

#define AT(member) offsetof(perplexity_options, member)
static const resq_flag flags[] = {
    {"window", 'w', RESQ_FLAG_INTEGER, "N", "tokens a window (default 2048)", 2, 1 << 30,
     AT(window)},
    {"windows", 'n', RESQ_FLAG_INTEGER, "N", "windows at most; 0: all (default)", 0, 1 << 30,
     AT(windows)},
    {"skip", 0, RESQ_FLAG_INTEGER, "N", "windows to leave out at the start", 0, 1 << 30, AT(skip)},
    {"ids", 0, RESQ_FLAG_BOOL, NULL, "FILE holds little-endian 32-bit token ids", 0, 0, AT(ids)},
    {"reference", 'r', RESQ_FLAG_READS, "BINARY",
     "another compiled model of the same vocabulary: also KL divergence and agreement", 0, 0,
     AT(reference)},
    {"reference-device", 0, RESQ_FLAG_TEXT, "NAME", "where that runs, as --device", 0, 0,
     AT(reference_device)},
    {"json", 0, RESQ_FLAG_BOOL, NULL, "print JSON", 0, 0, AT(json)},
};

/// What one text is measured with. A piece is what one call predicts: part of a window.
typedef struct measuring {
  const resq_model_context *context;
  const perplexity_options *o;
  resq_reference *reference; ///< NULL: none
  int64_t piece;
  float *logits, *reference_logits; ///< [piece, vocabulary]
  resq_row_comparison *predictions; ///< [piece]
  resq_perplexity *out;
} measuring;

//===-- A piece -----------------------------------------------------------===//

/// Losses of `rows` rows, on the threads of the session.
typedef struct loss_task {
  const measuring *m;
  const int32_t *targets;
  int64_t rows, width;
  int64_t next; ///< atomic: the first row that no thread has taken
} loss_task;

static void compute_losses(void *context, int index, int count) {
  (void)index, (void)count;
  loss_task *t = context;
  const measuring *m = t->m;
  for (int64_t i; (i = __atomic_fetch_add(&t->next, 1, __ATOMIC_RELAXED)) < t->rows;) {
    const float *row = m->logits + i * t->width;
    if (m->reference)
      resq_row_compare(row, m->reference_logits + i * t->width, t->width, t->targets[i],
                       &m->predictions[i]);
    else
      m->predictions[i].loss = resq_row_loss(row, t->width, t->targets[i]);
  }
}

static void add_prediction(const measuring *m, const resq_row_comparison *p) {
  resq_perplexity *out = m->out;
  resq_tally_add(&out->loss, p->loss);
  if (!m->reference)
    return;
  out->divergences[out->divergence.n] = p->divergence;
  resq_tally_add(&out->reference_loss, p->reference_loss);
  resq_tally_add(&out->excess, p->loss - p->reference_loss);
  resq_tally_add(&out->divergence, p->divergence);
  resq_tally_add(&out->agreement, p->agrees);
}

/// Rows [first, first + rows) of a window; the window's last token predicts nothing.
static bool score_piece(const measuring *m, const int32_t *window, int64_t first, int64_t rows,
                        resq_error *err) {
  const resq_model_context *r = m->context;
  int64_t predictions = first + rows == m->o->window ? rows - 1 : rows;
  // The last row's logits would be wasted, but rows are counted from the end: ask for all.
  if (!resq_model_context_forward(r, window + first, first, rows, rows, m->logits, err))
    return false;
  if (m->reference &&
      !resq_reference_forward(m->reference, window + first, first, rows, m->reference_logits, err))
    return false;
  loss_task t = {m, window + first + 1, predictions, resq_session_vocabulary(r->session), 0};
  resq_pool_run(resq_session_pool(r->session), compute_losses, &t);
  for (int64_t i = 0; i < predictions; ++i)
    add_prediction(m, &m->predictions[i]);
  return true;
}

//===-- All windows -------------------------------------------------------===//

static void end_window(resq_perplexity *out, int64_t w) {
  out->window_losses[w] = out->loss.window_sum / (double)out->loss.window_n;
  resq_tally *const tallies[] = {&out->loss, &out->reference_loss, &out->excess, &out->divergence,
                                 &out->agreement};
  for (size_t i = 0; i < sizeof tallies / sizeof *tallies; ++i)
    resq_tally_end_window(tallies[i]);
}

static void show_progress(const measuring *m, resq_progress *progress, int64_t done) {
  char beside[64] = "";
  if (m->reference)
    snprintf(beside, sizeof beside, ", KL divergence %.4f",
             resq_tally_estimate(&m->out->divergence).mean);
  double seconds = (double)(resq_now_ns() - progress->start_ns) / 1e9;
  resq_progress_show(progress,
                     "window %" PRId64 " of %" PRId64 ", perplexity %.4f%s, %.0f tokens/s", done,
                     m->out->windows, exp(resq_tally_estimate(&m->out->loss).mean), beside,
                     (double)(done * m->o->window) / seconds);
}

static bool score_windows(const measuring *m, const int32_t *ids, resq_error *err) {
  const perplexity_options *o = m->o;
  resq_progress progress = resq_progress_start();
  bool ok = true;
  for (int64_t w = 0; ok && w < m->out->windows; ++w) {
    const int32_t *window = ids + (o->skip + w) * o->window;
    for (int64_t first = 0; ok && first < o->window; first += m->piece) {
      int64_t rows = o->window - first < m->piece ? o->window - first : m->piece;
      ok = score_piece(m, window, first, rows, err);
    }
    if (ok) {
      end_window(m->out, w);
      show_progress(m, &progress, w + 1);
    }
  }
  resq_progress_end(&progress);
  m->out->seconds = (double)(resq_now_ns() - progress.start_ns) / 1e9;
  if (ok && !o->json)
    fprintf(stderr, "%.1f tokens/s\n", (double)(m->out->windows * o->window) / m->out->seconds);
  return ok;
}

/// Memory for pieces, and for what windows and predictions leave.
static bool allocate(measuring *m, resq_error *err) {
  size_t width = (size_t)resq_session_vocabulary(m->context->session), piece = (size_t)m->piece;
  size_t predictions = (size_t)m->out->windows * (size_t)(m->o->window - 1);
  m->logits = malloc(piece * width * sizeof *m->logits);
  m->predictions = calloc(piece, sizeof *m->predictions);
  m->out->window_losses = malloc((size_t)m->out->windows * sizeof *m->out->window_losses);
  if (m->reference) {
    m->reference_logits = malloc(piece * width * sizeof *m->reference_logits);
    m->out->divergences = malloc(predictions * sizeof *m->out->divergences);
  }
  return (m->logits && m->predictions && m->out->window_losses &&
          (!m->reference || (m->reference_logits && m->out->divergences))) ||
         resq_fail(err, RESQ_NO_MEMORY, "no memory for %" PRId64 " rows of logits", m->piece);
}

static bool score(const resq_model_context *r, const perplexity_options *o, const int32_t *ids,
                  resq_perplexity *out, resq_error *err) {
  int64_t chunk = resq_session_chunk(r->session);
  measuring m = {.context = r, .o = o, .piece = chunk < o->window ? chunk : o->window, .out = out};
  if (o->reference &&
      !(m.reference = resq_reference_open(o->reference, r,
                                          &(resq_reference_options){.capacity = o->window,
                                                                    .threads = o->common.threads,
                                                                    .device = o->reference_device},
                                          err)))
    return false;
  bool ok = allocate(&m, err) && score_windows(&m, ids, err);
  if (ok && m.reference)
    resq_sort(out->divergences, out->divergence.n);
  resq_reference_close(m.reference);
  free(m.logits);
  free(m.reference_logits);
  free(m.predictions);
  return ok;
}

static bool read_tokens(const resq_model_context *r, const perplexity_options *o, int32_t **ids,
                        int64_t *n, resq_error *err) {
  if (o->ids)
    return resq_read_ids(o->common.operand, ids, n, err);
  resq_input in;
  if (!resq_model_context_need_tokenizer(r, err) || !resq_input_open(&in, o->common.operand, err))
    return false;
  bool ok = resq_tokenizer_encode(r->tokenizer, in.text, false, ids, n, err);
  resq_input_close(&in);
  return ok;
}

/// Targets index rows of logits: all ids are checked before a loss sees one.
static bool check_ids(const resq_model_context *r, const char *path, const int32_t *ids, int64_t n,
                      resq_error *err) {
  int64_t vocabulary = resq_session_vocabulary(r->session);
  for (int64_t i = 0; i < n; ++i)
    if (ids[i] < 0 || ids[i] >= vocabulary)
      return resq_fail(err, RESQ_BAD_INPUT,
                       "%s: token %" PRId64 " is %" PRId32 ", the vocabulary has %" PRId64, path, i,
                       ids[i], vocabulary);
  return true;
}

static bool measure(resq_model_context *r, const perplexity_options *o, const int32_t *ids,
                    int64_t n, resq_error *err) {
  int64_t windows = n / o->window - o->skip;
  if (windows < 1)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: %" PRId64 " tokens, %" PRId64 " windows of %" PRId64 " after %" PRId64
                     " skipped: at least one is needed",
                     o->common.operand, n, n / o->window, o->window, o->skip);
  if (o->windows && o->windows < windows)
    windows = o->windows;
  if (!resq_model_context_start(r, &o->common, o->window, err))
    return false;
  if (!check_ids(r, o->common.operand, ids, n, err))
    return false;
  int64_t trained = resq_model_program(r->model)->context_length;
  if (trained && o->window > trained)
    fprintf(stderr, "note: windows of %" PRId64 " tokens, the model's context is %" PRId64 "\n",
            o->window, trained);
  resq_perplexity result = {.windows = windows, .window = o->window, .reference = o->reference};
  bool ok = score(r, o, ids, &result, err) &&
            (o->json ? resq_perplexity_print_json : resq_perplexity_print_text)(&result, err);
  free(result.divergences);
  free(result.window_losses);
  return ok;
}

static bool run(const resq_cli *cli, void *values, resq_error *err) {
  const perplexity_options *o = values;
  resq_model_context r;
  if (!resq_model_context_open(&r, cli, err))
    return false;
  int32_t *ids = NULL;
  int64_t n = 0;
  bool ok = read_tokens(&r, o, &ids, &n, err);
  ok = ok && measure(&r, o, ids, n, err);
  free(ids);
  resq_model_context_close(&r);
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
