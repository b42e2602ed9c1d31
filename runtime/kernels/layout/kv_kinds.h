//===-- kv_kinds.h - the kinds of cache codes -----------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The dialect has an attribute for each kind, or for f32 and f16 together; definitions and kernels
// get the kind as a constant of this numbering.
//===----------------------------------------------------------------------===//
#ifndef RESQ_KERNELS_KV_KINDS_H
#define RESQ_KERNELS_KV_KINDS_H

typedef enum resq_kv_kind {
  RESQ_KV_F32,
  RESQ_KV_F16,
  RESQ_KV_INT,        ///< asymmetric integers
  RESQ_KV_LM,         ///< Lloyd-Max centroids of N(0, 1)
  RESQ_KV_QJL,        ///< signs of a sketch
  RESQ_KV_QJL_GROUPS, ///< signs of a sketch, outlier channels of groups of tokens apart
} resq_kv_kind;

#endif // RESQ_KERNELS_KV_KINDS_H
