//===-- tables.h - what resq.td says about ops, as rows for tables --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_DIALECT_GENERATE_TABLES_H
#define RESQ_DIALECT_GENERATE_TABLES_H

#include "records.h"

/// The macros that dialect/ops.h describes. What resq.td must say about an op and does not say ends
/// the program.
void print_tables(const op *ops, size_t n);

#endif // RESQ_DIALECT_GENERATE_TABLES_H
