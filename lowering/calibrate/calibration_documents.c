//===-- calibration_documents.c -------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "calibration_documents.h"

#include "base/philox.h"

#include <stdlib.h>
#include <string.h>

//===-- Openings ----------------------------------------------------------===//

static bool encode(resq_opening_tokens *o, int i, const resq_tokenizer *tokenizer,
                   resq_error *err) {
  resq_text text = {resq_openings[i], strlen(resq_openings[i])};
  int64_t bos = resq_tokenizer_bos(tokenizer), first = bos >= 0, count = 0;
  int32_t *ids = NULL;
  if (!resq_tokenizer_encode(tokenizer, text, false, &ids, &count, err))
    return false;
  // A tokenizer of few merges makes many tokens: what is over has no place.
  int64_t total = first + count < RESQ_DOCUMENT / 2 ? first + count : RESQ_DOCUMENT / 2;
  bool ok = count > 0 || resq_fail(err, RESQ_BAD_INPUT, "the tokenizer makes no tokens of \"%s\"",
                                   resq_openings[i]);
  if (ok && !(o->ids[i] = malloc((size_t)total * sizeof *ids)))
    ok = resq_fail(err, RESQ_NO_MEMORY, "no memory for the openings of text");
  if (ok) {
    o->ids[i][0] = (int32_t)bos; // where there is none the next line writes over it
    memcpy(o->ids[i] + first, ids, (size_t)(total - first) * sizeof *ids);
    o->counts[i] = total;
  }
  free(ids);
  return ok;
}

bool resq_opening_tokens_encode(resq_opening_tokens *o, const resq_tokenizer *tokenizer,
                                resq_error *err) {
  *o = (resq_opening_tokens){0};
  for (int i = 0; i < RESQ_OPENINGS; ++i)
    if (!encode(o, i, tokenizer, err))
      return false;
  return true;
}

void resq_opening_tokens_free(resq_opening_tokens *o) {
  for (int i = 0; i < RESQ_OPENINGS; ++i)
    free(o->ids[i]);
  *o = (resq_opening_tokens){0};
}

//===-- Windows -----------------------------------------------------------===//

bool resq_document_window_begin(resq_document_window *w, const resq_opening_tokens *openings,
                                const resq_tokenizer *tokenizer, int64_t seed, int64_t number,
                                resq_error *err) {
  uint32_t words[4];
  resq_philox((uint64_t)seed, (uint64_t)number, words);
  *w = (resq_document_window){
      .openings = openings, .tokenizer = tokenizer, .stream = (uint64_t)words[0] << 32 | words[1]};
  resq_sampler_options options = resq_sampler_defaults();
  options.temperature = 1;
  options.repeat_window = 0;
  options.seed = w->stream;
  w->sampler = resq_sampler_create(&options, err);
  return w->sampler != NULL;
}

void resq_document_window_end(resq_document_window *w) {
  resq_sampler_destroy(w->sampler);
  *w = (resq_document_window){0};
}

/// Documents draw from the end of the window's stream, its sampler from the beginning.
static void begin_document(resq_document_window *w) {
  uint64_t draw = UINT64_MAX - (uint64_t)w->documents++;
  w->start = w->step;
  w->opening = (int)(resq_philox_uniform(w->stream, draw) * RESQ_OPENINGS);
}

int32_t resq_document_window_next(resq_document_window *w, const float *logits, int64_t vocabulary,
                                  resq_error *err) {
  if (w->step == 0 || w->step - w->start == RESQ_DOCUMENT)
    begin_document(w);
  if (w->step - w->start >= w->openings->counts[w->opening]) {
    int32_t token = resq_sampler_next(w->sampler, logits, vocabulary, err);
    if (token < 0 || !resq_tokenizer_is_end(w->tokenizer, token)) {
      w->step++;
      return token;
    }
    begin_document(w); // its first token stands in place of the end
  }
  int64_t at = w->step++ - w->start;
  return w->openings->ids[w->opening][at];
}
