//===-- kv_append_avx512.c - keys and values coded into a cache ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "kv_code_avx512.h"

#include "kernels/templates/kv_append.inc"
