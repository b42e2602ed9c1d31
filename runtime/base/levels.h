//===-- levels.h - the levels of levels.def, for everyone -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A level is a named set of instructions that a program's functions are compiled for. What LLVM makes of
// a row is in lowering/support/levels.h; which levels a CPU runs, in exec/cpu.h.
//===----------------------------------------------------------------------===//
#ifndef RESQ_BASE_LEVELS_H
#define RESQ_BASE_LEVELS_H

#include "base/error.h"
#include <stdbool.h>
#include <stddef.h>

/// Features of a CPU by number, and as bits.
enum {
#define RESQ_CPU_FEATURE(name, text) RESQ_CPU_FEATURE_##name,
#include "base/levels.def"
  RESQ_N_CPU_FEATURES
};
enum {
#define RESQ_CPU_FEATURE(name, text) RESQ_CPU_##name = 1u << RESQ_CPU_FEATURE_##name,
#define RESQ_CPU_SET(name, features) RESQ_CPU_SET_##name = (features),
#include "base/levels.def"
};
/// The features' words, by number: "avx2".
extern const char *const resq_cpu_feature_names[RESQ_N_CPU_FEATURES];

typedef enum resq_level_kind {
  RESQ_LEVEL_KERNELS,    ///< calls of microkernels
  RESQ_LEVEL_DEFINITION, ///< the ops' definitions
  RESQ_LEVEL_GPU,        ///< launches of a GPU's kernels
  RESQ_LEVEL_ANY
} resq_level_kind;

typedef struct resq_level_row {
  const char *name;
  resq_level_kind kind;
  const char *architecture; ///< "x86_64"
  unsigned needs;           ///< bits that a CPU of the architecture must have
  bool by_default;
  const char *summary;
} resq_level_row;

/// The rows, in the table's order.
extern const resq_level_row resq_level_rows[];
extern const int resq_n_level_rows;

/// The row of a name; NULL when there is none.
const resq_level_row *resq_level_row_find(const char *name);

/// The names of all rows (RESQ_LEVEL_ANY) or of those of kernels (RESQ_LEVEL_KERNELS): "generic, avx2".
const char *resq_level_names(resq_level_kind kinds);
/// What resqc compiles without --levels: "generic,avx2".
const char *resq_level_default(void);

/// The one error about a name that is in none of these rows. False.
bool resq_level_unknown(resq_error *err, const char *name, resq_level_kind kinds);

#endif // RESQ_BASE_LEVELS_H
