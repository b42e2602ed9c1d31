// LINK: compiler
//===-- session_call_fuzz.c - any bytes as calls of a library -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Hunts: calls that the run time lets through and that leave their memory, or lets through or
// refuses against what tests/unit/random_calls.h says of the functions. Calls of one input are 96
// bytes each.
//===----------------------------------------------------------------------===//
#include "tests/unit/random_calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static calls c;
  if (!c.session && !calls_open(&c))
    abort();
  if (!calls_restart(&c))
    abort();
  for (size_t at = 0; at < size; at += 96)
    if (!calls_run(&c, data + at, size - at < 96 ? size - at : 96))
      abort();
  return 0;
}
