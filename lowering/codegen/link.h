//===-- link.h - objects and the runtime to an ELF file -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_LINK_H
#define RESQ_LOWERING_LINK_H

#include "base/error.h"

typedef enum resq_link_kind { RESQ_LINK_EXECUTABLE, RESQ_LINK_SHARED } resq_link_kind;

/// Links object files with the runtime archives through the system's C compiler driver ($RESQ_CC,
/// else cc, gcc, clang; for another architecture than this machine's, $RESQ_CC_<architecture>, else
/// <architecture>-linux-gnu-gcc). `output` is overwritten. An executable gets the command line. `without_runtime`: a
/// shared library without the runtime, for a process that has it. A shared library exports
/// resq_program_v1, `program` (NULL: none) and, unless without_runtime, what resq/session.h declares, and
/// refers to its own copies of those: hosts and other models may have the same names.
bool resq_link(resq_link_kind kind, bool without_runtime, const char *architecture,
               const char *program, const char *const *objects, int n_objects, const char *output,
               resq_error *err);

/// Folder of libresq_runtime.a for an architecture of base/levels.def: $RESQ_LIBRARY_PATH, else beside libresq.so, else its resq/
/// subfolder.
bool resq_runtime_folder(const char *architecture, char *out, size_t size, resq_error *err);

#endif // RESQ_LOWERING_LINK_H
