//===-- header.h - the C header beside a compiled shared library ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_HEADER_H
#define RESQ_LOWERING_HEADER_H

#include "base/error.h"
#include "base/file.h"
#include "mlir-c/IR.h"
#include <limits.h>

/// The header's name, "<output without .so>.h". False when it is too long.
bool resq_header_path(const char *output, char out[PATH_MAX]);

/// Writes that file: one static inline wrapper a public function over
/// resq/session.h's resq_session_call, with shapes and types of its arguments in the comment.
/// The caller commits it; NULL on failure.
resq_out *resq_write_header(MlirOperation module, const char *output, resq_error *err);

#endif // RESQ_LOWERING_HEADER_H
