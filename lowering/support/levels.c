//===-- levels.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "levels.h"

#include <string.h>

#define RESQ_ARCHITECTURE(name, triple) static const char triple_##name[] = triple;
#include "base/levels.def"

#ifdef __aarch64__
const char *const resq_native_triple = triple_aarch64;
#else
const char *const resq_native_triple = triple_x86_64;
#endif

// lowering/CMakeLists.txt embeds the bitcode of the rows that have kernels.
#define BITCODE_KERNELS(name) extern const unsigned char name[], name##_end[];
#define BITCODE_DEFINITION(name)
#define BITCODE_GPU(name)
#define RESQ_LEVEL_ROW(name, kind, ...) BITCODE_##kind(resq_kernels_##name)
#define RESQ_GPU_CHIP(chip, ...) BITCODE_KERNELS(resq_kernels_##chip)
#include "base/levels.def"

#define RANGE_KERNELS(name) name, name##_end
#define RANGE_DEFINITION(name) NULL, NULL
#define RANGE_GPU(name) NULL, NULL

enum {
#define RESQ_LEVEL_ROW(name, ...) ROW_##name,
#include "base/levels.def"
};

static const resq_level levels[] = {
#define RESQ_LEVEL_ROW(name, kind, architecture, cpu, features, flags, needs, own, fallback,       \
                       by_default, summary)                                                        \
  {&resq_level_rows[ROW_##name],                                                                   \
   #name,                                                                                          \
   RESQ_LEVEL_##kind == RESQ_LEVEL_GPU,                                                            \
   {#name, false, false, triple_##architecture, cpu, features,                                     \
    RANGE_##kind(resq_kernels_##name)}},
#include "base/levels.def"
};

const resq_level *resq_level_find(const char *name) {
  const resq_level_row *row = resq_level_row_find(name);
  return row ? &levels[row - resq_level_rows] : NULL;
}

const resq_gpu_target resq_gpu_targets[] = {
#define RESQ_GPU_CHIP(chip, architecture, features, capability, exact)                             \
  {{#chip, true, false, triple_##architecture, #chip, features,                                    \
    RANGE_KERNELS(resq_kernels_##chip)},                                                           \
   capability,                                                                                     \
   exact},
#include "base/levels.def"
};
const int resq_n_gpu_targets = sizeof resq_gpu_targets / sizeof *resq_gpu_targets;

// Each name with a separator before it, as in base/levels.c.
static const char chip_names[] = ""
#define RESQ_GPU_CHIP(chip, ...) ", " #chip
#include "base/levels.def"
    ;
const char *resq_gpu_target_names(void) { return chip_names + strlen(", "); }

const resq_gpu_target *resq_gpu_target_find(const char *name, size_t length) {
  for (int i = 0; i < resq_n_gpu_targets; i++)
    if (strlen(resq_gpu_targets[i].target.name) == length &&
        !strncmp(resq_gpu_targets[i].target.name, name, length))
      return &resq_gpu_targets[i];
  return NULL;
}

// By value of the enum.
static const char *const arithmetic_names[] = {
#define ARITHMETIC(name, word) word,
    RESQ_GPU_ARITHMETICS(ARITHMETIC)
#undef ARITHMETIC
};
enum { N_ARITHMETICS = sizeof arithmetic_names / sizeof *arithmetic_names };

const char *resq_gpu_arithmetic_name(resq_gpu_arithmetic arithmetic) {
  return arithmetic_names[arithmetic];
}

#define ARITHMETIC(name, word) ", " word
static const char arithmetic_list[] = RESQ_GPU_ARITHMETICS(ARITHMETIC);
#undef ARITHMETIC
const char *resq_gpu_arithmetic_names(void) { return arithmetic_list + strlen(", "); }

bool resq_gpu_arithmetic_find(const char *name, size_t length, resq_gpu_arithmetic *out) {
  for (int i = 0; i < N_ARITHMETICS; i++)
    if (strlen(arithmetic_names[i]) == length && !strncmp(arithmetic_names[i], name, length)) {
      *out = (resq_gpu_arithmetic)i;
      return true;
    }
  return false;
}
