//===-- linalg.h - dense matrices over OpenBLAS and LAPACK ----------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Row-major f64. BLAS runs on one thread; work is spread over fixed tasks
// (parallel.h), so results do not depend on the number of threads. They may differ in
// the last bits between processors, for which OpenBLAS picks different kernels.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_LINALG_H
#define RESQ_LOWERING_LINALG_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

/// Rows of a task. Ranges of rows that are multiplied apart start at multiples of it: then every
/// row gets the same bits as in one product over all rows.
#define RESQ_TASK_ROWS 128

/// Sets BLAS to one thread a caller. Called by all functions below; for other users of cblas.h.
void resq_blas_init(void);

/// Index of the first NaN or infinity, -1 when there is none.
int64_t resq_find_non_finite(const double *x, int64_t count);

/// c[rows, n] = a[rows, k] b, b is [k, n], or [n, k] and taken transposed. c does not overlap a or
/// b.
void resq_matmul_f64(int threads, const double *a, int64_t lda, const double *b, int64_t ldb,
                     bool transpose_b, double *c, int64_t ldc, int64_t rows, int64_t n, int64_t k);

/// Symmetric `a` [n, n] (the mean of a and its transpose is taken) is replaced by its orthonormal
/// eigenvectors as columns, eigenvalues ascending (to `values` when not NULL). In each column the
/// entry of largest magnitude, the first of equals, is positive.
bool resq_eigenbasis(double *a, double *values, int64_t n, resq_error *err);

//===-- balanced.c --------------------------------------------------------===//
/// basis [n, n] = T of resq.balanced_basis, from the second moments of keys and queries.
bool resq_balanced_basis(const double *keys, const double *queries, double *basis, int64_t n,
                         resq_error *err);
/// a [n, n] becomes its inverse transpose.
bool resq_inverse_transpose(double *a, int64_t n, resq_error *err);
/// The singular values of a [n, n], descending; a is overwritten.
bool resq_singular_values(double *a, double *values, int64_t n, resq_error *err);

//===-- random.c ----------------------------------------------------------===//
/// q [n, n] (row stride ldq) = a Haar-distributed orthogonal matrix: the Q of QR of an n x n matrix
/// of normals, R's diagonal positive. Normals are elements first, first + 1, ... of philox stream
/// `seed`, row by row.
bool resq_haar(double *q, int64_t ldq, int64_t n, uint64_t seed, uint64_t first, resq_error *err);

/// Rows of resq.sketch_matrix [rows, n]. Block b takes its normals as resq_haar does, from element
/// b * (n * n, rounded up to even) on; gaussian: element i is the i-th of the stream.
bool resq_sketch(double *s, int64_t rows, int64_t n, uint64_t seed, bool gaussian, resq_error *err);

/// Symmetric positive definite `a` [n, n], of which the lower triangle is read, is replaced by
/// lower triangular L, diagonal positive, with L L^T = a; above the diagonal stands what stood
/// there or zeros. False, with `a` in pieces, where it is not positive definite to working
/// precision.
bool resq_cholesky(int threads, double *a, int64_t n);

/// x [n, n] = the inverse of lower triangular L [n, n], zeros above the diagonal. x does not overlap
/// L.
void resq_invert_lower(int threads, const double *l, int64_t n, double *x);

/// +1 or -1 for each of n rows, from philox stream `seed`; all +1 when seed is 0.
void resq_random_signs(double *signs, int64_t n, uint64_t seed);

#endif // RESQ_LOWERING_LINALG_H
