//===-- statistics_cache.h - where cached statistics are ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#ifndef RESQ_LOWERING_CALIBRATE_STATISTICS_CACHE_H
#define RESQ_LOWERING_CALIBRATE_STATISTICS_CACHE_H

#include "calibrate.h"

#include <limits.h>

/// "<cache>/<hash>.statistics" for the statistics of all sites of a module, as imported. The hash is over what
/// they depend on: the module, which contains its checkpoint's digest, and the text. False when it cannot be known.
bool resq_statistics_cache_path(MlirModule imported, const resq_calibration_options *options,
                                const char *cache, char out[PATH_MAX]);

#endif // RESQ_LOWERING_CALIBRATE_STATISTICS_CACHE_H
