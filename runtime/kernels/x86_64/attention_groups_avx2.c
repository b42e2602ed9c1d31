//===-- attention_groups_avx2.c - attention over grouped keys ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//
#include "attention_groups_wide.inc"
