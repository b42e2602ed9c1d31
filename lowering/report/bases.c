//===-- bases.c - changes of basis ----------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A basis is a param whose recipe orders directions by variance, draws a random matrix, or both:
// U = P R (ResQ, arXiv 2412.14363, section 4). Its spectrum is of P, before R makes the directions
// of a part alike: variance j is p_j^T M p_j, M the moment that P was made from. That is an
// eigenvalue where P holds eigenvectors, and the common variance of keys and queries where P
// balances them.
//===----------------------------------------------------------------------===//
#include "dialect/memory.h"
#include "dialect/ops.h"
#include "lowering/report/collect.h"

#include "lowering/numeric/linalg.h"
#include "passes/recipe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/// Ops that make P; operand 0 is M. A new one needs a row here.
static const char *const ordering[] = {RESQ_OP_EIGENBASIS, RESQ_OP_BALANCED_BASIS};
/// Ops that make R.
static const char *const drawing[] = {RESQ_OP_RANDOM_ORTHOGONAL, RESQ_OP_RANDOM_MATRIX,
                                      RESQ_OP_HADAMARD_MATRIX};
enum {
  n_ordering = sizeof ordering / sizeof *ordering,
  n_drawing = sizeof drawing / sizeof *drawing
};

static bool is_any(MlirOperation op, const char *const *names, size_t n) {
  for (size_t i = 0; i < n; ++i)
    if (resq_op_is(op, names[i]))
      return true;
  return false;
}

/// The first op of a param's recipe among names; null when none.
static MlirOperation find_op(MlirOperation param, const char *const *names, size_t n) {
  MlirBlock block = mlirRegionGetFirstBlock(mlirOperationGetRegion(param, 0));
  MlirOperation op = mlirBlockGetFirstOperation(block);
  while (!mlirOperationIsNull(op) && !is_any(op, names, n))
    op = mlirOperationGetNextInBlock(op);
  return op;
}

static int32_t node_of_op(const resq_evaluator *e, MlirOperation op) {
  for (int32_t i = 0; i < e->n_nodes; ++i)
    if (e->nodes[i].rule && mlirOperationEqual(e->nodes[i].op, op))
      return i;
  return -1;
}

//===-- Spectra -----------------------------------------------------------===//

/// out[j] = p_j^T M p_j for the columns of P [n, n].
static bool variances_along(resq_collecting *c, const double *p, const double *m, int64_t n,
                            double *out) {
  double *product = malloc((size_t)(n * n) * sizeof *product);
  if (!product)
    return resq_fail(c->err, RESQ_NO_MEMORY, "no memory for a spectrum of order %lld",
                     (long long)n);
  resq_matmul_f64(c->e.threads, m, n, p, n, false, product, n, n, n, n);
  memset(out, 0, (size_t)n * sizeof *out);
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      out[j] += p[i * n + j] * product[i * n + j];
  free(product);
  return true;
}

static bool measure_spectrum(resq_collecting *c, MlirOperation op, resq_report_basis *basis) {
  int32_t node = node_of_op(&c->e, op);
  if (node < 0)
    return true; // equal to one of another param, which tells the same
  int64_t n = basis->order;
  resq_value *moment = resq_report_value(c, c->e.nodes[node].operands[0], RESQ_VALUE_F64);
  resq_value *p = moment ? resq_report_value(c, node, RESQ_VALUE_F64) : NULL;
  bool ok = p && moment->rows == p->rows && p->width == n;
  if (ok) {
    basis->blocks = p->rows / n;
    basis->variances = resq_new((size_t)p->rows, sizeof *basis->variances);
  }
  for (int64_t b = 0; ok && b < basis->blocks; ++b)
    ok = variances_along(c, resq_f64(p) + b * n * n, resq_f64(moment) + b * n * n, n,
                         basis->variances + b * n);
  resq_value_release(moment);
  resq_value_release(p);
  return ok;
}

//===-- Conditions --------------------------------------------------------===//

/// Singular values of a block are roots of the eigenvalues of B^T B.
static bool condition_of(resq_collecting *c, const double *b, int64_t n, double *out) {
  double *turned = malloc((size_t)(2 * n * n + n) * sizeof *turned);
  if (!turned)
    return resq_fail(c->err, RESQ_NO_MEMORY, "no memory for a matrix of order %lld", (long long)n);
  double *square = turned + n * n, *values = square + n * n;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      turned[j * n + i] = b[i * n + j];
  resq_matmul_f64(c->e.threads, turned, n, turned, n, true, square, n, n, n, n);
  bool ok = resq_eigenbasis(square, values, n, c->err);
  if (ok)
    *out = values[0] > 0 ? sqrt(values[n - 1] / values[0]) : INFINITY;
  free(turned);
  return ok;
}

static bool measure_conditions(resq_collecting *c, int32_t node, resq_report_basis *basis) {
  resq_value *v = resq_report_value(c, node, RESQ_VALUE_F64);
  bool ok = v != NULL;
  int64_t n = basis->order;
  for (int64_t b = 0; ok && b < v->rows / n; ++b) {
    double condition = 1;
    ok = condition_of(c, resq_f64(v) + b * n * n, n, &condition);
    basis->least_condition = b ? fmin(basis->least_condition, condition) : condition;
    basis->most_condition = fmax(basis->most_condition, condition);
  }
  resq_value_release(v);
  return ok;
}

//===-- All ---------------------------------------------------------------===//

/// The last of n sizes of R's blocks, when there are two.
static int64_t last_of(intptr_t n, const int64_t *sizes) { return n < 2 ? 0 : sizes[n - 1]; }

static int64_t high_of(MlirOperation random) {
  if (resqOpIsRandomOrthogonal(random))
    return last_of(resqRandomOrthogonalOpGetNumSizes(random),
                   resqRandomOrthogonalOpGetSizes(random));
  if (resqOpIsRandomMatrix(random))
    return last_of(resqRandomMatrixOpGetNumSizes(random), resqRandomMatrixOpGetSizes(random));
  return 0;
}

static bool add_basis(resq_collecting *c, int32_t node) {
  const resq_node *at = &c->e.nodes[node];
  MlirOperation order = find_op(at->op, ordering, n_ordering);
  MlirOperation random = find_op(at->op, drawing, n_drawing);
  if ((mlirOperationIsNull(order) && mlirOperationIsNull(random)) ||
      at->info.kind != RESQ_ELEMENT_FLOAT || at->info.rows % at->info.width)
    return true;
  resq_facts *facts = c->facts;
  facts->bases = RESQ_GROW(facts->bases, facts->n_bases);
  resq_report_basis *basis = &facts->bases[facts->n_bases++];
  MlirStringRef name = resq_param_name(at->op);
  *basis = (resq_report_basis){.name = resq_copy_part(name.data, name.length),
                               .order = at->info.width,
                               .blocks = at->info.rows / at->info.width,
                               .high = high_of(random)};
  return (mlirOperationIsNull(order) || measure_spectrum(c, order, basis)) &&
         measure_conditions(c, node, basis);
}

bool resq_report_bases(resq_collecting *c) {
  for (int32_t i = 0; i < c->e.n_nodes; ++i)
    if (!c->e.nodes[i].rule && !add_basis(c, i))
      return false;
  return true;
}
