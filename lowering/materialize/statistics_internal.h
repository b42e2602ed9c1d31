//===-- statistics_internal.h ---------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Shared by statistics.c (sums) and statistics_file.c (save and load).
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_STATISTICS_INTERNAL_H
#define RESQ_LOWERING_STATISTICS_INTERNAL_H

#include "statistics.h"

typedef struct resq_statistics_site {
  char *name;
  int64_t width, block;
  int64_t rows;     ///< added so far
  double *moment;   ///< [width / block, block, block]; the lower triangles until finish
  float *window;    ///< [RESQ_STATISTICS_WINDOW, width]; freed by finish
  int64_t waiting;  ///< rows in the window
  float *samples;   ///< [samples, width]
  int64_t *arrival; ///< [samples] which row each sample was
  int64_t kept;     ///< samples held
} resq_statistics_site;

struct resq_statistics {
  int32_t n_sites;
  resq_statistics_site *sites;
  int64_t samples;
  uint64_t seed;
  int threads;
  bool finished;
};

#endif // RESQ_LOWERING_STATISTICS_INTERNAL_H
