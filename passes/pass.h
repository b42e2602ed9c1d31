//===-- pass.h - how a pass is described, in C ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// passes.def is the one table; registry.c turns it into descriptors; pass_shim.cpp
// makes an mlir::Pass of each and exports the plugin entry points. A pass is
// `bool resq_pass_<name>(MlirOperation module, resq_pass *pass)`: false after an
// emitted error. All resq passes are anchored on builtin.module. No static state.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_PASS_H
#define RESQ_PASSES_PASS_H

#include "mlir-c/IR.h"
#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum resq_option_kind {
  RESQ_OPTION_INT,
  RESQ_OPTION_BOOL,
  RESQ_OPTION_FLOAT,
  RESQ_OPTION_STRING
} resq_option_kind;

/// An option: its default in text form ("4", "true", "pca").
typedef struct resq_option {
  const char *name;
  resq_option_kind kind;
  const char *fallback;
  const char *help;
} resq_option;

typedef struct resq_pass resq_pass; ///< one running pass: gives its option values

typedef struct resq_pass_info {
  const char *flag; ///< "resq-split"
  const char *summary;
  const resq_option *options;
  intptr_t n_options;
  bool (*run)(MlirOperation module, resq_pass *pass);
} resq_pass_info;

int64_t resq_pass_int(const resq_pass *pass, const char *option);
bool resq_pass_bool(const resq_pass *pass, const char *option);
double resq_pass_float(const resq_pass *pass, const char *option);
MlirStringRef resq_pass_string(const resq_pass *pass, const char *option);

/// The table of all passes.
extern const resq_pass_info resq_passes[];
extern const intptr_t resq_n_passes;

/// Registers all resq passes with MLIR, once per process.
void resqRegisterPasses(void);
/// mlir-opt's main with resq registered.
int resqOptMain(int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif // RESQ_PASSES_PASS_H
