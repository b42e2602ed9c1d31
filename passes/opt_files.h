//===-- opt_files.h - what resq-opt's command line reads and writes -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_PASSES_OPT_FILES_H
#define RESQ_PASSES_OPT_FILES_H

#include "base/error.h"

#ifdef __cplusplus
extern "C" {
#endif

/// Refuses (RESQ_USAGE) a command line on which a file to be written (-o and mlir-opt's other
/// outputs) is another file of the command line, this program or one of its libraries: mlir-opt
/// would empty it.
bool resq_opt_check_files(int argc, char *const *argv, resq_error *err);

#ifdef __cplusplus
}
#endif
#endif // RESQ_PASSES_OPT_FILES_H
