//===-- observe_avx512.c - the same at this level -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "kernels/observe_generic.c"
