//===-- cmd_logits.c - what the model predicts, as numbers ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cli/cli.h"
#include "cli/logits_stream.h"

#include "exec/session_access.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

typedef struct logits_options {
  resq_run_options common;
  const char *prompt, *ids, *output;
  bool all, serve;
  int64_t top, count;
} logits_options;

#define AT(member) offsetof(logits_options, member)
static const resq_flag flags[] = {
    {"prompt", 'p', RESQ_FLAG_TEXT, "TEXT", "the input as text (no chat template, no BOS)", 0, 0,
     AT(prompt)},
    {"ids", 0, RESQ_FLAG_READS, "FILE", "the input as little-endian 32-bit token ids", 0, 0,
     AT(ids)},
    {"count", 'n', RESQ_FLAG_INTEGER, "N", "only the first N tokens of the input", 1, 1 << 30,
     AT(count)},
    {"all", 0, RESQ_FLAG_BOOL, NULL, "rows of all tokens; default: of the last one", 0, 0, AT(all)},
    {"output", 'o', RESQ_FLAG_WRITES, "FILE", "write rows of raw 32-bit floats", 0, 0, AT(output)},
    {"top", 'k', RESQ_FLAG_INTEGER, "K", "print the K largest of each row (default 10)", 1, 1000,
     AT(top)},
    {"serve", 0, RESQ_FLAG_BOOL, NULL,
     "answer a program over standard input and output (perplexity --reference)", 0, 0, AT(serve)},
};

/// The K largest, largest first, equal values by id: position, id, logit, token text.
static bool print_top(const resq_model_context *r, const float *row, int64_t width, int64_t k,
                      int64_t position, resq_error *err) {
  int64_t *best = malloc((size_t)k * sizeof *best);
  if (!best)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory");
  int64_t n = 0;
  for (int64_t id = 0; id < width; ++id) {
    if (n == k && !(row[id] > row[best[n - 1]]))
      continue;
    int64_t i = n < k ? n++ : k - 1;
    for (; i > 0 && row[id] > row[best[i - 1]]; --i)
      best[i] = best[i - 1];
    best[i] = id;
  }
  bool ok = true;
  for (int64_t i = 0; ok && i < n; ++i) {
    resq_text text = {"", 0};
    if (r->tokenizer)
      text = resq_tokenizer_bytes(r->tokenizer, (int32_t)best[i]);
    ok = resq_printf(err, "%" PRId64 "\t%" PRId64 "\t%.6f\t", position, best[i],
                     (double)row[best[i]]) &&
         resq_print(text.data, text.size, err) && resq_print("\n", 1, err);
  }
  free(best);
  return ok;
}

/// Pieces of an entry's size, so that --all of a long text needs little memory.
static bool run_pieces(const resq_model_context *r, const logits_options *o, const int32_t *ids,
                       int64_t n, resq_out *out, resq_error *err) {
  int64_t width = resq_session_vocabulary(r->session), piece = resq_session_chunk(r->session);
  if (piece > n)
    piece = n;
  float *logits = malloc((size_t)(o->all ? piece : 1) * (size_t)width * sizeof *logits);
  if (!logits)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for %" PRId64 " rows of logits", piece);
  bool ok = true;
  for (int64_t done = 0; ok && done < n; done += piece) {
    int64_t rows = n - done < piece ? n - done : piece;
    int64_t wanted = o->all ? rows : done + rows == n;
    ok = resq_model_context_forward(r, ids + done, done, rows, wanted, logits, err);
    if (ok && out)
      ok = resq_out_write(out, logits, (uint64_t)wanted * (uint64_t)width * sizeof *logits, err);
    for (int64_t i = 0; ok && !out && i < wanted; ++i)
      ok = print_top(r, logits + i * width, width, o->top < width ? o->top : width,
                     done + rows - wanted + i, err);
  }
  free(logits);
  return ok;
}

static bool read_tokens(const resq_model_context *r, const logits_options *o, int32_t **ids,
                        int64_t *n, resq_error *err) {
  if (o->ids)
    return resq_read_ids(o->ids, ids, n, err);
  resq_text text = {o->prompt, strlen(o->prompt)};
  return resq_model_context_need_tokenizer(r, err) &&
         resq_tokenizer_encode(r->tokenizer, text, false, ids, n, err) &&
         (*n > 0 || resq_fail(err, RESQ_USAGE, "the prompt has no tokens"));
}

static bool run_on_tokens(resq_model_context *r, const logits_options *o, const int32_t *ids,
                          int64_t n, resq_error *err) {
  if (o->count && o->count > n)
    return resq_fail(err, RESQ_USAGE, "--count=%" PRId64 ", the input has %" PRId64 " tokens",
                     o->count, n);
  if (o->count)
    n = o->count;
  if (!resq_model_context_start(r, &o->common, n, err))
    return false;
  resq_out *out = o->output ? resq_out_create(o->output, 0644, err) : NULL;
  if (o->output && !out)
    return false;
  bool ok = run_pieces(r, o, ids, n, out, err);
  if (out && ok)
    return resq_out_commit(out, err);
  resq_out_discard(out);
  return ok;
}

static bool serve(const resq_cli *cli, const logits_options *o, resq_error *err) {
  if (o->prompt || o->ids || o->output)
    return resq_fail(err, RESQ_USAGE, "logits: --serve takes its input from the program it serves");
  resq_model_context r;
  if (!resq_model_context_open(&r, cli, err))
    return false;
  bool ok = resq_model_context_start(&r, &o->common, 0, err) && resq_stream_serve(&r, err);
  resq_model_context_close(&r);
  return ok;
}

static bool run(const resq_cli *cli, void *values, resq_error *err) {
  const logits_options *o = values;
  if (o->serve)
    return serve(cli, o, err);
  if (!o->prompt == !o->ids)
    return resq_fail(err, RESQ_USAGE, "logits: give either -p TEXT or --ids FILE");
  resq_model_context r;
  if (!resq_model_context_open(&r, cli, err))
    return false;
  int32_t *ids = NULL;
  int64_t n = 0;
  bool ok = read_tokens(&r, o, &ids, &n, err) && run_on_tokens(&r, o, ids, n, err);
  free(ids);
  resq_model_context_close(&r);
  return ok;
}

static const logits_options defaults = {.top = 10};
const resq_command resq_cmd_logits = {
    .name = "logits",
    .summary = "next-token logits of a text or of token ids",
    .flags = flags,
    .n_flags = sizeof flags / sizeof flags[0],
    .runs = true,
    .values_size = sizeof defaults,
    .defaults = &defaults,
    .run = run,
};
