//===-- show_module.h - resqc --show-module -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_SHOW_MODULE_H
#define RESQ_LOWERING_SHOW_MODULE_H

#include "base/error.h"

/// Prints the module that a compiled model carries (lowering/artifact/module_section.h) as text, with
/// the names of its ops as locations: parsed again, it is the same module. `output` "-" is standard
/// output. A section that is damaged, or does not parse or verify, is RESQ_BAD_INPUT.
bool resq_show_module(const char *binary, const char *output, resq_error *err);

#endif // RESQ_LOWERING_SHOW_MODULE_H
