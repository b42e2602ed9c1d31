//===-- compile_files.h - what a compile reads and writes -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Every option that names a file stands in one table here, with what happens to the file. Before
// anything is written, each file that will be is compared with all others (base/file_use.h).
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_COMPILE_FILES_H
#define RESQ_LOWERING_COMPILE_FILES_H

#include "base/file_use.h"
#include "compile.h"
#include "mlir-c/IR.h"

/// All that the options name, and what comes with them: the header beside a shared library, this
/// program, its libraries and the archives that it links. Refuses what would be lost (RESQ_USAGE).
/// Then makes the cache folder, and tries whether outputs can be made (RESQ_IO). `uses` is for
/// resq_compile_check_module, and to be freed.
bool resq_compile_check_files(const resq_compile_options *options, resq_file_uses *uses,
                              resq_error *err);

/// Adds the checkpoints that the module names.
bool resq_compile_check_module(MlirOperation module, resq_file_uses *uses, resq_error *err);

#endif // RESQ_LOWERING_COMPILE_FILES_H
