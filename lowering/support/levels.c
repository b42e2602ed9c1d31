//===-- levels.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "levels.h"

#include <string.h>

extern const unsigned char resq_kernels_generic[], resq_kernels_generic_end[];
extern const unsigned char resq_kernels_avx2[], resq_kernels_avx2_end[];
extern const unsigned char resq_kernels_avx512[], resq_kernels_avx512_end[];
extern const unsigned char resq_kernels_avx512vbmi[], resq_kernels_avx512vbmi_end[];

// Features are those of cmake/ResqKernels.cmake: kernels bring them as function attributes too.
#define AVX2 "+avx2,+fma,+f16c,+bmi,+bmi2,+lzcnt,+movbe,+popcnt"
#define AVX512 AVX2 ",+avx512f,+avx512bw,+avx512cd,+avx512dq,+avx512vl,+avx512vnni"

const resq_level *resq_level_find(const char *name) {
  static resq_level levels[] = {
      {"definition", "x86-64", "", NULL, NULL, false},
      {"generic", "x86-64", "", resq_kernels_generic, resq_kernels_generic_end, false},
      {"avx2", "x86-64-v3", AVX2, resq_kernels_avx2, resq_kernels_avx2_end, false},
      {"avx512", "x86-64-v4", AVX512, resq_kernels_avx512, resq_kernels_avx512_end, false},
      {"avx512vbmi", "x86-64-v4", AVX512 ",+avx512vbmi", resq_kernels_avx512vbmi,
       resq_kernels_avx512vbmi_end, false},
      {"cuda", "", "", NULL, NULL, true},
  };
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
    if (!strcmp(levels[i].name, name))
      return &levels[i];
  return NULL;
}

const char *resq_level_names(void) { return "definition, generic, avx2, avx512, avx512vbmi, cuda"; }
