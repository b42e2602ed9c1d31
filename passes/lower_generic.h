//===-- lower_generic.h - one function being lowered to definitions -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared by lower_generic.c (signatures and the walk) and lower_generic_ops.c (an
// op's definition and its arguments). Internal to passes.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_LOWER_GENERIC_H
#define RESQ_PASSES_LOWER_GENERIC_H

#include "passes/definitions.h"

/// A param or a cache that became an argument of the function.
typedef struct generic_symbol {
  MlirOperation op;     ///< resq.param or resq.kv_cache
  MlirValue argument;
  MlirType stored;      ///< the argument's type
  MlirAttribute facts;  ///< its arg attributes
} generic_symbol;

typedef struct generic {
  MlirContext ctx;
  MlirOperation module, func;
  resq_definitions definitions;
  generic_symbol *symbols; ///< params, then caches
  intptr_t n_symbols;
  MlirValue capacity;      ///< null without caches
  resq_builder b;          ///< before the op being lowered
} generic;

/// The argument that stands for the symbol `name`; null if none.
MlirValue generic_argument(const generic *g, MlirStringRef name);

/// Replaces a resq op by its definition. False after an emitted error.
bool generic_lower_op(generic *g, MlirOperation op);

/// The group of the activation that meets a quantised weight: k is padded by it in storage.
int64_t generic_activation_group(MlirValue weight);
/// Bytes of n16k4 codes of a [n, k] weight, before the scales.
int64_t generic_code_bytes(MlirType weight, int64_t group);
/// Bytes of a token of a cache, keys and values.
int64_t generic_token_bytes(MlirOperation cache);

#endif // RESQ_PASSES_LOWER_GENERIC_H
