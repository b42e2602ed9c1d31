//===-- compile_metadata.h - the metadata of an artifact ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_COMPILE_METADATA_H
#define RESQ_LOWERING_COMPILE_METADATA_H

#include "compile.h"
#include "mlir-c/IR.h"

#define RESQ_COMPILER_VERSION "0.1.0"

/// JSON text of facts for `info` and the run time's settings: nothing that differs between two
/// compiles of the same thing. malloc'ed.
/// Where the options leave parameters out, they are laid out, and the text says what their bytes would be
/// (lowering/recipes/fill_kinds.h).
char *resq_compile_metadata(MlirOperation module, const char *scheme,
                            const resq_compile_options *options);

#endif // RESQ_LOWERING_COMPILE_METADATA_H
