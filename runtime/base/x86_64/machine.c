//===-- machine.c - x86-64 ------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// CPUID and XGETBV, read here so that an artifact does not depend on a compiler's run-time library.
//===----------------------------------------------------------------------===//
#include "base/machine.h"

#include "base/levels.h"

#include <cpuid.h>

const char resq_cpu_architecture[] = "x86_64";

void resq_cpu_relax(void) { __builtin_ia32_pause(); }

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
