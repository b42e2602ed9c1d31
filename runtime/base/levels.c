//===-- levels.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "base/levels.h"

#include <string.h>

const char *const resq_cpu_feature_names[RESQ_N_CPU_FEATURES] = {
#define RESQ_CPU_FEATURE(name, text) [RESQ_CPU_FEATURE_##name] = text,
#include "base/levels.def"
};

enum { no, yes };
const resq_level_row resq_level_rows[] = {
#define RESQ_LEVEL_ROW(name, kind, architecture, cpu, features, flags, needs, own, fallback,       \
                       by_default, summary)                                                        \
  {#name, RESQ_LEVEL_##kind, #architecture, RESQ_CPU_SET_##needs, by_default, summary},
#include "base/levels.def"
};
const int resq_n_level_rows = sizeof resq_level_rows / sizeof *resq_level_rows;

const resq_level_row *resq_level_row_find(const char *name) {
  for (int i = 0; i < resq_n_level_rows; i++)
    if (!strcmp(resq_level_rows[i].name, name))
      return &resq_level_rows[i];
  return NULL;
}

//===-- Lists -------------------------------------------------------------===//
// Texts that the compiler makes: each name with a separator before it.

#define IF_yes(text) text
#define IF_no(text)
#define OF_KERNELS_KERNELS(text) text
#define OF_KERNELS_DEFINITION(text)
#define OF_KERNELS_GPU(text)

static const char every_name[] = ""
#define RESQ_LEVEL_ROW(name, ...) ", " #name
#include "base/levels.def"
    ;
static const char kernel_names[] = ""
#define RESQ_LEVEL_ROW(name, kind, ...) OF_KERNELS_##kind(", " #name)
#include "base/levels.def"
    ;
static const char default_names[] = ""
#define RESQ_LEVEL_ROW(name, kind, architecture, cpu, features, flags, needs, own, fallback,       \
                       by_default, summary)                                                        \
  IF_##by_default("," #name)
#include "base/levels.def"
    ;

const char *resq_level_names(resq_level_kind kinds) {
  return (kinds == RESQ_LEVEL_KERNELS ? kernel_names : every_name) + strlen(", ");
}

const char *resq_level_default(void) { return default_names + strlen(","); }

bool resq_level_unknown(resq_error *err, const char *name, resq_level_kind kinds) {
  return resq_fail(err, RESQ_USAGE, "level '%s' is not known; allowed: %s", name,
                   resq_level_names(kinds));
}
