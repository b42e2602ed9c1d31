//===-- import.c - a file of either kind to a module ----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Tells formats apart by content, and turns MLIR's diagnostics into errors.
//===----------------------------------------------------------------------===//
#include "dialect/import/import.h"
#include "base/file.h"
#include "dialect/import/capture.h"

#include <string.h>

//===-- Diagnostics -------------------------------------------------------===//

/// A message under construction; MLIR hands it over in pieces.
typedef struct message {
  char text[768];
  size_t size;
} message;

static void append(MlirStringRef piece, void *user) {
  message *m = user;
  size_t room = sizeof m->text - 1 - m->size;
  size_t size = piece.length < room ? piece.length : room;
  memcpy(m->text + m->size, piece.data, size);
  m->size += size;
  m->text[m->size] = '\0';
}

/// The place in a file that a location stands for: names and call sites are peeled off, but not without end.
static MlirLocation place_in_file(MlirLocation loc) {
  for (int depth = 0; depth < 64; ++depth) {
    MlirLocation inner;
    if (mlirLocationIsAName(loc))
      inner = mlirLocationNameGetChildLoc(loc);
    else if (mlirLocationIsACallSite(loc))
      inner = mlirLocationCallSiteGetCallee(loc);
    else
      break;
    loc = inner;
  }
  return loc;
}

static MlirLogicalResult on_diagnostic(MlirDiagnostic diagnostic, void *user) {
  resq_capture *capture = user;
  if (mlirDiagnosticGetSeverity(diagnostic) != MlirDiagnosticError || capture->failed)
    return mlirLogicalResultSuccess(); // only the first error counts: later ones follow from it
  capture->failed = true;
  message m = {.size = 0};
  mlirDiagnosticPrint(diagnostic, append, &m);
  MlirLocation loc = place_in_file(mlirDiagnosticGetLocation(diagnostic));
  if (mlirLocationIsAFileLineColRange(loc)) {
    MlirStringRef file = mlirIdentifierStr(mlirLocationFileLineColRangeGetFilename(loc));
    int line = mlirLocationFileLineColRangeGetStartLine(loc);
    int column = mlirLocationFileLineColRangeGetStartColumn(loc);
    resq_fail(capture->err, RESQ_BAD_INPUT, "%.*s:%d:%d: %s",
              file.length < 200 ? (int)file.length : 200, file.data, line, column, m.text);
  } else {
    resq_fail(capture->err, RESQ_BAD_INPUT, "%s", m.text);
  }
  return mlirLogicalResultSuccess();
}

void resq_capture_begin(resq_capture *capture, MlirContext ctx, resq_error *err) {
  *capture = (resq_capture){.ctx = ctx, .err = err};
  capture->id = mlirContextAttachDiagnosticHandler(ctx, on_diagnostic, capture, NULL);
}

bool resq_capture_end(resq_capture *capture) {
  mlirContextDetachDiagnosticHandler(capture->ctx, capture->id);
  return !capture->failed;
}

//===-- Any file ----------------------------------------------------------===//

MlirModule resq_import(MlirContext ctx, const char *path, resq_error *err) {
  resq_map map;
  if (!resq_map_open(&map, path, err))
    return (MlirModule){NULL};
  bool is_gguf = map.size >= 4 && memcmp(map.data, "GGUF", 4) == 0;
  resq_map_close(&map);
  return is_gguf ? resq_import_gguf(ctx, path, err) : resq_import_mlir(ctx, path, err);
}
