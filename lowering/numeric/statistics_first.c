//===-- statistics_first.c - the first rows of sequences ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A product of two f32 is exact in f64 and commutes, so what is added is as symmetric as the moment.
//===----------------------------------------------------------------------===//
#include "statistics_internal.h"

#include "lowering/support/parallel.h"

#include <errno.h>
#include <stdlib.h>

enum { ROWS_A_TASK = 32 };

bool resq_firsts_add(const resq_statistics *s, resq_statistics_site *site, const float *x,
                     int64_t rows, int64_t ld) {
  const uint64_t row = (uint64_t)site->width * sizeof *x;
  const int64_t over = site->rows % s->sequence;
  for (int64_t r = over ? s->sequence - over : 0; r < rows; r += s->sequence) {
    if (site->firsts == s->sequences) {
      errno = EOVERFLOW;
      return false;
    }
    if (!resq_storage_write(&s->storage, site->first_rows + (uint64_t)site->firsts * row,
                            x + r * ld, row))
      return false;
    site->firsts++;
  }
  return true;
}

typedef struct weighing {
  const resq_statistics_site *site;
  const float *firsts; ///< [site->firsts, site->width]
  int64_t first, rows;
  double weight, *out;
  int failed; ///< errno of a task that failed
} weighing;

static void weigh_rows(void *opaque, int64_t task) {
  weighing *w = opaque;
  const int64_t n = w->site->block, width = w->site->width;
  double *sums = malloc((size_t)n * sizeof *sums);
  if (!sums) {
    __atomic_store_n(&w->failed, ENOMEM, __ATOMIC_RELAXED);
    return;
  }
  for (int64_t r = task * ROWS_A_TASK; r < w->rows && r < (task + 1) * ROWS_A_TASK; ++r) {
    const int64_t at = w->first + r, block = at / n * n;
    for (int64_t c = 0; c < n; ++c)
      sums[c] = 0;
    for (int64_t t = 0; t < w->site->firsts; ++t) {
      const float *row = w->firsts + t * width;
      for (int64_t c = 0; c < n; ++c)
        sums[c] += (double)row[at] * (double)row[block + c];
    }
    for (int64_t c = 0; c < n; ++c)
      w->out[r * n + c] += w->weight * sums[c];
  }
  free(sums);
}

bool resq_firsts_weigh(const resq_statistics *s, const resq_statistics_site *site, int64_t first,
                       int64_t rows, double *out) {
  if (s->first_weight == 1 || site->firsts == 0)
    return true;
  const uint64_t size = (uint64_t)site->firsts * (uint64_t)site->width * sizeof(float);
  float *firsts = malloc(size);
  bool ok = firsts && resq_storage_read(&s->storage, site->first_rows, firsts, size);
  if (ok) {
    weighing w = {site, firsts, first, rows, (double)(s->first_weight - 1), out, 0};
    resq_parallel(s->threads, (rows + ROWS_A_TASK - 1) / ROWS_A_TASK, weigh_rows, &w);
    ok = w.failed == 0;
    errno = w.failed ? w.failed : errno;
  }
  int code = errno;
  free(firsts);
  errno = code;
  return ok;
}
