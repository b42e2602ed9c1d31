//===-- cpu.c - instruction-set levels and this CPU -----------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CPUID and XGETBV, read here so that an artifact does not depend on a compiler's
// run-time library, and the choice of a level from what they say.
//===----------------------------------------------------------------------===//
#include "exec/cpu.h"

#include <stdio.h>
#include <string.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

typedef struct feature_name {
  unsigned bit;
  const char *name;
} feature_name;

static const feature_name feature_names[] = {
    {RESQ_CPU_AVX2, "avx2"},
    {RESQ_CPU_FMA, "fma"},
    {RESQ_CPU_V3, "x86-64-v3"},
    {RESQ_CPU_AVX512F, "avx512f"},
    {RESQ_CPU_AVX512BW, "avx512bw"},
    {RESQ_CPU_AVX512VL, "avx512vl"},
    {RESQ_CPU_AVX512DQ, "avx512dq"},
    {RESQ_CPU_AVX512CD, "avx512cd"},
    {RESQ_CPU_AVX512VNNI, "avx512vnni"},
    {RESQ_CPU_AVX512VBMI, "avx512vbmi"},
};

typedef struct level {
  const char *name;
  unsigned needs;
} level;

/// What cmake/ResqKernels.cmake passes to clang: x86-64-v3 for "avx2", x86-64-v4 and VNNI (Cascade
/// Lake's) for "avx512".
enum {
  AVX2 = RESQ_CPU_AVX2 | RESQ_CPU_FMA | RESQ_CPU_V3,
  AVX512 = AVX2 | RESQ_CPU_AVX512F | RESQ_CPU_AVX512BW | RESQ_CPU_AVX512VL | RESQ_CPU_AVX512DQ |
           RESQ_CPU_AVX512CD | RESQ_CPU_AVX512VNNI,
};

/// Best first.
static const level levels[] = {
    {"avx512vbmi", AVX512 | RESQ_CPU_AVX512VBMI}, // Ice Lake, Zen 4 and later
    {"avx512", AVX512},
    {"avx2", AVX2}, // Haswell, Zen and later
    {"generic", 0},
    {"definition", 0}, // ops as their definitions say: for tests, slow
    {"cuda",
     0}, // a GPU, when asked for by name or when there is nothing else: exec/cuda.c opens it
};
enum { n_levels = sizeof levels / sizeof levels[0] };
enum { n_feature_names = sizeof feature_names / sizeof feature_names[0] };

#if defined(__x86_64__)
/// Register state that the operating system saves (XCR0); without it a feature must not be used.
static unsigned enabled_state(void) {
  unsigned low, high;
  __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  return low;
}

unsigned resq_cpu_features(void) {
  enum { state_avx = 0x06, state_avx512 = 0xe6 };
  unsigned a, b, c, d, found = 0;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & bit_OSXSAVE))
    return 0;
  unsigned state = enabled_state();
  if ((state & state_avx) != state_avx)
    return 0;
  if (c & bit_FMA)
    found |= RESQ_CPU_FMA;
  const bool f16c_movbe = (c & bit_F16C) && (c & bit_MOVBE);
  if (!__get_cpuid_count(7, 0, &a, &b, &c, &d))
    return found;
  if (b & (1u << 5))
    found |= RESQ_CPU_AVX2;
  unsigned ignored, extended = 0;
  const unsigned bmi = 1u << 3 | 1u << 8, lzcnt = 1u << 5;
  __get_cpuid(0x80000001, &ignored, &ignored, &extended, &ignored);
  if (f16c_movbe && (b & bmi) == bmi && (extended & lzcnt))
    found |= RESQ_CPU_V3;
  if ((state & state_avx512) != state_avx512)
    return found;
  static const struct {
    unsigned cpuid_bit, bit;
  } in_ebx[] = {
      {1u << 16, RESQ_CPU_AVX512F},  {1u << 17, RESQ_CPU_AVX512DQ}, {1u << 28, RESQ_CPU_AVX512CD},
      {1u << 30, RESQ_CPU_AVX512BW}, {1u << 31, RESQ_CPU_AVX512VL},
  };
  for (unsigned i = 0; i < sizeof in_ebx / sizeof in_ebx[0]; ++i)
    if (b & in_ebx[i].cpuid_bit)
      found |= in_ebx[i].bit;
  if (c & (1u << 1))
    found |= RESQ_CPU_AVX512VBMI;
  if (c & (1u << 11))
    found |= RESQ_CPU_AVX512VNNI;
  return found;
}
#else
unsigned resq_cpu_features(void) { return 0; }
#endif

void resq_cpu_describe(unsigned features, char *out, size_t size) {
  size_t used = 0;
  if (size)
    out[0] = 0;
  for (int i = 0; i < n_feature_names && used < size; ++i)
    if (features & feature_names[i].bit)
      used +=
          (size_t)snprintf(out + used, size - used, "%s%s", used ? " " : "", feature_names[i].name);
  if (!used)
    snprintf(out, size, "the x86-64 baseline only");
}

static const level *find_level(const char *name) {
  for (int i = 0; i < n_levels; ++i)
    if (!strcmp(levels[i].name, name))
      return &levels[i];
  return NULL;
}

bool resq_cpu_runs(unsigned features, const char *name) {
  const level *l = find_level(name);
  return l && (features & l->needs) == l->needs;
}

const char *resq_cpu_best(unsigned features) {
  for (int i = 0;; ++i) // "generic" needs nothing
    if ((features & levels[i].needs) == levels[i].needs)
      return levels[i].name;
}

/// The program's own string for a level that every one of its functions has; NULL when there is
/// none.
static const char *level_of_program(const resq_program *program, const char *name) {
  const char *found = NULL;
  for (int32_t i = 0; i < program->n_entries; ++i) {
    bool has = false;
    for (int32_t j = 0; j < program->n_entries && !has; ++j)
      has = !strcmp(program->entries[j].function, program->entries[i].function) &&
            !strcmp(program->entries[j].level, name);
    if (!has)
      return NULL;
    if (!strcmp(program->entries[i].level, name))
      found = program->entries[i].level;
  }
  return found;
}

/// The program's levels, each once: "avx512, generic".
static void list_levels(const resq_program *program, char *out, size_t size) {
  size_t used = 0;
  out[0] = 0;
  for (int32_t i = 0; i < program->n_entries && used < size; ++i) {
    bool before = false;
    for (int32_t j = 0; j < i && !before; ++j)
      before = !strcmp(program->entries[j].level, program->entries[i].level);
    if (!before)
      used += (size_t)snprintf(out + used, size - used, "%s%s", used ? ", " : "",
                               program->entries[i].level);
  }
}

const char *resq_cpu_choose(const resq_program *program, unsigned features, const char *wanted,
                            resq_error *err) {
  char has[256], list[256];
  resq_cpu_describe(features, has, sizeof has);
  list_levels(program, list, sizeof list);
  if (wanted) {
    const level *l = find_level(wanted);
    const char *found = l ? level_of_program(program, wanted) : NULL;
    if (!found)
      resq_fail(err, RESQ_USAGE, "level '%s' is not in this program; it was compiled for: %s",
                wanted, list);
    else if (!resq_cpu_runs(features, wanted))
      resq_fail(err, RESQ_NO_DEVICE, "this CPU cannot run level '%s'; it has: %s", wanted, has);
    else
      return found;
    return NULL;
  }
  for (int i = 0; i < n_levels; ++i) {
    const char *found = level_of_program(program, levels[i].name);
    if (found && resq_cpu_runs(features, levels[i].name))
      return found;
  }
  resq_fail(err, RESQ_NO_DEVICE,
            "this CPU runs none of the levels that the program was compiled for (%s); it has: %s",
            list, has);
  return NULL;
}
