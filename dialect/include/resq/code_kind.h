//===-- resq/code_kind.h - what the codes of !resq.quant stand for --------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_CODE_KIND_H
#define RESQ_CODE_KIND_H

typedef enum resq_code_kind {
  RESQ_CODE_INTEGER, ///< 2 to 8 bits: themselves
  RESQ_CODE_E4M3,    ///< 8 bits: numbers of f8E4M3FN
  RESQ_CODE_TRELLIS, ///< 4 bits, weights alone: steps of a path (kernels/trellis_weights.h)
} resq_code_kind;

#endif // RESQ_CODE_KIND_H
