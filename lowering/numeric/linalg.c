//===-- linalg.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Products and the symmetric eigenproblem. LAPACK is column-major: a row-major matrix is its
// transpose there.
//===----------------------------------------------------------------------===//
#include "linalg.h"

#include "lowering/support/parallel.h"

#include <cblas.h>
#include <limits.h>
#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

// LAPACK's Fortran entries; the last arguments are the hidden lengths of the character ones.
void dpotrf_(const char *triangle, const int *n, double *a, const int *lda, int *info, size_t);
void dsyevd_(const char *job, const char *triangle, const int *n, double *a, const int *lda,
             double *values, double *work, const int *work_size, int *iwork, const int *iwork_size,
             int *info, size_t, size_t);

static void one_blas_thread(void) { openblas_set_num_threads(1); }

void resq_blas_init(void) {
  static pthread_once_t once = PTHREAD_ONCE_INIT;
  pthread_once(&once, one_blas_thread);
}

int64_t resq_find_non_finite(const double *x, int64_t count) {
  for (int64_t i = 0; i < count; ++i)
    if (!isfinite(x[i]))
      return i;
  return -1;
}

//===-- Product -----------------------------------------------------------===//

typedef struct product {
  const double *a, *b;
  double *c;
  int64_t lda, ldb, ldc, rows, n, k;
  bool transpose_b;
} product;

static void multiply_rows(void *opaque, int64_t task) {
  const product *p = opaque;
  int64_t first = task * RESQ_TASK_ROWS;
  int64_t rows = p->rows - first < RESQ_TASK_ROWS ? p->rows - first : RESQ_TASK_ROWS;
  cblas_dgemm(CblasRowMajor, CblasNoTrans, p->transpose_b ? CblasTrans : CblasNoTrans,
              (blasint)rows, (blasint)p->n, (blasint)p->k, 1.0, p->a + first * p->lda,
              (blasint)p->lda, p->b, (blasint)p->ldb, 0.0, p->c + first * p->ldc, (blasint)p->ldc);
}

void resq_matmul_f64(int threads, const double *a, int64_t lda, const double *b, int64_t ldb,
                     bool transpose_b, double *c, int64_t ldc, int64_t rows, int64_t n, int64_t k) {
  if (rows <= 0 || n <= 0)
    return;
  resq_blas_init();
  product p = {a, b, c, lda, ldb, ldc, rows, n, k, transpose_b};
  resq_parallel(threads, (rows + RESQ_TASK_ROWS - 1) / RESQ_TASK_ROWS, multiply_rows, &p);
}

//===-- Cholesky ----------------------------------------------------------===//

/// Columns factored at once, and rows or columns of a task: fixed, so that sums are.
enum { PANEL = RESQ_TASK_ROWS };

typedef struct panel_job {
  double *a; ///< cholesky: [n, n], panels before `first` done
  const double *l;
  int64_t n, first, width; ///< of the panel
} panel_job;

/// Rows of a task below the panel; false when there are none.
static bool rows_below(const panel_job *j, int64_t task, int64_t *begin, int64_t *rows) {
  *begin = j->first + j->width + task * PANEL;
  *rows = j->n - *begin < PANEL ? j->n - *begin : PANEL;
  return *rows > 0;
}

/// The panel's rows of L below its diagonal block.
static void solve_rows(void *opaque, int64_t task) {
  const panel_job *j = opaque;
  int64_t begin, rows;
  if (rows_below(j, task, &begin, &rows))
    cblas_dtrsm(CblasRowMajor, CblasRight, CblasLower, CblasTrans, CblasNonUnit, (blasint)rows,
                (blasint)j->width, 1.0, j->a + j->first * j->n + j->first, (blasint)j->n,
                j->a + begin * j->n + j->first, (blasint)j->n);
}

/// What the panel takes from the columns behind it, up to each row block's diagonal.
static void update_rows(void *opaque, int64_t task) {
  const panel_job *j = opaque;
  int64_t begin, rows, next = j->first + j->width;
  if (rows_below(j, task, &begin, &rows))
    cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, (blasint)rows,
                (blasint)(begin + rows - next), (blasint)j->width, -1.0,
                j->a + begin * j->n + j->first, (blasint)j->n, j->a + next * j->n + j->first,
                (blasint)j->n, 1.0, j->a + begin * j->n + next, (blasint)j->n);
}

bool resq_cholesky(int threads, double *a, int64_t n) {
  resq_blas_init();
  for (int64_t first = 0; first < n; first += PANEL) {
    panel_job job = {.a = a, .n = n, .first = first};
    job.width = n - first < PANEL ? n - first : PANEL;
    int order = (int)job.width, stride = (int)n, info = 0;
    // LAPACK's upper triangle is ours below the diagonal.
    dpotrf_("U", &order, a + first * n + first, &stride, &info, 1);
    if (info != 0)
      return false;
    int64_t tasks = (n - first - job.width + PANEL - 1) / PANEL;
    resq_parallel(threads, tasks, solve_rows, &job);
    resq_parallel(threads, tasks, update_rows, &job);
  }
  return true;
}

/// Columns [task * PANEL, ...) of the inverse: L X = I, from their diagonal down.
static void invert_columns(void *opaque, int64_t task) {
  const panel_job *j = opaque;
  int64_t first = task * PANEL, width = j->n - first < PANEL ? j->n - first : PANEL;
  for (int64_t i = 0; i < width; ++i)
    j->a[(first + i) * j->n + first + i] = 1;
  cblas_dtrsm(CblasRowMajor, CblasLeft, CblasLower, CblasNoTrans, CblasNonUnit,
              (blasint)(j->n - first), (blasint)width, 1.0, j->l + first * j->n + first,
              (blasint)j->n, j->a + first * j->n + first, (blasint)j->n);
}

void resq_invert_lower(int threads, const double *l, int64_t n, double *x) {
  resq_blas_init();
  memset(x, 0, (size_t)(n * n) * sizeof *x);
  panel_job job = {.a = x, .l = l, .n = n};
  resq_parallel(threads, (n + PANEL - 1) / PANEL, invert_columns, &job);
}

//===-- Eigenvectors ------------------------------------------------------===//

static void symmetrise(double *a, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < i; ++j)
      a[i * n + j] = a[j * n + i] = 0.5 * (a[i * n + j] + a[j * n + i]);
}

static void transpose_square(double *a, int64_t n) {
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < i; ++j) {
      double x = a[i * n + j];
      a[i * n + j] = a[j * n + i];
      a[j * n + i] = x;
    }
}

/// LAPACK leaves a vector's sign open: fix it while each vector is a row.
static void fix_sign(double *vector, int64_t n) {
  int64_t largest = 0;
  for (int64_t i = 1; i < n; ++i)
    if (fabs(vector[i]) > fabs(vector[largest]))
      largest = i;
  if (vector[largest] < 0)
    for (int64_t i = 0; i < n; ++i)
      vector[i] = -vector[i];
}

bool resq_eigenbasis(double *a, double *values, int64_t n, resq_error *err) {
  int64_t bad = resq_find_non_finite(a, n * n);
  if (bad >= 0)
    return resq_fail(err, RESQ_BAD_INPUT,
                     "eigenbasis: entry (%lld, %lld) is %g; all entries must be finite",
                     (long long)(bad / n), (long long)(bad % n), a[bad]);
  if (n > INT_MAX / 2)
    return resq_fail(err, RESQ_BAD_INPUT, "eigenbasis: order %lld is too large", (long long)n);
  if (n == 0)
    return true;
  resq_blas_init();
  symmetrise(a, n);
  int order = (int)n, info = 0, query = -1, iwork_query = 0;
  double work_query = 0, scratch_value = 0;
  dsyevd_("V", "L", &order, a, &order, &scratch_value, &work_query, &query, &iwork_query, &query,
          &info, 1, 1);
  // The sizes come back as doubles and 32-bit ints: beyond order 32766 the work no longer fits an
  // int.
  if (info != 0 || work_query > (double)INT_MAX)
    return resq_fail(err, RESQ_BAD_INPUT, "eigenbasis: order %lld is beyond LAPACK's index range",
                     (long long)n);
  int work_size = (int)work_query, iwork_size = iwork_query;
  double *work = malloc((size_t)work_size * sizeof *work);
  int *iwork = malloc((size_t)iwork_size * sizeof *iwork);
  double *own_values = values ? NULL : malloc((size_t)n * sizeof *own_values);
  bool ok = work && iwork && (values || own_values);
  if (ok)
    dsyevd_("V", "L", &order, a, &order, values ? values : own_values, work, &work_size, iwork,
            &iwork_size, &info, 1, 1);
  free(work);
  free(iwork);
  free(own_values);
  if (!ok)
    return resq_fail(err, RESQ_NO_MEMORY, "eigenbasis: no memory for order %lld", (long long)n);
  if (info != 0)
    return resq_fail(err, RESQ_FAILED, "eigenbasis: dsyevd did not converge (info %d)", info);
  for (int64_t i = 0; i < n; ++i)
    fix_sign(a + i * n, n);
  transpose_square(a, n);
  return true;
}
