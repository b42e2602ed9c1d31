//===-- report.c - what users should hear of a recipe's matrices ----------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A matrix that is inverted loses digits by its condition number; one that stands for an orthogonal
// matrix and is none, by its departure from it. Both are measured before anything is written, also
// when a cache holds all that is made of them.
//===----------------------------------------------------------------------===//
#include "evaluate.h"
#include "lowering/numeric/linalg.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const double LARGE_CONDITION = 1e6; ///< f32 matrices keep no more than one digit beyond it

typedef struct reporting {
  resq_evaluator *e;
  const resq_materialize_options *options;
  resq_error *err;
} reporting;

void resq_measure_text(const resq_measure *m, char out[RESQ_MEASURE_TEXT]) {
  bool is_condition = m->kind == RESQ_MEASURE_CONDITION;
  const char *what = !is_condition ? "its random matrix departs from an orthogonal one by"
                     : m->several  ? "condition numbers"
                                   : "condition number";
  char low[32], high[32];
  snprintf(low, sizeof low, is_condition ? "%.1f" : "%.3g", m->low);
  snprintf(high, sizeof high, is_condition ? "%.1f" : "%.3g", m->high);
  bool range = m->several || strcmp(low, high) != 0;
  snprintf(out, RESQ_MEASURE_TEXT, "%s %s%s%s", what, low, range ? " .. " : "", range ? high : "");
}

/// Hands a measure on. `doubt` is why it makes results doubtful; NULL: it does not.
static void say(const reporting *r, MlirOperation op, resq_measure measure, const char *doubt) {
  MlirOperation owner = op;
  while (!mlirOperationIsNull(owner) && !resqOpIsParam(owner))
    owner = mlirOperationGetParentOperation(owner);
  if (mlirOperationIsNull(owner))
    return;
  MlirStringRef name = resq_symbol_name(owner);
  char param[512], text[RESQ_MEASURE_TEXT], line[1024];
  resq_printable(param, sizeof param, name.data, name.length);
  measure.param = param;
  measure.location = mlirOperationGetLocation(owner);
  if (!doubt && r->options->measured) {
    r->options->measured(r->options->measured_user, &measure);
    return;
  }
  resq_measure_text(&measure, text);
  snprintf(line, sizeof line, "@%s: %s%s%s", param, text, doubt ? ": " : "", doubt ? doubt : "");
  if (doubt && r->options->warn)
    r->options->warn(r->options->warn_user, line);
  else
    resq_emit_remark(owner, "%s", line);
}

/// Singular values of block i of x, [n, n], descending, in `values`; square is [n, n] of scratch.
static bool block_values(const reporting *r, const resq_value *x, int64_t i, double *square,
                         double *values) {
  int64_t n = x->width;
  memcpy(square, resq_f64(x) + i * n * n, (size_t)(n * n) * sizeof *square);
  return resq_singular_values(square, values, n, r->err);
}

//===-- inverse_transpose -------------------------------------------------===//

/// Condition numbers of what is inverted.
static bool report_inverse(const reporting *r, const resq_node *node, const resq_value *x) {
  int64_t n = x->width, blocks = x->rows / n;
  double *square = malloc((size_t)(n * n + n) * sizeof *square), *values = square + n * n;
  if (!square)
    return resq_out_of_memory(r->err, &node->info);
  double least = INFINITY, most = 0;
  bool ok = true;
  for (int64_t i = 0; ok && i < blocks; ++i) {
    ok = block_values(r, x, i, square, values);
    if (ok && !(values[n - 1] > values[0] * (double)n * DBL_EPSILON))
      ok = resq_fail(r->err, RESQ_BAD_INPUT,
                     "matrix %lld is singular: its singular values are %g to %g", (long long)i,
                     values[n - 1], values[0]);
    double condition = ok ? values[0] / values[n - 1] : 0;
    least = fmin(least, condition);
    most = fmax(most, condition);
  }
  free(square);
  if (!ok)
    return false;
  char doubt[64];
  snprintf(doubt, sizeof doubt, "above %g its inverse is inexact in f32", LARGE_CONDITION);
  say(r, node->op,
      (resq_measure){
          .kind = RESQ_MEASURE_CONDITION, .several = blocks > 1, .low = least, .high = most},
      most > LARGE_CONDITION ? doubt : NULL);
  return true;
}

//===-- random_matrix -----------------------------------------------------===//

/// |M^T M - 1|, the largest of all blocks: that of the whole.
static bool report_departure(const reporting *r, const resq_node *node, const resq_value *x) {
  if (resqRandomMatrixOpGetKind(node->op) == RESQ_RANDOM_KIND_HADAMARD)
    return true;
  int64_t n = x->width;
  double *square = malloc((size_t)(n * n + n) * sizeof *square), *values = square + n * n;
  if (!square)
    return resq_out_of_memory(r->err, &node->info);
  bool ok = block_values(r, x, 0, square, values);
  double departure =
      ok ? fmax(fabs(values[0] * values[0] - 1), fabs(values[n - 1] * values[n - 1] - 1)) : 0;
  free(square);
  if (!ok)
    return false;
  if (resqRandomMatrixOpHasDeparture(node->op) &&
      departure > resqRandomMatrixOpGetDeparture(node->op))
    return resq_fail(r->err, RESQ_BAD_INPUT,
                     "the random matrix departs from an orthogonal one by |M^T M - 1| = %.3g, "
                     "allowed: %g; allow-departure=true takes it all the same",
                     departure, resqRandomMatrixOpGetDeparture(node->op));
  say(r, node->op,
      (resq_measure){.kind = RESQ_MEASURE_DEPARTURE, .low = departure, .high = departure}, NULL);
  return true;
}

//===-- Nodes -------------------------------------------------------------===//

/// The value of node `index` as f64.
static resq_value *whole_f64(const reporting *r, int32_t index) {
  resq_value *v = NULL, *wide = NULL;
  resq_range all = {0, r->e->nodes[index].info.rows};
  if (!resq_evaluate(r->e, index, all, false, &v, r->err))
    return NULL;
  if (resq_value_is_float(v) && !(wide = resq_value_convert(v, RESQ_VALUE_F64)))
    resq_out_of_memory(r->err, &r->e->nodes[index].info);
  resq_value_release(v);
  return wide;
}

static bool report_node(const reporting *r, int32_t index) {
  const resq_node *node = &r->e->nodes[index];
  bool inverts = node->rule && resqOpIsInverseTranspose(node->op);
  bool random = node->rule && resqOpIsRandomMatrix(node->op);
  if (!inverts && !random)
    return true;
  resq_value *x = whole_f64(r, inverts ? node->operands[0] : index);
  bool ok = x && (inverts ? report_inverse(r, node, x) : report_departure(r, node, x));
  resq_value_release(x);
  if (!ok)
    resq_blame(r->err, mlirOperationIsNull(r->e->culprit) ? node->op : r->e->culprit);
  return ok;
}

bool resq_report(resq_evaluator *e, const resq_materialize_options *options, resq_error *err) {
  reporting r = {e, options, err};
  e->culprit = (MlirOperation){NULL};
  for (int32_t i = 0; i < e->n_nodes; ++i)
    if (!report_node(&r, i))
      return false;
  return true;
}
