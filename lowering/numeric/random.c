//===-- random.c ----------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Seeded random matrices: every draw is a pure function of seed and position.
//===----------------------------------------------------------------------===//
#include "linalg.h"

#include "base/philox.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>

void dgeqrf_(const int *rows, const int *columns, double *a, const int *lda, double *tau,
             double *work, const int *work_size, int *info);
void dorgqr_(const int *rows, const int *columns, const int *reflectors, double *a, const int *lda,
             const double *tau, double *work, const int *work_size, int *info);

/// Normal (i, j) to the column-major place (i, j).
static void fill_normals(double *a, int64_t n, uint64_t seed, uint64_t first) {
  double pair[2];
  uint64_t held = UINT64_MAX;
  for (int64_t i = 0; i < n; ++i)
    for (int64_t j = 0; j < n; ++j) {
      uint64_t index = first + (uint64_t)(i * n + j);
      if (index / 2 != held) {
        held = index / 2;
        resq_philox_normal2(seed, held, pair);
      }
      a[j * n + i] = pair[index % 2];
    }
}

static bool factor(double *a, double *tau, double *work, int n, int work_size, double *diagonal) {
  int info = 0;
  dgeqrf_(&n, &n, a, &n, tau, work, &work_size, &info);
  if (info != 0)
    return false;
  for (int i = 0; i < n; ++i)
    diagonal[i] = a[(int64_t)i * n + i];
  dorgqr_(&n, &n, &n, a, &n, tau, work, &work_size, &info);
  return info == 0;
}

bool resq_haar(double *q, int64_t ldq, int64_t n, uint64_t seed, uint64_t first, resq_error *err) {
  if (n > 46340) // n * n must fit LAPACK's int
    return resq_fail(err, RESQ_BAD_INPUT, "random_orthogonal: order %lld; at most 46340 is allowed",
                     (long long)n);
  if (n == 0)
    return true;
  resq_blas_init();
  int order = (int)n, work_size = order * 64;
  double *a = malloc((size_t)(n * n) * sizeof *a);
  double *tau = malloc((size_t)(2 * n) * sizeof *tau);
  double *work = malloc((size_t)work_size * sizeof *work);
  bool ok = a && tau && work;
  if (!ok)
    resq_fail(err, RESQ_NO_MEMORY, "random_orthogonal: no memory for order %lld", (long long)n);
  if (ok) {
    fill_normals(a, n, seed, first);
    double *diagonal = tau + n;
    ok = factor(a, tau, work, order, work_size, diagonal);
    if (!ok)
      resq_fail(err, RESQ_FAILED, "random_orthogonal: QR of order %lld failed", (long long)n);
    for (int64_t i = 0; ok && i < n; ++i)
      for (int64_t j = 0; j < n; ++j)
        q[i * ldq + j] = diagonal[j] < 0 ? -a[j * n + i] : a[j * n + i];
  }
  free(a);
  free(tau);
  free(work);
  return ok;
}

bool resq_sketch(double *s, int64_t rows, int64_t n, uint64_t seed, bool gaussian,
                 resq_error *err) {
  if (gaussian) {
    for (int64_t i = 0; i < rows * n; ++i)
      s[i] = resq_philox_normal(seed, (uint64_t)i);
    return true;
  }
  double *block = malloc((size_t)(n * n) * sizeof *block);
  bool ok = block ||
            resq_fail(err, RESQ_NO_MEMORY, "sketch_matrix: no memory for order %lld", (long long)n);
  double norm = sqrt(2) * exp(lgamma(0.5 * (double)(n + 1)) - lgamma(0.5 * (double)n));
  uint64_t first = 0;
  for (int64_t r = 0; ok && r < rows; r += n) {
    ok = resq_haar(block, n, n, seed, first, err);
    first += (uint64_t)(n * n + 1) / 2 * 2;
    int64_t count = (rows - r < n ? rows - r : n) * n;
    for (int64_t i = 0; ok && i < count; ++i)
      s[r * n + i] = norm * block[i];
  }
  free(block);
  return ok;
}

void resq_random_signs(double *signs, int64_t n, uint64_t seed) {
  for (int64_t i = 0; i < n; ++i) {
    uint32_t words[4] = {0};
    if (seed != 0)
      resq_philox(seed, (uint64_t)i, words);
    signs[i] = words[0] & 1 ? -1.0 : 1.0;
  }
}
