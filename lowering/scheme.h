//===-- scheme.h - pipelines of schemes.def -------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_SCHEME_H
#define RESQ_LOWERING_SCHEME_H

#include "base/error.h"
#include <stdint.h>

/// The pass pipeline of a scheme, with $seed, $kv and $method filled in. kv, method NULL: the
/// scheme's own. malloc'ed; NULL on an unknown scheme, a kv that is no list of options, an unknown
/// method, or one for a scheme that quantises no weights by it.
char *resq_scheme_pipeline(const char *scheme, const char *kv, const char *method, int64_t seed,
                           resq_error *err);
/// The packing pipeline; weights replaces the element type of float linears when not NULL.
char *resq_scheme_pack(const char *scheme, const char *weights, resq_error *err);

#endif // RESQ_LOWERING_SCHEME_H
