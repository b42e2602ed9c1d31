//===-- diagnostics.h - what MLIR says, as errors and remarks of resq -----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One listener for all of resq: parsing, verification and passes report through it, and one
// way to print a place.
//===----------------------------------------------------------------------===//
#ifndef RESQ_DIALECT_DIAGNOSTICS_H
#define RESQ_DIALECT_DIAGNOSTICS_H

#include "base/error.h"
#include "mlir-c/Diagnostics.h"
#include "mlir-c/IR.h"

/// Where loc is, for a person: "file:line:col" of text, "file: name" of what was imported from a
/// checkpoint (named, without a line), "" when unknown. Always ends in NUL.
void resq_location_text(MlirLocation loc, char *out, size_t room);

/// Takes a remark: `where` as resq_location_text gives it. Texts live until it returns.
typedef void (*resq_remark_handler)(const char *where, const char *what, void *user);

/// While it listens, diagnostics are not printed: the first error becomes *err, as "where: message".
typedef struct resq_listener {
  MlirContext ctx;
  MlirDiagnosticHandlerID id;
  resq_error *err;
  resq_remark_handler remark; ///< NULL: remarks are dropped
  void *user;
  bool failed; ///< an error was seen
} resq_listener;

/// `listener` must stay where it is until the end.
void resq_listen_begin(resq_listener *listener, MlirContext ctx, resq_error *err);
void resq_listen_begin_remarks(resq_listener *listener, MlirContext ctx, resq_error *err,
                               resq_remark_handler remark, void *user);
/// Stops listening; true when no error was seen.
bool resq_listen_end(resq_listener *listener);

#endif // RESQ_DIALECT_DIAGNOSTICS_H
