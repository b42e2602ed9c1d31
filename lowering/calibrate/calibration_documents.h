//===-- calibration_documents.h - a window of sampled documents -----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Text of short documents, one behind the other: each begins with the first token of a sequence and
// an opening, goes on with tokens drawn at temperature 1, and ends where the model ends it or after
// RESQ_DOCUMENT tokens. Short, because a small model repeats itself sooner or later, and a loop that
// fills a window leaves moments of little else.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CALIBRATION_DOCUMENTS_H
#define RESQ_LOWERING_CALIBRATION_DOCUMENTS_H

#include "calibration_openings.h"
#include "text/sampler.h"
#include "text/tokenizer.h"

/// Most tokens of a document, its opening among them.
#define RESQ_DOCUMENT 128

/// The openings' tokens, each behind the first token of a sequence where the model has one.
typedef struct resq_opening_tokens {
  int32_t *ids[RESQ_OPENINGS];
  int64_t counts[RESQ_OPENINGS]; ///< 1 to RESQ_DOCUMENT / 2
} resq_opening_tokens;

/// Free *o, failed or not.
bool resq_opening_tokens_encode(resq_opening_tokens *o, const resq_tokenizer *tokenizer,
                                resq_error *err);
void resq_opening_tokens_free(resq_opening_tokens *o);

/// A window on its way. Windows share nothing that changes; one of zeros may be ended, too.
typedef struct resq_document_window {
  const resq_opening_tokens *openings;
  const resq_tokenizer *tokenizer;
  uint64_t stream; ///< of random numbers
  resq_sampler *sampler;
  int64_t step;      ///< tokens that it has
  int64_t start;     ///< step at which the last document began
  int64_t documents; ///< begun so far
  int opening;       ///< of the last document
} resq_document_window;

/// Window `number` of a seed's text: every pair has random numbers of its own.
bool resq_document_window_begin(resq_document_window *w, const resq_opening_tokens *openings,
                                const resq_tokenizer *tokenizer, int64_t seed, int64_t number,
                                resq_error *err);
/// The next token: of an opening, or drawn from the logits behind the token before (not read for a
/// window's first). -1 on failure.
int32_t resq_document_window_next(resq_document_window *w, const float *logits, int64_t vocabulary,
                                  resq_error *err);
/// Of the last token, in its document.
static inline int32_t resq_document_window_position(const resq_document_window *w) {
  return (int32_t)(w->step - 1 - w->start);
}
void resq_document_window_end(resq_document_window *w);

#endif // RESQ_LOWERING_CALIBRATION_DOCUMENTS_H
