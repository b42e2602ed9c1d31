//===-- generic_argument.h - what an argument of a definition stands for --===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// --resq-lower-generic gives a function an argument for each parameter and cache that it uses, and
// upstream passes carry what they stand for to code generation. generic_argument.c has the one writer
// and the one reader of those attributes; each is the other's inverse (tests/unit/entries_test.c).
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_GENERIC_ARGUMENT_H
#define RESQ_PASSES_GENERIC_ARGUMENT_H

#include "dialect/build.h"

typedef enum resq_generic_argument_kind {
  RESQ_GENERIC_OWN,      ///< the function's own: the caller gives it
  RESQ_GENERIC_PARAM,    ///< a parameter in its stored type
  RESQ_GENERIC_CACHE,    ///< a cache: sequences times (capacity * token_bytes + sequence_bytes)
  RESQ_GENERIC_CAPACITY, ///< tokens that a sequence holds; last, where there is a cache
} resq_generic_argument_kind;

typedef struct resq_generic_argument {
  resq_generic_argument_kind kind;
  MlirStringRef name;                         ///< PARAM, CACHE: of the symbol
  int64_t offset;                             ///< PARAM: in the parameter section; -1: not laid out
  int64_t index, token_bytes, sequence_bytes; ///< CACHE: its place in the ABI, and its sizes
} resq_generic_argument;

/// The dictionary of argument attributes; empty for a function's own.
MlirAttribute resq_generic_argument_write(MlirContext ctx, const resq_generic_argument *argument);
/// What argument `i` of a function stands for; what write did not write is the function's own.
resq_generic_argument resq_generic_argument_read(MlirOperation func, intptr_t i);

#endif // RESQ_PASSES_GENERIC_ARGUMENT_H
