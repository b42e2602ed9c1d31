//===-- capture.h - MLIR diagnostics into a resq_error --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_IMPORT_CAPTURE_H
#define RESQ_DIALECT_IMPORT_CAPTURE_H

#include "base/error.h"
#include "mlir-c/Diagnostics.h"

/// While active, diagnostics are not printed: the first error becomes *err, as "file:line:col: message".
typedef struct resq_capture {
  MlirContext ctx;
  MlirDiagnosticHandlerID id;
  resq_error *err;
  bool failed; ///< an error was seen
} resq_capture;

/// `capture` must stay where it is until the end.
void resq_capture_begin(resq_capture *capture, MlirContext ctx, resq_error *err);
/// Stops capturing; true when no error was seen.
bool resq_capture_end(resq_capture *capture);

#endif // RESQ_DIALECT_IMPORT_CAPTURE_H
