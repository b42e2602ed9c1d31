//===-- facts_internal.h - a function while its facts are derived ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// facts.c walks over the ops, facts_table.c describes arguments and results.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_FACTS_INTERNAL_H
#define RESQ_LOWERING_FACTS_INTERNAL_H

#include "facts.h"
#include "resq/abi.h"

/// A row value: arguments first, then results of ops in order.
typedef struct row_value {
  MlirValue value;
  int same;      ///< one before it of the same class, or itself
  int64_t fixed; ///< of a class's first: rows that a type fixes, -1 while none does
  bool computed; ///< of a class's first: an op's result is in it
} row_value;

typedef struct row_rule {
  int argument; ///< whose values
  resq_index_rule rule;
} row_rule;

typedef struct facts {
  MlirOperation module, func;
  row_value *values;
  int n_values;
  int n_inputs, n_results;
  row_rule *rules;
  int n_rules;
  resq_cache_use *uses;
  int n_uses;
  resq_arena *memory; ///< of what is handed out
} facts;

/// Index of a row value; -1: none.
int facts_find(const facts *f, MlirValue v);
/// The first value of the class of value i.
int facts_class(const facts *f, int i);

/// Refuses a type that a caller cannot pass: rows of f32 or, arguments only, ids of i32.
bool facts_check_type(facts *f, MlirType type, bool is_result, int index);
/// The table of arguments and results from what the walk found; false after an emitted error.
bool facts_tabulate(facts *f, MlirOperation ret, resq_function_facts *out);

#endif // RESQ_LOWERING_FACTS_INTERNAL_H
