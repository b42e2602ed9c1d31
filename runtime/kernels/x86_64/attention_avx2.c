//===-- attention_avx2.c - causal softmax attention over a cache ---------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "attention_wide.inc"
