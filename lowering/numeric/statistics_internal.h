//===-- statistics_internal.h ---------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared by statistics*.c. While rows are added, the storage has the layout of the finished file
// (statistics_file.c): finishing computes hashes and appends the directory.
//
// A moment is stored block after block, each the tiles of its lower triangle, row by row of tiles:
// tile (i, j), j <= i, is [height(i), height(j)] f64, where height is RESQ_MOMENT_TILE or what the
// last one leaves. Diagonal tiles are whole. So each task of an addition owns one run of bytes.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_STATISTICS_INTERNAL_H
#define RESQ_LOWERING_STATISTICS_INTERNAL_H

#include "statistics.h"
#include "lowering/support/storage.h"

enum { RESQ_MOMENT_TILE = 256, RESQ_STATISTICS_MAX_WIDTH = 1 << 20 };

typedef struct resq_statistics_site {
  char *name;
  int64_t width, block;
  int64_t rows; ///< added so far
  int64_t kept; ///< samples held
  bool keeps_first;
  int64_t firsts;                       ///< first rows held
  uint64_t moment, samples, first_rows; ///< offsets in the storage
  uint64_t moment_hash[2], samples_hash[2], first_hash[2];
  float *window;    ///< [RESQ_STATISTICS_WINDOW, width]; freed by finish
  int64_t waiting;  ///< rows in the window
  int64_t *arrival; ///< [samples] which row each sample was; freed by finish
} resq_statistics_site;

struct resq_statistics {
  int32_t n_sites;
  resq_statistics_site *sites;
  resq_storage storage;
  uint64_t end; ///< of moments and samples: the directory's place
  int64_t samples;
  int64_t sequence, sequences; ///< rows of a sequence, most sequences; 0: no first rows are kept
  int64_t first_weight;        ///< of first rows in moments that are read
  uint64_t seed;
  int threads;
  int failed; ///< errno of the first read or write that failed in add
  bool finished;
};

//===-- statistics_moment.c -----------------------------------------------===//
/// Bytes of a site's moment. width <= RESQ_STATISTICS_MAX_WIDTH: nothing overflows.
uint64_t resq_moment_bytes(int64_t width, int64_t block);
/// storage += x^T x. False with errno.
bool resq_moment_add(const resq_statistics *s, const resq_statistics_site *site, const float *x,
                     int64_t rows, int64_t ld);
/// Rows of the blocks, full matrices. False with errno.
bool resq_moment_read(const resq_statistics *s, const resq_statistics_site *site, int64_t first,
                      int64_t rows, double *out);

//===-- statistics_samples.c ----------------------------------------------===//
/// Rows that follow the site's `rows` compete for places. False with errno.
bool resq_samples_add(const resq_statistics *s, resq_statistics_site *site, const float *x,
                      int64_t rows, int64_t ld);
/// Samples to the order of arrival. False with errno (ENOMEM without memory for them).
bool resq_samples_order(const resq_statistics *s, resq_statistics_site *site);

//===-- statistics_first.c ------------------------------------------------===//
/// Keeps what of the rows that follow the site's `rows` begins a sequence. False with errno.
bool resq_firsts_add(const resq_statistics *s, resq_statistics_site *site, const float *x,
                     int64_t rows, int64_t ld);
/// Adds first_weight - 1 times the products of the first rows to rows [first, first + rows) of the
/// moment in `out`. False with errno.
bool resq_firsts_weigh(const resq_statistics *s, const resq_statistics_site *site, int64_t first,
                       int64_t rows, double *out);

//===-- statistics_file.c -------------------------------------------------===//
/// Offsets of every site, for as many samples and first rows as it may have, and s->end; the size that
/// the storage needs.
uint64_t resq_statistics_lay_out(resq_statistics *s);
/// Hashes of moments and samples into the sites. False names a site that saw NaN or infinity, or the
/// read that failed.
bool resq_statistics_seal(resq_statistics *s, resq_error *err);

#endif // RESQ_LOWERING_STATISTICS_INTERNAL_H
