//===-- scheme.h - pipelines of schemes.def -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_SCHEME_H
#define RESQ_LOWERING_SCHEME_H

#include "base/error.h"
#include <stdint.h>

/// What stands in a scheme's placeholders; NULL: the scheme's own.
typedef struct resq_scheme_choices {
  const char *kv;     ///< a code, or options of --resq-kv
  const char *method; ///< rtn, gptq
  const char *high;   ///< int8, e4m3
  int64_t seed;
} resq_scheme_choices;

/// The pass pipeline of a scheme, with $seed, $kv, $method and $high filled in. malloc'ed; NULL on
/// an unknown scheme, a kv that is no list of options, an unknown method or high, or one that the
/// scheme has no place for.
char *resq_scheme_pipeline(const char *scheme, const resq_scheme_choices *choices, resq_error *err);
/// The packing pipeline; weights replaces the element type of float linears when not NULL.
char *resq_scheme_pack(const char *scheme, const char *weights, resq_error *err);

#endif // RESQ_LOWERING_SCHEME_H
