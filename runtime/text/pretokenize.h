//===-- pretokenize.h - cutting text into pieces before BPE ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A checkpoint names its pre-tokenizer; the regexes live in pretokenizers.def, not in files,
// so that a hostile file cannot bring a regex of exponential cost.
//===----------------------------------------------------------------------===//
#ifndef RESQ_TEXT_PRETOKENIZE_H
#define RESQ_TEXT_PRETOKENIZE_H

#include "base/error.h"
#include <stddef.h>

typedef struct resq_pretokenizer resq_pretokenizer;

/// True for a name this build knows.
bool resq_pretokenizer_known(const char *name);
/// True for a name this build knows whose files mean "true" where they leave the key
/// tokenizer.ggml.add_bos_token out.
bool resq_pretokenizer_means_bos(const char *name);
/// "gpt-2, llama-bpe, ...", for messages and --help.
const char *resq_pretokenizer_names(void);

/// Compiles the regexes of `name`. NULL on failure.
resq_pretokenizer *resq_pretokenizer_create(const char *name, resq_error *err);
void resq_pretokenizer_destroy(resq_pretokenizer *pre);

/// Text is brought to Unicode normal form C first (Qwen2).
bool resq_pretokenizer_normalizes(const resq_pretokenizer *pre);
/// A piece that is a token as a whole is not built by merges (Llama 3).
bool resq_pretokenizer_whole_pieces(const resq_pretokenizer *pre);

enum { RESQ_PIECES_MAX_STAGES = 6 };

/// The text that one stage is cutting.
typedef struct resq_pieces_stage {
  const char *text;
  size_t size, at;
  size_t found, found_end; ///< the match ahead, where it ends beyond `at`
} resq_pieces_stage;

/// One text being cut; belongs to one thread.
typedef struct resq_pieces {
  const resq_pretokenizer *pre;
  void *match; ///< pcre2_match_data and limits
  resq_pieces_stage stages[RESQ_PIECES_MAX_STAGES];
} resq_pieces;

bool resq_pieces_init(resq_pieces *pieces, const resq_pretokenizer *pre, resq_error *err);
void resq_pieces_free(resq_pieces *pieces);
/// Starts on well-formed UTF-8; the regexes see exactly these bytes, with an end after the last.
void resq_pieces_start(resq_pieces *pieces, const char *text, size_t size);
/// The next piece; *out_size is 0 at the end. Pieces cover the text without gaps.
bool resq_pieces_next(resq_pieces *pieces, const char **out_piece, size_t *out_size,
                      resq_error *err);

#endif // RESQ_TEXT_PRETOKENIZE_H
