//===-- stream.h - token bytes to text that can be shown ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tokens may end inside a UTF-8 sequence or inside a stop string: such an end is held
// back until it is decided. What comes out is always well-formed UTF-8.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_STREAM_H
#define RESQ_TEXT_STREAM_H

#include "text/tokenizer.h"

typedef struct resq_stream resq_stream;

/// Copies the stop strings. Empty ones are refused. NULL on failure.
resq_stream *resq_stream_create(const char *const *stops, size_t n_stops, resq_error *err);
void resq_stream_destroy(resq_stream *s);
/// Ready for another text, same stop strings.
void resq_stream_reset(resq_stream *s);

/// Takes bytes and gives the text that is decided by now (valid until the next call; may be empty).
/// Ill-formed bytes become U+FFFD. After a stop nothing more comes.
bool resq_stream_push(resq_stream *s, resq_text bytes, resq_text *out_text, resq_error *err);
/// No more bytes: gives what was held back.
bool resq_stream_finish(resq_stream *s, resq_text *out_text, resq_error *err);

/// The stop string that ended the text (the one complete first, the longest of those), -1 for none.
/// The text given out ends before it.
int resq_stream_stopped(const resq_stream *s);
/// Comparisons of bytes with stop strings so far, for tests: linear in the text for each of them.
uint64_t resq_stream_work(const resq_stream *s);

#endif // RESQ_TEXT_STREAM_H
