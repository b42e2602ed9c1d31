//===-- statistics.h - what calibration learns about each site ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Per site of resq.observe: the sum over rows of x^T x, block by block of the row
// (fp32 products of windows of rows, summed in fp64), and a uniform sample of rows.
// Results depend on the rows and their order alone, not on how they were cut into
// calls or on the number of threads.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_STATISTICS_H
#define RESQ_LOWERING_STATISTICS_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct resq_statistics resq_statistics;

/// Rows whose product is formed at once.
#define RESQ_STATISTICS_WINDOW 512

typedef struct resq_statistics_options {
  int64_t samples; ///< rows kept a site; 0: none
  uint64_t seed;   ///< of the sample
  int threads;     ///< 0: all
} resq_statistics_options;

/// The moment of site i is [widths[i] / blocks[i], blocks[i], blocks[i]]. options NULL: no sample.
/// NULL on failure: a block that does not divide its width, a name that is empty or stands twice,
/// no memory.
resq_statistics *resq_statistics_create(int32_t n_sites, const char *const *names,
                                        const int64_t *widths, const int64_t *blocks,
                                        const resq_statistics_options *options, resq_error *err);
void resq_statistics_destroy(resq_statistics *s);

/// Adds rows of a site: x is [rows, width] with row stride ld (elements). One caller at a time.
void resq_statistics_add(resq_statistics *s, int32_t site, const float *x, int64_t rows,
                         int64_t ld);

/// Completes the sums: to be called once after the last add, before everything below. An error
/// names a site that saw NaN or infinity.
bool resq_statistics_finish(resq_statistics *s, resq_error *err);

int32_t resq_statistics_sites(const resq_statistics *s);
const char *resq_statistics_name(const resq_statistics *s, int32_t site);
int64_t resq_statistics_width(const resq_statistics *s, int32_t site);
int64_t resq_statistics_block(const resq_statistics *s, int32_t site);
int64_t resq_statistics_rows(const resq_statistics *s, int32_t site); ///< rows added
/// -1 when there is none.
int32_t resq_statistics_find(const resq_statistics *s, const char *name);

/// The moment of site `name` as `blocks` matrices of order n; the error says what is known. NULL on
/// failure.
const double *resq_statistics_moment(const resq_statistics *s, const char *name, int64_t blocks,
                                     int64_t n, resq_error *err);
/// The sampled rows [*rows, width], in the order of arrival; NULL with *rows = 0 when none were
/// kept.
const float *resq_statistics_samples(const resq_statistics *s, int32_t site, int64_t *rows);

/// 128-bit hash of a site's moment: the identity of `resq.moment` in cache keys.
void resq_statistics_digest(const resq_statistics *s, int32_t site, uint64_t out[2]);
/// The same of its sampled rows: the identity of `resq.samples`.
void resq_statistics_samples_digest(const resq_statistics *s, int32_t site, uint64_t out[2]);

/// A finished set of statistics to a file and back. The file carries a hash; load refuses any
/// damage.
bool resq_statistics_save(const resq_statistics *s, const char *path, resq_error *err);
resq_statistics *resq_statistics_load(const char *path, resq_error *err);

#endif // RESQ_LOWERING_STATISTICS_H
