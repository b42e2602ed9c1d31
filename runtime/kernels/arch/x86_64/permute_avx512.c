//===-- permute_avx512.c - y[r, i] = x[r, order[i]] -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Moves only: the portable source, vectorised by the compiler with AVX-512.
//===----------------------------------------------------------------------===//
#include "permute_generic.c"
