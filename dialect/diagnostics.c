//===-- diagnostics.c -----------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "dialect/diagnostics.h"

#include "dialect/text_buffer.h"

#include <stdio.h>
#include <string.h>

/// No name or file takes more of a message than this.
static int shown(MlirStringRef s) { return s.length < 200 ? (int)s.length : 200; }

void resq_location_text(MlirLocation loc, char *out, size_t room) {
  MlirStringRef name = {"", 0};
  // Names and call sites are peeled off, but not without end; the outermost name is the one that was
  // given to the op.
  for (int depth = 0; depth < 64; ++depth) {
    if (mlirLocationIsAName(loc)) {
      if (!name.length)
        name = mlirIdentifierStr(mlirLocationNameGetName(loc));
      loc = mlirLocationNameGetChildLoc(loc);
    } else if (mlirLocationIsACallSite(loc)) {
      loc = mlirLocationCallSiteGetCallee(loc);
    } else {
      break;
    }
  }
  out[0] = 0;
  if (!mlirLocationIsAFileLineColRange(loc)) {
    snprintf(out, room, "%.*s", shown(name), name.data);
    return;
  }
  MlirStringRef file = mlirIdentifierStr(mlirLocationFileLineColRangeGetFilename(loc));
  int line = mlirLocationFileLineColRangeGetStartLine(loc);
  if (line > 0)
    snprintf(out, room, "%.*s:%d:%d", shown(file), file.data, line,
             mlirLocationFileLineColRangeGetStartColumn(loc));
  else
    snprintf(out, room, "%.*s%s%.*s", shown(file), file.data, name.length ? ": " : "", shown(name),
             name.data);
}

static MlirLogicalResult listen(MlirDiagnostic diagnostic, void *user) {
  resq_listener *l = user;
  MlirDiagnosticSeverity severity = mlirDiagnosticGetSeverity(diagnostic);
  bool error = severity == MlirDiagnosticError;
  // Only the first error counts: later ones follow from it.
  if ((error && l->failed) || (severity == MlirDiagnosticRemark && !l->remark) ||
      (!error && severity != MlirDiagnosticRemark))
    return mlirLogicalResultSuccess();
  resq_text_buffer message = {0};
  mlirDiagnosticPrint(diagnostic, resq_text_buffer_add, &message);
  const char *what = resq_text_buffer_text(&message);
  char where[512];
  resq_location_text(mlirDiagnosticGetLocation(diagnostic), where, sizeof where);
  if (error) {
    l->failed = true;
    resq_fail(l->err, RESQ_BAD_INPUT, "%s%s%s", where, where[0] ? ": " : "", what);
  } else {
    char place[sizeof where], said[4096];
    resq_printable(place, sizeof place, where, strlen(where));
    resq_printable(said, sizeof said, what, strlen(what));
    l->remark(place, said, l->user);
  }
  resq_text_buffer_free(&message);
  return mlirLogicalResultSuccess();
}

void resq_listen_begin(resq_listener *listener, MlirContext ctx, resq_error *err) {
  resq_listen_begin_remarks(listener, ctx, err, NULL, NULL);
}

void resq_listen_begin_remarks(resq_listener *listener, MlirContext ctx, resq_error *err,
                               resq_remark_handler remark, void *user) {
  *listener = (resq_listener){.ctx = ctx, .err = err, .remark = remark, .user = user};
  listener->id = mlirContextAttachDiagnosticHandler(ctx, listen, listener, NULL);
}

bool resq_listen_end(resq_listener *listener) {
  mlirContextDetachDiagnosticHandler(listener->ctx, listener->id);
  return !listener->failed;
}
