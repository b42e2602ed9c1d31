//===-- module_tokenizer.c ------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "lowering/module_tokenizer.h"

#include "dialect/build.h"
#include "dialect/import/gguf.h"
#include "dialect/import/tokenizer_source.h"
#include "dialect/memory.h"

#include <stdlib.h>
#include <string.h>

static void note_op(MlirOperation op, void *user) {
  MlirOperation *found = user;
  if (mlirOperationIsNull(*found))
    *found = op;
}

static char *copy_text(MlirStringRef s) { return resq_copy_part(s.data, s.length); }

bool resq_module_tokenizer(MlirOperation module, uint8_t **out_blob, uint64_t *out_size,
                           resq_error *err) {
  *out_blob = NULL;
  *out_size = 0;
  MlirOperation op = {NULL};
  resq_for_each(module, "resq.tokenizer", note_op, &op);
  if (mlirOperationIsNull(op))
    return true;
  MlirStringRef name = resq_op_str(op, "checkpoint");
  MlirOperation checkpoint = resq_symbol(module, name);
  if (mlirOperationIsNull(checkpoint))
    return resq_fail(err, RESQ_BAD_INPUT, "resq.tokenizer: no resq.checkpoint @%.*s",
                     (int)name.length, name.data);
  char *path = copy_text(resq_op_str(checkpoint, "path"));
  char *pre = copy_text(resq_op_str(op, "pre")),
       *chat = copy_text(resq_op_str(op, "chat_template"));
  resq_gguf gguf;
  bool ok = resq_gguf_open(&gguf, path, err);
  if (ok) {
    resq_tokenizer_source source = {0};
    ok = resq_import_tokenizer_source(&gguf, &source, err);
    if (ok) {
      resq_tokenizer_source edited = source;
      edited.pre = pre;
      edited.chat_template = chat;
      edited.bos = resq_op_i64(op, "bos");
      edited.eos = resq_op_i64(op, "eos");
      edited.add_bos = mlirBoolAttrGetValue(resq_op_attr(op, "add_bos"));
      *out_blob = resq_tokenizer_build(&edited, out_size, err);
      ok = *out_blob || resq_fail_in(err, "%s", path);
    }
    resq_import_tokenizer_source_free(&source);
    resq_gguf_close(&gguf);
  }
  free(path);
  free(pre);
  free(chat);
  return ok;
}
