//===-- registry.c - passes.def as descriptors ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "passes/pass.h"

#define OPTION_INT(name, fallback, help) {name, RESQ_OPTION_INT, fallback, help},
#define OPTION_BOOL(name, fallback, help) {name, RESQ_OPTION_BOOL, fallback, help},
#define OPTION_FLOAT(name, fallback, help) {name, RESQ_OPTION_FLOAT, fallback, help},
#define OPTION_STRING(name, fallback, help) {name, RESQ_OPTION_STRING, fallback, help},
#define NO_OPTIONS

// Each pass's function and options; the options end in an empty one, which is not counted.
#define RESQ_PASS(name, flag, summary, options)                                                    \
  bool resq_pass_##name(MlirOperation module, resq_pass *pass);                                    \
  static const resq_option name##_options[] = {options{NULL, RESQ_OPTION_INT, NULL, NULL}};
#include "passes/passes.def"
#undef RESQ_PASS

#define RESQ_PASS(name, flag, summary, options)                                                    \
  {flag, summary, name##_options, sizeof name##_options / sizeof *name##_options - 1,              \
   resq_pass_##name},
const resq_pass_info resq_passes[] = {
#include "passes/passes.def"
};
#undef RESQ_PASS

const intptr_t resq_n_passes = sizeof resq_passes / sizeof *resq_passes;
