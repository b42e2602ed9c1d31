//===-- kv_spec.h - what keys= and values= of --resq-kv say ---------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//   side  = code { ":" option }
//   code  = "f32" | "f16" | low              one part
//         | "resq" [ ":" low ]               the low part so, the high part in 8 bits; low is int4
//         unless told | "qjl" | "qjlg"                   groups of 32 keys, as published: outlier
//         channels apart, recent keys exact; keys only
//   low   = "int" 2..8                       asymmetric integers
//         | "lm" 1..4                        Lloyd-Max codes of N(0, 1)
//         | "qjl" 1..16 | "qjlg" 1..16       that many sign rows an element, orthogonal or Gaussian
//         (QJL); keys only
//   option = "basis=" ("pca" | "balanced" | "hadamard" | "random" | "none")    pca with resq, none
//   else; balanced: keys only
//          | "per=" ("head" | "layer")                                         layer for keys, head
//          for values
//   of groups, N numbers, Nd sign rows an element of the head:
//          | "rows=" Nd              2d         | "outlier-rows=" Nd     as rows
//          | "outliers=" N           a channel in 16 of the head
//          | "buffer=" N             128: recent keys exact, up to so many; a multiple of 32
//          | "window=" N             buffer + 128: keys kept exactly; above buffer by an entry's
//          most rows - 1
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_KV_SPEC_H
#define RESQ_PASSES_KV_SPEC_H

#include "kernels/layout/kv_kinds.h"

#include <stdbool.h>
#include <stddef.h>

typedef enum resq_kv_basis {
  RESQ_KV_NONE,
  RESQ_KV_PCA,
  RESQ_KV_BALANCED,
  RESQ_KV_HADAMARD,
  RESQ_KV_RANDOM,
} resq_kv_basis;

typedef enum resq_kv_side { RESQ_KV_KEYS, RESQ_KV_VALUES } resq_kv_side;

typedef struct resq_kv_spec {
  resq_kv_kind kind;
  unsigned bits;  ///< int, lm: of the low part
  unsigned signs; ///< qjl: sign rows an element of the low part
  bool gaussian;  ///< qjl: rows of N(0, 1), not of orthogonal blocks
  bool split;     ///< resq: the high part apart
  unsigned outlier_signs, outliers, buffer, window; ///< qjl_groups; outliers 0: by the head size
  resq_kv_basis basis;
  bool per_head; ///< a basis a kv head; else one a layer
} resq_kv_spec;

/// Parses the `length` bytes at text. False with what was found and what is allowed in message
/// ("keys is 'int9', allowed: ...").
bool resq_kv_parse(resq_kv_side side, const char *text, size_t length, resq_kv_spec *out,
                   char *message, size_t message_size);

#endif // RESQ_PASSES_KV_SPEC_H
