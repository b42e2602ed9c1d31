//===-- calibration_text.c ------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "calibration_text.h"

#include "base/file.h"

#include <stdlib.h>

enum { WINDOW = RESQ_CALIBRATION_WINDOW };

void resq_windows_free(resq_windows *w) {
  free(w->ids);
  *w = (resq_windows){NULL, 0};
}

bool resq_windows_read(resq_windows *out, const resq_tokenizer *tokenizer, const char *path,
                       int64_t most, resq_error *err) {
  *out = (resq_windows){NULL, 0};
  resq_map map;
  if (!resq_map_open(&map, path, err))
    return false;
  int64_t count = 0;
  bool ok = resq_tokenizer_encode(tokenizer, (resq_text){(const char *)map.data, map.size}, false,
                                  &out->ids, &count, err);
  resq_map_close(&map);
  if (ok && count < WINDOW)
    ok = resq_fail(err, RESQ_BAD_INPUT, "%s: %lld tokens, calibration needs at least %d", path,
                   (long long)count, WINDOW);
  if (!ok) {
    resq_windows_free(out);
    return false;
  }
  out->count = count / WINDOW < most ? count / WINDOW : most;
  return true;
}
