//===-- chip.c ------------------------------------------------------------===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "chip.h"

#include <string.h>

bool resq_chip_open(const char *text, resq_chip *out, resq_error *err) {
  static const uint8_t magic[] = {'B', 'C', 0xc0, 0xde};
  *out = (resq_chip){.target = resq_gpu_targets[resq_n_gpu_targets - 1]};
  if (!text)
    return true;
  const size_t length = strcspn(text, ":");
  const resq_gpu_target *found = resq_gpu_target_find(text, length);
  if (!found)
    return resq_fail(err, RESQ_USAGE, "chip '%.*s' is not known; allowed: %s", (int)length, text,
                     resq_gpu_target_names());
  out->target = *found;
  if (!text[length])
    return true;
  const char *path = text + length + 1;
  if (!resq_map_open(&out->file, path, err))
    return false;
  if (out->file.size < sizeof magic || memcmp(out->file.data, magic, sizeof magic)) {
    resq_chip_close(out);
    return resq_fail(err, RESQ_BAD_INPUT, "--chip=%s: the file is no LLVM bitcode", text);
  }
  resq_target *target = &out->target.target;
  target->emulated = true;
  target->triple = resq_native_triple;
  target->cpu = target->features = "";
  target->kernels = out->file.data;
  target->kernels_end = out->file.data + out->file.size;
  return true;
}

void resq_chip_close(resq_chip *chip) { resq_map_close(&chip->file); }
