//===-- facts.h - what a caller of a function must keep to ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_FACTS_H
#define RESQ_LOWERING_FACTS_H

#include "dialect/build.h"

/// A letter for each operand segment of an op by `roles` of dialect/resq.td; NULL for an op that has no
/// row there.
const char *resq_row_roles(MlirStringRef op);

/// Derives, from the ops of a public function of the resq dialect, what resq/abi.h's resq_arg and
/// resq_cache_use say of it, and sets it on the function:
///   resq.args = [{name, dtype, is_result, rows, width, rows_as, rules = array<i64: kind, argument,
///   limit, ...>}] resq.uses = array<i64: cache, positions, sequences, is_append, ...>
///   resq.fixed_rows: the most rows that a type fixes, 0 when all are dynamic; an entry holds as
///   many
/// An extent that ops fix counts as declared. False after an emitted error: types that no caller
/// can pass, an index that no argument gives (nothing would check it), rows that cannot agree.
bool resq_function_facts(MlirOperation module, MlirOperation func);
/// The same for every public function with a body.
bool resq_module_facts(MlirOperation module);
/// True of a function, of any dialect, with a body that others may name.
bool resq_is_public(MlirOperation op);
/// The same, and of a func.func.
bool resq_is_public_function(MlirOperation op);

/// "<function>__<level>__r<rows>", the symbol of an entry (malloc'ed); NULL without memory.
char *resq_entry_symbol(MlirStringRef function, const char *level, int64_t rows);

#endif // RESQ_LOWERING_FACTS_H
