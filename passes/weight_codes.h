//===-- weight_codes.h - the weights of a linear become codes -------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// The weight half of --resq-quantize. Round to nearest appends resq.quantize_weight to each
// branch's recipe. GPTQ (arXiv 2210.17323) takes all branches at once: a param of the site's second
// moment in the branches' coordinates (passes/replay.h), and one of codes a branch that reads it
// and the float weights of all branches:
//
//   @l0.q.in.moment { moment "l0.q.in"; rotate, split, ... both sides }      shared by q, k and v
//   @l0.q.low.codes { get moment; gptq_factor; get low; get high; gptq_weight; yield the first }
//
// Equal ops of several recipes are evaluated once.
//===----------------------------------------------------------------------===//
#ifndef RESQ_PASSES_WEIGHT_CODES_H
#define RESQ_PASSES_WEIGHT_CODES_H

#include "dialect/build.h"

#define RESQ_MAX_BRANCHES 4

typedef struct resq_weight_moment {
  MlirValue x;          ///< what the first branch reads
  MlirOperation moment; ///< param; null: there is none, and a remark has said why
} resq_weight_moment;

typedef struct resq_weight_codes {
  MlirOperation module;
  bool gptq;
  int64_t steps; ///< clip search
  float norm, damping;
  resq_weight_moment *moments; ///< by input, made when first asked for
  intptr_t n_moments;
} resq_weight_codes;

/// A linear that is one branch; the 8-bit one stands last.
typedef struct resq_weight_branch {
  MlirOperation linear;
  unsigned bits;
  resq_code_kind kind;
  int64_t group;       ///< columns that share a scale
  MlirOperation embed; ///< reads the same weight, and goes on sharing it; or null
} resq_weight_branch;

/// Codes of all branches' weights, which have recipes, as gets before `before`. The linears are not
/// valid afterwards: they are to be erased. Where GPTQ has no moment, a remark says so and codes
/// are rounded to nearest.
void resq_make_weight_codes(resq_weight_codes *how, MlirOperation before, int n,
                            const resq_weight_branch *branches, MlirValue *codes);
/// The param behind operand 1 of a linear, a head or an embedding, and of branch->embed, made
/// theirs alone and rounded to the nearest codes.
MlirOperation resq_round_weight(const resq_weight_codes *how, const resq_weight_branch *branch);
void resq_weight_codes_free(resq_weight_codes *how);

#endif // RESQ_PASSES_WEIGHT_CODES_H
