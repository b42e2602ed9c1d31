//===-- gguf_tokenizer.c - GGUF metadata to a tokenizer's description -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Checks what concerns the metadata: types, presence, counts, ids in range. What
// the merges mean and whether `pre` is known is the tokenizer's to say.
//===----------------------------------------------------------------------===//
#include "dialect/import/gguf/gguf_tokenizer.h"

#include "dialect/memory.h"
#include "text/pretokenize.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define PRETOKENIZER_KEY "tokenizer.ggml.pre"
#define ADD_BOS_KEY "tokenizer.ggml.add_bos_token"
/// What a file without the key gets. It is a guess, so whoever compiles the file says so.
#define DEFAULT_PRETOKENIZER "gpt-2"

bool resq_gguf_has_tokenizer(const resq_gguf *gguf) {
  resq_text model;
  if (!resq_gguf_get(gguf, "tokenizer.ggml.model"))
    return false;
  // A wrong type is for resq_gguf_tokenizer to report.
  return !resq_gguf_string(gguf, "tokenizer.ggml.model", &model, NULL) || model.size != 4 ||
         memcmp(model.data, "none", 4) != 0;
}

static bool text_is(resq_text text, const char *word) {
  return text.size == strlen(word) && memcmp(text.data, word, text.size) == 0;
}

/// A NUL-terminated copy of a string value, or of `fallback` when the key is absent.
static char *copy_string(const resq_gguf *gguf, const char *key, const char *fallback,
                         resq_error *err) {
  resq_text text = {fallback, strlen(fallback)};
  if (resq_gguf_get(gguf, key) && !resq_gguf_string(gguf, key, &text, err))
    return NULL;
  if (memchr(text.data, '\0', text.size)) {
    resq_fail(err, RESQ_BAD_INPUT, "%s: key '%s' holds a NUL byte", gguf->path, key);
    return NULL;
  }
  return resq_copy_part(text.data, text.size);
}

/// A token id, or -1 when the key is absent.
static bool read_id(const resq_gguf *gguf, const char *key, int64_t n_tokens, int64_t *out,
                    resq_error *err) {
  uint64_t id;
  *out = -1;
  if (!resq_gguf_get(gguf, key))
    return true;
  if (!resq_gguf_u64(gguf, key, &id, err))
    return false;
  if (id >= (uint64_t)n_tokens)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: key '%s' is %" PRIu64 "; the vocabulary has %" PRId64 " tokens",
                     gguf->path, key, id, n_tokens);
  *out = (int64_t)id;
  return true;
}

/// Ids besides eos that end a generation: of a turn, of a message, and what stands between the files of code models.
static bool read_ends(const resq_gguf *gguf, resq_tokenizer_source *out, resq_error *err) {
  static const char *const keys[] = {"tokenizer.ggml.eot_token_id", "tokenizer.ggml.eom_token_id",
                                     "tokenizer.ggml.fim_pad_token_id",
                                     "tokenizer.ggml.fim_rep_token_id",
                                     "tokenizer.ggml.fim_sep_token_id"};
  enum { KEYS = sizeof keys / sizeof keys[0] };
  int32_t *ends = resq_new(KEYS, sizeof *ends);
  out->ends = ends;
  for (int i = 0; i < KEYS; ++i) {
    int64_t id;
    if (!read_id(gguf, keys[i], out->n_tokens, &id, err))
      return false;
    if (id >= 0)
      ends[out->n_ends++] = (int32_t)id;
  }
  return true;
}

static bool read_vocabulary(const resq_gguf *gguf, resq_tokenizer_source *out, resq_error *err) {
  resq_text *tokens = NULL, *merges = NULL;
  bool ok = resq_gguf_strings(gguf, "tokenizer.ggml.tokens", &tokens, &out->n_tokens, err);
  out->tokens = tokens;
  if (!ok)
    return false;
  if (out->n_tokens == 0)
    return resq_fail(err, RESQ_BAD_INPUT, "%s: key 'tokenizer.ggml.tokens' is empty", gguf->path);
  ok = resq_gguf_strings(gguf, "tokenizer.ggml.merges", &merges, &out->n_merges, err);
  out->merges = merges;
  if (!ok || !resq_gguf_get(gguf, "tokenizer.ggml.token_type"))
    return ok;
  int32_t *types = NULL;
  int64_t n_types = 0;
  ok = resq_gguf_i32s(gguf, "tokenizer.ggml.token_type", &types, &n_types, err);
  out->token_types = types;
  if (ok && n_types != out->n_tokens)
    ok = resq_fail(err, RESQ_BAD_INPUT,
                   "%s: key 'tokenizer.ggml.token_type' has %" PRId64 " elements for %" PRId64
                   " tokens",
                   gguf->path, n_types, out->n_tokens);
  for (int64_t i = 0; ok && i < n_types; ++i)
    if (types[i] < 0 || types[i] > 6)
      ok = resq_fail(err, RESQ_BAD_INPUT,
                     "%s: key 'tokenizer.ggml.token_type': token %" PRId64 " has type %" PRId32
                     "; 0 to 6 are allowed",
                     gguf->path, i, types[i]);
  return ok;
}

/// Files of some pre-tokenizers, such as Llama 3's, may leave the key out and mean "yes"; all others mean "no".
static bool read_add_bos(const resq_gguf *gguf, resq_tokenizer_source *out, resq_error *err) {
  if (resq_gguf_get(gguf, ADD_BOS_KEY)) {
    if (!resq_gguf_bool(gguf, ADD_BOS_KEY, &out->add_bos, err))
      return false;
  } else {
    out->add_bos = out->bos >= 0 && resq_pretokenizer_means_bos(out->pre);
  }
  if (out->add_bos && out->bos < 0)
    return resq_fail(
        err, RESQ_BAD_INPUT,
        "%s: key 'tokenizer.ggml.add_bos_token' is true, but 'tokenizer.ggml.bos_token_id' "
        "is missing",
        gguf->path);
  return true;
}

static bool fill_source(const resq_gguf *gguf, resq_tokenizer_source *out, resq_error *err) {
  resq_text model;
  if (!resq_gguf_string(gguf, "tokenizer.ggml.model", &model, err))
    return false;
  if (!text_is(model, "gpt2"))
    return resq_fail(err, RESQ_BAD_INPUT,
                     "%s: key 'tokenizer.ggml.model' is '%.*s'; resq reads 'gpt2' (byte-level BPE)",
                     gguf->path, model.size < 64 ? (int)model.size : 64, model.data);
  return (out->pre = copy_string(gguf, PRETOKENIZER_KEY, DEFAULT_PRETOKENIZER, err)) != NULL &&
         (out->chat_template = copy_string(gguf, "tokenizer.chat_template", "", err)) != NULL &&
         read_vocabulary(gguf, out, err) &&
         read_id(gguf, "tokenizer.ggml.bos_token_id", out->n_tokens, &out->bos, err) &&
         read_id(gguf, "tokenizer.ggml.eos_token_id", out->n_tokens, &out->eos, err) &&
         read_ends(gguf, out, err) && read_add_bos(gguf, out, err);
}

bool resq_gguf_tokenizer(const resq_gguf *gguf, resq_checkpoint_tokenizer *out, resq_error *err) {
  out->pre_place = "key '" PRETOKENIZER_KEY "'";
  out->merges_place = "key 'tokenizer.ggml.merges'";
  out->pre_guessed = !resq_gguf_get(gguf, PRETOKENIZER_KEY);
  out->add_bos_guessed = !resq_gguf_get(gguf, ADD_BOS_KEY);
  return fill_source(gguf, &out->source, err);
}
