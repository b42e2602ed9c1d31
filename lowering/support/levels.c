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

#define HOST "x86_64-pc-linux-gnu"
#define KERNELS(level) resq_kernels_##level, resq_kernels_##level##_end

const resq_level *resq_level_find(const char *name) {
  static const resq_level levels[] = {
      {"definition", false, {"definition", false, HOST, "x86-64", "", NULL, NULL}},
      {"generic", false, {"generic", false, HOST, "x86-64", "", KERNELS(generic)}},
      {"avx2", false, {"avx2", false, HOST, "x86-64-v3", AVX2, KERNELS(avx2)}},
      {"avx512", false, {"avx512", false, HOST, "x86-64-v4", AVX512, KERNELS(avx512)}},
      {"avx512vbmi",
       false,
       {"avx512vbmi", false, HOST, "x86-64-v4", AVX512 ",+avx512vbmi", KERNELS(avx512vbmi)}},
      {"cuda", true, {"cuda", false, HOST, "x86-64", "", NULL, NULL}},
  };
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++)
    if (!strcmp(levels[i].name, name))
      return &levels[i];
  return NULL;
}

const char *resq_level_names(void) { return "definition, generic, avx2, avx512, avx512vbmi, cuda"; }
