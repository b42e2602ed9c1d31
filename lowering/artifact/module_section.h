//===-- module_section.h - the packed module in an artifact ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// An artifact carries the module that its code was made from, after materialize, as MLIR bytecode in a
// section of its own (runtime/exec/artifact.h): what the model computes, and where in the parameter
// section each parameter is and of what type. No parameter's bytes are in it, and nothing that depends
// on where files lay: places in files are taken out of locations, which keep the names of ops, and a
// checkpoint keeps the last part of its path and its digest. The same compile gives the same bytes.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_MODULE_SECTION_H
#define RESQ_LOWERING_MODULE_SECTION_H

#include "base/error.h"
#include "mlir-c/IR.h"

#include <stdint.h>

/// The section's bytes, malloc'ed, of a module that resq_materialize has rewritten. The module is not
/// changed.
void resq_module_section_make(MlirOperation module, uint8_t **out_bytes, uint64_t *out_size);

/// The bytes of the section of the artifact at `path`, checked against their hash; malloc'ed. False
/// after filling err, also for an artifact without one.
bool resq_module_section_read(const char *path, uint8_t **out_bytes, uint64_t *out_size,
                              resq_error *err);

#endif // RESQ_LOWERING_MODULE_SECTION_H
