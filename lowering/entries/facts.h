//===-- facts.h - what a caller of a function must keep to ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_FACTS_H
#define RESQ_LOWERING_FACTS_H

#include "arena.h"
#include "dialect/build.h"
#include "resq/abi.h"

/// A letter for each operand segment of an op by `roles` of dialect/resq.td; NULL for an op that has no
/// row there.
const char *resq_row_roles(MlirStringRef op);

/// What the run time checks of every call of a function, as the program table has it.
typedef struct resq_function_facts {
  resq_arg *args; ///< [n_args] inputs, then results
  int32_t n_args;
  resq_cache_use *uses; ///< [n_uses]
  int32_t n_uses;
  int64_t fixed_rows; ///< the most rows that a type fixes, 0 when all are dynamic; an entry holds
                      ///< as many
} resq_function_facts;

/// Derives the facts of a public function of the resq dialect from its ops; what they point to lives
/// in `memory`. An extent that ops fix counts as declared. False after an emitted error: types that no
/// caller can pass, an index that no argument gives (nothing would check it), rows that cannot agree.
bool resq_function_facts_derive(MlirOperation module, MlirOperation func, resq_arena *memory,
                                resq_function_facts *out);
/// True of a function, of any dialect, with a body that others may name.
bool resq_is_public(MlirOperation op);
/// The same, and of a func.func.
bool resq_is_public_function(MlirOperation op);

/// "<function>__<level>__r<rows>", the symbol of an entry (malloc'ed).
char *resq_entry_symbol(MlirStringRef function, const char *level, int64_t rows);

#endif // RESQ_LOWERING_FACTS_H
