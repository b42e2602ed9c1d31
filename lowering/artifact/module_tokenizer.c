//===-- module_tokenizer.c ------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "module_tokenizer.h"

#include "dialect/ops.h"
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
static const resq_checkpoint *open_checkpoint(MlirOperation module, MlirOperation tokenizer,
                                              resq_checkpoints *checkpoints, resq_error *err) {
  MlirStringRef name = resqTokenizerOpGetCheckpoint(tokenizer);
  MlirOperation checkpoint = resq_symbol(module, name);
  if (!resqOpIsCheckpoint(checkpoint)) {
    resq_fail(err, RESQ_BAD_INPUT, "resq.tokenizer: no resq.checkpoint @%.*s", (int)name.length,
              name.data);
    return NULL;
  }
  char *path = copy_text(resqCheckpointOpGetPath(checkpoint));
  const resq_checkpoint *opened = resq_checkpoints_open(checkpoints, path, err);
  free(path);
  return opened;
}

bool resq_module_set_pretokenizer(MlirOperation module, const char *name,
                                  resq_checkpoints *checkpoints, resq_error *err) {
  if (!resq_pretokenizer_known(name))
    return resq_fail(err, RESQ_USAGE, "--pre-tokenizer=%.64s: allowed: %s", name,
                     resq_pretokenizer_names());
  MlirOperation op = find_tokenizer(module);
  if (mlirOperationIsNull(op))
    return resq_fail(err, RESQ_USAGE, "--pre-tokenizer=%s: the model has no tokenizer", name);
  const resq_checkpoint *opened = open_checkpoint(module, op, checkpoints, err);
  resq_checkpoint_tokenizer read;
  if (!opened || !resq_checkpoint_read_tokenizer(opened, &read, err))
    return false;
  resqTokenizerOpSetPre(op, resq_str(name));
  if (read.add_bos_guessed)
    resqTokenizerOpSetAddBos(op,
                             resqTokenizerOpGetBos(op) >= 0 && resq_pretokenizer_means_bos(name));
  resq_checkpoint_free_tokenizer(&read);
  return true;
}

static void warn(const resq_tokenizer_warnings *w, const char *path,
                 const resq_checkpoint_tokenizer *read, const resq_tokenizer_source *source) {
  char text[1024];
  // A module whose author put another one in place of the guess has been thought about.
  if (read->pre_guessed && !w->pretokenizer_chosen && strcmp(source->pre, read->source.pre) == 0) {
    snprintf(text, sizeof text,
             "%s: %s is missing: \"%s\" is assumed. If the model was trained with another "
             "pre-tokenizer, "
             "it sees text as it never did; --pre-tokenizer=NAME sets it (docs/tokenizers.md)",
             path, read->pre_place, source->pre);
    w->say(w->user, text);
  }
  const resq_tokenizer_notes *notes = source->notes;
  if (notes->ignored_merges) {
    resq_text merge = source->merges[notes->first_ignored_merge];
    snprintf(text, sizeof text,
             "%s: %s: %" PRId64 " of %" PRId64
             " merges name no token and are overlooked; the first is merge %" PRId64 ", \"%.*s\"",
             path, read->merges_place, notes->ignored_merges, source->n_merges,
             notes->first_ignored_merge, (int)(merge.size < 64 ? merge.size : 64), merge.data);
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
  const resq_checkpoint *opened = open_checkpoint(module, op, checkpoints, err);
  if (!opened)
    return false;
  resq_checkpoint_tokenizer read;
  char *pre = copy_text(resqTokenizerOpGetPre(op));
  char *chat = copy_text(resqTokenizerOpGetChatTemplate(op));
  bool ok = resq_checkpoint_read_tokenizer(opened, &read, err);
  if (ok && !resq_pretokenizer_known(pre))
    ok = resq_fail(
        err, RESQ_BAD_INPUT,
        "%s: the pre-tokenizer \"%.64s\" is not known; --pre-tokenizer=NAME chooses one of %s",
        opened->path, pre, resq_pretokenizer_names());
  if (ok) {
    resq_tokenizer_notes notes;
    resq_tokenizer_source edited = read.source;
    edited.pre = pre;
    edited.chat_template = chat;
    edited.bos = resqTokenizerOpGetBos(op);
    edited.eos = resqTokenizerOpGetEos(op);
    edited.add_bos = resqTokenizerOpGetAddBos(op);
    edited.notes = &notes;
    *out_blob = resq_tokenizer_build(&edited, out_size, err);
    ok = *out_blob || resq_fail_in(err, "%s", opened->path);
    if (ok && warnings)
      warn(warnings, opened->path, &read, &edited);
  }
  resq_checkpoint_free_tokenizer(&read);
  free(pre);
  free(chat);
  return ok;
}
