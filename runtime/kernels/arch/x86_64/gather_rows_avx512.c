//===-- gather_rows_avx512.c - y[i] = x[index[i]] ---------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Moves only: the portable source, vectorised by the compiler with AVX-512.
//===----------------------------------------------------------------------===//
#include "gather_rows_generic.c"
