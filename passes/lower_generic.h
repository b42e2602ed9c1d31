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

/// How an op is replaced by its definition; false after an emitted error.
typedef struct generic_rule {
  const char *op;
  bool (*lower)(generic *g, MlirOperation op);
} generic_rule;
/// Tables, ended by a null name.
extern const generic_rule generic_model_rules[], generic_method_rules[];

//===-- lower_generic_values.c --------------------------------------------===//

static inline MlirValue generic_operand(MlirOperation op, intptr_t i) {
  return mlirOperationGetOperand(op, i);
}
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

#endif // RESQ_PASSES_LOWER_GENERIC_H
