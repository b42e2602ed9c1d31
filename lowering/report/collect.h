//===-- collect.h - evaluating a report's recipes -------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Internal to lowering/report/.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_REPORT_COLLECT_H
#define RESQ_LOWERING_REPORT_COLLECT_H

#include "lowering/recipes/evaluate.h"
#include "lowering/report/recipes.h"
#include "lowering/report/report.h"

typedef struct resq_collecting {
  resq_evaluator e; ///< planned
  const resq_report_options *options;
  const resq_report_recipes *recipes;
  resq_facts *facts;
  resq_error *err;
} resq_collecting;

/// The node of a param that some function reads; -1 for a null param.
int32_t resq_report_node(const resq_collecting *c, MlirOperation param);
/// The whole value of a node as f32 or f64 (kind), a new reference; NULL on failure.
resq_value *resq_report_value(resq_collecting *c, int32_t node, resq_value_kind kind);
/// The floats that a float param rounds to its type: not the param itself, which a cache would
/// keep.
resq_value *resq_report_floats(resq_collecting *c, MlirOperation param, resq_value_kind kind);

/// linears.c: figures of linear `index`, whose facts are there but for them.
bool resq_report_linear_figures(resq_collecting *c, int32_t index);
/// bases.c: all changes of basis.
bool resq_report_bases(resq_collecting *c);

#endif // RESQ_LOWERING_REPORT_COLLECT_H
