//===-- module_chat_template.c --------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "module_chat_template.h"

#include "base/file.h"
#include "dialect/ops.h"
#include "dialect/memory.h"
#include "text/chat_template.h"

#include <stdlib.h>
#include <string.h>

static void note_op(MlirOperation op, void *user) {
  MlirOperation *found = user;
  if (mlirOperationIsNull(*found))
    *found = op;
}

/// The text of the file (malloc), "" for "none"; NULL on failure.
static char *read_option(const char *path, resq_error *err) {
  resq_map map = {0};
  if (strcmp(path, "none") && !resq_map_open(&map, path, err)) {
    resq_fail_in(err, "--chat-template");
    return NULL;
  }
  char *text = NULL;
  if (map.size && memchr(map.data, 0, map.size))
    resq_fail(err, RESQ_BAD_INPUT, "--chat-template: %s: a zero byte; a template is text", path);
  else
    text = resq_copy_part((const char *)map.data, map.size);
  resq_map_close(&map);
  return text;
}

static bool check(const char *text, const char *input, const char *option, resq_error *err) {
  if (!text[0] || resq_chat_template_check(text, "<s>", "</s>", err))
    return true;
  if (err && err->code == RESQ_BAD_INPUT) {
    resq_error said = *err;
    resq_fail(
        err, RESQ_BAD_INPUT,
        "%.700s; --chat-template=FILE puts another in its place, --chat-template=none drops it",
        said.message);
  }
  return option ? resq_fail_in(err, "--chat-template: %s", option) : resq_fail_in(err, "%s", input);
}

bool resq_module_chat_template(MlirOperation module, const char *input, const char *option,
                               resq_error *err) {
  MlirOperation op = {NULL};
  resq_for_each(module, RESQ_OP_TOKENIZER, note_op, &op);
  if (mlirOperationIsNull(op))
    return !option || resq_fail(err, RESQ_USAGE,
                                "--chat-template=%s: %s has no tokenizer, which a template needs",
                                option, input);
  MlirStringRef own = resqTokenizerOpGetChatTemplate(op);
  char *text = option ? read_option(option, err) : resq_copy_part(own.data, own.length);
  if (!text)
    return false;
  bool ok = check(text, input, option, err);
  if (ok && option)
    resqTokenizerOpSetChatTemplate(op, resq_str(text));
  free(text);
  return ok;
}
