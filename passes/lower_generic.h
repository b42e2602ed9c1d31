//===-- lower_generic.h - one function being lowered to definitions -------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared by lower_generic.c (signatures and the walk), lower_generic_{model,method}.c
// (an op's definition) and lower_generic_values.c (its arguments). Internal to passes.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_LOWER_GENERIC_H
#define RESQ_PASSES_LOWER_GENERIC_H

#include "passes/definitions.h"

/// A param or a cache that became an argument of the function.
typedef struct generic_symbol {
  MlirOperation op; ///< resq.param or resq.kv_cache
  MlirValue argument;
  MlirType stored;     ///< the argument's type
  MlirAttribute facts; ///< its arg attributes
} generic_symbol;

typedef struct generic {
  MlirContext ctx;
  MlirOperation module, func;
  resq_definitions definitions;
  generic_symbol *symbols; ///< params, then caches
  intptr_t n_symbols;
  MlirValue capacity; ///< null without caches
  resq_builder b;     ///< before the op being lowered
} generic;

/// The argument that stands for the symbol `name`; null if none.
MlirValue generic_argument(const generic *g, MlirStringRef name);

//===-- lower_generic_{model,method}.c ------------------------------------===//
// Each replaces an op by its definition, with arguments that do not follow from their names. False after
// an emitted error. resq.td says which ops have one (hasDefinitionRule).

#define GENERIC_DECLARE_RULE(op) bool resq_define_##op(generic *g, MlirOperation op);
RESQ_OPS_WITH_DEFINITION_RULE(GENERIC_DECLARE_RULE)
#undef GENERIC_DECLARE_RULE

//===-- lower_generic_values.c --------------------------------------------===//

MlirValue generic_constant(generic *g, MlirType type, MlirAttribute value);
MlirValue generic_index(generic *g, int64_t value);
MlirValue generic_integer(generic *g, unsigned width, int64_t value);
MlirValue generic_real(generic *g, float value);
/// A vector of n equal numbers: what stands for an absent gain, bias or factor.
MlirValue generic_splat(generic *g, int64_t n, double value);
MlirValue generic_extent(generic *g, MlirValue v, int64_t dim);
/// A cast from parts to the value of a resq type that they stand for.
MlirOperation generic_tie(generic *g, intptr_t n, const MlirValue *parts, MlirType type);
/// The parts of a value of a resq type, as an earlier step left them. False after an error.
bool generic_parts(generic *g, MlirValue v, intptr_t n, MlirValue *parts);
/// A float matrix in f32, whatever it is stored in.
bool generic_matrix(generic *g, MlirValue v, MlirValue *out);
/// Inlines the definition with the one result of op, and replaces op.
bool generic_define(generic *g, MlirOperation op, const char *name, intptr_t n,
                    const MlirValue *args);
/// The same with the definition of the op's variant, and what the op has in the order of resq.td
/// (dialect/signature.h).
bool generic_define_by_name(generic *g, MlirOperation op);

#endif // RESQ_PASSES_LOWER_GENERIC_H
