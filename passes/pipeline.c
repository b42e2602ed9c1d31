//===-- pipeline.c --------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "pipeline.h"

#include "dialect/build.h"
#include "dialect/memory.h"
#include "dialect/text_buffer.h"
#include "mlir-c/Pass.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool parse(MlirPassManager pm, const char *pipeline, resq_error *err) {
  static const char anchor[] = "builtin.module(";
  bool bare = strncmp(pipeline, anchor, strlen(anchor)) != 0;
  size_t size = strlen(pipeline) + sizeof anchor + 1;
  char *anchored = resq_new(size, 1);
  snprintf(anchored, size, "%s%s%s", bare ? anchor : "", pipeline, bare ? ")" : "");
  resq_text_buffer complaint = {0};
  bool ok = mlirLogicalResultIsSuccess(mlirParsePassPipeline(
      mlirPassManagerGetAsOpPassManager(pm), resq_str(anchored), resq_text_buffer_add, &complaint));
  free(anchored);
  // MLIR shows a place in the anchored text, and the text: what is wrong stands in the first line.
  const char *all = resq_text_buffer_text(&complaint), *said = strstr(all, ": error: ");
  said = said ? said + strlen(": error: ") : all;
  if (!ok)
    resq_fail(err, RESQ_USAGE, "pass pipeline '%s': %.*s", pipeline, (int)strcspn(said, "\n"),
              said);
  resq_text_buffer_free(&complaint);
  return ok;
}

bool resq_run_pipeline(MlirModule module, const char *pipeline, resq_remark_handler remark,
                       void *user, resq_error *err) {
  MlirContext ctx = mlirModuleGetContext(module);
  MlirPassManager pm = mlirPassManagerCreate(ctx);
  resq_error said = {.code = RESQ_OK};
  resq_listener listener;
  resq_listen_begin_remarks(&listener, ctx, &said, remark, user);
  resq_error complaint;
  bool parsed = parse(pm, pipeline, &complaint);
  bool ok = parsed &&
            mlirLogicalResultIsSuccess(mlirPassManagerRunOnOp(pm, mlirModuleGetOperation(module)));
  bool silent = resq_listen_end(&listener);
  mlirPassManagerDestroy(pm);
  if (ok)
    return true;
  return resq_fail(err,
                   !parsed  ? complaint.code
                   : silent ? RESQ_FAILED
                            : said.code,
                   "%s",
                   !parsed  ? complaint.message
                   : silent ? "a pass failed and doesn't say why"
                            : said.message);
}
