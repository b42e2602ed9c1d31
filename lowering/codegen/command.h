//===-- command.h - other programs that a compile runs --------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A linker, an assembler. One runs at a time, in a group of its own, which an interrupt of this process ends.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_CODEGEN_COMMAND_H
#define RESQ_LOWERING_CODEGEN_COMMAND_H

#include <stdbool.h>
#include <stddef.h>

/// Runs a command, what it says into the file `log`, whose folder also holds its temporary files. False when it cannot be
/// started, with *no_memory where that is why.
bool resq_command_run(char *const *argv, const char *log, int *out_status, bool *no_memory);
/// The beginning of what it said, as text; "" of a log that cannot be read.
void resq_command_said(const char *log, char *out, size_t size);

#endif // RESQ_LOWERING_CODEGEN_COMMAND_H
