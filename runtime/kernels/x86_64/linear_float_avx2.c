//===-- linear_float_avx2.c - y = x W^T + b, float weights ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "linear_float_wide.inc"
