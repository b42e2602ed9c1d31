//===-- statistics_cache.c - where cached statistics are ------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "statistics_cache.h"

#include "base/file.h"
#include "calibration_text.h"
#include "lowering/codegen/codegen.h"

#include <inttypes.h>
#include <stdio.h>
#include <xxhash.h>

bool resq_statistics_cache_path(MlirModule imported, const resq_calibration_options *options,
                                const char *cache, char out[PATH_MAX]) {
  resq_bytes module;
  resq_map text = {NULL, 0};
  resq_print_module(mlirModuleGetOperation(imported), &module);
  bool ok = !options->text || resq_map_open(&text, options->text, NULL);
  XXH3_state_t *state = ok ? XXH3_createState() : NULL;
  if (state) {
    const int64_t numbers[] = {RESQ_CALIBRATION_VERSION, RESQ_CALIBRATION_SAMPLES,
                               resq_calibration_windows(options), options->text ? 0 : options->seed,
                               options->text ? 0 : RESQ_SAMPLING_VERSION};
    XXH3_128bits_reset(state);
    XXH3_128bits_update(state, module.data, module.size);
    XXH3_128bits_update(state, numbers, sizeof numbers);
    XXH3_128bits_update(state, text.data, text.size);
    XXH128_hash_t hash = XXH3_128bits_digest(state);
    XXH3_freeState(state);
    ok = snprintf(out, PATH_MAX, "%s/%016" PRIx64 "%016" PRIx64 ".statistics", cache,
                  (uint64_t)hash.high64, (uint64_t)hash.low64) < PATH_MAX;
  }
  if (options->text)
    resq_map_close(&text);
  resq_bytes_free(&module);
  return ok && state;
}
