//===-- kv_append_groups_generic.c - grouped keys, and values, into a cache ---===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "kv_code_generic.h"

#include "kernels/templates/kv_append_groups.inc"
