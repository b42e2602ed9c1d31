// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// VBMI looks a trellis weight up with one instruction, where qlinear_block_avx512.h asks for it.
#include "qlinear_avx512.c"
