//===-- kv.h - the cache passes' common work ------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_PASSES_KV_H
#define RESQ_PASSES_KV_H

#include "passes/basis.h"
#include "passes/kv_spec.h"

typedef struct resq_kv_options {
  const resq_kv_spec *keys, *values; ///< NULL: as the caches say
  int64_t fraction;                  ///< a split's high part is head_size / fraction
  int64_t seed;
  resq_rotation rotation; ///< of the random parts
} resq_kv_options;

/// Gives all caches of the module these codes, and keys, queries, values and what reads them their
/// bases. False after an error, which begins with `flag`.
bool resq_kv_apply(MlirOperation module, const char *flag, const resq_kv_options *options);

#endif // RESQ_PASSES_KV_H
