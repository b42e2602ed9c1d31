//===-- module_tokenizer.c ------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "module_tokenizer.h"

#include "dialect/ops.h"
#include "dialect/import/tokenizer_source.h"
#include "dialect/memory.h"
#include "text/pretokenize.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void note_op(MlirOperation op, void *user) {
  MlirOperation *found = user;
  if (mlirOperationIsNull(*found))
    *found = op;
}

static char *copy_text(MlirStringRef s) { return resq_copy_part(s.data, s.length); }

static MlirOperation find_tokenizer(MlirOperation module) {
  MlirOperation op = {NULL};
  resq_for_each(module, RESQ_OP_TOKENIZER, note_op, &op);
  return op;
}

/// The checkpoint that the tokenizer names; it belongs to `checkpoints`. NULL after filling err.
static const resq_gguf *open_checkpoint(MlirOperation module, MlirOperation tokenizer,
                                        resq_checkpoints *checkpoints, resq_error *err) {
  MlirStringRef name = resqTokenizerOpGetCheckpoint(tokenizer);
  MlirOperation checkpoint = resq_symbol(module, name);
  if (!resqOpIsCheckpoint(checkpoint)) {
    resq_fail(err, RESQ_BAD_INPUT, "resq.tokenizer: no resq.checkpoint @%.*s", (int)name.length,
              name.data);
    return NULL;
  }
  char *path = copy_text(resqCheckpointOpGetPath(checkpoint));
  const resq_checkpoint_file *file = resq_checkpoints_open(checkpoints, path, err);
  free(path);
  return file ? &file->gguf : NULL;
}

bool resq_module_set_pretokenizer(MlirOperation module, const char *name,
                                  resq_checkpoints *checkpoints, resq_error *err) {
  if (!resq_pretokenizer_known(name))
    return resq_fail(err, RESQ_USAGE, "--pre-tokenizer=%.64s: allowed: %s", name,
                     resq_pretokenizer_names());
  MlirOperation op = find_tokenizer(module);
  if (mlirOperationIsNull(op))
    return resq_fail(err, RESQ_USAGE, "--pre-tokenizer=%s: the model has no tokenizer", name);
  const resq_gguf *gguf = open_checkpoint(module, op, checkpoints, err);
  if (!gguf)
    return false;
  resqTokenizerOpSetPre(op, resq_str(name));
  if (!resq_gguf_get(gguf, RESQ_IMPORT_ADD_BOS_KEY))
    resqTokenizerOpSetAddBos(op,
                             resqTokenizerOpGetBos(op) >= 0 && resq_pretokenizer_means_bos(name));
  return true;
}

static void warn(const resq_tokenizer_warnings *w, const resq_gguf *gguf,
                 const resq_tokenizer_source *source) {
  char text[1024];
  // A module whose author put another one in place of the guess has been thought about.
  if (!resq_gguf_get(gguf, RESQ_IMPORT_PRETOKENIZER_KEY) && !w->pretokenizer_chosen &&
      strcmp(source->pre, RESQ_IMPORT_DEFAULT_PRETOKENIZER) == 0) {
    snprintf(
        text, sizeof text,
        "%s: key '" RESQ_IMPORT_PRETOKENIZER_KEY
        "' is missing: \"%s\" is assumed. If the model was trained with another pre-tokenizer, "
        "it sees text as it never did; --pre-tokenizer=NAME sets it (docs/tokenizers.md)",
        gguf->path, source->pre);
    w->say(w->user, text);
  }
  const resq_tokenizer_notes *notes = source->notes;
  if (notes->ignored_merges) {
    resq_text merge = source->merges[notes->first_ignored_merge];
    snprintf(text, sizeof text,
             "%s: key 'tokenizer.ggml.merges': %" PRId64 " of %" PRId64
             " merges name no token and are overlooked; the first is merge %" PRId64 ", \"%.*s\"",
             gguf->path, notes->ignored_merges, source->n_merges, notes->first_ignored_merge,
             (int)(merge.size < 64 ? merge.size : 64), merge.data);
    w->say(w->user, text);
  }
}

bool resq_module_tokenizer(MlirOperation module, resq_checkpoints *checkpoints,
                           const resq_tokenizer_warnings *warnings, uint8_t **out_blob,
                           uint64_t *out_size, resq_error *err) {
  *out_blob = NULL;
  *out_size = 0;
  MlirOperation op = find_tokenizer(module);
  if (mlirOperationIsNull(op))
    return true;
  const resq_gguf *gguf = open_checkpoint(module, op, checkpoints, err);
  if (!gguf)
    return false;
  resq_tokenizer_source source = {0};
  char *pre = copy_text(resqTokenizerOpGetPre(op));
  char *chat = copy_text(resqTokenizerOpGetChatTemplate(op));
  bool ok = resq_import_tokenizer_source(gguf, &source, err);
  if (ok && !resq_pretokenizer_known(pre))
    ok = resq_fail(
        err, RESQ_BAD_INPUT,
        "%s: the pre-tokenizer \"%.64s\" is not known; --pre-tokenizer=NAME chooses one of %s",
        gguf->path, pre, resq_pretokenizer_names());
  if (ok) {
    resq_tokenizer_notes notes;
    resq_tokenizer_source edited = source;
    edited.pre = pre;
    edited.chat_template = chat;
    edited.bos = resqTokenizerOpGetBos(op);
    edited.eos = resqTokenizerOpGetEos(op);
    edited.add_bos = resqTokenizerOpGetAddBos(op);
    edited.notes = &notes;
    *out_blob = resq_tokenizer_build(&edited, out_size, err);
    ok = *out_blob || resq_fail_in(err, "%s", gguf->path);
    if (ok && warnings)
      warn(warnings, gguf, &edited);
  }
  resq_import_tokenizer_source_free(&source);
  free(pre);
  free(chat);
  return ok;
}
