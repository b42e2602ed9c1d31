//===-- cmd_generate.c - prompt to text -----------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text goes to stdout as it is decided, one flush a token; everything else to stderr.
// The same prompt, options and seed give the same text at any number of threads.
//===----------------------------------------------------------------------===//
#include "cli/cli.h"
#include "cli/sampling.h"
#include "exec/threads.h"
#include "text/chat_template.h"
#include "text/sampler.h"
#include "text/stream.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

typedef struct generate_options {
  resq_run_options common;
  const char *prompt, *file, *system, *date;
  int64_t tokens;
  resq_sampling_options sampling;
  resq_texts stops;
  bool raw, chat, ids, stats;
} generate_options;

#define AT(member) offsetof(generate_options, member)
static const resq_flag flags[] = {
    {"prompt", 'p', RESQ_FLAG_TEXT, "TEXT", "the prompt, instead of a file", 0, 0, AT(prompt)},
    {"file", 0, RESQ_FLAG_READS, "FILE", "the prompt from a file (as FILE without an option)", 0, 0,
     AT(file)},
    {"tokens", 'n', RESQ_FLAG_INTEGER, "N",
     "tokens at most; 0 or -1: until an end token or a full context (default)", -1, 1 << 30,
     AT(tokens)},
    {"greedy", 0, RESQ_FLAG_BOOL, NULL, "always the likeliest token", 0, 0, AT(sampling.greedy)},
    {"temperature", 'T', RESQ_FLAG_REAL, "T",
     "0: always the likeliest token (default of this and the next three: the model's, else 0.8)", 0,
     1e6, AT(sampling.temperature)},
    {"top-k", 'k', RESQ_FLAG_INTEGER, "K", "draw among the K likeliest; 0: all (else 40)", 0,
     1 << 30, AT(sampling.top_k)},
    {"top-p", 0, RESQ_FLAG_REAL, "P",
     "draw among the fewest that reach probability P; 1: all (else 0.95)", 0, 1,
     AT(sampling.top_p)},
    {"min-p", 0, RESQ_FLAG_REAL, "P",
     "leave out those less likely than P times the best (else 0.05)", 0, 1, AT(sampling.min_p)},
    {"repeat-penalty", 0, RESQ_FLAG_REAL, "R",
     "above 1: recent tokens become less likely (default: the model's, else 1)", 0, 1e6,
     AT(sampling.repeat_penalty)},
    {"repeat-window", 0, RESQ_FLAG_INTEGER, "N",
     "recent tokens that count for it (default: the model's, else 64)", 0, 1 << 20,
     AT(sampling.repeat_window)},
    {"seed", 's', RESQ_FLAG_SEED, "S",
     "seed of the draws (default 1); `random` draws one and prints it", 0, 9007199254740992.0,
     AT(sampling.seed)},
    {"stop", 0, RESQ_FLAG_TEXTS, "TEXT", "end before this text; may be repeated", 0, 0, AT(stops)},
    {"raw", 0, RESQ_FLAG_BOOL, NULL, "continue the prompt as it is, without chat template", 0, 0,
     AT(raw)},
    {"chat", 0, RESQ_FLAG_BOOL, NULL, "use the chat template (default when the model has one)", 0,
     0, AT(chat)},
    {"system", 0, RESQ_FLAG_TEXT, "TEXT", "the system message of the chat", 0, 0, AT(system)},
    {"date", 0, RESQ_FLAG_TEXT, "DATE", "what chat templates take for today (default: the clock's)",
     0, 0, AT(date)},
    {"ids", 0, RESQ_FLAG_BOOL, NULL, "print token ids, one a line, instead of text", 0, 0, AT(ids)},
    {"stats", 0, RESQ_FLAG_BOOL, NULL, "print tokens/s to stderr (default on a terminal)", 0, 0,
     AT(stats)},
};

/// As llama.cpp's users type them.
static const resq_alias aliases[] = {
    {"f", "file"},     {"n-predict", "tokens"}, {"predict", "tokens"},
    {"sys", "system"}, {"temp", "temperature"}, {"repeat-last-n", "repeat-window"},
};

//===-- The prompt --------------------------------------------------------===//

/// A token's text with a NUL; "" for -1. malloc'ed.
static char *token_text(const resq_tokenizer *t, int64_t id) {
  resq_text bytes = {"", 0};
  if (id >= 0)
    bytes = resq_tokenizer_bytes(t, (int32_t)id);
  return strndup(bytes.data, bytes.size);
}

/// The conversation so far, up to where the assistant speaks.
static bool chat_ids(const resq_tokenizer *t, const generate_options *o, const char *user,
                     int32_t **ids, int64_t *n, resq_error *err) {
  resq_chat_message messages[2];
  size_t count = 0;
  if (o->system)
    messages[count++] = (resq_chat_message){"system", o->system};
  messages[count++] = (resq_chat_message){"user", user};
  char *bos = token_text(t, resq_tokenizer_bos(t)), *eos = token_text(t, resq_tokenizer_eos(t));
  size_t size = 0;
  resq_chat_request request = {messages, count, true, bos, eos, o->date};
  char *text =
      bos && eos ? resq_chat_template_render(resq_tokenizer_chat_template(t), &request, &size, err)
                 : NULL;
  if (!bos || !eos)
    resq_fail(err, RESQ_NO_MEMORY, "no memory for the chat");
  // A template writes the BOS itself where the model wants one.
  bool ok = text && resq_tokenizer_encode(t, (resq_text){text, size}, true, ids, n, err);
  free(bos);
  free(eos);
  free(text);
  return ok;
}

static bool raw_ids(const resq_tokenizer *t, resq_text text, int32_t **ids, int64_t *n,
                    resq_error *err) {
  if (!resq_tokenizer_encode(t, text, true, ids, n, err))
    return false;
  if (!resq_tokenizer_add_bos(t) || resq_tokenizer_bos(t) < 0)
    return true;
  int32_t *longer = realloc(*ids, (size_t)(*n + 1) * sizeof *longer);
  if (!longer)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for the prompt");
  memmove(longer + 1, longer, (size_t)*n * sizeof *longer);
  longer[0] = (int32_t)resq_tokenizer_bos(t);
  *ids = longer;
  if (*n && longer[1] == longer[0]) {
    resq_text bos = resq_tokenizer_bytes(t, longer[0]);
    fprintf(
        stderr,
        "warning: the prompt begins with %.*s, and the model puts one before it: it appears twice. "
        "Leave it out of the prompt\n",
        (int)bos.size, bos.data);
  }
  ++*n;
  return true;
}

static bool prompt_ids(const resq_tokenizer *t, const generate_options *o, int32_t **ids,
                       int64_t *n, resq_error *err) {
  bool has_template = resq_tokenizer_chat_template(t)[0] != 0;
  bool chat = o->chat || o->system || (has_template && !o->raw);
  if (chat && (o->raw || !has_template))
    return resq_fail(err, RESQ_USAGE,
                     o->raw ? "--raw excludes --chat and --system"
                            : "the model has no chat template; use --raw");
  if (o->date && !resq_chat_date_check(o->date, err))
    return false;
  resq_input in = {0};
  const char *file = o->file ? o->file : o->common.operand;
  if (o->prompt)
    in.text = (resq_text){o->prompt, strlen(o->prompt)};
  else if (!resq_input_open(&in, file, err))
    return false;
  bool ok;
  if (chat && memchr(in.text.data, 0, in.text.size)) {
    ok = resq_fail(err, RESQ_BAD_INPUT, "%s: a zero byte; a chat message is text",
                   o->prompt ? "--prompt" : file);
  } else if (chat) {
    char *user = strndup(in.text.data, in.text.size);
    ok = user ? chat_ids(t, o, user, ids, n, err)
              : resq_fail(err, RESQ_NO_MEMORY, "no memory for the prompt");
    free(user);
  } else {
    ok = raw_ids(t, in.text, ids, n, err);
  }
  resq_input_close(&in);
  return ok && (*n > 0 || resq_fail(err, RESQ_USAGE, "the prompt is empty: nothing to continue"));
}

//===-- Generation --------------------------------------------------------===//

typedef struct generation {
  const resq_model_context *context;
  const generate_options *options;
  resq_sampler *sampler;
  resq_stream *stream;
  float *logits;
  int64_t candidates; ///< logits that have a token
  int64_t generated;
  int64_t prompt_ns, decode_ns;
} generation;

static bool show(generation *g, int32_t id, resq_error *err) {
  resq_text text;
  if (!resq_stream_push(g->stream, resq_tokenizer_bytes(g->context->tokenizer, id), &text, err))
    return false;
  bool ok = g->options->ids ? resq_printf(err, "%" PRId32 "\n", id)
                            : resq_print(text.data, text.size, err);
  return ok && ((!text.size && !g->options->ids) || resq_print_flush(err));
}

/// One token after another behind `position` tokens, the logits of the last of which are known.
static bool decode(generation *g, int64_t position, resq_error *err) {
  const generate_options *o = g->options;
  const int64_t capacity = g->context->context;
  for (;;) {
    int32_t id = resq_sampler_next(g->sampler, g->logits, g->candidates, err);
    if (id < 0)
      return false;
    if (resq_tokenizer_is_end(g->context->tokenizer, id))
      return true;
    ++g->generated;
    if (!show(g, id, err))
      return false;
    if (resq_stream_stopped(g->stream) >= 0 || g->generated == o->tokens)
      return true;
    if (position == capacity) {
      fprintf(stderr,
              "note: the context of %" PRId64 " tokens is full: stopped (--context=N for more)\n",
              capacity);
      return true;
    }
    if (!resq_model_context_forward(g->context, &id, position++, 1, 1, g->logits, err))
      return false;
  }
}

static bool generate(generation *g, const int32_t *ids, int64_t n, resq_error *err) {
  int64_t start = resq_now_ns();
  if (!resq_model_context_forward(g->context, ids, 0, n, 1, g->logits, err))
    return false;
  int64_t prompt_done = resq_now_ns();
  g->prompt_ns = prompt_done - start;
  for (int64_t i = 0; i < n; ++i)
    resq_sampler_accept(g->sampler, ids[i]);
  bool ok = decode(g, n, err);
  g->decode_ns = resq_now_ns() - prompt_done;
  resq_text rest;
  ok = ok && resq_stream_finish(g->stream, &rest, err);
  if (ok && !g->options->ids)
    ok = resq_print(rest.data, rest.size, err) && resq_print("\n", 1, err);
  return ok && resq_print_flush(err);
}

static void print_stats(const generation *g, int64_t n_prompt) {
  if (!g->options->stats && !isatty(STDERR_FILENO))
    return;
  fprintf(stderr,
          "prompt %" PRId64 " tokens, %.1f tokens/s; generated %" PRId64 " tokens, %.1f tokens/s\n",
          n_prompt, (double)n_prompt * 1e9 / (double)(g->prompt_ns + 1), g->generated,
          (double)g->generated * 1e9 / (double)(g->decode_ns + 1));
}

static bool generate_from(resq_model_context *r, const generate_options *o, const int32_t *ids,
                          int64_t n, resq_error *err) {
  if (!resq_model_context_start(r, &o->common, 0, err))
    return false;
  if (n > r->context)
    return resq_fail(err, RESQ_USAGE,
                     "the prompt has %" PRId64 " tokens, the context holds %" PRId64
                     " (--context=N for more)",
                     n, r->context);
  resq_sampler_options so;
  if (!resq_sampling_resolve(&o->sampling, r, &so, err))
    return false;
  generation g = {.context = r, .options = o, .candidates = resq_tokenizer_size(r->tokenizer)};
  g.sampler = resq_sampler_create(&so, err);
  g.stream = g.sampler ? resq_stream_create(o->stops.items, (size_t)o->stops.count, err) : NULL;
  g.logits = malloc((size_t)resq_session_vocabulary(r->session) * sizeof *g.logits);
  bool ok = g.sampler && g.stream;
  if (ok && !g.logits)
    ok = resq_fail(err, RESQ_NO_MEMORY, "no memory for logits");
  ok = ok && generate(&g, ids, n, err);
  if (ok)
    print_stats(&g, n);
  free(g.logits);
  resq_stream_destroy(g.stream);
  resq_sampler_destroy(g.sampler);
  return ok;
}

static bool run(const resq_cli *cli, void *values, resq_error *err) {
  const generate_options *o = values;
  if (!!o->prompt + !!o->file + !!o->common.operand != 1)
    return resq_fail(err, RESQ_USAGE, "generate: give either -p TEXT or FILE");
  resq_model_context r;
  if (!resq_model_context_open(&r, cli, err))
    return false;
  int32_t *ids = NULL;
  int64_t n = 0;
  bool ok = resq_model_context_need_tokenizer(&r, err) &&
            prompt_ids(r.tokenizer, o, &ids, &n, err) && generate_from(&r, o, ids, n, err);
  free(ids);
  resq_model_context_close(&r);
  return ok;
}

static const generate_options defaults = {.sampling = RESQ_SAMPLING_NOT_GIVEN};
const resq_command resq_cmd_generate = {
    .name = "generate",
    .operand = "[FILE]",
    .summary = "continue a prompt, or answer it (FILE: the prompt, - is standard input)",
    .flags = flags,
    .n_flags = sizeof flags / sizeof flags[0],
    .aliases = aliases,
    .n_aliases = sizeof aliases / sizeof aliases[0],
    .runs = true,
    .values_size = sizeof defaults,
    .defaults = &defaults,
    .run = run,
};
