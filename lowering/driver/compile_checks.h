//===-- compile_checks.h - what a compile refuses before it works ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_COMPILE_CHECKS_H
#define RESQ_LOWERING_COMPILE_CHECKS_H

#include "compile.h"
#include "mlir-c/IR.h"

/// Options that do not go together: parameters that are absent and what needs them; a report and a
/// form without parameters; passes of the user's and choices within a scheme.
bool resq_compile_check_options(const resq_compile_options *options, resq_error *err);

/// A module of a shape has no weights: refused where the options ask for some.
bool resq_compile_check_shape(MlirOperation module, const resq_compile_options *options,
                              resq_error *err);

/// Refuses what would be an executable that can do nothing.
bool resq_compile_check_entry(MlirOperation module, const resq_compile_options *options,
                              resq_error *err);

#endif // RESQ_LOWERING_COMPILE_CHECKS_H
