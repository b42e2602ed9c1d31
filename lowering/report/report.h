//===-- report.h - resqc --report: the quality of a compile, as a page ----===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// One HTML file without scripts or anything from elsewhere. The same bytes for the same compile, at
// any number of threads: no dates, no times, no paths but those that were given.
//===----------------------------------------------------------------------===//
#ifndef RESQ_LOWERING_REPORT_H
#define RESQ_LOWERING_REPORT_H

#include "base/error.h"
#include "dialect/import/checkpoints.h"
#include "lowering/numeric/statistics.h"
#include "lowering/report/facts.h"
#include "mlir-c/IR.h"

typedef struct resq_report_options {
  const resq_statistics *statistics; ///< NULL: nothing that needs calibration is told
  resq_checkpoints *checkpoints; ///< of the compile; NULL: files are opened, and closed at the end
  const char *cache_directory;   ///< of evaluated params; NULL: none
  int threads;                   ///< 0: all
  void (*progress)(void *user, int64_t done, int64_t total, const char *what);
  void *progress_user;
} resq_report_options;

/// Evaluates the recipes of `module`, after a scheme's passes and before linears are fused and
/// packed, both as floats and as codes; the module stays as it is. Memory beyond the bases follows
/// the largest linear. On failure *facts is empty. Ends in resq_facts_free.
bool resq_report_collect(MlirModule module, const resq_report_options *options, resq_facts *facts,
                         resq_error *err);

/// Adds what is stored, from the module that resq_materialize has rewritten.
void resq_report_count(MlirOperation materialized, resq_facts *facts);

/// How the compile came about, for the page's head. Any may be NULL but the first.
typedef struct resq_report_origin {
  const char *name, *checkpoint, *scheme, *pipeline, *calibration;
  const char *version;
  int64_t seed;
  int64_t sites, rows;  ///< of the statistics; 0: none
  int64_t first_weight; ///< how often the first row of a window counts
} resq_report_origin;

/// The page; malloc'ed.
char *resq_report_page(const resq_facts *facts, const resq_report_origin *origin);

#endif // RESQ_LOWERING_REPORT_H
