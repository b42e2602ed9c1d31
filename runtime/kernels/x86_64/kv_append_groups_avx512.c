//===-- kv_append_groups_avx512.c - grouped keys, and values, into a cache ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "kv_code_avx512.h"

#include "kernels/templates/kv_append_groups.inc"
