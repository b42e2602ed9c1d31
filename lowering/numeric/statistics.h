//===-- statistics.h - what calibration learns about each site ------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Per site of resq.observe: the sum over rows of x^T x, block by block of the row
// (fp32 products of windows of rows, summed in fp64), a uniform sample of rows, and, where it is asked
// for, the first row of each sequence.
//
// First rows can be given more weight when a moment is read. The first token of a sequence is what
// attention falls back on, so an error there spreads to all others: it counts as little as any
// other row in a sum over rows, and much more in the model's loss (docs/calibration.md).
// Results depend on the rows and their order alone, not on how they were cut into
// calls or on the number of threads.
//
// Sums and samples lie in a file, not in memory: of a model of Llama-3.2-1B's shape they take 5 GB.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_STATISTICS_H
#define RESQ_LOWERING_STATISTICS_H

#include "base/error.h"
#include <stdbool.h>
#include <stdint.h>

typedef struct resq_statistics resq_statistics;

/// Rows whose product is formed at once. Adding whole windows needs no memory for rows; what is less
/// waits, in memory, for the rest.
#define RESQ_STATISTICS_WINDOW 2048

typedef struct resq_statistics_options {
  int64_t samples;       ///< rows kept a site; 0: none
  uint64_t seed;         ///< of the sample
  int threads;           ///< 0: all
  const char *directory; ///< where the sums lie until they are saved; NULL: in memory
  const bool *first;     ///< [n_sites]: keep the first row of each sequence; NULL: of no site
  int64_t sequence;      ///< rows of a sequence, which come one after the other; with `first`
  int64_t sequences;     ///< at most so many; with `first`
} resq_statistics_options;

/// How often a first row counts where nothing else is said. docs/calibration.md has measurements.
#define RESQ_STATISTICS_FIRST_WEIGHT 1

/// The moment of site i is [widths[i] / blocks[i], blocks[i], blocks[i]]. options NULL: no sample.
/// NULL on failure: a block that does not divide its width, a name that is empty or appears twice,
/// no room in the directory, no memory.
resq_statistics *resq_statistics_create(int32_t n_sites, const char *const *names,
                                        const int64_t *widths, const int64_t *blocks,
                                        const resq_statistics_options *options, resq_error *err);
void resq_statistics_destroy(resq_statistics *s);

/// Adds rows of a site: x is [rows, width] with row stride ld (elements). One caller at a time. What
/// fails is told by finish.
void resq_statistics_add(resq_statistics *s, int32_t site, const float *x, int64_t rows,
                         int64_t ld);

/// Completes the sums: to be called once after the last add, before everything below. An error
/// names a site that saw NaN or infinity, or what could not be read or written.
bool resq_statistics_finish(resq_statistics *s, resq_error *err);

int32_t resq_statistics_sites(const resq_statistics *s);
const char *resq_statistics_name(const resq_statistics *s, int32_t site);
int64_t resq_statistics_width(const resq_statistics *s, int32_t site);
int64_t resq_statistics_block(const resq_statistics *s, int32_t site);
int64_t resq_statistics_rows(const resq_statistics *s, int32_t site); ///< rows added
int64_t resq_statistics_kept(const resq_statistics *s, int32_t site); ///< rows sampled
/// First rows kept; 0 where they are not.
int64_t resq_statistics_firsts(const resq_statistics *s, int32_t site);
/// -1 when there is none.
int32_t resq_statistics_find(const resq_statistics *s, const char *name);

/// From now on each first row that is kept counts `weight` times in the moment of its site; 0:
/// RESQ_STATISTICS_FIRST_WEIGHT times. Without this call it counts once.
void resq_statistics_weigh_first(resq_statistics *s, int64_t weight);

int64_t resq_statistics_first_weight(const resq_statistics *s);

/// Rows [first, first + rows) of the moment of site `name`, which is [blocks * n, n]: `blocks`
/// matrices of order n. False when the site is unknown, has another shape or saw no rows; the error
/// says what is known.
bool resq_statistics_moment(const resq_statistics *s, const char *name, int64_t blocks, int64_t n,
                            int64_t first, int64_t rows, double *out, resq_error *err);
/// Sampled rows [first, first + rows), of resq_statistics_kept, in the order of arrival.
bool resq_statistics_samples(const resq_statistics *s, int32_t site, int64_t first, int64_t rows,
                             float *out, resq_error *err);

/// 128-bit hash of a site's moment as it is read: the identity of `resq.moment` in cache keys.
void resq_statistics_digest(const resq_statistics *s, int32_t site, uint64_t out[2]);
/// The same of its sampled rows: the identity of `resq.samples`.
void resq_statistics_samples_digest(const resq_statistics *s, int32_t site, uint64_t out[2]);

/// A finished set of statistics to a file and back. The file carries hashes; load refuses any
/// damage, and keeps the file open to read from.
bool resq_statistics_save(const resq_statistics *s, const char *path, resq_error *err);
resq_statistics *resq_statistics_load(const char *path, resq_error *err);

#endif // RESQ_LOWERING_STATISTICS_H
