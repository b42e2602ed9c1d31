//===-- definitions.h - the definitions of all ops, ready to be inlined ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// dialect/definitions/*.mlir says once what every op computes, on dynamic shapes.
// Here that text becomes code in front of an op: operands are cast to the
// definition's types, its body is copied, and canonicalize makes shapes static.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_DEFINITIONS_H
#define RESQ_PASSES_DEFINITIONS_H

#include "dialect/ops.h"

typedef struct resq_definitions {
  MlirModule module; ///< null when it did not parse
} resq_definitions;

/// Parses the definitions and inlines them into each other. False after an emitted error.
bool resq_definitions_open(MlirContext ctx, resq_definitions *out);
void resq_definitions_close(resq_definitions *definitions);

/// Copies the body of @resq.def.<name> before b->before, on `args` cast to its types. Its results,
/// of the definition's types, go to `results`. False after an emitted error.
bool resq_define(const resq_definitions *definitions, const resq_builder *b, const char *name,
                 intptr_t n_args, const MlirValue *args, intptr_t n_results, MlirValue *results);

/// v, or a tensor.cast of it to `type`.
MlirValue resq_cast_shape(const resq_builder *b, MlirValue v, MlirType type);

#endif // RESQ_PASSES_DEFINITIONS_H
