//===-- tokenizer_ends.c - which tokens end a generation ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A file says it by ids (eos, eot, eom), and its converter may have left some out, or
// given an end token the type of ordinary text. So tokens with the names that chat and
// code models use for it end a generation whatever their type. The names are those that
// llama.cpp knows.
//===----------------------------------------------------------------------===//
#include "text/tokenizer_builder.h"

#include <stdlib.h>
#include <string.h>

static const char *const names[] = {
    "<|im_end|>",
    "<|eot_id|>",
    "<|eom_id|>",
    "<|end|>",
    "<|return|>",
    "<|call|>",
    "<|calls|>",
    "<|flush|>",
    "<|endoftext|>",
    "<|end_of_text|>",
    "<end_of_turn>",
    "<end_of_utterance>",
    "<turn|>",
    "<|tool_response>",
    "</s>",
    "<eos>",
    "[EOS]",
    "[EOT]",
    "<EOT>",
    "_<EOT>",
    "\xE2\x96\x81<EOT>",
    "[e~[",
    // DeepSeek's, with U+FF5C for the bars and U+2581 for the blanks, and a form of it with U+2039
    // and U+203A.
    "<\xEF\xBD\x9C"
    "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C>",
    "\xE2\x80\xB9\xEF\xBD\x9C"
    "end\xE2\x96\x81of\xE2\x96\x81sentence\xEF\xBD\x9C\xE2\x80\xBA",
    // What stands between the files of code models: a completion ends there.
    "<|fim_pad|>",
    "<fim-pad>",
    "<fim_pad>",
    "<PAD>",
    "[PAD]",
    "<|fim_repo|>",
    "<|repo_name|>",
    "<fim-repo>",
    "<REPO>",
    "<reponame>",
    "<|file_sep|>",
};
enum { N_NAMES = sizeof names / sizeof names[0] };

static int64_t find(const resq_tokenizer_builder *b, const char *name) {
  return resq_tokenizer_builder_find(b, (resq_text){name, strlen(name)});
}

/// Where other tokens of the vocabulary say that a name is no end there.
static bool is_no_end(const resq_tokenizer_builder *b, const char *name) {
  if (strcmp(name, "<|end|>") == 0) // ends a channel, not a turn
    return (find(b, "<|return|>") >= 0 && find(b, "<|call|>") >= 0) ||
           (find(b, "<|calls|>") >= 0 && find(b, "<|flush|>") >= 0);
  if (strcmp(name, "</s>") == 0) // markup
    return find(b, "<|tool_response>") >= 0;
  return false;
}

/// A token that merges lead to is a piece of text, whatever it looks like.
static bool is_built(const resq_tokenizer_builder *b, int64_t id) {
  for (uint64_t i = 0; i < b->merges_size; ++i)
    if (b->merges[i].left != RESQ_TOKENIZER_EMPTY && b->merges[i].result == id)
      return true;
  return false;
}

static int compare_ids(const void *a, const void *b) {
  uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
  return (x > y) - (x < y);
}

bool resq_tokenizer_mark_ends(resq_tokenizer_builder *b, resq_error *err) {
  const resq_tokenizer_source *s = b->source;
  b->ends = malloc((1 + (size_t)s->n_ends + N_NAMES) * sizeof *b->ends);
  if (!b->ends)
    return resq_fail(err, RESQ_NO_MEMORY, "tokenizer: no memory to build the tables");
  uint64_t count = 0;
  if (s->eos >= 0)
    b->ends[count++] = (uint32_t)s->eos;
  for (int64_t i = 0; i < s->n_ends; ++i)
    b->ends[count++] = (uint32_t)s->ends[i];
  for (size_t i = 0; i < N_NAMES; ++i) {
    int64_t id = find(b, names[i]);
    if (id < 0 || is_no_end(b, names[i]))
      continue;
    if (b->kinds[id] == RESQ_TOKEN_NORMAL && is_built(b, id))
      continue;
    // Its text is the token in chat templates, and plain text in a prompt.
    b->kinds[id] = RESQ_TOKEN_CONTROL;
    b->ends[count++] = (uint32_t)id;
  }
  qsort(b->ends, count, sizeof *b->ends, compare_ids);
  b->n_ends = 0;
  for (uint64_t i = 0; i < count; ++i)
    if (!i || b->ends[i] != b->ends[i - 1])
      b->ends[b->n_ends++] = b->ends[i];
  return true;
}
