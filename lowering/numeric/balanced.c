//===-- balanced.c - factorisations behind balanced bases -----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Two symmetric matrices brought to one diagonal by a matrix and its inverse transpose, inverses,
// singular values. Orders are head sizes, rarely a model's width: LAPACK's plain routines.
//===----------------------------------------------------------------------===//
#include "linalg.h"
#include "moment.h"

#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

// LAPACK's Fortran entries; the last arguments are the hidden lengths of the character ones.
void dgetrf_(const int *rows, const int *columns, double *a, const int *lda, int *pivots,
             int *info);
void dgetri_(const int *n, double *a, const int *lda, const int *pivots, double *work,
             const int *work_size, int *info);
void dgesdd_(const char *job, const int *rows, const int *columns, double *a, const int *lda,
             double *values, double *u, const int *ldu, double *vt, const int *ldvt, double *work,
             const int *work_size, int *iwork, int *info, size_t);

enum { MAX_ORDER = 16384 }; ///< the work of dgesdd must fit LAPACK's int

static const double DAMPING = 1e-3;           ///< of the mean diagonal
static const double LEAST_EIGENVALUE = 1e-14; ///< of the largest

static bool check_order(int64_t n, const char *what, resq_error *err) {
  return n <= MAX_ORDER || resq_fail(err, RESQ_BAD_INPUT, "%s: order %lld; at most %d is allowed",
                                     what, (long long)n, MAX_ORDER);
}

static bool check_finite(const double *a, int64_t n, const char *what, resq_error *err) {
  int64_t bad = resq_find_non_finite(a, n * n);
  return bad < 0 ||
         resq_fail(err, RESQ_BAD_INPUT, "%s: entry (%lld, %lld) is %g; all entries must be finite",
                   what, (long long)(bad / n), (long long)(bad % n), a[bad]);
}

//===-- Balanced ----------------------------------------------------------===//

/// out = the mean of a and its transpose, with `damping` of its mean diagonal; a zero matrix becomes
/// the identity.
static bool damp(const double *a, int64_t n, double damping, double *out, const char *what,
                 resq_error *err) {
  double trace = 0;
  if (!resq_moment_trace(a, n, what, &trace, err))
    return false;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j)
      out[i * n + j] = 0.5 * a[i * n + j] + 0.5 * a[j * n + i];
  for (int64_t i = 0; i < n; ++i)
    out[i * n + i] = fmax(out[i * n + i], 0) + (trace > 0 ? damping * trace / (double)n : 1);
  return true;
}

/// l = L of the damped moment, L L^T, zero above the diagonal. Keys that are nearly alike may need more damping.
static bool factor_keys(const double *keys, int64_t n, double *l, resq_error *err) {
  bool definite = false;
  for (double damping = DAMPING; !definite && damping < 2; damping *= 10) {
    if (!damp(keys, n, damping, l, "balanced_basis: keys", err))
      return false;
    definite = resq_cholesky(1, l, n);
  }
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = i + 1; j < n; ++j)
      l[i * n + j] = 0;
  return definite ||
         resq_fail(err, RESQ_BAD_INPUT,
                   "balanced_basis: the keys' moment is not positive definite, with its "
                   "mean diagonal added to it either");
}

/// basis, which holds damped C_q, becomes T; l holds L, work is [n, n].
static bool balance(const double *l, double *basis, double *work, double *values, int64_t n,
                    resq_error *err) {
  int order = (int)n;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, order, order, order, 1, basis, order, l,
              order, 0, work, order);
  cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, order, order, order, 1, l, order, work,
              order, 0, basis, order);
  if (!resq_eigenbasis(basis, values, n, err)) // L^T C_q L = V S^2 V^T
    return false;
  cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasTrans, CblasNonUnit, order, order, 1, l,
              order, basis, order); // L^-T V
  for (int64_t j = 0; j < n; ++j) {
    double root = pow(fmax(values[j], LEAST_EIGENVALUE * values[n - 1]), 0.25); // S^(1/2)
    for (int64_t i = 0; i < n; ++i)
      basis[i * n + j] *= root;
  }
  return true;
}

bool resq_balanced_basis(const double *keys, const double *queries, double *basis, int64_t n,
                         resq_error *err) {
  if (!check_order(n, "balanced_basis", err))
    return false;
  if (n == 0)
    return true;
  resq_blas_init();
  size_t square = (size_t)(n * n);
  double *l = malloc((2 * square + (size_t)n) * sizeof *l);
  if (!l)
    return resq_fail(err, RESQ_NO_MEMORY, "balanced_basis: no memory for order %lld", (long long)n);
  bool ok = factor_keys(keys, n, l, err) &&
            damp(queries, n, DAMPING, basis, "balanced_basis: queries", err) &&
            balance(l, basis, l + square, l + 2 * square, n, err);
  free(l);
  return ok;
}

//===-- Inverses ----------------------------------------------------------===//

static void transpose_square(double *a, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < i; ++j) {
      double x = a[i * n + j];
      a[i * n + j] = a[j * n + i];
      a[j * n + i] = x;
    }
}

bool resq_inverse_transpose(double *a, int64_t n, resq_error *err) {
  if (!check_order(n, "inverse_transpose", err) || !check_finite(a, n, "inverse_transpose", err))
    return false;
  if (n == 0)
    return true;
  resq_blas_init();
  int order = (int)n, work_size = order * 64, info = 0;
  int *pivots = malloc((size_t)n * sizeof *pivots);
  double *work = malloc((size_t)work_size * sizeof *work);
  bool ok = pivots && work;
  if (!ok)
    resq_fail(err, RESQ_NO_MEMORY, "inverse_transpose: no memory for order %lld", (long long)n);
  if (ok) {
    // LAPACK sees the transpose and leaves its inverse: row-major, that is the inverse of a.
    dgetrf_(&order, &order, a, &order, pivots, &info);
    if (info == 0)
      dgetri_(&order, a, &order, pivots, work, &work_size, &info);
    ok = info == 0 || resq_fail(err, RESQ_BAD_INPUT, "inverse_transpose: the matrix is singular");
    transpose_square(a, n);
  }
  free(pivots);
  free(work);
  return ok;
}

bool resq_singular_values(double *a, double *values, int64_t n, resq_error *err) {
  if (!check_order(n, "singular values", err) || !check_finite(a, n, "singular values", err))
    return false;
  if (n == 0)
    return true;
  resq_blas_init();
  int order = (int)n, one = 1, query = -1, info = 0;
  int *iwork = malloc(8 * (size_t)n * sizeof *iwork);
  double wanted = 0, none;
  dgesdd_("N", &order, &order, a, &order, values, &none, &one, &none, &one, &wanted, &query, iwork,
          &info, 1);
  int work_size = (int)wanted;
  double *work = malloc((size_t)work_size * sizeof *work);
  bool ok = iwork && work;
  if (ok)
    dgesdd_("N", &order, &order, a, &order, values, &none, &one, &none, &one, work, &work_size,
            iwork, &info, 1);
  else
    resq_fail(err, RESQ_NO_MEMORY, "singular values: no memory for order %lld", (long long)n);
  free(iwork);
  free(work);
  return ok && (info == 0 || resq_fail(err, RESQ_FAILED,
                                       "singular values: dgesdd did not converge (info %d)", info));
}
