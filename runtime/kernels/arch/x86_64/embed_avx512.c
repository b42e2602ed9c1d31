//===-- embed_avx512.c - rows of the token table ----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Moves only: the portable source, vectorised by the compiler with AVX-512.
//===----------------------------------------------------------------------===//
#include "embed_generic.c"
