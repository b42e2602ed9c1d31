//===-- header.h - the C header beside a compiled shared library ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_HEADER_H
#define RESQ_LOWERING_HEADER_H

#include "base/error.h"
#include "base/file.h"
#include "mlir-c/IR.h"
#include <limits.h>

/// What a library's own names begin with, from the file's name: without folders, "lib", and ".so",
/// other characters than letters and digits as "_"; "model_" stands before what is no identifier or
/// the runtime's. "out/libtiny-7b.so" gives "tiny_7b". malloc'ed; NULL without memory.
char *resq_library_name(const char *output);
/// "<name>_program": what the library's header declares, and its object defines beside
/// resq_program_v1. malloc'ed; NULL without memory.
char *resq_library_program(const char *output);
/// The header's name, "<output without .so>.h". False when it is too long.
bool resq_header_path(const char *output, char out[PATH_MAX]);

/// Writes the header: for each public function an inline one, <name>_<function>, over
/// resq/session.h's resq_session_call, with what its arguments must be in a comment. Whatever
/// strings the module has, it is C and C++. The caller commits it; NULL on failure.
resq_out *resq_write_header(MlirOperation module, const char *output, resq_error *err);

#endif // RESQ_LOWERING_HEADER_H
