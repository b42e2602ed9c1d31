//===-- model_context.c - the model, tokenizer and session of a command ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "cli/cli.h"

#include "exec/session_access.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

bool resq_fail_message(resq_error *err, const resq_message *why) {
  return resq_fail(err, (resq_code)why->code, "%s", why->text);
}

bool resq_model_context_open(resq_model_context *context, const resq_cli *cli, resq_error *err) {
  resq_message why = {{0}, RESQ_FAILED};
  memset(context, 0, sizeof *context);
  context->model = resq_model_open(cli->program, cli->path, &why);
  if (!context->model)
    return resq_fail_message(err, &why);
  const uint8_t *blob;
  uint64_t size;
  const resq_artifact *artifact = resq_model_artifact(context->model);
  if (!artifact || !resq_artifact_section(artifact, RESQ_SECTION_TOKENIZER, &blob, &size))
    return true;
  // Opening reads all of it anyway.
  if (resq_artifact_verify_section(artifact, RESQ_SECTION_TOKENIZER, err))
    context->tokenizer = resq_tokenizer_open(blob, size, err);
  if (context->tokenizer)
    return true;
  resq_fail_in(err, "tokenizer section");
  resq_model_context_close(context);
  return false;
}

bool resq_model_context_need_tokenizer(const resq_model_context *context, resq_error *err) {
  return context->tokenizer ||
         resq_fail(err, RESQ_USAGE, "this program was compiled without a tokenizer");
}

bool resq_model_context_start(resq_model_context *context, const resq_run_options *options,
                              int64_t capacity, resq_error *err) {
  resq_message why = {{0}, RESQ_FAILED};
  resq_session_options o = {.threads = (int)options->threads,
                            .sequences = 1,
                            .capacity = options->context > capacity ? options->context : capacity,
                            .level = options->level,
                            .device = options->device};
  context->session = resq_session_create(context->model, &o, &why);
  if (!context->session)
    return resq_fail_message(err, &why);
  if (resq_session_note(context->session))
    fprintf(stderr, "note: runs on the CPU: %s\n", resq_session_note(context->session));
  int64_t vocabulary = resq_session_vocabulary(context->session);
  if (!vocabulary)
    return resq_fail(err, RESQ_USAGE,
                     "this program is not a language model: it has no @forward(tokens, positions, "
                     "sequences, logit_rows) -> logits");
  if (context->tokenizer && resq_tokenizer_size(context->tokenizer) > vocabulary)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "the tokenizer has %" PRId64 " tokens, @forward's logits are %" PRId64 " wide",
                     resq_tokenizer_size(context->tokenizer), vocabulary);
  resq_session_profile(context->session, options->profile);
  int64_t trained = resq_model_program(context->model)->context_length;
  context->context = o.capacity    ? o.capacity
                     : trained > 0 ? trained
                                   : resq_session_capacity(context->session);
  if (trained > 0 && context->context > trained)
    fprintf(stderr,
            "warning: a context of %" PRId64 " tokens, but the model was trained for %" PRId64
            ": what it predicts beyond them decays\n",
            context->context, trained);
  return true;
}

void resq_model_context_close(resq_model_context *context) {
  if (context->session)
    resq_session_profile_print(context->session, stderr);
  resq_session_destroy(context->session);
  if (context->tokenizer)
    resq_tokenizer_close(context->tokenizer);
  resq_model_close(context->model);
  memset(context, 0, sizeof *context);
}

bool resq_model_context_forward(const resq_model_context *context, const int32_t *tokens,
                                int64_t first, int64_t n, int64_t n_logits, float *logits,
                                resq_error *err) {
  // A few fixed rows at a time on the stack would cut chunks smaller than the entries': one list,
  // sized once.
  int32_t *lists = malloc((size_t)n * 3 * sizeof *lists);
  if (!lists)
    return resq_fail(err, RESQ_NO_MEMORY, "no memory for %" PRId64 " rows", n);
  int32_t *positions = lists, *sequences = lists + n, *rows = lists + 2 * n;
  for (int64_t i = 0; i < n; ++i) {
    positions[i] = (int32_t)(first + i);
    sequences[i] = 0;
  }
  for (int64_t i = 0; i < n_logits; ++i)
    rows[i] = (int32_t)(n - n_logits + i);
  resq_message why = {{0}, RESQ_FAILED};
  bool ok = resq_session_forward(context->session, tokens, positions, sequences, n, rows, n_logits,
                                 logits, &why);
  free(lists);
  return ok || resq_fail_message(err, &why);
}
