//===-- split_avx512.c - low and high parts of each block, and back ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Moves only: the portable source, vectorised by the compiler with AVX-512.
//===----------------------------------------------------------------------===//
#include "split_generic.c"
