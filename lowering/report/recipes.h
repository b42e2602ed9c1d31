//===-- recipes.h - what a report evaluates, as recipes -------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A report asks for values that no compile stores: float weights as their quantisers read them,
// inputs and their second moments in the coordinates of those weights. They are made as every other
// number is, by recipes, in params of a copy of the module.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_REPORT_RECIPES_H
#define RESQ_LOWERING_REPORT_RECIPES_H

#include "dialect/build.h"
#include "lowering/numeric/statistics.h"
#include "lowering/report/facts.h"

/// Params of one branch; null where there is none.
typedef struct resq_branch_recipes {
  MlirOperation codes;    ///< what the linear reads: codes, or floats
  MlirOperation weight;   ///< the floats that were quantised; null for a float linear
  MlirOperation clip;     ///< the searched ratio
  MlirOperation samples;  ///< rows of its input, [rows, width]
  MlirOperation quantize; ///< resq.quantize of the activation, in the function; no param
} resq_branch_recipes;

typedef struct resq_linear_recipes {
  MlirOperation op; ///< resq.qlinear, resq.linear or resq.head
  char *site;       ///< of its input; "" when none is known
  int n_branches;
  resq_branch_recipes branches[RESQ_REPORT_BRANCHES];
  MlirOperation moment; ///< in the columns of all branches' weights, side by side
  MlirOperation input;  ///< sampled rows in the model's own coordinates
} resq_linear_recipes;

typedef struct resq_report_recipes {
  resq_linear_recipes *linears; ///< in program order
  int32_t n_linears;
  MlirOperation reader; ///< the function that reads the added params, so that they are planned
} resq_report_recipes;

/// Adds params to `module`, a copy that nothing else is done with. Statistics NULL: none that need
/// them.
void resq_report_add_recipes(MlirModule module, const resq_statistics *statistics,
                             resq_report_recipes *out);
void resq_report_recipes_free(resq_report_recipes *recipes);

#endif // RESQ_LOWERING_REPORT_RECIPES_H
